//! The packager: frames in, segments and parts out, and what a client may know of them.
//!
//! One track leads: video where there is one, audio otherwise, and audio too while video is
//! silent. The leader's frames say where parts and segments end; the other track's frames go where
//! they arrive. Each frame is held until the next one of its track tells its duration, and tells
//! whether a segment ends: so a preload hint is never wrong in an unbroken stream.

use std::sync::Arc;

use bytes::Bytes;

use super::crypt::{KeyRing, encrypt};
use super::lane::Lane;
use super::name::{Name, Resource, clean_epoch};
use super::target::Targets;
use super::window::{Part, Segment, Window};
use super::writer::Writer;
use super::{Container, PackagerConfig};
use crate::{
    AudioTrack, Frame, FrameKind, Item, MediaError, Result, TrackKind, Tracks, codec, fmp4,
};

/// Sound without a first picture for that long, in microseconds, and sound leads.
const VIDEO_ABSENT_US: i64 = 5_000_000;
/// Sound without further pictures for that long, in microseconds, in a segment that is over its
/// time, and sound leads.
const VIDEO_PAUSED_US: i64 = 1_000_000;
/// How far sound may run ahead of the pictures it belongs to, in microseconds.
const INTERLEAVE_US: i64 = 500_000;
/// Bytes of one segment: 12 s at 40 Mbit/s. Larger ones are cut, keyframe or not.
const MAX_SEGMENT_BYTES: usize = 64 << 20;
/// Shortest segment target, in microseconds: below, playlists change faster than anybody asks.
const MIN_SEGMENT_US: i64 = 500_000;

/// Packages one rendition. See [`super`] for the times and names.
#[derive(Debug)]
pub struct Packager {
    pub(super) config: PackagerConfig,
    pub(super) targets: Targets,
    pub(super) window: Window,
    pub(super) open: Option<Open>,
    pub(super) ended: bool,
    pub(super) tracks: Option<Arc<Tracks>>,
    pub(super) init_id: u32,
    next_init_id: u32,
    init_is_exact: bool,
    writer: Writer,
    video: Lane,
    audio: Lane,
    leader: TrackKind,
    /// The leader has come to a frame a segment may begin with.
    started: bool,
    /// Stream time of the first audio frame video is waited for with.
    waiting_since_us: Option<i64>,
    /// Stream time and distance of the last keyframes.
    last_key_us: Option<i64>,
    gop_us: i64,
    pub(super) discontinuity_due: bool,
    pub(super) keys: Option<KeyRing>,
    pub(super) independent_segments: bool,
    pub(super) frame_us: Option<i64>,
}

/// The segment under construction. Its number is `Window::next_msn`.
#[derive(Debug)]
pub(super) struct Open {
    start_us: i64,
    pub(super) wall_us: i64,
    pub(super) discontinuity: bool,
    pub(super) list_parts: bool,
    pub(super) parts: Vec<Part>,
    part_start_us: i64,
    /// Whether the part under construction begins with a keyframe; `None`: with nothing yet.
    part_independent: Option<bool>,
    frames: u32,
    bytes: usize,
}

impl Packager {
    /// An empty packager.
    pub fn new(config: PackagerConfig) -> Self {
        let mut config = config;
        config.epoch = clean_epoch(&config.epoch);
        config.segment_us = config.segment_us.max(MIN_SEGMENT_US);
        if config.container == Container::Ts || config.encryption.is_some() {
            config.part_us = None;
        }
        Self {
            targets: Targets::new(config.segment_us, config.part_us),
            window: Window::default(),
            open: None,
            ended: false,
            tracks: None,
            init_id: 0,
            next_init_id: 0,
            init_is_exact: false,
            writer: Writer::new(config.container),
            video: Lane::new(fmp4::VIDEO_TIMESCALE),
            audio: Lane::new(fmp4::VIDEO_TIMESCALE),
            leader: TrackKind::Video,
            started: false,
            waiting_since_us: None,
            last_key_us: None,
            gop_us: 0,
            discontinuity_due: false,
            keys: config.encryption.map(KeyRing::new),
            independent_segments: true,
            frame_us: None,
            config,
        }
    }

    /// Numbers segments from `msn` on, instead of from 0: for whoever goes on with a stream that others
    /// have packaged before, whose players shall not see numbers that run backwards. Ignored once a
    /// segment is complete.
    pub fn count_from(&mut self, msn: u64) {
        if !self.has_content() {
            self.window.next_msn = msn;
        }
    }

    /// Takes the next item. `wall_at_zero_us`: the wall clock (Unix microseconds) at which the
    /// stream's time 0 lies. Returns whether anything a client can see changed. An error means
    /// the item is left out: a codec the container does not carry, or encryption without a key.
    pub fn push(&mut self, item: &Item, wall_at_zero_us: i64) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        match item {
            Item::Tracks(tracks) => self.set_tracks(tracks),
            Item::Metadata(_) => Ok(false),
            Item::Discontinuity => Ok(self.pause()),
            Item::Frame(frame) => self.frame(frame, wall_at_zero_us),
        }
    }

    /// The publisher went away: ends the open segment. What comes next goes on behind a
    /// discontinuity. Returns whether anything a client can see changed.
    pub fn pause(&mut self) -> bool {
        let changed = self.end_open_segment();
        self.discontinuity_due |= self.has_content();
        self.restart_lanes();
        changed
    }

    /// The stream is over for good: `EXT-X-ENDLIST`.
    pub fn end(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.pause();
        self.ended = true;
        self.has_content()
    }

    /// Puts a random key in line. Returns false where none is needed or enough are waiting.
    pub fn supply_key(&mut self, key: [u8; 16]) -> bool {
        self.keys.as_mut().is_some_and(|keys| keys.supply(key))
    }

    /// Whether a key is to be supplied. Under encryption nothing begins before the first.
    pub fn wants_key(&self) -> bool {
        self.keys.as_ref().is_some_and(KeyRing::wants_key)
    }

    pub(super) fn name(&self, resource: Resource) -> Name {
        Name {
            epoch: self.config.epoch.clone(),
            selection: self.config.selection,
            resource,
        }
    }

    fn set_tracks(&mut self, tracks: &Tracks) -> Result<bool> {
        let tracks = self.config.selection.of(tracks);
        if self.tracks.as_deref() == Some(&tracks) {
            return Ok(false);
        }
        let in_place = self.grows_in_place(&tracks);
        let changed = !in_place && self.pause();
        self.tracks = None;
        if tracks.is_empty() {
            return Ok(changed);
        }
        if let Some(init) = self.writer.set_tracks(&tracks)? {
            self.init_id = self.next_init_id;
            self.next_init_id += 1;
            self.init_is_exact = false;
            self.window.set_init(self.init_id, init);
        }
        self.audio = Lane::new(fmp4::timescale(&tracks, TrackKind::Audio));
        if self.leader != leader_of(&tracks) {
            self.restart_lanes();
            self.leader = leader_of(&tracks);
        }
        if in_place && self.open.is_some() {
            self.writer.begin_segment();
        }
        self.tracks = Some(Arc::new(tracks));
        Ok(changed)
    }

    /// A track more, before the first segment is complete: some codecs tell of themselves only in
    /// their first frame. That is no change clients need to hear of. Sound that came before the
    /// pictures is thrown away, pictures that came before the sound are not.
    fn grows_in_place(&mut self, tracks: &Tracks) -> bool {
        let Some(old) = self.tracks.as_deref() else {
            return false;
        };
        let keeps = (old.video.is_none() || old.video == tracks.video)
            && (old.audio.is_none() || old.audio == tracks.audio);
        if !keeps || self.has_content() {
            return false;
        }
        if old.video.is_none() {
            self.open = None;
            self.writer.take();
        }
        true
    }

    fn frame(&mut self, frame: &Frame, wall_at_zero_us: i64) -> Result<bool> {
        let Some(tracks) = self.tracks.clone() else {
            return Ok(false);
        };
        match frame.track {
            TrackKind::Video if tracks.video.is_none() => Ok(false),
            TrackKind::Audio if tracks.audio.is_none() => Ok(false),
            TrackKind::Video => {
                let took_over = self.leader == TrackKind::Audio;
                if took_over && frame.kind != FrameKind::Key {
                    return Ok(false); // sound leads until pictures begin anew
                }
                let mut changed = false;
                if took_over {
                    changed = self.lead_by_video(frame.dts_us);
                }
                Ok(changed | self.leader_frame(frame, None, wall_at_zero_us)?)
            }
            TrackKind::Audio => {
                let samples = tracks
                    .audio
                    .as_ref()
                    .and_then(|track| samples(track, frame));
                let mut changed = false;
                if self.leader == TrackKind::Video && self.is_video_silent(frame.dts_us) {
                    changed = self.lead_by_audio(wall_at_zero_us);
                }
                if self.leader == TrackKind::Audio {
                    return Ok(changed | self.leader_frame(frame, samples, wall_at_zero_us)?);
                }
                self.follower_frame(frame, samples);
                Ok(changed)
            }
        }
    }

    fn follower_frame(&mut self, frame: &Frame, samples: Option<u32>) {
        let Some(open) = &mut self.open else { return };
        open.bytes += frame.payload.len();
        self.writer.arrived(frame);
        if let Some((held, duration)) = self.audio.push(frame.clone(), samples) {
            self.writer.timed(held, duration);
        }
    }

    fn leader_frame(
        &mut self,
        frame: &Frame,
        samples: Option<u32>,
        wall_at_zero_us: i64,
    ) -> Result<bool> {
        let at_us = frame.dts_us;
        let is_key = frame.kind == FrameKind::Key;
        if !self.started && !is_key {
            return Ok(false);
        }
        if self.keys.as_ref().is_some_and(|keys| !keys.has_key()) {
            return Err(MediaError::invalid("HLS encryption", "no key was supplied"));
        }
        self.started = true;
        let mut changed = self.close_part_before(at_us);
        let before = self.lane().push(frame.clone(), samples);
        if let Some((held, duration)) = before {
            self.writer.timed(held, duration);
            self.count_frame();
        }
        changed |= self.cut(at_us, is_key, wall_at_zero_us);
        if !self.started {
            // Behind a hole: begin with a keyframe, like at the start.
            self.restart_lanes();
            if !is_key || frame.track != self.leader {
                return Ok(changed);
            }
            self.started = true;
            self.lane().push(frame.clone(), samples);
        }
        if self.open.is_none() {
            self.open_segment(at_us, is_key, wall_at_zero_us);
        }
        if is_key {
            self.gop_us = self.last_key_us.map_or(0, |last| (at_us - last).max(0));
            self.last_key_us = Some(at_us);
        }
        self.writer.arrived(frame);
        if let Some(open) = &mut self.open {
            open.bytes += frame.payload.len();
            open.part_independent.get_or_insert(is_key);
        }
        Ok(changed)
    }

    /// Ends what ends before the leader's frame at `at_us`: a segment, or a part.
    fn cut(&mut self, at_us: i64, is_key: bool, wall_at_zero_us: i64) -> bool {
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
    fn cut_at_hole(&mut self, at_us: i64, end_us: i64, wall_at_zero_us: i64) -> bool {
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
    fn close_part_before(&mut self, at_us: i64) -> bool {
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

    fn open_segment(&mut self, start_us: i64, is_key: bool, wall_at_zero_us: i64) {
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
    fn close_part(&mut self, end_us: i64) -> bool {
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

    fn close_segment(&mut self, end_us: i64) -> bool {
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
    fn end_open_segment(&mut self) -> bool {
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

    fn restart_lanes(&mut self) {
        self.video.reset();
        self.audio.reset();
        self.started = false;
        self.last_key_us = None;
        self.waiting_since_us = None;
        self.leader = self.tracks.as_deref().map_or(TrackKind::Video, leader_of);
    }

    /// Whether pictures stopped for so long, or never began for so long, that sound must lead.
    fn is_video_silent(&mut self, audio_us: i64) -> bool {
        if let (Some(open), Some(held)) = (&self.open, &self.video.held) {
            return audio_us - held.frame.dts_us > VIDEO_PAUSED_US
                && audio_us - open.start_us > self.targets.limit_us() + INTERLEAVE_US;
        }
        let since_us = *self.waiting_since_us.get_or_insert(audio_us);
        audio_us - since_us > VIDEO_ABSENT_US
    }

    /// Pictures stopped: sound says where segments end until they are back. The segment that
    /// should have ended ends at its limit, the next one goes on from there.
    fn lead_by_audio(&mut self, wall_at_zero_us: i64) -> bool {
        self.leader = TrackKind::Audio;
        self.started = true;
        let Some(end_us) = self
            .open
            .as_ref()
            .map(|open| open.start_us + self.targets.limit_us())
        else {
            return false;
        };
        if let Some((held, duration)) = self.video.flush() {
            self.writer.timed(held, duration);
            self.count_frame();
        }
        let changed = self.close_segment(end_us);
        self.open_segment(end_us, true, wall_at_zero_us);
        changed
    }

    /// Pictures begin anew at `at_us`, with a segment of their own.
    fn lead_by_video(&mut self, at_us: i64) -> bool {
        let limit_us = self.targets.limit_us();
        if let Some((held, duration)) = self.audio.flush() {
            self.writer.timed(held, duration);
        }
        let end_us = self
            .open
            .as_ref()
            .map(|open| at_us.min(open.start_us + limit_us));
        let changed = end_us.is_some_and(|end_us| self.close_segment(end_us));
        self.leader = TrackKind::Video;
        self.video.reset();
        changed
    }

    fn count_frame(&mut self) {
        if let Some(open) = &mut self.open {
            open.frames += 1;
        }
    }

    fn open_bytes(&self) -> usize {
        let done = self.open.as_ref().map_or(0, |open| open.bytes);
        done.max(self.writer.len())
    }

    fn lane(&mut self) -> &mut Lane {
        match self.leader {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }

    const fn lane_ref(&self) -> &Lane {
        match self.leader {
            TrackKind::Video => &self.video,
            TrackKind::Audio => &self.audio,
        }
    }
}

const fn leader_of(tracks: &Tracks) -> TrackKind {
    if tracks.video.is_some() {
        TrackKind::Video
    } else {
        TrackKind::Audio
    }
}

fn samples(track: &AudioTrack, frame: &Frame) -> Option<u32> {
    codec::audio_frame_samples(track, &frame.payload).filter(|&samples| samples > 0)
}
