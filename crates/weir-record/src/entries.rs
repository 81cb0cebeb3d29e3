//! What a list of recordings has, entry by entry: segments, alone or some joined to one, and the holes between them.
//! It is the same whatever part of it a list shows, so that numbers of entries stay while a list slides.

use crate::block::Segment;
use crate::playlist::is_seam;
use crate::recording::{Block, View};

/// Microseconds of segments that are joined to one entry at most.
pub const JOINED_US: i64 = 12_000_000;
/// Entries that stand for one hole at most; the rest of it is left out.
const MAX_HOLE_ENTRIES: i64 = 60;

/// Some segments, or a part of a hole, under one address in a list.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which one: they count from 0.
    pub number: u64,
    /// Entries before it that begin with a discontinuity.
    pub breaks_before: u64,
    /// Begins with a discontinuity.
    pub breaks: bool,
    /// Wall clock at its start, Unix microseconds.
    pub wall_us: i64,
    /// Microseconds that it lasts.
    pub duration_us: i64,
    /// What it is of; `None` for a hole.
    pub media: Option<Run<'a>>,
}

/// Segments in a row, of one block and with one init segment.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Where they are.
    pub block: &'a Block,
    /// They; at least one.
    pub segments: &'a [Segment],
    /// More of them may come.
    pub is_open: bool,
}

impl Entry<'_> {
    /// Wall clock at its end, Unix microseconds.
    pub fn end_us(&self) -> i64 {
        self.wall_us.saturating_add(self.duration_us)
    }
}

impl<'a> Run<'a> {
    /// The first of them.
    pub fn first(&self) -> Option<&'a Segment> {
        self.segments.first()
    }
}

/// How entries are made.
#[derive(Debug, Clone, Copy)]
pub struct Making {
    /// Microseconds of one entry that stands for a hole.
    pub hole_us: i64,
    /// Segments are joined.
    pub is_joined: bool,
}

/// All entries of these recordings, which are in the order of time.
pub fn entries<'a>(views: &'a [View], making: Making) -> impl Iterator<Item = Entry<'a>> {
    let runs = views.iter().flat_map(move |view| {
        let blocks = view.blocks.iter();
        blocks.flat_map(move |block| Runs {
            block,
            at: 0,
            is_joined: making.is_joined,
            is_over: block.is_sealed || view.facts.ended_ms.is_some(),
        })
    });
    let mut before: Option<(&'a Block, &'a Segment)> = None;
    let (mut number, mut breaks_before) = (0, 0);
    runs.flat_map(move |run| {
        let mut made = Vec::with_capacity(1);
        let Some(first) = run.first() else {
            return made;
        };
        let (is_break, end_us) = match before {
            Some((block, segment)) => (
                is_seam((block, segment), (run.block, first)),
                segment.end_us(),
            ),
            None => (false, first.wall_us),
        };
        let mut put = |wall_us, duration_us, breaks, media| {
            made.push(Entry {
                number,
                breaks_before,
                breaks,
                wall_us,
                duration_us,
                media,
            });
            number += 1;
            breaks_before += u64::from(breaks);
        };
        let (count, each_us) = hole(first.wall_us.saturating_sub(end_us), making.hole_us);
        for at in 0..count {
            put(end_us.saturating_add(at * each_us), each_us, false, None);
        }
        let duration_us = run
            .segments
            .iter()
            .map(|one| i64::from(one.duration_us))
            .sum();
        put(first.wall_us, duration_us, is_break, Some(run));
        before = run.segments.last().map(|last| (run.block, last));
        made
    })
}

/// How many entries stand for a hole, and how long each is.
fn hole(us: i64, entry_us: i64) -> (i64, i64) {
    let entry_us = entry_us.max(1);
    if us < entry_us {
        return (0, 0);
    }
    let count = us.saturating_add(entry_us - 1) / entry_us;
    match count <= MAX_HOLE_ENTRIES {
        true => (count, us / count),
        false => (MAX_HOLE_ENTRIES, entry_us),
    }
}

/// A block's segments, cut to entries.
struct Runs<'a> {
    block: &'a Block,
    at: usize,
    is_joined: bool,
    is_over: bool,
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        let all = self.block.table.segments.get(self.at..)?;
        let first = all.first()?;
        let (mut count, mut us) = (1, i64::from(first.duration_us));
        let mut is_open = self.is_joined && !self.is_over;
        while self.is_joined
            && let (Some(last), Some(next)) = (all.get(count - 1), all.get(count))
        {
            us += i64::from(next.duration_us);
            let is_new = us > JOINED_US || last.msn + 1 != next.msn;
            if is_new || is_seam((self.block, last), (self.block, next)) {
                is_open = false;
                break;
            }
            count += 1;
        }
        self.at += count;
        Some(Run {
            block: self.block,
            segments: all.get(..count)?,
            is_open,
        })
    }
}
