//! Who delivers a stream: upstreams are asked in their order, and where an answer takes long beside each
//! other.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use http::{HeaderMap, Method, StatusCode};
use weir_base::urls::SplitUrl;
use weir_base::{Backoff, Code, Dice, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::route::{Hop, HopKind, Via};
use weir_hub::StreamPosition;
use weir_link::http::Body;
use weir_link::node::NodeRequest;

use super::ask::{HEAD_TIMEOUT, refusal_of};
use super::pull::REPAIR;
use super::whereabouts::not_live;
use super::{Node, rtmp_url, srs};

/// Upstreams tried before a viewer is refused.
const MAX_TRIES: usize = 3;
/// Redirects followed before it is a circle.
pub(super) const MAX_REDIRECTS: usize = 3;
/// A server that speaks RTMP alone says that it lacks a stream by silence, for seconds. After so long of it
/// the next one is asked as well, and the first that sends media counts.
const OVERLAP: Duration = Duration::from_millis(400);

/// Why an upstream does not deliver.
#[derive(Debug)]
pub(super) enum Denied {
    /// It says so, or the way to it is a circle: nothing is wrong with it.
    Refused(Refusal),
    /// It cannot be reached, or broke: another may have the stream.
    Broken(Refusal),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        if refusal.code.is_retryable_elsewhere() {
            Self::Broken(refusal)
        } else {
            Self::Refused(refusal)
        }
    }
}

/// An upstream that delivers.
pub(super) struct Delivery {
    /// The one that was asked, as the router knows it.
    pub(super) hop: String,
    /// Scheme, host and port of who delivers, redirects followed.
    pub(super) base: String,
    /// The connection.
    pub(super) upstream: Upstream,
}

/// A connection on which a stream comes.
pub(super) enum Upstream {
    /// From another weir: records of the relay form.
    Relay(Body),
    /// From a server that speaks RTMP alone.
    Rtmp(Box<srs::Incoming>),
}

/// What is sought, and for whom.
#[derive(Clone)]
pub(super) struct Seeker {
    pub(super) node: Node,
    pub(super) name: StreamName,
    pub(super) key: LeaseKey,
    /// Nodes that the wish came through.
    pub(super) via: Via,
    /// Up to where the stream is here, or at the node that asks this one: an upstream whose ring has that
    /// place begins there.
    pub(super) after: Option<StreamPosition>,
}

impl Seeker {
    /// The first of all upstreams there are now that delivers; before them the one at `told`, where a
    /// stream was said to have moved to.
    ///
    /// # Errors
    /// 5002 when one that might have it cannot be reached, else what they said: 3002 when all lack it.
    pub(super) async fn find(&self, told: Option<Box<str>>) -> Result<Delivery, Refusal> {
        if let Some(told) = told {
            let url = base_of(&told).to_owned();
            let kind = HopKind::Origin;
            if let Ok(found) = self.first(vec![Hop { url, kind }], None).await {
                return Ok(found);
            }
        }
        let hops = self
            .node
            .upstreams(&self.name, &self.key, &self.via)
            .await?;
        self.first(hops, None).await
    }

    /// The first upstream that delivers from elsewhere than `base`, where nothing comes at the moment; looked
    /// for until there is one.
    pub(super) async fn elsewhere(self, base: String) -> Delivery {
        let mut backoff = Backoff::new(REPAIR, Dice::system());
        loop {
            let hops = self.node.upstreams(&self.name, &self.key, &self.via).await;
            if let Ok(hops) = hops
                && let Ok(found) = self.first(hops, Some(&base)).await
            {
                return found;
            }
            tokio::time::sleep(backoff.failed()).await;
        }
    }

    async fn first(&self, hops: Vec<Hop>, but: Option<&str>) -> Result<Delivery, Refusal> {
        let mut waiting = hops.into_iter().take(MAX_TRIES).peekable();
        let mut asked = FuturesUnordered::new();
        let (mut broken, mut said) = (None, not_live(&self.name));
        let mut may_overlap = true;
        loop {
            if asked.is_empty() {
                let Some(hop) = waiting.next() else {
                    return Err(broken.unwrap_or(said));
                };
                may_overlap &= is_rtmp(&hop.url);
                asked.push(self.ask(hop.url, but));
            }
            let (hop, outcome) = tokio::select! {
                Some(answered) = asked.next() => answered,
                () = tokio::time::sleep(OVERLAP), if may_overlap && waiting.peek().is_some() => {
                    if let Some(hop) = waiting.next() {
                        may_overlap &= is_rtmp(&hop.url);
                        asked.push(self.ask(hop.url, but));
                    }
                    continue;
                }
            };
            match outcome {
                Ok(found) => {
                    self.node.0.router.lock().succeeded(&hop);
                    return Ok(found);
                }
                Err(Denied::Broken(refusal)) => {
                    self.node.upstream_failed(&self.name, &hop, &refusal);
                    broken = Some(refusal);
                }
                Err(Denied::Refused(refusal)) if refusal.code != Code::NotLive => said = refusal,
                Err(Denied::Refused(_)) => {}
            }
        }
    }

    async fn ask(&self, hop: String, but: Option<&str>) -> (String, Result<Delivery, Denied>) {
        let outcome = self.follow(&hop).await;
        let outcome = match outcome {
            Ok(found) if but == Some(found.base.as_str()) => {
                Err(Denied::Refused(not_live(&self.name)))
            }
            outcome => outcome,
        };
        (hop, outcome)
    }

    /// Asks one upstream, and whom it sends us to.
    async fn follow(&self, hop: &str) -> Result<Delivery, Denied> {
        let refused = |words: String| Denied::Refused(Refusal::new(Code::OriginUnreachable, words));
        let mut base = hop.to_owned();
        for _ in 0..MAX_REDIRECTS {
            if self.node.is_own(&base) {
                let words = format!("{} was redirected to this node itself", self.name);
                return Err(refused(words));
            }
            let asked = if is_rtmp(&base) {
                self.ask_rtmp(&base).await
            } else {
                self.ask_relay(&base).await
            };
            match asked {
                Ok((base, upstream)) => {
                    let hop = hop.to_owned();
                    return Ok(Delivery {
                        hop,
                        base,
                        upstream,
                    });
                }
                Err(Denied::Refused(Refusal {
                    code: Code::Moved,
                    location: Some(location),
                    ..
                })) => base = base_of(&location).to_owned(),
                Err(denied) => return Err(denied),
            }
        }
        Err(refused(format!(
            "{}: redirected more than {MAX_REDIRECTS} times",
            self.name
        )))
    }

    async fn ask_rtmp(&self, base: &str) -> Result<(String, Upstream), Denied> {
        let url = rtmp_url(base, &self.name);
        let own = &self.node.settings().own;
        let incoming = srs::pull(&self.node.core().hub, &url, own).await?;
        let base = base_of(incoming.place()).to_owned();
        Ok((base, Upstream::Rtmp(Box::new(incoming))))
    }

    async fn ask_relay(&self, base: &str) -> Result<(String, Upstream), Denied> {
        let via = self.via.and(&self.node.settings().me).to_string();
        let after = self.after.map(|after| after.to_string());
        let after = after.unwrap_or_default();
        let pairs = [("via", via.as_str()), ("after", &after)];
        let target = super::target("", &self.name, ".weir", &pairs);
        let request = NodeRequest {
            base,
            method: Method::GET,
            target: &target,
            headers: HeaderMap::new(),
            head_timeout: HEAD_TIMEOUT,
        };
        let answer = self.node.client().send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(refusal_of(base, answer).await.into());
        }
        Ok((base.to_owned(), Upstream::Relay(answer.into_body())))
    }
}

fn is_rtmp(url: &str) -> bool {
    url.starts_with("rtmp")
}

/// The base URL within a redirect's address: scheme and authority.
pub(super) fn base_of(location: &str) -> &str {
    SplitUrl::new(location).map_or(location, |url| url.base)
}
