//! A Redis for messages: scripts that are run, and channels that are listened to one by one.
//!
//! All keys and channels have one hash tag, so that they are on one server of a Redis Cluster; there channels are
//! sharded (`SSUBSCRIBE`, `SPUBLISH`), elsewhere they are plain ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError, Script, Value, cmd};
use futures_util::future::try_join_all;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use weir_base::{Backoff, Clock, Dice};

use super::connect::{ANSWER_MS, CONNECT_MS, Connector, within};
use super::link::Link;
use super::url::{Servers, Target};
use super::words::{Failure, What};
use super::{LISTEN_AGAIN, SetupError};
use crate::lease::Unreachable;

/// Between two questions whether the server is still there, milliseconds: what it said meanwhile is lost with it.
const SIGN_MS: u64 = 1_000;
/// Channels in one command.
const CHANNELS_AT_ONCE: usize = 128;

/// See the file's words. Cheap to clone.
#[derive(Clone)]
pub struct RedisLine(Arc<Inner>);

struct Inner {
    link: Link,
    is_sharded: bool,
}

/// A script, sent once and then named.
pub struct LineScript(Script);

/// What happens to a line that is listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEvent {
    /// It is open, and no channel is listened to.
    Connected,
    /// These channels are listened to from now on.
    Listening(Vec<String>),
    /// Something was said in a channel.
    Message(String, Vec<u8>),
    /// It is not open any more.
    Lost,
}

/// What is to be listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// This channel.
    Listen(String),
    /// This channel no more.
    Leave(String),
}

/// Wishes that wait for the line. As many as whoever makes them has channels.
#[derive(Debug, Default)]
pub struct Wishes {
    queue: Mutex<VecDeque<Wish>>,
    news: Notify,
}

impl Wishes {
    /// One more.
    pub fn make(&self, wish: Wish) {
        self.queue.lock().push_back(wish);
        self.news.notify_one();
    }

    /// The first of them that are alike.
    fn take(&self) -> (Vec<String>, bool) {
        let mut queue = self.queue.lock();
        let is_listen = matches!(queue.front(), Some(Wish::Listen(_)));
        let mut channels = Vec::new();
        while channels.len() < CHANNELS_AT_ONCE {
            match queue.pop_front() {
                Some(Wish::Listen(channel)) if is_listen => channels.push(channel),
                Some(Wish::Leave(channel)) if !is_listen => channels.push(channel),
                Some(other) => {
                    queue.push_front(other);
                    break;
                }
                None => break,
            }
        }
        (channels, is_listen)
    }

    fn clear(&self) {
        self.queue.lock().clear();
    }
}

impl LineScript {
    /// Of this text; all that it answers are texts, in one list.
    pub fn new(text: &str) -> Self {
        Self(Script::new(text))
    }
}

impl std::fmt::Debug for RedisLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "redis {:?}", self.0.link.target())
    }
}

impl RedisLine {
    /// To `url`, for keys with this hash tag; connects when first used. `called` is what an operator reads of it.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn new(
        url: &str,
        tag: &str,
        called: &'static str,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let target = Target::parse(url)?;
        let is_sharded = matches!(target.servers, Servers::Cluster(_));
        let connector = Connector::new(&target, format!("{{{tag}}}"))?;
        let link = Link::new(called, target, connector, clock);
        Ok(Self(Arc::new(Inner { link, is_sharded })))
    }

    /// How something is said in a channel, for scripts.
    pub fn verb(&self) -> &'static str {
        match self.0.is_sharded {
            true => "SPUBLISH",
            false => "PUBLISH",
        }
    }

    /// Runs a script.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn run(
        &self,
        script: &LineScript,
        (keys, args): (&[String], &[Vec<u8>]),
    ) -> Result<Vec<Vec<u8>>, Unreachable> {
        let mut call = script.0.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        for arg in args {
            call.arg(arg.as_slice());
        }
        let act =
            async |connection: &mut MultiplexedConnection| call.invoke_async(connection).await;
        self.0.link.with(What::Ask, act).await
    }

    /// Says something in channels, in this order.
    ///
    /// # Errors
    /// When there is no answer; some of it may have been said.
    pub async fn publish(&self, messages: &[(String, Vec<u8>)]) -> Result<(), Unreachable> {
        let mut all = ::redis::pipe();
        for (channel, message) in messages {
            let publish = all.cmd(self.verb());
            publish.arg(channel).arg(message.as_slice()).ignore();
        }
        let act = async |connection: &mut MultiplexedConnection| all.query_async(connection).await;
        self.0.link.with(What::Send, act).await
    }

    /// Listens to what is wished, connecting anew whenever the line breaks, for as long as somebody has the other end
    /// of `inbox`.
    pub async fn listen(&self, wishes: &Wishes, inbox: &mpsc::Sender<LineEvent>) {
        let mut backoff = Backoff::new(LISTEN_AGAIN, Dice::system());
        while !inbox.is_closed() {
            let heard = tokio::select! {
                () = inbox.closed() => return,
                heard = self.hear(wishes, inbox) => heard,
            };
            match heard {
                // Told already, by who tried to connect.
                Ok(()) => {}
                Err(failure) => {
                    backoff.worked(LISTEN_AGAIN.steady);
                    self.0.link.failed(What::Listen, &failure);
                }
            }
            wishes.clear();
            if inbox.send(LineEvent::Lost).await.is_err() {
                return;
            }
            tokio::select! {
                () = inbox.closed() => return,
                () = tokio::time::sleep(backoff.failed()) => (),
            }
        }
    }

    /// One connection, from its beginning to its failure; nothing where there was none.
    async fn hear(&self, wishes: &Wishes, inbox: &mpsc::Sender<LineEvent>) -> Result<(), Failure> {
        let Ok((client, _, _)) = self.0.link.open().await else {
            return Ok(());
        };
        let overrun = Arc::new(Notify::new());
        let leaving = Arc::new(AtomicUsize::new(0));
        let mut line = self.open(&client, inbox, (&overrun, &leaving)).await?;
        self.0.link.went_well(What::Listen);
        wishes.clear();
        if inbox.send(LineEvent::Connected).await.is_err() {
            return Ok(());
        }
        let mut sign = tokio::time::interval(Duration::from_millis(SIGN_MS));
        sign.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = overrun.notified() => {
                    let words = "the line broke, or this node is too slow for what is said on it";
                    return Err(Failure::Said(words.to_owned()));
                }
                () = wishes.news.notified() => self.wish((&mut line, &leaving), wishes, inbox).await?,
                _ = sign.tick() => {
                    let ask = async { Ok(cmd("PING").exec_async(&mut line).await?) };
                    within(ANSWER_MS, ask).await?;
                }
            }
        }
    }

    async fn open(
        &self,
        client: &::redis::Client,
        inbox: &mpsc::Sender<LineEvent>,
        (overrun, leaving): (&Arc<Notify>, &Arc<AtomicUsize>),
    ) -> Result<MultiplexedConnection, Failure> {
        let (inbox, overrun, leaving) = (inbox.clone(), overrun.clone(), leaving.clone());
        let pushed = move |info: PushInfo| {
            let is_over = match (&info.kind, &info.data[..]) {
                (
                    PushKind::Message | PushKind::SMessage,
                    [Value::BulkString(channel), Value::BulkString(message)],
                ) => {
                    let channel = String::from_utf8_lossy(channel).into_owned();
                    let event = LineEvent::Message(channel, message.clone());
                    inbox.try_send(event).is_err()
                }
                (PushKind::Disconnection, _) => true,
                // A slot that moves to another server takes its channels along, unasked.
                (PushKind::SUnsubscribe, _) => leaving
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_err(),
                _ => false,
            };
            if is_over {
                overrun.notify_one();
            }
            Ok::<(), std::convert::Infallible>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(CONNECT_MS)))
            .set_response_timeout(Some(Duration::from_millis(ANSWER_MS)))
            .set_push_sender(pushed);
        let client = self.0.link.told(client)?;
        let opening = client.get_multiplexed_async_connection_with_config(&config);
        within(CONNECT_MS + ANSWER_MS, async { Ok(opening.await?) }).await
    }

    /// Does what is wished.
    async fn wish(
        &self,
        (line, leaving): (&mut MultiplexedConnection, &AtomicUsize),
        wishes: &Wishes,
        inbox: &mpsc::Sender<LineEvent>,
    ) -> Result<(), Failure> {
        loop {
            let (channels, is_listen) = wishes.take();
            if channels.is_empty() {
                return Ok(());
            }
            if !is_listen {
                leaving.fetch_add(channels.len(), Ordering::Relaxed);
            }
            let act = async {
                match (self.0.is_sharded, is_listen) {
                    (false, true) => line.subscribe(&channels[..]).await?,
                    (false, false) => line.unsubscribe(&channels[..]).await?,
                    (true, true) => sharded(line, "SSUBSCRIBE", &channels).await?,
                    (true, false) => sharded(line, "SUNSUBSCRIBE", &channels).await?,
                }
                Ok(())
            };
            within(ANSWER_MS, act).await?;
            if is_listen && inbox.send(LineEvent::Listening(channels)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// A command for each channel, as the client counts one answer a command.
async fn sharded(
    line: &MultiplexedConnection,
    verb: &str,
    channels: &[String],
) -> Result<(), RedisError> {
    let one = async |channel: &String| {
        let mut line = line.clone();
        cmd(verb).arg(channel).exec_async(&mut line).await
    };
    try_join_all(channels.iter().map(one)).await?;
    Ok(())
}
