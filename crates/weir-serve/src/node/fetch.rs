//! Objects that other nodes have (HLS playlists and pieces), each asked of whoever has the stream now,
//! over connections that are kept: some are wanted several times a second.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::LeaseKey;
use weir_cluster::route::{Hop, Kind, Via};

use super::ask::{self, Place};
use super::elsewhere::{not_live, owner_in};
use super::publish::is_of_the_node;
use super::{Node, auth, link};
use crate::context::Context;

/// Upstreams tried for one object.
const MAX_TRIES: usize = 3;
/// Idle connections kept to one node. Each request that waits there holds one of its own, and two or
/// three of each watched stream wait at any time.
const MAX_IDLE: usize = 64;
/// Microseconds an idle connection is kept: less than the other end keeps it.
const IDLE_US: i64 = 30_000_000;
/// Bytes of one object. A segment of 20 s at 25 Mbit/s fits.
const MAX_OBJECT_BYTES: usize = 64 * 1024 * 1024;
/// Bytes reserved at once for what another node says is to come.
const MAX_RESERVED_BYTES: usize = 4 * 1024 * 1024;
/// How often somebody who waits for an answer looks whether it should come from another node by now.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Connections to other nodes, ready for the next request.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    idle: Mutex<HashMap<String, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since_us: i64,
}

type Sender = SendRequest<Empty<Bytes>>;

/// An object of a stream.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The stream.
    pub(crate) name: &'a StreamName,
    /// Nodes the wish came through.
    pub(crate) via: &'a Via,
    /// What stands behind the stream's name in the path.
    pub(crate) suffix: &'a str,
    /// The query.
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
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its bytes.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("no answer in time")]
    Silent,
    #[error("{0}")]
    Closed(String),
}

/// Any answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fetcher {
    /// The object, from the first upstream that has it.
    ///
    /// # Errors
    /// What the upstreams say; 5002 when one that might have it cannot be reached; 5004 with an
    /// `rtmp://` location when the stream is on a server that has no such objects.
    pub(crate) async fn fetch(
        &self,
        context: &Context,
        question: &Question<'_>,
    ) -> Result<Fetched, Refusal> {
        let node = &context.node;
        let key = LeaseKey::of(question.name)?;
        let hops = node.sources(context, question, &key).await?;
        let (mut broken, mut said) = (None, None);
        for hop in hops.into_iter().take(MAX_TRIES) {
            let moved = node.moved_from(&key, &hop);
            let followed = tokio::select! {
                followed = self.follow(context, question, &hop.url) => followed,
                () = moved => Err(unreachable(&hop.url, &"the stream has moved on")),
            };
            match followed {
                Ok(fetched) => {
                    node.0.router.lock().succeeded(&hop.url);
                    return Ok(fetched);
                }
                Err(refused) if is_of_the_node(refused.code) => {
                    let now_us = context.hub.clock().now_us();
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
        context: &Context,
        question: &Question<'_>,
        url: &str,
    ) -> Result<Fetched, Refusal> {
        let mut base = url.to_owned();
        for _ in 0..link::MAX_REDIRECTS {
            if base.starts_with("rtmp") {
                let words = "the stream is on a server that speaks RTMP alone";
                return Err(Refusal::new(Code::Moved, words).at(base));
            }
            if context.node.is_own(&base) {
                let words = "the way to the stream leads back to this node";
                return Err(Refusal::new(Code::OriginUnreachable, words));
            }
            let answer = self.ask(context, question, &base).await?;
            if answer.status == StatusCode::OK {
                let Answer { headers, body, .. } = answer;
                return Ok(Fetched {
                    base,
                    headers,
                    body,
                });
            }
            let refused = ask::refusal_in(&base, answer.status, &answer.headers, &answer.body);
            match refused.location.as_deref() {
                Some(location) if refused.code == Code::Moved => {
                    base = link::base_of(location).to_owned();
                }
                _ => return Err(refused),
            }
        }
        let words = format!("redirected more than {} times", link::MAX_REDIRECTS);
        Err(Refusal::new(Code::OriginUnreachable, words))
    }

    /// Over a connection that is there, or a new one.
    async fn ask(
        &self,
        context: &Context,
        question: &Question<'_>,
        base: &str,
    ) -> Result<Answer, Refusal> {
        let now_us = context.hub.clock().now_us();
        while let Some(sender) = self.take(base, now_us) {
            match self.exchange(context, question, base, sender).await {
                Ok(answer) => return Ok(answer),
                Err(Broken::Silent) => return Err(unreachable(base, &Broken::Silent)),
                // It was closed at the other end just now: that is not the node's failure.
                Err(Broken::Closed(_)) => {}
            }
        }
        let sender = connect(context, base).await?;
        let exchanged = self.exchange(context, question, base, sender).await;
        exchanged.map_err(|why| unreachable(base, &why))
    }

    async fn exchange(
        &self,
        context: &Context,
        question: &Question<'_>,
        base: &str,
        mut sender: Sender,
    ) -> Result<Answer, Broken> {
        let request = request(&context.node, question, base)?;
        let answer = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        let answer = tokio::time::timeout(question.patience, answer).await;
        let answer = answer.map_err(|_| Broken::Silent)?;
        let (head, body) = answer.map_err(closed)?.into_parts();
        let body = read_all(body, &head.headers).await?;
        self.put_back(base, sender, context.hub.clock().now_us());
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn take(&self, base: &str, now_us: i64) -> Option<Sender> {
        let mut all = self.idle.lock();
        let idle = all.get_mut(base)?;
        while let Some(Idle { sender, since_us }) = idle.pop() {
            if now_us - since_us < IDLE_US && !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn put_back(&self, base: &str, sender: Sender, since_us: i64) {
        if sender.is_closed() {
            return;
        }
        let mut all = self.idle.lock();
        let idle = all.entry(base.to_owned()).or_default();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since_us });
        }
    }

    /// Closes what nobody has used for long.
    pub(crate) fn sweep(&self, now_us: i64) {
        self.idle.lock().retain(|_, idle| {
            idle.retain(|idle| now_us - idle.since_us < IDLE_US && !idle.sender.is_closed());
            !idle.is_empty()
        });
    }

    /// Connections that wait for the next request.
    pub(crate) fn idle(&self) -> usize {
        self.idle.lock().values().map(Vec::len).sum()
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
    async fn sources(
        &self,
        context: &Context,
        question: &Question<'_>,
        key: &LeaseKey,
    ) -> Result<Vec<Hop>, Refusal> {
        let settings = self.settings();
        let is_hinted = settings.route.parents.is_empty() && self.owner_url(key).is_none();
        match &question.hint {
            Some(hint) if is_hinted => Ok(vec![Hop {
                url: hint.clone(),
                kind: Kind::Origin,
            }]),
            _ => {
                self.upstreams(context, question.name, key, question.via)
                    .await
            }
        }
    }

    fn owner_url(&self, key: &LeaseKey) -> Option<String> {
        let owner = self
            .0
            .cluster
            .with(|member, _| owner_in(member.view(), key));
        let owner = owner.filter(|owner| owner.node != self.0.settings.me);
        owner.map(|owner| owner.url)
    }

    /// Resolves when the stream that `hop` owned is owned by another: who hangs would be waited for
    /// in vain.
    async fn moved_from(&self, key: &LeaseKey, hop: &Hop) {
        if hop.kind != Kind::Owner {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.owner_url(key).is_some_and(|url| url != hop.url) {
                return;
            }
        }
    }
}

async fn connect(context: &Context, base: &str) -> Result<Sender, Refusal> {
    let place = Place::parse(base).ok_or_else(|| unreachable(base, &"not http://host:port"))?;
    let socket = place.connect().await;
    let socket = socket.map_err(|error| unreachable(base, &error))?;
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await;
    let (sender, connection) = shaken.map_err(|error| unreachable(base, &error))?;
    let stopping = context.shutdown.clone();
    context.tasks.spawn("node-http", async move {
        tokio::select! {
            // Its end shows at the next request.
            _ = connection => {}
            () = stopping.stopping() => {}
        }
    });
    Ok(sender)
}

fn request(
    node: &Node,
    question: &Question<'_>,
    base: &str,
) -> Result<Request<Empty<Bytes>>, Broken> {
    let settings = node.settings();
    let via = question.via.and(&settings.me).to_string();
    let pairs = question.pairs.iter();
    let pairs = pairs.map(|(key, value)| (*key, value.as_str()));
    let pairs: Vec<_> = pairs.chain([("via", via.as_str())]).collect();
    let target = super::target("", question.name, question.suffix, &pairs);
    let place = Place::parse(base).ok_or_else(|| closed("not http://host:port"))?;
    let proof = auth::authorization(&settings.secret, &settings.me, &target);
    Request::get(place.path(&target))
        .header(header::HOST, place.authority())
        .header(header::AUTHORIZATION, proof)
        .body(Empty::new())
        .map_err(closed)
}

async fn read_all(mut body: Incoming, headers: &HeaderMap) -> Result<Bytes, Broken> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut all = BytesMut::with_capacity(length.unwrap_or(0).min(MAX_RESERVED_BYTES));
    loop {
        let frame = tokio::time::timeout(link::SILENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Broken::Silent)? else {
            return Ok(all.freeze());
        };
        let Ok(data) = frame.map_err(closed)?.into_data() else {
            continue;
        };
        if all.len() + data.len() > MAX_OBJECT_BYTES {
            return Err(closed(format!(
                "an object larger than {MAX_OBJECT_BYTES} bytes"
            )));
        }
        all.extend_from_slice(&data);
    }
}

fn closed(why: impl std::fmt::Display) -> Broken {
    Broken::Closed(why.to_string())
}

/// Another upstream may know more.
const fn says_no_stream(code: Code) -> bool {
    matches!(code, Code::NotFound | Code::NotLive | Code::Ended)
}

fn unreachable(base: &str, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Code::OriginUnreachable, format!("{base}: {why}"))
}
