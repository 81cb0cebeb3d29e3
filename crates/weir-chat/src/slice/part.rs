//! A loop's part of one group: its members here, and the batches that they have yet to get.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits;
use crate::room::{Batch, Beat, Cursor, Room};

/// See the file's words.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) room: Arc<Room>,
    /// Keys of members.
    pub(super) members: Vec<usize>,
    pub(super) hi: VecDeque<Batch>,
    hi_bytes: usize,
    pub(super) lo: VecDeque<Batch>,
    /// Behind all batches that were read.
    pub(super) next: Cursor,
    /// Stands in the loop's list of those that may have something new.
    pub(super) is_pending: bool,
}

impl Part {
    pub(super) const fn new(room: Arc<Room>, next: Cursor) -> Self {
        Self {
            room,
            members: Vec::new(),
            hi: VecDeque::new(),
            hi_bytes: 0,
            lo: VecDeque::new(),
            next,
            is_pending: false,
        }
    }

    /// Reads on. Whether there was something, and whether there will be at the next tick.
    pub(super) fn read(&mut self, beat: &Beat<'_>) -> (bool, bool) {
        let mut news = (Vec::new(), Vec::new());
        let has_more = self.room.read(beat, self.next, &mut news);
        let (hi, lo) = news;
        let has_news = !(hi.is_empty() && lo.is_empty());
        if let Some(last) = hi.last() {
            self.next.hi = last.seq + 1;
        }
        if let Some(last) = lo.last() {
            self.next.lo = last.seq + 1;
            self.next.lo_posts = last.end;
        }
        self.hi_bytes += hi.iter().map(Batch::bytes).sum::<usize>();
        self.hi.extend(hi);
        self.lo.extend(lo);
        self.evict(beat.now_us);
        (has_news, has_more)
    }

    /// Lets go of what is too old to be waited for.
    pub(super) fn evict(&mut self, now_us: i64) {
        let is_old = |batch: &Batch| now_us - batch.at_us > limits::HI_KEPT_US;
        while let Some(batch) = self.hi.front()
            && (is_old(batch) || (self.hi_bytes > limits::HI_KEPT_BYTES && self.hi.len() > 1))
        {
            self.hi_bytes -= batch.bytes();
            self.hi.pop_front();
        }
        while self.lo.len() > limits::LO_KEPT_BATCHES || self.lo.front().is_some_and(is_old) {
            self.lo.pop_front();
        }
    }

    /// Batches of the hi lane from `seq` on.
    pub(super) fn hi_from(&self, seq: u64) -> impl Iterator<Item = &Batch> {
        from(&self.hi, seq)
    }

    /// Batches of the lo lane from `seq` on.
    pub(super) fn lo_from(&self, seq: u64) -> impl Iterator<Item = &Batch> {
        from(&self.lo, seq)
    }
}

fn from(batches: &VecDeque<Batch>, seq: u64) -> impl Iterator<Item = &Batch> {
    let first = batches.front().map_or(seq, |batch| batch.seq);
    let at = usize::try_from(seq.saturating_sub(first)).unwrap_or(usize::MAX);
    batches.iter().skip(at)
}
