//! `weir bench hops`: one stamped stream watched at several nodes at once, and what each node adds to
//! the age of the same picture.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_base::{Clock, Tasks};
use weir_client::address::MediaUrl;
use weir_client::decode::Sink;
use weir_client::stamp;
use weir_client::watch::{WatchOptions, watch};
use weir_media::{Item, TrackKind};

use super::{runtime, show, spread};

/// What a viewer gets first was there before it: how late it comes says nothing.
const SETTLE: Duration = Duration::from_secs(3);
/// After the window, so that its last pictures have come everywhere.
const TAIL: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
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

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let arrivals = runtime()?.block_on(watch_all(args))?;
    let report = report(&arrivals);
    show(&report, args.json);
    if report["pictures"] == 0 {
        bail!("no stamped picture came to all of them (is the publisher running with --stamp?)");
    }
    Ok(())
}

/// When each picture came, by its stamp; both in µs of the wall clock.
type Arrivals = HashMap<i64, i64>;

async fn watch_all(args: &Args) -> anyhow::Result<Vec<Arrivals>> {
    let (tasks, clock) = (Tasks::new(), Clock::real());
    let end_us = clock.wall_us()
        + (args.seconds.clamp(0.1, 86_400.0) * 1e6) as i64
        + SETTLE.as_micros() as i64;
    let window = (clock.wall_us() + SETTLE.as_micros() as i64)..end_us;
    let mut kept = Vec::new();
    for url in &args.urls {
        let url = MediaUrl::parse(url)?;
        let seen = Arc::new(Mutex::new(Arrivals::new()));
        kept.push(seen.clone());
        let mut sink = Arriving {
            clock: clock.clone(),
            window: window.clone(),
            now_us: 0,
            seen,
        };
        tasks.spawn("viewer", async move {
            if let Err(error) = watch(&url, &WatchOptions::default(), &mut sink).await {
                tracing::warn!("a viewer ended: {error:#}");
            }
        });
    }
    tasks.join().await;
    Ok(kept
        .iter()
        .map(|seen| std::mem::take(&mut *seen.lock()))
        .collect())
}

/// Notes when stamped pictures come.
struct Arriving {
    clock: Clock,
    /// Pictures stamped in it count.
    window: std::ops::Range<i64>,
    /// When the bytes came that are being decoded.
    now_us: i64,
    seen: Arc<Mutex<Arrivals>>,
}

impl Sink for Arriving {
    fn bytes(&mut self, _: &[u8]) -> anyhow::Result<()> {
        self.now_us = self.clock.wall_us();
        Ok(())
    }

    fn item(&mut self, item: Item) -> anyhow::Result<()> {
        if let Item::Frame(frame) = item
            && frame.track == TrackKind::Video
            && let Some(stamp_us) = stamp::find(&frame.payload)
            && self.window.contains(&stamp_us)
        {
            let _ = self.seen.lock().entry(stamp_us).or_insert(self.now_us);
        }
        Ok(())
    }

    fn note(&mut self, _: &str) {}

    fn is_done(&self) -> bool {
        self.now_us > self.window.end + TAIL.as_micros() as i64
    }
}

/// Of the pictures that came to all: their age at each node, what each added to the one before, and
/// what all hops up to it added to the first.
fn report(arrivals: &[Arrivals]) -> Value {
    let common: Vec<i64> = arrivals.first().map_or_else(Vec::new, |first| {
        let stamps = first.keys().copied();
        stamps
            .filter(|stamp| arrivals.iter().all(|seen| seen.contains_key(stamp)))
            .collect()
    });
    let age = |seen: &Arrivals, stamp: &i64| seen.get(stamp).map(|at_us| at_us - stamp);
    let ages: Vec<_> = arrivals
        .iter()
        .map(|seen| {
            common
                .iter()
                .filter_map(|stamp| age(seen, stamp))
                .collect::<Vec<_>>()
        })
        .collect();
    let added = |near: &[i64], far: &[i64]| {
        let added: Vec<_> = far.iter().zip(near).map(|(far, near)| far - near).collect();
        spread(&added)
    };
    let by_hop = ages.iter().zip(ages.iter().skip(1));
    let first = ages.first().map_or(&[][..], Vec::as_slice);
    json!({
        "pictures": common.len(),
        "latency_ms": ages.iter().map(|ages| spread(ages)).collect::<Vec<_>>(),
        "added_ms": by_hop.map(|(near, far)| added(near, far)).collect::<Vec<_>>(),
        "from_first_ms": ages.iter().skip(1).map(|far| added(first, far)).collect::<Vec<_>>(),
        "missing": arrivals.iter().map(|seen| {
            let all = arrivals.iter().map(HashMap::len).max().unwrap_or(0);
            all - seen.len()
        }).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_adds_is_counted_picture_by_picture() {
        let near = HashMap::from([(0, 5_000), (40_000, 49_000), (80_000, 81_000)]);
        let far = HashMap::from([(0, 15_000), (40_000, 51_000)]);
        let farther = HashMap::from([(0, 16_000), (40_000, 53_000), (80_000, 84_000)]);
        let report = report(&[near, far, farther]);
        assert_eq!(report["pictures"], 2);
        assert_eq!(report["added_ms"][0]["max"], 10.0);
        assert_eq!(report["added_ms"][1]["max"], 2.0);
        assert_eq!(report["from_first_ms"][1]["max"], 11.0);
        assert_eq!(report["latency_ms"][1]["max"], 15.0);
        assert_eq!(report["missing"], json!([0, 1, 0]));
    }
}
