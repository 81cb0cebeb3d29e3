//! What is not said in which room: everywhere, and in this one besides.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::deny::{Denied, Deny};
use crate::filter::{Filter, Term, has_link};
use crate::name::GroupName;

/// What is not said in a room.
#[derive(Debug, Default)]
pub struct RoomFilter {
    filter: Filter,
    no_links: bool,
}

impl RoomFilter {
    /// Of these terms, and no links either.
    pub fn new(terms: &[Term], no_links: bool) -> Self {
        Self {
            filter: Filter::new(terms),
            no_links,
        }
    }
}

/// See the file's words.
#[derive(Debug, Default)]
pub struct Filters(RwLock<HashMap<GroupName, Arc<RoomFilter>>>);

impl Filters {
    /// From now on these, and no others; those of [`GroupName::everybody`] hold everywhere.
    pub fn set(&self, all: HashMap<GroupName, Arc<RoomFilter>>) {
        *self.0.write() = all;
    }

    /// Whether something may be said in a room.
    ///
    /// # Errors
    /// 209, without the word: it would be tried until it passes.
    pub(crate) fn check(&self, room: &GroupName, text: &str) -> Result<(), Denied> {
        let of = |name: &GroupName| self.0.read().get(name).cloned();
        for filter in [of(&GroupName::everybody()), of(room)]
            .into_iter()
            .flatten()
        {
            if filter.filter.find(text).is_some() {
                return Err(Deny::Blocked.into());
            }
            if filter.no_links && has_link(text) {
                return Err(Denied::because(Deny::Blocked, "no links are posted here"));
            }
        }
        Ok(())
    }
}
