//! A stream's numbers: its publisher counts them, the API and the metrics read them.

use weir_media::{Frame, TrackKind};

/// Seconds over which rates are taken: long enough to hold a whole group of pictures usually.
const WINDOW_S: usize = 5;

/// What is counted while a stream runs.
#[derive(Debug, Clone, Default)]
pub struct StreamStats {
    /// Video frames since the publisher came.
    pub video_frames: u64,
    /// Audio frames since the publisher came.
    pub audio_frames: u64,
    /// Payload bytes since the publisher came.
    pub bytes: u64,
    /// Timestamps that had to be corrected.
    pub corrections: u64,
    /// Frames dropped on the way in (without codec header, malformed).
    pub dropped_frames: u64,
    /// Length of the last whole group of pictures in microseconds; 0 before there is one.
    pub gop_us: i64,
    /// Video frames in the last whole group of pictures.
    pub gop_frames: u32,
    last_key_us: Option<i64>,
    frames_since_key: u32,
    /// The second the publisher came in: not whole, so not counted in rates.
    first_second: Option<i64>,
    buckets: [Bucket; WINDOW_S + 1],
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    second: i64,
    video_bytes: u64,
    audio_bytes: u64,
    video_frames: u32,
}

/// What a sender says of itself, unchecked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SenderStats {
    /// Pictures encoded per second.
    pub fps: f64,
    /// Kilobits encoded per second.
    pub kbps: f64,
    /// Milliseconds of media waiting to be sent.
    pub queue_ms: f64,
    /// Pictures dropped before encoding.
    pub dropped: f64,
    /// The encoder in use.
    pub encoder: String,
}

/// Rates over the last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Video bits per second.
    pub video_bps: f64,
    /// Audio bits per second.
    pub audio_bps: f64,
    /// Video frames per second.
    pub fps: f64,
}

impl StreamStats {
    /// Counts `frame`, which arrived at `now_us`.
    pub fn count(&mut self, frame: &Frame, now_us: i64) {
        let size = frame.payload.len() as u64;
        self.bytes += size;
        let second = now_us.div_euclid(1_000_000);
        let _ = self.first_second.get_or_insert(second);
        let bucket = self.bucket(second);
        match frame.track {
            TrackKind::Video => {
                bucket.video_bytes += size;
                bucket.video_frames += 1;
                self.video_frames += 1;
                self.count_gop(frame);
            }
            TrackKind::Audio => {
                bucket.audio_bytes += size;
                self.audio_frames += 1;
            }
        }
    }

    /// Rates over the last whole seconds before `now_us`.
    pub fn rates(&self, now_us: i64) -> Rates {
        let now_s = now_us.div_euclid(1_000_000);
        let past: Vec<_> = self
            .buckets
            .iter()
            .filter(|bucket| bucket.second < now_s && bucket.second >= now_s - WINDOW_S as i64)
            .filter(|bucket| Some(bucket.second) != self.first_second)
            .filter(|bucket| bucket.video_bytes + bucket.audio_bytes > 0)
            .collect();
        let Some(first_s) = past.iter().map(|bucket| bucket.second).min() else {
            return Rates::default();
        };
        let seconds = (now_s - first_s) as f64;
        let per_second = |total: u64| total as f64 / seconds;
        Rates {
            video_bps: 8.0 * per_second(past.iter().map(|bucket| bucket.video_bytes).sum()),
            audio_bps: 8.0 * per_second(past.iter().map(|bucket| bucket.audio_bytes).sum()),
            fps: per_second(
                past.iter()
                    .map(|bucket| u64::from(bucket.video_frames))
                    .sum(),
            ),
        }
    }

    fn count_gop(&mut self, frame: &Frame) {
        if frame.is_video_key() {
            if let Some(last_us) = self.last_key_us {
                self.gop_us = frame.dts_us - last_us;
                self.gop_frames = self.frames_since_key;
            }
            self.last_key_us = Some(frame.dts_us);
            self.frames_since_key = 0;
        }
        self.frames_since_key += 1;
    }

    fn bucket(&mut self, second: i64) -> &mut Bucket {
        let at = second.rem_euclid(self.buckets.len() as i64) as usize;
        let bucket = &mut self.buckets[at];
        if bucket.second != second {
            *bucket = Bucket {
                second,
                ..Bucket::default()
            };
        }
        bucket
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_media::FrameKind;

    use super::*;

    #[test]
    fn rates_and_group_length_are_those_of_the_last_seconds() {
        let mut stats = StreamStats::default();
        for n in 0..250_i64 {
            let kind = if n % 50 == 0 {
                FrameKind::Key
            } else {
                FrameKind::Inter
            };
            let payload = Bytes::from(vec![0; 1000]);
            let frame = Frame {
                track: TrackKind::Video,
                dts_us: n * 40_000,
                cts_us: 0,
                kind,
                payload,
            };
            stats.count(&frame, n * 40_000);
        }
        let rates = stats.rates(10_000_000);
        assert!((rates.fps - 25.0).abs() < 0.01, "{rates:?}");
        assert!((rates.video_bps - 200_000.0).abs() < 1.0, "{rates:?}");
        assert_eq!((stats.gop_us, stats.gop_frames), (2_000_000, 50));
        assert_eq!(stats.rates(60_000_000), Rates::default());
    }
}
