//! One connection of a chat loop: where its bytes go, and how its frames are read.

use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::sync::mpsc;
use weir_chat::{Carrier, Encoding, Framing, limits};
use weir_proto::ws;

use super::events;
use crate::deliver::{Seat, Sink};
use crate::http::CrowdPlace;

/// Bytes handed to a task at once.
const TASK_BYTES: usize = 64 * 1024;

/// See the file's words.
pub(super) struct Line {
    pub(super) sink: Sink,
    pub(super) decoder: ws::WsDecoder,
    pub(super) client: SocketAddr,
    /// What a task has heard; a socket is read by the loop.
    pub(super) heard: Option<mpsc::Receiver<Bytes>>,
    /// Its places among the connections of its network, and of the loop.
    pub(super) _places: (CrowdPlace, Seat),
}

impl Line {
    pub(super) const fn decoder() -> ws::WsDecoder {
        ws::WsDecoder::server(ws::WsLimits {
            max_message_bytes: limits::MESSAGE_BYTES,
            max_text_bytes: limits::MESSAGE_BYTES,
            max_fragments: limits::MESSAGE_FRAMES,
            stream_binary: false,
        })
    }
}

impl Carrier for Line {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if matches!(self.sink, Sink::Socket(_)) {
            return self.sink.write(slices);
        }
        let mut bytes = Vec::new();
        for slice in slices {
            let room = TASK_BYTES - bytes.len().min(TASK_BYTES);
            bytes.extend_from_slice(slice.get(..room.min(slice.len())).unwrap_or_default());
        }
        let count = bytes.len();
        self.sink.hand_over(bytes.into())?;
        Ok(count)
    }

    fn tells_room(&self) -> bool {
        matches!(self.sink, Sink::Socket(_))
    }
}

/// Messages are WebSocket messages, or events as they are.
pub(super) const FRAMING: Framing = Framing {
    header: |out, encoding, bytes| {
        let opcode = match encoding {
            Encoding::Json => ws::Opcode::Text,
            Encoding::Binary => ws::Opcode::Binary,
            Encoding::Events => return events::put_sign(out, bytes),
        };
        ws::put_frame_header(out, opcode, true, bytes);
    },
    close: |out, encoding, code, reason| match encoding {
        Encoding::Json | Encoding::Binary => ws::put_close(out, code, reason),
        Encoding::Events => events::put_bye(out, code, reason),
    },
};
