//! `weir bench`: load for a server, and what came of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::Value;
use weir_client::address::MediaUrl;
use weir_client::load::{
    ChatLoad, Dialect, FanOut, HlsLoad, HopLoad, JoinLoad, PublisherLoad, ReachLoad, chat_load,
    fan_out, hls_load, hop_load, join_load, publisher_load, reach_load,
};
use weir_link::url::HttpUrl;

/// Arguments of `weir bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, clap::Subcommand)]
enum BenchCommand {
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
    Hops(HopsArgs),
    /// Chat rooms with many members: what came, what was left out, what was lost, and what it cost.
    Chat(ChatArgs),
    /// Publish at one node, watch at another: how soon is the first picture there?
    Reach(ReachArgs),
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

#[derive(Debug, clap::Args)]
struct HopsArgs {
    /// The stream at one node, published with --stamp; once for each node, from the nearest to the
    /// publisher to the farthest.
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    /// How long to count.
    #[arg(long, value_name = "S", default_value_t = 20.0)]
    seconds: f64,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ChatArgs {
    /// The gateway, such as `ws://host:8080/chat`; its server runs with `chat.guests=write`.
    #[arg(long)]
    url: String,
    /// What it speaks: `weir`, or to measure others beside it `plain`, `socketio`,
    /// `centrifugo` or `nchan`.
    #[arg(long, value_name = "NAME", default_value = "weir")]
    dialect: Dialect,
    /// How many members listen.
    #[arg(long, value_name = "N")]
    members: usize,
    /// In how many rooms.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rooms: usize,
    /// How many post, once a second each.
    #[arg(long, value_name = "N", default_value_t = 1)]
    posters: usize,
    /// Bytes of a message's text.
    #[arg(long, value_name = "N", default_value_t = 100)]
    bytes: usize,
    /// How long they post.
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// The server's process on this machine, to be measured with it.
    #[arg(long)]
    pid: Option<u32>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct ReachArgs {
    /// Where it is published; a `{}` in it is the number of the run.
    #[arg(long, value_name = "URL")]
    publish: String,
    /// Where it is watched, with the same `{}`; `?wait=10` has the server hold the viewer until then.
    #[arg(long, value_name = "URL")]
    watch: String,
    /// An FLV file.
    #[arg(long)]
    file: PathBuf,
    /// How often.
    #[arg(long, value_name = "N", default_value_t = 30)]
    runs: usize,
    /// A viewer that is refused asks again after so many milliseconds; 0: not at all.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    poll_ms: u64,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// Runs one load and prints what came of it.
pub(crate) fn run(args: Args, log: Option<String>) -> anyhow::Result<()> {
    super::start_log(log.as_deref().unwrap_or("warn"), false)?;
    match args.command {
        BenchCommand::FanOut(args) => run_fan_out(&args),
        BenchCommand::Publish(args) => runtime()?.block_on(run_publish(args)),
        BenchCommand::Join(args) => runtime()?.block_on(run_join(args)),
        BenchCommand::Hls(args) => run_hls(args),
        BenchCommand::Hops(args) => runtime()?.block_on(run_hops(args)),
        BenchCommand::Chat(args) => run_chat(&args),
        BenchCommand::Reach(args) => runtime()?.block_on(run_reach(args)),
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
    show(&result.report(&plan), args.json);
    if result.bytes == 0 {
        let why = result
            .ends
            .first()
            .map_or("nothing was sent", |(why, _)| why);
        bail!("no viewer received anything: {why}");
    }
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
        show(&result.report(&plan), args.json);
    }
    Ok(())
}

fn run_chat(args: &ChatArgs) -> anyhow::Result<()> {
    let plan = ChatLoad {
        url: HttpUrl::parse(&args.url)?,
        dialect: args.dialect,
        members: args.members,
        rooms: args.rooms,
        posters: args.posters,
        bytes: args.bytes,
        seconds: args.seconds,
        pid: args.pid,
    };
    let result = chat_load(&plan)?;
    show(&result.report(&plan), args.json);
    if result.lost != 0 || result.disordered != 0 {
        bail!(
            "{} posts were lost without a word, {} came again or too late",
            result.lost,
            result.disordered
        );
    }
    Ok(())
}

async fn run_publish(args: PublishArgs) -> anyhow::Result<()> {
    let plan = PublisherLoad {
        clip: read(&args.file)?,
        url: args.url,
        publishers: args.publishers,
        warmup_s: args.warmup,
        window_s: args.seconds,
        pid: args.pid,
    };
    let result = publisher_load(&plan).await;
    show(&result.report(&plan), args.json);
    match result.failed {
        0 => Ok(()),
        failed => bail!(
            "{failed} of {} publishers failed (is the server running with auth.publish=open?)",
            args.publishers
        ),
    }
}

async fn run_join(args: JoinArgs) -> anyhow::Result<()> {
    let plan = JoinLoad {
        url: args.url,
        joins: args.joins,
    };
    let result = join_load(&plan).await?;
    show(&result.report(&plan), args.json);
    Ok(())
}

async fn run_hops(args: HopsArgs) -> anyhow::Result<()> {
    let urls = args.urls.iter().map(|url| MediaUrl::parse(url));
    let plan = HopLoad {
        urls: urls.collect::<anyhow::Result<_>>()?,
        window_s: args.seconds,
    };
    let result = hop_load(&plan).await;
    show(&result.report(), args.json);
    if result.is_empty() {
        bail!("no stamped picture came to all of them (is the publisher running with --stamp?)");
    }
    Ok(())
}

async fn run_reach(args: ReachArgs) -> anyhow::Result<()> {
    let plan = ReachLoad {
        clip: read(&args.file)?,
        publish: args.publish,
        watch: args.watch,
        runs: args.runs,
        ask_again_after: Duration::from_millis(args.poll_ms),
    };
    let result = reach_load(&plan).await?;
    show(&result.report(), args.json);
    Ok(())
}

fn read(clip: &Path) -> anyhow::Result<Bytes> {
    let bytes = std::fs::read(clip).with_context(|| format!("cannot read {}", clip.display()))?;
    Ok(bytes.into())
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
