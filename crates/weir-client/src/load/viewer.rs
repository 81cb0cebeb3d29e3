//! One viewer of the load generator: a socket, where it is in its protocol, and its counts.

use std::io::{self, Read, Write};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use rustix::net::{RecvFlags, recv};
use weir_base::Clock;
use weir_link::url::HttpUrl;
use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};
use weir_proto::ws::{Opcode, put_masked_frame};

use super::counters::{Counters, Tolerance};
use super::deframe::{Http, Piece, WsFrames};
use super::rtmp::RtmpScanner;
use super::scan::{FlvScanner, Moment, TsScanner};
use crate::address::{Container, MediaUrl};
use crate::decode::{FlvDecoder, Sink, TsDecoder};
use crate::measure::Measure;
use crate::refusal::Refused;
use crate::ws::base64_key::random_key;

/// How a viewer treats what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Every byte is decoded, for latency.
    Sampled,
    /// Headers are read, payload is skipped.
    Counting,
    /// The kernel throws everything away and only says how much it was.
    Light,
    /// Once it plays it never reads again.
    Stalled,
}

/// See the module.
pub(super) struct Viewer {
    pub(super) socket: TcpStream,
    pub(super) mode: Mode,
    pub(super) counters: Counters,
    /// Why it is no viewer any more.
    pub(super) ended: Option<String>,
    pub(super) measure: Option<Box<Measure>>,
    began_us: i64,
    protocol: Protocol,
    output: Vec<u8>,
    written: usize,
}

enum Protocol {
    Http {
        http: Http,
        media: Media,
    },
    Ws {
        http: Http,
        frames: WsFrames,
        media: Media,
    },
    Rtmp {
        session: Option<Box<RtmpClientSession>>,
        scanner: RtmpScanner,
        flv: Box<FlvDecoder>,
        plays: bool,
    },
}

/// What is inside the framing.
enum Media {
    Flv(FlvScanner, Box<FlvDecoder>),
    Ts(TsScanner, Box<TsDecoder>),
}

impl Media {
    fn new(container: Container) -> Self {
        match container {
            Container::Flv => Self::Flv(FlvScanner::default(), Box::default()),
            Container::Ts => Self::Ts(TsScanner::default(), Box::default()),
        }
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        moment: Moment,
        counters: &mut Counters,
        measure: Option<&mut Measure>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Flv(scanner, _) => scanner.feed(bytes, moment, counters),
            Self::Ts(scanner, _) => scanner.feed(bytes, moment, counters),
        }
        let Some(measure) = measure else {
            return Ok(());
        };
        measure.bytes(bytes)?;
        match self {
            Self::Flv(_, decoder) => decoder.push(bytes, measure),
            Self::Ts(_, decoder) => decoder.push(bytes, measure),
        }
    }
}

impl Viewer {
    /// On a socket that is being connected.
    pub(super) fn new(
        socket: TcpStream,
        url: &MediaUrl,
        mode: Mode,
        clock: &Clock,
        gap_us: i64,
    ) -> anyhow::Result<Self> {
        let (protocol, output) = match url {
            MediaUrl::Http(url, container) => (
                Protocol::Http {
                    http: Http::default(),
                    media: Media::new(*container),
                },
                request(url, ""),
            ),
            MediaUrl::WebSocket(url) => {
                let upgrade = format!(
                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n",
                    random_key()?
                );
                let (http, frames) = (Http::default(), WsFrames::default());
                (
                    Protocol::Ws {
                        http,
                        frames,
                        media: Media::new(Container::Flv),
                    },
                    request(url, &upgrade),
                )
            }
            MediaUrl::Rtmp(url) => rtmp(url)?,
            MediaUrl::Hls(_) => bail!(
                "fan-out is measured over rtmp, .flv and .ts; for HLS there is: weir bench hls"
            ),
        };
        Ok(Self {
            socket,
            mode,
            counters: Counters::default(),
            ended: None,
            measure: (mode == Mode::Sampled).then(|| Box::new(Measure::new(clock.clone(), gap_us))),
            began_us: clock.now_us(),
            protocol,
            output,
            written: 0,
        })
    }

    /// From now on counts are kept.
    pub(super) fn begin_window(&mut self, now_us: i64) {
        self.counters.begin_window(now_us);
        if let Some(measure) = &mut self.measure {
            measure.latencies_us.clear();
        }
    }

    /// The socket may be written to: the request first, answers later.
    pub(super) fn on_writable(&mut self) {
        if let Ok(Some(error)) = self.socket.take_error() {
            self.end(format!("cannot connect: {error}"));
        }
        self.flush();
    }

    /// The socket has bytes: all are taken.
    pub(super) fn on_readable(&mut self, clock: &Clock, buffer: &mut [u8], tolerance: Tolerance) {
        while self.ended.is_none() {
            if self.mode == Mode::Stalled && self.plays() {
                return;
            }
            let is_light = self.mode == Mode::Light && self.plays();
            let read = if is_light {
                discard(&self.socket, buffer)
            } else {
                self.socket.read(buffer)
            };
            let now_us = clock.now_us();
            match read {
                Ok(0) => self.end("the server closed the connection".to_owned()),
                Ok(count) => {
                    let moment = Moment {
                        since_us: now_us - self.began_us,
                        tolerance,
                    };
                    self.counters.bytes += count as u64;
                    self.counters.first_byte_us.get_or_insert(moment.since_us);
                    self.counters.media_came(now_us, tolerance);
                    if is_light {
                        if let Protocol::Rtmp { scanner, .. } = &mut self.protocol {
                            scanner.count(count as u64, &mut self.output);
                        }
                    } else if let Err(error) =
                        self.take(buffer.get(..count).unwrap_or_default(), moment, now_us)
                    {
                        self.end(format!("{error:#}"));
                    }
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.end(format!("the connection broke: {error}")),
            }
        }
        self.flush();
    }

    /// Media was granted, so that reading may stop or be left to the kernel.
    fn plays(&self) -> bool {
        match &self.protocol {
            Protocol::Http { http, .. } | Protocol::Ws { http, .. } => http.status() != 0,
            Protocol::Rtmp { plays, .. } => *plays,
        }
    }

    fn take(&mut self, mut input: &[u8], moment: Moment, now_us: i64) -> anyhow::Result<()> {
        let counters = &mut self.counters;
        let mut measure = self.measure.as_deref_mut();
        match &mut self.protocol {
            Protocol::Http { http, media } => loop {
                match http.next(&mut input) {
                    Piece::Payload(bytes) => {
                        media.feed(bytes, moment, counters, measure.as_deref_mut())?;
                    }
                    Piece::More => break,
                    Piece::Over => return Err(over(http)),
                }
            },
            Protocol::Ws {
                http,
                frames,
                media,
            } => {
                // Until the head is complete `next` gives no payload; behind it all is frames.
                while let Piece::Payload(mut bytes) = http.next(&mut input) {
                    while let Piece::Payload(bytes) = frames.next(&mut bytes) {
                        media.feed(bytes, moment, counters, measure.as_deref_mut())?;
                    }
                }
                if http.refusal().is_some() {
                    return Err(over(http));
                }
                if let Some(payload) = frames.ping.take() {
                    put_masked_frame(&mut self.output, Opcode::Pong, true, [7, 1, 5, 3], &payload);
                }
                if let Some(code) = frames.closed {
                    return Err(Refused::web_socket(Some(code), "").into());
                }
            }
            Protocol::Rtmp {
                session,
                scanner,
                flv,
                plays,
            } => {
                // The session answers for itself as long as it lives.
                let mut unused = Vec::new();
                let answers = if session.is_some() {
                    &mut unused
                } else {
                    &mut self.output
                };
                scanner.feed(input, moment, counters, answers);
                if scanner.is_lost {
                    bail!("the server's chunks cannot be followed");
                }
                if let Some(live) = session {
                    live.receive(u64::try_from(now_us / 1000).unwrap_or_default(), input)?;
                    hear(live, plays, flv, measure)?;
                    self.output.append(&mut live.take_output());
                    if *plays && self.mode != Mode::Sampled {
                        *session = None;
                    }
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) {
        while self.written < self.output.len() && self.ended.is_none() {
            match self
                .socket
                .write(self.output.get(self.written..).unwrap_or_default())
            {
                Ok(count) => self.written += count,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.end(format!("the connection broke: {error}")),
            }
        }
        if self.written > 0 {
            self.output.clear();
            self.written = 0;
        }
    }

    fn end(&mut self, why: String) {
        self.ended.get_or_insert(why);
    }
}

/// The words of the RTMP session, and for sampled viewers its media.
fn hear(
    session: &mut RtmpClientSession,
    plays: &mut bool,
    flv: &mut FlvDecoder,
    mut measure: Option<&mut Measure>,
) -> anyhow::Result<()> {
    while let Some(event) = session.poll_event() {
        match event {
            RtmpClientEvent::PlayStarted => *plays = true,
            RtmpClientEvent::Status {
                level,
                code,
                description,
                weir_code,
            } if level == "error" => {
                return Err(Refused::rtmp(&code, &description, weir_code).into());
            }
            RtmpClientEvent::Closed => bail!("the server ended the stream"),
            RtmpClientEvent::Media {
                message_type,
                timestamp_ms,
                body,
            } => {
                if let Some(measure) = measure.as_deref_mut() {
                    measure.bytes(&body)?;
                    flv.message(message_type, timestamp_ms, body, measure)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn over(http: &Http) -> anyhow::Error {
    match http.refusal() {
        Some((status, body)) => Refused::http(status, body).into(),
        None => anyhow::anyhow!("the stream ended"),
    }
}

fn request(url: &HttpUrl, more: &str) -> Vec<u8> {
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: weir-bench\r\n{more}\r\n",
        url.path,
        url.authority()
    )
    .into_bytes()
}

fn rtmp(url: &RtmpUrl) -> anyhow::Result<(Protocol, Vec<u8>)> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("no randomness")?;
    let mut session = RtmpClientSession::play(url, seed, ClientOptions::default());
    let output = session.take_output();
    let session = Some(Box::new(session));
    Ok((
        Protocol::Rtmp {
            session,
            scanner: RtmpScanner::default(),
            flv: Box::default(),
            plays: false,
        },
        output,
    ))
}

/// Lets the kernel throw away what has arrived, as much as `buffer` would hold (`tcp(7)`,
/// `MSG_TRUNC`).
fn discard(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let (_, count) = recv(socket, buffer, RecvFlags::TRUNC)?;
    Ok(count)
}
