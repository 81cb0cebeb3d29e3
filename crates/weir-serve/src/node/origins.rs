//! Where a publisher's stream may live: which origins may hold it, in which order, and when one may
//! take it over from another.

use std::time::Duration;

use weir_base::urls::SplitUrl;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_cluster::record::Scope;
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, Name, Scheme, View, Whereabouts};
use weir_hub::Publisher;

use super::Node;
use super::leases::LeaseShare;
use super::push::Pushing;
use super::successor::PlacementQuery;
use super::uplink::Uplink;

/// Origins tried for one publish.
const MAX_TRIES: usize = 3;
/// Between two rounds of tries while a publisher waits.
const PAUSE: Duration = Duration::from_millis(200);

/// What is to be published, before it may.
#[derive(Debug, Clone)]
pub(crate) struct PublishIntent {
    /// The stream.
    pub(crate) name: StreamName,
    /// What its lease is on.
    pub(crate) key: LeaseKey,
    /// Its publisher may take names over.
    pub(crate) takeover: bool,
    /// Nodes it comes through.
    pub(crate) via: Via,
}

impl Node {
    /// The lease of a stream, for as long as the share in it lives. `over` is the epoch that it may be
    /// taken over from, 0 for none.
    ///
    /// # Errors
    /// 3004 when another node has it, 2005 when this one holds as many as it may.
    pub(crate) async fn claim(&self, key: &LeaseKey, over: u64) -> Result<LeaseShare, Refusal> {
        let since_ms = self.core().hub.clock().wall_ms();
        self.0.leases.take(key, over, since_ms).await
    }

    /// Hands a stream on over `uplink`, for as long as its publisher is there.
    pub(crate) fn push(&self, uplink: Uplink, publisher: &Publisher) {
        let pushing = Pushing {
            node: self.clone(),
            stream: publisher.stream().clone(),
            client: publisher.client().clone(),
        };
        self.core().tasks.spawn("push", pushing.run(uplink));
    }

    /// Whether what is live under a name may be replaced by what comes through the nodes `via`: it
    /// comes from one of them, and that older connection is dead; or from a node that drains, whose
    /// publisher is on its way to another.
    pub(crate) fn is_replaceable(&self, key: &LeaseKey, via: &Via) -> bool {
        let from = self.0.handed_on.lock().get(key).cloned();
        from.is_some_and(|from| via.passed(&from) || self.is_leaving(&from))
    }

    /// Whether a node drains.
    pub(crate) fn is_leaving(&self, node: &Name) -> bool {
        self.0
            .cluster
            .with(|member, _| is_draining(member.view(), node))
    }

    /// The epoch of another node's lease, where the publisher may take it over: because it may take
    /// names over, or because that node drains and has sent it here.
    pub(crate) fn epoch_to_take(&self, intent: &PublishIntent) -> u64 {
        self.0.cluster.with(
            |member, now_us| match member.view().whereabouts(&intent.key, now_us) {
                Whereabouts::Node { lease, record }
                    if intent.takeover || record.is_some_and(|record| record.draining) =>
                {
                    lease.epoch
                }
                _ => 0,
            },
        )
    }

    /// A connection to an origin (or the node above) that takes the stream.
    pub(crate) async fn connect_up(
        &self,
        intent: &PublishIntent,
        over: u64,
        except: &[String],
    ) -> Result<Uplink, Refusal> {
        let mut last = Refusal::new(Code::OriginUnreachable, "no origin is known");
        for round in 0..2 {
            if round > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            for url in self.origins_for(intent, except)?.iter().take(MAX_TRIES) {
                if self.is_own(url) {
                    continue;
                }
                match Uplink::open(self, intent, over, url).await {
                    Ok(link) => {
                        self.0.router.lock().succeeded(url);
                        return Ok(link);
                    }
                    Err(refused) if refused.code.is_retryable_elsewhere() => {
                        let now_us = self.core().hub.clock().now_us();
                        self.0.router.lock().failed(url, now_us);
                        tracing::warn!(stream = %intent.name, origin = %url, code = refused.code.number(), "an origin does not take the stream: {}", refused.detail);
                        last = refused;
                    }
                    Err(refused) => return Err(refused),
                }
            }
        }
        Err(last)
    }

    /// Who may hold a publish, in order: the node above, who has it already, the static list, or
    /// whom placement chooses.
    pub(super) fn origins_for(
        &self,
        intent: &PublishIntent,
        except: &[String],
    ) -> Result<Vec<String>, Refusal> {
        let now_us = self.core().hub.clock().now_us();
        let owner = self.owner(&intent.key);
        let routed = self
            .0
            .router
            .lock()
            .route(&intent.key, owner.as_ref(), &intent.via, now_us);
        let mut urls: Vec<String> = match routed {
            Ok(hops) => hops.into_iter().map(|hop| hop.url).collect(),
            Err(refused) if !self.settings().route.is_empty() => return Err(refused),
            Err(_) => Vec::new(),
        };
        if self.settings().route.is_empty() {
            urls.extend(self.placed(intent));
        }
        urls.dedup();
        // Whom it just broke with comes last: it may be the only one.
        urls.sort_by_key(|url| except.contains(url));
        Ok(urls)
    }

    /// Origins by placement, for clusters with a registry.
    fn placed(&self, intent: &PublishIntent) -> Vec<String> {
        let query = PlacementQuery {
            purpose: Purpose::Hold,
            stream: &intent.key,
            protocols: &[Scheme::Http, Scheme::Https],
            scope: Scope::Internal,
            count: MAX_TRIES,
        };
        match self.place(&query) {
            Ok(answers) => answers.into_iter().map(|answer| answer.url).collect(),
            Err(full) => full.next_best.into_iter().map(|best| best.url).collect(),
        }
    }

    /// Whether a URL leads to this node itself.
    pub(super) fn is_own(&self, url: &str) -> bool {
        let authority = SplitUrl::new(url).map_or(url, |url| url.authority);
        self.settings().own.iter().any(|own| own == authority)
    }
}

fn is_draining(view: &View, node: &Name) -> bool {
    let record = view.find(node).and_then(|node| node.record.as_ref());
    record.is_some_and(|record| record.draining)
}
