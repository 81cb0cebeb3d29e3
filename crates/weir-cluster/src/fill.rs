//! How full a node is: the worst of bandwidth, CPU and connections.

use crate::record::{Capacity, Load};

/// What a node can be full of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// Outgoing bits.
    Bandwidth,
    /// Thousandths of the whole machine's CPU.
    Cpu,
    /// Open connections against the limit of the node.
    Connections,
}

impl Dimension {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bandwidth => "bandwidth",
            Self::Cpu => "cpu",
            Self::Connections => "connections",
        }
    }
}

/// What one client will cost the node that gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Outgoing kilobits per second.
    pub out_kbps: u64,
    /// CPU, in thousandths of the whole machine; 0 where it is not known.
    pub cpu_permille: u64,
    /// Connections it will open: 1 for most clients.
    pub connections: u64,
}

impl Cost {
    /// Together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            out_kbps: self.out_kbps.saturating_add(other.out_kbps),
            cpu_permille: self.cpu_permille.saturating_add(other.cpu_permille),
            connections: self.connections.saturating_add(other.connections),
        }
    }

    /// Without the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            out_kbps: self.out_kbps.saturating_sub(other.out_kbps),
            cpu_permille: self.cpu_permille.saturating_sub(other.cpu_permille),
            connections: self.connections.saturating_sub(other.connections),
        }
    }
}

/// The worst dimension of a node that bears `load` and `more`, in thousandths of its capacity
/// (above 1000 when it is over it), and which one it is. A capacity of 0 limits nothing.
pub fn worst(load: &Load, capacity: &Capacity, more: Cost) -> (u64, Dimension) {
    let all = [
        (
            load.out_kbps,
            more.out_kbps,
            capacity.out_kbps,
            Dimension::Bandwidth,
        ),
        (
            load.cpu_permille,
            more.cpu_permille,
            capacity.cpu_permille,
            Dimension::Cpu,
        ),
        (
            load.connections,
            more.connections,
            capacity.connections,
            Dimension::Connections,
        ),
    ];
    let mut worst = (0, Dimension::Bandwidth);
    for (used, more, capacity, dimension) in all {
        let used = used.saturating_add(more).saturating_mul(1000);
        // Rounded up, so that a node over its limit is never at 1000.
        let permille = if capacity == 0 {
            0
        } else {
            used.div_ceil(capacity)
        };
        if permille > worst.0 {
            worst = (permille, dimension);
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_dimension_counts() {
        let capacity = Capacity {
            out_kbps: 1000,
            cpu_permille: 0,
            connections: 10,
        };
        let load = Load {
            out_kbps: 500,
            cpu_permille: 999,
            connections: 6,
            ..Load::default()
        };
        assert_eq!(
            worst(&load, &capacity, Cost::default()),
            (600, Dimension::Connections)
        );
        let more = Cost {
            out_kbps: 501,
            ..Cost::default()
        };
        assert_eq!(worst(&load, &capacity, more), (1001, Dimension::Bandwidth));
    }
}
