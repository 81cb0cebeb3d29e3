//! The store's half of a lease, as a pure table: what the in-process store runs, what the Lua script
//! of the Redis store says again, and what the simulation is built on.
//!
//! Time here is the store's clock and is compared with nobody else's.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::name::LeaseKey;
use crate::record::StreamRecord;

/// One operation on a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Take the stream, if nobody holds it. Asked again by the same claim it answers the same.
    Claim {
        /// The claim; its epoch is ignored.
        record: StreamRecord,
        /// The holder's epoch that this claim may take it over from: the publisher is the same and
        /// moved, or the app lets a new one take over. 0 for none.
        over: u64,
        /// The highest epoch the claimant has heard of, so that a store that lost its memory does not
        /// give an old one out again.
        seen: u64,
    },
    /// Hold it for another term, if it is still held with this epoch.
    Renew(Held),
    /// Ask who holds it, and change nothing.
    Look(Held),
    /// Let it go, if it is still held by this claim.
    Release(Held),
}

/// A lease as its holder knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The stream.
    pub key: LeaseKey,
    /// The holder's life.
    pub boot: u64,
    /// The holder's claim.
    pub claim: u64,
    /// Its epoch; 0 when the answer to the claim never came.
    pub epoch: u64,
}

/// What the store says to an [`Op`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseReply {
    /// It is yours, with this epoch.
    Yours(u64),
    /// It is somebody else's, or your own by another claim or epoch.
    Theirs(StreamRecord),
    /// Nobody holds it.
    Nobody,
}

/// Leases with the time they end.
#[derive(Debug, Clone, Default)]
pub struct LeaseTable {
    leases: HashMap<LeaseKey, (StreamRecord, i64)>,
    last_epoch: u64,
}

impl LeaseTable {
    /// Does one operation at the store's time, Unix milliseconds; `ttl_ms` is a lease's term.
    pub fn apply(&mut self, op: &Op, now_ms: i64, ttl_ms: i64) -> LeaseReply {
        let until_ms = now_ms.saturating_add(ttl_ms);
        match op {
            Op::Claim { record, over, seen } => self.claim(record, *over, *seen, now_ms, until_ms),
            Op::Renew(held) => self.with(held, now_ms, |lease| lease.1 = until_ms),
            Op::Look(held) => self.with(held, now_ms, |_| ()),
            Op::Release(held) => {
                let Some((record, _)) = self.live(&held.key, now_ms) else {
                    return LeaseReply::Nobody;
                };
                if (record.boot, record.claim) != (held.boot, held.claim) {
                    return LeaseReply::Theirs(record.clone());
                }
                self.leases.remove(&held.key);
                LeaseReply::Nobody
            }
        }
    }

    /// Who holds it.
    pub fn find(&self, key: &LeaseKey, now_ms: i64) -> Option<&StreamRecord> {
        let lease = self.leases.get(key).filter(|(_, until)| *until > now_ms)?;
        Some(&lease.0)
    }

    /// All that are held.
    pub fn all(&self, now_ms: i64) -> impl Iterator<Item = &StreamRecord> {
        self.leases
            .values()
            .filter(move |(_, until)| *until > now_ms)
            .map(|(record, _)| record)
    }

    /// Forgets what has ended.
    pub fn sweep(&mut self, now_ms: i64) {
        self.leases.retain(|_, (_, until)| *until > now_ms);
    }

    fn claim(
        &mut self,
        record: &StreamRecord,
        over: u64,
        seen: u64,
        now_ms: i64,
        until_ms: i64,
    ) -> LeaseReply {
        if let Some((held, until)) = self.live(&record.key, now_ms) {
            if (held.boot, held.claim) == (record.boot, record.claim) {
                *until = until_ms;
                return LeaseReply::Yours(held.epoch);
            }
            // A node's new life may take what its old one held, and its next publisher what its last
            // one left, though not the other way round; others only what they name.
            let own =
                held.node == record.node && (held.boot != record.boot || held.claim < record.claim);
            if !own && (over == 0 || held.epoch != over) {
                return LeaseReply::Theirs(held.clone());
            }
        }
        let now = u64::try_from(now_ms).unwrap_or(0);
        self.last_epoch = self.last_epoch.max(seen).max(now).saturating_add(1);
        let epoch = self.last_epoch;
        let record = StreamRecord {
            epoch,
            over,
            ..record.clone()
        };
        self.leases.insert(record.key.clone(), (record, until_ms));
        LeaseReply::Yours(epoch)
    }

    fn with(
        &mut self,
        held: &Held,
        now_ms: i64,
        act: impl FnOnce(&mut (StreamRecord, i64)),
    ) -> LeaseReply {
        let Some(lease) = self.live(&held.key, now_ms) else {
            return LeaseReply::Nobody;
        };
        if (lease.0.boot, lease.0.claim, lease.0.epoch) != (held.boot, held.claim, held.epoch) {
            return LeaseReply::Theirs(lease.0.clone());
        }
        act(lease);
        LeaseReply::Yours(held.epoch)
    }

    fn live(&mut self, key: &LeaseKey, now_ms: i64) -> Option<&mut (StreamRecord, i64)> {
        self.leases
            .get_mut(key)
            .filter(|(_, until)| *until > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    const TTL_MS: i64 = 6_000;

    fn key() -> LeaseKey {
        LeaseKey::new(":live/demo").unwrap()
    }

    fn claim(node: &str, boot: u64, claim: u64, over: u64) -> Op {
        let node = Name::new(node).unwrap();
        let record = StreamRecord {
            key: key(),
            node,
            boot,
            claim,
            epoch: 0,
            since_ms: 0,
            over,
        };
        Op::Claim {
            record,
            over,
            seen: 0,
        }
    }

    fn held(boot: u64, claim: u64, epoch: u64) -> Held {
        Held {
            key: key(),
            boot,
            claim,
            epoch,
        }
    }

    fn epoch(answer: &LeaseReply) -> u64 {
        match answer {
            LeaseReply::Yours(epoch) => *epoch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_latest_grant_is_renewed_and_released() {
        let mut table = LeaseTable::default();
        let first = epoch(&table.apply(&claim("a", 1, 1, 0), 0, TTL_MS));
        let second = epoch(&table.apply(&claim("b", 2, 1, first), 0, TTL_MS));
        assert!(second > first);
        for stale in [
            held(1, 1, first),
            held(2, 1, first),
            held(2, 2, second),
            held(3, 1, second),
        ] {
            let answer = table.apply(&Op::Renew(stale.clone()), 5_000, TTL_MS);
            assert!(matches!(answer, LeaseReply::Theirs(_)), "{stale:?}");
        }
        for stale in [held(1, 1, second), held(2, 2, second)] {
            let answer = table.apply(&Op::Release(stale), 5_000, TTL_MS);
            assert!(matches!(answer, LeaseReply::Theirs(_)));
        }
        // None of them gave it a longer life.
        assert!(table.find(&key(), 5_999).is_some());
        assert!(table.find(&key(), 6_000).is_none());
        assert_eq!(
            table.apply(&Op::Renew(held(2, 1, second)), 6_000, TTL_MS),
            LeaseReply::Nobody
        );
    }

    #[test]
    fn a_node_takes_what_its_last_life_and_its_last_publisher_left_and_not_the_other_way_round() {
        let mut table = LeaseTable::default();
        let next = epoch(&table.apply(&claim("a", 1, 2, 0), 0, TTL_MS));
        // A claim of the publisher before, that was long on its way.
        assert!(matches!(
            table.apply(&claim("a", 1, 1, 0), 0, TTL_MS),
            LeaseReply::Theirs(_)
        ));
        assert_eq!(
            table.apply(&Op::Renew(held(1, 2, next)), 0, TTL_MS),
            LeaseReply::Yours(next)
        );
        assert!(epoch(&table.apply(&claim("a", 1, 3, 0), 0, TTL_MS)) > next);
        assert!(epoch(&table.apply(&claim("a", 9, 1, 0), 0, TTL_MS)) > next + 1);
    }

    #[test]
    fn a_store_that_forgot_gives_no_epoch_twice() {
        let mut table = LeaseTable::default();
        let Op::Claim { record, .. } = claim("a", 1, 1, 0) else {
            panic!("not a claim")
        };
        // Its clock is an hour behind; the claimant has heard of 5,000,000.
        let op = Op::Claim {
            record,
            over: 0,
            seen: 5_000_000,
        };
        assert_eq!(
            table.apply(&op, 1_000, TTL_MS),
            LeaseReply::Yours(5_000_001)
        );
    }
}
