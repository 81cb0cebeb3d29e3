//! The one place that knows what time it is, so that tests can own it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of monotonic and wall-clock time. Cheap to clone; clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    Real {
        start: Instant,
    },
    Manual {
        now_us: Arc<AtomicI64>,
        wall_at_zero_us: i64,
    },
}

impl Clock {
    /// The machine's clock. Monotonic time starts at zero here.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else asks"
    )]
    pub fn real() -> Self {
        Self(Source::Real {
            start: Instant::now(),
        })
    }

    /// A clock that stands still until [`Clock::advance_us`]; starts at zero, and its wall clock at
    /// `wall_at_zero_us` (Unix microseconds).
    pub fn manual(wall_at_zero_us: i64) -> Self {
        Self(Source::Manual {
            now_us: Arc::new(AtomicI64::new(0)),
            wall_at_zero_us,
        })
    }

    /// Monotonic microseconds since the clock was made.
    pub fn now_us(&self) -> i64 {
        match &self.0 {
            Source::Real { start } => {
                i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX)
            }
            Source::Manual { now_us, .. } => now_us.load(Ordering::Acquire),
        }
    }

    /// Unix time in microseconds.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else asks"
    )]
    pub fn wall_us(&self) -> i64 {
        match &self.0 {
            Source::Real { .. } => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|d| i64::try_from(d.as_micros()).ok())
                .unwrap_or(0),
            Source::Manual {
                now_us,
                wall_at_zero_us,
            } => wall_at_zero_us.saturating_add(now_us.load(Ordering::Acquire)),
        }
    }

    /// Unix time in whole milliseconds.
    pub fn wall_ms(&self) -> i64 {
        self.wall_us().div_euclid(1000)
    }

    /// Unix time in whole seconds.
    pub fn wall_s(&self) -> i64 {
        self.wall_us().div_euclid(1_000_000)
    }

    /// Moves a manual clock on; a real one goes its own way and ignores this.
    pub fn advance_us(&self, by_us: i64) {
        if let Source::Manual { now_us, .. } = &self.0 {
            now_us.fetch_add(by_us, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(1_000_000);
        let twin = clock.clone();
        assert_eq!((clock.now_us(), clock.wall_us()), (0, 1_000_000));
        twin.advance_us(500);
        assert_eq!((clock.now_us(), clock.wall_us()), (500, 1_000_500));
    }

    #[test]
    fn a_real_clock_does_not_go_back() {
        let clock = Clock::real();
        let first = clock.now_us();
        assert!(clock.now_us() >= first);
        assert!(clock.wall_s() > 1_700_000_000);
    }
}
