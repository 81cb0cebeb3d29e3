//! Whether the pictures of a stream have fallen silent: the one judge, for rings, readers and packagers.
//!
//! Pictures that pause are still there: a screen that nobody touches. Pictures that are silent may never
//! come back: a camera that is off. Until then nothing is decided for them.

use crate::TrackKind;

/// Microseconds of the other track without a frame of this one after which it is silent.
pub const SILENCE_US: i64 = 5_000_000;
/// Microseconds without a picture after which nobody counts on the next one soon.
pub const PAUSE_US: i64 = 1_000_000;

/// Whether a track whose newest frame is at `last_us` is silent at `at_us`, both decode times of the
/// stream in microseconds.
pub const fn is_silent(last_us: i64, at_us: i64) -> bool {
    at_us.saturating_sub(last_us) > SILENCE_US
}

/// Watches a stream frame by frame for its pictures.
#[derive(Debug, Clone, Copy, Default)]
pub struct PictureWatch {
    /// Decode time of the newest picture; before there is one, of the first frame.
    last_us: Option<i64>,
}

impl PictureWatch {
    /// Begins with a frame at `dts_us`, of whichever track: silence is counted from there.
    pub const fn at(dts_us: i64) -> Self {
        Self {
            last_us: Some(dts_us),
        }
    }

    /// The next frame, at `dts_us`. Whether the pictures are silent with it.
    pub const fn note(&mut self, track: TrackKind, dts_us: i64) -> bool {
        match (track, self.last_us) {
            (TrackKind::Audio, Some(last_us)) => is_silent(last_us, dts_us),
            (TrackKind::Video, _) | (TrackKind::Audio, None) => {
                self.last_us = Some(dts_us);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_silent_when_sound_has_gone_on_for_long_without_them() {
        let mut watch = PictureWatch::default();
        let base_us = 90_000_000;
        assert!(
            !watch.note(TrackKind::Audio, base_us),
            "they may be about to come"
        );
        assert!(!watch.note(TrackKind::Audio, base_us + SILENCE_US));
        assert!(watch.note(TrackKind::Audio, base_us + SILENCE_US + 1));
        assert!(!watch.note(TrackKind::Video, base_us + SILENCE_US + 2));
        assert!(!watch.note(TrackKind::Audio, base_us + 2 * SILENCE_US + 2));
        assert!(watch.note(TrackKind::Audio, base_us + 2 * SILENCE_US + 3));
    }
}
