//! `weir probe`: watches a stream for a moment and says what it is made of.

use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};
use weir_base::Clock;
use weir_client::address::MediaUrl;
use weir_client::measure::{Measure, TrackMeasure, percentile};
use weir_client::watch::{WatchOptions, watch};

/// A step of decode time longer than this is trouble, in µs.
const GAP_US: i64 = 1_000_000;
/// A longer keyframe interval makes joining slow, in µs.
const LONG_INTERVAL_US: i64 = 4_000_000;
/// More distance of audio and video at the start is heard, in µs.
const AUDIBLE_OFFSET_US: i64 = 100_000;

/// Arguments of `weir probe`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `rtmp[s]://host/app/stream`, `http[s]://….flv`, `ws[s]://….flv`, `http[s]://….ts` or
    /// `http[s]://….m3u8`.
    url: String,
    /// How long to watch.
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    seconds: f64,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// Take any certificate.
    #[arg(long)]
    insecure: bool,
}

/// Watches and reports. Fails when there is nothing to see.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let url = MediaUrl::parse(&args.url)?;
    let mut measure = Measure::new(Clock::real(), GAP_US);
    let seconds = Duration::from_secs_f64(args.seconds.clamp(0.1, 86_400.0));
    let options = WatchOptions {
        insecure: args.insecure,
    };
    let outcome = tokio::time::timeout(seconds, watch(&url, &options, &mut measure)).await;
    let ended = outcome.is_ok();
    let has_frames = measure.video.frames + measure.audio.frames > 0;
    if let Ok(Err(error)) = outcome {
        if !has_frames {
            return Err(error);
        }
        measure.notes.push(format!("{error:#}"));
    }
    if !has_frames {
        bail!(
            "{}: no frame came within {:.1} s",
            args.url,
            seconds.as_secs_f64()
        );
    }
    if args.json {
        println!("{:#}", to_json(&url, &measure, ended));
    } else {
        print(&url, &measure, ended);
    }
    Ok(())
}

fn to_json(url: &MediaUrl, measure: &Measure, ended: bool) -> Value {
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
            "avg": average(keys).map(ms),
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
        "protocol": url.protocol(),
        "bytes": measure.bytes,
        "ended": ended,
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

fn average(values: &[i64]) -> Option<i64> {
    let count = i64::try_from(values.len())
        .ok()
        .filter(|count| *count > 0)?;
    Some(values.iter().sum::<i64>() / count)
}

fn print(url: &MediaUrl, measure: &Measure, ended: bool) {
    let seconds = measure.media_us() as f64 / 1e6;
    println!(
        "{}, watched {seconds:.1} s of media{}",
        url.protocol(),
        if ended { "; the stream ended" } else { "" }
    );
    if let Some(track) = &measure.tracks.video {
        println!(
            "video      {} ({}) {}x{}, {:.2} fps, {:.0} kbit/s",
            track.codec.name(),
            track.rfc6381,
            track.width,
            track.height,
            measure.video.fps(),
            measure.video.bits_per_s() / 1e3,
        );
    }
    if let Some(track) = &measure.tracks.audio {
        println!(
            "audio      {} ({}) {} Hz, {} channels, {:.0} kbit/s",
            track.codec.name(),
            track.rfc6381,
            track.sample_rate,
            track.channels,
            measure.audio.bits_per_s() / 1e3,
        );
    }
    print_times(measure);
    for trouble in troubles(measure) {
        println!("! {trouble}");
    }
    for note in &measure.notes {
        println!("! {note}");
    }
}

fn print_times(measure: &Measure) {
    let s = |us: i64| us as f64 / 1e6;
    let ms = |us: Option<i64>| us.map_or("-".to_owned(), |us| format!("{:.1} ms", us as f64 / 1e3));
    let keys = &measure.key_intervals_us;
    match (keys.iter().min(), average(keys), keys.iter().max()) {
        (Some(&min), Some(average), Some(&max)) => {
            println!(
                "keyframes  every {:.2} s on average ({:.2} to {:.2})",
                s(average),
                s(min),
                s(max)
            );
        }
        _ if measure.tracks.video.is_some() => {
            println!("keyframes  fewer than two seen: watch longer (--seconds)");
        }
        _ => {}
    }
    println!(
        "start      first byte {}, first keyframe {}",
        ms(measure.first_byte_us),
        ms(measure.first_key_us)
    );
    if let Some(offset_us) = measure.audio_offset_us() {
        println!(
            "sync       first audio {:+.1} ms from first picture",
            offset_us as f64 / 1e3
        );
    }
    match percentile(&measure.latencies_us, 0.5) {
        Some(p50) => {
            println!(
                "latency    p50 {}, p99 {}",
                ms(Some(p50)),
                ms(percentile(&measure.latencies_us, 0.99))
            );
        }
        None => println!(
            "latency    no stamps seen after the first 2 s (publish with: weir publish --stamp)"
        ),
    }
}

fn troubles(measure: &Measure) -> Vec<String> {
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
