//! One node's own state as the others should see it, and the messages that keep them so.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{DIRECT_SNAPSHOTS, SNAPSHOT_PART, STREAMS_PER_NODE};
use crate::message::{Body, Message, carried_digest, owned_digest};
use crate::name::{LeaseKey, Name};
use crate::record::{Load, NodeRecord, StreamRecord};
use crate::report::StreamReport;

/// The source of one node's messages.
#[derive(Debug)]
pub struct Announcer {
    record: NodeRecord,
    seq: u64,
    digest: u64,
    owns: BTreeMap<LeaseKey, StreamRecord>,
    carries: BTreeSet<LeaseKey>,
    askers: BTreeSet<Name>,
    asked_since_us: Option<i64>,
}

impl Announcer {
    /// Of this node, which has nothing yet.
    pub fn new(record: NodeRecord) -> Self {
        Self {
            record,
            seq: 0,
            digest: 0,
            owns: BTreeMap::new(),
            carries: BTreeSet::new(),
            askers: BTreeSet::new(),
            asked_since_us: None,
        }
    }

    /// The node as it describes itself.
    pub fn record(&self) -> &NodeRecord {
        &self.record
    }

    /// Sets the load that the next beat tells.
    pub fn set_load(&mut self, load: Load) {
        self.record.load = load;
    }

    /// Sets whether it takes new work, which the next beat tells.
    pub fn set_draining(&mut self, draining: bool) {
        self.record.draining = draining;
    }

    /// Who I am.
    pub fn hello(&mut self) -> Message {
        self.change(Body::Hello {
            record: Box::new(self.record.clone()),
        })
    }

    /// A stream is owned, newly or with another epoch.
    pub fn owns(&mut self, stream: StreamRecord) -> Message {
        self.digest ^= owned_digest(&stream);
        if let Some(old) = self.owns.insert(stream.key.clone(), stream.clone()) {
            self.digest ^= owned_digest(&old);
        }
        self.change(Body::Owns { stream })
    }

    /// A stream is owned no longer.
    pub fn ends(&mut self, key: &LeaseKey) -> Option<Message> {
        let old = self.owns.remove(key)?;
        self.digest ^= owned_digest(&old);
        Some(self.change(Body::Ends { key: key.clone() }))
    }

    /// A stream is carried; told once, and not beyond the bound on how many.
    pub fn carries(&mut self, key: &LeaseKey) -> Option<Message> {
        if self.carries.len() >= STREAMS_PER_NODE || !self.carries.insert(key.clone()) {
            return None;
        }
        self.digest ^= carried_digest(key);
        Some(self.change(Body::Carries { key: key.clone() }))
    }

    /// A stream is carried no longer.
    pub fn drops(&mut self, key: &LeaseKey) -> Option<Message> {
        if !self.carries.remove(key) {
            return None;
        }
        self.digest ^= carried_digest(key);
        Some(self.change(Body::Drops { key: key.clone() }))
    }

    /// The heartbeat.
    pub fn beat(&self) -> Message {
        let (load, draining) = (self.record.load, self.record.draining);
        self.say(Body::Beat {
            load,
            draining,
            digest: self.digest,
        })
    }

    /// The last word.
    pub fn bye(&self) -> Message {
        self.say(Body::Bye)
    }

    /// A question to others.
    pub fn ask(&self, of: Vec<Name>) -> Message {
        self.say(Body::Ask { of })
    }

    /// What was reported to this node.
    pub fn reports(&self, reports: Vec<StreamReport>) -> Message {
        self.say(Body::Reports { reports })
    }

    /// Somebody asked for a snapshot of this node.
    pub fn asked(&mut self, by: &Name, now_us: i64) {
        self.asked_since_us.get_or_insert(now_us);
        // Beyond these few everybody gets it, and the names no longer matter.
        if self.askers.len() <= DIRECT_SNAPSHOTS {
            self.askers.insert(by.clone());
        }
    }

    /// Snapshots for those who asked at least `gather_us` ago, with whom each is for (`None`: all).
    /// Many who ask at once get one answer.
    pub fn answers(&mut self, gather_us: i64, now_us: i64) -> Vec<(Option<Name>, Message)> {
        if self
            .asked_since_us
            .is_none_or(|since| now_us.saturating_sub(since) < gather_us)
        {
            return Vec::new();
        }
        self.asked_since_us = None;
        let askers = std::mem::take(&mut self.askers);
        if askers.len() > DIRECT_SNAPSHOTS {
            return self
                .snapshot()
                .into_iter()
                .map(|part| (None, part))
                .collect();
        }
        let parts = self.snapshot();
        let for_one = |name: Name| {
            parts
                .iter()
                .map(move |part| (Some(name.clone()), part.clone()))
        };
        askers.into_iter().flat_map(for_one).collect()
    }

    fn snapshot(&self) -> Vec<Message> {
        enum One<'a> {
            Owned(&'a StreamRecord),
            Carried(&'a LeaseKey),
        }
        let owned = self.owns.values().map(One::Owned);
        let all: Vec<_> = owned.chain(self.carries.iter().map(One::Carried)).collect();
        let pieces: Vec<_> = if all.is_empty() {
            vec![&all[..]]
        } else {
            all.chunks(SNAPSHOT_PART).collect()
        };
        let parts = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        let mut messages = Vec::with_capacity(pieces.len());
        for (piece, part) in pieces.into_iter().zip(0..) {
            let (mut owns, mut carries) = (Vec::new(), Vec::new());
            for one in piece {
                match one {
                    One::Owned(stream) => owns.push((*stream).clone()),
                    One::Carried(key) => carries.push((*key).clone()),
                }
            }
            let record = Box::new(self.record.clone());
            messages.push(self.say(Body::Snapshot {
                record,
                part,
                parts,
                owns,
                carries,
            }));
        }
        messages
    }

    fn change(&mut self, body: Body) -> Message {
        self.seq += 1;
        self.say(body)
    }

    fn say(&self, body: Body) -> Message {
        Message {
            from: self.record.id.clone(),
            boot: self.record.boot,
            seq: self.seq,
            body,
        }
    }
}
