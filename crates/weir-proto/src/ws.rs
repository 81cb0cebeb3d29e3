//! WebSocket (RFC 6455), sans-IO: the handshake's key and the frames of both directions.
//!
//! The HTTP part of the handshake is the HTTP server's; extensions are not negotiated.

mod decoder;
mod mask;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

pub use decoder::{Event, WsDecoder, WsLimits};

/// What every server appends to the key (§1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Length of the key, decoded (§4.1).
const KEY_BYTES: usize = 16;
/// Largest payload of a control frame (§5.5).
const MAX_CONTROL_BYTES: usize = 125;

/// Close code: it is over, and all is well.
pub const CLOSE_NORMAL: u16 = 1000;
/// Close code: the peer broke the protocol.
pub const CLOSE_PROTOCOL_ERROR: u16 = 1002;
/// Close code: text that is not UTF-8.
pub const CLOSE_INVALID_PAYLOAD: u16 = 1007;
/// Close code: a message over our limit.
pub const CLOSE_TOO_BIG: u16 = 1009;

/// What a frame is (§5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Goes on with a message.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The peer's fault, with the code to close with: 1002, 1007 or 1009.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("WebSocket: {why} ({code})")]
pub struct WsError {
    /// The close code to send.
    pub code: u16,
    /// What was wrong.
    pub why: &'static str,
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (§4.2.2).
pub fn accept_key(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX);
    STANDARD.encode(hash.finalize())
}

/// Whether this is a `Sec-WebSocket-Key`: 16 bytes in base64 (§4.2.1).
pub fn is_valid_key(key: &str) -> bool {
    STANDARD
        .decode(key)
        .is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// Appends the header of an unmasked frame: what a server sends.
pub fn put_frame_header(out: &mut Vec<u8>, opcode: Opcode, fin: bool, payload_bytes: usize) {
    put_header(out, opcode, fin, payload_bytes, 0);
}

/// Appends a masked frame: what a client sends. `mask` must be fresh and unpredictable (§5.3).
pub fn put_masked_frame(
    out: &mut Vec<u8>,
    opcode: Opcode,
    fin: bool,
    mask: [u8; 4],
    payload: &[u8],
) {
    put_header(out, opcode, fin, payload.len(), 0x80);
    out.extend_from_slice(&mask);
    mask::mask_onto(out, payload, mask, 0);
}

/// The payload of a close frame; the reason is cut to what a control frame holds.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(MAX_CONTROL_BYTES - 2);
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.get(..end).unwrap_or_default().as_bytes());
    payload
}

/// Appends a whole unmasked close frame.
pub fn put_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let payload = close_payload(code, reason);
    put_frame_header(out, Opcode::Close, true, payload.len());
    out.extend_from_slice(&payload);
}

fn put_header(out: &mut Vec<u8>, opcode: Opcode, fin: bool, payload_bytes: usize, masked: u8) {
    out.push(if fin { 0x80 } else { 0 } | opcode.number());
    if let Ok(short @ 0..=125) = u8::try_from(payload_bytes) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(payload_bytes) {
        out.push(masked | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
