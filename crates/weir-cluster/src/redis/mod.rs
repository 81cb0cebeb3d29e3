//! Store and bus in Redis or Valkey.
//!
//! Keys, all in one slot of a Redis Cluster by their hash tag, `c` being the cluster's name:
//!
//! | key | what | lives | at most |
//! |---|---|---|---|
//! | `weir:{c}:lease:STREAM` | a lease, as `leases.lua` tells | the term of a lease | 20,000 a node |
//! | `weir:{c}:leases` | streams with a lease, scored by when it ends | while there are any | as leases |
//! | `weir:{c}:epoch` | the last epoch given | always | one number |
//! | `weir:{c}:node:ID` | a node's record, JSON | some heartbeats | 4,096 |
//! | `weir:{c}:nodes` | nodes with a record, scored by when it ends | while there are any | as nodes |
//! | `weir:{c}:report:STREAM` | `port protocol ip` of a stream that is not weir's | as it was reported | 100,000 |
//! | `weir:{c}:reports` | streams that are reported, scored by when that ends | while there are any | as reports |
//! | `weir:{c}:recording:STREAM` | `recording node`: what the stream's broadcast goes into | 75 s after it was said last | as leases |
//! | `weir:{c}:nonce:KEY NONCE` | who used a nonce of a signed URL | until the URL expires | as signed |
//!
//! Channels: `weir:{c}:bus` for all nodes, `weir:{c}:bus:ID` for one. Nothing is ever scanned.

mod connect;
mod line;
mod link;
mod url;
mod words;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{FromRedisValue, RedisError, Script, ScriptInvocation, cmd};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use weir_base::{Backoff, BackoffPlan, Clock, Dice};

pub use line::{LineEvent, LineScript, RedisLine, Wish, Wishes};
pub use url::{Files, Servers, Target, UrlError};

use crate::lease::Unreachable;
use crate::limits::{NODES, RECORDING_TERM_MS, REPORTS, STREAMS};
use crate::message::Message;
use crate::name::{LeaseKey, Name};
use crate::record::{NodeRecord, StreamRecord};
use crate::recorded::{RecordingOp, RecordingSaid};
use crate::report::StreamReport;
use crate::store::{Bus, BusEvent, Everything, NonceStore, Store, Waiting};
use crate::table::{Held, LeaseReply, Op};
use connect::{ANSWER_MS, CONNECT_MS, Connector, within};
use link::Link;
use words::{Failure, What};

/// A listener that hears nothing for so long, milliseconds, connects anew: this node's own beats would
/// come more often.
const SILENCE_MS: u64 = 6_000;
/// Between two tries to listen: the longest is short of the silence after which views freeze.
const LISTEN_AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(250),
    cap: Duration::from_secs(2),
    steady: Duration::ZERO,
};
/// Entries read at once when everything is read.
const PAGE: usize = 1_000;
/// How long all of that may take, microseconds: what was read until then is better than nothing.
const READ_US: i64 = 5_000_000;
/// What stands for no recording.
const NO_RECORDING: &str = "-";
/// Scripts in place of batches of commands.
const LEASES: &str = include_str!("leases.lua");
const REGISTER: &str = include_str!("register.lua");
const REPORT: &str = include_str!("report.lua");
const RECORDED: &str = include_str!("recorded.lua");

/// A store and a bus in one Redis.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    link: Link,
    prefix: String,
    ttl_ms: i64,
    node_ttl_ms: i64,
    leases: Script,
    register: Script,
    report: Script,
    recorded: Script,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "redis {:?}", self.0.link.target())
    }
}

/// A Redis that cannot be set up: nothing was connected yet.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The URL is none of the forms.
    #[error("cluster.redis: {0}")]
    Url(#[from] UrlError),
    /// The client does not take what the URL says.
    #[error("cluster.redis: {0}")]
    Client(#[from] RedisError),
    /// A file that the URL names cannot be read.
    #[error("cluster.redis: {0}: {1}")]
    File(String, #[source] std::io::Error),
}

impl Redis {
    /// Of the cluster `cluster` at `url`; connects when first used. Terms are in milliseconds. TLS takes
    /// the process's default provider of cryptography.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn new(
        url: &str,
        cluster: &Name,
        ttl_ms: i64,
        node_ttl_ms: i64,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let target = Target::parse(url)?;
        let prefix = format!("weir:{{{cluster}}}");
        let connector = Connector::new(&target, format!("{prefix}:epoch"))?;
        Ok(Self(Arc::new(Inner {
            link: Link::new("the registry", target, connector, clock),
            prefix,
            ttl_ms,
            node_ttl_ms,
            leases: Script::new(LEASES),
            register: Script::new(REGISTER),
            report: Script::new(REPORT),
            recorded: Script::new(RECORDED),
        })))
    }
}

impl Inner {
    fn key(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }

    async fn invoke<T: FromRedisValue>(
        &self,
        what: What,
        call: &ScriptInvocation<'_>,
    ) -> Result<T, Unreachable> {
        self.link
            .with(what, async |connection| call.invoke_async(connection).await)
            .await
    }

    async fn leases(&self, ops: &[Op]) -> Result<Vec<LeaseReply>, Unreachable> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.leases.prepare_invoke();
        call.key(self.key("epoch"))
            .key(self.key("leases"))
            .arg(self.ttl_ms);
        for op in ops {
            let (kind, key, node, held, over, seen, since_ms) = match op {
                Op::Claim { record, over, seen } => {
                    let held = (record.boot, record.claim, record.epoch);
                    let (key, node) = (&record.key, record.node.as_str());
                    ("claim", key, node, held, *over, *seen, record.since_ms)
                }
                Op::Renew(held) => ("renew", &held.key, "", triple(held), 0, 0, 0),
                Op::Look(held) => ("look", &held.key, "", triple(held), 0, 0, 0),
                Op::Release(held) => ("release", &held.key, "", triple(held), 0, 0, 0),
            };
            call.key(self.key(&format!("lease:{key}")));
            call.arg(kind)
                .arg(key.as_str())
                .arg(node)
                .arg(held.0)
                .arg(held.1)
                .arg(held.2);
            call.arg(over).arg(seen).arg(since_ms);
        }
        let texts: Vec<String> = self.invoke(What::Leases, &call).await?;
        if texts.len() != ops.len() {
            return Err(Unreachable);
        }
        let keys = ops.iter().map(|op| match op {
            Op::Claim { record, .. } => &record.key,
            Op::Renew(held) | Op::Look(held) | Op::Release(held) => &held.key,
        });
        keys.zip(texts)
            .map(|(key, text)| read_answer(key, &text).ok_or(Unreachable))
            .collect()
    }

    async fn register(&self, record: &NodeRecord) -> Result<(), Unreachable> {
        let json = serde_json::to_string(record).unwrap_or_default();
        let mut call = self.register.prepare_invoke();
        call.key(self.key("nodes"))
            .key(self.key(&format!("node:{}", record.id)));
        call.arg(record.id.as_str())
            .arg(json)
            .arg(self.node_ttl_ms)
            .arg(NODES);
        if self.invoke::<bool>(What::Record, &call).await? {
            return Ok(());
        }
        let words = format!("the cluster has {NODES} nodes already");
        self.link.failed(What::Record, &Failure::Said(words));
        Err(Unreachable)
    }

    async fn unregister(&self, id: &Name) -> Result<(), Unreachable> {
        let mut both = ::redis::pipe();
        both.cmd("DEL")
            .arg(self.key(&format!("node:{id}")))
            .ignore();
        both.cmd("ZREM")
            .arg(self.key("nodes"))
            .arg(id.as_str())
            .ignore();
        let act = async |connection: &mut _| both.query_async(connection).await;
        self.link.with(What::Record, act).await
    }

    async fn report(&self, reports: &[StreamReport]) -> Result<(), Unreachable> {
        let mut call = self.report.prepare_invoke();
        call.key(self.key("reports")).arg(REPORTS);
        for report in reports {
            call.key(self.key(&format!("report:{}", report.key)));
            call.arg(report.key.as_str())
                .arg(report.place())
                .arg(report.ttl_ms);
        }
        let refused: usize = self.invoke(What::Reports, &call).await?;
        if refused > 0 {
            let words = format!("there are {REPORTS} of them already");
            self.link.failed(What::Reports, &Failure::Said(words));
        }
        Ok(())
    }

    async fn recorded(&self, ops: &[RecordingOp]) -> Result<Vec<RecordingSaid>, Unreachable> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.recorded.prepare_invoke();
        call.arg(RECORDING_TERM_MS);
        for op in ops {
            call.key(self.key(&format!("recording:{}", op.key)));
            let recording = op.recording.map(|id| id.to_string());
            call.arg(op.act.name())
                .arg(recording.as_deref().unwrap_or(NO_RECORDING))
                .arg(op.node.as_str());
        }
        let texts: Vec<String> = self.invoke(What::Recordings, &call).await?;
        if texts.len() != ops.len() {
            return Err(Unreachable);
        }
        let said = texts.iter().map(|text| read_recorded(text));
        said.map(|said| said.ok_or(Unreachable)).collect()
    }

    async fn claim_nonce(
        &self,
        id: &str,
        by: &str,
        ttl_ms: i64,
    ) -> Result<Option<String>, Unreachable> {
        let key = self.key(&format!("nonce:{id}"));
        let mut set = cmd("SET");
        set.arg(&key).arg(by).arg("NX").arg("PX").arg(ttl_ms);
        let is_new: Option<String> = self.link.query(What::Nonces, &set).await?;
        if is_new.is_some() {
            return Ok(None);
        }
        let mut get = cmd("GET");
        get.arg(&key);
        let by: Option<String> = self.link.query(What::Nonces, &get).await?;
        // It may have expired between the two: then it was used, and nobody knows by whom.
        Ok(Some(by.unwrap_or_default()))
    }

    async fn everything(&self) -> Result<Everything, Unreachable> {
        let nodes = self.pages("nodes", "node", NODES, |_, json, _| {
            NodeRecord::from_json(json.as_bytes()).ok()
        });
        let nodes = nodes.await?;
        let streams = self.pages("leases", "lease", STREAMS, |key, text, _| {
            read_lease(&LeaseKey::new(key).ok()?, text)
        });
        Ok((nodes, streams.await?))
    }

    async fn reports(&self) -> Result<Vec<StreamReport>, Unreachable> {
        self.pages("reports", "report", REPORTS, |key, place, ttl_ms| {
            StreamReport::from_place(LeaseKey::new(key).ok()?, place, ttl_ms)
        })
        .await
    }

    /// Reads what an index names, some at a time; each with the milliseconds it has left.
    async fn pages<T>(
        &self,
        index: &str,
        kind: &str,
        most: usize,
        read: impl Fn(&str, &str, i64) -> Option<T>,
    ) -> Result<Vec<T>, Unreachable> {
        let until_us = self.link.now_us().saturating_add(READ_US);
        let mut all = Vec::new();
        for from in (0..most).step_by(PAGE) {
            let mut range = ::redis::pipe();
            range.cmd("TIME");
            range
                .cmd("ZRANGE")
                .arg(self.key(index))
                .arg(from)
                .arg(from + PAGE - 1);
            range.arg("WITHSCORES");
            let act = async |connection: &mut _| range.query_async(connection).await;
            type Page = ((i64, i64), Vec<(String, f64)>);
            let ((now_s, now_us), page): Page = self.link.with(What::Read, act).await?;
            let now_ms = now_s.saturating_mul(1000).saturating_add(now_us / 1000);
            let values = self
                .values(kind, page.iter().map(|(name, _)| name.as_str()))
                .await?;
            for ((name, ends_ms), value) in page.iter().zip(values) {
                let left_ms = (*ends_ms as i64).saturating_sub(now_ms).max(0);
                all.extend(value.and_then(|value| read(name, &value, left_ms)));
            }
            if page.len() < PAGE || self.link.now_us() > until_us {
                break;
            }
        }
        Ok(all)
    }

    async fn values(
        &self,
        kind: &str,
        names: impl Iterator<Item = &str>,
    ) -> Result<Vec<Option<String>>, Unreachable> {
        let keys: Vec<_> = names
            .map(|name| self.key(&format!("{kind}:{name}")))
            .collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = cmd("MGET");
        get.arg(keys);
        self.link.query(What::Read, &get).await
    }

    /// One subscription, from connection to failure; whether anything was heard.
    async fn hear(&self, me: &Name, inbox: &mpsc::Sender<BusEvent>) -> Result<bool, Failure> {
        let Ok((client, _, _)) = self.link.open().await else {
            // Said already, by who tried.
            return Ok(false);
        };
        let subscribe = async {
            let mut pubsub = client.get_async_pubsub().await?;
            let channels = [self.key("bus"), self.key(&format!("bus:{me}"))];
            pubsub.subscribe(&channels[..]).await?;
            Ok(pubsub)
        };
        let pubsub = within(CONNECT_MS + ANSWER_MS, subscribe).await?;
        let mut messages = pubsub.into_on_message();
        if inbox.send(BusEvent::Connected).await.is_err() {
            return Ok(true);
        }
        let mut has_heard = false;
        loop {
            let silence = Duration::from_millis(SILENCE_MS);
            let message = match tokio::time::timeout(silence, messages.next()).await {
                Ok(Some(message)) => message,
                Ok(None) if has_heard => return Ok(true),
                Ok(None) => return Err(Failure::Said("it hung up".to_owned())),
                Err(_) => return Err(Failure::Silent),
            };
            if !has_heard {
                self.link.went_well(What::Listen);
            }
            has_heard = true;
            match Message::from_json(message.get_payload_bytes()) {
                // A reader that is so far behind begins anew, with a gap that is mended.
                Ok(message) => match inbox.try_send(BusEvent::Message(Box::new(message))) {
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        let words = "this node is too slow for what the others say";
                        return Err(Failure::Said(words.to_owned()));
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => return Ok(true),
                    Ok(()) => (),
                },
                Err(error) => tracing::debug!(%error, "a message on the bus cannot be read"),
            }
        }
    }

    async fn listen(&self, me: &Name, inbox: &mpsc::Sender<BusEvent>) {
        let mut backoff = Backoff::new(LISTEN_AGAIN, Dice::system());
        while !inbox.is_closed() {
            let heard = tokio::select! {
                () = inbox.closed() => return,
                heard = self.hear(me, inbox) => heard,
            };
            match heard {
                Ok(true) => backoff.worked(LISTEN_AGAIN.steady),
                Ok(false) => {}
                Err(failure) => {
                    // Of the way there those tell who send: this node's own beats do.
                    if !failure.is_of_the_way() {
                        self.link.failed(What::Listen, &failure);
                    }
                }
            }
            let wait = backoff.failed();
            tokio::select! {
                () = inbox.closed() => return,
                () = tokio::time::sleep(wait) => (),
            }
        }
    }
}

impl Store for Redis {
    fn leases(&self, ops: Vec<Op>) -> Waiting<'_, Result<Vec<LeaseReply>, Unreachable>> {
        Box::pin(async move { self.0.leases(&ops).await })
    }

    fn find(&self, key: LeaseKey) -> Waiting<'_, Result<Option<StreamRecord>, Unreachable>> {
        Box::pin(async move {
            let names = std::iter::once(key.as_str());
            let values = self.0.values("lease", names).await?;
            let text = values.into_iter().flatten().next();
            Ok(text.and_then(|text| read_lease(&key, &text)))
        })
    }

    fn register(&self, record: NodeRecord) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.0.register(&record).await })
    }

    fn unregister(&self, id: Name) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.0.unregister(&id).await })
    }

    fn everything(&self) -> Waiting<'_, Result<Everything, Unreachable>> {
        Box::pin(self.0.everything())
    }

    fn report(&self, reports: Vec<StreamReport>) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move { self.0.report(&reports).await })
    }

    fn reports(&self) -> Waiting<'_, Result<Vec<StreamReport>, Unreachable>> {
        Box::pin(self.0.reports())
    }

    fn recorded(
        &self,
        ops: Vec<RecordingOp>,
    ) -> Waiting<'_, Result<Vec<RecordingSaid>, Unreachable>> {
        Box::pin(async move { self.0.recorded(&ops).await })
    }
}

impl NonceStore for Redis {
    fn claim_nonce(
        &self,
        id: String,
        by: String,
        ttl_ms: i64,
    ) -> Waiting<'_, Result<Option<String>, Unreachable>> {
        Box::pin(async move { self.0.claim_nonce(&id, &by, ttl_ms.max(1)).await })
    }
}

impl Bus for Redis {
    fn send(&self, to: Option<Name>, message: Message) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let channel =
                to.map_or_else(|| self.0.key("bus"), |to| self.0.key(&format!("bus:{to}")));
            let mut publish = cmd("PUBLISH");
            publish.arg(channel).arg(message.to_json());
            self.0.link.query(What::Send, &publish).await
        })
    }

    fn listen(&self, me: Name, inbox: mpsc::Sender<BusEvent>) -> Waiting<'_, ()> {
        Box::pin(async move { self.0.listen(&me, &inbox).await })
    }
}

fn triple(held: &Held) -> (u64, u64, u64) {
    (held.boot, held.claim, held.epoch)
}

fn read_answer(key: &LeaseKey, text: &str) -> Option<LeaseReply> {
    match text.split_at_checked(1)? {
        ("Y", epoch) => Some(LeaseReply::Yours(epoch.parse().ok()?)),
        ("T", lease) => Some(LeaseReply::Theirs(read_lease(key, lease)?)),
        ("N", _) => Some(LeaseReply::Nobody),
        _ => None,
    }
}

/// `recording 1 time`, or `0` where somebody else has said something since.
fn read_recorded(text: &str) -> Option<RecordingSaid> {
    let mut words = text.split(' ');
    let (recording, is_own) = (words.next()?, words.next()?);
    Some(RecordingSaid {
        recording: match recording {
            NO_RECORDING => None,
            id => Some(id.parse().ok()?),
        },
        is_own: is_own == "1",
        at_ms: words.next()?.parse().ok()?,
    })
}

/// `epoch boot claim over since_ms node`.
fn read_lease(key: &LeaseKey, text: &str) -> Option<StreamRecord> {
    let mut words = text.split(' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (epoch, boot, claim, over) = (number()?, number()?, number()?, number()?);
    let since_ms = words.next()?.parse().ok()?;
    let node = Name::new(words.next()?).ok()?;
    Some(StreamRecord {
        key: key.clone(),
        node,
        boot,
        claim,
        epoch,
        since_ms,
        over,
    })
}
