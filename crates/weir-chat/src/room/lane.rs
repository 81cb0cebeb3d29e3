//! One lane of a group: posts that wait for the tick, and sealed batches of them, framed once for all members.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::post::{Lane, Post};
use crate::wire::{Encoding, Framing, Push, PushKind};

/// Posts of one tick in one lane, framed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its place among the batches of the lane.
    pub seq: u64,
    /// Posts of the lane before it, those that were left out among them.
    pub first: u64,
    /// Posts of the lane up to its end.
    pub end: u64,
    /// When it was sealed, monotonic microseconds.
    pub at_us: i64,
    json: Bytes,
    binary: Bytes,
    events: Bytes,
}

impl Batch {
    /// The message, framed.
    pub const fn message(&self, encoding: Encoding) -> &Bytes {
        match encoding {
            Encoding::Json => &self.json,
            Encoding::Binary => &self.binary,
            Encoding::Events => &self.events,
        }
    }

    /// Bytes that it holds.
    pub const fn bytes(&self) -> usize {
        self.json.len() + self.binary.len() + self.events.len()
    }
}

/// For whom a batch is framed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Readers<'a> {
    pub(super) framing: &'a Framing,
    pub(super) group: (&'a str, u32),
    /// Somebody reads records.
    pub(super) has_binary: bool,
    /// Somebody reads events.
    pub(super) has_events: bool,
}

/// One lane.
#[derive(Debug)]
pub(super) struct LaneRing {
    lane: Lane,
    /// The number of the next post.
    next: u64,
    /// The number of the first post that no sealed batch has.
    sealed_end: u64,
    open: Vec<Arc<Post>>,
    open_bytes: usize,
    /// Posts since the latest batch that were left out.
    shed: u64,
    /// How many are there, where that is to be told.
    crowd: Option<u32>,
    /// How many hearts were given, likewise.
    likes: Option<u64>,
    /// A numbering that begins behind this place, where that is to be told first.
    begins: Option<(Arc<str>, u64)>,
    sealed: VecDeque<Batch>,
    sealed_bytes: usize,
    next_seq: u64,
}

impl LaneRing {
    /// A lane whose first post has this number.
    pub(super) const fn new(lane: Lane, first: u64) -> Self {
        Self {
            lane,
            next: first,
            sealed_end: first,
            open: Vec::new(),
            open_bytes: 0,
            shed: 0,
            crowd: None,
            likes: None,
            begins: None,
            sealed: VecDeque::new(),
            sealed_bytes: 0,
            next_seq: 0,
        }
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn sealed_end(&self) -> u64 {
        self.sealed_end
    }

    pub(super) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether something waits for the tick.
    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
            || self.shed > 0
            || self.crowd.is_some()
            || self.likes.is_some()
            || self.begins.is_some()
    }

    /// Whether so many bytes more fit the tick.
    pub(super) fn has_room(&self, bytes: usize, most_posts: usize, most_bytes: usize) -> bool {
        self.open.len() < most_posts
            && (self.open.is_empty() || self.open_bytes + bytes <= most_bytes)
    }

    /// A post that goes out with the tick.
    pub(super) fn push(&mut self, post: Arc<Post>) {
        self.next += u64::from(post.push.is_counted());
        self.open_bytes += post.bytes();
        self.open.push(post);
    }

    /// Posts that are left out.
    pub(super) const fn shed(&mut self, posts: u64) {
        self.next += posts;
        self.shed += posts;
    }

    /// The place of a post that nobody waits for: it is as if it was sealed already.
    pub(super) const fn pass(&mut self) -> u64 {
        let place = self.next;
        self.next += 1;
        self.sealed_end = self.next;
        place
    }

    /// Goes on behind `offset` of another numbering. What is open was sealed before.
    pub(super) const fn renumber(&mut self, offset: u64) {
        self.next = offset + 1;
        self.sealed_end = self.next;
    }

    /// Where the numbering goes on is told with the tick, in front of what is open then.
    pub(super) fn announce(&mut self, epoch: Arc<str>) {
        self.begins = Some((epoch, self.next - 1));
    }

    /// How many are there goes out with the tick.
    pub(super) const fn tell_crowd(&mut self, crowd: u32) {
        self.crowd = Some(crowd);
    }

    /// How many hearts were given goes out with the tick.
    pub(super) const fn tell_likes(&mut self, total: u64) {
        self.likes = Some(total);
    }

    /// Makes a batch of what is open.
    pub(super) fn seal(&mut self, readers: &Readers<'_>, now_us: i64) {
        if !self.has_open() {
            return;
        }
        let json = self.framed(Encoding::Json, readers);
        let wanted = |is_wanted, encoding| match is_wanted {
            true => self.framed(encoding, readers),
            false => Bytes::new(),
        };
        let binary = wanted(readers.has_binary, Encoding::Binary);
        let events = wanted(readers.has_events, Encoding::Events);
        let batch = Batch {
            seq: self.next_seq,
            first: self.sealed_end,
            end: self.next,
            at_us: now_us,
            json,
            binary,
            events,
        };
        self.open.clear();
        self.open_bytes = 0;
        self.shed = 0;
        self.crowd = None;
        self.likes = None;
        self.begins = None;
        self.sealed_end = self.next;
        self.next_seq += 1;
        self.sealed_bytes += batch.bytes();
        self.sealed.push_back(batch);
        self.evict(now_us);
    }

    fn framed(&self, encoding: Encoding, readers: &Readers<'_>) -> Bytes {
        let mut payload = Vec::with_capacity(self.open_bytes);
        let mut last_offset = 0;
        if let Some((epoch, offset)) = &self.begins {
            let push = Push {
                kind: PushKind::Renumber,
                group: Some(readers.group),
                offset: None,
                fields: &format!("\"e\":\"{epoch}\",\"o\":{offset}}}"),
            };
            push.put(encoding, &mut payload, &mut last_offset);
        }
        for post in &self.open {
            let push = post.to_push(readers.group);
            push.put(encoding, &mut payload, &mut last_offset);
        }
        let mut more = |kind, n: u64| {
            let push = Push {
                kind,
                group: Some(readers.group),
                offset: None,
                fields: &format!("\"n\":{n}}}"),
            };
            push.put(encoding, &mut payload, &mut last_offset);
        };
        if self.shed > 0 {
            more(PushKind::Skip, self.shed);
        }
        if let Some(crowd) = self.crowd {
            more(PushKind::Online, u64::from(crowd));
        }
        if let Some(total) = self.likes {
            more(PushKind::Like, total);
        }
        readers.framing.framed(encoding, &payload).into()
    }

    /// The batches from `seq` on.
    pub(super) fn behind_seq(&self, seq: u64) -> impl Iterator<Item = &Batch> {
        let at = self.sealed.partition_point(|batch| batch.seq < seq);
        self.sealed.iter().skip(at)
    }

    /// Lets go of what nobody can want any more.
    pub(super) fn evict(&mut self, now_us: i64) {
        while let Some(batch) = self.sealed.front() {
            let is_over = match self.lane {
                Lane::Hi => self.sealed_bytes > limits::HI_KEPT_BYTES && self.sealed.len() > 1,
                Lane::Lo => self.sealed.len() > limits::LO_KEPT_BATCHES,
            };
            if !is_over && now_us - batch.at_us <= limits::HI_KEPT_US {
                break;
            }
            self.sealed_bytes -= batch.bytes();
            self.sealed.pop_front();
        }
        if self.sealed.is_empty() {
            self.sealed.shrink_to_fit();
        }
    }
}
