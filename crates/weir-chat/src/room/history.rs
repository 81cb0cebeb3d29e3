//! What a group remembers: posts of the hi lane for who comes back, the latest of the lo lane for who comes in, and
//! the names of posts that were posted already.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use weir_base::Id;

use crate::config::ChatConfig;
use crate::limits;
use crate::post::{Lane, Placed, Post};
use crate::wire::PushKind;

/// See the file's words.
#[derive(Debug, Default)]
pub(super) struct History {
    hi: VecDeque<Arc<Post>>,
    hi_bytes: usize,
    /// The offset of the latest post of the hi lane that was let go.
    forgotten: u64,
    lo: VecDeque<Arc<Post>>,
    once: HashMap<Box<str>, Placed>,
    once_order: VecDeque<(i64, Box<str>)>,
}

impl History {
    /// Keeps a post.
    pub(super) fn keep(&mut self, post: &Arc<Post>, config: &ChatConfig) {
        if post.offset.is_some() {
            self.hi_bytes += post.bytes();
            self.hi.push_back(post.clone());
        } else if config.recent_posts > 0 {
            if self.lo.len() >= config.recent_posts {
                self.lo.pop_front();
            }
            self.lo.push_back(post.clone());
        }
        self.forget(post.at_us, config);
    }

    /// Lets go of what is too old or too much.
    pub(super) fn forget(&mut self, now_us: i64, config: &ChatConfig) {
        let oldest_us = now_us - config.history_s.saturating_mul(1_000_000);
        while let Some(post) = self.hi.front() {
            let is_over =
                self.hi.len() > config.history_posts || self.hi_bytes > limits::HISTORY_BYTES;
            if !is_over && post.at_us >= oldest_us {
                break;
            }
            self.hi_bytes = self.hi_bytes.saturating_sub(post.bytes());
            self.forgotten = post.offset.unwrap_or(self.forgotten);
            self.hi.pop_front();
        }
        while self.lo.front().is_some_and(|post| post.at_us < oldest_us) {
            self.lo.pop_front();
        }
        let named_us = now_us - limits::ONCE_KEPT_US;
        while let Some((at_us, key)) = self.once_order.front() {
            if *at_us >= named_us && self.once_order.len() <= limits::ONCE_KEYS {
                break;
            }
            self.once.remove(key);
            self.once_order.pop_front();
        }
    }

    /// The hi lane goes on behind this place, and nothing before it is remembered.
    pub(super) fn begin(&mut self, offset: u64) {
        self.hi.clear();
        self.hi_bytes = 0;
        self.forgotten = offset;
    }

    /// Whether nothing is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.hi.is_empty() && self.lo.is_empty() && self.once.is_empty()
    }

    /// The post of this name, where there was one.
    pub(super) fn named(&self, key: &str) -> Option<Placed> {
        let placed = self.once.get(key)?.clone();
        Some(Placed {
            is_again: true,
            ..placed
        })
    }

    /// Remembers a post by its name.
    pub(super) fn name(&mut self, key: Box<str>, placed: Placed) {
        self.once_order.push_back((placed.post.at_us, key.clone()));
        self.once.insert(key, placed);
    }

    /// The posts of the hi lane behind `offset` and below `end`; `None` where some of them are not there any more.
    pub(super) fn behind(&self, offset: u64, end: u64) -> Option<Vec<Arc<Post>>> {
        if offset < self.forgotten || offset >= end {
            return None;
        }
        let place = |post: &Arc<Post>| post.offset.unwrap_or(0);
        let at = self.hi.partition_point(|post| place(post) <= offset);
        let missed = self.hi.iter().skip(at);
        Some(
            missed
                .take_while(|post| place(post) < end)
                .cloned()
                .collect(),
        )
    }

    /// A page: behind `since` in the hi lane, oldest first, or the latest of both lanes.
    pub(super) fn page(&self, since: Option<u64>, limit: usize) -> Vec<Arc<Post>> {
        match since {
            Some(since) => {
                let at = self
                    .hi
                    .partition_point(|post| post.offset.unwrap_or(0) <= since);
                self.hi.iter().skip(at).take(limit).cloned().collect()
            }
            None => {
                let hi = self.hi.iter().filter(|post| post.push == PushKind::Message);
                let mut all: Vec<_> = hi.chain(&self.lo).cloned().collect();
                all.sort_by_key(|post| post.id);
                let extra = all.len().saturating_sub(limit);
                all.split_off(extra)
            }
        }
    }

    /// Posts beyond `offset` that want a receipt.
    pub(super) fn unreceipted(&self, offset: u64, end: u64) -> Vec<Arc<Post>> {
        let wanted = |post: &&Arc<Post>| {
            post.wants_receipt && post.offset.is_some_and(|at| at > offset && at < end)
        };
        self.hi.iter().filter(wanted).cloned().collect()
    }

    /// The post with this id.
    pub(super) fn find(&self, id: Id) -> Option<&Arc<Post>> {
        let mut all = self.hi.iter().chain(&self.lo);
        all.find(|post| post.id == id && post.push == PushKind::Message)
    }

    /// Takes posts out. One of the hi lane leaves its place to the note that it was taken.
    pub(super) fn take(&mut self, is_one: impl Fn(&Post) -> bool) {
        self.lo.retain(|post| !is_one(post));
        for post in &mut self.hi {
            if post.push == PushKind::Message && is_one(post) {
                *post = Arc::new(Post {
                    push: PushKind::Delete,
                    fields: format!("\"id\":\"{}\"}}", post.id).into(),
                    wants_receipt: false,
                    ..Post::clone(post)
                });
            }
        }
        self.hi_bytes = self.hi.iter().map(|post| post.bytes()).sum();
    }

    /// Posts kept of a lane.
    pub(super) fn len(&self, lane: Lane) -> usize {
        match lane {
            Lane::Hi => self.hi.len(),
            Lane::Lo => self.lo.len(),
        }
    }
}
