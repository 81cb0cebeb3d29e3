//! A group as all loops of a node share it: where posts get their place, what is remembered, what is taken.

mod crowd;
mod entries;
mod history;
mod lane;
pub mod mode;
mod place;
pub mod silence;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use weir_base::Id;

use self::crowd::Crowd;
use self::entries::Entries;
use self::history::History;
pub use self::lane::Batch;
use self::lane::{LaneRing, Readers};
use self::mode::Mode;
use self::silence::Silences;
use crate::config::ChatConfig;
use crate::limits;
use crate::name::{GroupKind, GroupName};
use crate::post::{Lane, Post};
use crate::who::Who;
use crate::wire::{Encoding, Framing, Position};

/// See the file's words.
#[derive(Debug)]
pub struct Room {
    /// What it is called.
    pub name: GroupName,
    /// Its number in records, never 0; the same for all connections of the node.
    pub handle: u32,
    state: Mutex<RoomState>,
}

#[derive(Debug)]
struct RoomState {
    /// Names the numbering of the hi lane: another epoch begins anew.
    epoch: Arc<str>,
    /// All is known of it that other nodes know.
    is_ready: bool,
    hi: LaneRing,
    lo: LaneRing,
    history: History,
    crowd: Crowd,
    mode: Mode,
    pinned: Option<Arc<Post>>,
    /// Hearts that it was given, on all nodes.
    likes: u64,
    entries: Entries,
    silences: Silences,
    /// When each user spoke last, and a digest of what was said.
    latest: HashMap<Arc<str>, (i64, u64)>,
    /// Receipts of a user's own group.
    received: u64,
    hi_tick: i64,
    lo_tick: i64,
    used_us: i64,
    /// When somebody was here last, or was about to be.
    wanted_us: i64,
}

/// What a connection finds that comes in.
#[derive(Debug)]
pub struct Joined {
    /// The numbering of the hi lane.
    pub epoch: Arc<str>,
    /// The offset of the latest post of the hi lane that it has, or gets with this.
    pub offset: u64,
    /// Whether all that it missed is in `missed`; `None` where it did not say how far it had come.
    pub is_recovered: Option<bool>,
    /// What it missed.
    pub missed: Vec<Arc<Post>>,
    /// What the room takes.
    pub mode: Mode,
    /// What is to stay in sight.
    pub pinned: Option<Arc<Post>>,
    /// How many are there, itself among them.
    pub crowd: u32,
    /// Hearts that the room was given.
    pub likes: u64,
    /// No other connection of this user is here.
    pub is_first: bool,
    /// From which batches on it reads.
    pub cursor: Cursor,
}

/// A user and its name.
pub type Person = (Arc<str>, Arc<str>);

/// A place among the batches of both lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    /// The next batch of the hi lane.
    pub hi: u64,
    /// The next batch of the lo lane.
    pub lo: u64,
    /// Posts of the lo lane before it.
    pub lo_posts: u64,
}

/// What a loop needs to read on.
#[derive(Debug, Clone, Copy)]
pub struct Beat<'a> {
    /// Which loop.
    pub slice: usize,
    /// The tick that it is.
    pub tick: i64,
    /// Whether the lo lane goes out in this tick.
    pub is_lo_due: bool,
    /// Monotonic microseconds.
    pub now_us: i64,
    /// How messages are framed.
    pub framing: &'a Framing,
}

impl Room {
    pub(crate) fn new(
        name: GroupName,
        handle: u32,
        epoch: Arc<str>,
        (now_us, is_ready): (i64, bool),
    ) -> Self {
        Self {
            name,
            handle,
            state: Mutex::new(RoomState {
                epoch,
                is_ready,
                hi: LaneRing::new(Lane::Hi, 1),
                lo: LaneRing::new(Lane::Lo, 0),
                history: History::default(),
                crowd: Crowd::default(),
                mode: Mode::default(),
                pinned: None,
                likes: 0,
                entries: Entries::default(),
                silences: Silences::default(),
                latest: HashMap::new(),
                received: 0,
                hi_tick: -1,
                lo_tick: -1,
                used_us: now_us,
                wanted_us: now_us,
            }),
        }
    }

    /// Lets a connection in.
    pub(crate) fn join(
        &self,
        (slice, encoding): (usize, Encoding),
        who: &Who,
        at: Option<&Position>,
    ) -> Joined {
        let mut state = self.state.lock();
        let is_first = state.crowd.enter(slice, encoding, who);
        let end = state.hi.sealed_end();
        let missed = at.map(|at| {
            let is_same = *at.e == *state.epoch;
            is_same.then(|| state.history.behind(at.o, end)).flatten()
        });
        let is_recovered = missed.as_ref().map(Option::is_some);
        let mut missed = missed.flatten().unwrap_or_default();
        if self.name.kind() == GroupKind::User {
            let mut again = state.history.unreceipted(state.received, end);
            again.retain(|post| !missed.iter().any(|other| other.offset == post.offset));
            missed.extend(again);
            missed.sort_by_key(|post| post.offset);
        }
        Joined {
            epoch: state.epoch.clone(),
            offset: end - 1,
            is_recovered,
            missed,
            mode: state.mode,
            pinned: state.pinned.clone(),
            crowd: state.crowd.everybody(),
            likes: state.likes,
            is_first,
            cursor: Cursor {
                hi: state.hi.next_seq(),
                lo: state.lo.next_seq(),
                lo_posts: state.lo.sealed_end(),
            },
        }
    }

    /// Lets a connection out.
    pub(crate) fn leave(&self, (slice, encoding): (usize, Encoding), who: &Who, now_us: i64) {
        let mut state = self.state.lock();
        state.crowd.leave(slice, encoding, who);
        state.used_us = now_us;
        state.wanted_us = now_us;
    }

    /// Seals what is due, and gives the batches behind `cursor`; whether more waits for the next tick.
    pub(crate) fn read(
        &self,
        beat: &Beat<'_>,
        cursor: Cursor,
        out: &mut (Vec<Batch>, Vec<Batch>),
    ) -> bool {
        let mut state = self.state.lock();
        state.crowd.was_told(beat.slice);
        let readers = Readers {
            framing: beat.framing,
            group: (self.name.as_str(), self.handle),
            has_binary: state.crowd.has_binary(),
            has_events: state.crowd.has_events(),
        };
        if state.hi_tick < beat.tick && state.hi.has_open() {
            state.hi.seal(&readers, beat.now_us);
            state.hi_tick = beat.tick;
        }
        if beat.is_lo_due && state.lo_tick < beat.tick && state.lo.has_open() {
            state.lo.seal(&readers, beat.now_us);
            state.lo_tick = beat.tick;
        }
        out.0.extend(state.hi.behind_seq(cursor.hi).cloned());
        out.1.extend(state.lo.behind_seq(cursor.lo).cloned());
        state.hi.has_open() || state.lo.has_open()
    }

    /// Lets go of what is old. Says which loops are to tell how many are there, and whether nothing is left of it.
    pub(crate) fn sweep(&self, (now_us, wall_ms): (i64, i64), config: &ChatConfig) -> (u64, bool) {
        let mut state = self.state.lock();
        state.history.forget(now_us, config);
        state.silences.forget(wall_ms);
        state.entries.forget(now_us);
        state.hi.evict(now_us);
        state.lo.evict(now_us);
        let kept_us = limits::REPETITION_US.max(i64::from(state.mode.slow_s) * 1_000_000);
        state
            .latest
            .retain(|_, (at_us, _)| now_us - *at_us <= kept_us);
        let is_room = self.name.kind() == GroupKind::Room;
        let mut told = 0;
        if is_room && let Some(count) = state.crowd.news(now_us) {
            state.lo.tell_crowd(count);
            told = state.crowd.take_untold();
        }
        let is_idle = now_us - state.used_us > config.history_s.saturating_mul(1_000_000);
        let is_bare = state.crowd.count() == 0
            && state.history.is_empty()
            && state.silences.is_empty()
            && state.mode == Mode::default()
            && state.pinned.is_none();
        // Its numbering would begin anew: not before whoever remembers a place has had the time to come back.
        (told, is_bare && is_idle)
    }

    /// Whether a user who says this is too fast or repeats itself; notes it where not.
    ///
    /// # Errors
    /// Milliseconds to wait, and whether it is a repetition.
    pub(crate) fn may_say(
        &self,
        user: &Arc<str>,
        digest: u64,
        now_us: i64,
    ) -> Result<(), (i64, bool)> {
        let mut state = self.state.lock();
        let slow_us = i64::from(state.mode.slow_s) * 1_000_000;
        if let Some((at_us, said)) = state.latest.get(user) {
            let wait_us = at_us + slow_us - now_us;
            if wait_us > 0 {
                return Err((wait_us / 1_000 + 1, false));
            }
            let wait_us = at_us + limits::REPETITION_US - now_us;
            if *said == digest && wait_us > 0 {
                return Err((wait_us / 1_000 + 1, true));
            }
        }
        if state.latest.len() >= limits::REMEMBERED_USERS {
            // So many within moments: better nobody waits than that memory grows.
            state.latest.clear();
        }
        state.latest.insert(user.clone(), (now_us, digest));
        Ok(())
    }

    /// What it takes right now.
    pub fn mode(&self) -> Mode {
        self.state.lock().mode
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.state.lock().mode = mode;
    }

    pub(crate) fn pin(&self, post: Option<Arc<Post>>) {
        self.state.lock().pinned = post;
    }

    /// The post with this id, as far as it is remembered.
    pub fn find(&self, id: Id) -> Option<Arc<Post>> {
        self.state.lock().history.find(id).cloned()
    }

    /// What may not speak or be here.
    pub(crate) fn with_silences<T>(&self, ask: impl FnOnce(&mut Silences) -> T) -> T {
        ask(&mut self.state.lock().silences)
    }

    /// A page of what is remembered: behind `since` in the hi lane, oldest first, or the latest of both lanes; and
    /// the offset of the latest post of the hi lane.
    pub fn page(&self, since: Option<u64>, limit: usize) -> (Vec<Arc<Post>>, u64) {
        let state = self.state.lock();
        let page = state.history.page(since, limit.min(limits::HISTORY_PAGE));
        (page, state.hi.next() - 1)
    }

    /// Names the numbering of its hi lane.
    pub fn epoch(&self) -> Arc<str> {
        self.state.lock().epoch.clone()
    }

    /// Whether all is known of it that other nodes know.
    pub fn is_ready(&self) -> bool {
        self.state.lock().is_ready
    }

    /// Whether all behind `offset` of the hi lane is still remembered.
    pub fn has_all_behind(&self, offset: u64) -> bool {
        let state = self.state.lock();
        state.history.behind(offset, state.hi.next()).is_some()
    }

    /// Posts up to `offset` were received. Whether that is news.
    pub(crate) fn acknowledge(&self, offset: u64) -> bool {
        let mut state = self.state.lock();
        let latest = state.hi.next() - 1;
        let received = state.received.max(offset.min(latest));
        std::mem::replace(&mut state.received, received) < received
    }

    /// How many are there, and who, unless they are too many to list.
    pub fn people(&self, limit: usize) -> (u32, Option<Vec<Person>>) {
        let state = self.state.lock();
        (state.crowd.everybody(), state.crowd.people(limit))
    }

    /// Posts remembered of a lane.
    pub fn remembered(&self, lane: Lane) -> usize {
        self.state.lock().history.len(lane)
    }

    /// As a push to its members names it.
    pub fn group(&self) -> (&str, u32) {
        (self.name.as_str(), self.handle)
    }
}
