//! A stream watched for a moment: what it is made of, and what is wrong with it.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use weir_base::Clock;
use weir_base::urls::{StreamPath, without_form};
use weir_link::url::HttpUrl;
use weir_media::amf;

use crate::address::MediaUrl;
use crate::http::WebClient;
use crate::measure::{Measure, TrackMeasure, percentile};
use crate::watch::{WatchOptions, watch};

/// A step of decode time longer than this is trouble, in µs.
const GAP_US: i64 = 1_000_000;
/// A longer keyframe interval makes joining slow, in µs.
const LONG_INTERVAL_US: i64 = 4_000_000;
/// More distance of audio and video at the start is heard, in µs.
const AUDIBLE_OFFSET_US: i64 = 100_000;

/// For the server's own word on the stream, which is nice to have.
const NOTES_TIMEOUT: Duration = Duration::from_secs(2);
/// Notes of a server that are shown, and characters of each.
const MAX_SERVER_NOTES: usize = 16;
const MAX_NOTE_CHARS: usize = 200;

/// What was seen.
#[derive(Debug)]
pub struct Probe {
    /// The protocol, for people.
    pub protocol: &'static str,
    /// What came.
    pub measure: Measure,
    /// The stream ended meanwhile.
    pub ended: bool,
    /// What of the publisher's stream is not carried, and what was put right in it: as weir's API says, or
    /// as its metadata gives away.
    pub left_out: Vec<String>,
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
    let mut left_out = of_metadata(&measure).into_iter().collect::<Vec<_>>();
    if let Some(notes) = notes_of_server(url, options)
        .await
        .filter(|notes| !notes.is_empty())
    {
        left_out = notes;
    }
    Ok(Probe {
        protocol: url.protocol(),
        measure,
        ended,
        left_out,
    })
}

/// What a weir says of the stream beside its media; `None` from other servers, and where there is no HTTP.
async fn notes_of_server(url: &MediaUrl, options: &WatchOptions) -> Option<Vec<String>> {
    let (MediaUrl::Http(url, _) | MediaUrl::WebSocket(url) | MediaUrl::Hls(url)) = url else {
        return None;
    };
    let path = url.path.split('?').next()?;
    // By its name, since it may stand in no list. The path is percent-encoded, but for what means more in a query.
    let named = without_form(path.trim_start_matches('/'));
    let named = named.replace('+', "%2B").replace('&', "%26");
    let live = HttpUrl {
        path: format!("/api/v1/live?stream={named}"),
        ..url.clone()
    };
    let client = WebClient::new(options.insecure);
    let asked = tokio::time::timeout(NOTES_TIMEOUT, client.fetch(&live, &[])).await;
    let (body, _) = asked.ok()?.ok()?;
    let answer: Value = serde_json::from_slice(&body).ok()?;
    let is_it = |stream: &&Value| {
        let name = |key| stream.get(key).and_then(Value::as_str);
        let (Some(app), Some(stream)) = (name("app"), name("stream")) else {
            return false;
        };
        let page = StreamPath::RTMP.of(app, stream);
        // A file of it: `.flv`, `.m3u8`, or one below it.
        path.strip_prefix(&page)
            .is_some_and(|rest| rest.starts_with(['.', '/']))
    };
    let stream = answer.get("streams")?.as_array()?.iter().find(is_it)?;
    let notes = stream.get("notes")?.as_array()?.iter();
    let notes = notes.filter_map(Value::as_str).take(MAX_SERVER_NOTES);
    Some(
        notes
            .map(|note| note.chars().take(MAX_NOTE_CHARS).collect())
            .collect(),
    )
}

/// Sound that the publisher's metadata announces and that does not come.
fn of_metadata(measure: &Measure) -> Option<String> {
    let metadata = measure
        .metadata
        .as_ref()
        .filter(|_| measure.tracks.audio.is_none())?;
    let value = amf::Decoder::new(&metadata.amf0).next().ok()??;
    let amf::Value::Number(id) = value.property("audiocodecid")? else {
        return None;
    };
    // SoundFormat of FLV's legacy audio header.
    let name = match *id as i64 {
        0 | 3 => "PCM audio",
        1 => "ADPCM audio",
        4..=6 => "Nellymoser audio",
        7 => "G.711 A-law audio",
        8 => "G.711 µ-law audio",
        11 => "Speex audio",
        _ => return None,
    };
    Some(format!("left out: {name}, which the metadata announces"))
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
            "left_out": self.left_out,
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
