//! What is left out when the network takes less than the source gives. Nothing is encoded anew:
//! whole pictures go, and only such that every picture still sent has what it refers to.
//!
//! Pure: media in, media out. Times are milliseconds of media. How long the queue is, the way to
//! the server included, is told by the caller.

mod disposable;
#[cfg(test)]
#[path = "adapt/tests.rs"]
mod tests;

use std::collections::VecDeque;

use super::clip::{ClipTag, Role};

pub(crate) use disposable::{PictureShape, is_disposable};

/// Above this, pictures that no other refers to are left out.
pub(crate) const DISPOSABLE_MS: i64 = 500;
/// Above this, whole groups of pictures are.
pub(crate) const GROUP_MS: i64 = 2000;
/// Above this, sound is.
pub(crate) const SOUND_MS: i64 = 4000;
/// What may wait of the newest group after others were left out.
pub(crate) const GROUP_TARGET_MS: i64 = 1000;
/// What may wait of the sound after some was left out.
const SOUND_TARGET_MS: i64 = 3000;
/// Bytes waiting that count as a queue of [`GROUP_MS`]: two seconds at 64 Mbit/s.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// A step of time beyond this, forwards or back, is a jump of the source's clock and no queue.
const JUMP_MS: i64 = 5000;

/// A tag and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    /// As it will be sent.
    pub(crate) tag: ClipTag,
    /// Time of media since the first tag, jumps left out.
    pub(crate) at_ms: i64,
}

/// What was left out so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Video frames that were never sent.
    pub(crate) pictures: u64,
    /// Frames of sound.
    pub(crate) sounds: u64,
}

/// Whether the pictures that come now can be decoded after those that were let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Group {
    #[default]
    Whole,
    /// One is missing: all that follow are left out up to the next keyframe.
    Broken,
    /// It began after a gap: pictures shown before its keyframe, at this time, may refer to what
    /// stood in the gap.
    After(i64),
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    adapts: bool,
    waiting: VecDeque<Queued>,
    bytes: usize,
    group: Group,
    /// From the tags' times to ours.
    shift_ms: Option<i64>,
    newest_ms: i64,
    dropped: Dropped,
}

impl Queue {
    /// An empty one; if it does not `adapt`, all that goes in comes out.
    pub(crate) fn new(adapts: bool) -> Self {
        Self {
            adapts,
            ..Self::default()
        }
    }

    /// Takes a tag in, unless it is a picture that could not be decoded.
    pub(crate) fn push(&mut self, tag: ClipTag) {
        let at_ms = self.place(tag.time_ms);
        match (tag.role, self.group) {
            (Role::Key, Group::Broken) => self.group = Group::After(tag.pts_ms),
            (Role::Key, Group::After(_)) => self.group = Group::Whole,
            (Role::Picture | Role::Disposable, Group::Broken) => {
                self.dropped.pictures += 1;
                return;
            }
            (Role::Picture | Role::Disposable, Group::After(key_ms)) if tag.pts_ms < key_ms => {
                self.dropped.pictures += 1;
                return;
            }
            _ => {}
        }
        self.bytes += tag.body.len();
        self.waiting.push_back(Queued { tag, at_ms });
    }

    /// The next tag to send, given how long the queue is. What is not worth it any more is left out.
    pub(crate) fn pop(&mut self, queue_ms: i64) -> Option<Queued> {
        loop {
            let next = self.waiting.pop_front()?;
            self.bytes -= next.tag.body.len();
            if self.adapts && next.tag.role == Role::Disposable && queue_ms > DISPOSABLE_MS {
                self.dropped.pictures += 1;
                continue;
            }
            return Some(next);
        }
    }

    /// Leaves out what is too much, given how long the queue is; `keep_ms` of the newest group may
    /// wait on.
    pub(crate) fn trim(&mut self, queue_ms: i64, keep_ms: i64) {
        if !self.adapts {
            return;
        }
        if queue_ms > SOUND_MS {
            let oldest_ms = self.newest_ms - SOUND_TARGET_MS;
            let too_old =
                |queued: &Queued| queued.tag.role == Role::Sound && queued.at_ms < oldest_ms;
            self.dropped.sounds += self.leave_out(|_, queued| too_old(queued));
        }
        if queue_ms > GROUP_MS || self.bytes > MAX_WAITING_BYTES {
            self.shorten(keep_ms);
        }
    }

    /// Nothing is left to go before the next picture: leaves out all before a keyframe.
    pub(crate) fn require_key(&mut self) {
        match self.waiting.iter().position(is_key) {
            Some(key) => self.begin_at(key, true),
            None => {
                self.leave_out_pictures_from(0);
                self.group = Group::Broken;
            }
        }
    }

    /// The next tag.
    pub(crate) fn front(&self) -> Option<&Queued> {
        self.waiting.front()
    }

    /// Time of the newest tag that came.
    pub(crate) const fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Bytes waiting.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was left out so far.
    pub(crate) const fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn place(&mut self, time_ms: i64) -> i64 {
        let mut at_ms = time_ms + *self.shift_ms.get_or_insert(-time_ms);
        if (at_ms - self.newest_ms).abs() > JUMP_MS {
            self.shift_ms = Some(self.newest_ms - time_ms);
            at_ms = self.newest_ms;
        }
        self.newest_ms = self.newest_ms.max(at_ms);
        at_ms
    }

    /// Goes on at the newest keyframe that waits, or at the next one that comes.
    fn shorten(&mut self, keep_ms: i64) {
        let Some(key) = self.waiting.iter().rposition(is_key) else {
            // The newest group is on its way already: what waits is its end.
            let end = self.waiting.iter().position(is_picture);
            return self.break_off(end.unwrap_or(0), 0, keep_ms);
        };
        self.begin_at(key, false);
        // The keyframe may stand elsewhere now.
        if let Some(key) = self.waiting.iter().rposition(is_key) {
            self.break_off(key, key + 1, keep_ms);
        }
    }

    /// Leaves out the pictures from `first` on, where the tag at `oldest` waits for longer than is kept.
    fn break_off(&mut self, oldest: usize, first: usize, keep_ms: i64) {
        let oldest = self.waiting.get(oldest);
        let waits_ms = oldest.map_or(0, |queued| self.newest_ms - queued.at_ms);
        let is_too_much = waits_ms > keep_ms || self.bytes > MAX_WAITING_BYTES;
        if is_too_much && self.leave_out_pictures_from(first) > 0 {
            self.group = Group::Broken;
        }
    }

    /// Leaves out the pictures before the keyframe at `key`, and those after it that may refer to
    /// them. If there are none before it nothing is missing, unless the caller knows of a `gap`.
    fn begin_at(&mut self, key: usize, gap: bool) {
        let Some(key_pts_ms) = self.waiting.get(key).map(|queued| queued.tag.pts_ms) else {
            return;
        };
        let next_key = self
            .waiting
            .iter()
            .skip(key + 1)
            .position(is_key)
            .map(|after| key + 1 + after);
        let before = self.waiting.iter().take(key).any(is_picture);
        if !before && !gap {
            return;
        }
        let end = next_key.unwrap_or(usize::MAX);
        let count = self.leave_out(|index, queued| {
            let leads = index > key && index < end && queued.tag.pts_ms < key_pts_ms;
            is_picture(queued) && (index < key || leads)
        });
        self.dropped.pictures += count;
        if next_key.is_none() && self.group != Group::Broken {
            self.group = Group::After(key_pts_ms);
        }
    }

    fn leave_out_pictures_from(&mut self, first: usize) -> u64 {
        let count = self.leave_out(|index, queued| index >= first && is_picture(queued));
        self.dropped.pictures += count;
        count
    }

    fn leave_out(&mut self, is_out: impl Fn(usize, &Queued) -> bool) -> u64 {
        let (mut index, mut count, mut bytes) = (0, 0, 0);
        self.waiting.retain(|queued| {
            let out = is_out(index, queued);
            index += 1;
            if out {
                count += 1;
                bytes += queued.tag.body.len();
            }
            !out
        });
        self.bytes -= bytes;
        count
    }
}

fn is_key(queued: &Queued) -> bool {
    queued.tag.role == Role::Key
}

fn is_picture(queued: &Queued) -> bool {
    matches!(
        queued.tag.role,
        Role::Key | Role::Picture | Role::Disposable
    )
}
