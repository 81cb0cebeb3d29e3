//! SLSP 1: publishing over a WebSocket, the control side of both ends, sans-IO.
//!
//! Text messages are JSON objects with a `type`; binary messages are media, cut anywhere. The
//! WebSocket itself is [`crate::ws`]; what stands in the container is for whoever takes it.
//! `docs/ref/slsp.md` is the protocol.

mod client;
mod message;
mod server;
#[cfg(test)]
mod tests;

pub use client::{SlspClientEvent, SlspClientSession};
pub use message::{Ack, ClientMessage, Hello, Ready, Restart, ServerMessage, Stats};
pub use server::SlspServerSession;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "slsp.v1";
/// The version spoken here.
pub const VERSION: u32 = 1;
/// Milliseconds between acknowledgements. The sender has to have as much on its way unacknowledged, and learns by
/// them that a link has fallen: twice as many halve what a fall leaves standing in the queue.
pub const ACK_MS: u32 = 100;
/// Bytes of one text message: control is small, and JSON costs more than it weighs.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Bytes of one binary message: the largest keyframe anybody sends.
pub const MAX_BINARY_BYTES: usize = 16 << 20;
/// Frames one message may be cut into.
pub const MAX_FRAGMENTS: usize = 1024;
/// Text messages a client may send within a second.
pub const MAX_TEXTS_PER_S: u32 = 50;
/// Characters of a string in hello.
pub const MAX_STRING_CHARS: usize = 256;
/// Bytes a session that only measures may send.
pub const TEST_BYTES: u64 = 32 << 20;
/// Milliseconds a session that only measures may last.
pub const TEST_MS: u64 = 10_000;

/// Characters of the parser's words that are repeated: they may quote the sender.
const MAX_QUOTED_CHARS: usize = 160;

/// What the parser says, fit for a log and for an answer.
fn json_error(error: &serde_json::Error) -> SlspError {
    let words = error.to_string();
    let quoted = words.escape_debug().take(MAX_QUOTED_CHARS);
    SlspError::Json(quoted.collect())
}

/// The peer broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlspError {
    /// A text message that is no JSON object of ours.
    #[error("a control message cannot be read: {0}")]
    Json(String),
    /// A message where it does not belong.
    #[error("{0}")]
    Order(&'static str),
    /// A version nobody speaks.
    #[error("SLSP version {0} is not spoken here; version {VERSION} is")]
    Version(u32),
    /// Too many control messages.
    #[error("more than {MAX_TEXTS_PER_S} control messages in a second")]
    Flood,
}
