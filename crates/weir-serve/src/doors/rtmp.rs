//! One RTMP connection: drives the sans-IO session. Publishers stay here, with their frames going to
//! [`crate::ingest`]; who plays one stream and does nothing else is handed to a delivery loop, and comes back
//! when it wants more.

mod play;
mod publish;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use weir_base::sign::Action;
use weir_base::{Code, Refusal, ids, limits};
use weir_hub::Protocol;
use weir_proto::rtmp::{
    Redirect, RtmpServerSession, ServerConfig, ServerEvent, StatusRefusal, Target,
};

use self::play::Play;

use crate::admission::Admission;
use crate::core::Core;
use crate::deliver::Playback;
use crate::deliver::forms::rtmp::RTMP_CHUNK_BYTES;
use crate::front::Conn;
use crate::front::listen::Accepted;
use crate::ingest::Ingest;
use crate::ingest::rtmp::RtmpPublishing;
use crate::request::Asked;

/// Bytes of the read buffer until the connection publishes: ten thousand idle ones stay cheap.
const IDLE_READ_BYTES: usize = 2 * 1024;
/// Time a refused client gets to read why before the socket closes.
const REFUSAL_LINGER: Duration = Duration::from_millis(500);
/// Time a client that is sent elsewhere gets to go there by itself: as long as SRS gives it.
const REDIRECT_LINGER: Duration = Duration::from_secs(3);

/// What a connection to the RTMP port needs. Clones share it.
#[derive(Clone)]
pub struct RtmpServer {
    pub(crate) core: Core,
    pub(crate) admission: Admission,
    pub(crate) ingest: Ingest,
}

/// Serves one connection to its end.
pub async fn serve(server: RtmpServer, accepted: Accepted) {
    let Accepted {
        conn, read, client, ..
    } = accepted;
    let mut seed = [0; 32];
    match ids::random_bytes() {
        Ok(bytes) => seed = bytes,
        Err(error) => tracing::warn!(%error, "no randomness: the handshake is predictable"),
    }
    let config = ServerConfig {
        chunk_size: RTMP_CHUNK_BYTES,
        ..ServerConfig::default()
    };
    let mut connection = RtmpConnection {
        session: RtmpServerSession::new(config, seed),
        conn,
        server,
        client,
        publishing: Vec::new(),
        plays: Vec::new(),
        has_asked: false,
        has_begun: false,
        deadline: Instant::now(),
    };
    connection.rest();
    let ended = connection.run(read.into()).await;
    connection.finish(ended).await;
}

struct RtmpConnection {
    session: RtmpServerSession,
    conn: Conn,
    server: RtmpServer,
    client: SocketAddr,
    /// What it publishes, one on a message stream.
    publishing: Vec<RtmpPublishing>,
    /// What it plays, one on a message stream.
    plays: Vec<Play>,
    /// The publisher was asked to go on at another node, or there was no use in asking.
    has_asked: bool,
    /// It has published or played.
    has_begun: bool,
    /// Until when it has to do something, while it does nothing.
    deadline: Instant,
}

/// How a connection came to its end.
enum ConnectionEnd {
    /// It broke or was broken.
    Code(Code, String),
    /// It plays this and nothing else, on this message stream: its socket belongs to a delivery loop.
    Plays(Box<Playback>, u32),
}

/// What a connection waited for.
enum Happened {
    /// Bytes came; none at the end.
    Read(std::io::Result<usize>),
    /// The play in this place has more, or ends.
    Batch(usize, Option<Bytes>),
    /// The publisher on this message stream has to go.
    Kicked(u32, Refusal),
    Draining,
    Stopping,
    /// It did nothing for too long.
    Idle,
}

impl RtmpConnection {
    async fn run(&mut self, mut buffer: BytesMut) -> ConnectionEnd {
        loop {
            if let Some(ended) = self.take(&mut buffer).await {
                return ended;
            }
            if let Some(ended) = self.seat_players() {
                return ended;
            }
            if let Some(ended) = self.turn(&mut buffer).await {
                return ended;
            }
        }
    }

    /// Gives what was read to the session, does what the client wants, and sends the answers.
    async fn take(&mut self, buffer: &mut BytesMut) -> Option<ConnectionEnd> {
        if buffer.is_empty() {
            return None;
        }
        let now_us = self.server.core.hub.clock().now_us();
        let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
        if let Some(publishing) = self.publishing.first() {
            publishing.received(buffer.len() as u64);
        }
        let received = self.session.receive(now_ms, buffer);
        buffer.clear();
        if let Some(ended) = self.hear_all().await {
            return Some(ended);
        }
        // What stood behind a wish was read when that was decided.
        let error = received.and_then(|()| self.session.check()).err()?;
        Some(ConnectionEnd::Code(error.code(), error.to_string()))
    }

    async fn hear_all(&mut self) -> Option<ConnectionEnd> {
        while let Some(event) = self.session.poll_event() {
            if let Some(ended) = self.hear(event).await {
                return Some(ended);
            }
        }
        self.flush().await.err()
    }

    /// Waits until something happens, and sees to it.
    async fn turn(&mut self, buffer: &mut BytesMut) -> Option<ConnectionEnd> {
        match self.wait(buffer).await {
            Happened::Read(Ok(0)) => Some(ConnectionEnd::Code(
                Code::ClientStopped,
                "the client closed the connection".into(),
            )),
            Happened::Read(Ok(_)) => None,
            Happened::Read(Err(error)) => {
                Some(ConnectionEnd::Code(Code::NetworkReset, error.to_string()))
            }
            Happened::Batch(place, batch) => self.pass_on(place, batch).await,
            Happened::Kicked(msid, refusal) => self.lose(msid, refusal.code, &refusal.detail).await,
            Happened::Draining => self.ask_to_move().await,
            Happened::Stopping => Some(ConnectionEnd::Code(
                Code::Draining,
                Code::Draining.entry().message.into(),
            )),
            // It had its time: nothing went wrong.
            Happened::Idle if self.has_begun => {
                Some(ConnectionEnd::Code(Code::ClientStopped, String::new()))
            }
            Happened::Idle => Some(ConnectionEnd::Code(
                Code::TooSlow,
                "neither publish nor play in time".into(),
            )),
        }
    }

    async fn wait(&mut self, buffer: &mut BytesMut) -> Happened {
        let room = if self.publishing.is_empty() {
            IDLE_READ_BYTES
        } else {
            limits::RTMP_READ_BYTES
        };
        buffer.reserve(room);
        let (publishes, plays) = (!self.publishing.is_empty(), !self.plays.is_empty());
        let shutdown = &self.server.core.shutdown;
        tokio::select! {
            read = self.conn.read_buf(buffer) => Happened::Read(read),
            (place, batch) = play::next_batch(&mut self.plays), if plays => Happened::Batch(place, batch),
            (msid, why) = publish::kicked(&self.publishing), if publishes => Happened::Kicked(msid, why),
            () = shutdown.draining(), if publishes && !self.has_asked => Happened::Draining,
            () = shutdown.stopping(), if !publishes && !plays => Happened::Stopping,
            () = tokio::time::sleep_until(self.deadline), if !publishes && !plays => Happened::Idle,
        }
    }

    /// It does nothing from now on, for so long as it may.
    fn rest(&mut self) {
        let may_rest = match self.has_begun {
            true => Duration::from_millis(limits::RTMP_IDLE_MS),
            false => self.server.core.config.load().door.rtmp_setup,
        };
        self.deadline = Instant::now() + may_rest;
    }

    /// Whether something goes on here: then a refusal is no reason to part.
    fn is_busy(&self) -> bool {
        !(self.publishing.is_empty() && self.plays.is_empty())
    }

    async fn flush(&mut self) -> Result<(), ConnectionEnd> {
        let output = self.session.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
        match timeout(limit, self.conn.write_all(&output)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ConnectionEnd::Code(Code::NetworkReset, error.to_string())),
            Err(_) => Err(ConnectionEnd::Code(
                Code::TooSlow,
                "the client does not read our answers".into(),
            )),
        }
    }

    async fn hear(&mut self, event: ServerEvent) -> Option<ConnectionEnd> {
        match event {
            ServerEvent::Publish { msid, target, .. } => self.publish(msid, &target).await,
            ServerEvent::Play { msid, target, .. } => self.play(msid, &target).await,
            ServerEvent::Media {
                msid,
                message_type,
                timestamp_ms,
                body,
            } => {
                let mut publishing = self.publishing.iter_mut();
                let publishing = publishing.find(|publishing| publishing.msid == msid)?;
                let taken = publishing.media(message_type, timestamp_ms, body);
                let refusal = taken.err()?;
                self.lose(msid, refusal.code, &refusal.detail).await
            }
            ServerEvent::Unpublish { msid } => {
                self.unpublish(msid).await;
                self.rest();
                None
            }
            ServerEvent::StopPlay { msid } => {
                self.plays.retain(|play| play.msid() != msid);
                self.rest();
                None
            }
            _ => None,
        }
    }

    fn asked<'a>(&'a self, target: &'a Target, action: Action) -> Asked<'a> {
        Asked {
            action,
            host: Some(target.vhost.as_deref().unwrap_or(&target.host)),
            app: &target.app,
            stream: &target.stream,
            query: &target.query,
            ip: self.client.ip(),
            protocol: Protocol::Rtmp,
            is_cross_site: false,
            page: Some(self.session.peer().page_url.as_str()).filter(|page| !page.is_empty()),
        }
    }

    async fn refuse(
        &mut self,
        msid: u32,
        target: &Target,
        refusal: &Refusal,
        (status, what): (&str, &str),
    ) -> Option<ConnectionEnd> {
        self.server
            .core
            .refused(refusal, Protocol::Rtmp, what, self.client.ip());
        let description = format!(
            "{}: {}. {}",
            refusal.code,
            refusal.detail.trim_end_matches('.'),
            refusal.code.entry().advice
        );
        let number = refusal.code.number();
        let mut linger_for = REFUSAL_LINGER;
        match (refusal.code, refusal.location.as_deref()) {
            (Code::Moved, Some(base)) => {
                linger_for = REDIRECT_LINGER;
                let tc_url = format!("{base}/{}", target.app);
                let url = format!("{tc_url}/{}{}", target.stream, query_of(&target.query));
                self.session.redirect(
                    msid,
                    &Redirect {
                        tc_url: &tc_url,
                        url: &url,
                    },
                );
            }
            _ => self.session.refuse(
                msid,
                &StatusRefusal {
                    code: status,
                    description: &description,
                    number,
                },
            ),
        }
        if self.is_busy() {
            return self.flush().await.err();
        }
        let _ = self.flush().await;
        linger(&mut self.conn, linger_for).await;
        Some(ConnectionEnd::Code(Code::ClientStopped, String::new()))
    }

    async fn finish(mut self, ended: ConnectionEnd) {
        match ended {
            ConnectionEnd::Code(code, detail) => self.close(code, &detail).await,
            ConnectionEnd::Plays(playback, msid) => self.hand_over(*playback, msid),
        }
    }

    async fn close(&mut self, code: Code, detail: &str) {
        if code != Code::ClientStopped {
            self.server.core.refused(
                &Refusal::new(code, detail.to_owned()),
                Protocol::Rtmp,
                "an RTMP connection",
                self.client.ip(),
            );
        }
        let is_told = !matches!(code, Code::ClientStopped | Code::NetworkReset);
        let publishing = std::mem::take(&mut self.publishing);
        let was_publishing = !publishing.is_empty();
        for publishing in publishing {
            let msid = publishing.msid;
            publishing.end(code).await;
            if is_told {
                let description = format!("{code}: {detail} {}", code.entry().advice);
                self.session.end_publish(msid, code.number(), &description);
            }
        }
        if was_publishing && is_told {
            let _ = self.flush().await;
            linger(&mut self.conn, REFUSAL_LINGER).await;
        }
        let _ = timeout(REFUSAL_LINGER, self.conn.shutdown()).await;
    }
}

/// Closes our half and reads on for a moment: a socket closed with unread bytes resets the
/// connection, and the client would never see why.
async fn linger(conn: &mut Conn, linger_for: Duration) {
    let _ = timeout(linger_for, async {
        let _ = conn.shutdown().await;
        let mut scratch = [0; IDLE_READ_BYTES];
        while matches!(conn.read(&mut scratch).await, Ok(1..)) {}
    })
    .await;
}

/// The query of a redirected address: empty, or with its `?`.
fn query_of(pairs: &[(String, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    match query.finish() {
        query if query.is_empty() => query,
        // RTMP servers know `+` as itself.
        query => format!("?{}", query.replace('+', "%20")),
    }
}
