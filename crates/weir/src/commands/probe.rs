//! `weir probe`: watches a stream for a moment and says what it is made of.

use std::time::Duration;

use anyhow::Context;
use weir_client::address::MediaUrl;
use weir_client::measure::percentile;
use weir_client::probe::{Probe, probe};
use weir_client::watch::WatchOptions;

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
    let seconds = Duration::from_secs_f64(args.seconds.clamp(0.1, 86_400.0));
    let options = WatchOptions {
        insecure: args.insecure,
    };
    let seen = probe(&url, &options, seconds).await;
    let seen = seen.with_context(|| args.url.clone())?;
    if args.json {
        println!("{:#}", seen.to_json());
    } else {
        print(&seen);
    }
    Ok(())
}

fn print(seen: &Probe) {
    let measure = &seen.measure;
    let seconds = measure.media_us() as f64 / 1e6;
    println!(
        "{}, watched {seconds:.1} s of media{}",
        seen.protocol,
        if seen.ended { "; the stream ended" } else { "" }
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
    for note in &seen.left_out {
        println!("note       {note}");
    }
    print_times(seen);
    for trouble in seen.troubles() {
        println!("! {trouble}");
    }
    for note in &measure.notes {
        println!("! {note}");
    }
}

fn print_times(seen: &Probe) {
    let measure = &seen.measure;
    let s = |us: i64| us as f64 / 1e6;
    let ms = |us: Option<i64>| us.map_or("-".to_owned(), |us| format!("{:.1} ms", us as f64 / 1e3));
    let keys = &measure.key_intervals_us;
    match (
        keys.iter().min(),
        seen.keyframe_interval_us(),
        keys.iter().max(),
    ) {
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
