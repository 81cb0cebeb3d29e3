//! Where a publisher's stream may live: which origins may hold it, in which order, and when one may
//! take it over from another.

use std::sync::Arc;
use std::time::Duration;

use weir_base::urls::SplitUrl;
use weir_base::{Backoff, BackoffPlan, Code, Dice, Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_cluster::record::Scope;
use weir_cluster::route::Via;
use weir_cluster::{LeaseKey, Name, Scheme, View, Whereabouts};
use weir_hub::{Publisher, Wishes};

use super::leases::LeaseShare;
use super::push::Pushing;
use super::successor::PlacementQuery;
use super::uplink::{Carrier, Uplink};
use super::{Node, srs};

/// Origins tried for one publish.
const MAX_TRIES: usize = 3;
/// Rounds of tries while a publisher waits.
const ROUNDS: u32 = 2;
/// Between two rounds.
const WAITING: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(200),
    cap: Duration::from_millis(400),
    steady: Duration::ZERO,
};
/// How long a server that speaks RTMP alone may take to let a publisher go that it said yes to: SRS up to 5
/// asks its hook, and looks whether the name is free, after its yes.
const SETTLE: Duration = Duration::from_millis(400);

/// What is to be published, before it may.
#[derive(Debug, Clone)]
pub(crate) struct PublishIntent {
    /// The stream.
    pub(crate) name: StreamName,
    /// What its lease is on.
    pub(crate) key: LeaseKey,
    /// Its publisher may take names over.
    pub(crate) takeover: bool,
    /// What its publisher's address chose: the node that owns the stream has to know.
    pub(crate) wishes: Option<Arc<Wishes>>,
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
        let denial = match self.0.leases.take(key, over, since_ms).await {
            Ok(share) => return Ok(share),
            Err(denial) => denial,
        };
        match denial.by {
            // Its publisher has come back, here: it need not wait for the dead node's term to end.
            Some(by) if self.is_gone(&by.node, by.boot).await => {
                let taken = self.0.leases.take(key, by.epoch, since_ms).await;
                taken.map_err(|denial| denial.refusal)
            }
            _ => Err(denial.refusal),
        }
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

    /// A connection to an origin (or the node above) that takes the stream, for a publisher who waits.
    ///
    /// # Errors
    /// The refusal of an origin that refuses: another would do the same, or have the name live twice. 5002
    /// where none of them can be reached.
    pub(crate) async fn connect_up(
        &self,
        intent: &PublishIntent,
        over: u64,
    ) -> Result<Uplink, Refusal> {
        let mut backoff = Backoff::new(WAITING, Dice::system());
        loop {
            let refused = match self.connect_once(intent, over, &[]).await {
                Err(refused) if refused.code.is_retryable_elsewhere() => refused,
                outcome => return outcome,
            };
            let pause = backoff.failed();
            if backoff.failures() >= ROUNDS {
                return Err(refused);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// The same of all origins there are now, once each.
    ///
    /// # Errors
    /// As [`Self::connect_up`].
    pub(super) async fn connect_once(
        &self,
        intent: &PublishIntent,
        over: u64,
        except: &[String],
    ) -> Result<Uplink, Refusal> {
        let mut last = Refusal::new(Code::OriginUnreachable, "no origin is known");
        for url in self.origins_for(intent, except)?.iter().take(MAX_TRIES) {
            if self.is_own(url) {
                continue;
            }
            let opened = match Uplink::open(self, intent, over, url).await {
                Ok(link) => self.settle(intent, link).await,
                refused => refused,
            };
            match opened {
                Ok(link) => {
                    self.0.router.lock().succeeded(url);
                    return Ok(link);
                }
                Err(refused) if refused.code.is_retryable_elsewhere() => {
                    self.upstream_failed(&intent.name, url, &refused);
                    last = refused;
                }
                Err(refused) => return Err(refused),
            }
        }
        Err(last)
    }

    /// Waits until a yes can be believed, where viewers here watch what may be another's stream of that name:
    /// they are not given the pictures of somebody whom the origin lets go in the next moment.
    async fn settle(&self, intent: &PublishIntent, mut link: Uplink) -> Result<Uplink, Refusal> {
        let hub = &self.core().hub;
        let publisher = hub
            .find_live(&intent.name)
            .ok()
            .and_then(|stream| stream.publisher());
        if publisher.is_some_and(|publisher| publisher.is_replaceable)
            && let Carrier::Rtmp(accepted) = &mut link.carrier
        {
            srs::settle(hub, accepted, SETTLE).await?;
        }
        Ok(link)
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
        // Who has the stream decides whether this is its publisher: another would have the name live twice.
        let holder = self.0.pulls.base(&intent.key);
        let is_holder = |url: &String| holder.as_ref() == Some(url);
        let mut urls: Vec<String> = match routed {
            Ok(hops) => hops.into_iter().map(|hop| hop.url).collect(),
            Err(refused) if !self.settings().route.is_empty() => return Err(refused),
            Err(_) => Vec::new(),
        };
        if self.settings().route.is_empty() {
            urls.extend(self.placed(intent));
        }
        if let Some(holder) = &holder
            && !urls.contains(holder)
        {
            urls.insert(0, holder.clone());
        }
        urls.dedup();
        // Whom it just broke with comes last: it may be the only one.
        urls.sort_by_key(|url| (!is_holder(url), except.contains(url)));
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
