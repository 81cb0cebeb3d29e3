//! What is asked of whoever starts and stops nodes, and what comes back.

use serde::Serialize;
use weir_cluster::Name;
use weir_cluster::scale::{Decision, is_leaving};
use weir_cluster::view::Node;

/// One order. Repeated under the same id until it is answered, and an id never stands for two orders:
/// who has carried it out once has only to say so again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The shape of this JSON.
    pub version: u32,
    /// Unique for ever: the leader, its life and a number.
    pub id: String,
    /// What to do.
    pub action: Action,
    /// The pool's name in the configuration.
    pub pool: String,
    /// The role of its nodes.
    pub role: &'static str,
    /// Their region.
    pub region: Option<Name>,
    /// Nodes that take work.
    pub current: u32,
    /// Nodes that were ordered before and have not come yet.
    pub booting: u32,
    /// Nodes there shall be when all is done: a number to set, not to add.
    pub desired: u32,
    /// Nodes to add or to remove by this order.
    pub count: u32,
    /// Which node to remove; it is drained already, or gone.
    pub node: Option<Name>,
    /// Why, for people.
    pub reason: String,
    /// The node that orders.
    pub leader: Name,
}

/// What an order asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// More nodes.
    Grow,
    /// One node less.
    Shrink,
}

/// The shape of an order's JSON.
const VERSION: u32 = 1;

impl Order {
    /// More nodes for a pool.
    pub fn grow(id: String, pool: Of<'_>, decision: &Decision) -> Self {
        let count = decision.desired.saturating_sub(decision.have());
        Self::new(id, Action::Grow, pool, decision, decision.desired, count)
    }

    /// One node less: a node that takes work, or one that drains already and so is not counted.
    pub fn shrink(id: String, pool: Of<'_>, decision: &Decision, node: &Node) -> Self {
        let counted = u32::from(!is_leaving(node));
        let left = decision.current.saturating_sub(counted);
        let mut order = Self::new(id, Action::Shrink, pool, decision, left, 1);
        order.node = Some(node.id.clone());
        order
    }

    fn new(
        id: String,
        action: Action,
        pool: Of<'_>,
        decision: &Decision,
        desired: u32,
        count: u32,
    ) -> Self {
        Self {
            version: VERSION,
            id,
            action,
            pool: pool.name.to_owned(),
            role: pool.policy.role.name(),
            region: pool.policy.region.clone(),
            current: decision.current,
            booting: decision.booting,
            desired,
            count,
            node: None,
            reason: decision.reason.clone(),
            leader: pool.leader.clone(),
        }
    }
}

/// Whose order it is.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The pool's name in the configuration.
    pub name: &'a str,
    /// What is wanted of it.
    pub policy: &'a weir_cluster::scale::Policy,
    /// The node that orders.
    pub leader: &'a Name,
}

/// An order was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// How many nodes will come; `None` for as many as were ordered.
    pub started: Option<u32>,
    /// What the provider says of it.
    pub note: String,
}

/// An order, or a word to a node, that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether the same may succeed later.
    pub again: bool,
    /// What went wrong.
    pub words: String,
}

impl Failure {
    /// That may pass.
    pub fn passing(words: impl Into<String>) -> Self {
        Self {
            again: true,
            words: words.into(),
        }
    }

    /// That will not.
    pub fn lasting(words: impl Into<String>) -> Self {
        Self {
            again: false,
            words: words.into(),
        }
    }
}
