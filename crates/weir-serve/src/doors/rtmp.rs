//! One RTMP connection: drives the sans-IO session until it is clear what the client wants. Publishers
//! stay here, with their frames going to [`crate::ingest`]; players are handed to a delivery loop.

mod play;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use weir_base::sign::Action;
use weir_base::{Code, Refusal, ids, limits};
use weir_hub::Protocol;
use weir_proto::rtmp::{
    Redirect, RtmpServerSession, ServerConfig, ServerEvent, StatusRefusal, Target,
};

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
        publishing: None,
        has_asked: false,
        setup_deadline: Instant::now(),
    };
    let ended = connection.run(read.into()).await;
    connection.finish(ended).await;
}

struct RtmpConnection {
    session: RtmpServerSession,
    conn: Conn,
    server: RtmpServer,
    client: SocketAddr,
    publishing: Option<RtmpPublishing>,
    /// The publisher was asked to go on at another node, or there was no use in asking.
    has_asked: bool,
    setup_deadline: Instant,
}

/// How a connection came to its end.
enum ConnectionEnd {
    /// It broke or was broken.
    Code(Code, String),
    /// It plays now, on this message stream: its socket belongs to a delivery loop.
    Plays(Box<Playback>, u32),
}

impl RtmpConnection {
    /// From now on it has so much time to publish or to play.
    fn begin_setup(&mut self) {
        self.setup_deadline = Instant::now() + self.server.core.config.load().door.rtmp_setup;
    }

    async fn run(&mut self, mut buffer: BytesMut) -> ConnectionEnd {
        self.begin_setup();
        loop {
            if !buffer.is_empty() {
                let now_us = self.server.core.hub.clock().now_us();
                let now_ms = u64::try_from(now_us / 1000).unwrap_or(0);
                let size = buffer.len() as u64;
                let received = self.session.receive(now_ms, &buffer);
                buffer.clear();
                if let Some(publishing) = &self.publishing {
                    publishing.received(size);
                }
                while let Some(event) = self.session.poll_event() {
                    if let Some(ended) = self.hear(event).await {
                        return ended;
                    }
                }
                if let Err(ended) = self.flush().await {
                    return ended;
                }
                if let Err(error) = received.and_then(|()| self.session.check()) {
                    return ConnectionEnd::Code(error.code(), error.to_string());
                }
            }
            if let Some(ended) = self.read(&mut buffer).await {
                return ended;
            }
        }
    }

    /// Waits for bytes, for a kick, or for the set-up time to be over.
    async fn read(&mut self, buffer: &mut BytesMut) -> Option<ConnectionEnd> {
        let room = if self.publishing.is_some() {
            limits::RTMP_READ_BYTES
        } else {
            IDLE_READ_BYTES
        };
        buffer.reserve(room);
        let read = match &self.publishing {
            Some(publishing) => {
                tokio::select! {
                    read = self.conn.read_buf(buffer) => read,
                    refusal = publishing.kicked() => return Some(ConnectionEnd::Code(refusal.code, refusal.detail.into())),
                    () = self.server.core.shutdown.draining(), if !self.has_asked => {
                        return self.ask_to_move().await;
                    }
                }
            }
            None => {
                tokio::select! {
                    read = self.conn.read_buf(buffer) => read,
                    () = tokio::time::sleep_until(self.setup_deadline) => {
                        return Some(ConnectionEnd::Code(Code::TooSlow, "neither publish nor play in time".into()));
                    }
                    () = self.server.core.shutdown.stopping() => {
                        return Some(ConnectionEnd::Code(Code::Draining, Code::Draining.entry().message.into()));
                    }
                }
            }
        };
        match read {
            Ok(0) => Some(ConnectionEnd::Code(
                Code::ClientStopped,
                "the client closed the connection".into(),
            )),
            Ok(_) => None,
            Err(error) => Some(ConnectionEnd::Code(Code::NetworkReset, error.to_string())),
        }
    }

    /// This node drains: a publisher that follows such a request (Enhanced RTMP) is asked to go on at another
    /// node, and stays until it does. Others stay as long as the node does.
    async fn ask_to_move(&mut self) -> Option<ConnectionEnd> {
        self.has_asked = true;
        let publishing = self.publishing.as_mut()?;
        let tc_url = publishing.successor()?;
        let words = Code::Draining.entry().message;
        if self.session.ask_to_reconnect(Some(&tc_url), words) {
            publishing.is_moving = true;
        }
        self.flush().await.err()
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
                message_type,
                timestamp_ms,
                body,
                ..
            } => {
                let publishing = self.publishing.as_mut()?;
                let taken = publishing.media(message_type, timestamp_ms, body);
                let refusal = taken.err()?;
                Some(ConnectionEnd::Code(refusal.code, refusal.detail.into()))
            }
            ServerEvent::Unpublish { .. } => {
                if let Some(publishing) = self.publishing.take() {
                    publishing.end(Code::ClientStopped).await;
                }
                self.begin_setup();
                None
            }
            _ => None,
        }
    }

    async fn publish(&mut self, msid: u32, target: &Target) -> Option<ConnectionEnd> {
        if self.publishing.is_some() {
            return Some(ConnectionEnd::Code(
                Code::ProtocolError,
                "a second publish on one connection".into(),
            ));
        }
        let asked = self.asked(target, Action::Publish);
        let place = format!("{}{}", target.app, query_of(target.connect_query()));
        match RtmpPublishing::begin(&self.server.ingest, &asked, self.client, (msid, place)).await {
            Ok(publishing) => {
                self.publishing = Some(publishing);
                self.session.accept_publish(msid);
                None
            }
            Err(refusal) => Some(
                self.refuse(
                    msid,
                    target,
                    &refusal,
                    (refusal.code.rtmp_publish(), "publish"),
                )
                .await,
            ),
        }
    }

    async fn play(&mut self, msid: u32, target: &Target) -> Option<ConnectionEnd> {
        match self.open(msid, target).await {
            Ok(playback) => {
                self.session.accept_play(msid);
                Some(ConnectionEnd::Plays(Box::new(playback), msid))
            }
            Err(refusal) => Some(
                self.refuse(msid, target, &refusal, (refusal.code.rtmp_play(), "play"))
                    .await,
            ),
        }
    }

    fn asked<'a>(&self, target: &'a Target, action: Action) -> Asked<'a> {
        Asked {
            action,
            host: Some(target.vhost.as_deref().unwrap_or(&target.host)),
            app: &target.app,
            stream: &target.stream,
            query: &target.query,
            ip: self.client.ip(),
            protocol: Protocol::Rtmp,
            is_cross_site: false,
        }
    }

    async fn refuse(
        &mut self,
        msid: u32,
        target: &Target,
        refusal: &Refusal,
        (status, what): (&str, &str),
    ) -> ConnectionEnd {
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
        let _ = self.flush().await;
        linger(&mut self.conn, linger_for).await;
        ConnectionEnd::Code(Code::ClientStopped, String::new())
    }

    async fn finish(mut self, ended: ConnectionEnd) {
        match ended {
            ConnectionEnd::Code(code, detail) => self.close(code, &detail).await,
            ConnectionEnd::Plays(playback, msid) => self.hand_over(*playback, msid).await,
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
        if let Some(publishing) = self.publishing.take() {
            let msid = publishing.msid;
            publishing.end(code).await;
            if !matches!(code, Code::ClientStopped | Code::NetworkReset) {
                let description = format!("{code}: {detail} {}", code.entry().advice);
                self.session.end_publish(msid, code.number(), &description);
                let _ = self.flush().await;
                linger(&mut self.conn, REFUSAL_LINGER).await;
            }
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
