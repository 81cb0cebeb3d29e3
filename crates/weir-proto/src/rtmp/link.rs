//! What both ends of a connection share: bytes to messages, control messages, the way out.

use weir_media::amf::Value;

use super::chunk::{ChunkDecoder, DEFAULT_CHUNK_SIZE};
use super::command;
use super::message::{self, Message, UserControl, control_number};
use super::wire::{CSID_COMMAND, CSID_CONTROL, CSID_DATA, put_message};

/// "Dynamic" in Set Peer Bandwidth (§5.4.5).
const LIMIT_DYNAMIC: u8 = 2;

/// The two directions of a connection after the handshake.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) decoder: ChunkDecoder,
    pub(super) output: Vec<u8>,
    pub(super) bytes_received: u64,
    /// The last time a ping came back after, if one did.
    pub(super) round_trip_ms: Option<u32>,
    bytes_acknowledged: u64,
    window_bytes: u32,
    sent_window_bytes: u32,
    chunk_size: u32,
}

/// A control message that concerns the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    BufferLength { ms: u32 },
    StreamEof,
}

impl Link {
    pub(super) const fn new(max_message_bytes: usize, window_bytes: u32) -> Self {
        Self {
            decoder: ChunkDecoder::new(max_message_bytes),
            output: Vec::new(),
            bytes_received: 0,
            round_trip_ms: None,
            bytes_acknowledged: 0,
            window_bytes,
            sent_window_bytes: 0,
            chunk_size: DEFAULT_CHUNK_SIZE,
        }
    }

    /// Acts on protocol control messages; true if `message` was one. One that is too short says nothing, and
    /// harms nothing.
    pub(super) fn control(&mut self, now_ms: u64, message: &Message) -> (bool, Option<Control>) {
        let body = &message.body;
        let mut event = None;
        match message.message_type {
            message::ACKNOWLEDGEMENT => {}
            message::WINDOW_ACK_SIZE => {
                if let Ok(window) = control_number(body) {
                    self.window_bytes = window.max(1);
                }
            }
            message::SET_PEER_BANDWIDTH => match control_number(body) {
                Ok(window) if window != self.sent_window_bytes => self.send_window(window),
                _ => {}
            },
            message::USER_CONTROL => {
                match UserControl::decode(body).unwrap_or(UserControl::Other) {
                    UserControl::PingRequest { timestamp_ms } => {
                        self.send_user_control(UserControl::PingResponse { timestamp_ms });
                    }
                    UserControl::PingResponse { timestamp_ms } => {
                        self.round_trip_ms = Some(low_u32(now_ms).wrapping_sub(timestamp_ms));
                    }
                    UserControl::BufferLength { ms, .. } => {
                        event = Some(Control::BufferLength { ms });
                    }
                    UserControl::StreamEof { .. } => event = Some(Control::StreamEof),
                    UserControl::StreamBegin { .. } | UserControl::Other => {}
                }
            }
            _ => return (false, None),
        }
        (true, event)
    }

    /// Acknowledges what came in, once a window is full (§5.4.3).
    pub(super) fn acknowledge(&mut self) {
        let unacknowledged = self.bytes_received - self.bytes_acknowledged;
        if unacknowledged >= u64::from(self.window_bytes) {
            self.bytes_acknowledged = self.bytes_received;
            let sequence = low_u32(self.bytes_received);
            self.send_control(message::ACKNOWLEDGEMENT, &sequence.to_be_bytes());
        }
    }

    pub(super) fn send_window(&mut self, bytes: u32) {
        self.sent_window_bytes = bytes;
        self.send_control(message::WINDOW_ACK_SIZE, &bytes.to_be_bytes());
    }

    pub(super) fn send_peer_bandwidth(&mut self, bytes: u32) {
        let [a, b, c, d] = bytes.to_be_bytes();
        self.send_control(message::SET_PEER_BANDWIDTH, &[a, b, c, d, LIMIT_DYNAMIC]);
    }

    /// Announces the chunk size and uses it from the next message on.
    pub(super) fn send_chunk_size(&mut self, chunk_size: u32) {
        let chunk_size = chunk_size.clamp(1, 0x7fff_ffff);
        self.send_control(message::SET_CHUNK_SIZE, &chunk_size.to_be_bytes());
        self.chunk_size = chunk_size;
    }

    pub(super) fn send_user_control(&mut self, event: UserControl) {
        self.send_control(message::USER_CONTROL, &event.encode());
    }

    /// A command: on its own chunk stream for the connection, with the data for a message stream.
    pub(super) fn send_command(
        &mut self,
        msid: u32,
        name: &str,
        transaction: f64,
        object: &Value,
        arguments: &[Value],
    ) {
        let csid = if msid == 0 { CSID_COMMAND } else { CSID_DATA };
        let body = command::encode(name, transaction, object, arguments);
        self.send(csid, 0, message::COMMAND_AMF0, msid, &[], &body);
    }

    /// `onStatus` with this info object.
    pub(super) fn send_status(&mut self, msid: u32, info: Value) {
        self.send_command(msid, "onStatus", 0.0, &Value::Null, &[info]);
    }

    pub(super) fn send(
        &mut self,
        csid: u8,
        timestamp_ms: u32,
        message_type: u8,
        msid: u32,
        head: &[u8],
        payload: &[u8],
    ) {
        let chunk_size = self.chunk_size;
        let out = &mut self.output;
        put_message(
            out,
            csid,
            timestamp_ms,
            message_type,
            msid,
            chunk_size,
            head,
            payload,
        );
    }

    fn send_control(&mut self, message_type: u8, body: &[u8]) {
        self.send(CSID_CONTROL, 0, message_type, 0, &[], body);
    }
}

/// RTMP's clock: the low 32 bits.
pub(super) fn low_u32(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// Whether a message carries audio, video or data for a stream.
pub(super) const fn is_media(message_type: u8) -> bool {
    matches!(
        message_type,
        message::AUDIO | message::VIDEO | message::DATA_AMF0 | message::DATA_AMF3
    )
}
