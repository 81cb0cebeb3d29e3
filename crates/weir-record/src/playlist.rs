//! The playlist of a recording (RFC 8216bis §4.4), whole or a stretch of it.

use std::fmt::Write as _;

use weir_media::hls::{DateTime, Name, Resource, Seconds, Selection};

use crate::block::Segment;
use crate::recording::{Block, View};

/// Bytes of an entry, to guess the room a playlist needs.
const ENTRY_BYTES: usize = 56;
/// Where one segment ends and the next begins less far apart than this, in microseconds, nothing is missing.
pub(crate) const SEAM_US: i64 = 50_000;

/// Which part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// From the segment with this time on, Unix microseconds.
    pub from_us: i64,
    /// Up to the segment with this time, Unix microseconds.
    pub to_us: i64,
}

impl Stretch {
    /// All of it.
    pub const ALL: Self = Self {
        from_us: i64::MIN,
        to_us: i64::MAX,
    };

    /// Whether any of a segment is in it.
    pub fn has(&self, segment: &Segment) -> bool {
        segment.end_us() > self.from_us && segment.wall_us < self.to_us
    }
}

/// The playlist of a stretch. One that is over has `VOD` and `EXT-X-ENDLIST`; one that may still grow is an
/// `EVENT`, from which nothing is ever taken away (§4.4.3.5).
pub fn playlist(view: &View, stretch: Stretch) -> String {
    let segments = || view.segments().filter(|(_, segment)| stretch.has(segment));
    let is_over = view.facts.ended_ms.is_some()
        || segments().next().is_some() && view.end_us() > stretch.to_us;
    let longest_us = segments().map(|(_, one)| i64::from(one.duration_us)).max();
    // What was promised once holds for all versions of a list that grows (§6.2.1).
    let target_s = target_s(longest_us.unwrap_or(0)).max(i64::from(view.facts.target_s));
    let mut out = String::with_capacity(256 + segments().count() * ENTRY_BYTES);
    let kind = if is_over { "VOD" } else { "EVENT" };
    let is_independent = segments().all(|(_, segment)| segment.is_independent);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target_s}\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}\n"
    );
    if is_independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    let mut before: Option<(&Block, &Segment)> = None;
    for (block, segment) in segments() {
        let name = block.name;
        let breaks = before.is_some_and(|before| is_seam(before, (block, segment)));
        if breaks {
            out.push_str("#EXT-X-DISCONTINUITY\n");
        }
        let uri = |resource| Name {
            epoch: name.epoch.to_string(),
            selection: Selection::Both,
            resource,
        };
        if breaks || before.is_none() {
            let init = uri(Resource::Init {
                id: segment.init_id,
            });
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{init}\"");
        }
        // Once for each block is enough for the wall clock of every segment.
        if breaks || before.is_none_or(|(of, _)| of.name != name) {
            let _ = writeln!(
                out,
                "#EXT-X-PROGRAM-DATE-TIME:{}",
                DateTime(segment.wall_us)
            );
        }
        let _ = writeln!(
            out,
            "#EXTINF:{},\n{}",
            Seconds(i64::from(segment.duration_us)),
            uri(Resource::Segment { msn: segment.msn })
        );
        before = Some((block, segment));
    }
    if is_over {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// Whether one segment does not simply follow another: with another clock or other codecs, or later.
pub(crate) fn is_seam(
    (block_before, before): (&Block, &Segment),
    (block, segment): (&Block, &Segment),
) -> bool {
    let gap_us = segment.wall_us.saturating_sub(before.end_us());
    segment.is_discontinuity
        || block_before.name.epoch != block.name.epoch
        || before.init_id != segment.init_id
        || gap_us.abs() > SEAM_US
}

/// The target duration for segments that last so long at most: none of them rounds to more (§4.4.3.1).
pub(crate) fn target_s(longest_us: i64) -> i64 {
    ((longest_us + 500_000) / 1_000_000).max(1)
}
