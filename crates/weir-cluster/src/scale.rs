//! How many nodes a pool should have: a pure function of the view, the policy, the history and now.
//! Somebody else starts and stops machines.

mod history;
mod pool;

use serde::Serialize;

pub use history::History;

use crate::fill::{Cost, Dimension};
use crate::name::Name;
use crate::record::{Capacity, Role};
use crate::view::{Node, View};
use pool::Pool;

/// What is wanted of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What its nodes do, whatever else they do.
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

/// How many nodes there should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// How many there should be, those that boot included; in a dry run as many as there are.
    pub desired: u32,
    /// How many there are and take work.
    pub current: u32,
    /// How many were ordered and have not come yet.
    pub booting: u32,
    /// How many drain.
    pub leaving: u32,
    /// What it was decided by, for people.
    pub reason: String,
    /// How many demand alone asks for.
    pub needed: u32,
    /// How many there should be if it is no dry run.
    pub wanted: u32,
    /// The dimension that asks for most.
    pub by: Dimension,
    /// What kept `desired` from `needed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Bound>,
    /// Nothing is done.
    pub dry_run: bool,
}

impl Decision {
    /// How many there are, or will be when all that were ordered have come.
    pub const fn have(&self) -> u32 {
        self.current.saturating_add(self.booting)
    }
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
    /// It bore more within the time of a cooldown.
    Peak,
    /// Nodes that were ordered have not come yet.
    Booting,
    /// The day's node-hours.
    Budget,
    /// This node is cut off, or half of the nodes have just fallen silent: nothing is decided.
    Doubt,
}

impl Bound {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Min => "held up by the minimum",
            Self::Max => "held by the maximum",
            Self::Step => "one step at a time",
            Self::Cooldown => "waiting for the cooldown",
            Self::Peak => "load was higher a while ago",
            Self::Booting => "nodes that were ordered have yet to come",
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
    let growth = history.growth(policy);
    let demand = pool.demand.plus(pending).plus(growth);
    let (needed, by) = pool.needed(demand, policy);
    let peak = history.peak(policy.cooldown_down_ms.saturating_mul(1000), now_us);
    let situation = Situation {
        needed,
        needed_at_peak: pool.needed(peak, policy).0,
        current: pool.current,
        booting: history.booting(now_us),
        in_doubt: view.is_frozen() || view.is_doubting(),
    };
    let (wanted, held_by) = bounded(&situation, policy, history, now_us);
    let have = situation.have();
    let desired = if policy.dry_run { have } else { wanted };
    Decision {
        desired,
        current: pool.current,
        booting: situation.booting,
        leaving: pool.leaving,
        reason: reason(&situation, by, growth, policy, (wanted, held_by)),
        needed,
        wanted,
        by,
        held_by,
        dry_run: policy.dry_run,
    }
}

/// The nodes of a pool, draining ones included.
pub fn members<'a>(view: &'a View, policy: &Policy) -> impl Iterator<Item = &'a Node> {
    view.with_role(policy.role, policy.region.as_ref(), None)
}

/// Whether a node drains.
pub fn is_leaving(node: &Node) -> bool {
    node.record.as_ref().is_some_and(|record| record.draining)
}

/// The node to remove, of all of the pool: see [`victim_among`].
pub fn victim<'a>(view: &'a View, policy: &Policy) -> Option<&'a Node> {
    victim_among(view, policy, |_| true)
}

/// The node to remove: of those that take work and `may_go` the one whose going moves the fewest
/// publishers, then the fewest viewers; one that does other work besides goes last, and an origin
/// goes only from a pool of origins. `None` when there is none, or one drains already: one at a time.
pub fn victim_among<'a>(
    view: &'a View,
    policy: &Policy,
    may_go: impl Fn(&Node) -> bool,
) -> Option<&'a Node> {
    if members(view, policy).any(is_leaving) {
        return None;
    }
    let stays =
        |roles: crate::record::Roles| roles.has(Role::Origin) && policy.role != Role::Origin;
    members(view, policy)
        .filter(|node| node.takes_work() && may_go(node))
        .filter_map(|node| Some((node, node.record.as_ref()?)))
        .filter(|(_, record)| !stays(record.roles))
        .min_by_key(|(node, record)| {
            let load = record.load;
            (
                record.roles.iter().count(),
                load.publishers.max(node.owns().count() as u64),
                load.viewers,
                load.connections,
                node.id.clone(),
            )
        })
        .map(|(node, _)| node)
}

/// What a decision is made of.
struct Situation {
    needed: u32,
    needed_at_peak: u32,
    current: u32,
    booting: u32,
    in_doubt: bool,
}

impl Situation {
    fn have(&self) -> u32 {
        self.current.saturating_add(self.booting)
    }
}

fn bounded(
    situation: &Situation,
    policy: &Policy,
    history: &History,
    now_us: i64,
) -> (u32, Option<Bound>) {
    let have = situation.have();
    if situation.in_doubt {
        return (have, Some(Bound::Doubt));
    }
    let max = policy.max.max(policy.min);
    let (wanted, held) = if situation.needed > max {
        (max, Some(Bound::Max))
    } else if situation.needed < policy.min {
        (policy.min, Some(Bound::Min))
    } else {
        (situation.needed, None)
    };
    if wanted > have {
        return grown(wanted, held, have, policy, history, now_us);
    }
    // Above the maximum nothing holds: somebody has set it lower.
    let peak = situation.needed_at_peak.min(max).min(have);
    if wanted < have && wanted < peak {
        return shrunk(peak, Some(Bound::Peak), situation, policy, history, now_us);
    }
    if wanted < have {
        return shrunk(wanted, held, situation, policy, history, now_us);
    }
    (wanted, held)
}

fn grown(
    wanted: u32,
    held: Option<Bound>,
    have: u32,
    policy: &Policy,
    history: &History,
    now_us: i64,
) -> (u32, Option<Bound>) {
    let (mut wanted, mut held) = (wanted, held);
    // Below the minimum nobody waits.
    let urgent = have < policy.min;
    if !urgent && history.since_up_us(now_us) < policy.cooldown_up_ms.saturating_mul(1000) {
        return (have, Some(Bound::Cooldown));
    }
    let step = have.saturating_add(policy.step_up.max(1)).max(policy.min);
    if step < wanted {
        (wanted, held) = (step, Some(Bound::Step));
    }
    let affordable = history.affordable(policy).max(policy.min).max(have);
    if affordable < wanted {
        (wanted, held) = (affordable, Some(Bound::Budget));
    }
    (wanted, held)
}

fn shrunk(
    wanted: u32,
    held: Option<Bound>,
    situation: &Situation,
    policy: &Policy,
    history: &History,
    now_us: i64,
) -> (u32, Option<Bound>) {
    let have = situation.have();
    if wanted >= have {
        return (have, held);
    }
    if situation.booting > 0 {
        return (have, Some(Bound::Booting));
    }
    if history.since_change_us(now_us) < policy.cooldown_down_ms.saturating_mul(1000) {
        return (have, Some(Bound::Cooldown));
    }
    let step = have.saturating_sub(policy.step_down.max(1));
    if step > wanted {
        return (step, Some(Bound::Step));
    }
    (wanted, held)
}

fn reason(
    situation: &Situation,
    by: Dimension,
    growth: Cost,
    policy: &Policy,
    (wanted, held_by): (u32, Option<Bound>),
) -> String {
    let grown = if growth == Cost::default() {
        ""
    } else {
        ", growth until a new node serves included"
    };
    let mut reason = match situation.needed {
        0 => "nothing is asked of it".to_owned(),
        needed => format!(
            "needs {needed} {} at {} % for {}{grown}",
            if needed == 1 { "node" } else { "nodes" },
            policy.target_permille / 10,
            by.name(),
        ),
    };
    if situation.booting > 0 {
        reason = format!("{reason}; {} on their way", situation.booting);
    }
    if let Some(bound) = held_by {
        reason = format!("{reason}; {}", bound.words());
    }
    if policy.dry_run && wanted != situation.have() {
        reason = format!("{reason}; dry run: would be {wanted}");
    }
    reason
}
