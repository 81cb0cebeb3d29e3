//! One order on its way: asked, waited for, tried again, given up.

use std::time::Duration;

use weir_base::{Backoff, BackoffPlan, Dice};
use weir_cluster::drain::safe_to_terminate;
use weir_cluster::record::{Scheme, Scope};
use weir_cluster::view::Node;
use weir_cluster::{Name, View, scale};

use super::{Act, Note, Outcome, SCALER, Target};
use crate::order::{Done, Order};

/// How often an act is tried under one id.
const TRIES: u32 = 5;
/// Before the second try and each further one.
const RETRY: BackoffPlan = BackoffPlan {
    first: Duration::from_secs(2),
    cap: Duration::from_secs(16),
    steady: Duration::ZERO,
};
/// A node that was told to drain says so in its next beat; this is many of them, microseconds.
const SHOWS_US: i64 = 15_000_000;

/// One order and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) order: Order,
    /// The life of the node that shall go.
    pub(super) boot: u64,
    step: Step,
    next: Next,
    backoff: Backoff,
    url: String,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The provider starts nodes.
    Grow,
    /// The node is asked who had it drain.
    Ask,
    /// The node is told to drain.
    Drain,
    /// It drains: since when, and until when it may.
    Wait { since_us: i64, until_us: i64 },
    /// The provider removes the node.
    Shrink,
    /// There is nothing more to do.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// An answer is awaited.
    Answer,
    /// Something is due then.
    At(i64),
}

/// What becomes of a job by an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Goes,
    /// It is done.
    Done(Done),
    /// The node is not for us to remove.
    NotOurs,
    /// It is not tried again.
    GivenUp,
}

impl Job {
    /// More nodes; with the first act.
    pub(super) fn grow(order: Order) -> (Self, Act) {
        let act = Act::Grow(order.clone());
        let backoff = backoff(&order);
        let job = Self {
            order,
            boot: 0,
            step: Step::Grow,
            next: Next::Answer,
            backoff,
            url: String::new(),
        };
        (job, act)
    }

    /// A node less, from the step [`Step::Ask`] or [`Step::Drain`]; with the first act, unless the node
    /// cannot be spoken with.
    pub(super) fn leave(step: Step, order: Order, node: &Node) -> (Self, Option<Act>) {
        let record = node.record.as_ref();
        let protocols = [Scheme::Http, Scheme::Https];
        let address = record.and_then(|record| {
            let within = record.address(&protocols, Scope::Internal, None);
            within.or_else(|| record.address(&protocols, Scope::Public, None))
        });
        let backoff = backoff(&order);
        let job = Self {
            order,
            boot: node.boot,
            step,
            next: Next::Answer,
            backoff,
            url: address
                .map(|address| address.url.clone())
                .unwrap_or_default(),
        };
        let act = (!job.url.is_empty()).then(|| job.act()).flatten();
        (job, act)
    }

    /// Whether an answer is awaited.
    pub(super) fn is_under_way(&self) -> bool {
        self.next == Next::Answer
    }

    /// Whether there is nothing more to do.
    pub(super) fn is_over(&self) -> bool {
        self.step == Step::Over
    }

    /// Does what is due.
    pub(super) fn go_on(&mut self, view: &View, now_us: i64) -> Vec<Act> {
        let Next::At(at_us) = self.next else {
            return Vec::new();
        };
        let mut acts = Vec::new();
        if let Step::Wait { since_us, until_us } = self.step {
            // What is not believed of others is not acted upon.
            if !(view.is_frozen() || view.is_doubting()) {
                self.watch(view, since_us, until_us, now_us, &mut acts);
            }
        } else if now_us >= at_us {
            self.next = Next::Answer;
            acts.extend(self.act());
        }
        acts
    }

    /// An answer came.
    pub(super) fn heard(
        &mut self,
        outcome: &Outcome,
        drain_us: i64,
        now_us: i64,
        acts: &mut Vec<Act>,
    ) -> Fate {
        match (self.step, outcome) {
            (Step::Grow | Step::Shrink, Outcome::Done(done)) => {
                acts.push(self.note("done", done.note.clone()));
                Fate::Done(done.clone())
            }
            (Step::Ask, Outcome::Drains(by)) if by.as_deref() != Some(SCALER) => {
                let by = by.as_deref().unwrap_or("somebody");
                acts.push(self.note("not_ours", format!("{by} had it drain")));
                Fate::NotOurs
            }
            (Step::Ask | Step::Drain, Outcome::Drains(_)) => {
                acts.push(self.note("drains", String::new()));
                self.step = Step::Wait {
                    since_us: now_us,
                    until_us: now_us.saturating_add(drain_us),
                };
                self.next = Next::At(now_us);
                Fate::Goes
            }
            (_, Outcome::Failed(failure))
                if failure.again && self.backoff.failures() + 1 < TRIES =>
            {
                acts.push(self.note("failed", failure.words.clone()));
                let wait = self.backoff.failed();
                let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                self.next = Next::At(now_us.saturating_add(wait_us));
                Fate::Goes
            }
            (_, Outcome::Failed(failure)) => {
                acts.push(self.note("given_up", failure.words.clone()));
                // Who cannot say that it drains for us is left alone.
                if self.step == Step::Ask {
                    Fate::NotOurs
                } else {
                    Fate::GivenUp
                }
            }
            (_, Outcome::Done(_) | Outcome::Drains(_)) => Fate::GivenUp,
        }
    }

    /// A line of the log about this order.
    pub(super) fn note(&self, what: &'static str, result: String) -> Act {
        Act::Note(Note {
            pool: self.order.pool.clone(),
            what,
            order: self.order.id.clone(),
            node: self.order.node.clone(),
            why: self.order.reason.clone(),
            result,
        })
    }

    /// Looks whether the node has nobody left, or has gone, or has had its time.
    fn watch(
        &mut self,
        view: &View,
        since_us: i64,
        until_us: i64,
        now_us: i64,
        acts: &mut Vec<Act>,
    ) {
        let node = self.order.node.as_ref().and_then(|id: &Name| view.find(id));
        let what = match node {
            None => "gone",
            Some(node) if node.boot != self.boot => {
                acts.push(self.note("given_up", "the node has begun another life".into()));
                self.step = Step::Over;
                return;
            }
            Some(node) if safe_to_terminate(node) => "empty",
            Some(node) if !scale::is_leaving(node) => {
                if now_us.saturating_sub(since_us) > SHOWS_US {
                    acts.push(self.note("given_up", "the node takes work again".into()));
                    self.step = Step::Over;
                }
                return;
            }
            Some(_) if now_us >= until_us => "drained_long_enough",
            Some(_) => return,
        };
        acts.push(self.note(what, String::new()));
        (self.step, self.next) = (Step::Shrink, Next::Answer);
        self.backoff.worked(RETRY.steady);
        acts.extend(self.act());
    }

    fn act(&self) -> Option<Act> {
        let target = || Target {
            url: self.url.clone(),
            boot: self.boot,
        };
        match self.step {
            Step::Grow => Some(Act::Grow(self.order.clone())),
            Step::Ask => Some(Act::Ask(self.order.clone(), target())),
            Step::Drain => Some(Act::Drain(self.order.clone(), target())),
            Step::Shrink => Some(Act::Shrink(self.order.clone())),
            Step::Wait { .. } | Step::Over => None,
        }
    }
}

/// Orders of many pools that fail together are not tried again together: each id has pauses of its own.
fn backoff(order: &Order) -> Backoff {
    Backoff::new(RETRY, Dice::named(&order.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_failed_together_are_not_tried_again_together() {
        let pauses: std::collections::HashSet<_> = (0..50)
            .map(|n| Backoff::new(RETRY, Dice::named(&format!("order-{n}"))).failed())
            .collect();
        assert!(pauses.len() > 45, "{} of 50", pauses.len());
    }
}
