//! Store and bus in Redis or Valkey.
//!
//! Keys, all in one slot of a Redis Cluster by their hash tag, `c` being the cluster's name:
//!
//! | key | what | lives |
//! |---|---|---|
//! | `weir:{c}:lease:STREAM` | a lease, as `leases.lua` tells | the term of a lease |
//! | `weir:{c}:leases` | streams with a lease, scored by when it ends | while there are any |
//! | `weir:{c}:epoch` | the last epoch given | always; one number |
//! | `weir:{c}:node:ID` | a node's record, JSON | some heartbeats |
//! | `weir:{c}:nodes` | nodes with a record, scored by when it ends | while there are any |
//!
//! Channels: `weir:{c}:bus` for all nodes, `weir:{c}:bus:ID` for one. Nothing is ever scanned.

mod url;

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, Script,
    TlsMode,
};
use futures_util::StreamExt;
use tokio::sync::{Mutex, mpsc};
use weir_base::Clock;

pub use url::{Target, UrlError};

use crate::lease::Unreachable;
use crate::limits::NODES;
use crate::message::Message;
use crate::name::{Name, StreamName};
use crate::record::{NodeRecord, StreamRecord};
use crate::store::{Bus, Everything, Heard, Store, Waiting};
use crate::table::{Answer, Held, Op};

/// How long a connection may take, milliseconds.
const CONNECT_MS: u64 = 500;
/// How long an answer may take, milliseconds; the lease keeper gives up after as long.
const ANSWER_MS: u64 = 800;
/// After a failed connection nobody tries again for so long, microseconds: they are told at once.
const RETRY_US: i64 = 200_000;
/// A listener that hears nothing for so long, milliseconds, connects anew: this node's own beats would
/// come more often.
const SILENCE_MS: u64 = 6_000;
/// Leases read at once when everything is read.
const PAGE: usize = 1_000;
/// The script in place of a batch of commands.
const LEASES: &str = include_str!("leases.lua");
/// Prunes an index and writes a record: KEYS index, record; ARGV id, JSON, term.
const REGISTER: &str = r"
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1";

/// A store and a bus in one Redis.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    target: Target,
    server: Server,
    prefix: String,
    ttl_ms: i64,
    node_ttl_ms: i64,
    clock: Clock,
    connection: Mutex<Connection>,
    leases: Script,
    register: Script,
}

enum Server {
    Single(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>, Vec<String>),
}

#[derive(Default)]
struct Connection {
    open: Option<Open>,
    failed_us: Option<i64>,
    /// Counts connections, so that a failure closes the one it was of.
    generation: u64,
}

#[derive(Clone)]
enum Open {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.target)
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
}

impl Redis {
    /// Of the cluster `cluster` at `url`; connects when first used. Terms are in milliseconds.
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
        let server = match &target {
            Target::Single(url) => Server::Single(Box::new(Client::open(url.as_str())?)),
            Target::Sentinel {
                sentinels,
                master,
                server,
            } => {
                let settings = server
                    .as_str()
                    .into_connection_info()?
                    .redis_settings()
                    .clone();
                let node =
                    SentinelNodeConnectionInfo::default().set_redis_connection_info(settings);
                let tls = server.starts_with("rediss");
                let node = if tls {
                    node.set_tls_mode(TlsMode::Secure)
                } else {
                    node
                };
                let kind = SentinelServerType::Master;
                let client = SentinelClient::build(sentinels.clone(), master, Some(node), kind)?;
                Server::Sentinel(Box::new(Mutex::new(client)))
            }
            Target::Cluster(urls) => {
                let client = ClusterClient::builder(urls.clone())
                    .connection_timeout(Duration::from_millis(CONNECT_MS))
                    .response_timeout(Duration::from_millis(ANSWER_MS))
                    .retries(1)
                    .build()?;
                Server::Cluster(Box::new(client), urls.clone())
            }
        };
        Ok(Self(Arc::new(Inner {
            target,
            server,
            prefix: format!("weir:{{{cluster}}}"),
            ttl_ms,
            node_ttl_ms,
            clock,
            connection: Mutex::default(),
            leases: Script::new(LEASES),
            register: Script::new(REGISTER),
        })))
    }
}

impl Inner {
    fn key(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }

    /// Does something over the shared connection, which is made anew after a failure.
    async fn with<T>(
        &self,
        what: impl AsyncFnOnce(&mut Open) -> Result<T, RedisError>,
    ) -> Result<T, Unreachable> {
        let (mut open, generation) = self.open().await?;
        let timeout = Duration::from_millis(ANSWER_MS);
        let done = tokio::time::timeout(timeout, what(&mut open)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::debug!(%error, "redis");
                // A script's own error is not the connection's, and closing it costs little.
                self.close(generation).await;
                Err(Unreachable)
            }
            Err(_) => {
                tracing::debug!("redis did not answer in {ANSWER_MS} ms");
                self.close(generation).await;
                Err(Unreachable)
            }
        }
    }

    async fn open(&self) -> Result<(Open, u64), Unreachable> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = &connection.open {
            return Ok((open.clone(), connection.generation));
        }
        let now_us = self.clock.now_us();
        if connection
            .failed_us
            .is_some_and(|at| now_us.saturating_sub(at) < RETRY_US)
        {
            return Err(Unreachable);
        }
        match tokio::time::timeout(Duration::from_millis(CONNECT_MS), self.connect()).await {
            Ok(Ok(open)) => {
                connection.open = Some(open.clone());
                connection.failed_us = None;
                connection.generation += 1;
                Ok((open, connection.generation))
            }
            failed => {
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "redis: no connection");
                }
                connection.failed_us = Some(self.clock.now_us());
                Err(Unreachable)
            }
        }
    }

    async fn connect(&self) -> Result<Open, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(CONNECT_MS)))
            .set_response_timeout(Some(Duration::from_millis(ANSWER_MS)));
        let client = match &self.server {
            Server::Single(client) => Client::clone(client),
            Server::Sentinel(client) => client.lock().await.async_get_client().await?,
            Server::Cluster(client, _) => {
                return Ok(Open::Cluster(client.get_async_connection().await?));
            }
        };
        Ok(Open::One(
            client
                .get_multiplexed_async_connection_with_config(&config)
                .await?,
        ))
    }

    async fn close(&self, generation: u64) {
        let mut connection = self.connection.lock().await;
        if connection.generation == generation {
            connection.open = None;
        }
    }

    async fn leases(&self, ops: &[Op]) -> Result<Vec<Answer>, Unreachable> {
        let mut call = self.leases.prepare_invoke();
        call.key(self.key("epoch"))
            .key(self.key("leases"))
            .arg(self.ttl_ms);
        for op in ops {
            let (kind, key, node, held, over, seen, since_ms) = match op {
                Op::Claim { record, over, seen } => {
                    let held = (record.boot, record.claim, record.epoch);
                    (
                        "claim",
                        &record.key,
                        record.node.as_str(),
                        held,
                        *over,
                        *seen,
                        record.since_ms,
                    )
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
        let texts: Vec<String> = self.with(async |open| open.invoke(&call).await).await?;
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

    async fn everything(&self) -> Result<Everything, Unreachable> {
        let ids: Vec<String> = self.range("nodes", 0, NODES).await?;
        let nodes = self.values("node", &ids).await?;
        let nodes = nodes
            .iter()
            .flatten()
            .filter_map(|json| NodeRecord::from_json(json.as_bytes()).ok())
            .collect();
        let mut streams = Vec::new();
        for from in (0..crate::limits::STREAMS).step_by(PAGE) {
            let keys: Vec<String> = self.range("leases", from, PAGE).await?;
            let values = self.values("lease", &keys).await?;
            let pairs = keys
                .iter()
                .zip(values)
                .filter_map(|(key, value)| Some((key, value?)));
            streams.extend(
                pairs.filter_map(|(key, text)| read_lease(&StreamName::new(key).ok()?, &text)),
            );
            if keys.len() < PAGE {
                break;
            }
        }
        Ok((nodes, streams))
    }

    async fn range(
        &self,
        index: &str,
        from: usize,
        count: usize,
    ) -> Result<Vec<String>, Unreachable> {
        let mut range = ::redis::cmd("ZRANGE");
        range.arg(self.key(index)).arg(from).arg(from + count - 1);
        self.with(async |open| open.query(&range).await).await
    }

    async fn values(
        &self,
        kind: &str,
        names: &[String],
    ) -> Result<Vec<Option<String>>, Unreachable> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = ::redis::cmd("MGET");
        for name in names {
            get.arg(self.key(&format!("{kind}:{name}")));
        }
        self.with(async |open| open.query(&get).await).await
    }

    /// One subscription, from connection to failure.
    async fn hear(&self, me: &Name, inbox: &mpsc::Sender<Heard>) -> Result<(), RedisError> {
        let connect = async {
            let client = match &self.server {
                Server::Single(client) => Client::clone(client),
                Server::Sentinel(client) => client.lock().await.async_get_client().await?,
                // A cluster passes messages on to all of its servers: any will do that answers.
                Server::Cluster(_, urls) => self.any_of(urls).await?,
            };
            let mut pubsub = client.get_async_pubsub().await?;
            pubsub.subscribe(self.key("bus")).await?;
            pubsub.subscribe(self.key(&format!("bus:{me}"))).await?;
            Ok::<_, RedisError>(pubsub)
        };
        let timeout = Duration::from_millis(CONNECT_MS + ANSWER_MS);
        let Ok(pubsub) = tokio::time::timeout(timeout, connect).await else {
            return Ok(());
        };
        let mut messages = pubsub?.into_on_message();
        if inbox.send(Heard::Connected).await.is_err() {
            return Ok(());
        }
        let silence = Duration::from_millis(SILENCE_MS);
        while let Ok(Some(message)) = tokio::time::timeout(silence, messages.next()).await {
            match Message::from_json(message.get_payload_bytes()) {
                Ok(message) => {
                    if inbox.send(Heard::Message(Box::new(message))).await.is_err() {
                        return Ok(());
                    }
                }
                Err(error) => tracing::debug!(%error, "a message on the bus cannot be read"),
            }
        }
        Ok(())
    }

    async fn any_of(&self, urls: &[String]) -> Result<Client, RedisError> {
        let mut last = None;
        for url in urls {
            let client = Client::open(url.as_str())?;
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(Duration::from_millis(CONNECT_MS / 2)));
            match client
                .get_multiplexed_async_connection_with_config(&config)
                .await
            {
                Ok(_) => return Ok(client),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound).into()))
    }
}

impl Open {
    async fn invoke<T: FromRedisValue>(
        &mut self,
        call: &::redis::ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        match self {
            Self::One(connection) => call.invoke_async(connection).await,
            Self::Cluster(connection) => call.invoke_async(connection).await,
        }
    }

    async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        match self {
            Self::One(connection) => on(connection, command).await,
            Self::Cluster(connection) => on(connection, command).await,
        }
    }
}

async fn on<T: FromRedisValue>(
    connection: &mut impl ConnectionLike,
    command: &Cmd,
) -> Result<T, RedisError> {
    command.query_async(connection).await
}

impl Store for Redis {
    fn leases(&self, ops: Vec<Op>) -> Waiting<'_, Result<Vec<Answer>, Unreachable>> {
        Box::pin(async move { self.0.leases(&ops).await })
    }

    fn find(&self, key: StreamName) -> Waiting<'_, Result<Option<StreamRecord>, Unreachable>> {
        Box::pin(async move {
            let values = self.0.values("lease", &[key.to_string()]).await?;
            let text = values.into_iter().flatten().next();
            Ok(text.and_then(|text| read_lease(&key, &text)))
        })
    }

    fn register(&self, record: NodeRecord) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let inner = &self.0;
            let json = serde_json::to_string(&record).unwrap_or_default();
            let mut call = inner.register.prepare_invoke();
            call.key(inner.key("nodes"))
                .key(inner.key(&format!("node:{}", record.id)));
            call.arg(record.id.as_str())
                .arg(json)
                .arg(inner.node_ttl_ms);
            inner
                .with(async |open| open.invoke::<()>(&call).await)
                .await
        })
    }

    fn unregister(&self, id: Name) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let inner = &self.0;
            let mut delete = ::redis::cmd("DEL");
            delete.arg(inner.key(&format!("node:{id}")));
            let mut forget = ::redis::cmd("ZREM");
            forget.arg(inner.key("nodes")).arg(id.as_str());
            inner
                .with(async |open| open.query::<()>(&delete).await)
                .await?;
            inner
                .with(async |open| open.query::<()>(&forget).await)
                .await
        })
    }

    fn everything(&self) -> Waiting<'_, Result<Everything, Unreachable>> {
        Box::pin(self.0.everything())
    }
}

impl Bus for Redis {
    fn send(&self, to: Option<Name>, message: Message) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(async move {
            let channel =
                to.map_or_else(|| self.0.key("bus"), |to| self.0.key(&format!("bus:{to}")));
            let mut publish = ::redis::cmd("PUBLISH");
            publish.arg(channel).arg(message.to_json());
            self.0
                .with(async |open| open.query::<()>(&publish).await)
                .await
        })
    }

    fn listen(&self, me: Name, inbox: mpsc::Sender<Heard>) -> Waiting<'_, ()> {
        Box::pin(async move {
            while !inbox.is_closed() {
                tokio::select! {
                    () = inbox.closed() => return,
                    heard = self.0.hear(&me, &inbox) => {
                        if let Err(error) = heard {
                            tracing::debug!(%error, "redis: the subscription ended");
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(CONNECT_MS / 2)).await;
            }
        })
    }
}

fn triple(held: &Held) -> (u64, u64, u64) {
    (held.boot, held.claim, held.epoch)
}

fn read_answer(key: &StreamName, text: &str) -> Option<Answer> {
    match text.split_at_checked(1)? {
        ("Y", epoch) => Some(Answer::Yours(epoch.parse().ok()?)),
        ("T", lease) => Some(Answer::Theirs(read_lease(key, lease)?)),
        ("N", _) => Some(Answer::Nobody),
        _ => None,
    }
}

/// `epoch boot claim over since_ms node`.
fn read_lease(key: &StreamName, text: &str) -> Option<StreamRecord> {
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
