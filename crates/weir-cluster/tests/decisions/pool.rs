//! A pool of nodes as somebody who scales it sees it, in virtual time.

use weir_cluster::fill::Cost;
use weir_cluster::message::{Body, Message};
use weir_cluster::record::{Capacity, Load};
use weir_cluster::scale::{self, Bound, Decision, History, Policy};
use weir_cluster::view::{View, ViewConfig};
use weir_cluster::{NodeRecord, Role};

use crate::common::{name, node_record};

pub(crate) const S: i64 = 1_000_000;
pub(crate) const HOUR: i64 = 3_600 * S;

pub(crate) fn policy() -> Policy {
    Policy {
        role: Role::Edge,
        region: None,
        min: 1,
        max: 10,
        target_permille: 600,
        step_up: 10,
        step_down: 1,
        cooldown_up_ms: 10_000,
        cooldown_down_ms: 60_000,
        boot_ms: 30_000,
        budget_node_hours: None,
        node_capacity: Capacity {
            connections: 100,
            ..Capacity::default()
        },
        dry_run: false,
    }
}

/// A pool in a view, whose nodes bear connections as they are told.
pub(crate) struct World {
    pub(crate) view: View,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            view: View::new(ViewConfig::default(), name("me")),
        }
    }

    pub(crate) fn of(connections: &[u64]) -> Self {
        let mut world = Self::new();
        for (n, connections) in connections.iter().enumerate() {
            world.node(&format!("n{n}"), 1, &[Role::Edge], *connections, false);
        }
        world
    }

    /// A node that said hello and then that all it told is known.
    pub(crate) fn node(
        &mut self,
        id: &str,
        boot: u64,
        roles: &[Role],
        connections: u64,
        draining: bool,
    ) {
        let load = self.hello(id, boot, roles, connections, draining);
        let beat = Body::Beat {
            load,
            draining,
            digest: 0,
        };
        self.apply(id, boot, 1, beat);
    }

    pub(crate) fn hello(
        &mut self,
        id: &str,
        boot: u64,
        roles: &[Role],
        connections: u64,
        draining: bool,
    ) -> Load {
        let load = Load {
            connections,
            viewers: connections,
            ..Load::default()
        };
        let record = NodeRecord {
            region: Some(name("eu")),
            capacity: policy().node_capacity,
            load,
            draining,
            ..node_record(id, boot, roles)
        };
        let record = Box::new(record);
        self.apply(id, boot, 1, Body::Hello { record });
        load
    }

    pub(crate) fn goes(&mut self, id: &str) {
        self.apply(id, 1, 2, Body::Bye);
    }

    fn apply(&mut self, id: &str, boot: u64, seq: u64, body: Body) {
        let from = name(id);
        let message = Message {
            from,
            boot,
            seq,
            body,
        };
        self.view.apply(&message, 0);
    }

    pub(crate) fn sample(&self, history: &mut History, policy: &Policy, now_us: i64) {
        history.sample(&self.view, policy, Cost::default(), now_us);
    }

    pub(crate) fn desired(&self, history: &History, policy: &Policy, now_us: i64) -> Decision {
        scale::desired(&self.view, policy, history, Cost::default(), now_us)
    }

    /// Samples and decides.
    pub(crate) fn look(&self, history: &mut History, policy: &Policy, now_us: i64) -> Decision {
        self.sample(history, policy, now_us);
        self.desired(history, policy, now_us)
    }
}

pub(crate) fn bound(decision: &Decision) -> (u32, Option<Bound>) {
    (decision.desired, decision.held_by)
}
