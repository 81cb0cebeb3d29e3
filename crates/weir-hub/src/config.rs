//! `[stream]`: what is kept of each live stream, and how long.

use weir_base::section;
use weir_base::section::{MAX_MS, Senseless, in_range, sensible};

/// Fewer bytes of ring may not hold one keyframe.
const MIN_RING_BYTES: usize = 1 << 20;

section! {
    /// The hub's settings.
    pub Config {
        /// Milliseconds without a frame after which a stream is ended (4002).
        reload idle_timeout_ms: i64 = 5_000,
        /// Milliseconds of each stream kept in its ring.
        reload ring_ms: i64 = 12_000,
        /// Bytes kept in the ring at most.
        reload ring_bytes: usize = 32 * 1024 * 1024,
        /// Milliseconds a stream is remembered after its publisher went.
        reload linger_ms: i64 = 60_000,
        /// Whether a gatekeeper shall let a second publisher of a live name take it over.
        reload takeover: bool = false,
    }
}

impl Config {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("stream.idle_timeout_ms", self.idle_timeout_ms, 1..=MAX_MS)?;
        in_range("stream.ring_ms", self.ring_ms, 1..=MAX_MS)?;
        in_range("stream.linger_ms", self.linger_ms, 0..=MAX_MS)?;
        sensible(self.ring_bytes >= MIN_RING_BYTES, || {
            "stream.ring_bytes is below 1 MiB: a keyframe may not fit".to_owned()
        })
    }

    /// Microseconds without a frame after which a stream is ended.
    pub const fn idle_timeout_us(&self) -> i64 {
        self.idle_timeout_ms.saturating_mul(1000)
    }

    /// Microseconds of stream kept in the ring.
    pub const fn ring_us(&self) -> i64 {
        self.ring_ms.saturating_mul(1000)
    }

    /// Microseconds a stream is remembered after its publisher went.
    pub const fn linger_us(&self) -> i64 {
        self.linger_ms.saturating_mul(1000)
    }
}
