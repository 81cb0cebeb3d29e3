//! A client of chat: lines of JSON over a WebSocket (docs/ref/chat.md).

use std::collections::VecDeque;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weir_link::http::UpgradedConnection;
use weir_link::url::HttpUrl;
use weir_proto::ws::{Event, Opcode, WsDecoder, WsLimits, put_masked_frame};

use crate::ws::upgrade;

/// Bytes of the largest message taken: an answer with a whole history in it.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// The end of a connection, with the server's code and words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server closed the chat: {code} {reason}")]
pub struct ChatClosed {
    /// The close code; 1005 where there was none.
    pub code: u16,
    /// Its words.
    pub reason: String,
}

/// A connection to a gateway.
pub struct ChatClient {
    socket: UpgradedConnection,
    frames: WsDecoder,
    buffer: Vec<u8>,
    /// Frames that are not written yet.
    out: Vec<u8>,
    lines: VecDeque<Value>,
    next_i: u64,
}

impl ChatClient {
    /// Connects, says who it is (a guest without a token), and enters rooms; with what it was told of them.
    ///
    /// # Errors
    /// Where there is no gateway, or it does not let in.
    pub async fn enter(
        url: &HttpUrl,
        insecure: bool,
        (token, rooms): (Option<&str>, &[&str]),
    ) -> anyhow::Result<(Self, Value)> {
        let socket = upgrade(url, insecure, Some("weir.json.1")).await?;
        let mut client = Self {
            socket,
            frames: WsDecoder::client(WsLimits {
                max_message_bytes: MAX_MESSAGE_BYTES,
                max_text_bytes: MAX_MESSAGE_BYTES,
                ..WsLimits::default()
            }),
            buffer: vec![0; READ_BYTES],
            out: Vec::new(),
            lines: VecDeque::new(),
            next_i: 0,
        };
        let groups: serde_json::Map<_, _> = rooms
            .iter()
            .map(|room| ((*room).to_owned(), Value::Null))
            .collect();
        let mut hello =
            json!({ "c": "hi", "v": concat!("weir/", env!("CARGO_PKG_VERSION")), "g": groups });
        if let Some(token) = token {
            hello["tk"] = token.into();
        }
        let told = client.ask(hello).await?;
        Ok((client, told))
    }

    /// Says something under the next number, which it gives.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn say(&mut self, mut command: Value) -> anyhow::Result<u64> {
        self.next_i += 1;
        command["i"] = self.next_i.into();
        self.send(Opcode::Text, command.to_string().as_bytes())
            .await?;
        Ok(self.next_i)
    }

    /// Says something, and waits for its answer; what else comes meanwhile is kept.
    ///
    /// # Errors
    /// [`ChatClosed`], the refusal, or when the connection breaks.
    pub async fn ask(&mut self, command: Value) -> anyhow::Result<Value> {
        let i = self.say(command).await?;
        loop {
            if let Some(at) = self.lines.iter().position(|line| line["i"] == i)
                && let Some(answer) = self.lines.remove(at)
            {
                if let Some(refused) = answer.get("er") {
                    bail!(
                        "{} ({})",
                        refused["m"].as_str().unwrap_or_default(),
                        refused["n"]
                    );
                }
                return Ok(answer["ok"].clone());
            }
            self.read().await?;
        }
    }

    /// The next thing that the server says. Safe to drop and to call again.
    ///
    /// # Errors
    /// [`ChatClosed`], or when the connection breaks.
    pub async fn hear(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            self.read().await?;
        }
    }

    /// Reads once, and answers signs of life.
    async fn read(&mut self) -> anyhow::Result<()> {
        self.write().await?;
        let read = self.socket.read(&mut self.buffer).await;
        let read = read.context("the connection broke")?;
        if read == 0 {
            bail!("the connection broke");
        }
        let bytes = self.buffer.get(..read).unwrap_or_default().to_vec();
        let mut input = bytes.as_slice();
        while let Some(event) = self.frames.next(&mut input)? {
            match event {
                Event::Message { data, .. } if data.is_empty() => {
                    self.send(Opcode::Text, &[]).await?;
                }
                Event::Message { data, .. } => {
                    for line in data.split(|byte| *byte == b'\n') {
                        let line = serde_json::from_slice(line);
                        self.lines
                            .push_back(line.context("a line that is no JSON")?);
                    }
                }
                Event::Ping(payload) => self.send(Opcode::Pong, &payload).await?,
                Event::Pong(_) => {}
                Event::Close { code, reason } => {
                    let code = code.unwrap_or(1005);
                    return Err(ChatClosed { code, reason }.into());
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, opcode: Opcode, payload: &[u8]) -> anyhow::Result<()> {
        let mut mask = [0; 4];
        getrandom::fill(&mut mask).context("no randomness")?;
        put_masked_frame(&mut self.out, opcode, true, mask, payload);
        self.write().await
    }

    /// Writes what waits. What a dropped call has not written, the next one writes.
    async fn write(&mut self) -> anyhow::Result<()> {
        while !self.out.is_empty() {
            let written = self.socket.write(&self.out).await;
            let written = written.context("the connection broke")?;
            self.out.drain(..written);
        }
        self.socket.flush().await.context("the connection broke")
    }
}
