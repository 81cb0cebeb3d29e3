//! What a pool bore, how many nodes it had, and what was done about it.

use std::collections::{HashMap, VecDeque};

use super::{Decision, Policy, Pool};
use crate::fill::Cost;
use crate::limits::{NODES, SCALE_SAMPLES};
use crate::name::Name;
use crate::view::View;

/// Growth over less than this, microseconds, is noise.
const MIN_SPAN_US: i64 = 10_000_000;
/// Growth is measured over at least this much of the past, microseconds.
const MIN_WINDOW_US: i64 = 60_000_000;
/// Parts of that time, whose growth is compared.
const PARTS: i64 = 4;
/// Demand within this time is one sample, microseconds, unless a long cooldown needs longer ones.
const BUCKET_US: i64 = 5_000_000;
/// A node-life not seen for so long counts as a new one when it is back, microseconds.
const FORGET_US: i64 = 600_000_000;
/// The least time a node that was ordered is waited for, microseconds.
const MIN_BOOT_US: i64 = 30_000_000;
/// The day of the budget, microseconds.
const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i128 = 3_600_000_000;

/// What a pool bore and what was done about it. Each node keeps one, so that whoever comes to lead
/// knows what it saw itself; it begins empty, and so with a cooldown.
#[derive(Debug, Clone)]
pub struct History {
    /// Oldest first.
    samples: VecDeque<Sample>,
    last_up_us: i64,
    last_change_us: i64,
    /// Node-hours spent in the running day, in node-microseconds, and when that began.
    spent_node_us: i64,
    day_began_us: i64,
    sampled_us: i64,
    /// Until when nodes that were ordered are waited for, oldest first.
    ordered: VecDeque<i64>,
    overdue: u64,
    /// Lives seen in the pool, and when last; `None` before the first look.
    seen: Option<HashMap<(Name, u64), i64>>,
    size: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    began_us: i64,
    at_us: i64,
    /// At `at_us`.
    demand: Cost,
    /// The most since `began_us`.
    peak: Cost,
}

impl History {
    /// That begins now.
    pub fn new(now_us: i64) -> Self {
        Self {
            samples: VecDeque::new(),
            last_up_us: i64::MIN,
            last_change_us: now_us,
            spent_node_us: 0,
            day_began_us: now_us,
            sampled_us: now_us,
            ordered: VecDeque::new(),
            overdue: 0,
            seen: None,
            size: 0,
        }
    }

    /// Remembers demand as it is now, what the nodes cost, and who has come and gone; every five
    /// seconds or so.
    pub fn sample(&mut self, view: &View, policy: &Policy, pending: Cost, now_us: i64) {
        let pool = Pool::of(view, policy);
        self.remember(pool.demand.plus(pending), policy, now_us);
        let passed_us = now_us.saturating_sub(self.sampled_us).max(0);
        let nodes = i64::from(pool.current.saturating_add(pool.leaving));
        self.spent_node_us = self
            .spent_node_us
            .saturating_add(passed_us.saturating_mul(nodes));
        self.sampled_us = now_us;
        if now_us.saturating_sub(self.day_began_us) >= DAY_US {
            (self.day_began_us, self.spent_node_us) = (now_us, 0);
        }
        while self
            .ordered
            .pop_front_if(|until| *until <= now_us)
            .is_some()
        {
            self.overdue += 1;
        }
        self.look(view, policy, pool.current, now_us);
    }

    /// A decision is being carried out.
    pub fn changed(&mut self, decision: &Decision, now_us: i64) {
        if decision.desired > decision.current.saturating_add(decision.booting) {
            self.last_up_us = now_us;
        }
        if decision.desired != decision.current {
            self.last_change_us = now_us;
        }
    }

    /// Nodes were ordered: they are counted as there until they come, or for twice the time that a
    /// node takes to boot.
    pub fn ordered(&mut self, nodes: u32, policy: &Policy, now_us: i64) {
        let patience_us = policy.boot_ms.saturating_mul(2_000).max(MIN_BOOT_US);
        for _ in 0..nodes.min(policy.max) {
            self.ordered.push_back(now_us.saturating_add(patience_us));
        }
    }

    /// This node decides from now on. What the one before it has just ordered is not known here, so
    /// that all cooldowns begin.
    pub fn takes_office(&mut self, now_us: i64) {
        self.last_up_us = self.last_up_us.max(now_us);
        self.last_change_us = self.last_change_us.max(now_us);
    }

    /// Nodes that were ordered and have not come yet.
    pub fn booting(&self, now_us: i64) -> u32 {
        let waited = self.ordered.iter().filter(|until| **until > now_us);
        u32::try_from(waited.count()).unwrap_or(u32::MAX)
    }

    /// Nodes that were ordered and never came, since the beginning.
    pub fn overdue(&self) -> u64 {
        self.overdue
    }

    pub(super) fn since_up_us(&self, now_us: i64) -> i64 {
        now_us.saturating_sub(self.last_up_us)
    }

    pub(super) fn since_change_us(&self, now_us: i64) -> i64 {
        now_us.saturating_sub(self.last_change_us)
    }

    /// The most that was borne within the last `within_us`.
    pub(super) fn peak(&self, within_us: i64, now_us: i64) -> Cost {
        let from_us = now_us.saturating_sub(within_us);
        let recent = self.samples.iter().filter(|s| s.at_us >= from_us);
        recent.fold(Cost::default(), |most, sample| most_of(most, sample.peak))
    }

    /// Demand that comes on top until a node that is ordered now would serve, if it goes on growing as
    /// it did; shrinking is not believed ahead of time. Growth is what three of the last four parts of
    /// a while have in common, beyond what was borne within the time of a cooldown: neither a leap nor what goes
    /// up and down is taken for it.
    pub(super) fn growth(&self, policy: &Policy) -> Cost {
        let ahead_us = policy.boot_ms.max(0).saturating_mul(1000);
        let Some(last) = self.samples.back() else {
            return Cost::default();
        };
        let window_us = ahead_us.max(MIN_WINDOW_US);
        let from_us = last.at_us.saturating_sub(window_us);
        let Some(first) = self.samples.iter().find(|s| s.at_us >= from_us) else {
            return Cost::default();
        };
        let part_us = last.at_us.saturating_sub(first.at_us) / PARTS;
        if part_us < MIN_SPAN_US / PARTS {
            return Cost::default();
        }
        let memory_us = policy.cooldown_down_ms.saturating_mul(1000).max(window_us);
        let since_us = last.at_us.saturating_sub(memory_us);
        let ahead = |of: fn(&Cost) -> u64| {
            let at = |part| self.demand_at(first.at_us.saturating_add(part_us * part), of);
            let mut rises: Vec<u64> = (0..PARTS)
                .map(|part| at(part + 1).saturating_sub(at(part)))
                .collect();
            rises.sort_unstable();
            // What it bore before is not new either.
            let before_us = last.at_us.saturating_sub(part_us);
            let older = self
                .samples
                .iter()
                .filter(|s| (since_us..=before_us).contains(&s.at_us));
            let peak = older.map(|s| of(&s.peak)).max().unwrap_or(0);
            let new = of(&last.demand).saturating_sub(peak);
            let rise = u128::from(rises.get(1).copied().unwrap_or(0).min(new));
            let ahead = rise.saturating_mul(u128::from(ahead_us.unsigned_abs()));
            u64::try_from(ahead / u128::from(part_us.unsigned_abs())).unwrap_or(u64::MAX)
        };
        Cost {
            out_kbps: ahead(|cost| cost.out_kbps),
            cpu_permille: ahead(|cost| cost.cpu_permille),
            connections: ahead(|cost| cost.connections),
        }
    }

    /// Demand at a time between the first sample and the last, on the line between its neighbours.
    fn demand_at(&self, at_us: i64, of: fn(&Cost) -> u64) -> u64 {
        let after = self.samples.partition_point(|s| s.at_us < at_us);
        let right = self.samples.get(after).or(self.samples.back());
        let left = after.checked_sub(1).and_then(|at| self.samples.get(at));
        let (Some(left), Some(right)) = (left.or(right), right) else {
            return 0;
        };
        let (from, to) = (of(&left.demand), of(&right.demand));
        let all_us = u128::from(right.at_us.saturating_sub(left.at_us).max(1).unsigned_abs());
        let passed_us = u128::from(at_us.saturating_sub(left.at_us).max(0).unsigned_abs());
        let part = u128::from(from.abs_diff(to)).saturating_mul(passed_us.min(all_us)) / all_us;
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        if to >= from {
            from.saturating_add(part)
        } else {
            from.saturating_sub(part)
        }
    }

    /// Nodes that the rest of the day's budget pays for until the day ends.
    pub(super) fn affordable(&self, policy: &Policy) -> u32 {
        let Some(hours) = policy.budget_node_hours else {
            return u32::MAX;
        };
        let left_us = i128::from(hours) * HOUR_US - i128::from(self.spent_node_us);
        let day_left_us =
            24 * HOUR_US - i128::from(self.sampled_us.saturating_sub(self.day_began_us));
        u32::try_from(left_us.max(0) / day_left_us.max(HOUR_US)).unwrap_or(u32::MAX)
    }

    fn remember(&mut self, demand: Cost, policy: &Policy, now_us: i64) {
        // All of the longest cooldown has to fit into the samples.
        let samples = i64::try_from(SCALE_SAMPLES / 2).unwrap_or(1);
        let bucket_us = (policy.cooldown_down_ms.saturating_mul(1_000) / samples).max(BUCKET_US);
        if let Some(last) = self.samples.back_mut()
            && now_us.saturating_sub(last.began_us) < bucket_us
        {
            (last.at_us, last.demand) = (now_us, demand);
            last.peak = most_of(last.peak, demand);
            return;
        }
        if self.samples.len() >= SCALE_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            began_us: now_us,
            at_us: now_us,
            demand,
            peak: demand,
        });
    }

    /// Who is new was either waited for, or came by somebody else's hand, which is a change too.
    fn look(&mut self, view: &View, policy: &Policy, size: u32, now_us: i64) {
        let first_look = self.seen.is_none();
        let seen = self.seen.get_or_insert_default();
        seen.retain(|_, last_us| now_us.saturating_sub(*last_us) < FORGET_US);
        let mut uninvited = false;
        for node in super::members(view, policy).filter(|node| node.takes_work()) {
            let life = (node.id.clone(), node.boot);
            if let Some(last_us) = seen.get_mut(&life) {
                *last_us = now_us;
                continue;
            }
            if seen.len() < NODES {
                seen.insert(life, now_us);
            }
            uninvited |= self.ordered.pop_front().is_none();
        }
        if first_look {
            self.size = size;
            return;
        }
        if size > self.size && uninvited {
            self.last_up_us = self.last_up_us.max(now_us);
        }
        if size != self.size {
            self.last_change_us = self.last_change_us.max(now_us);
        }
        self.size = size;
    }
}

fn most_of(a: Cost, b: Cost) -> Cost {
    Cost {
        out_kbps: a.out_kbps.max(b.out_kbps),
        cpu_permille: a.cpu_permille.max(b.cpu_permille),
        connections: a.connections.max(b.connections),
    }
}
