//! Nodes by role, region and ISP.

use std::collections::HashMap;

use crate::name::Name;
use crate::record::{NodeRecord, Role};

/// A node's place in the view, good until the node goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeRef {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A role, and the region and ISP or any.
type Key = (Role, Option<Name>, Option<Name>);

/// Slots of the nodes of each group; each node is in up to four for each of its roles.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<Key, Vec<u32>>);

impl Groups {
    pub(super) fn of(&self, role: Role, region: Option<&Name>, isp: Option<&Name>) -> &[u32] {
        let key = (role, region.cloned(), isp.cloned());
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn change(&mut self, slot: u32, old: Vec<Key>, new: Vec<Key>) {
        for key in old {
            if let Some(group) = self.0.get_mut(&key) {
                group.retain(|s| *s != slot);
                if group.is_empty() {
                    self.0.remove(&key);
                }
            }
        }
        for key in new {
            self.0.entry(key).or_default().push(slot);
        }
    }
}

/// The groups a node is in.
pub(super) fn keys(record: &NodeRecord) -> Vec<Key> {
    let mut keys = Vec::new();
    for role in record.roles.iter() {
        keys.push((role, None, None));
        if record.region.is_some() {
            keys.push((role, record.region.clone(), None));
        }
        if record.isp.is_some() {
            keys.push((role, None, record.isp.clone()));
        }
        if record.region.is_some() && record.isp.is_some() {
            keys.push((role, record.region.clone(), record.isp.clone()));
        }
    }
    keys
}
