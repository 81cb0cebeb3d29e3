//! The packager: frames in, segments and parts out, and what a client may know of them.
//!
//! One track leads: video where there is one, audio otherwise, and audio too where pictures do not begin.
//! Pictures that pause still lead; the sound merely sees to it that promises are kept. The leader's frames say where parts and segments end; the other track's frames go where
//! they arrive. Each frame is held until the next one of its track tells its duration, and tells
//! whether a segment ends: so a preload hint is never wrong in an unbroken stream.

use std::sync::Arc;

use super::crypt::KeyRing;
use super::lane::Lane;
use super::name::{Name, Resource, clean_epoch};
use super::target::{Promises, Targets};
use super::window::{Part, Window};
use super::writer::Writer;
use super::{Container, PackagerConfig};
use crate::silence::PictureWatch;
use crate::still::StillPicture;
use crate::{
    AudioTrack, Frame, FrameKind, Item, MediaError, Result, TrackKind, Tracks, codec, fmp4,
};

/// How far sound may run ahead of the pictures it belongs to, in microseconds, where it always does.
const MAX_SOUND_LEAD_US: i64 = 3_000_000;
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
    /// Those of the stream, before the selection.
    all_tracks: Tracks,
    pub(super) init_id: u32,
    pub(super) next_init_id: u32,
    pub(super) init_is_exact: bool,
    pub(super) writer: Writer,
    pub(super) video: Lane,
    pub(super) audio: Lane,
    pub(super) leader: TrackKind,
    /// The leader has come to a frame a segment may begin with.
    pub(super) started: bool,
    /// When the keyframe is shown that pictures begin with, while pictures may come that lead to it: they
    /// refer to what no segment has.
    leads_to_us: Option<i64>,
    /// Waits for pictures while there is no segment that they could go into.
    pub(super) watch: Option<PictureWatch>,
    /// What shows the newest picture, for segments in which nothing comes that does.
    pub(super) still: StillPicture,
    /// Decode time of the newest picture.
    pub(super) newest_picture_us: Option<i64>,
    /// Decode time of the newest sound, and how far it was ahead of pictures when they came, at most.
    newest_sound_us: Option<i64>,
    pub(super) sound_lead_us: i64,
    /// Stream time and distance of the last keyframes.
    pub(super) last_key_us: Option<i64>,
    pub(super) gop_us: i64,
    pub(super) discontinuity_due: bool,
    pub(super) keys: Option<KeyRing>,
}

/// The segment under construction. Its number is `Window::next_msn`.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) start_us: i64,
    pub(super) wall_us: i64,
    pub(super) discontinuity: bool,
    pub(super) list_parts: bool,
    pub(super) parts: Vec<Part>,
    pub(super) part_start_us: i64,
    /// Whether the part under construction begins with a keyframe; `None`: with nothing yet.
    pub(super) part_independent: Option<bool>,
    /// Frames of the leader, and pictures among them.
    pub(super) frames: u32,
    pub(super) pictures: u32,
    pub(super) bytes: usize,
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
            all_tracks: Tracks::default(),
            init_id: 0,
            next_init_id: 0,
            init_is_exact: false,
            writer: Writer::new(config.container),
            video: Lane::new(fmp4::VIDEO_TIMESCALE),
            audio: Lane::new(fmp4::VIDEO_TIMESCALE),
            leader: TrackKind::Video,
            started: false,
            leads_to_us: None,
            watch: None,
            still: StillPicture::default(),
            newest_picture_us: None,
            newest_sound_us: None,
            sound_lead_us: 0,
            last_key_us: None,
            gop_us: 0,
            discontinuity_due: false,
            keys: config.encryption.map(KeyRing::new),
            config,
        }
    }

    /// Numbers segments from `msn` on and discontinuities from `discontinuity` on, instead of from 0: others
    /// have packaged the stream of this address before, and their players shall not see numbers that run
    /// backwards (§6.2.2). Ignored once a segment is complete.
    pub fn count_from(&mut self, msn: u64, discontinuity: u64) {
        if !self.has_content() {
            self.window.next_msn = msn;
            self.window.discontinuity_sequence = discontinuity;
        }
    }

    /// Keeps what playlists of the same address have promised before. Ignored once a segment is complete.
    pub fn keep_promises(&mut self, promises: Promises) {
        if !self.has_content() {
            self.targets.resume(promises);
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
        let before = std::mem::replace(&mut self.all_tracks, tracks.clone());
        let tracks = self.config.selection.of(tracks);
        if self.tracks.as_deref() == Some(&tracks) {
            // Renditions of one stream have their discontinuities at the same places (§6.2.4).
            return Ok(!self.all_tracks.grew_from(&before) && self.pause());
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
        if !tracks.grew_from(old) || self.has_content() {
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
                self.note_picture(frame.dts_us);
                let mut changed = false;
                if took_over {
                    changed = self.lead_by_video(frame);
                }
                Ok(changed | self.leader_frame(frame, None, wall_at_zero_us)?)
            }
            TrackKind::Audio => {
                let samples = tracks
                    .audio
                    .as_ref()
                    .and_then(|track| samples(track, frame));
                self.newest_sound_us = Some(frame.dts_us);
                let mut changed = false;
                if self.leader == TrackKind::Video {
                    changed = self.follow_sound(frame.dts_us, wall_at_zero_us);
                    self.lead_by_sound(frame.dts_us);
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
        if !self.started && !is_key || self.is_leading(frame) {
            return Ok(false);
        }
        if self.keys.as_ref().is_some_and(|keys| !keys.has_key()) {
            return Err(MediaError::invalid("HLS encryption", "no key was supplied"));
        }
        self.start(frame);
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
            self.start(frame);
            self.lane().push(frame.clone(), samples);
        }
        if self.open.is_none() {
            self.open_segment(at_us, wall_at_zero_us);
        }
        if is_key {
            self.gop_us = self.last_key_us.map_or(0, |last| (at_us - last).max(0));
            self.last_key_us = Some(at_us);
        }
        self.still.note(frame);
        self.writer.arrived(frame);
        if let Some(open) = &mut self.open {
            open.bytes += frame.payload.len();
            open.part_independent.get_or_insert(is_key);
        }
        Ok(changed)
    }

    /// Begins with this frame, if nothing has.
    const fn start(&mut self, frame: &Frame) {
        if !self.started && matches!(frame.track, TrackKind::Video) {
            self.leads_to_us = Some(frame.pts_us());
        }
        self.started = true;
    }

    /// Whether a picture is shown before the keyframe that pictures began with, behind which it stands.
    fn is_leading(&mut self, frame: &Frame) -> bool {
        let is_picture = frame.track == TrackKind::Video;
        let Some(key_us) = self.leads_to_us.filter(|_| is_picture && self.started) else {
            return false;
        };
        let leads = frame.kind != FrameKind::Key && frame.pts_us() < key_us;
        self.leads_to_us = self.leads_to_us.filter(|_| leads);
        leads
    }

    pub(super) fn restart_lanes(&mut self) {
        self.video.reset();
        self.audio.reset();
        self.started = false;
        self.leads_to_us = None;
        self.still.clear();
        self.last_key_us = None;
        self.watch = None;
        self.newest_picture_us = None;
        self.newest_sound_us = None;
        self.sound_lead_us = 0;
        self.leader = self.tracks.as_deref().map_or(TrackKind::Video, leader_of);
    }

    fn note_picture(&mut self, picture_us: i64) {
        self.newest_picture_us = Some(picture_us);
        if let Some(sound_us) = self.newest_sound_us {
            let lead_us = (sound_us - picture_us).min(MAX_SOUND_LEAD_US);
            self.sound_lead_us = self.sound_lead_us.max(lead_us);
        }
    }

    /// Pictures that were announced do not begin: sound leads, until they do.
    fn lead_by_sound(&mut self, sound_us: i64) {
        if self.open.is_some() {
            return;
        }
        let watch = self.watch.get_or_insert_default();
        if watch.note(TrackKind::Audio, sound_us) {
            self.leader = TrackKind::Audio;
            self.started = true;
        }
    }

    /// Pictures begin anew with `frame`, with a segment of their own.
    fn lead_by_video(&mut self, frame: &Frame) -> bool {
        let at_us = frame.dts_us;
        self.leads_to_us = Some(frame.pts_us());
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

    pub(super) fn lane(&mut self) -> &mut Lane {
        match self.leader {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }

    pub(super) const fn lane_ref(&self) -> &Lane {
        self.lane_of(self.leader)
    }

    pub(super) const fn lane_of(&self, track: TrackKind) -> &Lane {
        match track {
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
