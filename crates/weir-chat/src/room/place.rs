//! Where a post comes in: it gets the next place of its lane, and what it does to others is done.

use std::sync::Arc;

use serde::Deserialize;
use weir_base::Id;

use super::lane::Readers;
use super::{Room, RoomState};
use crate::bus::Entry;
use crate::config::ChatConfig;
use crate::post::{Lane, Placed, Post};
use crate::room::mode::Mode;
use crate::room::silence::Silences;
use crate::wire::{Framing, PushKind};

/// What a post does to others.
#[derive(Debug)]
enum Effect {
    /// Takes one away.
    Delete(Id),
    /// Takes all of a user away.
    Clear(Box<str>),
}

/// Which post, or whose.
#[derive(Deserialize)]
struct Struck {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    u: Option<Box<str>>,
}

impl Room {
    /// Gives a post the next place of its lane, and says which loops are to hear of it.
    pub(crate) fn place(
        &self,
        (entry, lane): (Entry, Lane),
        at: (i64, i64),
        config: &ChatConfig,
    ) -> (Placed, u64) {
        let (now_us, wall_ms) = at;
        let effect = Effect::of(&entry);
        let mut state = self.state.lock();
        state.used_us = now_us;
        let key = entry.key();
        // The hi lane's names are known to who gives the places.
        if let Some(placed) = key.as_ref().and_then(|key| state.history.named(key)) {
            return (placed, 0);
        }
        let post = Arc::new(Post {
            id: entry.id,
            push: entry.push,
            offset: (lane == Lane::Hi).then(|| state.hi.next()),
            fields: entry.fields,
            user: entry.user,
            at_us: now_us - wall_ms.saturating_sub(entry.at_ms).clamp(0, MAX_AGE_MS) * 1_000,
            wants_receipt: entry.wants_receipt,
        });
        let (posts, bytes) = (config.lo_posts_per_tick, config.lo_bytes_per_tick);
        let is_shed = lane == Lane::Lo && !state.lo.has_room(post.bytes(), posts, bytes);
        match lane {
            Lane::Hi => state.hi.push(post.clone()),
            Lane::Lo if is_shed => state.lo.shed(u64::from(post.push.is_counted())),
            Lane::Lo => state.lo.push(post.clone()),
        }
        state.suffer(effect);
        if !is_shed && post.push.is_counted() {
            state.history.keep(&post, config);
        }
        let placed = Placed {
            post,
            is_shed,
            is_again: false,
            epoch: state.epoch.clone(),
        };
        if let Some(key) = key {
            state.history.name(key, placed.clone());
        }
        let told = state.crowd.take_untold();
        (placed, told)
    }

    /// A post of the hi lane that was placed before anybody was here: it is remembered, and not sent.
    pub(crate) fn remember(&self, entry: Entry, at: (i64, i64), config: &ChatConfig) {
        let (now_us, wall_ms) = at;
        let effect = Effect::of(&entry);
        let mut state = self.state.lock();
        let post = Arc::new(Post {
            id: entry.id,
            push: entry.push,
            offset: Some(state.hi.pass()),
            fields: entry.fields,
            user: entry.user,
            at_us: now_us - wall_ms.saturating_sub(entry.at_ms).clamp(0, MAX_AGE_MS) * 1_000,
            wants_receipt: entry.wants_receipt,
        });
        state.suffer(effect);
        state.history.keep(&post, config);
    }

    /// Posts of the lo lane were posted and did not come here: members are told how many. Says which loops are to hear
    /// of it.
    pub(crate) fn miss(&self, posts: u64) -> u64 {
        let mut state = self.state.lock();
        state.lo.shed(posts);
        state.crowd.take_untold()
    }

    /// The hi lane goes on behind `offset` of this numbering, and what was before is not there any more.
    pub(crate) fn renumber(
        &self,
        epoch: &Arc<str>,
        offset: u64,
        (framing, now_us): (&Framing, i64),
    ) {
        let mut state = self.state.lock();
        let readers = Readers {
            framing,
            group: (self.name.as_str(), self.handle),
            has_binary: state.crowd.has_binary(),
            has_events: state.crowd.has_events(),
        };
        // What is of the old numbering goes out under it.
        state.hi.seal(&readers, now_us);
        state.hi.renumber(offset);
        state.history.begin(offset);
        state.epoch = epoch.clone();
        state.received = 0;
    }

    /// Those who are here are told where the numbering goes on. Says which loops are to hear of it.
    pub(crate) fn announce(&self) -> u64 {
        let mut state = self.state.lock();
        if state.crowd.count() == 0 {
            return 0;
        }
        let epoch = state.epoch.clone();
        state.hi.announce(epoch);
        state.crowd.take_untold()
    }

    /// All is known of it that other nodes know; or, as nobody is here, nothing any more.
    pub(crate) fn set_ready(&self, is_ready: bool) {
        let mut state = self.state.lock();
        state.is_ready = is_ready;
        if !is_ready {
            state.mode = Mode::default();
            state.pinned = None;
            state.likes = 0;
            state.silences = Silences::default();
            let latest = state.hi.next() - 1;
            state.history.begin(latest);
        }
    }

    /// Somebody is about to come in.
    pub(crate) fn touch(&self, now_us: i64) {
        self.state.lock().wanted_us = now_us;
    }

    /// Whether nobody was here for so long.
    pub(crate) fn is_deserted(&self, now_us: i64, for_us: i64) -> bool {
        let state = self.state.lock();
        state.crowd.count() == 0 && now_us - state.wanted_us > for_us
    }

    /// Connections here.
    pub(crate) fn here(&self) -> u32 {
        self.state.lock().crowd.count()
    }

    /// So many are there on other nodes.
    pub(crate) fn set_elsewhere(&self, count: u32) {
        self.state.lock().crowd.set_elsewhere(count);
    }
}

/// What is older was posted by a clock that goes wrong.
const MAX_AGE_MS: i64 = 10 * 86_400_000;

impl RoomState {
    fn suffer(&mut self, effect: Option<Effect>) {
        let is_one = |post: &Post| match &effect {
            Some(Effect::Delete(id)) => post.id == *id,
            Some(Effect::Clear(user)) => *post.user == **user,
            None => false,
        };
        if effect.is_none() {
            return;
        }
        if self.pinned.as_deref().is_some_and(is_one) {
            self.pinned = None;
        }
        self.history.take(is_one);
    }
}

impl Effect {
    fn of(entry: &Entry) -> Option<Self> {
        if !matches!(entry.push, PushKind::Delete | PushKind::Clear) {
            return None;
        }
        let meant: Struck = serde_json::from_str(&format!("{{{}", entry.fields)).ok()?;
        match entry.push {
            PushKind::Delete => meant.id.map(Self::Delete),
            _ => meant.u.map(Self::Clear),
        }
    }
}
