//! Players: what they may have, the way to a delivery loop, and back.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Instant;
use weir_base::sign::Action;
use weir_base::{Code, Refusal};
use weir_hub::{Protocol, Stream};
use weir_proto::rtmp::{Capabilities, RtmpServerSession, ServerEvent, Target};

use super::{ConnectionEnd, REFUSAL_LINGER, RtmpConnection, RtmpServer, linger};
use crate::deliver::forms::rtmp::{GoOn, Rtmp, RtmpTalk, status_of};
use crate::deliver::talk::Detached;
use crate::deliver::task::Watching;
use crate::deliver::{Format, Playback};
use crate::front::{Conn, Patient};
use crate::request::{PlayIntent, parameter, wait_of};

/// What a connection plays on one of its message streams.
pub(super) enum Play {
    /// It was let in, and nothing was sent.
    Admitted(u32, Box<Playback>),
    /// A delivery loop hands its batches to this connection.
    Running {
        msid: u32,
        batches: mpsc::Receiver<Bytes>,
        watching: Watching,
    },
}

impl Play {
    pub(super) const fn msid(&self) -> u32 {
        match self {
            Self::Admitted(msid, _) | Self::Running { msid, .. } => *msid,
        }
    }
}

/// Waits until one of them has a batch, or has ended: its place, and the batch.
pub(super) async fn next_batch(plays: &mut [Play]) -> (usize, Option<Bytes>) {
    poll_fn(|cx| {
        for (place, play) in plays.iter_mut().enumerate() {
            if let Play::Running { batches, .. } = play
                && let Poll::Ready(batch) = batches.poll_recv(cx)
            {
                return Poll::Ready((place, batch));
            }
        }
        Poll::Pending
    })
    .await
}

impl RtmpConnection {
    pub(super) async fn play(&mut self, msid: u32, target: &Target) -> Option<ConnectionEnd> {
        match self.open(msid, target).await {
            Ok(playback) => {
                self.plays.push(Play::Admitted(msid, Box::new(playback)));
                self.has_begun = true;
                self.session.accept_play(msid);
                None
            }
            Err(refusal) => {
                let told = (refusal.code.rtmp_play(), "play");
                self.refuse(msid, target, &refusal, told).await
            }
        }
    }

    /// Admits a player, and finds the stream in a form that it can play.
    pub(super) async fn open(&self, msid: u32, target: &Target) -> Result<Playback, Refusal> {
        let RtmpServer {
            core, admission, ..
        } = &self.server;
        let (name, grant) = admission.admit(&self.asked(target, Action::Play)).await?;
        let intent = PlayIntent::client(Protocol::Rtmp, wait_of(&target.query));
        let stream = admission.play(&name, &intent).await?;
        let enhanced = core.config.load().rtmp.takes_all(self.client.ip())
            || parameter(&target.query, "enhanced") == Some("1");
        if !enhanced
            && let Err(refusal) = check_capabilities(&stream, &self.session.peer().capabilities)
            && !admission.is_listed_server(self.client.ip()).await
        {
            return Err(refusal);
        }
        let format = Format::new(&Rtmp).on_channel(msid);
        Playback::new(&core.pool, stream, format, self.client, grant)
    }

    /// Who plays one stream and does nothing else goes to a delivery loop with its socket; others get their
    /// batches here.
    pub(super) fn seat_players(&mut self) -> Option<ConnectionEnd> {
        let is_plain = matches!(self.conn, Conn::Plain(_));
        if is_plain && self.publishing.is_empty() && matches!(&*self.plays, [Play::Admitted(..)]) {
            let Some(Play::Admitted(msid, playback)) = self.plays.pop() else {
                return None;
            };
            return Some(ConnectionEnd::Plays(playback, msid));
        }
        for play in std::mem::take(&mut self.plays) {
            let (msid, playback) = match play {
                Play::Admitted(msid, playback) => (msid, playback),
                running @ Play::Running { .. } => {
                    self.plays.push(running);
                    continue;
                }
            };
            match playback.over_task(Vec::new()) {
                Ok((batches, watching)) => self.plays.push(Play::Running {
                    msid,
                    batches,
                    watching,
                }),
                Err(refusal) => {
                    let (code, core) = (refusal.code, &self.server.core);
                    core.refused(&refusal, Protocol::Rtmp, "play", self.client.ip());
                    self.session
                        .end_play(msid, code.rtmp_play(), &refusal.detail, code.number());
                    self.rest();
                }
            }
        }
        None
    }

    /// Sends what a delivery loop handed over, or the end of it.
    pub(super) async fn pass_on(
        &mut self,
        place: usize,
        batch: Option<Bytes>,
    ) -> Option<ConnectionEnd> {
        if let Some(batch) = batch {
            return self.send(&batch).await.err();
        }
        let Play::Running { msid, watching, .. } = self.plays.swap_remove(place) else {
            return None;
        };
        let (code, over) = watching.why_over();
        let description = format!("{code}: {}", code.entry().message);
        let status = status_of(over);
        self.session
            .end_play(msid, status, &description, code.number());
        if self.is_busy() {
            return self.flush().await.err();
        }
        let _ = self.flush().await;
        linger(&mut self.conn, REFUSAL_LINGER).await;
        Some(ConnectionEnd::Code(Code::ClientStopped, String::new()))
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ConnectionEnd> {
        let mut conn = Patient::new(&mut self.conn, self.server.core.pool.stall());
        let sent = conn.write_all(bytes).await;
        let sent = match sent {
            Ok(()) => conn.flush().await,
            Err(error) => Err(error),
        };
        sent.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => {
                ConnectionEnd::Code(Code::TooSlow, "the client does not read".into())
            }
            _ => ConnectionEnd::Code(Code::NetworkReset, error.to_string()),
        })
    }

    /// Leaves the connection to a delivery loop.
    pub(super) fn hand_over(mut self, playback: Playback, msid: u32) {
        let greeting = self.session.take_output();
        let Conn::Plain(socket) = self.conn else {
            return;
        };
        let (server, client) = (self.server.clone(), self.client);
        let runtime = Handle::current();
        let go_on: GoOn = Box::new(move |session, event, detached| {
            let tasks = server.core.tasks.clone();
            // A delivery loop is a thread outside the runtime.
            let _inside = runtime.enter();
            tasks.spawn(
                "rtmp",
                come_back(server, client, session, msid, event, detached),
            );
        });
        let talk = Box::new(RtmpTalk::new(self.session, msid, go_on));
        if let Err(refusal) = playback.over_socket(socket, greeting, Some(talk)) {
            let core = &self.server.core;
            core.refused(&refusal, Protocol::Rtmp, "play", self.client.ip());
        }
    }
}

/// Goes on with a connection that a delivery loop gave back. What it plays on `msid` goes on, unless the event
/// is its end.
async fn come_back(
    server: RtmpServer,
    client: std::net::SocketAddr,
    session: RtmpServerSession,
    msid: u32,
    event: ServerEvent,
    detached: Detached,
) {
    let Detached {
        socket,
        unsent,
        batches,
        watching,
    } = detached;
    let Ok(socket) = TcpStream::from_std(socket) else {
        return;
    };
    let mut connection = RtmpConnection {
        session,
        conn: Conn::Plain(socket),
        server,
        client,
        publishing: Vec::new(),
        plays: vec![Play::Running {
            msid,
            batches,
            watching,
        }],
        has_asked: false,
        has_begun: true,
        deadline: Instant::now() + Duration::from_millis(weir_base::limits::RTMP_IDLE_MS),
    };
    let ended = connection.begin_again(&unsent, event).await;
    let ended = match ended {
        Some(ended) => ended,
        None => connection.run(BytesMut::new()).await,
    };
    connection.finish(ended).await;
}

impl RtmpConnection {
    async fn begin_again(&mut self, unsent: &[u8], event: ServerEvent) -> Option<ConnectionEnd> {
        if let Err(ended) = self.send(unsent).await {
            return Some(ended);
        }
        if let Some(ended) = self.hear(event).await {
            return Some(ended);
        }
        if let Some(ended) = self.hear_all().await {
            return Some(ended);
        }
        let error = self.session.check().err()?;
        Some(ConnectionEnd::Code(error.code(), error.to_string()))
    }
}

/// A player that announced nothing can play what RTMP has always had; the rest it must announce.
fn check_capabilities(stream: &Stream, capabilities: &Capabilities) -> Result<(), Refusal> {
    let tracks = stream.ring.tracks();
    let video = tracks
        .video
        .as_ref()
        .filter(|track| !capabilities.can_video(track.codec))
        .map(|track| track.codec.name());
    let audio = tracks
        .audio
        .as_ref()
        .filter(|track| !capabilities.can_audio(track.codec))
        .map(|track| track.codec.name());
    match video.or(audio) {
        None => Ok(()),
        Some(codec) => Err(Refusal::new(
            Code::CodecUnsupported,
            format!(
                "the stream is {codec} and the player did not announce it (Enhanced RTMP fourCcList); add ?enhanced=1 if it can play it."
            ),
        )),
    }
}
