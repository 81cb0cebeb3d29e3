//! One node as the others see it: its record, its streams, and how far its messages were followed.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::{ViewConfig, index};
use crate::fill::{self, Dimension};
use crate::limits::{RETIRED_BOOTS, STREAMS_PER_NODE};
use crate::message::{Body, Message, carried_digest, owned_digest};
use crate::name::{LeaseKey, Name};
use crate::record::{Load, NodeRecord, Role, StreamRecord};

/// Whether a node is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It beats.
    Alive,
    /// It has missed beats: gets nothing new.
    Late,
}

/// Whether a node has room, with hysteresis between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// It has.
    Free,
    /// It is chosen only when no other is left.
    Full,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub id: Name,
    /// Its life.
    pub boot: u64,
    /// Its own description with the latest load; `None` until it was heard.
    pub record: Option<NodeRecord>,
    /// Whether it beats.
    pub health: Health,
    /// Whether it has room.
    pub fill: Fill,
    /// When a message of this life came last.
    pub seen_us: i64,
    pub(super) retired: VecDeque<u64>,
    pub(super) asked_us: i64,
    pub(super) owns: HashMap<LeaseKey, StreamRecord>,
    carries: HashSet<LeaseKey>,
    seq: u64,
    digest: u64,
    want_since_us: Option<i64>,
    staging: Option<Staging>,
}

/// What a change means to the indices.
#[derive(Debug)]
pub(super) enum Applied {
    Groups(
        Vec<(Role, Option<Name>, Option<Name>)>,
        Vec<(Role, Option<Name>, Option<Name>)>,
    ),
    Owns(LeaseKey, u64),
    Ends(LeaseKey),
    Carries(LeaseKey),
    Drops(LeaseKey),
}

impl Applied {
    /// The stream it is about.
    pub(super) fn key(&self) -> Option<&LeaseKey> {
        match self {
            Self::Groups(..) => None,
            Self::Owns(key, _) | Self::Ends(key) | Self::Carries(key) | Self::Drops(key) => {
                Some(key)
            }
        }
    }
}

/// Parts of a snapshot that is not whole yet.
#[derive(Debug)]
struct Staging {
    seq: u64,
    parts: u32,
    got: BTreeMap<u32, (Vec<StreamRecord>, Vec<LeaseKey>)>,
}

impl Node {
    pub(super) fn new(id: Name, boot: u64, now_us: i64) -> Self {
        Self {
            id,
            boot,
            record: None,
            health: Health::Alive,
            fill: Fill::Free,
            seen_us: now_us,
            retired: VecDeque::new(),
            asked_us: i64::MIN,
            owns: HashMap::new(),
            carries: HashSet::new(),
            seq: 0,
            digest: 0,
            want_since_us: None,
            staging: None,
        }
    }

    /// Streams it owns.
    pub fn owns(&self) -> impl Iterator<Item = &StreamRecord> {
        self.owns.values()
    }

    /// Streams it pulls and can serve.
    pub fn carries(&self) -> impl Iterator<Item = &LeaseKey> {
        self.carries.iter()
    }

    /// Whether it can serve a stream without asking another: it owns it or carries it.
    pub fn has(&self, key: &LeaseKey) -> bool {
        self.carries.contains(key) || self.owns.contains_key(key)
    }

    /// Whether all of its state is known, as far as is known.
    pub fn is_synced(&self) -> bool {
        self.want_since_us.is_none() && self.record.is_some()
    }

    /// Whether it takes new work.
    pub fn takes_work(&self) -> bool {
        self.health == Health::Alive && self.record.as_ref().is_some_and(|r| !r.draining)
    }

    /// How full it is in thousandths, and of what.
    pub fn fullness(&self) -> (u64, Dimension) {
        self.record.as_ref().map_or((0, Dimension::Bandwidth), |r| {
            fill::worst(&r.load, &r.capacity, fill::Cost::default())
        })
    }

    /// Another life begins (or, for the index, none): all of the old one's state goes.
    pub(super) fn begin_life(&mut self, boot: u64, now_us: i64) -> Vec<Applied> {
        let mut retired = std::mem::take(&mut self.retired);
        if retired.len() >= RETIRED_BOOTS {
            retired.pop_front();
        }
        retired.push_back(self.boot);
        let old = std::mem::replace(self, Self::new(self.id.clone(), boot, now_us));
        self.retired = retired;
        self.want_since_us = Some(now_us);
        let mut effects: Vec<_> = old.owns.into_keys().map(Applied::Ends).collect();
        effects.extend(old.carries.into_iter().map(Applied::Drops));
        if let Some(record) = old.record {
            effects.push(Applied::Groups(index::keys(&record), Vec::new()));
        }
        effects
    }

    pub(super) fn wants_asking(&self, heartbeat_us: i64, now_us: i64) -> bool {
        self.want_since_us
            .is_some_and(|since| now_us.saturating_sub(since) >= heartbeat_us / 8)
            && now_us.saturating_sub(self.asked_us) >= heartbeat_us / 2
    }

    pub(super) fn apply(
        &mut self,
        message: &Message,
        config: &ViewConfig,
        now_us: i64,
    ) -> Vec<Applied> {
        self.seen_us = now_us;
        self.health = Health::Alive;
        if self.record.is_none() {
            self.want_since_us.get_or_insert(now_us);
        }
        let mut effects = Vec::new();
        match &message.body {
            Body::Beat {
                load,
                draining,
                digest,
            } => {
                self.beat(message.seq, *load, *draining, *digest, config, now_us);
            }
            Body::Snapshot {
                record,
                part,
                parts,
                owns,
                carries,
            } => {
                if message.seq < self.seq {
                    return effects;
                }
                let staging = self
                    .staging
                    .take()
                    .filter(|s| (s.seq, s.parts) == (message.seq, *parts));
                let mut staging = staging.unwrap_or(Staging {
                    seq: message.seq,
                    parts: *parts,
                    got: BTreeMap::new(),
                });
                staging.got.insert(*part, (owns.clone(), carries.clone()));
                self.be_described(record, config, &mut effects);
                if staging.got.len() >= *parts as usize {
                    self.replace(staging, &mut effects);
                } else {
                    self.staging = Some(staging);
                }
            }
            Body::Ask { .. } | Body::Reports { .. } | Body::Bye | Body::Unknown => (),
            change => {
                // A late one is passed over; the sum in the next beat tells whether it is missed.
                if message.seq <= self.seq {
                    return effects;
                }
                if message.seq > self.seq.saturating_add(1) {
                    self.want_since_us.get_or_insert(now_us);
                }
                self.seq = message.seq;
                self.change(change, config, &mut effects);
            }
        }
        effects
    }

    pub(super) fn seed(
        &mut self,
        record: NodeRecord,
        streams: Vec<StreamRecord>,
        config: &ViewConfig,
    ) -> Vec<Applied> {
        let mut effects = Vec::new();
        self.be_described(&record, config, &mut effects);
        for stream in streams {
            self.own(stream, &mut effects);
        }
        effects
    }

    fn beat(
        &mut self,
        seq: u64,
        load: Load,
        draining: bool,
        digest: u64,
        config: &ViewConfig,
        now_us: i64,
    ) {
        if seq < self.seq {
            return;
        }
        if let Some(record) = &mut self.record {
            record.load = load;
            record.draining = draining;
            self.weigh(config);
        }
        if seq > self.seq || digest != self.digest || self.record.is_none() {
            self.want_since_us.get_or_insert(now_us);
        } else {
            self.want_since_us = None;
        }
    }

    fn change(&mut self, body: &Body, config: &ViewConfig, effects: &mut Vec<Applied>) {
        match body {
            Body::Hello { record } => {
                self.be_described(record, config, effects);
            }
            Body::Owns { stream } => self.own(stream.clone(), effects),
            Body::Ends { key } => self.end(key, effects),
            Body::Carries { key } => self.carry(key.clone(), effects),
            Body::Drops { key } => self.drop_carried(key, effects),
            _ => (),
        }
    }

    fn be_described(
        &mut self,
        record: &NodeRecord,
        config: &ViewConfig,
        effects: &mut Vec<Applied>,
    ) {
        // Others may not describe somebody else.
        if record.id != self.id {
            return;
        }
        let old = self.record.as_ref().map(index::keys).unwrap_or_default();
        let new = index::keys(record);
        if old != new {
            effects.push(Applied::Groups(old, new));
        }
        self.record = Some(record.clone());
        self.weigh(config);
    }

    fn weigh(&mut self, config: &ViewConfig) {
        let (permille, _) = self.fullness();
        self.fill = match self.fill {
            Fill::Free if permille >= config.full_permille => Fill::Full,
            Fill::Full if permille <= config.free_permille => Fill::Free,
            fill => fill,
        };
    }

    fn replace(&mut self, staging: Staging, effects: &mut Vec<Applied>) {
        let (mut owns, mut carries) = (HashMap::new(), HashSet::new());
        for (some_owned, some_carried) in staging.got.into_values() {
            owns.extend(some_owned.into_iter().map(|s| (s.key.clone(), s)));
            carries.extend(some_carried);
        }
        let ended: Vec<_> = self
            .owns
            .keys()
            .filter(|k| !owns.contains_key(*k))
            .cloned()
            .collect();
        let dropped: Vec<_> = self
            .carries
            .iter()
            .filter(|k| !carries.contains(*k))
            .cloned()
            .collect();
        for key in ended {
            self.end(&key, effects);
        }
        for key in dropped {
            self.drop_carried(&key, effects);
        }
        for stream in owns.into_values() {
            if self.owns.get(&stream.key) != Some(&stream) {
                self.own(stream, effects);
            }
        }
        for key in carries {
            self.carry(key, effects);
        }
        self.seq = staging.seq;
        self.want_since_us = None;
    }

    fn own(&mut self, stream: StreamRecord, effects: &mut Vec<Applied>) {
        let known = self.owns.contains_key(&stream.key);
        if stream.node != self.id || (!known && self.owns.len() >= STREAMS_PER_NODE) {
            return;
        }
        self.digest ^= owned_digest(&stream);
        effects.push(Applied::Owns(stream.key.clone(), stream.epoch));
        if let Some(old) = self.owns.insert(stream.key.clone(), stream) {
            self.digest ^= owned_digest(&old);
        }
    }

    fn end(&mut self, key: &LeaseKey, effects: &mut Vec<Applied>) {
        if let Some(old) = self.owns.remove(key) {
            self.digest ^= owned_digest(&old);
            effects.push(Applied::Ends(key.clone()));
        }
    }

    fn carry(&mut self, key: LeaseKey, effects: &mut Vec<Applied>) {
        if self.carries.len() < STREAMS_PER_NODE && self.carries.insert(key.clone()) {
            self.digest ^= carried_digest(&key);
            effects.push(Applied::Carries(key));
        }
    }

    fn drop_carried(&mut self, key: &LeaseKey, effects: &mut Vec<Applied>) {
        if self.carries.remove(key) {
            self.digest ^= carried_digest(key);
            effects.push(Applied::Drops(key.clone()));
        }
    }
}
