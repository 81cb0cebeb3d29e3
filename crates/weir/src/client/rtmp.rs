//! An RTMP connection of a client: the sans-IO session on a socket.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;
use weir_base::Clock;
use weir_media::flv;
use weir_proto::rtmp::{ClientEvent, ClientOptions, ClientSession, RtmpUrl};

use super::decode::{FlvDecoder, Sink};
use super::net::{self, Connection};
use super::refusal::Refused;
use super::watch::{IDLE_TIMEOUT, WatchOptions};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// From the connection to the first word of the stream.
const SETUP_TIMEOUT: Duration = Duration::from_secs(15);
/// For the last bytes to be read and the connection to be closed by the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// What servers tell Flash of its rights; no part of the stream.
const SAMPLE_ACCESS: &[u8] = b"\x02\x00\x11|RtmpSampleAccess";
/// Redirects followed before it is a circle.
const MAX_REDIRECTS: usize = 4;

/// What a step led to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something the owner should know.
    Event(ClientEvent),
    /// Bytes went in or out.
    Moved,
    /// The server has closed.
    Closed,
}

/// Both halves of the socket and the session between them.
pub(crate) struct RtmpLink {
    reader: ReadHalf<Connection>,
    writer: WriteHalf<Connection>,
    session: ClientSession,
    clock: Clock,
    buffer: Vec<u8>,
    output: Vec<u8>,
    written: usize,
}

impl RtmpLink {
    /// Connects and waits until media may be sent; follows redirects.
    pub(crate) async fn publish(url: &RtmpUrl, insecure: bool) -> anyhow::Result<Self> {
        Self::open(url, insecure, true).await
    }

    /// Connects and waits until media will come; follows redirects.
    pub(crate) async fn play(url: &RtmpUrl, insecure: bool) -> anyhow::Result<Self> {
        Self::open(url, insecure, false).await
    }

    async fn open(url: &RtmpUrl, insecure: bool, publishes: bool) -> anyhow::Result<Self> {
        let mut url = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let mut link = Self::connect(&url, insecure, publishes).await?;
            let moved = match timeout(SETUP_TIMEOUT, link.set_up()).await {
                Ok(outcome) => outcome?,
                Err(_) => bail!(
                    "the server did not answer within {} s",
                    SETUP_TIMEOUT.as_secs()
                ),
            };
            match moved {
                Some(place) => {
                    url =
                        RtmpUrl::parse(&place).with_context(|| format!("redirected to {place}"))?;
                }
                None => return Ok(link),
            }
        }
        bail!("redirected more than {MAX_REDIRECTS} times")
    }

    async fn connect(url: &RtmpUrl, insecure: bool, publishes: bool) -> anyhow::Result<Self> {
        let connection = net::connect(&url.host, url.port, url.tls, insecure).await?;
        let (reader, writer) = tokio::io::split(connection);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("no randomness")?;
        let options = ClientOptions::default();
        let session = if publishes {
            ClientSession::publish(url, seed, options)
        } else {
            ClientSession::play(url, seed, options)
        };
        let buffer = vec![0; READ_BYTES];
        Ok(Self {
            reader,
            writer,
            session,
            clock: Clock::real(),
            buffer,
            output: Vec::new(),
            written: 0,
        })
    }

    /// Until the stream may begin; a URL if it is elsewhere.
    async fn set_up(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self
                .next()
                .await?
                .context("the server closed the connection before the stream began")?
            {
                ClientEvent::PublishStarted { .. } | ClientEvent::PlayStarted => return Ok(None),
                ClientEvent::Redirect { url } => return Ok(Some(url)),
                ClientEvent::Closed => bail!("the server ended the stream before it began"),
                _ => {}
            }
        }
    }

    /// What happens next; `None` when the server has closed. May be dropped and asked again.
    ///
    /// # Errors
    /// Network trouble, broken protocol, and [`Refused`] when a status is an error.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<ClientEvent>> {
        loop {
            match self.step().await? {
                Step::Event(event) => return Ok(Some(event)),
                Step::Closed => return Ok(None),
                Step::Moved => {}
            }
        }
    }

    /// An event at hand, or else one read or write. May be dropped and asked again.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(crate) async fn step(&mut self) -> anyhow::Result<Step> {
        if let Some(event) = self.session.poll_event() {
            return match event {
                ClientEvent::Status {
                    level,
                    code,
                    description,
                    weir_code,
                } if level == "error" => Err(Refused::rtmp(&code, &description, weir_code).into()),
                event => Ok(Step::Event(event)),
            };
        }
        self.take_output();
        let pending = self.output.get(self.written..).unwrap_or_default();
        let read = tokio::select! {
            written = self.writer.write(pending), if !pending.is_empty() => {
                self.written += written.context("the connection broke")?;
                return Ok(Step::Moved);
            }
            read = self.reader.read(&mut self.buffer) => read.context("the connection broke")?,
        };
        if read == 0 {
            return Ok(Step::Closed);
        }
        let now_ms = u64::try_from(self.clock.now_us() / 1000).unwrap_or_default();
        self.session
            .receive(now_ms, self.buffer.get(..read).unwrap_or_default())?;
        Ok(Step::Moved)
    }

    /// Queues a message; [`next`](Self::next) sends it.
    pub(crate) fn send(&mut self, message_type: u8, timestamp_ms: u32, body: &[u8]) {
        self.session
            .send_media(message_type, timestamp_ms, &[], body);
    }

    /// Queues metadata.
    pub(crate) fn send_metadata(&mut self, body: &[u8]) {
        self.session.send_metadata(body);
    }

    /// Bytes queued and not in the kernel yet.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.output.len() - self.written + self.session.pending_output_bytes()
    }

    /// Says good-bye, sends what is queued, and waits for the server to close: to close with its
    /// bytes unread would reset the connection and take from it what it has not read yet.
    pub(crate) async fn close(mut self) {
        self.session.close();
        let farewell = async {
            loop {
                self.take_output();
                let pending = self.output.get(self.written..).unwrap_or_default();
                if pending.is_empty() {
                    break;
                }
                self.written += self.writer.write(pending).await?;
            }
            self.writer.shutdown().await?;
            while self.reader.read(&mut self.buffer).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // The server sees the connection end either way.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }

    fn take_output(&mut self) {
        if self.written >= self.output.len() {
            self.output = self.session.take_output();
            self.written = 0;
        }
    }
}

/// Plays a stream into `sink`, its bytes as FLV.
pub(crate) async fn watch(
    url: &RtmpUrl,
    options: &WatchOptions,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let mut link = RtmpLink::play(url, options.insecure).await?;
    let mut redirects = 0;
    let mut decoder = FlvDecoder::default();
    let mut tag = Vec::new();
    let mut has_begun = false;
    while !sink.is_done() {
        let next = match timeout(IDLE_TIMEOUT, link.next()).await {
            Ok(next) => next?,
            Err(_) => bail!("nothing came for {} s", IDLE_TIMEOUT.as_secs()),
        };
        match next {
            Some(ClientEvent::Media {
                message_type,
                timestamp_ms,
                mut body,
            }) => {
                if body.starts_with(SAMPLE_ACCESS) {
                    continue;
                }
                tag.clear();
                if !std::mem::replace(&mut has_begun, true) {
                    flv::write::put_file_header(&mut tag, true, true);
                }
                let mut kind = message_type;
                if kind == flv::MESSAGE_AMF3_DATA && body.first() == Some(&0) {
                    // AMF0 behind a zero byte: the only form there is in practice.
                    body = body.slice(1..);
                    kind = flv::TAG_SCRIPT;
                }
                flv::write::put_tag(&mut tag, kind, timestamp_ms, &[], &body);
                sink.bytes(&tag)?;
                decoder.message(kind, timestamp_ms, body, sink)?;
            }
            Some(ClientEvent::Closed) | None => break,
            // Origins say where a stream is only after they have said that it begins.
            Some(ClientEvent::Redirect { url }) if !has_begun && redirects < MAX_REDIRECTS => {
                redirects += 1;
                let url = RtmpUrl::parse(&url).with_context(|| format!("redirected to {url}"))?;
                link = RtmpLink::play(&url, options.insecure).await?;
            }
            Some(ClientEvent::Reconnect { .. } | ClientEvent::Redirect { .. }) => {
                sink.note("the server asks to connect again: the stream ends here");
                break;
            }
            Some(_) => {}
        }
    }
    link.close().await;
    Ok(())
}
