//! What stands around a form's bytes: HTTP chunks, WebSocket messages, or nothing.

use weir_base::Code;
use weir_proto::ws;

use super::talk::Talk;
use super::web_socket::WebSocketTalk;

/// An unmasked WebSocket header: two bytes and a length of eight.
const WEB_SOCKET_HEADER_BYTES: usize = 10;
/// Digits kept free for the size line of an HTTP chunk.
const CHUNK_LINE_BYTES: usize = 10;
/// The chunk of no bytes that ends a body (RFC 9112 §7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What the carrier of a form puts around each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Nothing: HTTP/1.0, or a carrier with framing of its own.
    Raw,
    /// HTTP/1.1 chunks, one per batch.
    Chunked,
    /// WebSocket binary messages, one per batch.
    WebSocket,
}

impl Framing {
    /// What a viewer says inside this framing, where it says anything.
    pub fn talk(self) -> Option<Box<dyn Talk>> {
        match self {
            Self::Raw | Self::Chunked => None,
            Self::WebSocket => Some(Box::<WebSocketTalk>::default()),
        }
    }

    /// Leaves room at the front of an empty batch for what [`close`](Self::close) puts there; returns
    /// how much.
    pub(super) fn open(self, out: &mut Vec<u8>) -> usize {
        let room = match self {
            Self::Raw => 0,
            Self::Chunked => CHUNK_LINE_BYTES,
            Self::WebSocket => WEB_SOCKET_HEADER_BYTES,
        };
        out.resize(out.len() + room, 0);
        room
    }

    /// Completes a batch begun by [`open`](Self::open): returns how many bytes at the front are unused.
    pub(super) fn close(self, room: usize, out: &mut Vec<u8>) -> usize {
        let body_bytes = out.len() - room;
        let mut header = Vec::with_capacity(room);
        match self {
            Self::Raw => {}
            Self::Chunked => header.extend_from_slice(format!("{body_bytes:x}\r\n").as_bytes()),
            Self::WebSocket => {
                ws::put_frame_header(&mut header, ws::Opcode::Binary, true, body_bytes);
            }
        }
        let unused = room - header.len().min(room);
        out[unused..room].copy_from_slice(&header[..room - unused]);
        if self == Self::Chunked {
            out.extend_from_slice(b"\r\n");
        }
        unused
    }

    /// Frames a few bytes of a viewer's own; nothing stays nothing.
    pub(super) fn wrap(self, body: &[u8]) -> Vec<u8> {
        if body.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(body.len() + CHUNK_LINE_BYTES + 8);
        let room = self.open(&mut out);
        out.extend_from_slice(body);
        let unused = self.close(room, &mut out);
        out.drain(..unused);
        out
    }

    /// Appends what ends the connection's body, because of `code`.
    pub(super) fn put_close(self, code: Code, out: &mut Vec<u8>) {
        match self {
            Self::Raw => {}
            Self::Chunked => out.extend_from_slice(LAST_CHUNK),
            Self::WebSocket => ws::put_close(out, code.entry().ws, &code.to_string()),
        }
    }
}
