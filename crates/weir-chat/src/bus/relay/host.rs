//! One group as a node knows it: how far it was heard, and what waits.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::likes::LikesOut;
use super::send::Outbox;
use super::{KEPT_MESSAGES, SENDER_KEPT_US};
use crate::bus::call::Checked;
use crate::bus::{Entry, Fact};
use crate::room::Room;

/// How a group is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody here wants to.
    Resting,
    /// It is not listened to yet, or no longer.
    Deaf,
    /// It is listened to, and what was before is to be read from then on.
    Stale { again_us: i64 },
    /// What was before is being read.
    Loading(u64),
    /// All is heard.
    Live,
}

/// Posts and facts of the hi lane, as they were told.
#[derive(Debug, Clone)]
pub(super) struct News {
    pub(super) epoch: Arc<str>,
    pub(super) first: u64,
    pub(super) version: u64,
    pub(super) posts: Vec<Entry>,
    pub(super) facts: Vec<Fact>,
}

/// See the file's words.
pub(super) struct Hosted {
    pub(super) room: Arc<Room>,
    pub(super) shard: usize,
    pub(super) stage: Stage,
    /// The numbering; empty where it is not known.
    pub(super) epoch: Arc<str>,
    /// The place that comes next.
    pub(super) next: u64,
    /// Changes of facts that are known.
    pub(super) version: u64,
    /// Everything of before was read once.
    pub(super) is_whole: bool,
    /// Since when something is missing, monotonic microseconds.
    pub(super) gap_us: Option<i64>,
    /// Posts that came before the ones in front of them.
    pub(super) early: BTreeMap<u64, Entry>,
    /// What was told while it was learned of.
    pub(super) kept: VecDeque<News>,
    /// What each sender of the lo lane has counted, and when it said so.
    pub(super) senders: HashMap<Box<str>, (u64, i64)>,
    pub(super) outbox: Outbox,
    pub(super) likes: LikesOut,
}

impl Hosted {
    pub(super) fn new(room: Arc<Room>, shard: usize, sender: Box<str>) -> Self {
        Self {
            room,
            shard,
            stage: Stage::Resting,
            epoch: "".into(),
            next: 1,
            version: 0,
            is_whole: false,
            gap_us: None,
            early: BTreeMap::new(),
            kept: VecDeque::new(),
            senders: HashMap::new(),
            outbox: Outbox::new(sender),
            likes: LikesOut::default(),
        }
    }

    /// Whether it was read once, and is heard or will be again.
    pub(super) const fn is_known(&self) -> bool {
        self.is_whole && !matches!(self.stage, Stage::Resting)
    }

    /// Whether something waits for the next tick.
    pub(super) fn is_busy(&self) -> bool {
        self.gap_us.is_some()
            || matches!(self.stage, Stage::Stale { .. })
            || self.outbox.is_busy()
            || self.likes.is_busy()
    }

    /// Whether others have come further than was heard here.
    pub(super) fn is_behind(&self, there: Option<&Checked>) -> bool {
        self.stage == Stage::Live
            && there.is_none_or(|there| {
                there.epoch != self.epoch
                    || there.last >= self.next
                    || there.version != self.version
            })
    }

    /// Keeps what cannot be understood before all that was before it is read.
    pub(super) fn keep(&mut self, news: News) {
        if self.kept.len() >= KEPT_MESSAGES {
            // The gap where it was is found when it is read.
            self.kept.pop_front();
        }
        self.kept.push_back(news);
    }

    /// Nobody here wants to hear it any more.
    pub(super) fn rest(&mut self) {
        self.stage = Stage::Resting;
        self.epoch = "".into();
        self.next = 1;
        self.version = 0;
        self.is_whole = false;
        self.gap_us = None;
        self.early.clear();
        self.kept.clear();
        self.senders.clear();
        self.room.set_elsewhere(0);
        self.room.set_ready(false);
    }

    pub(super) fn forget_senders(&mut self, now_us: i64) {
        self.senders
            .retain(|_, (_, at_us)| now_us - *at_us < SENDER_KEPT_US);
    }
}
