//! The chunk stream, header form by header form, and what hostile peers make of it.

use proptest::prelude::*;

use super::*;
use crate::rtmp::wire::put_message;

const LIMIT: usize = 1 << 20;

/// All messages in these bytes, given in pieces of `piece` bytes.
fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Message>, RtmpError> {
    decode_with(&mut ChunkDecoder::new(LIMIT), bytes, piece)
}

fn decode_with(
    decoder: &mut ChunkDecoder,
    bytes: &[u8],
    piece: usize,
) -> Result<Vec<Message>, RtmpError> {
    let mut messages = Vec::new();
    for mut part in bytes.chunks(piece.max(1)) {
        while let Some(message) = decoder.next(&mut part)? {
            messages.push(message);
        }
        assert!(part.is_empty());
    }
    Ok(messages)
}

fn times(messages: &[Message]) -> Vec<u32> {
    messages
        .iter()
        .map(|message| message.timestamp_ms)
        .collect()
}

fn bodies(messages: &[Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.body[..]).collect()
}

/// A type-0 header for one byte of audio.
fn full(csid: u8, time: [u8; 3]) -> Vec<u8> {
    let [a, b, c] = time;
    vec![csid, a, b, c, 0, 0, 1, 8, 1, 0, 0, 0]
}

#[test]
fn the_four_header_forms_carry_time_length_and_type_forward() {
    let bytes = [
        &full(4, [0, 3, 232])[..],
        b"a",
        b"\x44\x00\x00\x14\x00\x00\x02\x09bc",
        b"\x84\x00\x00\x0ade",
        b"\xc4fg",
    ]
    .concat();
    for piece in [1, 2, 5, 100] {
        let messages = decode(&bytes, piece).unwrap();
        assert_eq!(times(&messages), [1000, 1020, 1030, 1040]);
        assert_eq!(bodies(&messages), [&b"a"[..], b"bc", b"de", b"fg"]);
        let types: Vec<u8> = messages.iter().map(|m| m.message_type).collect();
        assert_eq!(types, [8, 9, 9, 9]);
        assert!(messages.iter().all(|m| m.msid == 1));
    }
}

#[test]
fn a_type_3_header_after_a_full_one_adds_its_time_again() {
    let bytes = [&full(4, [0, 0, 40])[..], b"a\xc4b"].concat();
    assert_eq!(times(&decode(&bytes, 9).unwrap()), [40, 80]);
}

#[test]
fn chunk_stream_ids_take_one_two_or_three_bytes() {
    let header = &full(0, [0, 0, 1])[1..];
    let bytes = [
        &[0x02][..],
        header,
        b"a",
        &[0x00, 0xff],
        header,
        b"b",
        &[0x01, 0xff, 0xff],
        header,
        b"c",
        &[0xc1, 0xff, 0xff],
        b"d",
    ];
    let messages = decode(&bytes.concat(), 1).unwrap();
    assert_eq!(bodies(&messages), [b"a", b"b", b"c", b"d"]);
    assert_eq!(times(&messages), [1, 1, 1, 2]);
}

#[test]
fn messages_of_different_streams_may_interleave() {
    let mut bytes = vec![6, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0];
    bytes.extend_from_slice(&[b'v'; 128]);
    bytes.extend_from_slice(&full(4, [0, 0, 5]));
    bytes.extend_from_slice(b"a\xc6");
    bytes.extend_from_slice(&[b'v'; 72]);
    let messages = decode(&bytes, 50).unwrap();
    assert_eq!(bodies(&messages), [&b"a"[..], &[b'v'; 200]]);
}

#[test]
fn deltas_wrap_with_the_clock() {
    let bytes = [
        &full(4, [0xff; 3])[..],
        &[0xff, 0xff, 0xff, 0xfe],
        b"a",
        b"\x84\x00\x00\x05b",
    ];
    assert_eq!(
        times(&decode(&bytes.concat(), 3).unwrap()),
        [u32::MAX - 1, 3]
    );
}

#[test]
fn an_extended_delta_counts_as_a_delta() {
    let bytes = [
        &full(4, [0, 0, 1])[..],
        b"a",
        b"\x84\xff\xff\xff\x01\x00\x00\x00b",
    ]
    .concat();
    assert_eq!(times(&decode(&bytes, 1).unwrap()), [1, 0x0100_0001]);
}

/// A message of 300 bytes at `time`, with the extended time on type-3 headers or without.
fn long_late_message(time: u32, payload: &[u8], repeats: bool) -> Vec<u8> {
    let mut bytes = vec![6, 0xff, 0xff, 0xff, 0, 0, 0, 9, 1, 0, 0, 0];
    bytes[5] = (payload.len() >> 8) as u8;
    bytes[6] = payload.len() as u8;
    bytes.extend_from_slice(&time.to_be_bytes());
    for (index, chunk) in payload.chunks(128).enumerate() {
        if index > 0 {
            bytes.push(0xc6);
            if repeats {
                bytes.extend_from_slice(&time.to_be_bytes());
            }
        }
        bytes.extend_from_slice(chunk);
    }
    bytes
}

#[test]
fn extended_times_are_read_from_senders_that_repeat_them_and_that_do_not() {
    // The second chunk begins with the first three bytes of the time, then differs.
    let mut payload: Vec<u8> = (0..300_u32).map(|i| i as u8).collect();
    payload[128..132].copy_from_slice(&[1, 2, 3, 9]);
    for repeats in [true, false] {
        let bytes = long_late_message(0x0102_0304, &payload, repeats);
        let bytes = bytes.repeat(2);
        for piece in [1, 7, 1000] {
            let messages = decode(&bytes, piece).unwrap();
            assert_eq!(bodies(&messages), [&payload[..], &payload]);
            assert_eq!(times(&messages), [0x0102_0304; 2]);
        }
    }
}

#[test]
fn a_sender_seen_not_to_repeat_the_time_is_remembered() {
    // Last chunk of two bytes that look like the time: only memory can tell.
    let first = long_late_message(0x0100_0000, &[7; 130], false);
    let second = long_late_message(0x0100_0000, &[&[7; 128][..], &[1, 0]].concat(), false);
    let messages = decode(&[first, second.clone(), second].concat(), 1).unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2].body[128..], [1, 0]);
}

#[test]
fn an_empty_message_is_a_message() {
    let mut bytes = full(4, [0, 0, 9]);
    bytes[6] = 0;
    let messages = decode(&bytes, 1).unwrap();
    assert_eq!(bodies(&messages), [b""]);
}

#[test]
fn set_chunk_size_acts_at_once() {
    let mut bytes = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\0\x01".to_vec();
    bytes.extend_from_slice(b"\x04\0\0\0\0\0\x03\x08\x01\0\0\0a\xc4b\xc4c");
    assert_eq!(bodies(&decode(&bytes, 4).unwrap()), [b"abc"]);
}

#[test]
fn a_chunk_size_of_0_or_with_the_top_bit_is_refused() {
    for size in [[0, 0, 0, 0], [0x80, 0, 0, 0], [0xff; 4]] {
        let bytes = [&b"\x02\0\0\0\0\0\x04\x01\0\0\0\0"[..], &size].concat();
        assert!(matches!(decode(&bytes, 1), Err(RtmpError::Protocol(_))));
    }
    assert!(decode(b"\x02\0\0\0\0\0\x02\x01\0\0\0\0\0\0", 1).is_err());
}

#[test]
fn abort_drops_the_unfinished_message() {
    let mut bytes = vec![6, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0];
    bytes.extend_from_slice(&[b'x'; 128]);
    bytes.extend_from_slice(b"\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x06");
    bytes.extend_from_slice(b"\x06\0\0\x07\0\0\x02\x09\x01\0\0\0ok");
    let mut decoder = ChunkDecoder::new(LIMIT);
    let messages = decode_with(&mut decoder, &bytes, 11).unwrap();
    assert_eq!(bodies(&messages), [b"ok"]);
    assert_eq!(decoder.partial_bytes, 0);
}

#[test]
fn a_message_inside_another_on_one_stream_is_refused() {
    let mut bytes = vec![6, 0, 0, 0, 0, 0, 200, 9, 1, 0, 0, 0];
    bytes.extend_from_slice(&[b'x'; 128]);
    bytes.extend_from_slice(&full(6, [0, 0, 0]));
    assert!(matches!(decode(&bytes, 99), Err(RtmpError::Protocol(_))));
}

#[test]
fn a_stream_may_begin_with_type_1_but_not_with_2_or_3() {
    let messages = decode(b"\x44\0\0\x05\0\0\x01\x08a", 1).unwrap();
    assert_eq!(times(&messages), [5]);
    assert!(decode(b"\x84\0\0\x05a", 1).is_err());
    assert!(decode(b"\xc4a", 1).is_err());
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_header() {
    let bytes = b"\x06\0\0\0\xff\xff\xff\x09\x01\0\0\0";
    let error = decode(bytes, 1).unwrap_err();
    assert_eq!(error.code().number(), 4005);
    assert!(matches!(
        error,
        RtmpError::TooLarge {
            size_bytes: 0xff_ffff,
            ..
        }
    ));
}

#[test]
fn endless_chunk_streams_are_refused() {
    let bytes: Vec<u8> = (0..100)
        .flat_map(|csid| [&[0, csid], &full(0, [0; 3])[1..], b"x"].concat())
        .collect();
    assert!(matches!(
        decode(&bytes, 100),
        Err(RtmpError::Protocol("too many chunk streams"))
    ));
}

#[test]
fn unfinished_messages_together_are_bounded() {
    let mut decoder = ChunkDecoder::new(1000);
    let mut bytes = Vec::new();
    for csid in 3..63 {
        bytes.extend_from_slice(&[csid, 0, 0, 0, 0, 3, 0xe8, 9, 1, 0, 0, 0]);
        bytes.extend_from_slice(&[0; 128]);
    }
    let error = decode_with(&mut decoder, &bytes, 4096).unwrap_err();
    assert!(matches!(
        error,
        RtmpError::TooLarge {
            limit_bytes: 2000,
            ..
        }
    ));
}

#[test]
fn memory_grows_with_what_arrives_not_with_what_is_announced() {
    let mut decoder = ChunkDecoder::new(16 << 20);
    let mut bytes = b"\x06\0\0\0\xff\xff\xff\x09\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&[0; 100]);
    decode_with(&mut decoder, &bytes, 10).unwrap();
    assert!(decoder.streams[0].body.capacity() <= FIRST_ROOM_BYTES);
    let more = [
        &[0; 28][..],
        &[&[0xc6][..], &[0; 128]].concat().repeat(1000),
    ]
    .concat();
    decode_with(&mut decoder, &more, 999).unwrap();
    assert!(decoder.streams[0].body.capacity() <= 2 * decoder.streams[0].body.len());
}

#[test]
fn an_idle_decoder_owns_next_to_nothing() {
    let mut decoder = ChunkDecoder::new(LIMIT);
    let mut bytes = Vec::new();
    for csid in [2, 3, 4] {
        put_message(&mut bytes, csid, 0, 8, 0, 128, &[], &[1; 5000]);
    }
    decode_with(&mut decoder, &bytes, 77).unwrap();
    let streams = decoder.streams.capacity() * size_of::<ChunkStream>();
    let partial: usize = decoder.streams.iter().map(|s| s.body.capacity()).sum();
    assert_eq!(partial, 0);
    assert!(streams <= 400, "{streams} bytes");
}

proptest! {
    #[test]
    fn messages_survive_any_chunk_size_and_any_cut(
        messages in proptest::collection::vec(
            (2_u8..=255, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..600)), 1..8),
        chunk_size in 1_u32..400,
        piece in 1_usize..500,
    ) {
        let mut bytes = [&b"\x02\0\0\0\0\0\x04\x01\0\0\0\0"[..], &chunk_size.to_be_bytes()].concat();
        for (csid, time, body) in &messages {
            let (head, payload) = body.split_at(body.len() / 3);
            put_message(&mut bytes, *csid, *time, 9, 1, chunk_size, head, payload);
        }
        let decoded = decode(&bytes, piece).unwrap();
        prop_assert_eq!(decoded.len(), messages.len());
        for (message, (_, time, body)) in decoded.iter().zip(&messages) {
            prop_assert_eq!(message.timestamp_ms, *time);
            prop_assert_eq!(&message.body[..], &body[..]);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_however_they_are_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        piece in 1_usize..300,
    ) {
        prop_assert_eq!(decode(&bytes, piece), decode(&bytes, usize::MAX));
    }

    #[test]
    fn plausible_headers_never_panic(
        chunks in proptest::collection::vec((0_u8..4, 2_u8..6, 0_u8..30, any::<bool>()), 0..60),
        piece in 1_usize..40,
    ) {
        let mut bytes = Vec::new();
        for (format, csid, length, late) in chunks {
            let time = if late { 0xff } else { 1 };
            let header = [time, time, time, 0, 0, length, 9, 1, 0, 0, 0];
            bytes.push(format << 6 | csid);
            bytes.extend_from_slice(&header[..[11, 7, 3, 0][usize::from(format)]]);
            bytes.extend(std::iter::repeat_n(1, usize::from(length) + if late { 4 } else { 0 }));
        }
        prop_assert_eq!(decode(&bytes, piece), decode(&bytes, usize::MAX));
    }
}
