//! A stream of this node handed on to the origin that owns it, and to another when that one dies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use weir_base::{Code, Refusal, limits};
use weir_hub::{Client, Protocol, Role, Stream};
use weir_link::node::{NodeRequest, unreachable};
use weir_proto::relay::{self, Decoder, Limits, Record};

use super::ask::{self, HEAD_TIMEOUT};
use super::link::{SILENCE, breach};
use super::origins::{PublishIntent, is_of_the_node};
use super::{NOWHERE, Node, rtmp_url, srs};
use crate::deliver::{Format, Framing, Inbound, NewViewer, Sink};

/// Between two tries to find another origin, while the publisher is live all the time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Bytes read at once: an origin says little.
const READ_BYTES: usize = 1024;

/// A connection to a node that takes the stream.
pub(crate) struct Uplink {
    intent: PublishIntent,
    url: String,
    form: Form,
}

enum Form {
    /// Another weir, ready for records.
    Weir(Box<TokioIo<Upgraded>>),
    /// A server that speaks RTMP alone; it is connected to when the stream begins.
    Rtmp,
}

impl std::fmt::Debug for Uplink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uplink({} to {})", self.intent.name, self.url)
    }
}

impl Uplink {
    /// Asks the node at `url` to take the stream.
    pub(super) async fn open(
        node: &Node,
        intent: &PublishIntent,
        over: u64,
        url: &str,
    ) -> Result<Self, Refusal> {
        let uplink = |form| Self {
            intent: intent.clone(),
            url: url.to_owned(),
            form,
        };
        if url.starts_with("rtmp") {
            return Ok(uplink(Form::Rtmp));
        }
        let via = intent.via.and(&node.settings().me).to_string();
        let over = if over > 0 {
            over.to_string()
        } else {
            String::new()
        };
        let takeover = if intent.takeover { "1" } else { "" };
        let pairs = [
            ("via", via.as_str()),
            ("over", &over),
            ("takeover", takeover),
        ];
        let target = super::target("/relay", &intent.name, "", &pairs);
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static(relay::UPGRADE));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        let request = NodeRequest {
            base: url,
            method: Method::GET,
            target: &target,
            headers,
            head_timeout: HEAD_TIMEOUT,
        };
        let answer = ask::ask(node, request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ask::refusal_of(url, answer).await);
        }
        let upgraded = answer.upgrade().await;
        let upgraded = upgraded.map_err(|error| unreachable(url, &error))?;
        Ok(uplink(Form::Weir(Box::new(upgraded))))
    }
}

/// How a push ended.
enum Ended {
    /// The publisher has gone.
    Over,
    /// The origin will not have this publisher.
    Refused(Code, String),
    /// The origin broke, or goes.
    Broken(String),
}

/// One stream on its way up, for as long as its publisher is there.
pub(super) struct Pushing {
    pub(super) node: Node,
    pub(super) stream: Arc<Stream>,
    pub(super) client: Arc<Client>,
}

impl Pushing {
    pub(super) async fn run(self, uplink: Uplink) {
        let shutdown = self.node.core().shutdown.clone();
        let cluster = self.node.cluster().clone();
        let key = uplink.intent.key.clone();
        // Viewers near the publisher's edge need no second way for what is there already.
        cluster.with(|member, now_us| member.carry(&key, now_us));
        tokio::select! {
            () = self.keep(uplink) => {}
            () = shutdown.stopping() => {}
        }
        cluster.with(|member, now_us| member.drop_carried(&key, now_us));
    }

    async fn keep(&self, mut uplink: Uplink) {
        loop {
            let intent = uplink.intent.clone();
            let url = uplink.url.clone();
            tracing::info!(stream = %intent.name, origin = %url, "handed on");
            match self.feed(uplink).await {
                Ended::Over => return,
                Ended::Refused(code, detail) => {
                    tracing::info!(stream = %intent.name, origin = %url, code = code.number(), "the origin ends the stream: {detail}");
                    self.client.kick(code);
                    return;
                }
                Ended::Broken(why) => {
                    tracing::warn!(stream = %intent.name, origin = %url, "the origin broke: {why}; looking for another");
                    let now_us = self.node.core().hub.clock().now_us();
                    self.node.0.router.lock().failed(&url, now_us);
                }
            }
            match self.connect_again(&intent, &url).await {
                Some(next) => uplink = next,
                None => return,
            }
        }
    }

    /// Another origin, as long as the publisher is there. It may take the name over from the one that
    /// broke, whose lease nobody has ended.
    async fn connect_again(&self, intent: &PublishIntent, broken: &str) -> Option<Uplink> {
        while self.is_live() {
            let over = self.node.0.cluster.with(|member, _| {
                let owner = member.view().owner(&intent.key);
                owner.map_or(0, |owner| owner.epoch)
            });
            let except = [broken.to_owned()];
            match self.node.connect_up(intent, over, &except).await {
                Ok(uplink) => return Some(uplink),
                Err(refused) if is_of_the_node(refused.code) => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(refused) => {
                    self.client.kick(refused.code);
                    return None;
                }
            }
        }
        None
    }

    fn is_live(&self) -> bool {
        self.client.kicked().is_none()
            && self
                .stream
                .publisher()
                .is_some_and(|publisher| publisher.id == self.client.id)
    }

    async fn feed(&self, uplink: Uplink) -> Ended {
        match uplink.form {
            Form::Weir(io) => self.feed_weir(*io).await,
            Form::Rtmp => self.feed_rtmp(&uplink.url).await,
        }
    }

    async fn feed_rtmp(&self, base: &str) -> Ended {
        let url = rtmp_url(base, &self.stream.name);
        let (started, _) = oneshot::channel();
        let stop = async {
            while self.is_live() {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        };
        let own = &self.node.settings().own;
        match srs::push(
            &self.node.core().hub,
            &url,
            own,
            self.stream.clone(),
            started,
            stop,
        )
        .await
        {
            Ok(()) => Ended::Over,
            Err(refusal) if is_of_the_node(refusal.code) || refusal.code == Code::Moved => {
                Ended::Broken(refusal.detail.into())
            }
            Err(refusal) => Ended::Refused(refusal.code, refusal.detail.into()),
        }
    }

    /// The delivery loops make the bytes, as for any viewer; here they go into the connection, and
    /// what the origin says is heard.
    async fn feed_weir(&self, io: TokioIo<Upgraded>) -> Ended {
        let hub = &self.node.core().hub;
        let now_us = hub.clock().now_us();
        let (queue, batches) = mpsc::channel(limits::RELAYED_BATCHES);
        let client = hub.clients().enter(
            Role::Viewer,
            Protocol::Relay,
            self.stream.name.clone(),
            NOWHERE,
            now_us,
        );
        let client = match client {
            Ok(client) => client,
            Err(refusal) => return Ended::Refused(refusal.code, refusal.detail.into()),
        };
        let viewer = NewViewer {
            sink: Sink::Relay(queue),
            client,
            greeting: Vec::new(),
            inbound: Inbound::Elsewhere,
        };
        let format = Format::Relay {
            framing: Framing::Raw,
        };
        let pool = &self.node.core().pool;
        if let Err(refusal) = pool.add(self.stream.clone(), format, viewer) {
            return Ended::Refused(refusal.code, refusal.detail.into());
        }
        let (reader, writer) = tokio::io::split(io);
        tokio::select! {
            ended = self.send(writer, batches) => ended,
            ended = hear(reader) => ended,
            // Whoever has the stream's place here now is not for this connection to hand on.
            _ = self.client.wait_kicked() => Ended::Over,
        }
    }

    async fn send(
        &self,
        mut writer: WriteHalf<TokioIo<Upgraded>>,
        mut batches: mpsc::Receiver<Bytes>,
    ) -> Ended {
        while let Some(batch) = batches.recv().await {
            let sent = tokio::time::timeout(SILENCE, writer.write_all(&batch)).await;
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Ended::Broken(error.to_string()),
                Err(_) => return Ended::Broken("it does not read".into()),
            }
        }
        let _ = tokio::time::timeout(SILENCE, writer.shutdown()).await;
        if self.is_live() {
            return Ended::Broken("the delivery loop let it go: it was too slow".into());
        }
        Ended::Over
    }
}

/// Until the origin says that it is over, or is silent: it beats once a second.
async fn hear(mut reader: ReadHalf<TokioIo<Upgraded>>) -> Ended {
    let mut decoder = Decoder::new(Limits::default());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match tokio::time::timeout(SILENCE, reader.read(&mut buffer)).await {
            Ok(Ok(0)) => return Ended::Broken("it closed the connection".into()),
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Ended::Broken(error.to_string()),
            Err(_) => return Ended::Broken("it is silent".into()),
        };
        decoder.push(Bytes::copy_from_slice(
            buffer.get(..read).unwrap_or_default(),
        ));
        loop {
            match decoder.poll() {
                Ok(None) => break,
                Ok(Some(Record::End { code, detail, .. })) => {
                    let code = Code::from_number(code).unwrap_or(Code::OriginUnreachable);
                    if is_of_the_node(code) || code == Code::Moved {
                        return Ended::Broken(format!("{code}: {detail}"));
                    }
                    return Ended::Refused(code, detail);
                }
                Ok(Some(_)) => {}
                Err(error) => return Ended::Broken(breach(&error).detail.into()),
            }
        }
    }
}
