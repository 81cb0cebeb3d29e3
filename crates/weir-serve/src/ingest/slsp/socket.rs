//! A publisher's WebSocket: messages in, answers out, and neither waits for the other: a client that
//! does not read its acknowledgements must not hold up its own media, nor our memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;
use weir_base::{Code, Refusal};
use weir_proto::slsp::{MAX_BINARY_BYTES, MAX_FRAGMENTS, MAX_TEXT_BYTES, ServerMessage};
use weir_proto::ws;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes read at once before anything is admitted: idle connections stay cheap.
const IDLE_READ_BYTES: usize = 2 * 1024;
/// Bytes of answers a client may let pile up.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Time a client gets to read why it is let go.
const LINGER: Duration = Duration::from_millis(500);
/// What a close frame without a code is (RFC 6455 §7.1.5).
const NO_CODE: u16 = 1005;

/// A WebSocket of a publisher: messages in, control messages out.
pub(super) struct Socket<S> {
    io: S,
    decoder: ws::WsDecoder,
    input: BytesMut,
    answers: BytesMut,
    is_flushed: bool,
    read_bytes: usize,
    /// The close code for a breach of the WebSocket's own rules.
    breach: Option<u16>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Heard {
    Text(Bytes),
    /// A piece of media.
    Media(Bytes),
    /// The client closed, with this code.
    Closed(u16),
    /// The connection is gone without a word.
    Broken,
    /// The client broke a rule.
    Breach(Refusal),
    /// A ping, or the like.
    Nothing,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(io: S) -> Self {
        let limits = ws::WsLimits {
            max_message_bytes: MAX_BINARY_BYTES,
            max_text_bytes: MAX_TEXT_BYTES,
            max_fragments: MAX_FRAGMENTS,
            stream_binary: true,
        };
        Self {
            io,
            decoder: ws::WsDecoder::server(limits),
            input: BytesMut::new(),
            answers: BytesMut::new(),
            is_flushed: false,
            read_bytes: IDLE_READ_BYTES,
            breach: None,
        }
    }

    /// Media will come.
    pub(super) const fn expect_media(&mut self) {
        self.read_bytes = READ_BYTES;
    }

    /// Puts a message behind the answers that wait.
    pub(super) fn say(&mut self, message: &ServerMessage) {
        let text = message.to_json();
        self.put(ws::Opcode::Text, text.as_bytes());
    }

    /// The next message. Answers are written meanwhile. Nothing is lost if it is not awaited to its
    /// end.
    pub(super) async fn hear(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.decode() {
                return heard;
            }
            match poll_fn(|cx| self.poll_io(cx)).await {
                Ok(0) | Err(_) => return Heard::Broken,
                Ok(_) => {}
            }
        }
    }

    fn decode(&mut self) -> Option<Heard> {
        if self.answers.len() > MAX_ANSWER_BYTES {
            let words = "the client does not read our answers";
            return Some(Heard::Breach(Refusal::new(Code::TooSlow, words)));
        }
        if self.input.is_empty() {
            return None;
        }
        let mut input = &self.input[..];
        let event = self.decoder.next(&mut input);
        let taken = self.input.len() - input.len();
        let _ = self.input.split_to(taken);
        match event {
            Ok(None) => None,
            Ok(Some(ws::Event::Message {
                is_text: true,
                data,
            })) => Some(Heard::Text(data)),
            Ok(Some(ws::Event::Message { data, .. })) => Some(Heard::Media(data)),
            Ok(Some(ws::Event::Ping(payload))) => {
                self.put(ws::Opcode::Pong, &payload);
                Some(Heard::Nothing)
            }
            Ok(Some(ws::Event::Pong(_))) => Some(Heard::Nothing),
            Ok(Some(ws::Event::Close { code, .. })) => Some(Heard::Closed(code.unwrap_or(NO_CODE))),
            Err(error) => {
                self.breach = Some(error.code);
                let code = match error.code {
                    ws::CLOSE_TOO_BIG => Code::FrameTooLarge,
                    _ => Code::ProtocolError,
                };
                Some(Heard::Breach(Refusal::new(code, error.why)))
            }
        }
    }

    fn put(&mut self, opcode: ws::Opcode, payload: &[u8]) {
        let mut header = Vec::with_capacity(16);
        ws::put_frame_header(&mut header, opcode, true, payload.len());
        self.answers.extend_from_slice(&header);
        self.answers.extend_from_slice(payload);
        self.is_flushed = false;
    }

    /// Writes what can be written, and reads.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Err(error)) = self.poll_answers(cx) {
            return Poll::Ready(Err(error));
        }
        self.input.reserve(self.read_bytes);
        poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input)
    }

    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answers.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.answers))?;
            let _ = self.answers.split_to(written);
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Says why, closes our half and reads on for a moment: a socket closed with unread bytes resets
    /// the connection, and the client would never see why.
    pub(super) async fn close(mut self, refusal: &Refusal) {
        let code = refusal.code;
        if code == Code::ClientStopped {
            self.put_close(ws::CLOSE_NORMAL, "");
        } else {
            self.say(&ServerMessage::Error {
                code: code.number(),
                name: code.name().into(),
                message: words(refusal),
            });
            self.put_close(self.breach.unwrap_or(code.entry().ws), &code.to_string());
        }
        self.finish().await;
    }

    /// Answers a close in kind (RFC 6455 §5.5.1); a connection that is gone gets no answer.
    pub(super) async fn answer_close(mut self, code: Option<u16>) {
        if let Some(code) = code {
            self.put_close(code, "");
            self.finish().await;
        }
    }

    async fn finish(mut self) {
        let _ = timeout(LINGER, async {
            let answers = self.answers.split();
            if self.io.write_all(&answers).await.is_ok() && self.io.shutdown().await.is_ok() {
                let mut scratch = [0; 2048];
                while matches!(self.io.read(&mut scratch).await, Ok(1..)) {}
            }
        })
        .await;
    }

    fn put_close(&mut self, code: u16, reason: &str) {
        let mut close = Vec::new();
        ws::put_close(&mut close, code, reason);
        self.answers.extend_from_slice(&close);
    }
}

/// What happened, and what to do.
fn words(refusal: &Refusal) -> String {
    let entry = refusal.code.entry();
    let what = match refusal.detail.trim_end_matches('.') {
        "" => entry.message.trim_end_matches('.'),
        detail => detail,
    };
    format!("{what}. {}", entry.advice)
}
