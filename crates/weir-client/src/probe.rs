//! A stream watched for a moment: what it is made of, and what is wrong with it.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use weir_base::Clock;

use crate::address::MediaUrl;
use crate::measure::{Measure, TrackMeasure, percentile};
use crate::watch::{WatchOptions, watch};

/// A step of decode time longer than this is trouble, in µs.
const GAP_US: i64 = 1_000_000;
/// A longer keyframe interval makes joining slow, in µs.
const LONG_INTERVAL_US: i64 = 4_000_000;
/// More distance of audio and video at the start is heard, in µs.
const AUDIBLE_OFFSET_US: i64 = 100_000;

/// What was seen.
#[derive(Debug)]
pub struct Probe {
    /// The protocol, for people.
    pub protocol: &'static str,
    /// What came.
    pub measure: Measure,
    /// The stream ended meanwhile.
    pub ended: bool,
}

/// Watches for so long, or until the stream ends.
///
/// # Errors
/// When not one frame came.
pub async fn probe(
    url: &MediaUrl,
    options: &WatchOptions,
    duration: Duration,
) -> anyhow::Result<Probe> {
    let mut measure = Measure::new(Clock::real(), GAP_US);
    let outcome = tokio::time::timeout(duration, watch(url, options, &mut measure)).await;
    let ended = outcome.is_ok();
    let has_frames = measure.video.frames + measure.audio.frames > 0;
    if let Ok(Err(error)) = outcome {
        if !has_frames {
            return Err(error);
        }
        measure.notes.push(format!("{error:#}"));
    }
    if !has_frames {
        bail!("no frame came within {:.1} s", duration.as_secs_f64());
    }
    Ok(Probe {
        protocol: url.protocol(),
        measure,
        ended,
    })
}

impl Probe {
    /// All of it, for machines.
    pub fn to_json(&self) -> Value {
        let measure = &self.measure;
        let ms = |us: i64| us as f64 / 1e3;
        let counts = |track: &TrackMeasure| {
            json!({
                "frames": track.frames,
                "bits_per_s": track.bits_per_s().round(),
                "backward": track.backward,
                "gaps": track.gaps,
                "longest_step_ms": ms(track.longest_step_us),
                "duration_ms": ms(track.span_us()),
            })
        };
        let video = measure.tracks.video.as_ref().map(|track| {
            let mut video = counts(&measure.video);
            video["codec"] = track.codec.name().into();
            video["rfc6381"] = track.rfc6381.as_str().into();
            video["width"] = track.width.into();
            video["height"] = track.height.into();
            video["fps"] = measure.video.fps().into();
            let keys = &measure.key_intervals_us;
            video["keyframe_interval_ms"] = json!({
                "min": keys.iter().min().map(|us| ms(*us)),
                "avg": self.keyframe_interval_us().map(ms),
                "max": keys.iter().max().map(|us| ms(*us)),
            });
            video
        });
        let audio = measure.tracks.audio.as_ref().map(|track| {
            let mut audio = counts(&measure.audio);
            audio["codec"] = track.codec.name().into();
            audio["rfc6381"] = track.rfc6381.as_str().into();
            audio["sample_rate"] = track.sample_rate.into();
            audio["channels"] = track.channels.into();
            audio
        });
        let latency = percentile(&measure.latencies_us, 0.5).map(|p50| {
        json!({ "p50": ms(p50), "p99": percentile(&measure.latencies_us, 0.99).map(ms), "pictures": measure.latencies_us.len() })
    });
        json!({
            "protocol": self.protocol,
            "bytes": measure.bytes,
            "ended": self.ended,
            "video": video,
            "audio": audio,
            "audio_offset_ms": measure.audio_offset_us().map(ms),
            "first_byte_ms": measure.first_byte_us.map(ms),
            "first_keyframe_ms": measure.first_key_us.map(ms),
            "latency_ms": latency,
            "discontinuities": measure.discontinuities,
            "track_changes": measure.track_changes,
            "notes": measure.notes,
        })
    }

    /// Between keyframes, on average, µs.
    pub fn keyframe_interval_us(&self) -> Option<i64> {
        let intervals = &self.measure.key_intervals_us;
        let count = i64::try_from(intervals.len()).ok()?;
        intervals.iter().sum::<i64>().checked_div(count)
    }

    /// What is wrong with it, in words.
    pub fn troubles(&self) -> Vec<String> {
        let measure = &self.measure;
        let mut troubles = Vec::new();
        for (name, track) in [("video", &measure.video), ("audio", &measure.audio)] {
            if track.backward > 0 {
                troubles.push(format!("{name} times went back {} times", track.backward));
            }
            if track.gaps > 0 {
                let longest_s = track.longest_step_us as f64 / 1e6;
                troubles.push(format!(
                    "{name} has {} gaps over 1 s, the longest {longest_s:.2} s",
                    track.gaps
                ));
            }
        }
        if measure
            .key_intervals_us
            .iter()
            .any(|us| *us > LONG_INTERVAL_US)
        {
            troubles.push(
            "keyframes are more than 4 s apart: set the encoder to 2 s, so that viewers join fast"
                .to_owned(),
        );
        }
        if measure
            .audio_offset_us()
            .is_some_and(|us| us.abs() > AUDIBLE_OFFSET_US)
        {
            troubles.push("audio and video begin far apart".to_owned());
        }
        if measure.discontinuities > 0 {
            troubles.push(format!("{} discontinuities", measure.discontinuities));
        }
        if measure.track_changes > 0 {
            troubles.push(format!(
                "the tracks changed {} times",
                measure.track_changes
            ));
        }
        troubles
    }
}
