//! Many publishers of one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use weir_base::process::{Usage, own_cpu_s, usage};
use weir_base::{Clock, Shutdown, Tasks};

use crate::{PublishOptions, publish_file};

/// Publishers begin spread over this, so that their keyframes do not coincide.
const PUBLISH_SPREAD: Duration = Duration::from_millis(2000);

/// What to do.
#[derive(Debug, Clone)]
pub struct PublisherLoad {
    /// Where to; the publishers append `-0`, `-1`, … to the stream's name.
    pub url: String,
    /// An FLV file, looped.
    pub clip: Bytes,
    /// How many publishers.
    pub publishers: usize,
    /// Between the last connection and the window, seconds.
    pub warmup_s: f64,
    /// The window, seconds.
    pub window_s: f64,
    /// The server's process, to be measured.
    pub pid: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct PublisherResult {
    /// Publishers whose stream ended before the load did.
    pub failed: usize,
    /// The window as it was.
    pub seconds: f64,
    /// Our own processor seconds in it.
    pub own_cpu_s: f64,
    /// The server's.
    pub server_cpu_s: Option<f64>,
    /// The server before the first connection.
    pub server_before: Option<Usage>,
    /// The server at the end of the window.
    pub server_after: Option<Usage>,
}

impl PublisherResult {
    /// For people and machines.
    pub fn report(&self, plan: &PublisherLoad) -> Value {
        let rss = self.server_before.zip(self.server_after);
        json!({
            "publishers": plan.publishers,
            "failed": self.failed,
            "seconds": self.seconds,
            "own_cpu_s": self.own_cpu_s,
            "server_cpu_s": self.server_cpu_s,
            "server_core_share": self.server_cpu_s.map(|cpu_s| cpu_s / self.seconds),
            "server_rss_before": rss.map(|(before, _)| before.rss_bytes),
            "server_rss_after": rss.map(|(_, after)| after.rss_bytes),
        })
    }
}

/// Runs it to the end.
pub async fn publisher_load(plan: &PublisherLoad) -> PublisherResult {
    let (tasks, shutdown, failed) = (Tasks::new(), Shutdown::new(), Arc::new(AtomicUsize::new(0)));
    let before = plan.pid.and_then(usage);
    let pause = PUBLISH_SPREAD / u32::try_from(plan.publishers).unwrap_or(u32::MAX).max(1);
    for index in 0..plan.publishers {
        let url = numbered(&plan.url, index);
        let publisher = publish(plan.clip.clone(), url, failed.clone(), shutdown.clone());
        tasks.spawn("publisher", publisher);
        tokio::time::sleep(pause).await;
    }
    let clock = Clock::real();
    tokio::time::sleep(Duration::from_secs_f64(plan.warmup_s.clamp(0.0, 3600.0))).await;
    let (own, server, from_us) = (own_cpu_s(), plan.pid.and_then(usage), clock.now_us());
    tokio::time::sleep(Duration::from_secs_f64(plan.window_s.clamp(0.1, 86_400.0))).await;
    let mut result = PublisherResult {
        seconds: (clock.now_us() - from_us) as f64 / 1e6,
        own_cpu_s: own_cpu_s() - own,
        server_before: before,
        server_after: plan.pid.and_then(usage),
        ..PublisherResult::default()
    };
    let in_window = server.zip(result.server_after);
    result.server_cpu_s = in_window.map(|(from, to)| to.cpu_s - from.cpu_s);
    shutdown.stop();
    tasks.join().await;
    result.failed = failed.load(Ordering::Relaxed);
    result
}

async fn publish(clip: Bytes, url: String, failed: Arc<AtomicUsize>, shutdown: Shutdown) {
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
}

/// The address with the publisher's number behind the stream's name.
fn numbered(url: &str, index: usize) -> String {
    match url.split_once('?') {
        Some((address, query)) => format!("{address}-{index}?{query}"),
        None => format!("{url}-{index}"),
    }
}
