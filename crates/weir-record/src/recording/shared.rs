//! Recordings of which several nodes have parts, because their stream moved.

use std::collections::BTreeMap;

use super::{Block, Owning, Recording, begin_of};
use crate::epoch::Epoch;

/// Times that a node comes to own the stream of one broadcast that are told apart.
const MAX_OWNINGS: usize = 256;

impl Recording {
    /// Whether other nodes have parts of it, too.
    pub fn is_shared(&self) -> bool {
        self.state.lock().facts.is_shared
    }

    /// Other nodes have parts of it, too, from now on.
    ///
    /// # Errors
    /// The disk's.
    pub fn share(&self) -> std::io::Result<()> {
        match self.is_shared() {
            true => Ok(()),
            false => self.note(|facts| facts.is_shared = true),
        }
    }

    /// The broadcast goes on here: whoever had ended it did not know that.
    pub(crate) fn go_on(&self) -> std::io::Result<()> {
        let facts = self.facts();
        match facts.ended_ms.is_some() || facts.stored_ms.is_some() {
            true => self.note(|facts| (facts.ended_ms, facts.stored_ms) = (None, None)),
            false => Ok(()),
        }
    }

    /// This node came to own the stream at `from_ms`, by a clock that all nodes ask, and records in this epoch.
    ///
    /// # Errors
    /// The disk's.
    pub fn own_from(&self, from_ms: i64, epoch: Epoch) -> std::io::Result<()> {
        self.note(|facts| {
            if facts.owned.len() < MAX_OWNINGS {
                let epoch = epoch.to_string();
                facts.owned.push(Owning { from_ms, epoch });
            }
        })
    }

    /// The epoch that is recorded now, or was last.
    ///
    /// # Errors
    /// The disk's.
    pub fn last_epoch(&self) -> std::io::Result<Option<Epoch>> {
        let view = self.view()?;
        Ok(view.blocks.last().map(|block| block.name.epoch))
    }
}

/// Puts blocks of one node in order: epochs by when they began, and the blocks of each as they were written, whatever the
/// clock did meanwhile.
pub fn in_order(blocks: &mut [Block]) {
    let mut begun: BTreeMap<Epoch, (u32, i64)> = BTreeMap::new();
    for block in blocks.iter() {
        let first = (block.name.number, begin_of(&block.table));
        let own = begun.entry(block.name.epoch).or_insert(first);
        *own = first.min(*own);
    }
    let begins = |epoch| begun.get(&epoch).map_or(i64::MAX, |(_, begin)| *begin);
    blocks.sort_by_key(|block| (begins(block.name.epoch), block.name));
}
