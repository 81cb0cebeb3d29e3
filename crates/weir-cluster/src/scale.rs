//! How many nodes a pool should have: a pure function of the view, the policy, the history and now.
//! Somebody else starts and stops machines.

use std::collections::VecDeque;

use serde::Serialize;

use crate::fill::{Cost, Dimension};
use crate::limits::SCALE_SAMPLES;
use crate::name::Name;
use crate::record::{Capacity, NodeRecord, Role};
use crate::view::{Node, View};

/// What is wanted of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its role.
    pub role: Role,
    /// Its region; `None` for all regions together.
    pub region: Option<Name>,
    /// Never fewer nodes.
    pub min: u32,
    /// Never more nodes.
    pub max: u32,
    /// How full nodes should be, in thousandths.
    pub target_permille: u64,
    /// Nodes added at once, at most.
    pub step_up: u32,
    /// Nodes removed at once, at most.
    pub step_down: u32,
    /// Between two additions, milliseconds; additions do not wait for removals.
    pub cooldown_up_ms: i64,
    /// After any change before a removal, milliseconds.
    pub cooldown_down_ms: i64,
    /// How long a new node takes until it serves, milliseconds: growth is looked ahead by this.
    pub boot_ms: i64,
    /// Node-hours that may be spent within a day, the minimum included; `None` for no bound.
    pub budget_node_hours: Option<u64>,
    /// What a node can bear, where there is none to look at.
    pub node_capacity: Capacity,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// What a pool bore and what was done about it. Kept by the leader; a new one begins empty and so
/// begins with a cooldown.
#[derive(Debug, Clone)]
pub struct History {
    /// Time and demand, oldest first.
    samples: VecDeque<(i64, Cost)>,
    last_up_us: i64,
    last_change_us: i64,
    /// Node-hours spent in the running day, in node-microseconds, and when that began.
    spent_node_us: i64,
    day_began_us: i64,
    sampled_us: i64,
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
        }
    }

    /// Remembers demand as it is now, and counts what the nodes cost; every five seconds or so.
    pub fn sample(&mut self, view: &View, policy: &Policy, pending: Cost, now_us: i64) {
        const DAY_US: i64 = 86_400_000_000;
        let pool = Pool::of(view, policy);
        if self.samples.len() >= SCALE_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now_us, pool.demand.plus(pending)));
        if now_us.saturating_sub(self.day_began_us) >= DAY_US {
            (self.day_began_us, self.spent_node_us) = (now_us, 0);
        }
        let passed_us = now_us.saturating_sub(self.sampled_us).max(0);
        let nodes = i64::from(pool.current.saturating_add(pool.leaving));
        self.spent_node_us = self
            .spent_node_us
            .saturating_add(passed_us.saturating_mul(nodes));
        self.sampled_us = now_us;
    }

    /// A decision was carried out.
    pub fn changed(&mut self, decision: &Decision, now_us: i64) {
        if decision.desired > decision.current {
            self.last_up_us = now_us;
        }
        if decision.desired != decision.current {
            self.last_change_us = now_us;
        }
    }

    /// Demand that will be there in `ahead_us` if it goes on growing as it did; shrinking is not
    /// believed ahead of time.
    fn growth(&self, ahead_us: i64) -> Cost {
        let (Some((t0, first)), Some((t1, last))) = (self.samples.front(), self.samples.back())
        else {
            return Cost::default();
        };
        let span_us = u128::try_from(t1.saturating_sub(*t0)).unwrap_or(0);
        if span_us < u128::from(MIN_SPAN_US) {
            return Cost::default();
        }
        let ahead = |from: u64, to: u64| {
            let grown = u128::from(to.saturating_sub(from));
            let ahead = grown.saturating_mul(u128::try_from(ahead_us).unwrap_or(0)) / span_us;
            u64::try_from(ahead).unwrap_or(u64::MAX)
        };
        Cost {
            out_kbps: ahead(first.out_kbps, last.out_kbps),
            cpu_permille: ahead(first.cpu_permille, last.cpu_permille),
            connections: ahead(first.connections, last.connections),
        }
    }
}

/// Growth over less than this, microseconds, is noise.
const MIN_SPAN_US: u64 = 10_000_000;

/// How many nodes there should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// How many there should be; in a dry run as many as there are.
    pub desired: u32,
    /// How many there are and take work.
    pub current: u32,
    /// What it was decided by, for people.
    pub reason: String,
    /// How many demand alone asks for.
    pub needed: u32,
    /// The dimension that asks for most.
    pub by: Dimension,
    /// What kept `desired` from `needed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Bound>,
    /// Nothing is done.
    pub dry_run: bool,
}

/// What keeps a pool from the size it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The minimum.
    Min,
    /// The maximum.
    Max,
    /// The largest step.
    Step,
    /// A change not long ago.
    Cooldown,
    /// The day's node-hours.
    Budget,
    /// This node is cut off, or half of the nodes have just fallen silent: nothing is decided.
    Doubt,
}

impl Bound {
    const fn words(self) -> &'static str {
        match self {
            Self::Min => "held up by the minimum",
            Self::Max => "held by the maximum",
            Self::Step => "one step at a time",
            Self::Cooldown => "waiting for the cooldown",
            Self::Budget => "held by the day's node-hours",
            Self::Doubt => "nothing is decided while the view is in doubt",
        }
    }
}

/// How many nodes the pool should have. `pending` is what was placed and does not show in load yet.
pub fn desired(
    view: &View,
    policy: &Policy,
    history: &History,
    pending: Cost,
    now_us: i64,
) -> Decision {
    let pool = Pool::of(view, policy);
    let growth = history.growth(policy.boot_ms.saturating_mul(1000));
    let demand = pool.demand.plus(pending).plus(growth);
    let (needed, by) = pool.needed(demand, policy);
    let (wanted, held_by) = bounded(needed, &pool, policy, history, view, now_us);
    let current = pool.current;
    let grown = if growth == Cost::default() {
        ""
    } else {
        ", growth until a new node serves included"
    };
    let mut reason = format!(
        "{} needs {needed} nodes at {} % each{grown}",
        by.name(),
        policy.target_permille / 10
    );
    if let Some(bound) = held_by {
        reason = format!("{reason}; {}", bound.words());
    }
    if policy.dry_run && wanted != current {
        reason = format!("{reason}; dry run: would be {wanted}");
    }
    let desired = if policy.dry_run { current } else { wanted };
    Decision {
        desired,
        current,
        reason,
        needed,
        by,
        held_by,
        dry_run: policy.dry_run,
    }
}

/// The node to remove: of those that take work the one whose going moves the fewest publishers, then
/// the fewest viewers. `None` when there is none, or one drains already: one at a time.
pub fn victim<'a>(view: &'a View, policy: &Policy) -> Option<&'a Node> {
    let nodes = || view.with_role(policy.role, policy.region.as_ref(), None);
    if nodes().any(|node| node.record.as_ref().is_some_and(|record| record.draining)) {
        return None;
    }
    nodes().filter(|node| node.takes_work()).min_by_key(|node| {
        let load = node
            .record
            .as_ref()
            .map(|record| record.load)
            .unwrap_or_default();
        (
            load.publishers.max(node.owns().count() as u64),
            load.viewers,
            load.connections,
            node.id.clone(),
        )
    })
}

/// Whether a draining node has nobody left. One that is not heard of is not known to be idle.
pub fn safe_to_terminate(node: &Node) -> bool {
    node.is_synced()
        && node.owns().next().is_none()
        && node.record.as_ref().is_some_and(|record| {
            record.draining && record.load.publishers == 0 && record.load.viewers == 0
        })
}

/// The pool as it is.
struct Pool {
    current: u32,
    leaving: u32,
    demand: Cost,
    capacity: Capacity,
}

impl Pool {
    fn of(view: &View, policy: &Policy) -> Self {
        let mut pool = Self {
            current: 0,
            leaving: 0,
            demand: Cost::default(),
            capacity: Capacity::default(),
        };
        let nodes = view.with_role(policy.role, policy.region.as_ref(), None);
        for record in nodes.filter_map(|node| node.record.as_ref()) {
            pool.add(record);
        }
        if pool.current == 0 {
            pool.capacity = policy.node_capacity;
        } else {
            let each = |sum: u64| sum / u64::from(pool.current);
            pool.capacity = Capacity {
                out_kbps: each(pool.capacity.out_kbps),
                cpu_permille: each(pool.capacity.cpu_permille),
                connections: each(pool.capacity.connections),
            };
        }
        pool
    }

    fn add(&mut self, record: &NodeRecord) {
        let load = record.load;
        // What a draining node bears comes to the others.
        self.demand = self.demand.plus(Cost {
            out_kbps: load.out_kbps,
            cpu_permille: load.cpu_permille,
            connections: load.connections,
        });
        if record.draining {
            self.leaving += 1;
            return;
        }
        self.current += 1;
        let (sum, one) = (&mut self.capacity, record.capacity);
        sum.out_kbps = sum.out_kbps.saturating_add(one.out_kbps);
        sum.cpu_permille = sum.cpu_permille.saturating_add(one.cpu_permille);
        sum.connections = sum.connections.saturating_add(one.connections);
    }

    fn needed(&self, demand: Cost, policy: &Policy) -> (u32, Dimension) {
        let target = policy.target_permille.clamp(1, 1000);
        let nodes = |demand: u64, capacity: u64| {
            let each = u128::from(capacity) * u128::from(target);
            if each == 0 {
                return 0;
            }
            u32::try_from((u128::from(demand) * 1000).div_ceil(each)).unwrap_or(u32::MAX)
        };
        [
            (
                nodes(demand.out_kbps, self.capacity.out_kbps),
                Dimension::Bandwidth,
            ),
            (
                nodes(demand.cpu_permille, self.capacity.cpu_permille),
                Dimension::Cpu,
            ),
            (
                nodes(demand.connections, self.capacity.connections),
                Dimension::Connections,
            ),
        ]
        .into_iter()
        .reduce(|worst, next| if next.0 > worst.0 { next } else { worst })
        .unwrap_or((0, Dimension::Bandwidth))
    }
}

fn bounded(
    needed: u32,
    pool: &Pool,
    policy: &Policy,
    history: &History,
    view: &View,
    now_us: i64,
) -> (u32, Option<Bound>) {
    let current = pool.current;
    if view.is_frozen() || view.is_doubting() {
        return (current, Some(Bound::Doubt));
    }
    let max = policy.max.max(policy.min);
    let mut held = None;
    let mut wanted = needed;
    if wanted > max {
        (wanted, held) = (max, Some(Bound::Max));
    } else if wanted < policy.min {
        (wanted, held) = (policy.min, Some(Bound::Min));
    }
    let since = |at_us: i64| now_us.saturating_sub(at_us);
    if wanted > current {
        // Below the minimum nobody waits.
        let urgent = current < policy.min;
        if !urgent && since(history.last_up_us) < policy.cooldown_up_ms.saturating_mul(1000) {
            return (current, Some(Bound::Cooldown));
        }
        let affordable = affordable(policy, history).max(policy.min).max(current);
        let step = current.saturating_add(policy.step_up.max(1));
        if step < wanted && !urgent {
            (wanted, held) = (step, Some(Bound::Step));
        }
        if affordable < wanted {
            (wanted, held) = (affordable, Some(Bound::Budget));
        }
    } else if wanted < current {
        if since(history.last_change_us) < policy.cooldown_down_ms.saturating_mul(1000) {
            return (current, Some(Bound::Cooldown));
        }
        let step = current.saturating_sub(policy.step_down.max(1));
        if step > wanted {
            (wanted, held) = (step, Some(Bound::Step));
        }
    }
    (wanted, held)
}

/// Nodes that the rest of the day's budget pays for until the day ends.
fn affordable(policy: &Policy, history: &History) -> u32 {
    const HOUR_US: i128 = 3_600_000_000;
    let Some(hours) = policy.budget_node_hours else {
        return u32::MAX;
    };
    let left_us = i128::from(hours) * HOUR_US - i128::from(history.spent_node_us);
    let day_left_us =
        24 * HOUR_US - i128::from(history.sampled_us.saturating_sub(history.day_began_us));
    u32::try_from(left_us.max(0) / day_left_us.max(HOUR_US)).unwrap_or(u32::MAX)
}
