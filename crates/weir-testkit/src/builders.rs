//! Values that a test needs whole and means in part: it takes one of these and says what differs.
//! The tests of the crate that a value comes from cannot use them; those have their own.

use weir_cluster::record::{Capacity, Load};
use weir_cluster::{Name, NodeRecord, Role};

/// A node of these roles in its first life (`boot` 1), without a place, an address, a load or a limit.
pub fn node_record(id: &str, roles: &[Role]) -> NodeRecord {
    NodeRecord {
        id: Name::new(id).expect("a node's name"),
        boot: 1,
        roles: roles.iter().copied().collect(),
        region: None,
        isp: None,
        addresses: Vec::new(),
        capacity: Capacity::default(),
        load: Load::default(),
        parent: None,
        draining: false,
        version: String::new(),
    }
}

/// A hub that keeps ten seconds and 8 MiB of a stream, ends it after five seconds without a frame and
/// forgets it a second later. Nobody takes a live name over.
pub fn hub_config() -> weir_hub::Config {
    weir_hub::Config {
        idle_timeout_ms: 5_000,
        ring_ms: 10_000,
        ring_bytes: 8 << 20,
        linger_ms: 1_000,
        takeover: false,
    }
}
