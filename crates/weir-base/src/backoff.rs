//! When to try again what failed: pauses that grow, that no two of a crowd share, and that begin anew
//! after a success that lasted.
//!
//! Nothing here sleeps or asks a clock: whoever tries does. The dice are given, so that tests throw
//! the same.

use std::time::Duration;

use crate::ids;

/// The pauses between tries of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPlan {
    /// After the first failure; twice as long after each further one.
    pub first: Duration,
    /// The longest one.
    pub cap: Duration,
    /// What works for so long worked: the next failure is a first one. What breaks sooner never did, or a
    /// server that takes a connection and closes it would be asked without a pause.
    pub steady: Duration,
}

/// Where one who tries stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    plan: BackoffPlan,
    dice: Dice,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub const fn new(plan: BackoffPlan, dice: Dice) -> Self {
        Self {
            plan,
            dice,
            failures: 0,
        }
    }

    /// A try has failed: how long to wait before the next one. Between half of the plan's pause and all of
    /// it, so that many who failed together do not come back together.
    pub fn failed(&mut self) -> Duration {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let pause = self.plan.first.saturating_mul(1 << doublings);
        let pause = pause.min(self.plan.cap);
        let us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(us - self.dice.below(us / 2 + 1))
    }

    /// What was tried worked, for so long, and is over.
    pub fn worked(&mut self, lasted: Duration) {
        if lasted >= self.plan.steady {
            self.failures = 0;
        }
    }

    /// Failures since something worked.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the latest failure has a line in the log: the first does, the second, the fourth and so on,
    /// so that an hour of trouble is some ten lines.
    pub const fn is_worth_a_line(&self) -> bool {
        self.failures.is_power_of_two()
    }

    /// How often something that always fails at once is tried within `window`, the first try included: what
    /// tests hold a plan against.
    #[must_use]
    pub fn tries_within(mut self, window: Duration) -> usize {
        let (mut now, mut tries) = (Duration::ZERO, 0);
        while now <= window {
            tries += 1;
            now += self.failed().max(Duration::from_micros(1));
        }
        tries
    }
}

/// A source of numbers for pauses: not for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice(u64);

impl Dice {
    /// Seeded by the system; where that has no randomness, by nothing: the pauses are then everybody's.
    pub fn system() -> Self {
        Self(ids::random_bytes().map_or(0, u64::from_le_bytes))
    }

    /// The same seed throws the same numbers.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by a name, for decisions that draw no random numbers: each name has throws of its own.
    pub fn named(name: &str) -> Self {
        // FNV-1a.
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |seed: u64, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed)
    }

    /// A number under `n`; 0 when `n` is 0.
    fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).checked_rem(n).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: BackoffPlan = BackoffPlan {
        first: Duration::from_millis(100),
        cap: Duration::from_secs(5),
        steady: Duration::from_secs(10),
    };

    fn of(seed: u64) -> Backoff {
        Backoff::new(PLAN, Dice::seeded(seed))
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_are_never_under_half_of_it() {
        for seed in 0..50 {
            let mut backoff = of(seed);
            for whole in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
                let pause = backoff.failed();
                let whole = Duration::from_millis(whole);
                assert!(pause >= whole / 2 && pause <= whole, "{pause:?}");
            }
        }
    }

    #[test]
    fn a_crowd_that_failed_together_does_not_come_back_together() {
        let pauses: std::collections::HashSet<_> = (0..100).map(|seed| of(seed).failed()).collect();
        assert!(pauses.len() > 90, "{} of 100", pauses.len());
    }

    #[test]
    fn only_a_success_that_lasted_begins_anew() {
        let mut backoff = of(1);
        for _ in 0..10 {
            backoff.failed();
            backoff.worked(Duration::from_secs(9));
        }
        assert!(backoff.failed() >= PLAN.cap / 2);
        backoff.worked(PLAN.steady);
        assert!(backoff.failed() <= PLAN.first);
    }

    #[test]
    fn what_never_works_is_tried_a_few_times_and_logged_less_often_still() {
        for seed in 0..50 {
            assert!(of(seed).tries_within(Duration::from_secs(10)) <= 12);
            let hour = of(seed).tries_within(Duration::from_secs(3600));
            assert!(hour <= 1_450, "{hour}");
            let mut backoff = of(seed);
            let lines = (0..hour).filter(|_| {
                backoff.failed();
                backoff.is_worth_a_line()
            });
            assert!(lines.count() <= 11);
        }
    }

    #[test]
    fn a_plan_without_a_pause_ends_all_the_same() {
        let plan = BackoffPlan {
            first: Duration::ZERO,
            cap: Duration::ZERO,
            steady: Duration::ZERO,
        };
        let mut backoff = Backoff::new(plan, Dice::seeded(0));
        assert_eq!(backoff.failed(), Duration::ZERO);
        let mut long = Backoff::new(
            BackoffPlan {
                first: Duration::MAX,
                cap: Duration::MAX,
                steady: Duration::ZERO,
            },
            Dice::seeded(0),
        );
        assert!(long.failed() > Duration::from_secs(3600));
    }
}
