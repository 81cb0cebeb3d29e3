//! One SLSP connection: drives the sans-IO session over a WebSocket and publishes into the hub.
//! `docs/ref/slsp.md` is the protocol.
//!
//! A session outlives its sockets: when one breaks, the task keeps the session and waits for the
//! socket that comes with its token.

mod live;
mod sessions;
mod socket;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout_at};
use weir_base::sign::Action;
use weir_base::urls::SplitUrl;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::place::Purpose;
use weir_hub::Protocol;
use weir_hub::hub::PublishRequest;
use weir_media::ingest::LiveContainer;
use weir_proto::slsp::{self, ClientMessage, Hello, Ready, ServerMessage, SlspServerSession};

use self::live::{Interruption, Live};
pub(super) use self::sessions::Sessions;
use self::socket::{Heard, Socket};
use super::Ingest;
use crate::request::Asked;

/// `FourCC`s of what is carried, as `ready` says them.
const CODECS: [&str; 10] = [
    "avc1", "hvc1", "av01", "vp09", "mp4a", "Opus", ".mp3", "ac-3", "ec-3", "fLaC",
];
/// Close codes by which a client says that its broadcast is over; 1005 is a close without a code.
const OVER: [u16; 3] = [1000, 1001, 1005];

/// What the upgraded request asked for.
#[derive(Debug, Clone)]
pub struct SlspRequest {
    /// App, all levels.
    pub app: String,
    /// The stream's name, without vhost and app.
    pub stream: String,
    /// The raw path, to be asked again of another node.
    pub path: String,
    /// The `Host` header, or HTTP/2's authority.
    pub host: Option<String>,
    /// `Origin`: the site of the page that asks, where a browser does.
    pub origin: Option<String>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The client, trusted proxies taken into account.
    pub client: SocketAddr,
}

impl SlspRequest {
    fn asked(&self) -> Asked<'_> {
        Asked {
            action: Action::Publish,
            host: self.host.as_deref(),
            app: &self.app,
            stream: &self.stream,
            query: &self.query,
            ip: self.client.ip(),
            protocol: Protocol::Slsp,
            is_cross_site: self.is_cross_site(),
            page: self.origin.as_deref(),
        }
    }

    /// WebSockets know no same-origin rule: the browser only says whose page it is.
    fn is_cross_site(&self) -> bool {
        let Some(origin) = self.origin.as_deref() else {
            return false;
        };
        let page = SplitUrl::new(origin).map_or(origin, |url| url.authority);
        !self
            .host
            .as_deref()
            .is_some_and(|host| same_host(host, page))
    }
}

/// Whether two hosts are one, whatever their ports: behind a proxy these may differ.
fn same_host(one: &str, other: &str) -> bool {
    let name = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host.to_owned(),
    };
    name(one).eq_ignore_ascii_case(&name(other))
}

/// Serves one upgraded connection to its end.
pub async fn serve<S>(ingest: Ingest, io: S, request: SlspRequest)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let connection = SlspConnection {
        session: SlspServerSession::new(),
        socket: Socket::new(io),
        ingest,
        request,
        redirected: false,
    };
    connection.run().await;
}

struct SlspConnection<S> {
    session: SlspServerSession,
    socket: Socket<S>,
    ingest: Ingest,
    request: SlspRequest,
    redirected: bool,
}

/// How a socket came to its end.
enum End {
    /// For the session too.
    Over(Refusal),
    /// The session may go on over another socket; with the close code to answer, if there was one.
    Dropped(Option<u16>),
    /// The session goes on over another socket, and is there already.
    Moved,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> SlspConnection<S> {
    async fn run(mut self) {
        let hello = match self.hello().await {
            Ok(hello) => hello,
            Err(refusal) => return self.close(refusal).await,
        };
        if hello.test {
            let refusal = self.measure().await;
            return self.close(refusal).await;
        }
        let mut live = match self.begin(&hello).await {
            Ok(live) => Some(live),
            Err(refusal) => return self.close(refusal).await,
        };
        match (self.publish(&mut live).await, live) {
            (End::Over(refusal), live) => {
                if let Some(live) = live {
                    let has_moved = self.redirected && refusal.code == Code::ClientStopped;
                    if has_moved || refusal.code == Code::Moved {
                        // Its viewers here go on with what comes from there.
                        let name = live.publisher.stream().name.clone();
                        self.ingest.node.carry_on(&name).await;
                    }
                    live.end(refusal.code);
                }
                self.close(refusal).await;
            }
            (End::Dropped(code), live) => {
                let Self { socket, ingest, .. } = self;
                socket.answer_close(code).await;
                if let Some(live) = live {
                    wait_for_next_socket(&ingest, live).await;
                }
            }
            (End::Moved, _) => {
                let words = "the session goes on over another connection";
                let moved = Refusal::new(Code::TakenOver, words);
                self.socket.close(&moved).await;
            }
        }
    }

    /// The first message, in time.
    async fn hello(&mut self) -> Result<Hello, Refusal> {
        let deadline = Instant::now() + self.ingest.core.config.load().door.head;
        let shutdown = self.ingest.core.shutdown.clone();
        loop {
            let heard = tokio::select! {
                heard = timeout_at(deadline, self.socket.hear()) => heard,
                () = shutdown.stopping() => return Err(Code::Draining.into()),
            };
            match heard {
                Err(_) => return Err(Refusal::new(Code::TooSlow, "no hello in time")),
                Ok(Heard::Closed(_)) => return Err(Code::ClientStopped.into()),
                Ok(Heard::Broken) => return Err(Code::NetworkReset.into()),
                Ok(Heard::Breach(refusal)) => return Err(refusal),
                Ok(Heard::Media(data)) => self.session.media(data.len()).map_err(breach)?,
                Ok(Heard::Text(text)) => match self.text(&text)? {
                    ClientMessage::Hello(hello) => return Ok(hello),
                    _ => return Err(Code::ProtocolError.into()),
                },
                Ok(Heard::Nothing) => {}
            }
        }
    }

    /// The session of the token, or a new one if the sender may.
    async fn begin(&mut self, hello: &Hello) -> Result<Box<Live>, Refusal> {
        let container = container_of(&hello.container)?;
        let name = self.ingest.admission.stream_name(&self.request.asked())?;
        let claimed = match &hello.resume {
            Some(token) => self.ingest.sessions.claim(token, &name).await,
            None => None,
        };
        let resumed = claimed.is_some();
        let live = match claimed {
            Some(live) => live,
            None => admit(&self.ingest, &self.request, container).await?,
        };
        self.session.resume_at(live.bytes);
        let max_kbps = live.publisher.max_kbps();
        let (session, resume) = (live.publisher.client().id.to_string(), live.token().into());
        let resume_us = self.ingest.core.hub.idle_timeout_us();
        let ready = Ready {
            session,
            resume,
            resumed,
            bytes: live.bytes,
            ack_ms: slsp::ACK_MS,
            resume_ms: u32::try_from(resume_us / 1000).unwrap_or(u32::MAX),
            max_kbps,
            keyframe_ms: self.ingest.core.config.load().slsp.keyframe_ms,
            codecs: CODECS.map(str::to_owned).to_vec(),
        };
        let (stream, agent) = (&live.publisher.stream().name, &hello.agent);
        self.socket.expect_media();
        tracing::info!(%stream, session = ready.session, resumed, container = hello.container, agent, "SLSP begins");
        self.socket.say(&ServerMessage::Ready(ready));
        Ok(live)
    }

    /// Publishes until something ends it. `slot` is empty afterwards if the session has moved.
    async fn publish(&mut self, slot: &mut Option<Box<Live>>) -> End {
        let shutdown = self.ingest.core.shutdown.clone();
        let mut draining = Box::pin(shutdown.draining());
        let mut ack = Box::pin(sleep_until(Instant::now()));
        let mut ack_due_ms = 0;
        while let Some(live) = slot.as_deref_mut() {
            // Before the socket is heard, and not only beside it: a sender that always has something
            // to say must not keep the others from being heard.
            let interrupted = match live.interrupted_now() {
                Some(interrupted) => Some(interrupted),
                None => {
                    if !self.redirected && shutdown.is_draining() {
                        let name = live.publisher.stream().name.clone();
                        self.redirect(&name);
                    }
                    if let Some(due_ms) = self.acknowledge(live)
                        && due_ms != ack_due_ms
                    {
                        ack_due_ms = due_ms;
                        let wait = Duration::from_millis(due_ms.saturating_sub(self.now_ms()));
                        ack.as_mut().reset(Instant::now() + wait);
                    }
                    tokio::select! {
                        biased;
                        heard = self.socket.hear() => match self.answer(heard, live) {
                            Ok(None) => None,
                            Ok(Some(end)) => return end,
                            Err(refusal) => return End::Over(refusal),
                        },
                        () = ack.as_mut(), if self.session.poll_timeout().is_some() => None,
                        interrupted = live.interrupted() => Some(interrupted),
                        () = draining.as_mut(), if !self.redirected => None,
                    }
                }
            };
            match interrupted {
                None => {}
                Some(Interruption::Kicked(refusal)) => return End::Over(refusal),
                Some(Interruption::Claimed(next)) => {
                    // Whoever asked may be gone by now: then this socket goes on.
                    *slot = slot.take().and_then(|live| next.send(live).err());
                }
            }
        }
        End::Moved
    }

    /// Says what has arrived, if it is time; else when it will be.
    fn acknowledge(&mut self, live: &Live) -> Option<u64> {
        let (now_ms, at_ms) = (self.now_ms(), self.ingest.core.hub.clock().wall_ms());
        if let Some(ack) = self.session.poll_ack(now_ms, live.dts_ms(), at_ms) {
            self.socket.say(&ServerMessage::Ack(ack));
        }
        self.session.poll_timeout()
    }

    fn answer(&mut self, heard: Heard, live: &mut Live) -> Result<Option<End>, Refusal> {
        match heard {
            Heard::Media(data) => {
                self.session.media(data.len()).map_err(breach)?;
                let received = data.len() as u64;
                self.ingest
                    .core
                    .hub
                    .counters()
                    .received(Protocol::Slsp, received);
                live.take(&data)?;
                self.hint(live);
            }
            Heard::Text(text) => match self.text(&text)? {
                ClientMessage::Bye => {
                    self.last_ack(live.dts_ms());
                    return Ok(Some(End::Over(Code::ClientStopped.into())));
                }
                ClientMessage::Stats(stats) => live.sender(stats),
                ClientMessage::Restart(restart) => live.restart(container_of(&restart.container)?),
                ClientMessage::Hello(_) => {}
            },
            Heard::Closed(code) if OVER.contains(&code) => {
                return Ok(Some(End::Over(Code::ClientStopped.into())));
            }
            Heard::Closed(code) => return Ok(Some(End::Dropped(Some(code)))),
            Heard::Broken => return Ok(Some(End::Dropped(None))),
            Heard::Breach(refusal) => return Err(refusal),
            Heard::Nothing => {}
        }
        Ok(None)
    }

    /// All that has arrived, once more: nothing will come that says it.
    fn last_ack(&mut self, dts_ms: i64) {
        let at_ms = self.ingest.core.hub.clock().wall_ms();
        let ack = self.session.last_ack(dts_ms, at_ms);
        self.socket.say(&ServerMessage::Ack(ack));
    }

    /// Tells a sender above the app's ceiling, once each time it gets there.
    fn hint(&mut self, live: &mut Live) {
        if let Some(max_kbps) = live.hint() {
            self.socket.say(&ServerMessage::Hint { max_kbps });
        }
    }

    /// Tells the sender where to go on, if the operator has said where or another node takes it.
    fn redirect(&mut self, name: &StreamName) {
        self.redirected = true;
        let config = self.ingest.core.config.load();
        let successor = match config.slsp.successor.as_str() {
            "" => self
                .ingest
                .node
                .successor(name, Purpose::Publish, Protocol::Slsp),
            said => Some(said.to_owned()),
        };
        if let Some(successor) = successor {
            self.redirect_to(&successor);
        }
    }

    fn redirect_to(&mut self, base: &str) {
        let base = base.trim_end_matches('/');
        let base = match base.strip_prefix("http") {
            Some(rest) => format!("ws{rest}"),
            None => base.to_owned(),
        };
        let url = format!("{base}{}", self.request.path);
        self.socket.say(&ServerMessage::Redirect { url });
    }

    /// Counts what comes and throws it away, within bounds.
    async fn measure(&mut self) -> Refusal {
        if let Err(refusal) = self.ingest.admission.admit(&self.request.asked()).await {
            return refusal;
        }
        self.socket.expect_media();
        self.socket.say(&ServerMessage::Ready(Ready {
            ack_ms: slsp::ACK_MS,
            ..Ready::default()
        }));
        let deadline = Instant::now() + Duration::from_millis(slsp::TEST_MS);
        let shutdown = self.ingest.core.shutdown.clone();
        while self.session.bytes() < slsp::TEST_BYTES {
            let now_ms = self.now_ms();
            let at_ms = self.ingest.core.hub.clock().wall_ms();
            if let Some(ack) = self.session.poll_ack(now_ms, -1, at_ms) {
                self.socket.say(&ServerMessage::Ack(ack));
            }
            let due_ms = self.session.poll_timeout().map(|due_ms| due_ms - now_ms);
            let due = due_ms.map_or(deadline, |ms| Instant::now() + Duration::from_millis(ms));
            let heard = tokio::select! {
                heard = self.socket.hear() => heard,
                () = sleep_until(due.min(deadline)) => Heard::Nothing,
                () = shutdown.stopping() => return Code::Draining.into(),
            };
            match heard {
                Heard::Media(data) => {
                    if let Err(error) = self.session.media(data.len()) {
                        return breach(error);
                    }
                }
                Heard::Text(text) => match self.text(&text) {
                    Ok(ClientMessage::Bye) => break,
                    Ok(_) => {}
                    Err(refusal) => return refusal,
                },
                Heard::Closed(_) | Heard::Broken => break,
                Heard::Breach(refusal) => return refusal,
                Heard::Nothing => {}
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        self.last_ack(-1);
        Code::ClientStopped.into()
    }

    fn text(&mut self, text: &[u8]) -> Result<ClientMessage, Refusal> {
        self.session.text(self.now_ms(), text).map_err(breach)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.ingest.core.hub.clock().now_us() / 1000).unwrap_or(0)
    }

    /// Says why, in words and by close code, and closes.
    async fn close(mut self, refusal: Refusal) {
        let code = refusal.code;
        if let (Code::Moved, Some(base)) = (code, refusal.location.as_deref()) {
            self.redirect_to(base);
        }
        if code == Code::NetworkReset {
            return;
        }
        if code != Code::ClientStopped {
            let ip = self.request.client.ip();
            self.ingest
                .core
                .refused(&refusal, Protocol::Slsp, "an SLSP publisher", ip);
        }
        self.socket.close(&refusal).await;
    }
}

/// A new session, if its sender may.
async fn admit(
    ingest: &Ingest,
    request: &SlspRequest,
    container: LiveContainer,
) -> Result<Box<Live>, Refusal> {
    let (name, grant) = ingest.admission.admit(&request.asked()).await?;
    let request = PublishRequest {
        name: name.clone(),
        protocol: Protocol::Slsp,
        addr: request.client,
        grant,
    };
    let publisher = ingest.admission.publish(request).await?;
    ingest.core.hub.counters().connected(Protocol::Slsp);
    let entry = ingest.sessions.enter(name)?;
    let idle_timeout_us = ingest.core.hub.idle_timeout_us();
    let live = Live::new(publisher, container, entry, idle_timeout_us);
    Ok(Box::new(live))
}

/// Keeps a session whose socket broke until another socket takes it, or until it has been silent for
/// too long: the hub sees to that.
async fn wait_for_next_socket(ingest: &Ingest, mut live: Box<Live>) {
    let stream = live.publisher.stream().name.clone();
    tracing::info!(%stream, code = Code::NetworkReset.number(), "SLSP waits for its sender to come back");
    ingest
        .core
        .hub
        .counters()
        .code(Code::NetworkReset, Protocol::Slsp);
    loop {
        match live.interrupted().await {
            Interruption::Kicked(refusal) => {
                let ip = live.publisher.client().addr.ip();
                ingest
                    .core
                    .refused(&refusal, Protocol::Slsp, "an SLSP session", ip);
                return live.end(refusal.code);
            }
            Interruption::Claimed(next) => match next.send(live) {
                Ok(()) => return,
                // Whoever asked is gone again.
                Err(back) => live = back,
            },
        }
    }
}

fn container_of(name: &str) -> Result<LiveContainer, Refusal> {
    LiveContainer::from_name(name).ok_or_else(|| {
        let words = format!("the container {name:?} is not known: flv, fmp4, webm and ts are");
        Refusal::new(Code::ProtocolError, words)
    })
}

fn breach(error: slsp::SlspError) -> Refusal {
    Refusal::new(Code::ProtocolError, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_of_another_site_when_its_host_is_another() {
        for (origin, host, is_cross_site) in [
            (None, Some("a.example"), false),
            (Some("https://a.example"), Some("a.example"), false),
            (Some("http://A.example:5173"), Some("a.example:8080"), false),
            (Some("http://[::1]:80"), Some("[::1]:8080"), false),
            (Some("https://b.example"), Some("a.example"), true),
            (Some("null"), Some("a.example"), true),
            (Some("https://a.example"), None, true),
        ] {
            let request = SlspRequest {
                app: "live".into(),
                stream: "x".into(),
                path: "/slsp/live/x".into(),
                host: host.map(str::to_owned),
                origin: origin.map(str::to_owned),
                query: Vec::new(),
                client: ([127, 0, 0, 1], 1).into(),
            };
            assert_eq!(
                request.is_cross_site(),
                is_cross_site,
                "{origin:?} {host:?}"
            );
        }
    }
}
