//! Who comes in is told, while a room is small: some a tick, and nobody again who was here a moment ago.

use std::collections::HashMap;
use std::sync::Arc;

use super::Room;
use crate::config::ChatConfig;
use crate::limits;

/// Who was told of.
#[derive(Debug, Default)]
pub(super) struct Entries {
    tick: i64,
    /// So many in this tick.
    told: usize,
    /// When each was told of, monotonic microseconds.
    latest: HashMap<Arc<str>, i64>,
}

impl Entries {
    /// Lets go of what is too long ago to matter.
    pub(super) fn forget(&mut self, now_us: i64) {
        let is_fresh = |at_us: i64| now_us - at_us < limits::ENTRY_AGAIN_US;
        self.latest.retain(|_, at_us| is_fresh(*at_us));
        if self.latest.is_empty() {
            self.latest.shrink_to_fit();
        }
    }
}

impl Room {
    /// Whether the room is to be told that this user came in; notes that it was.
    pub(crate) fn tells_entry(
        &self,
        user: &Arc<str>,
        (tick, now_us): (i64, i64),
        config: &ChatConfig,
    ) -> bool {
        let mut state = self.state.lock();
        let is_small = state.crowd.everybody() <= config.entries_up_to;
        let entries = &mut state.entries;
        if !is_small || config.entries_per_tick == 0 {
            return false;
        }
        if entries.tick != tick {
            entries.tick = tick;
            entries.told = 0;
        }
        let is_again = entries
            .latest
            .get(user)
            .is_some_and(|at_us| now_us - at_us < limits::ENTRY_AGAIN_US);
        let is_full = entries.latest.len() >= limits::ENTRIES_REMEMBERED;
        if is_again || is_full || entries.told >= config.entries_per_tick {
            return false;
        }
        entries.told += 1;
        entries.latest.insert(user.clone(), now_us);
        true
    }

    /// Hearts that it was given.
    pub(crate) fn likes(&self) -> u64 {
        self.state.lock().likes
    }

    /// It was given so many in all. Says which loops are to tell their members.
    pub(crate) fn set_likes(&self, total: u64) -> u64 {
        self.change_likes(|_| total)
    }

    /// It was given so many more.
    pub(crate) fn add_likes(&self, count: u64) -> u64 {
        self.change_likes(|likes| likes.saturating_add(count))
    }

    fn change_likes(&self, change: impl FnOnce(u64) -> u64) -> u64 {
        let mut state = self.state.lock();
        let total = change(state.likes);
        if std::mem::replace(&mut state.likes, total) == total || state.crowd.count() == 0 {
            return 0;
        }
        state.lo.tell_likes(total);
        state.crowd.take_untold()
    }
}
