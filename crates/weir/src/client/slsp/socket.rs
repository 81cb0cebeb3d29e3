//! A WebSocket of a client that sends much and hears little: frames out, masked, and messages in.

use std::collections::VecDeque;

use anyhow::Context;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use weir_proto::slsp::{MAX_FRAGMENTS, MAX_TEXT_BYTES};
use weir_proto::ws::{Decoder, Event, Limits, Opcode, close_payload, put_masked_frame};

use crate::client::net::Connection;

/// Bytes read at once: control messages only.
const READ_BYTES: usize = 4 * 1024;
/// Bytes waiting for the kernel above which pings are not answered: nobody pings that much.
const MAX_PONG_BACKLOG_BYTES: usize = 1 << 20;

/// What a step led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// A text message.
    Text(Bytes),
    /// The server closes, with its code and words.
    Closed(Option<u16>, String),
    /// The connection ended without a word.
    Ended,
    /// Bytes went in or out.
    Moved,
}

/// See the module's words.
pub(crate) struct Socket {
    reader: ReadHalf<Connection>,
    writer: WriteHalf<Connection>,
    decoder: Decoder,
    events: VecDeque<Event>,
    buffer: Vec<u8>,
    output: Vec<u8>,
    written: usize,
}

impl Socket {
    /// On a connection after the handshake.
    pub(crate) fn new(connection: Connection) -> Self {
        let (reader, writer) = tokio::io::split(connection);
        let limits = Limits {
            max_message_bytes: MAX_TEXT_BYTES,
            max_text_bytes: MAX_TEXT_BYTES,
            max_fragments: MAX_FRAGMENTS,
            stream_binary: false,
        };
        Self {
            reader,
            writer,
            decoder: Decoder::client(limits),
            events: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            output: Vec::new(),
            written: 0,
        }
    }

    /// Queues a message; [`step`](Self::step) sends it.
    pub(crate) fn send(&mut self, opcode: Opcode, payload: &[u8]) -> anyhow::Result<()> {
        let mut mask = [0; 4];
        getrandom::fill(&mut mask).context("no randomness")?;
        if self.written >= self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        put_masked_frame(&mut self.output, opcode, true, mask, payload);
        Ok(())
    }

    /// Queues a close frame.
    pub(crate) fn send_close(&mut self, code: u16) -> anyhow::Result<()> {
        self.send(Opcode::Close, &close_payload(code, ""))
    }

    /// Bytes queued and not in the kernel yet.
    pub(crate) const fn pending_bytes(&self) -> usize {
        self.output.len().saturating_sub(self.written)
    }

    /// An event at hand, or else one read or write. May be dropped and asked again.
    ///
    /// # Errors
    /// Network trouble, and frames that break RFC 6455.
    pub(crate) async fn step(&mut self) -> anyhow::Result<Came> {
        while let Some(event) = self.events.pop_front() {
            match event {
                Event::Message {
                    is_text: true,
                    data,
                } => return Ok(Came::Text(data)),
                Event::Message { .. } | Event::Pong(_) => {}
                Event::Ping(payload) => {
                    if self.pending_bytes() < MAX_PONG_BACKLOG_BYTES {
                        self.send(Opcode::Pong, &payload)?;
                    }
                }
                Event::Close { code, reason } => return Ok(Came::Closed(code, reason)),
            }
        }
        let pending = self.output.get(self.written..).unwrap_or_default();
        let read = tokio::select! {
            written = self.writer.write(pending), if !pending.is_empty() => {
                self.written += written.context("the connection broke")?;
                return Ok(Came::Moved);
            }
            read = self.reader.read(&mut self.buffer) => read.context("the connection broke")?,
        };
        if read == 0 {
            return Ok(Came::Ended);
        }
        let mut input = self.buffer.get(..read).unwrap_or_default();
        while let Some(event) = self.decoder.next(&mut input)? {
            self.events.push_back(event);
        }
        Ok(Came::Moved)
    }

    /// Sends what is queued.
    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        while self.pending_bytes() > 0 {
            let pending = self.output.get(self.written..).unwrap_or_default();
            self.written += self.writer.write(pending).await?;
        }
        Ok(())
    }

    /// Sends what is queued, then waits for the server to close.
    pub(crate) async fn finish(mut self) {
        // The server sees the connection end either way.
        if self.flush().await.is_err() {
            return;
        }
        while let Ok(came) = self.step().await {
            match came {
                Came::Closed(code, _) => {
                    let _ = self.send_close(code.unwrap_or(1000));
                    let _ = self.flush().await;
                    return;
                }
                Came::Ended => return,
                Came::Text(_) | Came::Moved => {}
            }
        }
    }
}
