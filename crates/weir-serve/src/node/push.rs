//! A stream of this node handed on to the origin that owns it, and to another when that one dies.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::Instant;
use weir_base::{Backoff, BackoffPlan, Code, Dice, Refusal};
use weir_hub::{Client, Grant, Stream, StreamPosition};
use weir_proto::relay::{Record, RelayDecoder, RelayLimits};

use super::origins::PublishIntent;
use super::relay_pull::{SILENCE, breach};
use super::uplink::{Carrier, Uplink};
use super::{NOWHERE, Node, srs};
use crate::deliver::forms::relay::Relay;
use crate::deliver::{Format, Playback};

/// Between two tries to find another origin, while the publisher is live all the time.
const RETRY: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(200),
    cap: Duration::from_secs(5),
    steady: Duration::from_secs(5),
};
/// How often it is looked whether the publisher is still there, while nothing else would tell.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A server that speaks RTMP alone may take our last connection, which broke, for a publisher who is live:
/// until it knows better it refuses us for our own sake. SRS takes 5 s of silence for the end.
const GHOST: Duration = Duration::from_secs(10);
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
    Refused(Refusal),
    /// The origin broke, or goes.
    Broken(Refusal),
}

impl PushEnd {
    fn broken(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(Refusal::new(Code::OriginUnreachable, why))
    }
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
        let mut backoff = Backoff::new(RETRY, Dice::system());
        let mut ghost_until = None;
        loop {
            let intent = uplink.intent.clone();
            let url = uplink.url.clone();
            if backoff.failures() == 0 || backoff.is_worth_a_line() {
                tracing::info!(stream = %intent.name, origin = %url, "handed on");
            }
            let began = Instant::now();
            let ended = self.feed(uplink, &confirmed).await;
            let lasted = began.elapsed();
            backoff.worked(lasted);
            let is_ghost = ghost_until.is_some_and(|until| Instant::now() < until);
            let why = match ended {
                PushEnd::Over => return,
                PushEnd::Refused(refusal) if !(is_ghost && says_taken(&url, &refusal)) => {
                    tracing::info!(stream = %intent.name, origin = %url, code = refusal.code.number(), "the origin ends the stream: {}", refusal.detail);
                    self.client.kick(refusal.code);
                    return;
                }
                PushEnd::Broken(refusal) | PushEnd::Refused(refusal) => refusal,
            };
            self.node.upstream_failed(&intent.name, &url, &why);
            if lasted >= RETRY.steady {
                ghost_until = Some(Instant::now() + GHOST);
            } else if self.wait(backoff.failed()).await.is_err() {
                return;
            }
            match self
                .connect_again(&intent, &url, (&mut backoff, ghost_until))
                .await
            {
                Some(next) => uplink = next,
                None => return,
            }
        }
    }

    /// Another origin, as long as the publisher is there. It may take the name over from the one that
    /// broke, whose lease nobody has ended.
    async fn connect_again(
        &self,
        intent: &PublishIntent,
        broken: &str,
        (backoff, ghost_until): (&mut Backoff, Option<Instant>),
    ) -> Option<Uplink> {
        while self.is_live() {
            let over = self.node.0.cluster.with(|member, now_us| {
                let whereabouts = member.view().whereabouts(&intent.key, now_us);
                whereabouts.lease().map_or(0, |lease| lease.epoch)
            });
            let except = [broken.to_owned()];
            let refused = match self.node.connect_once(intent, over, &except).await {
                Ok(uplink) => return Some(uplink),
                Err(refused) => refused,
            };
            let is_ghost = ghost_until.is_some_and(|until| Instant::now() < until);
            let is_for_our_sake = is_ghost && says_taken(broken, &refused);
            if !(refused.code.is_retryable_elsewhere() || is_for_our_sake) {
                tracing::info!(stream = %intent.name, code = refused.code.number(), "no origin takes the stream any more: {}", refused.detail);
                self.client.kick(refused.code);
                return None;
            }
            let pause = backoff.failed();
            if backoff.is_worth_a_line() {
                let tries = backoff.failures();
                tracing::warn!(stream = %intent.name, tries, "no origin takes the stream: {}", refused.detail);
            }
            self.wait(pause).await.ok()?;
        }
        None
    }

    /// Waits, unless the publisher goes.
    ///
    /// # Errors
    /// Nothing to say: it has gone.
    async fn wait(&self, pause: Duration) -> Result<(), ()> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.gone() => Err(()),
        }
    }

    /// Resolves when the publisher is not there any more.
    async fn gone(&self) {
        while self.is_live() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
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
            Carrier::Rtmp(accepted) => self.feed_rtmp(*accepted).await,
        }
    }

    async fn feed_rtmp(&self, accepted: srs::AcceptedPublish) -> PushEnd {
        let hub = &self.node.core().hub;
        match srs::feed(hub, accepted, &self.stream, self.gone()).await {
            Ok(()) => PushEnd::Over,
            Err(refusal) => ended(refusal),
        }
    }

    /// The delivery loops make the bytes, as for any viewer; here they go into the connection, and
    /// what the origin says is heard.
    async fn feed_weir(&self, io: TokioIo<Upgraded>, confirmed: &Confirmed) -> PushEnd {
        let pool = &self.node.core().pool;
        let format = Format::new(&Relay);
        let playback = Playback::new(pool, self.stream.clone(), format, NOWHERE, Grant::default());
        let after = (*confirmed.lock()).map(|newest| newest.earlier_by(ON_ITS_WAY_US));
        let batches = playback.and_then(|playback| playback.after(after).over_task(Vec::new()));
        let batches = match batches {
            Ok((batches, _)) => batches,
            Err(refusal) => return PushEnd::Refused(refusal),
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
                Ok(Err(error)) => return PushEnd::broken(error.to_string()),
                Err(_) => return PushEnd::broken("it does not read"),
            }
        }
        let _ = tokio::time::timeout(SILENCE, writer.shutdown()).await;
        if self.is_live() {
            return PushEnd::broken("the delivery loop let it go: it was too slow");
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
                Ok(Ok(0)) => return PushEnd::broken("it closed the connection"),
                Ok(Ok(read)) => read,
                Ok(Err(error)) => return PushEnd::broken(error.to_string()),
                Err(_) => return PushEnd::broken("it is silent"),
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
                        return ended(Refusal::new(code, detail));
                    }
                    Ok(Some(_)) => {}
                    Err(error) => return PushEnd::Broken(breach(&error)),
                }
            }
        }
    }
}

/// What an origin's last word means. One that says "moved" has given the stream away: the view says to
/// whom, and a push looks there before it follows an address.
fn ended(refusal: Refusal) -> PushEnd {
    if refusal.code.is_retryable_elsewhere() || refusal.code == Code::Moved {
        PushEnd::Broken(refusal)
    } else {
        PushEnd::Refused(refusal)
    }
}

/// Whether a server that speaks RTMP alone may say so because of the connection before.
fn says_taken(url: &str, refusal: &Refusal) -> bool {
    let code = refusal.code;
    url.starts_with("rtmp") && matches!(code, Code::AlreadyPublishing | Code::OriginRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_are_all_dead_are_tried_a_few_times_a_minute() {
        for seed in 0..20 {
            let tries =
                |s| Backoff::new(RETRY, Dice::seeded(seed)).tries_within(Duration::from_secs(s));
            assert!(tries(10) <= 9, "{}", tries(10));
            assert!(tries(60) <= 30, "{}", tries(60));
        }
    }
}
