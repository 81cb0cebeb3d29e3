//! Which streams' whereabouts have changed since somebody asked last.

use crate::name::LeaseKey;

/// Keys remembered between two questions; past it all streams count as changed.
const CHANGED_KEYS: usize = 1024;

/// Streams that another node began, ended, pulls or no longer pulls, or that were reported.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    keys: Vec<LeaseKey>,
    is_all: bool,
}

impl Changes {
    pub(super) fn add(&mut self, key: &LeaseKey) {
        if self.is_all || self.keys.last() == Some(key) {
            return;
        }
        if self.keys.len() >= CHANGED_KEYS {
            self.keys = Vec::new();
            self.is_all = true;
            return;
        }
        self.keys.push(key.clone());
    }

    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.is_all
    }

    /// The streams, some perhaps twice; `None` for all: more have changed than are told apart.
    pub fn keys(&self) -> Option<&[LeaseKey]> {
        (!self.is_all).then_some(&self.keys)
    }
}
