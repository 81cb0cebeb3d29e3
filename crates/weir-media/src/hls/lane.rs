//! The times of one track: microseconds of the stream to ticks of the container.
//!
//! Audio is snapped to its sample clock, so that durations are exact and rounding to milliseconds
//! on the way here leaves no trace.

use crate::{Frame, TrackKind};

/// How long a picture is shown behind which nothing came when it had to go out, in microseconds: a still
/// picture. Players wait where pictures end before the sound does, and take a step of more than twice a
/// frame's duration for a loss behind which only a keyframe helps (Media Source Extensions, coded frame
/// processing); one that lasts too long merely ends with the next.
const STILL_US: i64 = 10_000_000;
/// How far the sample clock may stand from the stream's time before it is set anew, in frames.
const SNAP_FRAMES: i64 = 2;

/// A frame whose duration the next one will tell.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) frame: Frame,
    /// Decode time in ticks.
    pub(super) dts: i64,
}

/// One track on its way into segments.
#[derive(Debug)]
pub(super) struct Lane {
    timescale: i64,
    pub(super) held: Option<Held>,
    /// Decode time of the last frame, in ticks.
    last: Option<i64>,
    /// Where the sample clock wants the next frame.
    expected: Option<i64>,
    /// Duration of the last frame whose duration is known.
    last_duration: i64,
}

impl Lane {
    pub(super) const fn new(timescale: u32) -> Self {
        let timescale = timescale as i64;
        Self {
            timescale,
            held: None,
            last: None,
            expected: None,
            last_duration: timescale / 30,
        }
    }

    pub(super) const fn last_duration_us(&self) -> i64 {
        // A gap of years overflows 64 bits.
        (self.last_duration as i128 * 1_000_000 / self.timescale as i128) as i64
    }

    /// Takes a frame; gives the one held before with its duration. `samples`: ticks of an audio
    /// frame by its own header.
    pub(super) fn push(&mut self, frame: Frame, samples: Option<u32>) -> Option<(Held, u32)> {
        let last = self.last;
        let dts = self.place(&frame, samples);
        if let Some(last) = last {
            self.last_duration = dts - last;
        }
        let before = self.held.replace(Held { frame, dts });
        before.map(|held| {
            let duration = dts - held.dts;
            (held, duration.clamp(1, i64::from(u32::MAX)) as u32)
        })
    }

    /// Gives the frame held although nothing followed it until `at_us`: with twice the duration frames had
    /// lately, as one that is late, or as a still picture.
    pub(super) fn let_stand(&mut self, at_us: i64) -> Option<(Held, u32)> {
        let held = self.held.take()?;
        let usual_us = self.last_duration_us().saturating_mul(2);
        let is_late = at_us.saturating_sub(held.frame.dts_us) <= usual_us;
        let duration_us = if is_late { usual_us } else { STILL_US };
        Some((held, self.duration(duration_us)))
    }

    /// Where so many frames lie that are shown once more from `at_us` on, a tick apart: the first one.
    pub(super) fn place_again(&mut self, at_us: i64, frames: usize) -> i64 {
        let first = self.after_last(to_ticks(at_us, self.timescale), 1).max(0);
        self.last = Some(first + frames as i64 - 1);
        first
    }

    /// A duration of the stream in ticks.
    pub(super) fn duration(&self, us: i64) -> u32 {
        to_ticks(us, self.timescale).clamp(1, i64::from(u32::MAX)) as u32
    }

    /// Where the frame held ends, going by the duration frames had lately, in microseconds.
    pub(super) fn end_us(&self) -> Option<i64> {
        let held = self.held.as_ref()?;
        Some(held.frame.dts_us.saturating_add(self.last_duration_us()))
    }

    /// A time of the stream in ticks.
    pub(super) fn ticks(&self, us: i64) -> u64 {
        to_ticks(us, self.timescale).max(0) as u64
    }

    /// Gives the frame held, with the duration frames had lately.
    pub(super) fn flush(&mut self) -> Option<(Held, u32)> {
        let duration = self.last_duration.clamp(1, i64::from(u32::MAX)) as u32;
        self.held.take().map(|held| (held, duration))
    }

    /// Times start anew: nothing is known about what comes.
    pub(super) fn reset(&mut self) {
        self.held = None;
        self.last = None;
        self.expected = None;
    }

    fn place(&mut self, frame: &Frame, samples: Option<u32>) -> i64 {
        let real = to_ticks(frame.dts_us, self.timescale).max(0);
        let mut dts = real;
        if let (TrackKind::Audio, Some(samples)) = (frame.track, samples) {
            let samples = i64::from(samples);
            let near = |expected: &i64| (real - expected).abs() <= SNAP_FRAMES * samples;
            dts = self.expected.filter(near).unwrap_or(real);
            // The first frame's duration has nothing else to go by.
            if self.expected.is_none() {
                self.last_duration = samples;
            }
            // Times that fell back catch up by half frames: closer ones would be an overlap.
            dts = self.after_last(dts, samples / 2);
            self.expected = Some(dts + samples);
        } else {
            dts = self.after_last(dts, 1);
        }
        self.last = Some(dts);
        dts
    }

    /// Decode times go up by at least this much, and by a tick.
    fn after_last(&self, dts: i64, least: i64) -> i64 {
        self.last.map_or(dts, |last| dts.max(last + least.max(1)))
    }
}

/// Microseconds to ticks, to the nearest.
pub(super) fn to_ticks(us: i64, timescale: i64) -> i64 {
    ((i128::from(us) * i128::from(timescale) + 500_000).div_euclid(1_000_000)) as i64
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::FrameKind;

    fn audio(dts_us: i64) -> Frame {
        Frame {
            track: TrackKind::Audio,
            dts_us,
            cts_us: 0,
            kind: FrameKind::Key,
            payload: Bytes::from_static(b"a"),
        }
    }

    #[test]
    fn milliseconds_leave_no_trace_on_the_sample_clock() {
        let mut lane = Lane::new(44_100);
        let mut expected = 0;
        for at in 0..10_000i64 {
            let exact_us = at * 1024 * 1_000_000 / 44_100;
            if let Some((held, duration)) = lane.push(audio(exact_us / 1000 * 1000), Some(1024)) {
                assert_eq!((held.dts, duration), (expected, 1024));
                expected += 1024;
            }
        }
    }

    #[test]
    fn a_hole_in_the_sound_sets_the_sample_clock_anew() {
        let mut lane = Lane::new(48_000);
        lane.push(audio(0), Some(960));
        let (_, duration) = lane.push(audio(1_000_000), Some(960)).unwrap();
        assert_eq!(duration, 48_000);
    }

    /// A sender that put its clock right sends some packets with nearly the same time.
    #[test]
    fn sound_whose_times_crowd_is_never_closer_than_half_a_frame() {
        let mut lane = Lane::new(48_000);
        let crowd = (0..8).map(|at| at * 1000);
        let after = (1..40).map(|at| 7_000 + at * 20_000);
        let mut last = None;
        for time_us in crowd.chain(after) {
            let Some((held, duration)) = lane.push(audio(time_us), Some(960)) else {
                continue;
            };
            assert!(duration >= 480, "{time_us}: {duration}");
            last = Some((held.dts, time_us - 20_000));
        }
        let (dts, time_us) = last.unwrap();
        let off = dts - to_ticks(time_us, 48_000);
        assert!((0..=2 * 960).contains(&off), "in step again: {off}");
    }

    #[test]
    fn equal_times_still_go_up() {
        let mut lane = Lane::new(90_000);
        let video = |dts_us| Frame {
            track: TrackKind::Video,
            ..audio(dts_us)
        };
        lane.push(video(100), None);
        assert_eq!(lane.push(video(100), None).unwrap().1, 1);
        assert_eq!(lane.push(video(40_100), None).unwrap().1, 3599);
    }
}
