//! Waiting for a condition with a deadline: the one way in which tests wait.

use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until there is something to see; gives it.
///
/// # Panics
/// With `what` when nothing is there `within_s` seconds.
pub fn until<T>(what: &str, within_s: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            watch.elapsed_s() < within_s as f64,
            "{what}: not within {within_s} s"
        );
        std::thread::sleep(PAUSE);
    }
}

/// Real time that passes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins at 0.
    #[expect(clippy::disallowed_methods, reason = "real clients live in real time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn elapsed_s(self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    /// The same as a duration.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
