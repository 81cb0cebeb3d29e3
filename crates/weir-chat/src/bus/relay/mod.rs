//! A node's part of a cluster's chat: which groups it hears, how far it has heard them, and what it has yet to say.
//!
//! Posts of the hi lane get their place from a Redis, in one step with being kept and told to all who listen. Each node
//! knows the place that comes next: what comes twice is dropped, and where something is missing it is read again, so
//! that a message may be lost on the way. Posts of the lo lane go out here at once, and to other nodes as one message a
//! group and tick; each has its number among those of its sender, so that what is lost on the way is counted and told.
//!
//! Decisions without IO: answers, messages and time go in, questions and messages come out.

mod hear;
mod host;
mod likes;
mod send;
mod state;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use self::host::{Hosted, Stage};
use super::call::{Call, Reply};
use crate::change::{Answer, Bus, Change};
use crate::deny::{Denied, Deny};
use crate::house::House;
use crate::limits;
use crate::name::GroupName;
use crate::room::Room;

/// Microseconds after which a post that is missing is read: until then it may be on its way.
const GAP_US: i64 = 60_000;
/// Microseconds between two tries of what has failed.
const AGAIN_US: i64 = 250_000;
/// Microseconds between two looks at how far groups have come, and two tellings of who is here.
const CHECK_US: i64 = 3_000_000;
/// Groups in one such question.
const CHECKED_GROUPS: usize = 128;
/// Microseconds for which a group is heard that nobody is in: whoever was cut off comes back.
const LINGER_US: i64 = 30_000_000;
/// Microseconds that a post may wait for its place.
const PATIENCE_US: i64 = 4_000_000;
/// Posts of one group that wait so.
const WAITING_POSTS: usize = 1_024;
/// Posts in one step.
const POSTS_PER_STEP: usize = 64;
/// Microseconds after which a sender of the lo lane is forgotten that says nothing.
const SENDER_KEPT_US: i64 = 60_000_000;
/// Senders that are counted in one group.
const SENDERS: usize = 4_096;
/// Messages kept while a group is learned of: what is more is read again.
const KEPT_MESSAGES: usize = 256;
/// Posts kept that came before the ones in front of them.
const EARLY_POSTS: usize = 1_024;

/// How a relay is made.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// Redis servers that groups are spread over.
    pub shards: usize,
    /// Whether posts go between nodes as lines of JSON, for people to read.
    pub is_json: bool,
    /// Names this life of this node: letters and digits that no other has.
    pub node: Box<str>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Ask, and give the answer.
    Call(Call),
    /// Tell whoever listens to a group.
    Publish {
        /// By which shard.
        shard: usize,
        /// To which group.
        group: GroupName,
        /// This.
        message: Vec<u8>,
    },
    /// Listen to a group, and say when that is so.
    Listen {
        /// By which shard.
        shard: usize,
        /// To which group.
        group: GroupName,
    },
    /// Listen to it no more.
    Leave {
        /// By which shard.
        shard: usize,
        /// To which group.
        group: GroupName,
    },
}

/// See the file's words.
pub struct Relay {
    config: RelayConfig,
    state: Mutex<State>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct State {
    config: RelayConfig,
    groups: HashMap<GroupName, Hosted>,
    /// Groups that have something to do at the next tick.
    busy: HashSet<GroupName>,
    /// Shards that are listened to.
    connected: Vec<bool>,
    /// What questions are about.
    asked: HashMap<u64, Asked>,
    next_call: u64,
    next_sender: u64,
    out: Vec<Output>,
    /// Answers to be given once nobody else is kept waiting.
    done: Vec<Box<dyn FnOnce() + Send>>,
    next_check_us: i64,
    next_look_us: i64,
}

/// What a question was about.
enum Asked {
    Append(GroupName),
    Like(GroupName),
    Load(GroupName),
    Check(Vec<GroupName>),
    Online(Vec<(GroupName, u32)>),
}

impl Relay {
    /// One that knows of nobody.
    pub fn new(config: RelayConfig) -> Self {
        let state = State {
            config: config.clone(),
            groups: HashMap::new(),
            busy: HashSet::new(),
            connected: vec![false; config.shards],
            asked: HashMap::new(),
            next_call: 0,
            next_sender: 0,
            out: Vec::new(),
            done: Vec::new(),
            next_check_us: 0,
            next_look_us: 0,
        };
        Self {
            config,
            state: Mutex::new(state),
            wake: OnceLock::new(),
        }
    }

    /// Has `wake` called whenever there is something to do; the first call counts.
    pub fn wakes(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.wake.set(Box::new(wake));
    }

    /// This life of this node.
    pub fn node(&self) -> &str {
        &self.config.node
    }

    /// Takes what is to be done.
    pub fn poll(&self) -> Vec<Output> {
        std::mem::take(&mut self.state.lock().out)
    }

    /// Time has gone by: to be called each tick while [`Self::is_busy`], and each second otherwise.
    pub fn tick(&self, house: &House) {
        self.with(|state| state.tick(house));
    }

    /// Whether something waits for the next tick.
    pub fn is_busy(&self) -> bool {
        !self.state.lock().busy.is_empty()
    }

    /// A shard is listened to from now on; nothing is known of what it said before.
    pub fn connected(&self, house: &House, shard: usize) {
        self.with(|state| state.connected(house, shard));
    }

    /// A shard is listened to no more.
    pub fn lost(&self, shard: usize) {
        self.with(|state| state.lost(shard));
    }

    /// A group is listened to.
    pub fn listening(&self, house: &House, group: &str) {
        self.with(|state| state.listening(house, group));
    }

    /// Somebody said something to those who listen to a group.
    pub fn heard(&self, house: &House, group: &str, message: &[u8]) {
        self.with(|state| state.heard(house, group, message));
    }

    /// The answer to a question.
    pub fn answer(&self, house: &House, call: u64, reply: Reply) {
        self.with(|state| state.answer(house, call, reply));
    }

    /// Groups that are listened to, for people who count.
    pub fn heard_groups(&self) -> usize {
        let state = self.state.lock();
        let is_heard = |hosted: &&Hosted| hosted.stage != Stage::Resting;
        state.groups.values().filter(is_heard).count()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let told = act(&mut state);
        let done = std::mem::take(&mut state.done);
        let has_out = !state.out.is_empty();
        drop(state);
        // Whoever gets an answer may have something else to say.
        for answer in done {
            answer();
        }
        if has_out && let Some(wake) = self.wake.get() {
            wake();
        }
        told
    }
}

impl Bus for Relay {
    fn put(&self, house: &House, room: &Arc<Room>, change: Change, answer: Answer) {
        self.with(|state| state.put(house, room, change, answer));
    }

    fn host(&self, house: &House, room: &Arc<Room>) {
        self.with(|state| state.host(house, room));
    }

    fn like(&self, house: &House, room: &Arc<Room>, count: u32) {
        self.with(|state| state.like(house, room, count));
    }
}

/// Which shard a group is of; the same on all nodes.
pub fn shard_of(group: &str, shards: usize) -> usize {
    // FNV-1a.
    let mixed = group.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(mixed % shards.max(1) as u64).unwrap_or(0)
}

/// There is no Redis that gives a place.
fn away(is_sent: bool) -> Denied {
    let words = match is_sent {
        true => "nobody knows whether it was posted: post it again under the same x",
        false => "this has no place right now",
    };
    Denied::because(Deny::Unavailable, words).after_ms(1_000)
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("node", &self.config.node)
            .field("groups", &self.heard_groups())
            .finish()
    }
}

/// A tick is what the lo lane's messages to other nodes wait for.
const TICK_US: i64 = limits::TICK_US;
