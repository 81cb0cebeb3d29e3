//! One object on its way from another node, for all who wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use weir_base::{Backoff, BackoffPlan, Code, Dice, Refusal};
use weir_cluster::LeaseKey;
use weir_cluster::route::Via;

use super::super::cache::{Flight, Outcome};
use super::Edge;
use super::is_foreign;
use super::object::{Object, ObjectKey};
use super::streams::EdgeStream;
use crate::node::fetch::Question;

/// For the head of an answer that need not wait for anything.
const HEAD_TIMEOUT: Duration = Duration::from_secs(3);
/// Target durations for which another node holds a request.
const HELD_TARGETS: u32 = 3;
/// What a held request may take beyond that.
const MARGIN: Duration = Duration::from_secs(2);
/// Microseconds for which a stream that was nowhere is taken to be nowhere still, unless somebody
/// announces it.
const NOT_LIVE_US: i64 = 1_000_000;
/// The same of a piece, which may be there in a moment.
const NOT_FOUND_US: i64 = 250_000;
/// How long a playlist of a stream that was there a moment ago is looked for, when its origin breaks:
/// most publishers are on another by then.
const REPAIR_US: i64 = 2_000_000;
/// Between two looks, unless the view learns of a new owner before.
const REPAIR: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(100),
    cap: Duration::from_millis(400),
    steady: Duration::from_micros(REPAIR_US.unsigned_abs()),
};
/// Microseconds for which an object whose origins could not be reached is not asked for again: or each
/// request would have all of them tried anew.
const BROKEN_US: i64 = 250_000;

/// A place among the fetches that are under way.
pub(super) type FetchPermit = OwnedSemaphorePermit;

/// One object to be fetched, and the permit that bounds how many are under way.
pub(super) struct Fetch {
    pub(super) edge: Edge,
    pub(super) via: Via,
    pub(super) place: FetchPermit,
}

impl Fetch {
    /// Fetches, and tells all who wait.
    pub(super) async fn run(self, flight: Flight<ObjectKey, Arc<Object>>) {
        let outcome = tokio::select! {
            outcome = self.outcome(flight.key()) => outcome,
            () = self.edge.core().shutdown.stopping() => Err(Code::Draining.into()),
        };
        let keep_us = self.keep_us(flight.key(), &outcome);
        let now_us = self.edge.core().hub.clock().now_us();
        let max_bytes = self.edge.core().config.load().cache.max_bytes;
        flight.land(outcome, now_us, now_us.saturating_add(keep_us), max_bytes);
        drop(self.place);
    }

    /// From whoever has it; while that changes, from whoever has it then.
    async fn outcome(&self, key: &ObjectKey) -> Outcome<Arc<Object>> {
        let clock = self.edge.core().hub.clock();
        let mut until_us = None;
        let mut backoff = Backoff::new(REPAIR, Dice::system());
        let lease_key = LeaseKey::of(&key.stream)?;
        let mut watch = self.edge.0.node.cluster().watch(&lease_key);
        loop {
            let known = self.edge.0.streams.find(&key.stream);
            let hint = known.as_ref().and_then(|stream| stream.source());
            let was_hinted = hint.is_some();
            let refused = match self.once(key, known.as_deref(), hint).await {
                Ok(object) => return Ok(object),
                Err(refused) => refused,
            };
            if is_foreign(&refused) {
                let stream = self.edge.0.streams.open(&key.stream, clock.now_us())?;
                stream.set_foreign(clock.now_us());
                return Err(refused);
            }
            let Some(known) = known else {
                return Err(refused);
            };
            if !may_be_elsewhere(refused.code) {
                // Whoever has the stream says so: it is still there.
                known.touch(clock.now_us());
                return Err(refused);
            }
            known.set_source(None);
            let is_worth_it = key.what.is_playlist() || was_hinted;
            let now_us = clock.now_us();
            if !is_worth_it || now_us >= *until_us.get_or_insert(now_us + REPAIR_US) {
                return Err(refused);
            }
            let _ = tokio::time::timeout(backoff.failed(), watch.changed()).await;
        }
    }

    async fn once(
        &self,
        key: &ObjectKey,
        known: Option<&EdgeStream>,
        hint: Option<String>,
    ) -> Outcome<Arc<Object>> {
        let question = Question {
            name: &key.stream,
            via: &self.via,
            suffix: &key.what.suffix(),
            pairs: &key.what.pairs(),
            head_timeout: self.head_timeout(key, known),
            hint,
        };
        let fetched = self.edge.0.node.fetch(&question).await?;
        let base = fetched.base.clone();
        let object = key.what.read(fetched)?;
        let now_us = self.edge.core().hub.clock().now_us();
        let stream = self.edge.0.streams.open(&key.stream, now_us)?;
        stream.touch(now_us);
        stream.set_source(Some(base));
        if let Object::Playlist {
            shape: Some(shape), ..
        } = &object
            && let Some(rendition) = key.what.rendition()
        {
            stream.set_shape(rendition, shape.clone());
        }
        Ok(Arc::new(object))
    }

    /// As long as the other node may hold the request, and a little more.
    fn head_timeout(&self, key: &ObjectKey, known: Option<&EdgeStream>) -> Duration {
        if !key.what.is_held() {
            return HEAD_TIMEOUT;
        }
        let own_us = self.edge.core().config.load().hls.segment_us();
        let target_us = known.map_or(0, EdgeStream::target_us).max(own_us);
        let target = Duration::from_micros(u64::try_from(target_us).unwrap_or(0));
        (target * HELD_TARGETS).max(HEAD_TIMEOUT) + MARGIN
    }

    fn keep_us(&self, key: &ObjectKey, outcome: &Outcome<Arc<Object>>) -> i64 {
        match outcome {
            Ok(_) => {
                let stream = self.edge.0.streams.find(&key.stream);
                let shape = stream.zip(key.what.rendition());
                let shape = shape.and_then(|(stream, rendition)| stream.shape(rendition));
                key.what.keep_us(shape.as_ref())
            }
            Err(Refusal { code, .. }) => match code {
                Code::NotLive => NOT_LIVE_US,
                Code::NotFound => NOT_FOUND_US,
                Code::OriginUnreachable => BROKEN_US,
                _ => 0,
            },
        }
    }
}

/// Refusals that the next look may not repeat. Not live is one: when an origin breaks, the stream is
/// on none until its publisher has found another. The limit of streams is none: it is this edge's own.
fn may_be_elsewhere(code: Code) -> bool {
    code == Code::NotLive || (code.is_retryable_elsewhere() && code != Code::QuotaStreams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_whose_origin_is_gone_is_looked_for_a_few_times() {
        for seed in 0..20 {
            let tries = Backoff::new(REPAIR, Dice::seeded(seed)).tries_within(REPAIR.steady);
            assert!((6..=13).contains(&tries), "{tries}");
        }
    }
}
