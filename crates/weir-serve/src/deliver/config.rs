//! `[deliver]`: how delivery behaves.

use weir_base::section;
use weir_base::section::{MAX_MS, Senseless, in_range};

/// The shortest flush interval, microseconds: below it loops would do nothing but wake.
const MIN_FLUSH_US: i64 = 1_000;

section! {
    /// Delivery to viewers.
    pub DeliveryConfig {
        /// Milliseconds between two flushes: the one knob between latency and CPU.
        reload flush_ms: i64 = 33,
        /// Milliseconds a viewer may lag behind the last group of pictures before it is moved on.
        restart lag_ms: i64 = 5_000,
        /// Milliseconds a viewer may take nothing at all before it is let go (4010).
        restart stall_ms: i64 = 30_000,
        /// Loops, each a thread; 0 for one per core.
        restart loops: usize = 0,
    }
}

impl DeliveryConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("deliver.flush_ms", self.flush_ms, 1..=MAX_MS)?;
        in_range("deliver.lag_ms", self.lag_ms, 0..=MAX_MS)?;
        in_range("deliver.stall_ms", self.stall_ms, 1..=MAX_MS)
    }

    /// Microseconds between two flushes.
    pub(super) fn flush_us(&self) -> i64 {
        self.flush_ms.saturating_mul(1000).max(MIN_FLUSH_US)
    }

    /// Microseconds a viewer may lag.
    pub(super) const fn lag_us(&self) -> i64 {
        self.lag_ms.saturating_mul(1000)
    }

    /// Microseconds a viewer may take nothing at all.
    pub(super) const fn stall_us(&self) -> i64 {
        self.stall_ms.saturating_mul(1000)
    }

    /// Threads to start.
    pub(super) fn threads(&self) -> usize {
        match self.loops {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            loops => loops,
        }
    }
}
