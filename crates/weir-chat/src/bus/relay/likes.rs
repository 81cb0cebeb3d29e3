//! Hearts: what was given here goes to the Redis that counts them as one number a tick, and the sum comes back to all.
//!
//! A count that was not answered is asked again under its own number, and is counted once. What a gateway has not
//! asked yet dies with it: the taps of a tick.

use std::sync::Arc;

use super::{AGAIN_US, Asked, State, TICK_US};
use crate::bus::call::{Hearts, Op, Reply};
use crate::house::House;
use crate::name::GroupName;
use crate::room::Room;

/// Microseconds for which a count is asked again: shorter than Redis remembers which it has counted.
const ASKED_US: i64 = 40_000_000;

/// Hearts of one group that others have not been told of.
#[derive(Default)]
pub(super) struct LikesOut {
    waiting: u64,
    /// What was asked and is not known to be counted: which count, how many, since when.
    open: Option<(u64, u64, i64)>,
    /// It is on its way.
    is_asked: bool,
    /// Nobody here knows how many there are.
    wants_total: bool,
    seq: u64,
    next_us: i64,
}

impl LikesOut {
    pub(super) const fn is_busy(&self) -> bool {
        self.waiting > 0 || self.open.is_some() || self.wants_total
    }

    /// How many there are is to be learned.
    pub(super) const fn ask_total(&mut self) {
        self.wants_total = true;
    }

    /// What is to be asked now: which count, and how many.
    fn next(&mut self, now_us: i64) -> Option<(u64, u64)> {
        if self.is_asked || now_us < self.next_us {
            return None;
        }
        if self.open.is_none() && (self.waiting > 0 || self.wants_total) {
            self.seq += 1;
            self.open = Some((self.seq, std::mem::take(&mut self.waiting), now_us));
            self.wants_total = false;
        }
        let (seq, count, _) = self.open?;
        self.is_asked = true;
        self.next_us = now_us + TICK_US;
        Some((seq, count))
    }
}

impl State {
    pub(super) fn like(&mut self, house: &House, room: &Arc<Room>, count: u32) {
        let likes = &mut self.hosted(room).likes;
        likes.waiting = likes.waiting.saturating_add(u64::from(count));
        self.send_likes(house, &room.name);
    }

    /// Asks for what may be asked now; the rest at the next tick.
    pub(super) fn send_likes(&mut self, house: &House, group: &GroupName) {
        let now_us = house.clock.now_us();
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        let (shard, sender) = (hosted.shard, hosted.outbox.sender.clone());
        let next = hosted.likes.next(now_us);
        if hosted.likes.is_busy() {
            self.busy.insert(group.clone());
        }
        if let Some((seq, count)) = next {
            let hearts = Hearts {
                group: group.clone(),
                sender,
                seq,
                count,
            };
            self.ask(shard, Op::Like(hearts), Asked::Like(group.clone()));
        }
    }

    /// They were counted, or nobody knows.
    pub(super) fn liked(&mut self, house: &House, group: &GroupName, reply: &Reply) {
        let now_us = house.clock.now_us();
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        let likes = &mut hosted.likes;
        likes.is_asked = false;
        if let Reply::Liked(total) = reply {
            likes.open = None;
            // What was told to all may be later than this answer.
            if *total > hosted.room.likes() {
                house.set_likes(&hosted.room, *total);
            }
            return;
        }
        likes.next_us = now_us + AGAIN_US;
        likes.open = likes
            .open
            .filter(|(.., since_us)| now_us - since_us < ASKED_US);
    }
}
