//! How a node is emptied: who is told to go when, and when nobody is left whom stopping would hurt.
//! Numbers go in and decisions come out; who the clients are is known elsewhere.

use crate::record::Load;
use crate::view::Node;

/// Clients of one node. Other nodes are not counted: they go elsewhere by themselves, and what is
/// pulled for viewers ends with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Streams published to this node.
    pub publishers: u64,
    /// Viewers, those of HLS included.
    pub viewers: u64,
}

impl Remaining {
    /// Nobody is left whom stopping the process would hurt.
    pub const fn is_nobody(self) -> bool {
        self.publishers == 0 && self.viewers == 0
    }
}

impl From<&Load> for Remaining {
    fn from(load: &Load) -> Self {
        Self {
            publishers: load.publishers,
            viewers: load.viewers,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing now.
    Wait,
    /// Send so many more viewers elsewhere.
    Move(usize),
    /// Nobody is left, or the time is: whoever is still there is told to go, and that is the end.
    End,
}

/// One drain. Viewers of a node with others beside it are sent on one after the other, so that they do
/// not all come to the others at once: evenly over the first two thirds of the time, the last third is
/// for those who are slow to go. A node alone keeps them to the end, for there is nowhere to go.
#[derive(Debug, Clone)]
pub struct Drain {
    began_us: i64,
    limit_us: i64,
    viewers: usize,
    moved: usize,
    is_alone: bool,
    is_over: bool,
}

impl Drain {
    /// Begins with so many viewers that can be sent on, and ends after `limit_ms` at the latest.
    pub fn begin(viewers: usize, limit_ms: u64, is_alone: bool, now_us: i64) -> Self {
        let limit_us = i64::try_from(limit_ms).unwrap_or(i64::MAX);
        Self {
            began_us: now_us,
            limit_us: limit_us.saturating_mul(1000),
            viewers,
            moved: 0,
            is_alone,
            is_over: false,
        }
    }

    /// What to do now; some times a second. Viewers of a [`Step::Move`] count as sent.
    pub fn step(&mut self, remaining: Remaining, now_us: i64) -> Step {
        if self.is_over {
            return Step::Wait;
        }
        let passed_us = now_us.saturating_sub(self.began_us);
        if remaining.is_nobody() || passed_us >= self.limit_us {
            self.is_over = true;
            return Step::End;
        }
        if self.is_alone {
            return Step::Wait;
        }
        let due = self.due(passed_us).saturating_sub(self.moved);
        self.moved += due;
        match due {
            0 => Step::Wait,
            due => Step::Move(due),
        }
    }

    /// Whether the end was told.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// Viewers that should have been sent on by now.
    fn due(&self, passed_us: i64) -> usize {
        let spread_us = (self.limit_us / 3 * 2).max(1);
        let permille = passed_us.clamp(0, spread_us) / (spread_us / 1000).max(1);
        let permille = usize::try_from(permille).unwrap_or(1000).min(1000);
        self.viewers.saturating_mul(permille) / 1000
    }
}

/// Whether a draining node has nobody left. One that is not heard of is not known to be idle.
pub fn safe_to_terminate(node: &Node) -> bool {
    node.is_synced()
        && node.owns().next().is_none()
        && node
            .record
            .as_ref()
            .is_some_and(|record| record.draining && Remaining::from(&record.load).is_nobody())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1000;

    fn some(viewers: u64) -> Remaining {
        Remaining {
            publishers: 1,
            viewers,
        }
    }

    #[test]
    fn viewers_are_sent_on_evenly_over_two_thirds_of_the_time() {
        let mut drain = Drain::begin(90, 30_000, false, 0);
        let mut sent = Vec::new();
        for at_ms in (0..30_000).step_by(100) {
            match drain.step(some(90), at_ms * MS) {
                Step::Move(now) => sent.push((at_ms, now)),
                step => assert_eq!(step, Step::Wait),
            }
        }
        assert_eq!(sent.iter().map(|(_, now)| now).sum::<usize>(), 90);
        assert!(sent.iter().all(|(_, now)| *now == 1), "never many at once");
        let half = sent.iter().filter(|(at_ms, _)| *at_ms <= 10_000).count();
        assert!((44..=46).contains(&half), "{half}");
        assert!(sent.last().is_some_and(|(at_ms, _)| *at_ms <= 20_000));
        assert_eq!(drain.step(some(3), 30_000 * MS), Step::End);
        assert!(drain.is_over());
        assert_eq!(drain.step(some(3), 30_100 * MS), Step::Wait);
    }

    #[test]
    fn a_node_alone_keeps_its_viewers_to_the_end() {
        let mut drain = Drain::begin(90, 3_000, true, 0);
        assert_eq!(drain.step(some(90), 2_999 * MS), Step::Wait);
        assert_eq!(drain.step(some(90), 3_000 * MS), Step::End);
    }

    #[test]
    fn a_drain_ends_when_nobody_is_left() {
        let mut drain = Drain::begin(9, 3_000, false, 0);
        let publisher = Remaining {
            publishers: 1,
            viewers: 0,
        };
        assert_ne!(drain.step(publisher, 1_000 * MS), Step::End);
        assert_eq!(drain.step(Remaining::default(), 1_100 * MS), Step::End);
    }

    #[test]
    fn what_is_late_to_look_sends_on_what_is_due() {
        let mut drain = Drain::begin(100, 3_000, false, 0);
        assert_eq!(drain.step(some(100), 1_000 * MS), Step::Move(50));
        assert_eq!(drain.step(some(100), 1_000 * MS), Step::Wait);
    }

    #[test]
    fn no_time_at_all_ends_at_once() {
        let mut drain = Drain::begin(100, 0, false, 0);
        assert_eq!(drain.step(some(100), 0), Step::End);
    }
}
