//! Objects that other nodes have (HLS playlists and pieces), each asked of whoever has the stream now,
//! over connections that are kept: some are wanted several times a second.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::record::Scope;
use weir_cluster::route::{Hop, HopKind, Via};
use weir_cluster::{LeaseKey, Scheme};
use weir_link::http::{BodyLimits, WholeAnswer};
use weir_link::node::NodeRequest;

use super::seek::{self, Denied};
use super::whereabouts::not_live;
use super::{Node, ask, relay_pull};

/// Upstreams tried for one object.
const MAX_TRIES: usize = 3;
/// Bytes of one object. A segment of 20 s at 25 Mbit/s fits.
const MAX_OBJECT_BYTES: usize = 64 * 1024 * 1024;

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
    pub(crate) head_timeout: Duration,
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

impl Node {
    /// The object, from the first upstream that has it.
    ///
    /// # Errors
    /// What the upstreams say; 5002 when one that might have it cannot be reached; 5004 with an
    /// `rtmp://` location when the stream is on a server that has no such objects.
    pub(crate) async fn fetch(&self, question: &Question<'_>) -> Result<Fetched, Refusal> {
        let key = LeaseKey::of(question.name)?;
        let hops = self.sources(question, &key).await?;
        let (mut broken, mut said) = (None, None);
        for hop in hops.into_iter().take(MAX_TRIES) {
            let moved = self.moved_from(&key, &hop);
            let followed = tokio::select! {
                followed = self.follow(question, &hop.url) => followed,
                () = moved => Err(Denied::Broken(has_moved_on(&hop.url))),
            };
            match followed {
                Ok(fetched) => {
                    self.0.router.lock().succeeded(&hop.url);
                    return Ok(fetched);
                }
                Err(Denied::Broken(refused)) => {
                    self.upstream_failed(question.name, &hop.url, &refused);
                    broken = Some(refused);
                }
                Err(Denied::Refused(refused)) if says_no_stream(refused.code) => {
                    said = Some(refused);
                }
                // A circle: nothing is wrong with who was asked first.
                Err(Denied::Refused(refused)) if refused.code.is_retryable_elsewhere() => {
                    broken = Some(refused);
                }
                Err(Denied::Refused(refused)) => return Err(refused),
            }
        }
        Err(broken.or(said).unwrap_or_else(|| not_live(question.name)))
    }

    /// From one upstream, and where that sends us.
    async fn follow(&self, question: &Question<'_>, url: &str) -> Result<Fetched, Denied> {
        let mut base = url.to_owned();
        for _ in 0..seek::MAX_REDIRECTS {
            if base.starts_with("rtmp") {
                let words = "the stream is on a server that speaks RTMP alone";
                return Err(Denied::Refused(Refusal::new(Code::Moved, words).at(base)));
            }
            if self.is_own(&base) {
                let words = "the way to the stream leads back to this node";
                let refusal = Refusal::new(Code::OriginUnreachable, words);
                return Err(Denied::Refused(refusal));
            }
            let answer = self.ask_for(question, &base).await?;
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
                    base = seek::base_of(location).to_owned();
                }
                _ => return Err(refused.into()),
            }
        }
        let words = format!("redirected more than {} times", seek::MAX_REDIRECTS);
        let refusal = Refusal::new(Code::OriginUnreachable, words);
        Err(Denied::Refused(refusal))
    }

    async fn ask_for(&self, question: &Question<'_>, base: &str) -> Result<WholeAnswer, Refusal> {
        let request = NodeRequest {
            base,
            method: Method::GET,
            target: &target(self, question),
            headers: HeaderMap::new(),
            head_timeout: question.head_timeout,
        };
        let limits = BodyLimits {
            max_bytes: MAX_OBJECT_BYTES,
            piece_timeout: relay_pull::SILENCE,
        };
        self.client().fetch(request, limits).await
    }

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
