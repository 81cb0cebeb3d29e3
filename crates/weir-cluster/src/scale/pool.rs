//! A pool as the view has it: what it bears and what a node of it can bear.

use super::Policy;
use crate::fill::{Cost, Dimension};
use crate::record::{Capacity, NodeRecord};
use crate::view::View;

/// The pool as it is.
pub(super) struct Pool {
    /// Nodes that take work.
    pub(super) current: u32,
    /// Nodes that drain.
    pub(super) leaving: u32,
    /// What they all bear.
    pub(super) demand: Cost,
    /// What one of them can bear.
    capacity: Capacity,
}

impl Pool {
    pub(super) fn of(view: &View, policy: &Policy) -> Self {
        let mut pool = Self {
            current: 0,
            leaving: 0,
            demand: Cost::default(),
            capacity: Capacity::default(),
        };
        for record in super::members(view, policy).filter_map(|node| node.record.as_ref()) {
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

    /// Nodes that bear this at the policy's target, and what asks for most of them.
    pub(super) fn needed(&self, demand: Cost, policy: &Policy) -> (u32, Dimension) {
        let target = policy.target_permille.clamp(1, 1000);
        let nodes = |demand: u64, capacity: u64| {
            let each = u128::from(capacity) * u128::from(target);
            if each == 0 {
                return 0;
            }
            u32::try_from((u128::from(demand) * 1000).div_ceil(each)).unwrap_or(u32::MAX)
        };
        let capacity = self.capacity;
        [
            (
                nodes(demand.out_kbps, capacity.out_kbps),
                Dimension::Bandwidth,
            ),
            (
                nodes(demand.cpu_permille, capacity.cpu_permille),
                Dimension::Cpu,
            ),
            (
                nodes(demand.connections, capacity.connections),
                Dimension::Connections,
            ),
        ]
        .into_iter()
        .reduce(|worst, next| if next.0 > worst.0 { next } else { worst })
        .unwrap_or((0, Dimension::Bandwidth))
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
}
