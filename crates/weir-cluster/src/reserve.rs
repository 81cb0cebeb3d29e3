//! What was just handed out and does not show in the nodes' load yet.

use std::collections::VecDeque;

use crate::fill::Cost;
use crate::limits::RESERVATIONS;
use crate::view::NodeRef;

/// Clients on their way, by node; each is forgotten after a while, when the node's load has them.
#[derive(Debug, Default)]
pub struct Reservations {
    waiting: VecDeque<(i64, NodeRef, Cost)>,
    /// By slot; of another generation means none.
    sums: Vec<(u32, Cost)>,
}

impl Reservations {
    /// Counts a client on its way to a node until `until_us`; first forgets what has ended at
    /// `now_us`. Times of one caller grow, so the oldest end first.
    pub fn reserve(&mut self, at: NodeRef, cost: Cost, until_us: i64, now_us: i64) {
        self.expire(now_us);
        if self.waiting.len() >= RESERVATIONS {
            self.drop_oldest();
        }
        let slot = at.slot as usize;
        if self.sums.len() <= slot {
            self.sums.resize(slot + 1, (0, Cost::default()));
        }
        if let Some(sum) = self.sums.get_mut(slot) {
            let old = if sum.0 == at.generation {
                sum.1
            } else {
                Cost::default()
            };
            *sum = (at.generation, old.plus(cost));
        }
        self.waiting.push_back((until_us, at, cost));
    }

    /// Forgets what has ended.
    pub fn expire(&mut self, now_us: i64) {
        while self
            .waiting
            .front()
            .is_some_and(|(until, ..)| *until <= now_us)
        {
            self.drop_oldest();
        }
    }

    /// What is on its way to a node.
    pub fn on(&self, at: NodeRef) -> Cost {
        let sum = self
            .sums
            .get(at.slot as usize)
            .filter(|sum| sum.0 == at.generation);
        sum.map_or(Cost::default(), |sum| sum.1)
    }

    /// What is on its way to each node that somebody is on the way to.
    pub fn all(&self) -> impl Iterator<Item = (NodeRef, Cost)> + '_ {
        let sums = (0_u32..).zip(&self.sums);
        let sums = sums.filter(|(_, (_, cost))| *cost != Cost::default());
        sums.map(|(slot, (generation, cost))| {
            let generation = *generation;
            (NodeRef { slot, generation }, *cost)
        })
    }

    /// Clients on their way.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody is on the way.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn drop_oldest(&mut self) {
        let Some((_, at, cost)) = self.waiting.pop_front() else {
            return;
        };
        let sum = self
            .sums
            .get_mut(at.slot as usize)
            .filter(|sum| sum.0 == at.generation);
        if let Some(sum) = sum {
            sum.1 = sum.1.minus(cost);
        }
    }
}
