//! Messages: their types, the protocol control messages (§5.4, §6.2, §7.1.7), aggregates.

use bytes::{Buf, Bytes};

use super::RtmpError;

/// Set Chunk Size (§5.4.1).
pub const SET_CHUNK_SIZE: u8 = 1;
/// Abort Message (§5.4.2).
pub const ABORT: u8 = 2;
/// Acknowledgement (§5.4.3).
pub const ACKNOWLEDGEMENT: u8 = 3;
/// User Control Message (§6.2).
pub const USER_CONTROL: u8 = 4;
/// Window Acknowledgement Size (§5.4.4).
pub const WINDOW_ACK_SIZE: u8 = 5;
/// Set Peer Bandwidth (§5.4.5).
pub const SET_PEER_BANDWIDTH: u8 = 6;
/// Audio Message (§7.1.4).
pub const AUDIO: u8 = 8;
/// Video Message (§7.1.5).
pub const VIDEO: u8 = 9;
/// Data in AMF3, as a rule AMF0 behind a zero byte.
pub const DATA_AMF3: u8 = 15;
/// Command in AMF3, as a rule AMF0 behind a zero byte.
pub const COMMAND_AMF3: u8 = 17;
/// Data in AMF0.
pub const DATA_AMF0: u8 = 18;
/// Command in AMF0.
pub const COMMAND_AMF0: u8 = 20;
/// Aggregate (§7.1.6).
pub const AGGREGATE: u8 = 22;

/// How many messages one aggregate may carry. Real ones carry some tens; each costs twelve bytes.
const MAX_AGGREGATE_MESSAGES: usize = 4096;

/// One message off the chunk stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Absolute time in milliseconds; wraps at 2³².
    pub timestamp_ms: u32,
    /// Which kind, see the constants here.
    pub message_type: u8,
    /// Message stream id.
    pub msid: u32,
    /// The message's payload, chunk headers removed.
    pub body: Bytes,
}

/// User control events (§7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserControl {
    StreamBegin {
        msid: u32,
    },
    StreamEof {
        msid: u32,
    },
    BufferLength {
        msid: u32,
        ms: u32,
    },
    PingRequest {
        timestamp_ms: u32,
    },
    PingResponse {
        timestamp_ms: u32,
    },
    /// Known ones that need no act, and unknown ones, which must be tolerated.
    Other,
}

impl UserControl {
    /// Reads one; a known event that is too short is the peer's error.
    pub(super) fn decode(body: &[u8]) -> Result<Self, RtmpError> {
        let mut body = body;
        let short = |_| RtmpError::Protocol("a user control message that is too short");
        let kind = body.try_get_u16().map_err(short)?;
        if !matches!(kind, 0 | 1 | 3 | 6 | 7) {
            return Ok(Self::Other);
        }
        let first = body.try_get_u32().map_err(short)?;
        Ok(match kind {
            0 => Self::StreamBegin { msid: first },
            1 => Self::StreamEof { msid: first },
            3 => Self::BufferLength {
                msid: first,
                ms: body.try_get_u32().map_err(short)?,
            },
            6 => Self::PingRequest {
                timestamp_ms: first,
            },
            _ => Self::PingResponse {
                timestamp_ms: first,
            },
        })
    }

    /// The body of the message.
    pub(super) fn encode(self) -> Vec<u8> {
        let (kind, first, second) = match self {
            Self::StreamBegin { msid } => (0_u16, msid, None),
            Self::StreamEof { msid } => (1, msid, None),
            Self::BufferLength { msid, ms } => (3, msid, Some(ms)),
            Self::PingRequest { timestamp_ms } => (6, timestamp_ms, None),
            Self::PingResponse { timestamp_ms } => (7, timestamp_ms, None),
            Self::Other => (u16::MAX, 0, None),
        };
        let mut body = kind.to_be_bytes().to_vec();
        body.extend_from_slice(&first.to_be_bytes());
        body.extend(second.into_iter().flat_map(u32::to_be_bytes));
        body
    }
}

/// The four-byte number that control messages 1, 2, 3, 5 and 6 begin with.
pub(super) fn control_number(body: &[u8]) -> Result<u32, RtmpError> {
    let number = body.first_chunk().copied().map(u32::from_be_bytes);
    number.ok_or(RtmpError::Protocol("a control message that is too short"))
}

/// Splits an aggregate into its messages, without copying (§7.1.6).
///
/// Inside are FLV tags with times of their own; the difference between the aggregate's time and
/// that of its first tag is added to each. A last back pointer may be missing.
pub fn split_aggregate(aggregate: &Message) -> Result<Vec<Message>, RtmpError> {
    let mut rest = aggregate.body.clone();
    let mut messages = Vec::new();
    let mut shift = None;
    while !rest.is_empty() {
        if messages.len() >= MAX_AGGREGATE_MESSAGES {
            return Err(RtmpError::Protocol("an aggregate of too many messages"));
        }
        let Some((header, _)) = rest.split_first_chunk::<11>() else {
            return Err(RtmpError::Protocol("an aggregate that ends in a header"));
        };
        let [message_type, s2, s1, s0, t2, t1, t0, t3, ..] = *header;
        let length = u32::from_be_bytes([0, s2, s1, s0]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let time = u32::from_be_bytes([t3, t2, t1, t0]);
        rest.advance(11);
        if length > rest.len() {
            return Err(RtmpError::Protocol("an aggregate that ends in a message"));
        }
        let shift = *shift.get_or_insert_with(|| aggregate.timestamp_ms.wrapping_sub(time));
        messages.push(Message {
            timestamp_ms: time.wrapping_add(shift),
            message_type,
            msid: aggregate.msid,
            body: rest.split_to(length),
        });
        rest.advance(rest.len().min(4));
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(message_type: u8, time_ms: u32, body: &[u8]) -> Vec<u8> {
        let [t3, t2, t1, t0] = time_ms.to_be_bytes();
        let length = u8::try_from(body.len()).unwrap();
        let mut tag = vec![message_type, 0, 0, length, t2, t1, t0, t3, 0, 0, 0];
        tag.extend_from_slice(body);
        tag.extend_from_slice(&[0, 0, 0, length + 11]);
        tag
    }

    fn aggregate(timestamp_ms: u32, body: Vec<u8>) -> Message {
        Message {
            timestamp_ms,
            message_type: AGGREGATE,
            msid: 1,
            body: body.into(),
        }
    }

    #[test]
    fn times_inside_an_aggregate_are_moved_to_the_time_of_the_aggregate() {
        let body = [tag(AUDIO, 500, b"a"), tag(VIDEO, 540, b"vv")].concat();
        let messages = split_aggregate(&aggregate(10_000, body)).unwrap();
        let seen: Vec<_> = messages
            .iter()
            .map(|m| (m.message_type, m.timestamp_ms, &m.body[..]))
            .collect();
        assert_eq!(seen, [(AUDIO, 10_000, &b"a"[..]), (VIDEO, 10_040, b"vv")]);
    }

    #[test]
    fn an_aggregate_keeps_its_times_across_the_wrap() {
        let body = [tag(AUDIO, u32::MAX, b"a"), tag(AUDIO, 9, b"b")].concat();
        let messages = split_aggregate(&aggregate(u32::MAX, body)).unwrap();
        assert_eq!(messages[1].timestamp_ms, 9);
    }

    #[test]
    fn a_missing_last_back_pointer_is_forgiven() {
        let mut body = tag(AUDIO, 0, b"abc");
        body.truncate(body.len() - 4);
        let messages = split_aggregate(&aggregate(0, body)).unwrap();
        assert_eq!(messages.len(), 1);
    }

    #[test]
    fn an_aggregate_with_lying_sizes_is_refused() {
        let mut body = tag(AUDIO, 0, b"abc");
        body[1] = 0xff;
        assert!(split_aggregate(&aggregate(0, body)).is_err());
        assert!(split_aggregate(&aggregate(0, vec![8; 10])).is_err());
        let endless = tag(AUDIO, 0, b"").repeat(MAX_AGGREGATE_MESSAGES + 1);
        assert!(split_aggregate(&aggregate(0, endless)).is_err());
    }

    #[test]
    fn user_control_survives_the_round_trip() {
        for event in [
            UserControl::StreamBegin { msid: 1 },
            UserControl::StreamEof { msid: 7 },
            UserControl::BufferLength { msid: 2, ms: 3000 },
            UserControl::PingRequest { timestamp_ms: 9 },
            UserControl::PingResponse { timestamp_ms: 9 },
            UserControl::Other,
        ] {
            assert_eq!(UserControl::decode(&event.encode()), Ok(event));
        }
        assert!(UserControl::decode(&[0, 6, 0]).is_err());
        assert!(UserControl::decode(&[0]).is_err());
    }
}
