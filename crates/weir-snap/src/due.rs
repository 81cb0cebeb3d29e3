//! Which streams are due for a picture, and in which order: decisions without IO. A stream waits once, whatever
//! happens meanwhile, and is given its newest keyframe when it is its turn: so what is too much thins all evenly.

use std::collections::{HashMap, VecDeque};

use weir_base::StreamName;
use weir_base::limits::STREAMS;

use crate::shot::Reason;

/// A stream whose keyframes cannot be decoded is tried less and less often, but so often at least.
const LEAST_OFTEN_US: i64 = 300_000_000;
/// Doublings of its interval.
const MAX_DOUBLINGS: u32 = 8;

/// Looks for which a stream that is over is remembered: its end may be told after it was seen to be gone.
const GRACE_LOOKS: u64 = 8;

/// Which keyframe: where it lies on which clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) clock_id: u64,
    pub(crate) dts_us: i64,
}

/// A live stream as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) name: StreamName,
    /// Another for each broadcast.
    pub(crate) life: (i64, u64),
    /// Microseconds between two pictures; 0 for none.
    pub(crate) every_us: i64,
    /// Each is an event.
    pub(crate) is_told: bool,
    /// Its newest keyframe.
    pub(crate) newest: Option<Mark>,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Taken,
    Undecodable,
    /// It says nothing of the stream.
    Away,
}

/// Who waits, and who was served when.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    seats: HashMap<StreamName, Seat>,
    line: VecDeque<StreamName>,
    looks: u64,
    turns: u64,
}

#[derive(Debug)]
struct Seat {
    life: (i64, u64),
    every_us: i64,
    is_told: bool,
    /// When the last picture was begun.
    last_us: Option<i64>,
    last: Option<Mark>,
    failures: u32,
    due_us: Option<i64>,
    at_work: bool,
    look: u64,
    /// Which turn of all its last one was.
    turn: u64,
}

impl Plan {
    /// Sees all streams that are live, and lines up those that are due.
    pub(crate) fn look(&mut self, now_us: i64, streams: impl Iterator<Item = Seen>) {
        self.looks += 1;
        let mut due = Vec::new();
        for seen in streams.take(STREAMS) {
            let seat = self
                .seats
                .entry(seen.name.clone())
                .or_insert_with(|| Seat::new(seen.life));
            if seat.life != seen.life {
                // What is at work or in the line is of the broadcast before it, and is over when it comes back.
                let (at_work, due_us) = (seat.at_work, seat.due_us);
                *seat = Seat::new(seen.life);
                (seat.at_work, seat.due_us) = (at_work, due_us);
            }
            seat.look = self.looks;
            (seat.every_us, seat.is_told) = (seen.every_us, seen.is_told);
            if seat.due_us.is_none() && !seat.at_work && seat.is_due(now_us, seen.newest) {
                seat.due_us = Some(now_us);
                due.push((seat.turn, seen.name));
            }
        }
        // Those that are due together wait as they were served, whatever they are called.
        due.sort_unstable();
        self.line.extend(due.into_iter().map(|(_, name)| name));
        let looks = self.looks;
        self.seats
            .retain(|_, seat| seat.look + GRACE_LOOKS >= looks || seat.at_work);
    }

    /// Whose turn it is, and why.
    pub(crate) fn next(&mut self) -> Option<(StreamName, Reason)> {
        loop {
            let name = self.line.pop_front()?;
            let Some(seat) = self.seats.get_mut(&name) else {
                continue;
            };
            // One that is to have none any more has none from now on.
            if seat.due_us.take().is_none() || seat.every_us == 0 {
                continue;
            }
            seat.at_work = true;
            self.turns += 1;
            seat.turn = self.turns;
            let reason = match seat.last_us {
                None => Reason::First,
                Some(_) => Reason::Interval,
            };
            return Some((name, reason));
        }
    }

    /// Whether this keyframe was taken already.
    pub(crate) fn has(&self, name: &StreamName, mark: Mark) -> bool {
        self.seats.get(name).and_then(|seat| seat.last) == Some(mark)
    }

    /// Whether pictures are taken of a stream at all.
    pub(crate) fn wants(&self, name: &StreamName) -> bool {
        self.seats.get(name).is_some_and(|seat| seat.every_us > 0)
    }

    /// Whether each picture of a stream is an event.
    pub(crate) fn is_told(&self, name: &StreamName) -> bool {
        self.seats.get(name).is_some_and(|seat| seat.is_told)
    }

    /// A turn is over that began at `began_us` with this keyframe; none where there was nothing to take.
    pub(crate) fn done(
        &mut self,
        name: &StreamName,
        began_us: i64,
        mark: Option<Mark>,
        outcome: Outcome,
    ) {
        let Some(seat) = self.seats.get_mut(name) else {
            return;
        };
        seat.at_work = false;
        let Some(mark) = mark else { return };
        seat.last_us = Some(began_us);
        seat.last = Some(mark);
        match outcome {
            Outcome::Taken => seat.failures = 0,
            Outcome::Undecodable => seat.failures = seat.failures.saturating_add(1),
            Outcome::Away => {}
        }
    }

    /// How many wait, and since when the first.
    pub(crate) fn waiting(&self) -> (usize, Option<i64>) {
        let first = self.line.front().and_then(|name| self.seats.get(name));
        (self.line.len(), first.and_then(|seat| seat.due_us))
    }
}

impl Seat {
    const fn new(life: (i64, u64)) -> Self {
        Self {
            life,
            every_us: 0,
            is_told: false,
            last_us: None,
            last: None,
            failures: 0,
            due_us: None,
            at_work: false,
            look: 0,
            turn: 0,
        }
    }

    fn is_due(&self, now_us: i64, newest: Option<Mark>) -> bool {
        let is_new = newest.is_some() && newest != self.last;
        if self.every_us == 0 || !is_new {
            return false;
        }
        let slower = self.every_us << self.failures.min(MAX_DOUBLINGS);
        let wait_us = slower.min(LEAST_OFTEN_US.max(self.every_us));
        self.last_us
            .is_none_or(|last_us| now_us - last_us >= wait_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    fn name(text: &str) -> StreamName {
        StreamName::new("", "live", text).unwrap()
    }

    fn seen(text: &str, every_s: i64, key_s: i64) -> Seen {
        Seen {
            name: name(text),
            life: (0, 1),
            every_us: every_s * S,
            is_told: false,
            newest: Some(Mark {
                clock_id: 1,
                dts_us: key_s * S,
            }),
        }
    }

    /// Looks once, and serves all who are due; who they were.
    fn served(plan: &mut Plan, now_s: i64, streams: &[Seen], outcome: Outcome) -> Vec<String> {
        plan.look(now_s * S, streams.iter().cloned());
        let mut all = Vec::new();
        while let Some((name, reason)) = plan.next() {
            let mark = streams.iter().find(|one| one.name == name).unwrap().newest;
            plan.done(&name, now_s * S, mark, outcome);
            all.push(format!("{} {}", name.stream(), reason.name()));
        }
        all
    }

    #[test]
    fn a_stream_has_its_first_keyframe_taken_and_then_one_each_interval() {
        let mut plan = Plan::default();
        let mut at = |now_s, key_s| {
            let streams = [seen("a", 10, key_s)];
            served(&mut plan, now_s, &streams, Outcome::Taken)
        };
        assert_eq!(at(0, 0), ["a first"]);
        assert!(at(9, 8).is_empty());
        assert_eq!(at(10, 10), ["a interval"]);
        // No keyframe came since: the same picture is not taken twice.
        assert!(at(25, 10).is_empty());
        assert_eq!(at(26, 26), ["a interval"]);
    }

    #[test]
    fn another_interval_counts_at_once_also_for_who_waits() {
        let mut plan = Plan::default();
        served(&mut plan, 0, &[seen("a", 3_600, 0)], Outcome::Taken);
        assert!(served(&mut plan, 5, &[seen("a", 3_600, 4)], Outcome::Taken).is_empty());
        let every_2_s = served(&mut plan, 6, &[seen("a", 2, 6)], Outcome::Taken);
        assert_eq!(every_2_s, ["a interval"]);
        plan.look(9 * S, [seen("a", 2, 8)].into_iter());
        plan.look(9 * S, [seen("a", 0, 8)].into_iter());
        assert_eq!(plan.next(), None, "none are wanted any more");
        let again = served(&mut plan, 10, &[seen("a", 2, 10)], Outcome::Taken);
        assert_eq!(again, ["a interval"]);
    }

    #[test]
    fn what_is_too_much_thins_all_evenly() {
        let mut plan = Plan::default();
        let mut served = HashMap::<StreamName, u32>::new();
        for now_s in 0..100 {
            let streams = (0..10).map(|n| seen(&n.to_string(), 1, now_s));
            plan.look(now_s * S, streams);
            // Three turns a second for ten streams that want one each second.
            for _ in 0..3 {
                let Some((name, _)) = plan.next() else { break };
                let mark = Mark {
                    clock_id: 1,
                    dts_us: now_s * S,
                };
                plan.done(&name, now_s * S, Some(mark), Outcome::Taken);
                *served.entry(name).or_default() += 1;
            }
            assert!(plan.waiting().0 <= 10, "each waits once");
        }
        assert!(
            served.values().all(|times| (29..=31).contains(times)),
            "{served:?}"
        );
    }

    #[test]
    fn what_cannot_be_decoded_is_tried_less_and_less_often_and_never_given_up() {
        let mut plan = Plan::default();
        let mut tries = Vec::new();
        for now_s in 0..3_000 {
            let streams = [seen("a", 10, now_s)];
            if !served(&mut plan, now_s, &streams, Outcome::Undecodable).is_empty() {
                tries.push(now_s);
            }
        }
        assert_eq!(tries[..5], [0, 20, 60, 140, 300]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= 300));
        let streams = [seen("a", 10, 4_000)];
        assert_eq!(served(&mut plan, 4_000, &streams, Outcome::Taken).len(), 1);
        let streams = [seen("a", 10, 4_010)];
        assert_eq!(served(&mut plan, 4_010, &streams, Outcome::Taken).len(), 1);
    }

    #[test]
    fn another_broadcast_begins_anew_and_what_is_gone_is_forgotten() {
        let mut plan = Plan::default();
        served(&mut plan, 0, &[seen("a", 10, 0)], Outcome::Taken);
        let next = Seen {
            life: (0, 2),
            ..seen("a", 10, 3)
        };
        assert_eq!(served(&mut plan, 3, &[next], Outcome::Taken), ["a first"]);
        plan.look(4 * S, std::iter::empty());
        assert!(plan.wants(&name("a")), "its end is yet to be told");
        (0..GRACE_LOOKS).for_each(|_| plan.look(4 * S, std::iter::empty()));
        assert!(plan.seats.is_empty());
    }
}
