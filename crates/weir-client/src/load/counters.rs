//! What one viewer counts.

use weir_media::TrackKind;

/// Counts since the window began, and what is needed to go on counting.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    /// From the socket.
    pub(super) bytes: u64,
    /// Audio and video frames.
    pub(super) frames: u64,
    /// Video frames marked as keyframes.
    pub(super) keyframes: u64,
    /// Steps of a track's timestamps over the limit.
    pub(super) gaps: u64,
    /// Timestamps of a track that went back.
    pub(super) backward: u64,
    /// Waits for media over the limit.
    pub(super) stalls: u64,
    /// The longest wait for media, µs.
    pub(super) longest_wait_us: i64,
    /// The longest step of a track, milliseconds.
    pub(super) longest_step_ms: i64,
    /// From the connection's beginning to its first byte, µs.
    pub(super) first_byte_us: Option<i64>,
    /// And to its first keyframe.
    pub(super) first_key_us: Option<i64>,
    last_video_ms: Option<u32>,
    last_audio_ms: Option<u32>,
    last_media_us: Option<i64>,
}

/// What counts as a gap and as a stall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    /// A larger step of timestamps is a gap.
    pub(super) gap_ms: i64,
    /// A longer wait is a stall.
    pub(super) stall_us: i64,
}

impl Counters {
    /// Counts from zero, but goes on from the last timestamps.
    pub(super) fn begin_window(&mut self, now_us: i64) {
        *self = Self {
            first_byte_us: self.first_byte_us,
            first_key_us: self.first_key_us,
            last_video_ms: self.last_video_ms,
            last_audio_ms: self.last_audio_ms,
            // Who has had nothing yet waits since now.
            last_media_us: Some(self.last_media_us.unwrap_or(now_us)),
            ..Self::default()
        };
    }

    /// A wait that still lasts at the end counts too.
    pub(super) fn end_window(&mut self, now_us: i64, tolerance: Tolerance) {
        self.media_came(now_us, tolerance);
    }

    /// Something arrived, at `now_us`.
    pub(super) fn media_came(&mut self, now_us: i64, tolerance: Tolerance) {
        if let Some(last_us) = self.last_media_us.replace(now_us) {
            let wait_us = now_us - last_us;
            self.longest_wait_us = self.longest_wait_us.max(wait_us);
            self.stalls += u64::from(wait_us > tolerance.stall_us);
        }
    }

    /// One frame.
    pub(super) fn frame(
        &mut self,
        track: TrackKind,
        ts_ms: u32,
        is_key: bool,
        since_us: i64,
        tolerance: Tolerance,
    ) {
        self.frames += 1;
        if is_key && track == TrackKind::Video {
            self.keyframes += 1;
            self.first_key_us.get_or_insert(since_us);
        }
        let last = match track {
            TrackKind::Video => &mut self.last_video_ms,
            TrackKind::Audio => &mut self.last_audio_ms,
        };
        if let Some(last_ms) = last.replace(ts_ms) {
            // Over the wrap: the difference as signed 32 bits.
            let step_ms = i64::from(ts_ms.wrapping_sub(last_ms).cast_signed());
            self.gaps += u64::from(step_ms > tolerance.gap_ms);
            self.backward += u64::from(step_ms < 0);
            self.longest_step_ms = self.longest_step_ms.max(step_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Tolerance = Tolerance {
        gap_ms: 500,
        stall_us: 1_000_000,
    };

    #[test]
    fn gaps_and_steps_back_are_counted_per_track_and_over_the_wrap() {
        let mut counters = Counters::default();
        for ms in [u32::MAX - 10, 20, 600, 590] {
            counters.frame(TrackKind::Video, ms, false, 0, TOLERANCE);
        }
        counters.frame(TrackKind::Audio, 0, true, 0, TOLERANCE);
        assert_eq!(
            (
                counters.gaps,
                counters.backward,
                counters.keyframes,
                counters.frames
            ),
            (1, 1, 0, 5)
        );
    }

    #[test]
    fn a_wait_at_the_end_of_the_window_is_a_stall() {
        let mut counters = Counters::default();
        counters.begin_window(0);
        counters.media_came(900_000, TOLERANCE);
        counters.end_window(2_000_000, TOLERANCE);
        assert_eq!((counters.stalls, counters.longest_wait_us), (1, 1_100_000));
    }
}
