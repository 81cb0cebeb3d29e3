//! A bound on log lines of one kind: floods of refusals are counted, not written one by one.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;

/// Lines of one kind that may be written at once.
const BURST: u32 = 20;
/// Lines of one kind each second after that.
const PER_SECOND: u32 = 5;

/// Counts lines by kind. `K` must have few values, such as an error code: each is kept.
#[derive(Debug)]
pub struct LogLimit<K> {
    kinds: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Millionths of a line that may be written.
    level: i64,
    at_us: i64,
    left_out: u64,
}

/// One line in [`Bucket::level`].
const LINE: i64 = 1_000_000;

impl<K> Default for LogLimit<K> {
    fn default() -> Self {
        Self {
            kinds: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash> LogLimit<K> {
    /// Whether a line of this kind may be written at `now_us` (the node's clock), and how many were
    /// left out since the last one.
    pub fn admit(&self, kind: K, now_us: i64) -> Option<u64> {
        let mut kinds = self.kinds.lock();
        let bucket = kinds.entry(kind).or_insert_with(|| Bucket {
            level: i64::from(BURST) * LINE,
            at_us: now_us,
            left_out: 0,
        });
        let passed_us = (now_us - bucket.at_us).max(0);
        bucket.at_us = now_us;
        bucket.level = passed_us
            .saturating_mul(i64::from(PER_SECOND))
            .saturating_add(bucket.level)
            .min(i64::from(BURST) * LINE);
        if bucket.level < LINE {
            bucket.left_out += 1;
            return None;
        }
        bucket.level -= LINE;
        Some(std::mem::take(&mut bucket.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_counted_and_does_not_hide_another() {
        let limit = LogLimit::default();
        let written = (0..1_000).filter(|_| limit.admit("flood", 0).is_some());
        assert_eq!(written.count(), BURST as usize);
        assert_eq!(limit.admit("rare", 0), Some(0));
        let left_out = 1_000 - u64::from(BURST);
        assert_eq!(limit.admit("flood", 1_000_000), Some(left_out));
        assert_eq!(limit.admit("flood", 1_000_000), Some(0));
    }

    #[test]
    fn a_quiet_minute_allows_one_burst_and_no_more() {
        let limit = LogLimit::default();
        assert!((0..100).filter(|_| limit.admit("a", 0).is_some()).count() <= BURST as usize);
        let later_us = 60_000_000;
        let written = (0..100).filter(|_| limit.admit("a", later_us).is_some());
        assert_eq!(written.count(), BURST as usize);
    }
}
