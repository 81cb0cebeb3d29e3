//! Messages as chunks in the one form that every viewer can share.
//!
//! Always a type-0 header: twelve bytes more than the smallest form, but the bytes depend on the
//! message alone, not on what a connection saw before.

/// Chunk stream for protocol control messages (§5.4).
pub const CSID_CONTROL: u8 = 2;
/// Chunk stream for commands of the connection.
pub const CSID_COMMAND: u8 = 3;
/// Chunk stream for audio.
pub const CSID_AUDIO: u8 = 4;
/// Chunk stream for commands and data of a message stream.
pub const CSID_DATA: u8 = 5;
/// Chunk stream for video.
pub const CSID_VIDEO: u8 = 6;

/// The three-byte timestamp that announces an extended one (§5.3.1.3).
pub(super) const TIMESTAMP_EXTENDED: u32 = 0xff_ffff;
/// The longest message length the header can say.
pub(super) const MAX_LENGTH: usize = 0xff_ffff;

/// Appends a whole message as chunks of `chunk_size` bytes.
///
/// A type-0 header with absolute time, extended where needed and then repeated on each type-3
/// header; the body is `head` followed by `payload`, cut at 16 MiB − 1. `csid` is at least 2,
/// `chunk_size` at least 1 (both are raised if not). The bytes depend on the arguments only, so
/// one result serves every viewer.
#[expect(clippy::too_many_arguments, reason = "the fields of a message header")]
pub fn put_message(
    out: &mut Vec<u8>,
    csid: u8,
    timestamp_ms: u32,
    message_type: u8,
    msid: u32,
    chunk_size: u32,
    head: &[u8],
    payload: &[u8],
) {
    let chunk_size = usize::try_from(chunk_size.max(1)).unwrap_or(usize::MAX);
    let head = head.get(..MAX_LENGTH).unwrap_or(head);
    let payload = payload.get(..MAX_LENGTH - head.len()).unwrap_or(payload);
    let length = head.len() + payload.len();
    let extended = (timestamp_ms >= TIMESTAMP_EXTENDED).then(|| timestamp_ms.to_be_bytes());
    out.reserve(length + 18 + length / chunk_size * 7);

    put_basic_header(out, 0, csid);
    put_u24(out, timestamp_ms.min(TIMESTAMP_EXTENDED));
    put_u24(out, u32::try_from(length).unwrap_or_default());
    out.push(message_type);
    out.extend_from_slice(&msid.to_le_bytes());
    out.extend_from_slice(extended.as_ref().map_or(&[], |bytes| &bytes[..]));

    let mut room = chunk_size;
    for mut part in [head, payload] {
        while !part.is_empty() {
            if room == 0 {
                put_basic_header(out, 3, csid);
                out.extend_from_slice(extended.as_ref().map_or(&[], |bytes| &bytes[..]));
                room = chunk_size;
            }
            let (now, later) = part.split_at(room.min(part.len()));
            out.extend_from_slice(now);
            room -= now.len();
            part = later;
        }
    }
}

/// §5.3.1.1: one byte up to csid 63, two above.
fn put_basic_header(out: &mut Vec<u8>, format: u8, csid: u8) {
    match csid {
        0..=63 => out.push(format << 6 | csid.max(2)),
        64.. => out.extend_from_slice(&[format << 6, csid - 64]),
    }
}

fn put_u24(out: &mut Vec<u8>, number: u32) {
    let [_, bytes @ ..] = number.to_be_bytes();
    out.extend_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_is_one_chunk() {
        let mut out = Vec::new();
        put_message(&mut out, 4, 0x01_0203, 8, 1, 128, &[0xaf, 1], b"xyz");
        let expected = b"\x04\x01\x02\x03\x00\x00\x05\x08\x01\x00\x00\x00\xaf\x01xyz";
        assert_eq!(out, expected);
    }

    #[test]
    fn the_extended_timestamp_is_repeated_on_every_chunk() {
        let mut out = Vec::new();
        put_message(&mut out, 6, 0x0100_0000, 9, 1, 2, b"a", b"bcd");
        let expected = b"\x06\xff\xff\xff\x00\x00\x04\x09\x01\x00\x00\x00\x01\x00\x00\x00ab\
            \xc6\x01\x00\x00\x00cd";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_full_chunk_is_not_followed_by_an_empty_one() {
        let mut out = Vec::new();
        put_message(&mut out, 3, 0, 20, 0, 4, b"", b"abcd");
        assert_eq!(out.len(), 12 + 4);
    }

    #[test]
    fn a_high_chunk_stream_takes_two_bytes() {
        let mut out = Vec::new();
        put_message(&mut out, 200, 0, 8, 1, 1, b"", b"ab");
        assert_eq!(&out[..2], &[0x00, 136]);
        assert_eq!(&out[13..], &[b'a', 0xc0, 136, b'b']);
    }
}
