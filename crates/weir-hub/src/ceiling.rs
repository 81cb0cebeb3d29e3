//! The bitrate an app allows: measured over seconds, so that keyframes and bursts do not count as
//! excess, and enforced with a warning first.

/// Whole seconds over which the rate is taken; the one that runs does not count.
const WINDOW_S: usize = 5;
const BUCKETS: usize = WINDOW_S + 1;
/// Microseconds a publisher may stay above after its warning.
const GRACE_US: i64 = 10_000_000;
/// What is tolerated above the ceiling: containers and rate controls are not exact.
const TOLERANCE_PERCENT: u64 = 110;

/// Measures one publisher's bitrate over a window and compares it with its ceiling.
#[derive(Debug)]
pub(crate) struct Ceiling {
    max_kbps: u32,
    seconds: [u64; BUCKETS],
    second: i64,
    over_since_us: Option<i64>,
}

/// Where a publisher stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Below the ceiling.
    Below,
    /// Above it: it should be told.
    Above,
    /// Above it for too long after it could have known.
    TooLong,
}

impl Ceiling {
    pub(crate) const fn new(max_kbps: u32) -> Self {
        Self {
            max_kbps,
            seconds: [0; BUCKETS],
            second: 0,
            over_since_us: None,
        }
    }

    /// Counts a frame that arrived at `now_us`, which never goes back.
    pub(crate) fn count(&mut self, bytes: u64, now_us: i64) -> Standing {
        let second = now_us.div_euclid(1_000_000);
        for passed in 1..=(second - self.second).min(BUCKETS as i64) {
            self.seconds[slot(self.second + passed)] = 0;
        }
        self.second = second;
        self.seconds[slot(second)] += bytes;
        let whole = self.seconds.iter().sum::<u64>() - self.seconds[slot(second)];
        let bits = whole.saturating_mul(8);
        let allowed = u64::from(self.max_kbps) * 1000 * WINDOW_S as u64 * TOLERANCE_PERCENT / 100;
        if bits <= allowed {
            self.over_since_us = None;
            return Standing::Below;
        }
        let since_us = *self.over_since_us.get_or_insert(now_us);
        if now_us - since_us >= GRACE_US {
            Standing::TooLong
        } else {
            Standing::Above
        }
    }
}

const fn slot(second: i64) -> usize {
    second.rem_euclid(BUCKETS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standings, once a second, of a sender with these rates in kbit/s.
    fn standings(max_kbps: u32, rates: &[u64]) -> Vec<Standing> {
        let mut ceiling = Ceiling::new(max_kbps);
        let mut standings = Vec::new();
        for (second, kbps) in (0..).zip(rates) {
            let mut standing = Standing::Below;
            for frame in 0..25 {
                let now_us = second * 1_000_000 + frame * 40_000;
                standing = ceiling.count(kbps * 1000 / 8 / 25, now_us);
            }
            standings.push(standing);
        }
        standings
    }

    #[test]
    fn a_burst_is_no_excess() {
        let rates = [500, 500, 2000, 500, 500, 500, 500, 2000, 500];
        assert!(
            standings(1000, &rates)
                .iter()
                .all(|s| *s == Standing::Below)
        );
    }

    #[test]
    fn who_obeys_the_warning_stays() {
        let mut rates = vec![2000; 6];
        rates.extend([900; 12]);
        let standings = standings(1000, &rates);
        assert!(standings.contains(&Standing::Above));
        assert!(!standings.contains(&Standing::TooLong));
        assert_eq!(standings.last(), Some(&Standing::Below));
    }

    #[test]
    fn who_does_not_is_let_go_ten_seconds_after_it() {
        let standings = standings(1000, &[2000; 20]);
        let warned = standings
            .iter()
            .position(|s| *s == Standing::Above)
            .unwrap();
        let over = standings
            .iter()
            .position(|s| *s == Standing::TooLong)
            .unwrap();
        assert_eq!(over - warned, 10);
    }

    #[test]
    fn a_fifth_too_much_is_too_much() {
        let standings = standings(1000, &[1200; 25]);
        assert_eq!(standings.last(), Some(&Standing::TooLong));
        let changes = standings.windows(2).filter(|pair| pair[0] != pair[1]);
        assert_eq!(changes.count(), 2, "{standings:?}");
    }

    #[test]
    fn a_tenth_too_much_is_tolerated() {
        let standings = standings(1000, &[1090; 25]);
        assert!(standings.iter().all(|s| *s == Standing::Below));
    }

    #[test]
    fn a_pause_empties_the_window() {
        let mut ceiling = Ceiling::new(100);
        ceiling.count(1 << 20, 0);
        assert_eq!(ceiling.count(1, 1_000_000), Standing::Above);
        assert_eq!(ceiling.count(1, 60_000_000), Standing::Below);
    }
}
