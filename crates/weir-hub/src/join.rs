//! Where a viewer may begin: the one rule for the ring, and for each form that takes only some tracks.

use weir_media::silence::PictureWatch;
use weir_media::{Frame, TrackKind, Tracks};

/// Microseconds between places to join a stream that has no video.
const AUDIO_JOIN_EVERY_US: i64 = 500_000;

/// What a viewer begins with at a place to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// All there is: a keyframe, or a sound where there are no pictures.
    Whole,
    /// Sound alone, as the pictures have been silent for long. Those that come may refer to older ones, which
    /// [`crate::Ring::still_before`] has.
    Sound,
}

/// Which tracks a reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackFilter {
    /// Pictures.
    pub video: bool,
    /// Sound.
    pub audio: bool,
}

impl TrackFilter {
    /// Everything.
    pub const ALL: Self = Self {
        video: true,
        audio: true,
    };

    /// Whether frames of this track pass.
    pub const fn takes(self, track: TrackKind) -> bool {
        match track {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }

    /// The tracks that are left.
    pub fn of(self, tracks: &Tracks) -> Tracks {
        Tracks {
            video: tracks.video.clone().filter(|_| self.video),
            audio: tracks.audio.clone().filter(|_| self.audio),
        }
    }
}

/// The rule at one place of a stream: fed with what comes, in order, it says which frames are joins.
#[derive(Debug, Clone, Default)]
pub(crate) struct JoinRule {
    has_video: bool,
    pictures: PictureWatch,
    is_silent: bool,
    last_join_us: Option<i64>,
}

impl JoinRule {
    /// At a place that is a join itself.
    pub(crate) fn at(tracks: &Tracks, takes: TrackFilter, dts_us: i64) -> Self {
        let mut rule = Self {
            pictures: PictureWatch::at(dts_us),
            ..Self::default()
        };
        rule.tracks(tracks, takes);
        rule
    }

    /// These tracks from here on.
    pub(crate) const fn tracks(&mut self, tracks: &Tracks, takes: TrackFilter) {
        self.has_video = takes.video && tracks.video.is_some();
    }

    /// Whether there are pictures, and they were silent with the last frame.
    pub(crate) const fn is_silent(&self) -> bool {
        self.has_video && self.is_silent
    }

    /// Whether a viewer may begin with `frame`, the next one.
    pub(crate) fn take(&mut self, frame: &Frame) -> Option<JoinKind> {
        self.is_silent = self.pictures.note(frame.track, frame.dts_us);
        let kind = match frame.track {
            TrackKind::Video => (self.has_video && frame.is_video_key()).then_some(JoinKind::Whole),
            TrackKind::Audio => {
                let is_due = |last_us| frame.dts_us.saturating_sub(last_us) >= AUDIO_JOIN_EVERY_US;
                let kind = match (self.has_video, self.is_silent) {
                    (false, _) => Some(JoinKind::Whole),
                    (true, true) => Some(JoinKind::Sound),
                    (true, false) => None,
                };
                kind.filter(|_| self.last_join_us.is_none_or(is_due))
            }
        };
        if kind.is_some() {
            self.last_join_us = Some(frame.dts_us);
        }
        kind
    }
}

/// Where a viewer begins, of the newest join with pictures and a newer one with sound alone; the second
/// where the pictures are silent and the first is more than `keep_us` old at `now_us`, so that whoever
/// comes sees what stands still and is not sent minutes of it. Places by their decode times.
pub fn begins_with_sound(
    whole_us: Option<i64>,
    is_silent: bool,
    now_us: i64,
    keep_us: i64,
) -> bool {
    whole_us.is_none_or(|whole_us| is_silent && now_us.saturating_sub(whole_us) > keep_us)
}
