//! The categories of the Autobahn test suite, and limits of our own.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: WsLimits = WsLimits {
    max_message_bytes: 100_000,
    max_text_bytes: 100_000,
    max_fragments: 10,
    stream_binary: false,
};
const STREAMING: WsLimits = WsLimits {
    max_text_bytes: 1000,
    stream_binary: true,
    ..LIMITS
};

fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_masked_frame(&mut out, opcode, fin, MASK, payload);
    out
}

/// What a server makes of these bytes, given in pieces of `piece` bytes.
fn decoded(bytes: &[u8], piece: usize) -> Result<Vec<Event>, WsError> {
    events_of(WsDecoder::server(LIMITS), bytes, piece)
}

fn events_of(mut decoder: WsDecoder, bytes: &[u8], piece: usize) -> Result<Vec<Event>, WsError> {
    let mut events = Vec::new();
    for mut part in bytes.chunks(piece.max(1)) {
        while let Some(event) = decoder.next(&mut part)? {
            events.push(event);
        }
        assert!(part.is_empty());
    }
    Ok(events)
}

fn message(is_text: bool, data: &[u8]) -> Event {
    let data = Bytes::copy_from_slice(data);
    Event::Message { is_text, data }
}

fn close_code(bytes: &[u8]) -> Option<u16> {
    let whole = decoded(bytes, usize::MAX).err().map(|error| error.code);
    let octets = decoded(bytes, 1).err().map(|error| error.code);
    assert_eq!(whole, octets, "the answer depends on how the bytes are cut");
    whole
}

#[test]
fn the_accept_key_is_the_one_of_the_rfc() {
    assert_eq!(
        accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert!(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
    assert!(!is_valid_key("dGhlIHNhbXBsZQ=="));
    assert!(!is_valid_key("!"));
}

#[test]
fn the_masked_hello_of_the_rfc_is_read_and_written() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(frame(Opcode::Text, true, b"Hello"), hello);
    assert_eq!(decoded(hello, 100), Ok(vec![message(true, b"Hello")]));
}

#[test]
fn frames_of_every_length_form_come_through_however_they_are_cut() {
    for size in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 99_999] {
        let payload = vec![b'*'; size];
        for (opcode, is_text) in [(Opcode::Text, true), (Opcode::Binary, false)] {
            let bytes = frame(opcode, true, &payload);
            for piece in [1, 997, usize::MAX] {
                assert_eq!(decoded(&bytes, piece), Ok(vec![message(is_text, &payload)]));
            }
        }
    }
}

#[test]
fn the_servers_frame_headers_have_the_shortest_length_form() {
    let header = |size| {
        let mut out = Vec::new();
        put_frame_header(&mut out, Opcode::Binary, true, size);
        out
    };
    assert_eq!(header(125), [0x82, 125]);
    assert_eq!(header(126), [0x82, 126, 0, 126]);
    assert_eq!(header(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn pings_and_pongs_keep_their_payload_up_to_125_bytes() {
    let bytes = [
        frame(Opcode::Ping, true, b""),
        frame(Opcode::Ping, true, &[0xfe; 125]),
        frame(Opcode::Pong, true, b"unasked"),
    ];
    let expected = vec![
        Event::Ping(Bytes::new()),
        Event::Ping(Bytes::from(vec![0xfe; 125])),
        Event::Pong(Bytes::from_static(b"unasked")),
    ];
    assert_eq!(decoded(&bytes.concat(), 1), Ok(expected));
    assert_eq!(
        close_code(&frame(Opcode::Ping, true, &[0; 126])),
        Some(1002)
    );
}

#[test]
fn reserved_bits_are_refused() {
    for bit in [0x40, 0x20, 0x10] {
        let mut bytes = frame(Opcode::Text, true, b"x");
        bytes[0] |= bit;
        assert_eq!(close_code(&bytes), Some(1002));
    }
}

#[test]
fn unknown_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let mut bytes = frame(Opcode::Text, true, b"");
        bytes[0] = 0x80 | opcode;
        assert_eq!(close_code(&bytes), Some(1002));
    }
}

#[test]
fn fragments_make_one_message_with_control_frames_between_them() {
    let bytes = [
        frame(Opcode::Text, false, b"frag"),
        frame(Opcode::Ping, true, b"p"),
        frame(Opcode::Continuation, false, b""),
        frame(Opcode::Continuation, true, b"ment"),
        frame(Opcode::Binary, true, b"next"),
    ];
    let expected = vec![
        Event::Ping(Bytes::from_static(b"p")),
        message(true, b"fragment"),
        message(false, b"next"),
    ];
    assert_eq!(decoded(&bytes.concat(), 3), Ok(expected));
}

#[test]
fn fragments_out_of_order_are_refused() {
    let lone = frame(Opcode::Continuation, true, b"x");
    assert_eq!(close_code(&lone), Some(1002));
    let twice = [
        frame(Opcode::Text, false, b"a"),
        frame(Opcode::Text, true, b"b"),
    ]
    .concat();
    assert_eq!(close_code(&twice), Some(1002));
    assert_eq!(close_code(&frame(Opcode::Ping, false, b"")), Some(1002));
}

#[test]
fn text_that_is_not_utf8_is_refused_at_the_first_wrong_byte() {
    for text in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited"[..],
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"\xff",
        b"cut \xce",
    ] {
        assert_eq!(
            close_code(&frame(Opcode::Text, true, text)),
            Some(1007),
            "{text:?}"
        );
    }
    // Before the frame is complete: the second byte settles it.
    let bytes = frame(Opcode::Text, true, b"\xf4\x90\x80\x80");
    assert_eq!(close_code(&bytes[..8]), Some(1007));
    assert_eq!(close_code(&bytes[..7]), None);
}

#[test]
fn a_character_may_be_cut_by_a_fragment() {
    let bytes = [
        frame(Opcode::Text, false, b"\xe2\x82"),
        frame(Opcode::Continuation, true, b"\xac"),
    ];
    assert_eq!(
        decoded(&bytes.concat(), 1),
        Ok(vec![message(true, "€".as_bytes())])
    );
    let bytes = [
        frame(Opcode::Text, false, b"\xe2\x82"),
        frame(Opcode::Continuation, true, b""),
    ];
    assert_eq!(close_code(&bytes.concat()), Some(1007));
}

#[test]
fn nothing_comes_after_a_close() {
    let close = frame(Opcode::Close, true, &close_payload(1000, "bye"));
    let bytes = [close, frame(Opcode::Ping, true, b""), vec![0xff; 9]].concat();
    let reason = "bye".to_owned();
    assert_eq!(
        decoded(&bytes, 4),
        Ok(vec![Event::Close {
            code: Some(1000),
            reason
        }])
    );
    let empty = frame(Opcode::Close, true, b"");
    let reason = String::new();
    assert_eq!(
        decoded(&empty, 1),
        Ok(vec![Event::Close { code: None, reason }])
    );
}

#[test]
fn close_codes_and_reasons_are_checked() {
    let close = |code: u16| frame(Opcode::Close, true, &code.to_be_bytes());
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(close_code(&close(code)), None, "{code}");
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        assert_eq!(close_code(&close(code)), Some(1002), "{code}");
    }
    assert_eq!(close_code(&frame(Opcode::Close, true, b"\x03")), Some(1002));
    assert_eq!(
        close_code(&frame(Opcode::Close, true, b"\x03\xe8\xff")),
        Some(1007)
    );
}

#[test]
fn our_close_frame_fits_a_control_frame() {
    let mut out = Vec::new();
    put_close(&mut out, 4404, &"é".repeat(100));
    let mut client = WsDecoder::client(LIMITS);
    let event = client.next(&mut &out[..]).unwrap();
    let reason = "é".repeat(61);
    assert_eq!(
        event,
        Some(Event::Close {
            code: Some(4404),
            reason
        })
    );
}

#[test]
fn messages_over_the_limit_are_refused_before_they_come() {
    let announced = frame(Opcode::Binary, true, &[0; 100_001]);
    assert_eq!(close_code(&announced[..14]), Some(1009));
    let two = [
        frame(Opcode::Binary, false, &[0; 60_000]),
        frame(Opcode::Continuation, true, &[0; 60_000]),
    ];
    assert_eq!(close_code(&two.concat()), Some(1009));
    let endless = [&b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"[..], &MASK].concat();
    assert_eq!(close_code(&endless), Some(1009));
}

#[test]
fn messages_in_too_many_fragments_are_refused() {
    let first = frame(Opcode::Binary, false, b"");
    let more = frame(Opcode::Continuation, false, b"");
    assert_eq!(close_code(&[first.clone(), more.repeat(9)].concat()), None);
    assert_eq!(close_code(&[first, more.repeat(10)].concat()), Some(1009));
}

#[test]
fn lengths_in_a_longer_form_than_needed_are_refused() {
    let medium = [&b"\x82\xfe\x00\x7d"[..], &MASK].concat();
    assert_eq!(close_code(&medium), Some(1002));
    let long = [&b"\x82\xff\0\0\0\0\0\0\xff\xff"[..], &MASK].concat();
    assert_eq!(close_code(&long), Some(1002));
    let negative = [&b"\x82\xff\x80\0\0\0\0\0\0\0"[..], &MASK].concat();
    assert_eq!(close_code(&negative), Some(1002));
}

#[test]
fn each_side_insists_on_the_right_masking() {
    assert_eq!(close_code(b"\x82\x01x"), Some(1002));
    let masked = frame(Opcode::Binary, true, b"x");
    let error = WsDecoder::client(LIMITS)
        .next(&mut &masked[..])
        .unwrap_err();
    assert_eq!(error.code, 1002);
    let event = WsDecoder::client(LIMITS).next(&mut &b"\x82\x01x"[..]);
    assert_eq!(event, Ok(Some(message(false, b"x"))));
}

/// What a streaming server makes of them: binary bytes run together, and the other events.
fn streamed(bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<Event>), WsError> {
    let (mut data, mut others) = (Vec::new(), Vec::new());
    for event in events_of(WsDecoder::server(STREAMING), bytes, piece)? {
        match event {
            Event::Message {
                is_text: false,
                data: piece,
            } => {
                assert!(!piece.is_empty());
                data.extend_from_slice(&piece);
            }
            other => others.push(other),
        }
    }
    Ok((data, others))
}

#[test]
fn streamed_binary_is_given_out_as_it_arrives_and_not_held() {
    let bytes = frame(Opcode::Binary, true, &[9; 50_000]);
    let mut decoder = WsDecoder::server(STREAMING);
    let mut seen = 0;
    for mut part in bytes.chunks(1000) {
        while let Some(event) = decoder.next(&mut part).unwrap() {
            let Event::Message { data, .. } = event else {
                panic!("{event:?}");
            };
            assert!(data.iter().all(|byte| *byte == 9));
            seen += data.len();
        }
        let held = decoder.held_bytes();
        assert_eq!(held, 0);
    }
    assert_eq!(seen, 50_000);
}

#[test]
fn streamed_messages_may_hold_control_frames_and_be_followed_by_text() {
    let bytes = [
        frame(Opcode::Binary, false, b"abc"),
        frame(Opcode::Ping, true, b"p"),
        frame(Opcode::Continuation, false, b""),
        frame(Opcode::Continuation, true, b"def"),
        frame(Opcode::Text, false, b"wo"),
        frame(Opcode::Continuation, true, b"rds"),
        frame(Opcode::Binary, true, b""),
        frame(Opcode::Binary, true, b"g"),
    ]
    .concat();
    for piece in [1, 2, 7, usize::MAX] {
        let others = vec![
            Event::Ping(Bytes::from_static(b"p")),
            message(true, b"words"),
        ];
        assert_eq!(streamed(&bytes, piece), Ok((b"abcdefg".to_vec(), others)));
    }
}

#[test]
fn limits_hold_over_the_whole_of_a_streamed_message() {
    let refused = |frames: &[Vec<u8>]| {
        let octets = streamed(&frames.concat(), 1);
        assert_eq!(octets, streamed(&frames.concat(), usize::MAX));
        octets.err().map(|error| error.code)
    };
    let half = |opcode, fin| frame(opcode, fin, &[0; 60_000]);
    let first = half(Opcode::Binary, false);
    assert_eq!(
        refused(&[first.clone(), half(Opcode::Continuation, true)]),
        Some(1009)
    );
    assert_eq!(
        refused(&[half(Opcode::Binary, true), half(Opcode::Binary, true)]),
        None
    );
    let empty = frame(Opcode::Continuation, false, b"");
    assert_eq!(refused(&[first.clone(), empty.repeat(9)]), None);
    assert_eq!(refused(&[first, empty.repeat(10)]), Some(1009));
}

#[test]
fn text_has_a_limit_of_its_own() {
    let refused = |frames: &[Vec<u8>]| streamed(&frames.concat(), 1).err().map(|error| error.code);
    let text = |bytes| frame(Opcode::Text, true, &vec![b'x'; bytes]);
    assert_eq!(refused(&[text(1000)]), None);
    assert_eq!(refused(&[text(1001)]), Some(1009));
    let cut = [
        frame(Opcode::Text, false, &[b'x'; 600]),
        frame(Opcode::Continuation, true, &[b'x'; 600]),
    ];
    assert_eq!(refused(&cut), Some(1009));
}

proptest! {
    #[test]
    fn a_client_reads_what_a_server_writes_as_a_server_does_a_client(
        payload in proptest::collection::vec(any::<u8>(), 0..1000),
        mask: [u8; 4],
        piece in 1_usize..300,
        streams: bool,
    ) {
        let limits = if streams { STREAMING } else { LIMITS };
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let (head, tail) = payload.split_at(payload.len() / 3);
        for (opcode, fin, part) in [
            (Opcode::Binary, false, head),
            (Opcode::Ping, true, &b"?"[..]),
            (Opcode::Continuation, true, tail),
            (Opcode::Close, true, &close_payload(1001, "bye")),
        ] {
            put_masked_frame(&mut up, opcode, fin, mask, part);
            put_frame_header(&mut down, opcode, fin, part.len());
            down.extend_from_slice(part);
        }
        let server = events_of(WsDecoder::server(limits), &up, usize::MAX).unwrap();
        let client = events_of(WsDecoder::client(limits), &down, usize::MAX).unwrap();
        prop_assert_eq!(&server, &client);
        let all = |events: &[Event]| {
            let data = events.iter().filter_map(|event| match event {
                Event::Message { data, .. } => Some(&data[..]),
                _ => None,
            });
            data.collect::<Vec<_>>().concat()
        };
        prop_assert_eq!(all(&client), payload);
        let pieces = events_of(WsDecoder::client(limits), &down, piece).unwrap();
        prop_assert_eq!(all(&pieces), all(&client));
    }

    #[test]
    fn streaming_gives_the_bytes_that_whole_messages_have(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..50,
    ) {
        prop_assert_eq!(streamed(&bytes, piece), streamed(&bytes, usize::MAX));
    }

    #[test]
    fn arbitrary_bytes_never_panic_however_they_are_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        piece in 1_usize..50,
    ) {
        let whole = decoded(&bytes, usize::MAX);
        prop_assert_eq!(decoded(&bytes, piece), whole);
    }

    #[test]
    fn messages_survive_any_mask_and_any_cut(
        payload in proptest::collection::vec(any::<u8>(), 0..1000),
        mask: [u8; 4],
        piece in 1_usize..300,
    ) {
        let mut bytes = Vec::new();
        put_masked_frame(&mut bytes, Opcode::Binary, true, mask, &payload);
        prop_assert_eq!(decoded(&bytes, piece), Ok(vec![message(false, &payload)]));
    }
}
