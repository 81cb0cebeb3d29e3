//! Apps in whose key set a key was missed: a token named one that nobody here knows. Whoever reads the sets is told.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Apps that wait to be told of; more of them are read when their time has come.
pub const MISSED_SETS: usize = 64;

/// Apps that wait to be told of.
#[derive(Debug, Default)]
pub(crate) struct MissedSets(Mutex<BTreeSet<Box<str>>>);

impl MissedSets {
    pub(crate) fn note(&self, app: &str) {
        let mut waiting = self.0.lock();
        if waiting.len() < MISSED_SETS {
            waiting.insert(app.into());
        }
    }

    /// All that wait; the next ones begin anew.
    pub(crate) fn take(&self) -> Vec<String> {
        let waiting = std::mem::take(&mut *self.0.lock());
        waiting.into_iter().map(String::from).collect()
    }
}
