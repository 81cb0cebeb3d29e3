//! What is known of the way to the server: its round trip at rest, how much may be under way, and
//! the rate that is allowed.

/// For so long a shortest round trip is believed before a new one is looked for, in ms.
const EPOCH_MS: u64 = 15_000;
/// What may go out at once under a limit, in milliseconds of it. Servers measure over seconds.
const BURST_MS: f64 = 300.0;

/// Time of media that may be under way at least, in ms: the wait of acknowledgements and some
/// reserve. What is under way cannot be left out any more.
const MIN_WINDOW_MS: i64 = 600;
/// The same at most, where the way is found to be fast.
const MAX_WINDOW_MS: i64 = 1800;
/// An acknowledgement that late, beyond the round trip, tells of a queue on the way, in ms.
const LATE_MS: f64 = 400.0;
/// One that comes so soon tells of none: servers send them 200 ms apart.
const PROMPT_MS: f64 = 250.0;

/// How much may be under way, in time of media.
#[derive(Debug, Default)]
pub(super) struct Window {
    grown_ms: i64,
}

impl Window {
    /// An acknowledgement, with the round trip it tells of, while so much was under way.
    pub(super) fn acked(&mut self, rtt_ms: f64, rest_ms: f64, was_full: bool) {
        if was_full && rtt_ms < rest_ms + PROMPT_MS {
            self.grown_ms = (self.grown_ms.max(MIN_WINDOW_MS) * 3 / 2).min(MAX_WINDOW_MS);
        } else if !was_full || rtt_ms > rest_ms + LATE_MS {
            self.grown_ms = 0;
        }
    }

    /// Milliseconds of media, given the round trip at rest.
    pub(super) fn ms(&self, rest_ms: Option<f64>) -> i64 {
        let two_trips_ms = (rest_ms.unwrap_or(0.0) * 2.0) as i64;
        two_trips_ms
            .max(self.grown_ms)
            .clamp(MIN_WINDOW_MS, MAX_WINDOW_MS)
    }
}

/// The shortest round trip of late: the queues on the way are ours, and no part of it.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    began_ms: u64,
    now: Option<f64>,
    before: Option<f64>,
}

impl RoundTrip {
    /// A measurement.
    pub(super) fn sample(&mut self, now_ms: u64, rtt_ms: f64) {
        if now_ms.saturating_sub(self.began_ms) > EPOCH_MS {
            self.began_ms = now_ms;
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(rtt_ms, |known| known.min(rtt_ms)));
    }

    /// Milliseconds, once known.
    pub(super) fn ms(&self) -> Option<f64> {
        match (self.now, self.before) {
            (Some(now), Some(before)) => Some(now.min(before)),
            (now, before) => now.or(before),
        }
    }
}

/// A limit in kilobits per second, kept by waiting.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bits that may go out; below zero after a large message.
    credit: f64,
    filled_ms: u64,
}

impl Pace {
    /// When the next message may go out: now, or at this time.
    pub(super) fn wait_until(&mut self, now_ms: u64, max_kbps: u32) -> Option<u64> {
        let rate = f64::from(max_kbps.max(1));
        let since_ms = now_ms.saturating_sub(self.filled_ms) as f64;
        self.filled_ms = now_ms;
        self.credit = (self.credit + since_ms * rate).min(BURST_MS * rate);
        (self.credit <= 0.0).then(|| now_ms + (-self.credit / rate).ceil() as u64 + 1)
    }

    /// Counts a message.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.credit -= bytes as f64 * 8.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_the_shortest_of_late() {
        let mut trip = RoundTrip::default();
        assert_eq!(trip.ms(), None);
        for (now_ms, rtt_ms) in [(0, 50.0), (100, 400.0), (16_000, 700.0)] {
            trip.sample(now_ms, rtt_ms);
            assert_eq!(trip.ms(), Some(50.0));
        }
        trip.sample(32_000, 300.0);
        assert_eq!(trip.ms(), Some(300.0), "a way that has become longer");
    }

    #[test]
    fn the_window_grows_on_a_fast_way_and_not_on_a_slow_one() {
        let mut window = Window::default();
        assert_eq!((window.ms(None), window.ms(Some(450.0))), (600, 900));
        for _ in 0..5 {
            window.acked(220.0, 50.0, true);
        }
        assert_eq!(window.ms(Some(50.0)), 1800);
        window.acked(400.0, 50.0, true);
        assert_eq!(window.ms(Some(50.0)), 1800, "neither prompt nor late");
        window.acked(500.0, 50.0, true);
        assert_eq!(window.ms(Some(50.0)), 600);
        window.acked(220.0, 50.0, true);
        window.acked(220.0, 50.0, false);
        assert_eq!(window.ms(Some(50.0)), 600, "it is not needed");
    }

    #[test]
    fn a_limit_is_kept_over_seconds_whatever_the_messages() {
        let mut pace = Pace::default();
        let (mut now_ms, mut bytes) = (5000, 0);
        while now_ms < 15_000 {
            match pace.wait_until(now_ms, 800) {
                Some(later_ms) => now_ms = later_ms,
                None => {
                    let message = if bytes % 7 == 0 { 30_000 } else { 1200 };
                    pace.sent(message);
                    bytes += message;
                }
            }
        }
        // 100 bytes a millisecond.
        assert!((950_000..1_060_000).contains(&bytes), "{bytes}");
    }
}
