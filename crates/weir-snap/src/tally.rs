//! Counts what happened to pictures, for metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Shared by those who count.
#[derive(Debug, Default)]
pub struct Tally {
    pub(crate) taken: AtomicU64,
    pub(crate) undecodable: AtomicU64,
    pub(crate) away: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) waiting: AtomicU64,
    pub(crate) oldest_ms: AtomicI64,
    pub(crate) decoder_starts: AtomicU64,
    pub(crate) lent: AtomicU64,
    pub(crate) busy: AtomicU64,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TallyNow {
    /// Pictures that were taken and kept.
    pub taken: u64,
    /// Keyframes that could not be decoded.
    pub undecodable: u64,
    /// Keyframes that nobody could decode just then.
    pub away: u64,
    /// Pictures that could not be kept.
    pub lost: u64,
    /// Streams that wait for their turn.
    pub waiting: u64,
    /// Milliseconds since the one that waits longest was due.
    pub oldest_ms: i64,
    /// Decoder processes that were started.
    pub decoder_starts: u64,
    /// Keyframes of other nodes that were looked at here.
    pub lent: u64,
    /// Keyframes of other nodes that were turned away, as there were too many.
    pub busy: u64,
}

impl Tally {
    /// What was counted until now.
    pub fn now(&self) -> TallyNow {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TallyNow {
            taken: read(&self.taken),
            undecodable: read(&self.undecodable),
            away: read(&self.away),
            lost: read(&self.lost),
            waiting: read(&self.waiting),
            oldest_ms: self.oldest_ms.load(Ordering::Relaxed),
            decoder_starts: read(&self.decoder_starts),
            lent: read(&self.lent),
            busy: read(&self.busy),
        }
    }

    /// A keyframe of another node was looked at here, or turned away.
    pub fn lend(&self, is_taken: bool) {
        Self::count(if is_taken { &self.lent } else { &self.busy });
    }

    pub(crate) fn count(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}
