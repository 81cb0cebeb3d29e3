//! A WebSocket of a client that sends much and hears little: frames out, masked, and messages in.

use std::collections::VecDeque;

use anyhow::Context;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use weir_link::dial::Connection;
use weir_proto::slsp::{MAX_FRAGMENTS, MAX_TEXT_BYTES};
use weir_proto::ws::{
    CLOSE_NORMAL, Event, Opcode, WsDecoder, WsLimits, close_payload, put_masked_frame,
};

/// Bytes read at once: control messages only.
const READ_BYTES: usize = 4 * 1024;
/// Bytes waiting for the kernel above which pings are not answered: nobody pings that much.
const MAX_PONG_BACKLOG_BYTES: usize = 1 << 20;
/// Written bytes that are kept in front of what waits: so that moving the rest is seldom.
const KEPT_BYTES: usize = 64 * 1024;

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

/// A WebSocket read and written in one step, so that neither direction blocks the other.
pub(crate) struct Socket {
    reader: ReadHalf<Connection>,
    writer: WriteHalf<Connection>,
    decoder: WsDecoder,
    events: VecDeque<Event>,
    buffer: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    /// Something was written since the last flush: TLS may hold it back until then.
    needs_flush: bool,
}

impl Socket {
    /// On a connection after the handshake.
    pub(crate) fn new(connection: Connection) -> Self {
        let (reader, writer) = tokio::io::split(connection);
        let limits = WsLimits {
            max_message_bytes: MAX_TEXT_BYTES,
            max_text_bytes: MAX_TEXT_BYTES,
            max_fragments: MAX_FRAGMENTS,
            stream_binary: false,
        };
        Self {
            reader,
            writer,
            decoder: WsDecoder::client(limits),
            events: VecDeque::new(),
            buffer: vec![0; READ_BYTES],
            output: Vec::new(),
            written: 0,
            needs_flush: false,
        }
    }

    /// Queues a message; [`step`](Self::step) sends it.
    pub(crate) fn send(&mut self, opcode: Opcode, payload: &[u8]) -> anyhow::Result<()> {
        let mut mask = [0; 4];
        getrandom::fill(&mut mask).context("no randomness")?;
        // On a link that is always full there is no moment when all is written. Never more is moved
        // than was written since the last time.
        if self.written >= self.pending_bytes().max(KEPT_BYTES) {
            self.output.drain(..self.written);
            self.written = 0;
        }
        put_masked_frame(&mut self.output, opcode, true, mask, payload);
        Ok(())
    }

    /// Queues a close frame.
    pub(crate) fn send_close(&mut self, code: u16) -> anyhow::Result<()> {
        self.send(Opcode::Close, &close_payload(code, ""))
    }

    /// Bytes queued and not given to the connection yet.
    pub(crate) const fn pending_bytes(&self) -> usize {
        self.output.len().saturating_sub(self.written)
    }

    /// An event at hand, or else one read, write or flush. May be dropped and asked again.
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
            put = put(&mut self.writer, pending), if !pending.is_empty() || self.needs_flush => {
                self.written += put.context("the connection broke")?;
                self.needs_flush = !pending.is_empty();
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

    /// Sends what is queued. May be dropped and asked again.
    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        while self.pending_bytes() > 0 || self.needs_flush {
            let pending = self.output.get(self.written..).unwrap_or_default();
            self.written += put(&mut self.writer, pending).await?;
            self.needs_flush = !pending.is_empty();
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
                    let _ = self.send_close(code.unwrap_or(CLOSE_NORMAL));
                    let _ = self.flush().await;
                    return;
                }
                Came::Ended => return,
                Came::Text(_) | Came::Moved => {}
            }
        }
    }
}

/// One write, or a flush where nothing is `pending`; gives the bytes taken. May be dropped and
/// asked again.
async fn put(writer: &mut WriteHalf<Connection>, pending: &[u8]) -> std::io::Result<usize> {
    if pending.is_empty() {
        writer.flush().await?;
        return Ok(0);
    }
    match writer.write(pending).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{BufWriter, duplex};
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn on_a_link_that_is_never_idle_what_was_written_is_let_go() {
        let (near, mut far) = duplex(32 * 1024);
        let mut socket = Socket::new(Box::new(near));
        let reading = async {
            let mut buffer = vec![0; 16 * 1024];
            let mut total = 0;
            while total < 16 << 20 {
                total += far.read(&mut buffer).await.unwrap();
            }
        };
        let writing = async {
            loop {
                while socket.pending_bytes() < 256 * 1024 {
                    socket.send(Opcode::Binary, &[7; 10_000]).unwrap();
                }
                socket.step().await.unwrap();
            }
        };
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
        assert!(
            socket.output.capacity() <= 1 << 20,
            "{} bytes",
            socket.output.capacity()
        );
    }

    #[tokio::test]
    async fn what_the_connection_holds_back_is_flushed() {
        let (near, mut far) = duplex(4096);
        let mut socket = Socket::new(Box::new(BufWriter::new(near)));
        let mut buffer = [0; 64];
        socket.send(Opcode::Text, b"hello").unwrap();
        let stepping = async { while let Ok(Came::Moved) = socket.step().await {} };
        let read = timeout(Duration::from_secs(5), async {
            tokio::select! {
                read = far.read(&mut buffer) => read.unwrap(),
                () = stepping => 0,
            }
        });
        assert_eq!(read.await.unwrap(), 6 + 5);
        socket.send(Opcode::Text, b"bye").unwrap();
        socket.flush().await.unwrap();
        let read = timeout(Duration::from_secs(5), far.read(&mut buffer)).await;
        assert_eq!(read.unwrap().unwrap(), 6 + 3);
    }
}
