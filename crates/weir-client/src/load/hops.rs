//! One stamped stream watched at several nodes at once, and what each node adds to the age of the same
//! picture.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::address::MediaUrl;
use crate::decode::Sink;
use crate::stamp;
use crate::watch::{WatchOptions, watch};
use parking_lot::Mutex;
use serde_json::{Value, json};
use weir_base::{Clock, Tasks};
use weir_media::{Item, TrackKind};

use super::report::spread;

/// What a viewer gets first was there before it: how late it comes says nothing.
const SETTLE: Duration = Duration::from_secs(3);
/// After the window, so that its last pictures have come everywhere.
const TAIL: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Debug, Clone)]
pub struct HopLoad {
    /// One stream, published with stamps, at each node, from the nearest to the publisher to the
    /// farthest.
    pub urls: Vec<MediaUrl>,
    /// The window, seconds.
    pub window_s: f64,
}

/// When pictures came to each node, in the order of [`HopLoad::urls`].
#[derive(Debug)]
pub struct HopResult(Vec<Arrivals>);

/// When each picture came, by its stamp; both in µs of the wall clock.
type Arrivals = HashMap<i64, i64>;

/// Watches all of them at once, to the end of the window.
pub async fn hop_load(plan: &HopLoad) -> HopResult {
    let (tasks, clock) = (Tasks::new(), Clock::real());
    let end_us = clock.wall_us()
        + (plan.window_s.clamp(0.1, 86_400.0) * 1e6) as i64
        + SETTLE.as_micros() as i64;
    let window = (clock.wall_us() + SETTLE.as_micros() as i64)..end_us;
    let mut kept = Vec::new();
    for url in plan.urls.clone() {
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
    let all = kept.iter().map(|seen| std::mem::take(&mut *seen.lock()));
    HopResult(all.collect())
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

impl HopResult {
    /// Pictures that came to all nodes, by their stamps.
    fn common(&self) -> Vec<i64> {
        let Self(arrivals) = self;
        arrivals.first().map_or_else(Vec::new, |first| {
            let stamps = first.keys().copied();
            stamps
                .filter(|stamp| arrivals.iter().all(|seen| seen.contains_key(stamp)))
                .collect()
        })
    }

    /// Whether no picture came to all nodes.
    pub fn is_empty(&self) -> bool {
        self.common().is_empty()
    }

    /// Of the pictures that came to all: their age at each node, what each added to the one before, and
    /// what all hops up to it added to the first.
    pub fn report(&self) -> Value {
        let (Self(arrivals), common) = (self, self.common());
        let ages: Vec<_> = arrivals.iter().map(|seen| ages(seen, &common)).collect();
        let added = |near: &[i64], far: &[i64]| {
            let added: Vec<_> = far.iter().zip(near).map(|(far, near)| far - near).collect();
            spread(&added)
        };
        let by_hop = ages.iter().zip(ages.iter().skip(1));
        let first = ages.first().map_or(&[][..], Vec::as_slice);
        let most = arrivals.iter().map(HashMap::len).max().unwrap_or(0);
        json!({
            "pictures": common.len(),
            "latency_ms": ages.iter().map(|ages| spread(ages)).collect::<Vec<_>>(),
            "added_ms": by_hop.map(|(near, far)| added(near, far)).collect::<Vec<_>>(),
            "from_first_ms": ages.iter().skip(1).map(|far| added(first, far)).collect::<Vec<_>>(),
            "missing": arrivals.iter().map(|seen| most - seen.len()).collect::<Vec<_>>(),
        })
    }
}

/// How old each of the pictures was when it came, µs.
fn ages(seen: &Arrivals, stamps: &[i64]) -> Vec<i64> {
    let age = |stamp: &i64| seen.get(stamp).map(|at_us| at_us - stamp);
    stamps.iter().filter_map(age).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_adds_is_counted_picture_by_picture() {
        let near = HashMap::from([(0, 5_000), (40_000, 49_000), (80_000, 81_000)]);
        let far = HashMap::from([(0, 15_000), (40_000, 51_000)]);
        let farther = HashMap::from([(0, 16_000), (40_000, 53_000), (80_000, 84_000)]);
        let report = HopResult(vec![near, far, farther]).report();
        assert_eq!(report["pictures"], 2);
        assert_eq!(report["added_ms"][0]["max"], 10.0);
        assert_eq!(report["added_ms"][1]["max"], 2.0);
        assert_eq!(report["from_first_ms"][1]["max"], 11.0);
        assert_eq!(report["latency_ms"][1]["max"], 15.0);
        assert_eq!(report["missing"], json!([0, 1, 0]));
    }
}
