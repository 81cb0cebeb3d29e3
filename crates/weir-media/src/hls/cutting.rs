//! Where parts and segments end, and what becomes of them then.

use bytes::Bytes;

use super::crypt::encrypt;
use super::packager::{Open, Packager};
use super::window::{Part, Segment};
use crate::{FrameKind, TrackKind};

/// Bytes of one segment: 12 s at 40 Mbit/s. Larger ones are cut, keyframe or not.
const MAX_SEGMENT_BYTES: usize = 64 << 20;

impl Packager {
    /// Ends what ends before the leader's frame at `at_us`: a segment, or a part.
    pub(super) fn cut(&mut self, at_us: i64, is_key: bool, wall_at_zero_us: i64) -> bool {
        let Some(open) = &self.open else { return false };
        let (start_us, duration_us) = (open.start_us, at_us - open.start_us);
        let limit_us = self.targets.limit_us();
        let frame_us = self.lane_ref().last_duration_us();
        if duration_us > limit_us {
            return self.cut_at_hole(at_us, start_us + limit_us, wall_at_zero_us);
        }
        let slack_us = match self.leader {
            TrackKind::Video => self.config.segment_us / 20,
            TrackKind::Audio => frame_us / 2,
        };
        let long_enough = duration_us >= self.config.segment_us - slack_us;
        // The next keyframe would come too late: better a short segment than a cut without one.
        let last_chance =
            duration_us * 2 >= self.config.segment_us && duration_us + self.gop_us > limit_us;
        let forced = duration_us + frame_us > limit_us || self.open_bytes() > MAX_SEGMENT_BYTES;
        if forced || is_key && (long_enough || last_chance) {
            return self.close_segment(at_us);
        }
        let part_us = at_us - open.part_start_us;
        if self.targets.is_part_full(part_us, frame_us) {
            return self.close_part(at_us);
        }
        false
    }

    /// Nothing came for longer than a segment may last. The segment ends at its limit; what is
    /// left of the hole begins the next one if it fits, and is a discontinuity otherwise.
    pub(super) fn cut_at_hole(&mut self, at_us: i64, end_us: i64, wall_at_zero_us: i64) -> bool {
        let changed = self.close_segment(end_us);
        if at_us - end_us > self.targets.limit_us() / 2 {
            self.discontinuity_due = true;
            self.started = false;
        } else {
            self.open_segment(end_us, false, wall_at_zero_us);
        }
        changed
    }

    /// Ends the part if the frame held does not fit in it, now that its end is known.
    pub(super) fn close_part_before(&mut self, at_us: i64) -> bool {
        let (Some(part_target_us), Some(open)) = (self.targets.part_us(), &self.open) else {
            return false;
        };
        let Some(held_us) = self.lane_ref().held.as_ref().map(|held| held.frame.dts_us) else {
            return false;
        };
        // Only if something of the leader stands before it.
        if at_us - open.part_start_us <= part_target_us || held_us <= open.part_start_us {
            return false;
        }
        let independent = self.lane_ref().held.as_ref().map(|held| held.frame.kind);
        let changed = self.close_part(held_us);
        if let Some(open) = &mut self.open {
            open.part_independent = independent.map(|kind| kind == FrameKind::Key);
        }
        changed
    }

    pub(super) fn open_segment(&mut self, start_us: i64, is_key: bool, wall_at_zero_us: i64) {
        self.independent_segments &= is_key;
        self.open = Some(Open {
            start_us,
            wall_us: wall_at_zero_us.saturating_add(start_us),
            discontinuity: std::mem::take(&mut self.discontinuity_due),
            list_parts: self.targets.part_us().is_some(),
            parts: Vec::new(),
            part_start_us: start_us,
            part_independent: None,
            frames: 0,
            bytes: 0,
        });
        self.waiting_since_us = None;
        self.writer.begin_segment();
    }

    /// Makes a part of what waits. Returns whether clients see it.
    pub(super) fn close_part(&mut self, end_us: i64) -> bool {
        let Some(open) = &mut self.open else {
            return false;
        };
        if !self.init_is_exact
            && let Some(init) = self
                .tracks
                .as_ref()
                .and_then(|tracks| self.writer.exact_init(tracks))
        {
            self.window.set_init(self.init_id, init);
            self.init_is_exact = true;
        }
        let Some(bytes) = self.writer.take() else {
            return false;
        };
        open.parts.push(Part {
            bytes,
            duration_us: (end_us - open.part_start_us).max(0),
            independent: open.part_independent.take().unwrap_or(false),
        });
        open.part_start_us = end_us;
        open.list_parts
    }

    pub(super) fn close_segment(&mut self, end_us: i64) -> bool {
        self.close_part(end_us);
        let Some(open) = self.open.take() else {
            return false;
        };
        if open.parts.is_empty() {
            self.discontinuity_due |= open.discontinuity;
            return false;
        }
        let duration_us = (end_us - open.start_us).max(1);
        let frame_us = duration_us / i64::from(open.frames.max(1));
        self.frame_us.get_or_insert(frame_us);
        self.targets.promise(duration_us, frame_us);
        let msn = self.window.next_msn;
        let mut segment = Segment {
            msn,
            parts: open.parts,
            list_parts: open.list_parts,
            duration_us,
            discontinuity: open.discontinuity,
            init_id: self.init_id,
            key_id: None,
            wall_us: open.wall_us,
        };
        self.encrypt(&mut segment);
        self.window.push(
            segment,
            self.config.window_segments,
            self.targets.target_us(),
        );
        if let (Some(keys), Some(oldest)) = (&mut self.keys, self.window.oldest()) {
            keys.forget_before(oldest.key_id.unwrap_or(0));
        }
        true
    }

    pub(super) fn encrypt(&mut self, segment: &mut Segment) {
        let Some(keys) = &mut self.keys else { return };
        let pieces: Vec<Bytes> = segment.parts.drain(..).map(|part| part.bytes).collect();
        // Nothing opens without a key, so there is one; if not, nothing leaves in the clear.
        let Some((id, key)) = keys.key_for_segment() else {
            return;
        };
        segment.key_id = Some(id);
        segment.parts.push(Part {
            bytes: encrypt(key, segment.msn, &pieces),
            duration_us: segment.duration_us,
            independent: true,
        });
    }

    /// Lets go of the frames held and closes the segment behind them.
    pub(super) fn end_open_segment(&mut self) -> bool {
        let lead_us = self.lane_ref().last_duration_us();
        let end_us = self
            .lane_ref()
            .held
            .as_ref()
            .map(|held| held.frame.dts_us + lead_us);
        let Some(end_us) = end_us.or(self.open.as_ref().map(|open| open.part_start_us)) else {
            return false;
        };
        let mut changed = self.close_part_before(end_us);
        if self.lane_ref().held.is_some() {
            self.count_frame();
        }
        for (held, duration) in [self.video.flush(), self.audio.flush()]
            .into_iter()
            .flatten()
        {
            if self.open.is_some() {
                self.writer.timed(held, duration);
            }
        }
        changed |= self.close_segment(end_us);
        changed
    }

    pub(super) fn count_frame(&mut self) {
        if let Some(open) = &mut self.open {
            open.frames += 1;
        }
    }

    pub(super) fn open_bytes(&self) -> usize {
        let done = self.open.as_ref().map_or(0, |open| open.bytes);
        done.max(self.writer.len())
    }
}
