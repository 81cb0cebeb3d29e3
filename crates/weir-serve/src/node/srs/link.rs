//! The connection: the sans-IO session of a client on a socket, and a server's words as refusals.

use std::error::Error as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};
use weir_base::{Clock, Code, Refusal, ids, limits};
use weir_proto::rtmp::{ClientEvent, ClientOptions, ClientSession, RtmpUrl};

use super::{MAX_WORDS_BYTES, unreachable};
use crate::node::dial::{self, Connection, DialError};

/// Bytes queued for the socket above which nothing more is queued.
const HIGH_WATER_BYTES: usize = 1024 * 1024;
/// A server that takes nothing for so long is dead, whatever its kernel says.
const WRITE_LIMIT: Duration = Duration::from_secs(8);
/// For our good-bye to be read.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Which way the stream goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Play,
    Publish,
}

/// What a step led to.
#[derive(Debug)]
pub(super) enum Step {
    /// Something happened to the stream.
    Event(ClientEvent),
    /// Bytes went in or out.
    Moved,
}

/// See the module's words.
pub(super) struct Link {
    reader: ReadHalf<Connection>,
    writer: WriteHalf<Connection>,
    session: ClientSession,
    /// What to ask for on another server of the same kind.
    stream_with_query: String,
    clock: Clock,
    buffer: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    needs_flush: bool,
    write_by: Instant,
}

impl Link {
    /// Connects and begins to ask.
    pub(super) async fn connect(url: &RtmpUrl, way: Way, clock: &Clock) -> Result<Self, Refusal> {
        let place = format!("{}/{}", url.tc_url(), url.stream);
        let connection = dial::connect(&url.host, url.port, url.tls, false)
            .await
            .map_err(|error| {
                tracing::info!(origin = %place, %error, "no connection");
                unreachable(why(&error))
            })?;
        tracing::debug!(origin = %place, ?way, "connected");
        let (reader, writer) = tokio::io::split(connection);
        let seed =
            ids::random_bytes().map_err(|error| unreachable(format!("no randomness: {error}")))?;
        let options = ClientOptions::default();
        let session = match way {
            Way::Play => ClientSession::play(url, seed, options),
            Way::Publish => ClientSession::publish(url, seed, options),
        };
        Ok(Self {
            reader,
            writer,
            session,
            stream_with_query: url.stream_with_query(),
            clock: clock.clone(),
            buffer: vec![0; limits::RTMP_READ_BYTES],
            output: Vec::new(),
            written: 0,
            needs_flush: false,
            write_by: Instant::now(),
        })
    }

    /// What happens next. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<ClientEvent, Refusal> {
        loop {
            if let Step::Event(event) = self.step().await? {
                return Ok(event);
            }
        }
    }

    /// An event at hand, or else one read or write. May be dropped and asked again.
    ///
    /// # Errors
    /// 5002 when the connection is over or stands still, 4004 for broken protocol, and what the server
    /// says when it says no.
    pub(super) async fn step(&mut self) -> Result<Step, Refusal> {
        if let Some(event) = self.session.poll_event() {
            return match event {
                ClientEvent::Status {
                    level,
                    code,
                    description,
                    weir_code,
                } if level == "error" => Err(refusal_of(&code, &description, weir_code)),
                event => Ok(Step::Event(event)),
            };
        }
        self.take_output();
        let pending = self.output.get(self.written..).unwrap_or_default();
        let has_pending = !pending.is_empty();
        let read = tokio::select! {
            sent = send_some(&mut self.writer, pending), if has_pending || self.needs_flush => {
                let sent = sent.map_err(|error| broken(&error))?;
                self.needs_flush = sent > 0;
                self.written += sent;
                self.write_by = Instant::now() + WRITE_LIMIT;
                return Ok(Step::Moved);
            }
            read = self.reader.read(&mut self.buffer) => read.map_err(|error| broken(&error))?,
            () = tokio::time::sleep_until(self.write_by), if has_pending => {
                return Err(unreachable("the origin takes nothing any more"));
            }
        };
        if read == 0 {
            return Err(unreachable("the origin closed the connection"));
        }
        let now_ms = u64::try_from(self.clock.now_us() / 1000).unwrap_or_default();
        let bytes = self.buffer.get(..read).unwrap_or_default();
        self.session.receive(now_ms, bytes).map_err(|error| {
            let code = Code::from_number(error.number()).unwrap_or(Code::ProtocolError);
            Refusal::new(code, format!("the origin: {error}"))
        })?;
        Ok(Step::Moved)
    }

    /// Queues a message; [`step`](Self::step) sends it.
    pub(super) fn send(
        &mut self,
        message_type: u8,
        timestamp_ms: u32,
        head: &[u8],
        payload: &[u8],
    ) {
        self.session
            .send_media(message_type, timestamp_ms, head, payload);
    }

    /// Queues metadata.
    pub(super) fn send_metadata(&mut self, body: &[u8]) {
        self.session.send_metadata(body);
    }

    /// Bytes queued and not in the kernel yet.
    pub(super) fn pending_bytes(&self) -> usize {
        self.output.len() - self.written + self.session.pending_output_bytes()
    }

    /// Whether nothing more should be queued.
    pub(super) fn is_full(&self) -> bool {
        self.pending_bytes() >= HIGH_WATER_BYTES
    }

    /// The URL of our stream on another server, given its `tcUrl`; without one, here.
    pub(super) fn stream_at(&self, tc_url: &str) -> String {
        format!(
            "{}/{}",
            tc_url.trim_end_matches('/'),
            self.stream_with_query
        )
    }

    /// Says good-bye, after what is queued already if the server takes it soon.
    pub(super) async fn close(mut self) {
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
            // Closed with unread bytes, the connection would be reset and our last words lost.
            while self.reader.read(&mut self.buffer).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // The server sees the connection end either way.
        let _ = timeout(CLOSE_LIMIT, farewell).await;
    }

    fn take_output(&mut self) {
        if self.written >= self.output.len() {
            self.output = self.session.take_output();
            self.written = 0;
            self.write_by = Instant::now() + WRITE_LIMIT;
        }
    }
}

/// Writes some of `pending`; without any, lets go what TLS may have held back. May be dropped.
async fn send_some(writer: &mut WriteHalf<Connection>, pending: &[u8]) -> std::io::Result<usize> {
    if pending.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    writer.write(pending).await
}

fn broken(error: &std::io::Error) -> Refusal {
    unreachable(format!("the connection to the origin broke: {error}"))
}

/// The reason without the address.
fn why(error: &DialError) -> String {
    match (error, error.source()) {
        (DialError::Silent { after, .. }, _) => {
            format!("the origin did not answer within {} s", after.as_secs())
        }
        (_, Some(source)) => format!("no connection to the origin: {source}"),
        (_, None) => "no connection to the origin: TLS cannot be set up".to_owned(),
    }
}

/// What a server's status of level `error` means here.
fn refusal_of(status: &str, description: &str, weir_code: Option<u16>) -> Refusal {
    let end = description.floor_char_boundary(MAX_WORDS_BYTES);
    let words = description.get(..end).unwrap_or_default();
    if let Some(code) = weir_code.and_then(Code::from_number) {
        return Refusal::new(code, format!("the origin said: {words}"));
    }
    let code = match status {
        "NetStream.Play.StreamNotFound" => Code::NotLive,
        "NetStream.Publish.BadName" => Code::AlreadyPublishing,
        _ => Code::OriginUnreachable,
    };
    let end = status.floor_char_boundary(MAX_WORDS_BYTES);
    let status = status.get(..end).unwrap_or_default();
    Refusal::new(code, format!("the origin said {status}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_becomes_a_code() {
        let not_found = refusal_of("NetStream.Play.StreamNotFound", "no", None);
        assert_eq!(not_found.code, Code::NotLive);
        let taken = refusal_of("NetStream.Publish.BadName", "", None);
        assert_eq!(taken.code, Code::AlreadyPublishing);
        let own_words = refusal_of("NetStream.Play.Failed", "2001: banned", Some(2001));
        assert_eq!(own_words.code, Code::StreamBanned);
        assert!(own_words.detail.contains("banned"));
        let other = refusal_of("NetConnection.Connect.Rejected", "no such app", Some(9999));
        assert_eq!(other.code, Code::OriginUnreachable);
        assert!(other.detail.contains("Rejected: no such app"));
    }

    #[test]
    fn a_long_speech_is_cut() {
        let refusal = refusal_of("x", &"é".repeat(10_000), None);
        assert!(
            refusal.detail.len() < 2 * MAX_WORDS_BYTES,
            "{}",
            refusal.detail.len()
        );
    }
}
