//! A picture that stands still, for who comes while it does: the pictures since the last keyframe, which a
//! decoder needs for the newest one, to be shown once more and all at once.
//!
//! For who has them already nothing changes: the same pictures leave a decoder as it was, so that what refers
//! to the newest one can be decoded by both.

use crate::{Frame, TrackKind};

/// Most bytes that are kept: two seconds of 16 Mbit/s.
const MAX_STILL_BYTES: usize = 4 << 20;
const TICKS_PER_MS: usize = 90;
/// Most pictures that are kept: ten seconds of 30 a second. More would take a decoder too long.
const MAX_STILL_PICTURES: usize = 300;

/// The pictures since the last keyframe, as long as they are few enough.
#[derive(Debug, Clone, Default)]
pub struct StillPicture {
    pictures: Vec<Frame>,
    bytes: usize,
}

impl StillPicture {
    /// The next frame of the stream. Sound is passed over.
    pub fn note(&mut self, frame: &Frame) {
        if frame.track != TrackKind::Video {
            return;
        }
        if frame.is_video_key() {
            self.clear();
        } else if self.pictures.is_empty() {
            return;
        }
        self.bytes += frame.payload.len();
        if self.bytes > MAX_STILL_BYTES || self.pictures.len() >= MAX_STILL_PICTURES {
            return self.clear();
        }
        self.pictures.push(frame.clone());
    }

    /// What comes does not join what came.
    pub fn clear(&mut self) {
        self.pictures.clear();
        self.bytes = 0;
    }

    /// Whether there is nothing to show.
    pub const fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    /// The pictures in their order of decoding, with the first decoded at `at_us` and each a tick of 90 kHz
    /// behind the one before, so that nobody sees but the newest.
    pub fn again(&self, at_us: i64) -> Vec<Frame> {
        self.stepping(at_us, 1)
    }

    /// The same for forms whose times are milliseconds: each is one behind the one before, and all are decoded
    /// before `at_us`.
    pub fn before(&self, at_us: i64) -> Vec<Frame> {
        let all_us = self.pictures.len() as i64 * 1_000;
        self.stepping(at_us.saturating_sub(all_us), TICKS_PER_MS)
    }

    fn stepping(&self, at_us: i64, step_ticks: usize) -> Vec<Frame> {
        let mut shown: Vec<usize> = (0..self.pictures.len()).collect();
        shown.sort_by_key(|at| self.pictures.get(*at).map(Frame::pts_us));
        let mut place = vec![0; shown.len()];
        for (rank, at) in shown.into_iter().enumerate() {
            if let Some(place) = place.get_mut(at) {
                *place = rank;
            }
        }
        let late = place.iter().enumerate();
        let late = late.map(|(at, rank)| at.saturating_sub(*rank)).max();
        let late = late.unwrap_or(0);
        let after_us = |steps: usize| (steps * step_ticks * 100).div_ceil(9) as i64;
        let again = self.pictures.iter().zip(place).enumerate();
        again
            .map(|(at, (picture, rank))| {
                let dts_us = at_us.saturating_add(after_us(at));
                Frame {
                    dts_us,
                    cts_us: (after_us(late + rank) - after_us(at)) as i32,
                    ..picture.clone()
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ts::tests::{audio, video};

    #[test]
    fn the_pictures_since_the_keyframe_are_shown_again_in_their_order() {
        let mut still = StillPicture::default();
        still.note(&video(0, 0, false, 10));
        assert!(still.is_empty(), "nothing that it refers to is known");
        // As B pictures are decoded: 0 3 1 2.
        for (at, shown) in [(0, 1), (1, 4), (2, 2), (3, 3)] {
            let (dts_us, cts_us) = (at * 40_000, (shown - at) * 40_000);
            still.note(&video(dts_us, cts_us as i32, at == 0, 10 + at as usize));
            still.note(&audio(dts_us, 10));
        }
        let again = still.again(7_000_000);
        let ticks = |us: i64| (us - 7_000_000) * 9 / 100;
        let times: Vec<_> = again
            .iter()
            .map(|frame| {
                (
                    ticks(frame.dts_us),
                    ticks(frame.pts_us()),
                    frame.payload.len(),
                )
            })
            .collect();
        assert_eq!(times, [(0, 1, 14), (1, 4, 15), (2, 2, 16), (3, 3, 17)]);
        let before = still.before(7_000_000);
        let times: Vec<_> = before
            .iter()
            .map(|frame| (frame.dts_us, frame.cts_us))
            .collect();
        let first_us = 6_996_000;
        let expected = [(0, 1000), (1000, 3000), (2000, 0), (3000, 0)];
        assert_eq!(
            times,
            expected.map(|(after_us, cts_us)| (first_us + after_us, cts_us))
        );
        still.note(&video(400_000, 0, true, 10));
        assert_eq!(still.again(0).len(), 1);
    }

    #[test]
    fn what_is_too_much_is_not_kept() {
        let mut still = StillPicture::default();
        still.note(&video(0, 0, true, MAX_STILL_BYTES));
        assert!(still.is_empty());
        for at in 0..=MAX_STILL_PICTURES as i64 {
            still.note(&video(at * 40_000, 0, at == 0, 10));
        }
        assert!(still.is_empty());
        still.note(&video(0, 0, false, 10));
        assert!(still.is_empty(), "before the next keyframe");
    }
}
