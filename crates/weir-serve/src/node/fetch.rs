//! Objects that other nodes have (HLS playlists and pieces), each asked of whoever has the stream now,
//! over connections that are kept: some are wanted several times a second.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::record::Scope;
use weir_cluster::route::{Hop, HopKind, Via};
use weir_cluster::{LeaseKey, Scheme};
use weir_link::http::{BodyLimits, WholeAnswer};
use weir_link::node::{NodeClient, NodeRequest};

use super::whereabouts::not_live;
use super::{Node, ask, relay_pull};

/// Upstreams tried for one object.
const MAX_TRIES: usize = 3;
/// Bytes of one object. A segment of 20 s at 25 Mbit/s fits.
const MAX_OBJECT_BYTES: usize = 64 * 1024 * 1024;

/// Asks other nodes, over connections that are kept for the next request.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    client: OnceLock<NodeClient>,
}

/// An object of a stream.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// Of which stream.
    pub(crate) name: &'a StreamName,
    /// Nodes the wish came through.
    pub(crate) via: &'a Via,
    /// What stands behind the stream's name in the path.
    pub(crate) suffix: &'a str,
    /// The query, not encoded yet.
    pub(crate) pairs: &'a [(&'a str, String)],
    /// How long the head of an answer may take.
    pub(crate) patience: Duration,
    /// Who delivered the last object of the stream, if nobody knows better.
    pub(crate) hint: Option<String>,
}

/// An object, and who delivered it.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Scheme, host and port.
    pub(crate) base: String,
    /// The answer's headers.
    pub(crate) headers: HeaderMap,
    /// Its bytes.
    pub(crate) body: Bytes,
}

impl Fetcher {
    /// The object, from the first upstream that has it.
    ///
    /// # Errors
    /// What the upstreams say; 5002 when one that might have it cannot be reached; 5004 with an
    /// `rtmp://` location when the stream is on a server that has no such objects.
    pub(crate) async fn fetch(
        &self,
        node: &Node,
        question: &Question<'_>,
    ) -> Result<Fetched, Refusal> {
        let key = LeaseKey::of(question.name)?;
        let hops = node.sources(question, &key).await?;
        let (mut broken, mut said) = (None, None);
        for hop in hops.into_iter().take(MAX_TRIES) {
            let moved = node.moved_from(&key, &hop);
            let followed = tokio::select! {
                followed = self.follow(node, question, &hop.url) => followed,
                () = moved => Err(has_moved_on(&hop.url)),
            };
            match followed {
                Ok(fetched) => {
                    node.0.router.lock().succeeded(&hop.url);
                    return Ok(fetched);
                }
                Err(refused) if refused.code.is_retryable_elsewhere() => {
                    let now_us = node.core().hub.clock().now_us();
                    node.0.router.lock().failed(&hop.url, now_us);
                    tracing::info!(stream = %question.name, upstream = %hop.url, code = refused.code.number(), "an upstream does not deliver: {}", refused.detail);
                    broken = Some(refused);
                }
                Err(refused) if says_no_stream(refused.code) => said = Some(refused),
                Err(refused) => return Err(refused),
            }
        }
        Err(broken.or(said).unwrap_or_else(|| not_live(question.name)))
    }

    /// From one upstream, and where that sends us.
    async fn follow(
        &self,
        node: &Node,
        question: &Question<'_>,
        url: &str,
    ) -> Result<Fetched, Refusal> {
        let mut base = url.to_owned();
        for _ in 0..relay_pull::MAX_REDIRECTS {
            if base.starts_with("rtmp") {
                let words = "the stream is on a server that speaks RTMP alone";
                return Err(Refusal::new(Code::Moved, words).at(base));
            }
            if node.is_own(&base) {
                let words = "the way to the stream leads back to this node";
                return Err(Refusal::new(Code::OriginUnreachable, words));
            }
            let answer = self.ask(node, question, &base).await?;
            if answer.status == StatusCode::OK {
                let WholeAnswer { headers, body, .. } = answer;
                return Ok(Fetched {
                    base,
                    headers,
                    body,
                });
            }
            let refused = ask::refusal_in(&base, answer.status, &answer.headers, &answer.body);
            match refused.location.as_deref() {
                Some(location) if refused.code == Code::Moved => {
                    base = relay_pull::base_of(location).to_owned();
                }
                _ => return Err(refused),
            }
        }
        let words = format!("redirected more than {} times", relay_pull::MAX_REDIRECTS);
        Err(Refusal::new(Code::OriginUnreachable, words))
    }

    async fn ask(
        &self,
        node: &Node,
        question: &Question<'_>,
        base: &str,
    ) -> Result<WholeAnswer, Refusal> {
        let request = NodeRequest {
            base,
            method: Method::GET,
            target: &target(node, question),
            headers: HeaderMap::new(),
            head_timeout: question.patience,
        };
        let limits = BodyLimits {
            max_bytes: MAX_OBJECT_BYTES,
            piece_timeout: relay_pull::SILENCE,
        };
        let client = self.client.get_or_init(|| ask::client(node));
        client.fetch(request, limits).await
    }

    /// Closes what nobody has used for long.
    pub(crate) fn sweep(&self) {
        if let Some(client) = self.client.get() {
            client.http().sweep();
        }
    }

    /// Connections that wait for the next request.
    pub(crate) fn idle(&self) -> usize {
        let client = self.client.get();
        client.map_or(0, |client| client.http().idle_connections())
    }
}

impl Node {
    /// Whether the registry says that another node owns a stream.
    pub(crate) fn is_owned_elsewhere(&self, name: &StreamName) -> bool {
        let Ok(key) = LeaseKey::of(name) else {
            return false;
        };
        self.owner_url(&key).is_some()
    }

    /// Whom to ask. A hint saves asking around in clusters without a registry; the registry's word
    /// and a configured parent go before it.
    async fn sources(&self, question: &Question<'_>, key: &LeaseKey) -> Result<Vec<Hop>, Refusal> {
        let settings = self.settings();
        let is_hinted = settings.route.parents.is_empty() && self.owner_url(key).is_none();
        match &question.hint {
            Some(hint) if is_hinted => Ok(vec![Hop {
                url: hint.clone(),
                kind: HopKind::Origin,
            }]),
            _ => self.upstreams(question.name, key, question.via).await,
        }
    }

    fn owner_url(&self, key: &LeaseKey) -> Option<String> {
        self.0.cluster.with(|member, now_us| {
            let whereabouts = member.view().whereabouts(key, now_us);
            let url = whereabouts.url(&[Scheme::Http, Scheme::Https], Scope::Internal);
            url.map(str::to_owned)
        })
    }

    /// Resolves when the stream that `hop` owned is owned by another: who hangs would be waited for
    /// in vain.
    async fn moved_from(&self, key: &LeaseKey, hop: &Hop) {
        if hop.kind != HopKind::Owner {
            return std::future::pending().await;
        }
        let mut watch = self.0.cluster.watch(key);
        while self.owner_url(key).is_none_or(|url| url == hop.url) {
            watch.changed().await;
        }
    }
}

fn target(node: &Node, question: &Question<'_>) -> String {
    let via = question.via.and(&node.settings().me).to_string();
    let pairs = question.pairs.iter();
    let pairs = pairs.map(|(key, value)| (*key, value.as_str()));
    let pairs: Vec<_> = pairs.chain([("via", via.as_str())]).collect();
    super::target("", question.name, question.suffix, &pairs)
}

/// Another upstream may know more.
const fn says_no_stream(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::NotLive | Code::Ended)
}

fn has_moved_on(url: &str) -> Refusal {
    let words = format!("{url}: the stream has moved on");
    Refusal::new(Code::OriginUnreachable, words)
}
