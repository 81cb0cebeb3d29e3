//! How much may be uploaded: what viewers leave, and never so little that nothing ever arrives.

use std::time::Duration;

/// What this node sends to viewers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EgressNow {
    /// Bytes a second that go to viewers.
    pub live_bytes: u64,
    /// Bytes a second that this node bears; 0 where nobody has said.
    pub capacity_bytes: u64,
}

/// Knows what this node sends.
pub trait Egress: Send + Sync + 'static {
    /// Over the last seconds.
    fn now(&self) -> EgressNow;
}

/// Above this share of what a node bears nothing but the least is uploaded, percent.
const FULL_PERCENT: u64 = 85;
/// Least of all, a block goes so often.
const AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// How long to wait behind an upload of so many bytes. `most_bytes` a second are allowed; 0: no bound but what viewers
/// need.
pub(crate) fn pause(sent_bytes: u64, egress: EgressNow, most_bytes: u64) -> Duration {
    let left = match egress.capacity_bytes {
        0 => u64::MAX,
        capacity
            if egress.live_bytes.saturating_mul(100) >= capacity.saturating_mul(FULL_PERCENT) =>
        {
            0
        }
        capacity => (capacity - egress.live_bytes) / 2,
    };
    let rate = match most_bytes {
        0 => left,
        most => left.min(most),
    };
    match rate {
        0 => AT_LEAST_EVERY,
        u64::MAX => Duration::ZERO,
        rate => Duration::from_millis(sent_bytes.saturating_mul(1000) / rate).min(AT_LEAST_EVERY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn viewers_come_first_and_uploads_get_half_of_what_they_leave() {
        let egress = |live_bytes, capacity_bytes| EgressNow {
            live_bytes,
            capacity_bytes,
        };
        assert_eq!(pause(16 * MB, egress(0, 0), 0), Duration::ZERO);
        assert_eq!(pause(16 * MB, egress(0, 0), 4 * MB), Duration::from_secs(4));
        assert_eq!(
            pause(16 * MB, egress(20 * MB, 100 * MB), 0),
            Duration::from_millis(400)
        );
        assert_eq!(
            pause(16 * MB, egress(20 * MB, 100 * MB), 4 * MB),
            Duration::from_secs(4)
        );
        for live in [85, 100, 300] {
            assert_eq!(
                pause(16 * MB, egress(live * MB, 100 * MB), 0),
                AT_LEAST_EVERY
            );
        }
        assert_eq!(pause(u64::MAX, egress(0, 0), 1), AT_LEAST_EVERY);
    }
}
