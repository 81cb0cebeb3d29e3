//! What arrives, measured: times, rates, gaps, keyframe intervals, latency of stamped pictures.

use std::sync::Arc;

use weir_base::Clock;
use weir_media::{Frame, Item, Metadata, TrackKind, Tracks};

use super::decode::Sink;
use super::stamp;

/// Latencies and intervals kept for percentiles; a day of pictures at 30 fps stays below.
const MAX_SAMPLES: usize = 4_000_000;
/// At first a viewer gets what was there before it; how old that is says nothing. In µs.
const SETTLE_US: i64 = 2_000_000;
/// Notes kept; each text once.
const MAX_NOTES: usize = 32;

/// What is known of one track.
#[derive(Debug, Clone, Default)]
pub struct TrackMeasure {
    /// Frames seen.
    pub frames: u64,
    /// Their bytes, without any container.
    pub bytes: u64,
    /// Decode time of the first frame, µs.
    pub first_dts_us: Option<i64>,
    /// Of the last one.
    pub last_dts_us: i64,
    /// Presentation time of the first frame, µs.
    pub first_pts_us: i64,
    /// Decode times that went back.
    pub backward: u64,
    /// Steps ahead longer than the limit.
    pub gaps: u64,
    /// The longest step, µs.
    pub longest_step_us: i64,
}

impl TrackMeasure {
    /// From the first frame's decode time to the last one's, µs.
    pub fn span_us(&self) -> i64 {
        self.first_dts_us
            .map_or(0, |first| (self.last_dts_us - first).max(0))
    }

    /// Frames a second; 0 while there are not two.
    pub fn fps(&self) -> f64 {
        let span_us = self.span_us();
        if span_us > 0 {
            self.frames.saturating_sub(1) as f64 * 1e6 / span_us as f64
        } else {
            0.0
        }
    }

    /// Bits a second on the stream's own clock.
    pub fn bits_per_s(&self) -> f64 {
        let span_us = self.span_us();
        if span_us > 0 {
            self.bytes as f64 * 8e6 / span_us as f64
        } else {
            0.0
        }
    }

    fn add(&mut self, frame: &Frame, gap_us: i64) {
        if self.first_dts_us.is_some() {
            let step_us = frame.dts_us - self.last_dts_us;
            self.backward += u64::from(step_us < 0);
            self.gaps += u64::from(step_us > gap_us);
            self.longest_step_us = self.longest_step_us.max(step_us);
        } else {
            self.first_dts_us = Some(frame.dts_us);
            self.first_pts_us = frame.pts_us();
        }
        self.last_dts_us = frame.dts_us;
        self.frames += 1;
        self.bytes += frame.payload.len() as u64;
    }
}

/// Everything measured of a stream. A [`Sink`] that never has enough.
#[derive(Debug)]
pub struct Measure {
    clock: Clock,
    gap_us: i64,
    /// When it was made: the request goes out then.
    started_us: i64,
    /// Container bytes.
    pub bytes: u64,
    /// Since the request, µs.
    pub first_byte_us: Option<i64>,
    /// Since the request, µs.
    pub first_key_us: Option<i64>,
    /// The tracks as known now.
    pub tracks: Arc<Tracks>,
    /// How often they changed after the first frame.
    pub track_changes: u64,
    /// The publisher's metadata.
    pub metadata: Option<Arc<Metadata>>,
    /// Pictures.
    pub video: TrackMeasure,
    /// Sound.
    pub audio: TrackMeasure,
    /// Between keyframes, µs.
    pub key_intervals_us: Vec<i64>,
    last_key_us: Option<i64>,
    /// From the stamp to here, µs.
    pub latencies_us: Vec<i64>,
    /// Discontinuities the container told of.
    pub discontinuities: u64,
    /// What was broken or left out, each once.
    pub notes: Vec<String>,
}

impl Measure {
    /// `gap_us`: a step of decode time longer than this is a gap.
    pub fn new(clock: Clock, gap_us: i64) -> Self {
        Self {
            started_us: clock.now_us(),
            clock,
            gap_us,
            bytes: 0,
            first_byte_us: None,
            first_key_us: None,
            tracks: Arc::default(),
            track_changes: 0,
            metadata: None,
            video: TrackMeasure::default(),
            audio: TrackMeasure::default(),
            key_intervals_us: Vec::new(),
            last_key_us: None,
            latencies_us: Vec::new(),
            discontinuities: 0,
            notes: Vec::new(),
        }
    }

    /// Since it was made, µs.
    pub fn elapsed_us(&self) -> i64 {
        self.clock.now_us() - self.started_us
    }

    /// The longer of both tracks, µs of the stream's own clock.
    pub fn media_us(&self) -> i64 {
        self.video.span_us().max(self.audio.span_us())
    }

    /// First presentation time of audio minus that of video, µs; `None` without both.
    pub fn audio_offset_us(&self) -> Option<i64> {
        let both = self.video.frames > 0 && self.audio.frames > 0;
        both.then(|| self.audio.first_pts_us - self.video.first_pts_us)
    }

    fn frame(&mut self, frame: &Frame) {
        match frame.track {
            TrackKind::Audio => self.audio.add(frame, self.gap_us),
            TrackKind::Video => {
                self.video.add(frame, self.gap_us);
                let has_settled = self
                    .first_byte_us
                    .is_some_and(|first_us| self.elapsed_us() - first_us > SETTLE_US);
                if has_settled
                    && self.latencies_us.len() < MAX_SAMPLES
                    && let Some(wall_us) = stamp::find(&frame.payload)
                {
                    self.latencies_us.push(self.clock.wall_us() - wall_us);
                }
                if frame.is_video_key() {
                    self.keyframe(frame.dts_us);
                }
            }
        }
    }

    fn keyframe(&mut self, dts_us: i64) {
        let elapsed_us = self.elapsed_us();
        self.first_key_us.get_or_insert(elapsed_us);
        if let Some(last_us) = self.last_key_us.replace(dts_us)
            && self.key_intervals_us.len() < MAX_SAMPLES
        {
            self.key_intervals_us.push(dts_us - last_us);
        }
    }
}

impl Sink for Measure {
    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let elapsed_us = self.elapsed_us();
        self.first_byte_us.get_or_insert(elapsed_us);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        match item {
            Item::Tracks(tracks) => {
                self.track_changes +=
                    u64::from(self.video.frames + self.audio.frames > 0 && *self.tracks != *tracks);
                self.tracks = tracks;
            }
            Item::Metadata(metadata) => self.metadata = Some(metadata),
            Item::Frame(frame) => self.frame(&frame),
            Item::Discontinuity => self.discontinuities += 1,
        }
        Ok(())
    }

    fn note(&mut self, note: &str) {
        if self.notes.len() < MAX_NOTES && !self.notes.iter().any(|known| known == note) {
            tracing::debug!(note, "of the stream");
            self.notes.push(note.to_owned());
        }
    }

    fn is_done(&self) -> bool {
        false
    }
}

/// The value below which `share` (0 to 1) of them lie; `None` of nothing.
pub fn percentile(values: &[i64], share: f64) -> Option<i64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted
        .get((last as f64 * share.clamp(0.0, 1.0)).round() as usize)
        .copied()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::FrameKind;

    use super::*;

    fn frame(dts_ms: i64, kind: FrameKind) -> Item {
        let payload = Bytes::from_static(&[0; 100]);
        Item::Frame(Frame {
            track: TrackKind::Video,
            dts_us: dts_ms * 1000,
            cts_us: 0,
            kind,
            payload,
        })
    }

    #[test]
    fn gaps_steps_back_and_keyframe_intervals_are_counted() {
        let mut measure = Measure::new(Clock::manual(0), 1_000_000);
        let times = [
            (0, true),
            (500, false),
            (400, false),
            (2000, true),
            (2500, false),
            (4000, true),
        ];
        for (ms, is_key) in times {
            measure
                .item(frame(
                    ms,
                    if is_key {
                        FrameKind::Key
                    } else {
                        FrameKind::Inter
                    },
                ))
                .unwrap();
        }
        let video = &measure.video;
        assert_eq!(
            (video.backward, video.gaps, video.longest_step_us),
            (1, 2, 1_600_000)
        );
        assert_eq!(measure.key_intervals_us, [2_000_000, 2_000_000]);
        assert!((video.fps() - 1.25).abs() < 1e-9);
        assert!((video.bits_per_s() - 1200.0).abs() < 1e-9);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<i64> = (0..=100).rev().collect();
        assert_eq!(
            (percentile(&values, 0.5), percentile(&values, 0.99)),
            (Some(50), Some(99))
        );
        assert_eq!(percentile(&[], 0.5), None);
    }
}
