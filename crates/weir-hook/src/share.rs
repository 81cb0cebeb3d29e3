//! Several receivers of the same questions: who is asked next, and who rests. Each has a share by its weight; among
//! those with as little to do for their share the one whose turn it is. Who fails rests, longer each time.

use parking_lot::Mutex;
use weir_base::ids;

/// Microseconds of the first rest.
const FIRST_REST_US: i64 = 250_000;
/// Microseconds of the longest.
const LONGEST_REST_US: i64 = 10_000_000;
/// What a receiver of weight 1 comes behind by each question.
const STRIDE: u64 = 1_000_000;

/// See the file's words.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    workers: Vec<Worker>,
    next_id: u64,
    /// How far the one has come that was asked last: who comes or comes back begins there, and makes up for nothing.
    at: u64,
}

#[derive(Debug)]
struct Worker {
    id: u64,
    url: String,
    weight: u32,
    in_flight: u32,
    passed: u64,
    failures: u32,
    rests_until_us: i64,
}

/// Somebody to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picked {
    pub(crate) id: u64,
    pub(crate) url: String,
}

impl Shares {
    /// From now on these are asked: URLs and weights. Who stays keeps its state; who goes ends what it has.
    pub(crate) fn set(&self, wanted: &[(String, u32)]) {
        let mut inner = self.0.lock();
        let mut before = std::mem::take(&mut inner.workers);
        for (url, weight) in wanted {
            let known = before.iter().position(|worker| worker.url == *url);
            let mut worker =
                known.map_or_else(|| inner.newcomer(url), |place| before.swap_remove(place));
            worker.weight = (*weight).max(1);
            inner.workers.push(worker);
        }
    }

    /// Who is to be asked now, but not `except`; `None` where all rest.
    pub(crate) fn pick(&self, now_us: i64, except: Option<u64>) -> Option<Picked> {
        let mut inner = self.0.lock();
        let at = inner.at;
        let awake = inner
            .workers
            .iter_mut()
            .filter(|worker| worker.rests_until_us <= now_us && Some(worker.id) != except);
        let worker = awake.min_by_key(|worker| (worker.load(), worker.passed.max(at)))?;
        let from = match worker.failures {
            0 => worker.passed,
            _ => worker.passed.max(at),
        };
        worker.passed = from + STRIDE / u64::from(worker.weight);
        worker.in_flight += 1;
        if worker.failures > 0 {
            // One question at a time finds out whether it is back.
            worker.rests_until_us = now_us + rest_us(worker.failures);
        }
        let picked = Picked {
            id: worker.id,
            url: worker.url.clone(),
        };
        inner.at = from;
        Some(picked)
    }

    /// What became of a question.
    pub(crate) fn done(&self, id: u64, is_answered: bool, now_us: i64) {
        let mut inner = self.0.lock();
        // Who is asked no more has no state.
        let Some(worker) = inner.workers.iter_mut().find(|worker| worker.id == id) else {
            return;
        };
        worker.in_flight = worker.in_flight.saturating_sub(1);
        if is_answered {
            (worker.failures, worker.rests_until_us) = (0, 0);
        } else {
            // Questions that fail together are one failure.
            if worker.rests_until_us <= now_us || worker.failures == 0 {
                worker.failures = worker.failures.saturating_add(1);
            }
            worker.rests_until_us = now_us + rest_us(worker.failures);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().workers.len()
    }
}

impl Inner {
    fn newcomer(&mut self, url: &str) -> Worker {
        let id = self.next_id;
        self.next_id += 1;
        Worker {
            id,
            url: url.to_owned(),
            weight: 1,
            in_flight: 0,
            passed: self.at,
            failures: 0,
            rests_until_us: 0,
        }
    }
}

impl Worker {
    /// What it has to do, for its share.
    fn load(&self) -> u64 {
        u64::from(self.in_flight) * STRIDE / u64::from(self.weight)
    }
}

/// From half of the whole rest to all of it, so that nodes do not come back together.
fn rest_us(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(6);
    let whole_us = (FIRST_REST_US << doublings).min(LONGEST_REST_US);
    let random = ids::random_bytes::<2>().map_or(u16::MAX, u16::from_be_bytes);
    whole_us / 2 + whole_us / 2 * i64::from(random) / i64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shares(wanted: &[(&str, u32)]) -> Shares {
        let shares = Shares::default();
        set(&shares, wanted);
        shares
    }

    fn set(shares: &Shares, wanted: &[(&str, u32)]) {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(url, weight)| ((*url).to_owned(), *weight))
            .collect();
        shares.set(&wanted);
    }

    fn counts(shares: &Shares, questions: usize, now_us: i64) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for _ in 0..questions {
            let picked = shares.pick(now_us, None).unwrap();
            shares.done(picked.id, true, now_us);
            *counts.entry(picked.url).or_default() += 1;
        }
        counts
    }

    #[test]
    fn each_has_its_share_one_by_one_and_many_at_once() {
        let shares = shares(&[("old", 9), ("new", 1)]);
        assert_eq!(counts(&shares, 100, 0)["new"], 10);
        let open: Vec<_> = (0..100).filter_map(|_| shares.pick(0, None)).collect();
        let new = open.iter().filter(|picked| picked.url == "new").count();
        assert!((9..=11).contains(&new), "{new}");
    }

    #[test]
    fn who_fails_rests_is_tried_by_one_question_and_makes_up_for_nothing() {
        let shares = shares(&[("a", 1), ("b", 1)]);
        let first = shares.pick(0, None).unwrap();
        shares.done(first.id, false, 0);
        let other = counts(&shares, 50, 1);
        assert_eq!(other.len(), 1);
        assert!(!other.contains_key(&first.url), "{other:?}");
        // Behind its rest one question tries it, and no second before that is answered.
        let later_us = FIRST_REST_US + 1;
        let open: Vec<_> = (0..4).filter_map(|_| shares.pick(later_us, None)).collect();
        let tries: Vec<_> = open.iter().filter(|p| p.id == first.id).collect();
        assert_eq!(tries.len(), 1, "{open:?}");
        for picked in &open {
            shares.done(picked.id, true, later_us);
        }
        let back = counts(&shares, 20, later_us)[&first.url];
        // Those that the other was asked while this one was tried are evened out, and nothing from before.
        assert!((9..=13).contains(&back), "{back}");
    }

    #[test]
    fn rests_grow_to_an_end_and_all_may_rest() {
        let shares = shares(&[("a", 1)]);
        let mut now_us = 0;
        for _ in 0..40 {
            let picked = shares.pick(now_us, None).unwrap();
            shares.done(picked.id, false, now_us);
            assert_eq!(shares.pick(now_us, None), None);
            assert_eq!(shares.pick(now_us + FIRST_REST_US / 2 - 1, None), None);
            now_us += LONGEST_REST_US;
        }
        assert!(shares.pick(now_us, None).is_some());
    }

    #[test]
    fn who_is_taken_out_gets_nothing_more_and_who_stays_keeps_its_rest() {
        let shares = shares(&[("a", 1), ("b", 1)]);
        let a = shares.pick(0, None).unwrap();
        let b = shares.pick(0, Some(a.id)).unwrap();
        shares.done(a.id, false, 0);
        set(&shares, &[(a.url.as_str(), 1), ("c", 1)]);
        assert_eq!(counts(&shares, 10, 1).keys().collect::<Vec<_>>(), ["c"]);
        // What it still had is answered, and changes nothing.
        shares.done(b.id, false, 1);
        assert_eq!(shares.len(), 2);
    }
}
