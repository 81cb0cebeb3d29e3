//! What all loops of a node share: the groups, who is silenced everywhere, and how loops are told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use weir_base::{Clock, Ids, ids};

use crate::bus::Entry;
use crate::business::{Business, Verdict};
use crate::bye::Bye;
use crate::change::{Answer, Bus, Change};
use crate::config::ChatConfig;
use crate::deny::{Denied, Deny};
use crate::filters::Filters;
use crate::limits;
use crate::name::GroupName;
use crate::post::{Draft, Lane, Placed};
use crate::room::Room;
use crate::room::silence::Silences;
use crate::tally::Tally;
use crate::who::Doorman;
use crate::wire::Framing;

/// Loops at most: a group has a bit for each.
pub const MAX_SLICES: usize = 64;
/// Bytes of randomness in an epoch.
const EPOCH_BYTES: usize = 5;

/// What a house is made of.
pub struct Parts {
    /// The settings.
    pub config: ChatConfig,
    /// The time.
    pub clock: Clock,
    /// Who knows whose tokens are whose.
    pub doorman: Arc<dyn Doorman>,
    /// Where posts get their places.
    pub bus: Arc<dyn Bus>,
    /// How messages are framed.
    pub framing: Framing,
}

/// See the file's words.
pub struct House {
    /// The settings.
    pub config: ChatConfig,
    /// The time.
    pub clock: Clock,
    /// What happened.
    pub tally: Tally,
    /// What is not said.
    pub filters: Filters,
    pub(crate) framing: Framing,
    doorman: Arc<dyn Doorman>,
    bus: Arc<dyn Bus>,
    ids: Ids,
    rooms: RwLock<HashMap<GroupName, Arc<Room>>>,
    bells: RwLock<Vec<Arc<Bell>>>,
    silences: Mutex<Silences>,
    /// Connections of each user, and what it may still post.
    users: Mutex<HashMap<Arc<str>, UserUse>>,
    next_handle: AtomicU32,
    business: OnceLock<Arc<dyn Business>>,
}

/// What a user has taken of its measure.
#[derive(Debug, Default)]
struct UserUse {
    connections: u32,
    /// Since when, monotonic microseconds, it has all its posts.
    full_from_us: i64,
    /// And all its hearts.
    hearts_from_us: i64,
}

/// How a loop is told.
pub(crate) struct Bell {
    inbox: Mutex<Inbox>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// What a loop is told.
#[derive(Default)]
pub(crate) struct Inbox {
    /// Groups that have something new.
    pub(crate) rooms: Vec<Arc<Room>>,
    /// What the business behind the gateway says.
    pub(crate) heard: Vec<Heard>,
    /// Answers to commands of its members.
    pub(crate) answers: Vec<Answered>,
    /// A group has become ready: whoever waits may go on.
    pub(crate) is_ready: bool,
    /// Users to be let go, of all groups or of one.
    pub(crate) byes: Vec<LetGo>,
}

/// Connections of a user that are to go.
pub(crate) struct LetGo {
    pub(crate) user: Arc<str>,
    /// From this group alone.
    pub(crate) group: Option<GroupName>,
    /// Those alone that came by what was made before, milliseconds since 1970.
    pub(crate) before_ms: Option<i64>,
    pub(crate) bye: Bye,
}

/// What the business says to a question of a member.
pub(crate) struct Heard {
    pub(crate) member: usize,
    pub(crate) serial: u64,
    pub(crate) ticket: u64,
    pub(crate) verdict: Verdict,
}

/// What became of what a member wanted.
pub(crate) enum Outcome {
    /// Its post has its place.
    Placed(Placed),
    /// It was done, and this is said of it.
    Done(String),
}

/// An answer of the bus to a member.
pub(crate) struct Answered {
    pub(crate) member: usize,
    pub(crate) serial: u64,
    pub(crate) i: Option<u64>,
    pub(crate) room: Arc<Room>,
    pub(crate) result: Result<Outcome, Denied>,
}

impl House {
    /// An empty one.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            ids: Ids::new(parts.clock.clone()),
            config: parts.config,
            clock: parts.clock,
            tally: Tally::default(),
            filters: Filters::default(),
            framing: parts.framing,
            doorman: parts.doorman,
            bus: parts.bus,
            rooms: RwLock::default(),
            bells: RwLock::default(),
            silences: Mutex::default(),
            users: Mutex::default(),
            next_handle: AtomicU32::new(1),
            business: OnceLock::new(),
        })
    }

    /// From now on this business is asked; the first that is given stays.
    pub fn serve_by(&self, business: Arc<dyn Business>) {
        let _ = self.business.set(business);
    }

    pub(crate) fn business(&self) -> Option<&Arc<dyn Business>> {
        self.business.get()
    }

    /// The tick that it is.
    pub fn tick(&self) -> i64 {
        self.clock.now_us().div_euclid(limits::TICK_US)
    }

    /// The group of this name, made where there is none.
    ///
    /// # Errors
    /// 106 where there are too many, 100 where the system has no randomness.
    pub fn room(&self, name: &GroupName) -> Result<Arc<Room>, Denied> {
        if let Some(room) = self.find(name) {
            return Ok(room);
        }
        let mut rooms = self.rooms.write();
        if let Some(room) = rooms.get(name) {
            return Ok(room.clone());
        }
        if rooms.len() >= limits::GROUPS {
            return Err(Denied::because(
                Deny::Limit,
                "this node has too many groups",
            ));
        }
        let random = ids::random_bytes::<EPOCH_BYTES>().map_err(|_| Deny::Internal)?;
        let handle = self.next_handle.fetch_add(1, Ordering::Relaxed);
        let epoch = ids::hex(&random).into();
        let is_ready = self.bus.is_alone();
        let at = (self.clock.now_us(), is_ready);
        let room = Arc::new(Room::new(name.clone(), handle, epoch, at));
        rooms.insert(name.clone(), room.clone());
        Ok(room)
    }

    /// The group of this name, where there is one.
    pub fn find(&self, name: &GroupName) -> Option<Arc<Room>> {
        self.rooms.read().get(name).cloned()
    }

    /// Groups there are.
    pub fn groups(&self) -> usize {
        self.rooms.read().len()
    }

    /// Somebody wants to hear of a group: it is learned of from the other nodes, where there are any.
    pub fn host(&self, room: &Arc<Room>) {
        if !self.bus.is_alone() {
            room.touch(self.clock.now_us());
            self.bus.host(self, room);
        }
    }

    /// Has something happen to a group, through the bus.
    pub(crate) fn put(&self, room: &Arc<Room>, change: Change, answer: Answer) {
        self.bus.put(self, room, change, answer);
    }

    /// Gives a post its name and time.
    ///
    /// # Errors
    /// 100 where the system has no randomness.
    pub fn entry(&self, draft: Draft) -> Result<(Entry, Lane), Denied> {
        let id = self.ids.next().map_err(|_| Deny::Internal)?;
        let lane = draft.lane;
        Ok((Entry::new(draft, id, self.clock.wall_ms()), lane))
    }

    /// A name that nothing else has.
    pub(crate) fn next_id(&self) -> Result<weir_base::Id, Denied> {
        self.ids.next().map_err(|_| Deny::Internal.into())
    }

    /// A group has become ready: whoever waits for it may go on.
    pub(crate) fn tell_ready(&self) {
        for bell in self.bells.read().iter() {
            bell.tell(|inbox| inbox.is_ready = true);
        }
    }

    /// Has hearts counted that a group was given here.
    pub(crate) fn like(&self, room: &Arc<Room>, count: u32) {
        self.tally.likes.add(u64::from(count));
        self.bus.like(self, room, count);
    }

    /// So many hearts were given in all: members are told.
    pub(crate) fn set_likes(&self, room: &Arc<Room>, total: u64) {
        self.ring(room, room.set_likes(total));
    }

    /// So many more hearts, where nobody else counts them.
    pub(crate) fn add_likes(&self, room: &Arc<Room>, count: u64) {
        self.ring(room, room.add_likes(count));
    }

    /// Gives a post its place here, and tells the loops: for the bus.
    pub fn place(&self, room: &Arc<Room>, (entry, lane): (Entry, Lane)) -> Placed {
        let at = (self.clock.now_us(), self.clock.wall_ms());
        let (placed, told) = room.place((entry, lane), at, &self.config);
        if !placed.is_again && placed.post.push.is_counted() {
            self.tally.posts(lane).add(1);
            self.tally.shed.add(u64::from(placed.is_shed));
        }
        self.ring(room, told);
        placed
    }

    /// Who shows a token.
    ///
    /// # Errors
    /// The doorman's.
    pub(crate) fn who(&self, token: &str) -> Result<crate::who::Who, Denied> {
        let who = self.doorman.who(token, self.clock.wall_ms())?;
        self.with_silences(|of| of.may_show(&who.user, who.since_ms))?;
        Ok(who)
    }

    /// Takes a place among the connections of a user.
    ///
    /// # Errors
    /// 106.
    pub(crate) fn enter(&self, user: &Arc<str>) -> Result<(), Denied> {
        let mut users = self.users.lock();
        let connections = &mut users.entry(user.clone()).or_default().connections;
        if *connections >= limits::CONNECTIONS_PER_USER {
            return Err(Denied::because(
                Deny::Limit,
                "this user has too many connections",
            ));
        }
        *connections += 1;
        Ok(())
    }

    /// Gives it back.
    pub(crate) fn leave(&self, user: &Arc<str>) {
        if let Some(use_of) = self.users.lock().get_mut(user) {
            use_of.connections = use_of.connections.saturating_sub(1);
        }
    }

    /// Whether a user may post one more right now.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_post(&self, user: &Arc<str>) -> Result<(), i64> {
        let now_us = self.clock.now_us();
        let mut users = self.users.lock();
        let full_from_us = &mut users.entry(user.clone()).or_default().full_from_us;
        let ahead_us = (*full_from_us).max(now_us) + limits::USER_POST_US;
        let most_us = now_us + i64::from(limits::USER_POSTS_AT_ONCE) * limits::USER_POST_US;
        if ahead_us > most_us {
            return Err((ahead_us - most_us) / 1_000 + 1);
        }
        *full_from_us = ahead_us;
        Ok(())
    }

    /// Whether a user may give so many hearts right now.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub(crate) fn may_like(&self, user: &Arc<str>, count: u32) -> Result<(), i64> {
        let now_us = self.clock.now_us();
        let mut users = self.users.lock();
        let from_us = &mut users.entry(user.clone()).or_default().hearts_from_us;
        let ahead_us = (*from_us).max(now_us) + i64::from(count) * limits::HEART_US;
        let most_us = now_us + i64::from(limits::HEARTS_AT_ONCE) * limits::HEART_US;
        if ahead_us > most_us {
            return Err((ahead_us - most_us) / 1_000 + 1);
        }
        *from_us = ahead_us;
        Ok(())
    }

    /// Who is silenced everywhere.
    pub(crate) fn with_silences<T>(&self, ask: impl FnOnce(&mut Silences) -> T) -> T {
        ask(&mut self.silences.lock())
    }

    /// Lets go of all connections of a user, or has them leave a group.
    pub fn let_go(&self, user: &Arc<str>, group: Option<&GroupName>, bye: Bye) {
        for bell in self.bells.read().iter() {
            let let_go = LetGo {
                user: user.clone(),
                group: group.cloned(),
                before_ms: None,
                bye,
            };
            bell.tell(|inbox| inbox.byes.push(let_go));
        }
    }

    /// Lets go of the connections of a user that came by what was made before.
    pub(crate) fn let_go_of(&self, user: &Arc<str>, before_ms: i64) {
        for bell in self.bells.read().iter() {
            let let_go = LetGo {
                user: user.clone(),
                group: None,
                before_ms: Some(before_ms),
                bye: Bye::Expired,
            };
            bell.tell(|inbox| inbox.byes.push(let_go));
        }
    }

    /// Lets go of what is old; once a second is enough.
    pub fn sweep(&self) {
        let now = (self.clock.now_us(), self.clock.wall_ms());
        let rooms: Vec<_> = self.rooms.read().values().cloned().collect();
        for room in rooms {
            let (told, is_over) = room.sweep(now, &self.config);
            self.ring(&room, told);
            if is_over {
                let mut all = self.rooms.write();
                // Whoever has it in hand may be about to enter.
                if Arc::strong_count(&room) == 2 {
                    all.remove(&room.name);
                }
            }
        }
        self.with_silences(|silences| silences.forget(now.1));
        let is_used =
            |of: &UserUse| of.connections > 0 || of.full_from_us.max(of.hearts_from_us) > now.0;
        self.users.lock().retain(|_, of| is_used(of));
    }

    /// One more loop, which `wake` wakes.
    pub(crate) fn open_slice(&self, wake: Box<dyn Fn() + Send + Sync>) -> (usize, Arc<Bell>) {
        let bell = Arc::new(Bell {
            inbox: Mutex::default(),
            wake,
        });
        let mut bells = self.bells.write();
        bells.push(bell.clone());
        (bells.len() - 1, bell)
    }

    pub(crate) fn ring(&self, room: &Arc<Room>, told: u64) {
        if told == 0 {
            return;
        }
        for (slice, bell) in self.bells.read().iter().enumerate().take(MAX_SLICES) {
            if told & (1 << slice) != 0 {
                bell.tell(|inbox| inbox.rooms.push(room.clone()));
            }
        }
    }
}

impl Bell {
    /// Puts something into the inbox, and wakes the loop where that was empty.
    pub(crate) fn tell(&self, put: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.inbox.lock();
        let was_empty = inbox.is_empty();
        put(&mut inbox);
        drop(inbox);
        if was_empty {
            (self.wake)();
        }
    }

    /// All that was put in.
    pub(crate) fn take(&self) -> Inbox {
        std::mem::take(&mut *self.inbox.lock())
    }
}

impl Inbox {
    pub(crate) const fn is_empty(&self) -> bool {
        let is_quiet = self.rooms.is_empty() && self.answers.is_empty() && self.heard.is_empty();
        is_quiet && self.byes.is_empty() && !self.is_ready
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("groups", &self.groups())
            .finish()
    }
}

/// Which lane posts of a kind are in where nobody says.
pub fn lane_of(kind: &str) -> Lane {
    match kind {
        "chat" | "like" | "enter" => Lane::Lo,
        _ => Lane::Hi,
    }
}
