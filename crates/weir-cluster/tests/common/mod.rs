//! What the tests of a cluster make up: a node's record, with only what a test asks for in it. Others
//! have the same from weir-testkit, which stands on this crate.

use weir_cluster::record::{Capacity, Load};
use weir_cluster::{Name, NodeRecord, Role};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A node of these roles that stands nowhere, has no address, bears nothing and may bear anything.
pub(crate) fn node_record(id: &str, boot: u64, roles: &[Role]) -> NodeRecord {
    NodeRecord {
        id: name(id),
        boot,
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
