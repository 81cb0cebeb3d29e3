//! A list of what was broadcast, for viewers who go back in it while it is live or later (RFC 8216bis §4.4). Its wall
//! clock is linear: what is missing has entries of its own, with `EXT-X-GAP`.

use std::fmt::Write as _;

use weir_media::hls::{DateTime, Name, Resource, Seconds, Selection};

use crate::block::{BlockName, Segment};
use crate::entries::{Entry, JOINED_US, Making, Run, entries};
use crate::playlist::{Stretch, target_s};
use crate::recording::View;

/// Bytes of an entry, to guess the room a list needs.
const ENTRY_BYTES: usize = 64;
/// Entries that room is made for at once.
const MAX_ENTRIES: usize = 8192;
/// Microseconds beyond which a list has joined segments: more entries than four hours of the shortest are not read
/// at once by players.
const JOINED_BEYOND_US: i64 = 4 * 3_600_000_000;

/// What becomes of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// The oldest go as new ones come.
    Sliding,
    /// New ones come; nothing goes (`EVENT`).
    Growing,
    /// Nothing will change that has not been so for long (`VOD`).
    Fixed,
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub struct Shifted {
    /// What of the recordings.
    pub stretch: Stretch,
    /// What becomes of it.
    pub growth: Growth,
    /// Nothing more comes, although something may have come until now.
    pub is_over: bool,
    /// Microseconds that it may span.
    pub span_us: i64,
}

impl Shifted {
    fn is_joined(&self) -> bool {
        self.span_us > JOINED_BEYOND_US
    }

    /// Whether an entry is in it, or the list has not begun yet.
    fn is_before_end(&self, entry: &Entry<'_>) -> bool {
        match self.growth {
            // What is late by so much has ended by then.
            Growth::Sliding => entry.end_us() <= self.stretch.to_us,
            Growth::Growing | Growth::Fixed => entry.wall_us < self.stretch.to_us,
        }
    }

    /// Whether the list can begin with an entry. One that slides begins with a block, which has its wall clock in
    /// every version of the list.
    fn is_beginning(&self, entry: &Entry<'_>) -> bool {
        let Some(run) = entry.media else { return false };
        match self.growth {
            Growth::Sliding => {
                let of_block = &run.block.table.segments;
                let is_first =
                    of_block.first().map(|one| one.msn) == run.first().map(|one| one.msn);
                let end_us = of_block.last().map_or(0, Segment::end_us);
                is_first && end_us > self.stretch.from_us
            }
            Growth::Growing | Growth::Fixed => entry.end_us() > self.stretch.from_us,
        }
    }

    /// The entries that it has of these recordings, which are in the order of time.
    fn entries<'a>(&self, views: &'a [View], target_s: i64) -> impl Iterator<Item = Entry<'a>> {
        let (list, making) = (
            *self,
            Making {
                hole_us: target_s * 1_000_000,
                is_joined: self.is_joined(),
            },
        );
        // In a row, as numbers are: a wall clock that was set back ends a list. No entry may grow.
        entries(views, making)
            .skip_while(move |entry| !list.is_beginning(entry))
            .take_while(move |entry| list.is_before_end(entry))
            .filter(|entry| entry.media.is_none_or(|run| !run.is_open))
    }

    /// The first segments that it has.
    pub fn first<'a>(&self, views: &'a [View]) -> Option<Run<'a>> {
        let mut all = self.entries(views, self.target_s(views));
        all.find_map(|entry| entry.media)
    }

    /// Bits a second at most, in an entry, and over all.
    pub fn bandwidth_bps(&self, views: &[View]) -> (u64, u64) {
        let (mut peak, mut bits, mut us) = (0, 0, 0);
        for entry in self.entries(views, self.target_s(views)) {
            let segments = entry.media.map_or(&[][..], |run| run.segments);
            let of_entry: u64 = segments.iter().map(|one| u64::from(one.bytes) * 8).sum();
            let lasts_us = entry.duration_us.unsigned_abs();
            if of_entry > 0 && lasts_us > 0 {
                peak = peak.max(of_entry.saturating_mul(1_000_000) / lasts_us);
                bits += of_entry;
                us += lasts_us;
            }
        }
        (peak, bits.saturating_mul(1_000_000) / us.max(1))
    }

    /// What was promised once holds for all versions of a list (§6.2.1).
    fn target_s(&self, views: &[View]) -> i64 {
        let promised = views.iter().map(|view| i64::from(view.facts.target_s));
        let promised_s = promised.max().unwrap_or(0);
        let of_all = || {
            let segments = views.iter().flat_map(View::segments);
            segments.map(|(_, one)| i64::from(one.duration_us)).max()
        };
        // A recording of which nothing was promised is one that nothing is added to.
        let longest_s = match promised_s {
            0 => target_s(of_all().unwrap_or(0)),
            _ => promised_s,
        };
        match self.is_joined() {
            true => longest_s.max(JOINED_US / 1_000_000),
            false => longest_s,
        }
    }

    /// The list; `None` where there is nothing for it.
    pub fn text(&self, views: &[View]) -> Option<String> {
        let target_s = self.target_s(views);
        let mut all = self.entries(views, target_s).peekable();
        let first = *all.peek()?;
        let segments: usize = views.iter().map(|view| view.segments().count()).sum();
        let mut out = String::with_capacity(512 + segments.min(MAX_ENTRIES) * ENTRY_BYTES);
        self.put_head(&mut out, &first, target_s);
        let mut before: Option<(BlockName, u32)> = None;
        for entry in all {
            put_entry(&mut out, &entry, &mut before);
        }
        if self.is_over {
            out.push_str("#EXT-X-ENDLIST\n");
        }
        Some(out)
    }

    fn put_head(&self, out: &mut String, first: &Entry<'_>, target_s: i64) {
        let number = match self.growth {
            Growth::Sliding => first.number,
            Growth::Growing | Growth::Fixed => 0,
        };
        // EXT-X-GAP needs 8 (§8). Writing to a string cannot fail.
        let _ = write!(
            out,
            "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:{number}\n"
        );
        match self.growth {
            Growth::Sliding if first.breaks_before > 0 => {
                let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", first.breaks_before);
            }
            Growth::Sliding => {}
            Growth::Growing => out.push_str("#EXT-X-PLAYLIST-TYPE:EVENT\n"),
            Growth::Fixed => out.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n"),
        }
        // Players begin at the end of what may grow, but this one was asked for from a time on.
        if self.growth == Growth::Growing {
            out.push_str("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n");
        }
    }
}

fn put_entry(out: &mut String, entry: &Entry<'_>, before: &mut Option<(BlockName, u32)>) {
    let duration = Seconds(entry.duration_us);
    let Some((run, first)) = entry.media.and_then(|run| Some((run, run.first()?))) else {
        let number = entry.number;
        let _ = write!(out, "#EXT-X-GAP\n#EXTINF:{duration},\ngap-{number}.m4s\n");
        return;
    };
    let (block, init_id) = (run.block.name, first.init_id);
    if entry.breaks {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    let name = |resource| Name {
        epoch: block.epoch.to_string(),
        selection: Selection::Both,
        resource,
    };
    let is_new = |(of, id): (BlockName, u32)| of.epoch != block.epoch || id != init_id;
    if entry.breaks || before.is_none_or(is_new) {
        let init = name(Resource::Init { id: init_id });
        let _ = writeln!(out, "#EXT-X-MAP:URI=\"{init}\"");
    }
    // Once for each block is enough for the wall clock of every segment.
    if entry.breaks || before.is_none_or(|(of, _)| of != block) {
        let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", DateTime(first.wall_us));
    }
    let uri = name(match run.segments.len() {
        1 => Resource::Segment { msn: first.msn },
        count => Resource::Segments {
            msn: first.msn,
            count: count as u32,
        },
    });
    let _ = write!(out, "#EXTINF:{duration},\n{uri}\n");
    *before = Some((block, init_id));
}
