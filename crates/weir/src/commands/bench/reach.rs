//! `weir bench reach`: somebody publishes here; how soon does the first picture come there?

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::json;
use weir_base::{Clock, Shutdown, Tasks};
use weir_client::address::MediaUrl;
use weir_client::measure::Measure;
use weir_client::watch::{WatchOptions, watch};
use weir_client::{PublishOptions, publish_file};

use super::{JOIN_TIMEOUT, UntilKey, numbered, runtime, show, spread};

/// The viewer is there first; so long it has to begin waiting, at least.
const HEAD_START_MS: usize = 500;
/// And so much longer in each run than in the one before, over a range of half a second, so that no
/// server that looks now and then is always met at the same moment.
const HEAD_START_STEP_MS: usize = 137;
/// Between two runs, so that the last one's good-byes are over.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
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

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    runtime()?.block_on(reach_all(args))
}

async fn reach_all(args: &Args) -> anyhow::Result<()> {
    let clip = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let clip = Bytes::from(clip);
    let (mut first_us, mut asks) = (Vec::new(), 0);
    for run in 0..args.runs {
        let (took_us, asked) = tokio::time::timeout(JOIN_TIMEOUT, reach(args, &clip, run))
            .await
            .with_context(|| format!("no picture within {} s", JOIN_TIMEOUT.as_secs()))??;
        first_us.push(took_us);
        asks += asked;
        tokio::time::sleep(PAUSE).await;
    }
    let report = json!({
        "runs": args.runs,
        "asks": asks,
        "first_keyframe_ms": spread(&first_us),
    });
    show(&report, args.json);
    Ok(())
}

/// From the publisher's connecting to the viewer's first keyframe, µs; and how often the viewer asked.
async fn reach(args: &Args, clip: &Bytes, run: usize) -> anyhow::Result<(i64, usize)> {
    let (tasks, gone, clock) = (Tasks::new(), Shutdown::new(), Clock::real());
    let url = MediaUrl::parse(&numbered(&args.watch, run))?;
    let (place, clip) = (numbered(&args.publish, run), clip.clone());
    let (publisher_gone, publishing) = (gone.clone(), clock.clone());
    let head_start_ms = HEAD_START_MS + run.saturating_mul(HEAD_START_STEP_MS) % HEAD_START_MS;
    let head_start = Duration::from_millis(head_start_ms as u64);
    let (began, has_begun) = tokio::sync::oneshot::channel();
    tasks.spawn("publisher", async move {
        tokio::time::sleep(head_start).await;
        let _ = began.send(publishing.now_us());
        let options = PublishOptions {
            looped: true,
            ..PublishOptions::default()
        };
        if let Err(error) = publish_file(clip, &place, options, publisher_gone.stopping()).await {
            tracing::warn!("{place}: {error:#}");
        }
    });
    let mut asks = 0;
    let watched = loop {
        asks += 1;
        let mut sink = UntilKey(Measure::new(clock.clone(), i64::MAX));
        match watch(&url, &WatchOptions::default(), &mut sink).await {
            Ok(()) if sink.0.first_key_us.is_some() => break Ok(clock.now_us()),
            Ok(()) if args.poll_ms == 0 => break Err(anyhow::anyhow!("the stream ended at once")),
            Err(error) if args.poll_ms == 0 => break Err(error),
            _ => tokio::time::sleep(Duration::from_millis(args.poll_ms)).await,
        }
    };
    gone.stop();
    tasks.join().await;
    let began_us = has_begun.await?;
    let took_us = watched? - began_us;
    if took_us < 0 {
        bail!("the stream was there before its publisher");
    }
    Ok((took_us, asks))
}
