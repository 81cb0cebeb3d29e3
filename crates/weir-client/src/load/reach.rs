//! A stream is published at one place and watched at another: how soon does the first picture come there?

use std::time::Duration;

use crate::address::MediaUrl;
use crate::measure::Measure;
use crate::watch::{WatchOptions, watch};
use crate::{PublishOptions, publish_file};
use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::{Value, json};
use weir_base::{Clock, Shutdown, Tasks};

use super::joins::{JOIN_TIMEOUT, UntilKey, numbered};
use super::report::spread;

/// The viewer is there first; so long it has to begin waiting, at least.
const HEAD_START_MS: usize = 500;
/// And so much longer in each run than in the one before, over a range of half a second, so that no
/// server that looks now and then is always met at the same moment.
const HEAD_START_STEP_MS: usize = 137;
/// Between two runs, so that the last one's good-byes are over.
const PAUSE: Duration = Duration::from_millis(200);

/// What to do.
#[derive(Debug, Clone)]
pub struct ReachLoad {
    /// Where it is published; a `{}` in it is the number of the run.
    pub publish: String,
    /// Where it is watched, with the same `{}`.
    pub watch: String,
    /// An FLV file.
    pub clip: Bytes,
    /// How often.
    pub runs: usize,
    /// A viewer that is refused asks again after so long; zero: not at all.
    pub ask_again_after: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct ReachResult {
    /// From the publisher's connecting to the viewer's first keyframe, µs, for each run.
    pub first_key_us: Vec<i64>,
    /// How often viewers asked.
    pub asks: usize,
}

impl ReachResult {
    /// For people and machines.
    pub fn report(&self) -> Value {
        json!({
            "runs": self.first_key_us.len(),
            "asks": self.asks,
            "first_keyframe_ms": spread(&self.first_key_us),
        })
    }
}

/// One run after the other.
///
/// # Errors
/// When no picture comes within 10 s.
pub async fn reach_load(plan: &ReachLoad) -> anyhow::Result<ReachResult> {
    let mut result = ReachResult::default();
    for run in 0..plan.runs {
        let (took_us, asked) = tokio::time::timeout(JOIN_TIMEOUT, reach(plan, run))
            .await
            .with_context(|| format!("no picture within {} s", JOIN_TIMEOUT.as_secs()))??;
        result.first_key_us.push(took_us);
        result.asks += asked;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(result)
}

/// From the publisher's connecting to the viewer's first keyframe, µs; and how often the viewer asked.
async fn reach(plan: &ReachLoad, run: usize) -> anyhow::Result<(i64, usize)> {
    let (tasks, gone, clock) = (Tasks::new(), Shutdown::new(), Clock::real());
    let url = MediaUrl::parse(&numbered(&plan.watch, run))?;
    let (place, clip) = (numbered(&plan.publish, run), plan.clip.clone());
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
            Ok(()) if plan.ask_again_after.is_zero() => {
                break Err(anyhow::anyhow!("the stream ended at once"));
            }
            Err(error) if plan.ask_again_after.is_zero() => break Err(error),
            _ => tokio::time::sleep(plan.ask_again_after).await,
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
