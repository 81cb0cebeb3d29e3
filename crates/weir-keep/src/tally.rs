//! What was counted of uploads, for metrics and for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// See the module's words. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct KeepTally(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    uploaded_blocks: AtomicU64,
    uploaded_bytes: AtomicU64,
    failures: AtomicU64,
    dropped_bytes: AtomicU64,
    now: Mutex<Now>,
}

#[derive(Debug, Default, Clone)]
struct Now {
    here_bytes: u64,
    most_bytes: u64,
    waiting_blocks: u64,
    waiting_since_ms: Option<i64>,
    is_full: bool,
    fault: Option<(i64, String)>,
}

/// The same at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeepNow {
    /// Blocks that were brought to the store.
    pub uploaded_blocks: u64,
    /// Their bytes.
    pub uploaded_bytes: u64,
    /// Tries that failed.
    pub failures: u64,
    /// Bytes that left the disk since they are in the store.
    pub dropped_bytes: u64,
    /// Bytes of recordings on the disk.
    pub here_bytes: u64,
    /// As many may be; 0: as many as it takes.
    pub most_bytes: u64,
    /// Blocks that are to be brought there.
    pub waiting_blocks: u64,
    /// Since when the one waits that waits longest, Unix milliseconds.
    pub waiting_since_ms: Option<i64>,
    /// As much is on the disk as may be, and nothing of it is in the store: recordings have holes.
    pub is_full: bool,
    /// Since when the store does not take anything, Unix milliseconds, and why.
    pub fault: Option<(i64, String)>,
}

impl KeepTally {
    /// All of it.
    pub fn now(&self) -> KeepNow {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let now = self.0.now.lock().clone();
        KeepNow {
            uploaded_blocks: count(&self.0.uploaded_blocks),
            uploaded_bytes: count(&self.0.uploaded_bytes),
            failures: count(&self.0.failures),
            dropped_bytes: count(&self.0.dropped_bytes),
            here_bytes: now.here_bytes,
            most_bytes: now.most_bytes,
            waiting_blocks: now.waiting_blocks,
            waiting_since_ms: now.waiting_since_ms,
            is_full: now.is_full,
            fault: now.fault,
        }
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.0.uploaded_blocks.fetch_add(1, Ordering::Relaxed);
        self.0.uploaded_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.now.lock().fault = None;
    }

    pub(crate) fn failed(&self, at_ms: i64, why: &str) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
        let mut now = self.0.now.lock();
        let since_ms = now.fault.as_ref().map_or(at_ms, |(since_ms, _)| *since_ms);
        now.fault = Some((since_ms, why.to_owned()));
    }

    pub(crate) fn dropped(&self, bytes: u64) {
        self.0.dropped_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn waits(&self, blocks: u64, since_ms: Option<i64>) {
        let mut now = self.0.now.lock();
        (now.waiting_blocks, now.waiting_since_ms) = (blocks, since_ms);
    }

    pub(crate) fn here(&self, bytes: u64, most_bytes: u64, is_full: bool) {
        let mut now = self.0.now.lock();
        (now.here_bytes, now.most_bytes, now.is_full) = (bytes, most_bytes, is_full);
    }
}
