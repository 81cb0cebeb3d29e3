//! A stream of this node handed on to the origin that owns it, and to another when that one dies.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use weir_base::Code;
use weir_hub::{Client, Stream, StreamPosition};
use weir_proto::relay::{Record, RelayDecoder, RelayLimits};

use super::origins::PublishIntent;
use super::relay_pull::{SILENCE, breach};
use super::uplink::{Carrier, Uplink};
use super::{NOWHERE, Node, rtmp_url, srs};
use crate::deliver::forms::relay::Relay;
use crate::deliver::{Format, Playback};

/// Between two tries to find another origin, while the publisher is live all the time.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How long what went up may be on its way to those who watch at other nodes, microseconds: they may
/// have so much less than what this node had when the origin last spoke.
const ON_ITS_WAY_US: i64 = 1_000_000;
/// Bytes read at once: an origin says little.
const READ_BYTES: usize = 1024;

/// How a push ended.
enum PushEnd {
    /// The publisher has gone.
    Over,
    /// The origin will not have this publisher.
    Refused(Code, String),
    /// The origin broke, or goes.
    Broken(String),
}

/// How far this node had the stream when an origin last said that it lives: what is sent again to the next
/// begins before that.
type Confirmed = Mutex<Option<StreamPosition>>;

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
        let confirmed = Confirmed::default();
        loop {
            let intent = uplink.intent.clone();
            let url = uplink.url.clone();
            tracing::info!(stream = %intent.name, origin = %url, "handed on");
            match self.feed(uplink, &confirmed).await {
                PushEnd::Over => return,
                PushEnd::Refused(code, detail) => {
                    tracing::info!(stream = %intent.name, origin = %url, code = code.number(), "the origin ends the stream: {detail}");
                    self.client.kick(code);
                    return;
                }
                PushEnd::Broken(why) => {
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
            let over = self.node.0.cluster.with(|member, now_us| {
                let whereabouts = member.view().whereabouts(&intent.key, now_us);
                whereabouts.lease().map_or(0, |lease| lease.epoch)
            });
            let except = [broken.to_owned()];
            match self.node.connect_up(intent, over, &except).await {
                Ok(uplink) => return Some(uplink),
                Err(refused) if refused.code.is_retryable_elsewhere() => {
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

    async fn feed(&self, uplink: Uplink, confirmed: &Confirmed) -> PushEnd {
        match uplink.carrier {
            Carrier::Weir(io) => self.feed_weir(*io, confirmed).await,
            Carrier::Rtmp => self.feed_rtmp(&uplink.url).await,
        }
    }

    async fn feed_rtmp(&self, base: &str) -> PushEnd {
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
            Ok(()) => PushEnd::Over,
            Err(refusal) if is_broken(refusal.code) => PushEnd::Broken(refusal.detail.into()),
            Err(refusal) => PushEnd::Refused(refusal.code, refusal.detail.into()),
        }
    }

    /// The delivery loops make the bytes, as for any viewer; here they go into the connection, and
    /// what the origin says is heard.
    async fn feed_weir(&self, io: TokioIo<Upgraded>, confirmed: &Confirmed) -> PushEnd {
        let pool = &self.node.core().pool;
        let format = Format::new(&Relay);
        let playback = Playback::new(pool, self.stream.clone(), format, NOWHERE, None);
        let after = (*confirmed.lock()).map(|newest| newest.earlier_by(ON_ITS_WAY_US));
        let batches = playback.and_then(|playback| playback.after(after).over_task(Vec::new()));
        let batches = match batches {
            Ok((batches, _)) => batches,
            Err(refusal) => return PushEnd::Refused(refusal.code, refusal.detail.into()),
        };
        let (reader, writer) = tokio::io::split(io);
        tokio::select! {
            ended = self.send(writer, batches) => ended,
            ended = self.hear(reader, confirmed) => ended,
            // Whoever has the stream's place here now is not for this connection to hand on.
            _ = self.client.wait_kicked() => PushEnd::Over,
        }
    }

    async fn send(
        &self,
        mut writer: WriteHalf<TokioIo<Upgraded>>,
        mut batches: mpsc::Receiver<Bytes>,
    ) -> PushEnd {
        while let Some(batch) = batches.recv().await {
            let sent = tokio::time::timeout(SILENCE, writer.write_all(&batch)).await;
            match sent {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return PushEnd::Broken(error.to_string()),
                Err(_) => return PushEnd::Broken("it does not read".into()),
            }
        }
        let _ = tokio::time::timeout(SILENCE, writer.shutdown()).await;
        if self.is_live() {
            return PushEnd::Broken("the delivery loop let it go: it was too slow".into());
        }
        PushEnd::Over
    }

    /// Until the origin says that it is over, or is silent: it beats some three times a second.
    async fn hear(
        &self,
        mut reader: ReadHalf<TokioIo<Upgraded>>,
        confirmed: &Confirmed,
    ) -> PushEnd {
        let mut decoder = RelayDecoder::new(RelayLimits::default());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = match tokio::time::timeout(SILENCE, reader.read(&mut buffer)).await {
                Ok(Ok(0)) => return PushEnd::Broken("it closed the connection".into()),
                Ok(Ok(read)) => read,
                Ok(Err(error)) => return PushEnd::Broken(error.to_string()),
                Err(_) => return PushEnd::Broken("it is silent".into()),
            };
            *confirmed.lock() = self.stream.position();
            decoder.push(Bytes::copy_from_slice(
                buffer.get(..read).unwrap_or_default(),
            ));
            loop {
                match decoder.poll() {
                    Ok(None) => break,
                    Ok(Some(Record::End { code, detail, .. })) => {
                        let code = Code::from_number(code).unwrap_or(Code::OriginUnreachable);
                        if is_broken(code) {
                            return PushEnd::Broken(format!("{code}: {detail}"));
                        }
                        return PushEnd::Refused(code, detail);
                    }
                    Ok(Some(_)) => {}
                    Err(error) => return PushEnd::Broken(breach(&error).detail.into()),
                }
            }
        }
    }
}

/// Whether the push goes on to another origin. One that says "moved" has given the stream away: the
/// view says to whom, and a push looks there before it follows an address.
fn is_broken(code: Code) -> bool {
    code.is_retryable_elsewhere() || code == Code::Moved
}
