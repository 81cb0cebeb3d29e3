//! Decode times for containers that only have presentation times (Matroska), where pictures are
//! sent in another order than they are shown: H.264 and HEVC with B-frames.
//!
//! The decode times are the presentation times in order, as many frames late as the parameter sets
//! say pictures move (ITU-T H.264 §E.2.1 `max_num_reorder_frames`, H.265 §7.4.3.1
//! `vps_max_num_reorder_pics`), or as is seen that they do.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::bits::{BitReader, unescape};
use crate::codec::{avc, hevc};
use crate::timeline::MIN_STEP_US;
use crate::{Result, VideoCodec, VideoTrack};

/// Most pictures that may wait for another: the decoded picture buffer has no room for more.
const MAX_DEPTH: usize = 16;
/// Further apart than this, two frames are of different clocks, in µs.
const JUMP_US: i64 = 10_000_000;
/// Length of a frame where nothing tells, in µs.
const DEFAULT_STEP_US: i64 = 33_333;
/// Bytes of a parameter set that are read.
const MAX_PARAMETER_SET_BYTES: usize = 4096;

/// The order of one video track.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// The record whose depth is known.
    config: Option<Bytes>,
    depth: usize,
    fps_step_us: Option<i64>,
    /// The last presentation times as they came.
    recent: VecDeque<i64>,
    /// Presentation times not given as decode times yet, in order; at most [`MAX_DEPTH`] + 1.
    waiting: Vec<i64>,
    first_us: Option<i64>,
    last_us: Option<i64>,
}

impl Reorder {
    /// Decode time of the next frame in decode order. Never goes back but for jumps.
    pub(super) fn dts_us(
        &mut self,
        track: Option<&VideoTrack>,
        pts_us: i64,
        step_us: Option<i64>,
    ) -> i64 {
        if let Some(track) = track
            && self.config.as_ref() != Some(&track.config)
        {
            self.config = Some(track.config.clone());
            self.depth = depth(track).unwrap_or(0);
            self.fps_step_us = fps_step_us(track);
        }
        let jumped = self
            .recent
            .back()
            .is_some_and(|last| last.abs_diff(pts_us) > JUMP_US.unsigned_abs());
        if jumped {
            self.recent.clear();
            self.waiting.clear();
            (self.first_us, self.last_us) = (None, None);
        }
        let first_us = *self.first_us.get_or_insert(pts_us);
        let moved = self.recent.iter().filter(|other| **other > pts_us).count();
        self.depth = self.depth.max(moved).min(MAX_DEPTH);
        if self.recent.len() >= MAX_DEPTH {
            self.recent.pop_front();
        }
        self.recent.push_back(pts_us);
        let at = self.waiting.partition_point(|other| *other <= pts_us);
        self.waiting.insert(at, pts_us);

        let missing = (self.depth + 1).saturating_sub(self.waiting.len()) as i64;
        let mut dts_us = if missing == 0 {
            self.waiting.remove(0)
        } else {
            let step_us = step_us.or(self.fps_step_us).unwrap_or(DEFAULT_STEP_US);
            first_us.saturating_sub(step_us.clamp(MIN_STEP_US, JUMP_US / 16) * missing)
        };
        while self.waiting.len() > self.depth {
            self.waiting.remove(0);
        }
        if let Some(last_us) = self.last_us {
            dts_us = dts_us.max(last_us.saturating_add(MIN_STEP_US));
        }
        self.last_us = Some(dts_us);
        dts_us
    }
}

/// How many pictures may stand before another in decode order and behind it on the screen, where
/// the record tells.
fn depth(track: &VideoTrack) -> Option<usize> {
    let told = match track.codec {
        VideoCodec::H264 => {
            let config = avc::AvcConfig::parse(&track.config).ok()?;
            let sps = avc::AvcSps::parse(config.sps.first()?).ok()?;
            sps.reorder_frames?
        }
        VideoCodec::Hevc => {
            let config = hevc::HevcConfig::parse(&track.config).ok()?;
            hevc_depth(config.vps.first()?).ok()?
        }
        VideoCodec::Av1 | VideoCodec::Vp9 => 0,
    };
    Some((told as usize).min(MAX_DEPTH))
}

fn fps_step_us(track: &VideoTrack) -> Option<i64> {
    if track.codec != VideoCodec::H264 {
        return None;
    }
    let config = avc::AvcConfig::parse(&track.config).ok()?;
    let fps = avc::AvcSps::parse(config.sps.first()?).ok()?.vui.fps?;
    (1.0..=1000.0)
        .contains(&fps)
        .then_some((1_000_000.0 / fps) as i64)
}

/// `vps_max_num_reorder_pics` of the highest sub-layer, H.265 §7.3.2.1.
fn hevc_depth(vps: &[u8]) -> Result<u32> {
    let rbsp = unescape(vps.get(2..).unwrap_or_default(), MAX_PARAMETER_SET_BYTES);
    let mut r = BitReader::new(&rbsp, "VPS");
    r.skip(12)?;
    let sub_layers = r.bits(3)? as usize;
    r.skip(17)?;
    // profile_tier_level(), §7.3.3
    r.skip(96)?;
    let mut sub_layer_bits = 0;
    for _ in 0..sub_layers {
        let (profile, level) = (r.bit()?, r.bit()?);
        sub_layer_bits += if profile { 88 } else { 0 } + if level { 8 } else { 0 };
    }
    if sub_layers > 0 {
        r.skip(2 * (8 - sub_layers))?;
    }
    r.skip(sub_layer_bits)?;
    let each = r.bit()?;
    let mut depth = 0;
    for _ in 0..if each { sub_layers + 1 } else { 1 } {
        r.ue()?;
        depth = r.ue()?;
        r.ue()?;
    }
    Ok(depth)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec;
    use crate::codec::avc::tests::record;

    fn times(pts: &[i64], track: Option<&VideoTrack>) -> Vec<i64> {
        let mut reorder = Reorder::default();
        pts.iter()
            .map(|pts| reorder.dts_us(track, *pts, Some(1000)))
            .collect()
    }

    #[test]
    fn the_parameter_set_tells_how_late_decode_times_are() {
        let track = codec::video_track(VideoCodec::H264, record(4)).unwrap();
        // I P B B with a B that others refer to.
        assert_eq!(
            times(&[0, 4000, 2000, 1000, 3000, 8000], Some(&track)),
            [-2000, -1000, 0, 1000, 2000, 3000]
        );
    }

    #[test]
    fn without_reordering_decode_is_presentation() {
        assert_eq!(times(&[0, 1000, 2000], None), [0, 1000, 2000]);
    }

    #[test]
    fn reordering_nobody_told_of_is_learnt_and_never_goes_back() {
        let pts: Vec<_> = (0..20)
            .flat_map(|group| [3, 1, 2].map(|at| (group * 3 + at) * 1000))
            .collect();
        let dts = times(&pts, None);
        assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{dts:?}");
        assert!(dts.iter().zip(&pts).skip(6).all(|(dts, pts)| dts <= pts));
    }

    #[test]
    fn a_jump_starts_over() {
        let track = codec::video_track(VideoCodec::H264, record(4)).unwrap();
        let dts = times(&[60_000_000, 60_001_000, 60_002_000, 0, 1000], Some(&track));
        assert_eq!(dts[3], -2000);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_and_times_never_panic(data: Vec<u8>, pts: Vec<i64>) {
            let _ = hevc_depth(&data);
            let _ = times(&pts, None);
        }
    }
}
