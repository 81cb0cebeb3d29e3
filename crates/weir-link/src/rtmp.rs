//! An RTMP client on a socket: the sans-IO session of `weir-proto`, driven.
//!
//! Redirects, timeouts of the set-up and what a server's refusal means are the caller's.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};
use weir_base::{Clock, ids, limits};
use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpError, RtmpUrl};

use crate::dial::{Connection, DialError, Dialer};

/// Bytes queued for the socket above which nothing more should be queued.
const HIGH_WATER_BYTES: usize = 1024 * 1024;

/// Which way the stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the server.
    Play,
    /// To the server.
    Publish,
}

/// How the connection is made and given up.
#[derive(Debug, Clone, Copy)]
pub struct LinkOptions {
    /// Who dials.
    pub dialer: Dialer,
    /// A server that takes nothing for so long is dead, whatever its kernel says; without it the caller
    /// decides.
    pub write_timeout: Option<Duration>,
    /// For the good-bye to be read.
    pub close_timeout: Duration,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step {
    /// Something happened to the stream.
    Event(RtmpClientEvent),
    /// Bytes went in or out.
    Moved,
    /// The server has closed the connection.
    Closed,
}

/// Why the connection is over.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There never was one.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The handshake needs random bytes.
    #[error("no randomness: {0}")]
    NoRandomness(String),
    /// The server said no, with a status of level `error`.
    #[error("the server refused with {status}: {description}")]
    Refused {
        /// Its code, `NetStream.…`.
        status: String,
        /// Its words.
        description: String,
        /// The number in weir's error registry, if the server is a weir.
        weir_code: Option<u16>,
    },
    /// The socket failed.
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    /// The server reads no more.
    #[error("the server took nothing for {after:?}")]
    TakesNothing {
        /// How long it had.
        after: Duration,
    },
    /// The server broke the protocol.
    #[error(transparent)]
    Protocol(#[from] RtmpError),
}

/// A client session on a connection: reads, writes, and gives the session's events.
pub struct RtmpLink {
    reader: ReadHalf<Connection>,
    writer: WriteHalf<Connection>,
    session: RtmpClientSession,
    options: LinkOptions,
    clock: Clock,
    buffer: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    /// Something was written since the last flush: TLS may hold it back until then.
    needs_flush: bool,
    last_write: Instant,
}

impl RtmpLink {
    /// Connects and begins to ask; [`step`](Self::step) carries it on.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn connect(
        url: &RtmpUrl,
        direction: Direction,
        options: LinkOptions,
        clock: &Clock,
    ) -> Result<Self, LinkError> {
        let dialer = options.dialer;
        let connection = dialer.connect(&url.host, url.port, url.tls).await?;
        Self::over(connection, url, direction, options, clock)
    }

    /// On a connection that is there already.
    fn over(
        connection: Connection,
        url: &RtmpUrl,
        direction: Direction,
        options: LinkOptions,
        clock: &Clock,
    ) -> Result<Self, LinkError> {
        let (reader, writer) = tokio::io::split(connection);
        let seed =
            ids::random_bytes().map_err(|error| LinkError::NoRandomness(error.to_string()))?;
        let session = match direction {
            Direction::Play => RtmpClientSession::play(url, seed, ClientOptions::default()),
            Direction::Publish => RtmpClientSession::publish(url, seed, ClientOptions::default()),
        };
        Ok(Self {
            reader,
            writer,
            session,
            options,
            clock: clock.clone(),
            buffer: vec![0; limits::RTMP_READ_BYTES],
            output: Vec::new(),
            written: 0,
            needs_flush: false,
            last_write: Instant::now(),
        })
    }

    /// What happens next; `None` when the server has closed. May be dropped and asked again.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn next(&mut self) -> Result<Option<RtmpClientEvent>, LinkError> {
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
    /// When the connection breaks or stands still, for broken protocol, and when the server says no.
    pub async fn step(&mut self) -> Result<Step, LinkError> {
        if let Some(event) = self.session.poll_event() {
            return match event {
                RtmpClientEvent::Status {
                    level,
                    code,
                    description,
                    weir_code,
                } if level == "error" => Err(LinkError::Refused {
                    status: code,
                    description,
                    weir_code,
                }),
                event => Ok(Step::Event(event)),
            };
        }
        self.take_output();
        let pending = self.output.get(self.written..).unwrap_or_default();
        let has_pending = !pending.is_empty();
        let read = tokio::select! {
            sent = send_some(&mut self.writer, pending), if has_pending || self.needs_flush => {
                let sent = sent?;
                self.needs_flush = sent > 0;
                self.written += sent;
                self.last_write = Instant::now();
                return Ok(Step::Moved);
            }
            read = self.reader.read(&mut self.buffer) => read?,
            after = too_long(self.last_write, self.options.write_timeout), if has_pending => {
                return Err(LinkError::TakesNothing { after });
            }
        };
        if read == 0 {
            return Ok(Step::Closed);
        }
        let now_ms = u64::try_from(self.clock.now_us() / 1000).unwrap_or_default();
        let bytes = self.buffer.get(..read).unwrap_or_default();
        self.session.receive(now_ms, bytes)?;
        Ok(Step::Moved)
    }

    /// Queues a message whose body is `head` and then `payload`; [`step`](Self::step) sends it.
    pub fn send(&mut self, message_type: u8, timestamp_ms: u32, head: &[u8], payload: &[u8]) {
        self.session
            .send_media(message_type, timestamp_ms, head, payload);
    }

    /// Queues metadata.
    pub fn send_metadata(&mut self, body: &[u8]) {
        self.session.send_metadata(body);
    }

    /// Bytes queued and not in the kernel yet.
    pub fn pending_bytes(&self) -> usize {
        self.output.len() - self.written + self.session.pending_output_bytes()
    }

    /// Whether nothing more should be queued.
    pub fn is_full(&self) -> bool {
        self.pending_bytes() >= HIGH_WATER_BYTES
    }

    /// Says good-bye, sends what is queued if the server takes it soon, and waits for the server to
    /// close.
    pub async fn close(mut self) {
        self.session.close();
        let limit = self.options.close_timeout;
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
            // Closed with unread bytes, the connection would be reset and our last words lost.
            while self.reader.read(&mut self.buffer).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        // The server sees the connection end either way.
        let _ = timeout(limit, farewell).await;
    }

    fn take_output(&mut self) {
        if self.written >= self.output.len() {
            self.output = self.session.take_output();
            self.written = 0;
            self.last_write = Instant::now();
        }
    }
}

/// Writes some of `pending`; without any, lets go what TLS may have held back. May be dropped.
async fn send_some(writer: &mut WriteHalf<Connection>, pending: &[u8]) -> io::Result<usize> {
    if pending.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    writer.write(pending).await
}

/// Resolves when nothing was written since `last` for `limit`; never without one.
async fn too_long(last: Instant, limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep_until(last + limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const OPTIONS: LinkOptions = LinkOptions {
        dialer: Dialer::to_nodes(),
        write_timeout: Some(Duration::from_secs(8)),
        close_timeout: Duration::from_millis(500),
    };

    async fn link() -> (RtmpLink, tokio::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = RtmpUrl::parse(&format!("rtmp://{address}/live/x")).unwrap();
        let clock = Clock::manual(0);
        let link = RtmpLink::connect(&url, Direction::Play, OPTIONS, &clock);
        let link = link.await.unwrap();
        (link, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn a_server_that_closes_is_no_error_of_the_link() {
        let (mut link, mut server) = link().await;
        assert!(matches!(link.step().await.unwrap(), Step::Moved));
        let mut hello = vec![0; 1];
        server.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, [3], "the handshake's version");
        server.shutdown().await.unwrap();
        assert!(link.next().await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_reads_nothing_is_given_up() {
        // The handshake alone is longer than what this holds.
        let (ours, _theirs) = tokio::io::duplex(16);
        let url = RtmpUrl::parse("rtmp://h/live/x").unwrap();
        let clock = Clock::manual(0);
        let link = RtmpLink::over(Box::new(ours), &url, Direction::Play, OPTIONS, &clock);
        let mut link = link.unwrap();
        let error = loop {
            if let Err(error) = link.step().await {
                break error;
            }
        };
        assert!(matches!(error, LinkError::TakesNothing { .. }), "{error}");
    }

    #[tokio::test]
    async fn what_does_not_speak_rtmp_is_told_by_its_first_bytes() {
        let (mut link, mut server) = link().await;
        server.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await.unwrap();
        let error = loop {
            if let Err(error) = link.step().await {
                break error;
            }
        };
        assert!(matches!(error, LinkError::Protocol(_)), "{error}");
    }
}
