//! What nodes tell each other over the bus.
//!
//! Each source numbers what changes its own state. A receiver that misses a number, or whose sum of
//! what it holds differs from the one in a beat, asks that source for a snapshot. Delivery may lose,
//! delay, double and reorder; order is all that has to be mended, never guaranteed.

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::limits::{ASKED_AT_ONCE, REPORTS_PER_BATCH, SNAPSHOT_PART, SNAPSHOT_PARTS};
use crate::name::{LeaseKey, Name};
use crate::record::{Load, NodeRecord, RecordError, StreamRecord, read_json};
use crate::report::StreamReport;

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub from: Name,
    /// In which life.
    pub boot: u64,
    /// Changes of its state so far, this one included.
    pub seq: u64,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// A change: this is me.
    Hello {
        /// All of it.
        record: Box<NodeRecord>,
    },
    /// A change: I own this stream, from now or with another epoch.
    Owns {
        /// The lease.
        stream: StreamRecord,
    },
    /// A change: I own it no longer.
    Ends {
        /// The stream.
        key: LeaseKey,
    },
    /// A change: I pull this stream and can serve it.
    Carries {
        /// The stream.
        key: LeaseKey,
    },
    /// A change: I pull it no longer.
    Drops {
        /// The stream.
        key: LeaseKey,
    },
    /// No change, each heartbeat: I live, and this is the sum of what you should hold of me.
    Beat {
        /// Load now.
        load: Load,
        /// Takes no new work.
        draining: bool,
        /// Sum over owned and carried streams.
        digest: u64,
    },
    /// No change: tell me all.
    Ask {
        /// Whom I ask.
        of: Vec<Name>,
    },
    /// No change: all of my state as of `seq`, in parts.
    Snapshot {
        /// This is me.
        record: Box<NodeRecord>,
        /// Which part, from 0.
        part: u32,
        /// Of how many.
        parts: u32,
        /// Streams I own.
        owns: Vec<StreamRecord>,
        /// Streams I carry.
        carries: Vec<LeaseKey>,
    },
    /// No change of mine: this was reported to me, of streams on servers that are not weir.
    Reports {
        /// At most 256.
        reports: Vec<StreamReport>,
    },
    /// I go, on purpose.
    Bye,
    /// What a newer version says and this one does not know.
    #[serde(other)]
    Unknown,
}

impl Message {
    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads and checks one.
    ///
    /// # Errors
    /// When it is too long, not JSON, or out of bounds.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        let message: Self = read_json(json)?;
        match &message.body {
            Body::Hello { record } => record.check()?,
            Body::Snapshot {
                record,
                part,
                parts,
                owns,
                carries,
            } => {
                record.check()?;
                let fits = part < parts
                    && *parts <= SNAPSHOT_PARTS
                    && owns.len().saturating_add(carries.len()) <= SNAPSHOT_PART;
                fits.then_some(()).ok_or(RecordError::Many)?;
            }
            Body::Ask { of } if of.len() > ASKED_AT_ONCE => return Err(RecordError::Many),
            Body::Reports { reports } => {
                if reports.len() > REPORTS_PER_BATCH {
                    return Err(RecordError::Many);
                }
                reports.iter().try_for_each(StreamReport::check)?;
            }
            _ => (),
        }
        Ok(message)
    }
}

/// A stream's part of a digest; parts are joined by exclusive or, so order does not matter.
pub(crate) fn owned_digest(stream: &StreamRecord) -> u64 {
    hash(&[
        stream.key.as_str().as_bytes(),
        &stream.claim.to_le_bytes(),
        &stream.epoch.to_le_bytes(),
    ])
}

/// See [`owned_digest`].
pub(crate) fn carried_digest(key: &LeaseKey) -> u64 {
    hash(&[b"carried", key.as_str().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: Body) -> Message {
        Message {
            from: Name::new("n").unwrap(),
            boot: u64::MAX,
            seq: 3,
            body,
        }
    }

    #[test]
    fn a_message_reads_back_as_it_was_written() {
        let beat = message(Body::Beat {
            load: Load::default(),
            draining: true,
            digest: u64::MAX,
        });
        assert_eq!(Message::from_json(&beat.to_json()).unwrap(), beat);
    }

    #[test]
    fn a_message_of_a_newer_version_is_unknown_and_no_error() {
        let json = br#"{"from":"n","boot":1,"seq":2,"body":{"type":"sings","song":"la"}}"#;
        assert_eq!(Message::from_json(json).unwrap().body, Body::Unknown);
    }

    #[test]
    fn a_report_of_nowhere_is_refused() {
        let report = |ip: &str| StreamReport {
            key: LeaseKey::new("live/demo").unwrap(),
            ip: ip.into(),
            port: 1935,
            protocol: "rtmp".into(),
            ttl_ms: 1,
        };
        let all = |ip: &str, count| {
            message(Body::Reports {
                reports: vec![report(ip); count],
            })
            .to_json()
        };
        assert!(Message::from_json(&all("10.0.0.1", REPORTS_PER_BATCH)).is_ok());
        assert!(Message::from_json(&all("10.0.0.1", REPORTS_PER_BATCH + 1)).is_err());
        assert!(Message::from_json(&all("a b", 1)).is_err());
    }

    #[test]
    fn an_ask_of_the_whole_world_is_refused() {
        let of = vec![Name::new("n").unwrap(); ASKED_AT_ONCE + 1];
        assert!(Message::from_json(&message(Body::Ask { of }).to_json()).is_err());
    }
}
