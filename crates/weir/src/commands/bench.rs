//! `weir bench`: load for a server, and what came of it.

mod hops;
mod reach;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use weir_base::{Clock, Shutdown, Tasks};
use weir_client::address::MediaUrl;
use weir_client::decode::Sink;
use weir_client::load::{FanOut, FanOutResult, HlsLoad, HlsResult, fan_out, hls_load};
use weir_client::measure::{Measure, percentile};
use weir_client::process::{own_cpu_s, usage};
use weir_client::watch::{WatchOptions, watch};
use weir_client::{PublishOptions, publish_file};
use weir_link::url::HttpUrl;
use weir_media::Item;

/// Publishers begin spread over this, so that their keyframes do not coincide.
const PUBLISH_SPREAD: Duration = Duration::from_millis(2000);
/// For one join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `weir bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Many viewers of one stream: bytes, frames, stalls, gaps, latency, and the server's cost.
    #[command(name = "fanout")]
    FanOut(FanOutArgs),
    /// Many publishers.
    Publish(PublishArgs),
    /// One viewer after another: how fast is the first picture there?
    Join(JoinArgs),
    /// HLS clients that ask as fast as they are answered.
    Hls(HlsArgs),
    /// One stamped stream watched at several nodes: what does each add to a picture's age?
    Hops(hops::Args),
    /// Publish at one node, watch at another: how soon is the first picture there?
    Reach(reach::Args),
}

#[derive(Debug, clap::Args)]
struct FanOutArgs {
    /// `rtmp://…`, `http://….flv`, `ws://….flv` or `http://….ts`.
    #[arg(long)]
    url: String,
    /// How many viewers.
    #[arg(long, value_name = "N")]
    viewers: usize,
    /// How long to count.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// How long to wait between the last connection and the counting.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    warmup: f64,
    /// So many of the viewers never read.
    #[arg(long, value_name = "K", default_value_t = 0)]
    stalled: usize,
    /// New viewers a second.
    #[arg(long, value_name = "PER_S", default_value_t = 1000.0)]
    ramp: f64,
    /// Let the kernel discard what all but ten viewers get: those count bytes and stalls only, and
    /// cost next to nothing.
    #[arg(long)]
    light: bool,
    /// A larger step of timestamps is a gap.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    gap_ms: i64,
    /// A longer wait for media is a stall.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    stall_ms: i64,
    /// Threads that read.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// The server's process on this machine, to be measured with it.
    #[arg(long)]
    pid: Option<u32>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct PublishArgs {
    /// `rtmp://host/app/stream` or `ws://host/slsp/app/stream`; the publishers append `-0`, `-1`, … to
    /// the stream's name, so the server should run with `auth.publish=open`.
    #[arg(long)]
    url: String,
    /// An FLV file, looped.
    #[arg(long)]
    file: PathBuf,
    /// How many publishers.
    #[arg(long, value_name = "N")]
    publishers: usize,
    /// How long to count.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// How long to wait before the counting.
    #[arg(long, value_name = "S", default_value_t = 4.0)]
    warmup: f64,
    /// The server's process on this machine, to be measured with it.
    #[arg(long)]
    pid: Option<u32>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct JoinArgs {
    /// Anything `weir play` plays; a `{}` in it is the number of the viewer, for streams that nobody
    /// watched before.
    #[arg(long)]
    url: String,
    /// How many viewers, one after the other.
    #[arg(long, value_name = "N", default_value_t = 50)]
    joins: usize,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct HlsArgs {
    /// A media playlist, such as `http://host/app/stream/ts.m3u8`.
    #[arg(long)]
    url: String,
    /// How many connections.
    #[arg(long, value_name = "N", default_value_t = 50)]
    clients: usize,
    /// How long to count.
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// Only save the playlist and its segments below this folder, for another server to serve.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// The server's process on this machine, to be measured with it.
    #[arg(long)]
    pid: Option<u32>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// Runs one load and prints what came of it.
pub(crate) fn run(args: Args, log: Option<String>) -> anyhow::Result<()> {
    super::start_log(log.as_deref().unwrap_or("warn"), false)?;
    match args.what {
        What::FanOut(args) => run_fan_out(&args),
        What::Publish(args) => runtime()?.block_on(run_publish(args)),
        What::Join(args) => runtime()?.block_on(run_join(args)),
        What::Hls(args) => run_hls(args),
        What::Hops(args) => hops::run(&args),
        What::Reach(args) => reach::run(&args),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?)
}

fn run_fan_out(args: &FanOutArgs) -> anyhow::Result<()> {
    let plan = FanOut {
        url: MediaUrl::parse(&args.url)?,
        viewers: args.viewers,
        stalled: args.stalled,
        per_second: args.ramp,
        warmup_s: args.warmup,
        window_s: args.seconds,
        light: args.light,
        threads: args.threads,
        gap_ms: args.gap_ms,
        stall_ms: args.stall_ms,
        pid: args.pid,
    };
    let result = fan_out(&plan)?;
    let report = fan_out_report(&plan, &result);
    show(&report, args.json);
    if result.bytes == 0 {
        let why = result
            .ends
            .first()
            .map_or("nothing was sent", |(why, _)| why);
        bail!("no viewer received anything: {why}");
    }
    Ok(())
}

fn fan_out_report(plan: &FanOut, result: &FanOutResult) -> Value {
    let gb = result.bytes as f64 / 1e9;
    let rss = result.server_before.zip(result.server_after);
    json!({
        "protocol": plan.url.protocol(),
        "viewers": plan.viewers,
        "stalled": plan.stalled,
        "opened": result.opened,
        "alive": result.alive,
        "seconds": result.seconds,
        "bytes": result.bytes,
        "mbit_per_s": result.bytes as f64 * 8.0 / result.seconds.max(1e-9) / 1e6,
        "frames": result.frames,
        "keyframes": result.keyframes,
        "gaps": result.gaps,
        "backward": result.backward,
        "stalls": result.stalls,
        "longest_step_ms": result.longest_step_ms,
        "longest_wait_ms": spread(&result.longest_waits_us),
        "first_byte_ms": spread(&result.first_byte_us),
        "first_keyframe_ms": spread(&result.first_key_us),
        "latency_ms": spread(&result.latencies_us),
        "own_cpu_s": result.own_cpu_s,
        "server_cpu_s": result.server_cpu_s,
        "server_cpu_s_per_gb": result.server_cpu_s.filter(|_| gb > 0.0).map(|cpu_s| cpu_s / gb),
        "server_rss_before": rss.map(|(before, _)| before.rss_bytes),
        "server_rss_after": rss.map(|(_, after)| after.rss_bytes),
        "server_rss_per_viewer": rss.filter(|_| plan.viewers > 0).map(|(before, after)| {
            (after.rss_bytes as f64 - before.rss_bytes as f64) / plan.viewers as f64
        }),
        "ends": result.ends.iter().map(|(why, count)| json!({ "why": why, "count": count })).collect::<Vec<_>>(),
    })
}

async fn run_publish(args: PublishArgs) -> anyhow::Result<()> {
    let clip = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let clip = Bytes::from(clip);
    let (tasks, shutdown, failed) = (Tasks::new(), Shutdown::new(), Arc::new(AtomicUsize::new(0)));
    let before = args.pid.and_then(usage);
    let (address, query) = args
        .url
        .split_once('?')
        .map_or((args.url.as_str(), String::new()), |(a, q)| {
            (a, format!("?{q}"))
        });
    for index in 0..args.publishers {
        let (clip, failed, shutdown) = (clip.clone(), failed.clone(), shutdown.clone());
        let url = format!("{address}-{index}{query}");
        tasks.spawn("publisher", async move {
            let options = PublishOptions {
                looped: true,
                // What is measured is the whole stream.
                no_adapt: true,
                ..PublishOptions::default()
            };
            if let Err(error) = publish_file(clip, &url, options, shutdown.stopping()).await {
                tracing::warn!("{url}: {error:#}");
                failed.fetch_add(1, Ordering::Relaxed);
            }
        });
        tokio::time::sleep(
            PUBLISH_SPREAD / u32::try_from(args.publishers).unwrap_or(u32::MAX).max(1),
        )
        .await;
    }
    let clock = Clock::real();
    tokio::time::sleep(Duration::from_secs_f64(args.warmup.clamp(0.0, 3600.0))).await;
    let (own, server, from_us) = (own_cpu_s(), args.pid.and_then(usage), clock.now_us());
    tokio::time::sleep(Duration::from_secs_f64(args.seconds.clamp(0.1, 86_400.0))).await;
    let (own, after, seconds) = (
        own_cpu_s() - own,
        args.pid.and_then(usage),
        (clock.now_us() - from_us) as f64 / 1e6,
    );
    shutdown.stop();
    tasks.join().await;
    let cpu_s = server.zip(after).map(|(from, to)| to.cpu_s - from.cpu_s);
    let rss = before.zip(after);
    let report = json!({
        "publishers": args.publishers,
        "failed": failed.load(Ordering::Relaxed),
        "seconds": seconds,
        "own_cpu_s": own,
        "server_cpu_s": cpu_s,
        "server_core_share": cpu_s.map(|cpu_s| cpu_s / seconds),
        "server_rss_before": rss.map(|(before, _)| before.rss_bytes),
        "server_rss_after": rss.map(|(_, after)| after.rss_bytes),
    });
    show(&report, args.json);
    match failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => bail!(
            "{failed} of {} publishers failed (is the server running with auth.publish=open?)",
            args.publishers
        ),
    }
}

/// Done at the first keyframe, or the first frame where there is no video.
struct UntilKey(Measure);

impl Sink for UntilKey {
    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0.bytes(bytes)
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        self.0.item(item)
    }

    fn note(&mut self, note: &str) {
        self.0.note(note);
    }

    fn is_done(&self) -> bool {
        self.0.first_key_us.is_some() || (self.0.tracks.video.is_none() && self.0.audio.frames > 0)
    }
}

async fn run_join(args: JoinArgs) -> anyhow::Result<()> {
    let protocol = MediaUrl::parse(&args.url)?.protocol();
    let (mut bytes_us, mut keys_us) = (Vec::new(), Vec::new());
    for number in 0..args.joins {
        let url = MediaUrl::parse(&numbered(&args.url, number))?;
        let mut sink = UntilKey(Measure::new(Clock::real(), i64::MAX));
        match tokio::time::timeout(
            JOIN_TIMEOUT,
            watch(&url, &WatchOptions::default(), &mut sink),
        )
        .await
        {
            Ok(outcome) => outcome?,
            Err(_) => bail!("no keyframe within {} s", JOIN_TIMEOUT.as_secs()),
        }
        bytes_us.extend(sink.0.first_byte_us);
        keys_us.extend(sink.0.first_key_us);
    }
    let report = json!({
        "protocol": protocol,
        "joins": args.joins,
        "first_byte_ms": spread(&bytes_us),
        "first_keyframe_ms": spread(&keys_us),
    });
    show(&report, args.json);
    Ok(())
}

fn run_hls(args: HlsArgs) -> anyhow::Result<()> {
    let plan = HlsLoad {
        url: HttpUrl::parse(&args.url)?,
        clients: args.clients,
        window_s: args.seconds,
        pid: args.pid,
        save: args.save,
    };
    let result = hls_load(&plan)?;
    if plan.save.is_none() {
        show(&hls_report(&plan, &result), args.json);
    }
    Ok(())
}

fn hls_report(plan: &HlsLoad, result: &HlsResult) -> Value {
    let cpu_s = result.server_cpu_s.filter(|cpu_s| *cpu_s > 0.0);
    json!({
        "clients": plan.clients,
        "seconds": result.seconds,
        "requests": result.requests,
        "failures": result.failures,
        "requests_per_s": result.requests as f64 / result.seconds.max(1e-9),
        "bytes": result.bytes,
        "own_cpu_s": result.own_cpu_s,
        "server_cpu_s": cpu_s,
        "requests_per_server_cpu_s": cpu_s.map(|cpu_s| result.requests as f64 / cpu_s),
        "server_cpu_s_per_gb": cpu_s.map(|cpu_s| cpu_s / (result.bytes as f64 / 1e9).max(1e-9)),
    })
}

/// The address with its `{}` replaced.
fn numbered(url: &str, number: usize) -> String {
    url.replace("{}", &number.to_string())
}

/// Milliseconds; null of nothing.
fn spread(values_us: &[i64]) -> Option<Value> {
    let ms = |share| percentile(values_us, share).map(|us| us as f64 / 1e3);
    ms(0.5)
        .map(|p50| json!({ "min": ms(0.0), "p50": p50, "p99": ms(0.99), "max": ms(1.0), "count": values_us.len() }))
}

/// As JSON on one line, or one value a line.
fn show(report: &Value, as_json: bool) {
    if as_json {
        println!("{report}");
        return;
    }
    for (name, value) in report.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => continue,
            Value::Number(number) if number.is_f64() => {
                format!("{:.3}", number.as_f64().unwrap_or_default())
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        println!("{name:24} {text}");
    }
}
