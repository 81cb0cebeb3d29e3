//! What a recorder takes from a packager: its parts as they are made, each once.

use bytes::Bytes;

use super::packager::Packager;
use super::window::Part;

/// How far a recorder has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordedFrom {
    /// The next segment; `None`: the oldest there is.
    msn: Option<u64>,
    /// Its next part.
    part: u32,
    /// The init segment that was given last.
    init_id: Option<u32>,
}

/// Something new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// From here on an init segment of this id is needed.
    Init {
        /// Its number.
        id: u32,
        /// `ftyp` and `moov`.
        bytes: Bytes,
    },
    /// A part of a segment.
    Part {
        /// Media sequence number of its segment.
        msn: u64,
        /// Which part of it.
        index: u32,
        /// Wall clock at its start, Unix microseconds.
        wall_us: i64,
        /// Microseconds that it lasts.
        duration_us: i64,
        /// The init segment that it needs.
        init_id: u32,
        /// Begins with a keyframe.
        is_independent: bool,
        /// Its segment begins with another clock or other codecs than the one before had.
        is_discontinuity: bool,
        /// `moof` and `mdat`.
        bytes: Bytes,
    },
    /// The segment of this number is complete.
    SegmentEnd {
        /// Media sequence number.
        msn: u64,
        /// Microseconds that it lasts.
        duration_us: i64,
        /// Pictures in it.
        pictures: u32,
    },
    /// Segments have gone that were not taken.
    Missed,
}

impl Packager {
    /// Gives what is new since `from`, in order, and moves `from` behind it. Parts of a segment that is being
    /// made are given too, where clients hear of them: others may still become one piece.
    pub fn recorded(&self, from: &mut RecordedFrom, mut give: impl FnMut(Recorded)) {
        let window = &self.window;
        let Some(oldest) = window.oldest().map(|segment| segment.msn) else {
            return self.recorded_open(from, &mut give);
        };
        let wanted = from.msn.unwrap_or(oldest);
        if wanted < oldest {
            give(Recorded::Missed);
            from.part = 0;
        }
        for msn in wanted.max(oldest)..window.next_msn {
            let Some(segment) = window.segment(msn) else {
                continue;
            };
            let place = Place {
                msn,
                wall_us: segment.wall_us,
                init_id: segment.init_id,
                is_discontinuity: segment.discontinuity,
            };
            self.parts(&place, &segment.parts, from, &mut give);
            give(Recorded::SegmentEnd {
                msn,
                duration_us: segment.duration_us,
                pictures: segment.pictures,
            });
            (from.msn, from.part) = (Some(msn + 1), 0);
        }
        self.recorded_open(from, &mut give);
    }

    fn recorded_open(&self, from: &mut RecordedFrom, give: &mut impl FnMut(Recorded)) {
        let msn = self.window.next_msn;
        let Some(open) = self.open.as_ref().filter(|open| open.list_parts) else {
            return;
        };
        let is_next = from.msn.is_none_or(|next| next == msn);
        if !is_next || open.parts.is_empty() {
            return;
        }
        let place = Place {
            msn,
            wall_us: open.wall_us,
            init_id: self.init_id,
            is_discontinuity: open.discontinuity,
        };
        from.msn = Some(msn);
        self.parts(&place, &open.parts, from, give);
    }

    fn parts(
        &self,
        place: &Place,
        parts: &[Part],
        from: &mut RecordedFrom,
        give: &mut impl FnMut(Recorded),
    ) {
        let mut wall_us = place.wall_us;
        for (index, part) in parts.iter().enumerate() {
            let (begin_us, index) = (wall_us, index as u32);
            wall_us = wall_us.saturating_add(part.duration_us);
            if index < from.part {
                continue;
            }
            if from.init_id != Some(place.init_id)
                && let Some(bytes) = self.window.init(place.init_id)
            {
                from.init_id = Some(place.init_id);
                let id = place.init_id;
                give(Recorded::Init { id, bytes });
            }
            give(Recorded::Part {
                msn: place.msn,
                index,
                wall_us: begin_us,
                duration_us: part.duration_us,
                init_id: place.init_id,
                is_independent: part.independent,
                is_discontinuity: place.is_discontinuity,
                bytes: part.bytes.clone(),
            });
            from.part = index + 1;
        }
    }
}

/// What the parts of a segment have in common.
struct Place {
    msn: u64,
    wall_us: i64,
    init_id: u32,
    is_discontinuity: bool,
}
