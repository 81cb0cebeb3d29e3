//! How leases are kept, and the leave they give to the media path.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// How leases are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseConfig {
    /// Term of a lease, milliseconds.
    pub ttl_ms: i64,
    /// Between two renewals, milliseconds; a third of the term leaves two to spare.
    pub renew_ms: i64,
    /// How long an answer is waited for, milliseconds; below `renew_ms`, or an outage is noticed late.
    pub answer_ms: i64,
    /// What a node does that cannot reach the store.
    pub outage: Outage,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            ttl_ms: 6_000,
            renew_ms: 2_000,
            answer_ms: 800,
            outage: Outage::Serve,
        }
    }
}

/// What a node does that cannot reach the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outage {
    /// What is live stays live, new streams are taken, both unconfirmed.
    Serve,
    /// Stop when the lease ends: a stream that is nowhere rather than, maybe, in two places.
    Stop,
}

/// Leave to send a stream's frames on, looked at before each; shared with the media path.
#[derive(Debug, Clone)]
pub struct Gate(Arc<AtomicI64>);

impl Gate {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }

    /// Whether frames may go out now. A process that was paused past its lease finds it shut.
    pub fn is_open(&self, now_us: i64) -> bool {
        now_us <= self.0.load(Ordering::Acquire)
    }

    pub(super) fn until_us(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn open_until(&self, until_us: i64) {
        self.0.fetch_max(until_us, Ordering::AcqRel);
    }

    pub(super) fn shut(&self) {
        self.0.store(i64::MIN, Ordering::Release);
    }
}
