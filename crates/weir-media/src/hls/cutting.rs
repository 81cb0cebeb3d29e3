//! Where parts and segments end, and what becomes of them then.
//!
//! What a playlist has promised holds whatever comes: no segment outlasts the target duration and no part
//! the part target. Where pictures come too late for that, time goes on without them: by the sound, or, as
//! soon as it is known how long the hole was, by itself.

use bytes::Bytes;

use super::crypt::encrypt;
use super::lane::Held;
use super::packager::{Open, Packager};
use super::window::{Part, Segment};
use crate::silence::PAUSE_US;
use crate::{FrameKind, TrackKind};

/// Bytes of one segment: 12 s at 40 Mbit/s. Larger ones are cut, keyframe or not.
const MAX_SEGMENT_BYTES: usize = 64 << 20;
/// Longest hole in a stream that is bridged with segments, in microseconds: what a first segment may last.
/// Behind a longer one the stream begins anew.
const MAX_BRIDGED_US: i64 = 12_000_000;

impl Packager {
    /// Ends what ends before the leader's frame at `at_us`: a segment, or a part.
    pub(super) fn cut(&mut self, at_us: i64, is_key: bool, wall_at_zero_us: i64) -> bool {
        let Some(open) = &self.open else { return false };
        let duration_us = at_us - open.start_us;
        let limit_us = self.targets.limit_us();
        let frame_us = self.lane_ref().last_duration_us();
        if duration_us > limit_us {
            return self.cut_at_hole(at_us, wall_at_zero_us);
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
        let changed = self.fill_parts(at_us);
        let part_us = self
            .open
            .as_ref()
            .map_or(0, |open| at_us - open.part_start_us);
        if self.targets.is_part_full(part_us, frame_us) {
            return self.close_part(at_us);
        }
        changed
    }

    /// Nothing came for longer than a segment may last. Segments that end at their limits bridge the hole;
    /// one too long for that is a discontinuity.
    fn cut_at_hole(&mut self, at_us: i64, wall_at_zero_us: i64) -> bool {
        let limit_us = self.targets.limit_us();
        let mut changed = false;
        while let Some(end_us) = self.open.as_ref().map(|open| open.start_us + limit_us)
            && end_us < at_us
        {
            let is_bridged = at_us - end_us <= MAX_BRIDGED_US;
            changed |= match is_bridged {
                true => self.close_segment_at(end_us, SoundTaken::UpToThere),
                false => self.close_segment(end_us),
            };
            if !is_bridged {
                self.discontinuity_due = true;
                self.started = false;
                return changed;
            }
            self.open_segment(end_us, wall_at_zero_us);
        }
        changed
    }

    /// The sound is at `at_us`: what should have ended longer ago than the sound runs ahead of pictures
    /// ends now, without them. They go on where they are back, keyframe or not.
    pub(super) fn follow_sound(&mut self, at_us: i64, wall_at_zero_us: i64) -> bool {
        let at_pictures_us = at_us - self.sound_lead_us;
        let is_pause = self.pictures_pause(at_pictures_us);
        // Where they come all the time, they may be late.
        let reach_us = at_pictures_us - if is_pause { 0 } else { PAUSE_US };
        let limit_us = match self.targets.is_promised() || !is_pause {
            true => self.targets.limit_us(),
            false => self.config.segment_us,
        };
        let Some(open) = &self.open else { return false };
        if reach_us - open.start_us > limit_us + MAX_BRIDGED_US {
            return false; // The sound had a hole of its own: the next picture says what becomes of it.
        }
        let mut changed = false;
        while let Some(end_us) = self.open.as_ref().map(|open| open.start_us + limit_us)
            && end_us <= reach_us
        {
            self.let_stand(at_us);
            changed |= self.close_segment_at(end_us, SoundTaken::UpToThere);
            self.open_segment(end_us, wall_at_zero_us);
            if is_pause {
                self.show_again(end_us);
            }
        }
        let part_us = self.targets.part_us();
        while let (Some(part_us), Some(open)) = (part_us, &self.open)
            && open.list_parts
            && open.part_start_us + part_us <= reach_us
        {
            let end_us = open.part_start_us + part_us;
            self.let_stand(at_us);
            changed |= self.put_part(end_us, SoundTaken::UpToThere);
        }
        changed
    }

    /// Puts what shows the picture that stands still in front of a segment in which nothing else may: whoever
    /// begins there sees it, and players have pictures for as long as they have sound.
    pub(super) fn show_again(&mut self, at_us: i64) {
        let pictures = self.still.again(at_us);
        let Some(open) = &mut self.open else { return };
        if pictures.is_empty() {
            return;
        }
        open.part_independent = Some(true);
        open.bytes += pictures.iter().map(|one| one.payload.len()).sum::<usize>();
        let first = self.video.place_again(at_us, pictures.len());
        let last = pictures.len() - 1;
        let to_the_end = self.video.duration(self.targets.limit_us());
        for (at, frame) in pictures.into_iter().enumerate() {
            self.writer.arrived(&frame);
            let dts = first + at as i64;
            let duration = if at == last { to_the_end } else { 1 };
            self.writer.timed(Held { frame, dts }, duration);
        }
    }

    fn pictures_pause(&self, at_us: i64) -> bool {
        let newest_us = self.newest_picture_us;
        newest_us.is_some_and(|newest_us| at_us - newest_us > PAUSE_US)
    }

    /// The newest picture goes out although nothing has followed it yet.
    fn let_stand(&mut self, at_us: i64) {
        if let Some((held, duration)) = self.video.let_stand(at_us) {
            self.writer.timed(held, duration);
            self.count_frame();
        }
    }

    /// Ends the part if the frame held does not fit in it, now that its end is known.
    pub(super) fn close_part_before(&mut self, at_us: i64) -> bool {
        let (Some(part_target_us), Some(open)) = (self.targets.part_us(), &self.open) else {
            return false;
        };
        let Some(held) = &self.lane_ref().held else {
            return false;
        };
        let (held_us, is_key) = (held.frame.dts_us, held.frame.kind == FrameKind::Key);
        let before_us = held_us - open.part_start_us;
        // Only if what stands before it makes a part.
        if at_us - open.part_start_us <= part_target_us || !self.targets.is_part(before_us) {
            return false;
        }
        let changed = self.close_part(held_us);
        if let Some(open) = &mut self.open {
            open.part_independent = Some(is_key);
        }
        changed
    }

    pub(super) fn open_segment(&mut self, start_us: i64, wall_at_zero_us: i64) {
        self.open = Some(Open {
            start_us,
            wall_us: wall_at_zero_us.saturating_add(start_us),
            discontinuity: std::mem::take(&mut self.discontinuity_due),
            list_parts: self.targets.part_us().is_some(),
            parts: Vec::new(),
            part_start_us: start_us,
            part_independent: None,
            frames: 0,
            pictures: 0,
            bytes: 0,
        });
        self.watch = None;
        self.writer.begin_segment();
    }

    /// Makes parts of what waits, up to `end_us`. Returns whether clients see it.
    pub(super) fn close_part(&mut self, end_us: i64) -> bool {
        let changed = self.fill_parts(end_us);
        changed | self.put_part(end_us, SoundTaken::All)
    }

    /// Makes whole parts of the time up to `end_us` until what is left fits into one: a frame may last
    /// longer than a part.
    fn fill_parts(&mut self, end_us: i64) -> bool {
        let Some(part_us) = self.targets.part_us() else {
            return false;
        };
        let mut changed = false;
        while let Some(open) = &self.open
            && open.list_parts
            && end_us - open.part_start_us > part_us
        {
            let at_us = open.part_start_us + part_us;
            changed |= self.put_part(at_us, SoundTaken::UpToThere);
        }
        changed
    }

    fn put_part(&mut self, end_us: i64, sound: SoundTaken) -> bool {
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
        let waits = match sound {
            SoundTaken::All => self.writer.take(),
            SoundTaken::UpToThere => self.writer.take_before(self.audio.ticks(end_us)),
        };
        // Time that passes without a frame is listed too, once it is known that it has.
        let has_passed = sound == SoundTaken::UpToThere
            || open.list_parts && !open.parts.is_empty() && end_us > open.part_start_us;
        let lane = match self.leader {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        };
        let start = lane.ticks(open.part_start_us);
        let bytes = waits.or_else(|| has_passed.then(|| self.writer.nothing(self.leader, start)));
        let Some(bytes) = bytes else { return false };
        open.parts.push(Part {
            bytes,
            duration_us: (end_us - open.part_start_us).max(0),
            independent: open.part_independent.take().unwrap_or(false),
        });
        open.part_start_us = end_us;
        open.list_parts
    }

    pub(super) fn close_segment(&mut self, end_us: i64) -> bool {
        self.close_segment_at(end_us, SoundTaken::All)
    }

    fn close_segment_at(&mut self, end_us: i64, sound: SoundTaken) -> bool {
        self.fill_parts(end_us);
        self.put_part(end_us, sound);
        let Some(open) = self.open.take() else {
            return false;
        };
        if open.parts.is_empty() {
            self.discontinuity_due |= open.discontinuity;
            return false;
        }
        let duration_us = (end_us - open.start_us).max(1);
        let frame_us = duration_us / i64::from(open.frames.max(1));
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
            pictures: open.pictures,
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

    fn encrypt(&mut self, segment: &mut Segment) {
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
        // Pictures that stand still are not held any more: then the sound says where the end is.
        let ends_us = [self.leader, TrackKind::Audio].map(|track| self.lane_of(track).end_us());
        let open_us = self
            .open
            .as_ref()
            .map(|open| (open.start_us, open.part_start_us));
        let limit_us = self.targets.limit_us();
        let within = |end_us: i64| match open_us {
            Some((start_us, least_us)) => end_us.min(start_us + limit_us).max(least_us),
            None => end_us,
        };
        let end_us = ends_us.into_iter().flatten().next().map(within);
        let Some(end_us) = end_us.or(open_us.map(|(_, least_us)| least_us)) else {
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

    /// Counts a frame of the leader, whose duration is known now.
    pub(super) fn count_frame(&mut self) {
        if let Some(open) = &mut self.open {
            open.frames += 1;
            open.pictures += u32::from(self.leader == TrackKind::Video);
        }
    }

    pub(super) fn open_bytes(&self) -> usize {
        let done = self.open.as_ref().map_or(0, |open| open.bytes);
        done.max(self.writer.len())
    }
}

/// How much of the sound that waits goes into a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SoundTaken {
    /// What is there: the part ends with what came last.
    All,
    /// What begins before the part's end, which is past.
    UpToThere,
}
