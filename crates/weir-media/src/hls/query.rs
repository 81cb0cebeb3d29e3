//! What the packager answers: how far it is, what can be had, who has to wait.

use std::sync::Arc;

use bytes::Bytes;

use super::packager::Packager;
use super::target::Promises;
use super::{Blocking, Head, SegmentBytes, Selection};
use crate::Tracks;

/// Segments that may be asked for ahead of the last one (§6.2.5.2).
const MAX_SEGMENTS_AHEAD: u64 = 2;

impl Packager {
    /// The segment being built and how many of its parts exist.
    pub fn head(&self) -> Head {
        let parts = self.open.as_ref().filter(|open| open.list_parts);
        Head {
            msn: self.window.next_msn,
            parts: parts.map_or(0, |open| open.parts.len() as u32),
        }
    }

    /// Whether anything is listed that a player can begin with and go on from. Before, there is no playlist
    /// worth answering with: one that promises parts and lists none has players wait for a whole segment, as
    /// hls.js does, with nothing to play meanwhile. A part as long as a segment, as of a still picture, is not
    /// waited for.
    pub fn has_content(&self) -> bool {
        let are_short = |part_us| part_us * 2 <= self.config.segment_us;
        let has_short_parts = self.targets.part_us().is_some_and(are_short);
        let listed = &self.window.listed;
        !listed.is_empty()
            && (self.ended
                || !has_short_parts
                || self.head().parts > 0
                || listed.iter().any(|old| old.list_parts))
    }

    /// Init segment `id`.
    pub fn init(&self, id: u32) -> Option<Bytes> {
        self.window.init(id)
    }

    /// A complete segment.
    pub fn segment(&self, msn: u64) -> Option<SegmentBytes> {
        self.window.segment_bytes(msn)
    }

    /// A part, of the open segment or a complete one.
    pub fn part(&self, msn: u64, part: u32) -> Option<Bytes> {
        let parts = if msn == self.window.next_msn {
            self.open
                .as_ref()
                .filter(|open| open.list_parts)
                .map(|open| &open.parts)
        } else {
            self.window
                .segment(msn)
                .filter(|old| old.list_parts)
                .map(|old| &old.parts)
        };
        parts?.get(part as usize).map(|part| part.bytes.clone())
    }

    /// An AES-128 key.
    pub fn key(&self, id: u32) -> Option<[u8; 16]> {
        self.keys.as_ref()?.key(id)
    }

    /// What to do with a request for segment `msn`, or for `part` of it (§6.2.5.2).
    pub fn blocking(&self, msn: u64, part: Option<u32>) -> Blocking {
        let head = self.head();
        if self.ended || msn < head.msn && part.is_none() {
            return Blocking::Ready;
        }
        let last_listed = if head.parts > 0 {
            Some(head.msn)
        } else {
            head.msn.checked_sub(1)
        };
        if msn > last_listed.map_or(1, |last| last + MAX_SEGMENTS_AHEAD) {
            return Blocking::TooFarAhead;
        }
        let Some(part) = part else {
            return Blocking::Wait;
        };
        if msn < head.msn {
            // A part behind the last of a complete segment is the first of the next one.
            let parts = self
                .window
                .segment(msn)
                .map_or(u32::MAX, |old| old.parts.len() as u32);
            let exists = part < parts || msn + 1 < head.msn || head.parts > 0;
            return if exists {
                Blocking::Ready
            } else {
                Blocking::Wait
            };
        }
        if msn > head.msn {
            return Blocking::Wait;
        }
        if part < head.parts {
            Blocking::Ready
        } else if i64::from(part - head.parts) > self.parts_ahead() {
            Blocking::TooFarAhead
        } else {
            Blocking::Wait
        }
    }

    /// What its playlists have promised for good, once there is one.
    pub fn promises(&self) -> Option<Promises> {
        self.targets.promises()
    }

    /// The tracks in the rendition, after the selection.
    pub fn tracks(&self) -> Option<&Arc<Tracks>> {
        self.tracks.as_ref()
    }

    /// Peak and average bits per second of what is listed.
    pub fn bandwidth(&self) -> (u64, u64) {
        self.window.bandwidth(self.targets.target_us())
    }

    /// Pictures per second as the segments listed have them, the most of them; `None` where that is not
    /// known yet, or there are no pictures.
    pub fn frame_rate(&self) -> Option<f64> {
        self.tracks.as_ref()?.video.as_ref()?;
        self.window.frame_rate(self.targets.target_us())
    }

    /// Whether all segments, those to come too, begin with what can be decoded by itself
    /// (`EXT-X-INDEPENDENT-SEGMENTS`). Nobody can say so of pictures: players read a multivariant playlist
    /// once, and a keyframe that comes too late for the target duration is not waited for.
    pub fn independent_segments(&self) -> bool {
        self.config.selection == Selection::AudioOnly
    }

    /// The Advance Part Limit of §6.2.5.2.
    fn parts_ahead(&self) -> i64 {
        match self.targets.part_us() {
            Some(part_us) if part_us < 1_000_000 => 3_000_000 / part_us.max(1),
            _ => 3,
        }
    }
}
