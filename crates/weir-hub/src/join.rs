//! Where a viewer may begin: the one rule for the ring, and for each form that takes only some tracks.

use weir_media::{Frame, TrackKind, Tracks};

/// Microseconds between places to join a stream that has no video.
const AUDIO_JOIN_EVERY_US: i64 = 500_000;
/// Microseconds without a picture after which sound alone is worth joining: the camera is off, and its
/// last keyframe only gets older.
pub(crate) const VIDEO_SILENCE_US: i64 = 5_000_000;

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
    last_video_us: i64,
    last_join_us: Option<i64>,
}

impl JoinRule {
    /// At a place that is a join itself.
    pub(crate) fn at(tracks: &Tracks, takes: TrackFilter, dts_us: i64) -> Self {
        let mut rule = Self {
            last_video_us: dts_us,
            ..Self::default()
        };
        rule.tracks(tracks, takes);
        rule
    }

    /// These tracks from here on.
    pub(crate) const fn tracks(&mut self, tracks: &Tracks, takes: TrackFilter) {
        self.has_video = takes.video && tracks.video.is_some();
    }

    /// Whether a viewer may begin with `frame`, the next one.
    pub(crate) fn take(&mut self, frame: &Frame) -> bool {
        let is_join = match frame.track {
            TrackKind::Video => {
                self.last_video_us = frame.dts_us;
                self.has_video && frame.is_video_key()
            }
            TrackKind::Audio => {
                let is_silent = frame.dts_us.saturating_sub(self.last_video_us) > VIDEO_SILENCE_US;
                let is_due = |last_us| frame.dts_us.saturating_sub(last_us) >= AUDIO_JOIN_EVERY_US;
                (!self.has_video || is_silent) && self.last_join_us.is_none_or(is_due)
            }
        };
        if is_join {
            self.last_join_us = Some(frame.dts_us);
        }
        is_join
    }
}
