//! Those who never get in: garbage, lying sizes, nesting without end.

use std::io::Write;

use weir_base::Code;
use weir_hub::Protocol;
use weir_proto::rtmp::wire::put_message;

use crate::clients::{connect, read_to_end};
use crate::house::{House, Options};

const COMMAND: u8 = 20;

/// An RTMP connection after the handshake, which then says `bytes`.
fn after_handshake(house: &House, bytes: &[u8]) {
    let mut socket = connect(house.rtmp);
    let mut hello = vec![3];
    hello.resize(1 + 2 * 1536, 0);
    socket.write_all(&hello).unwrap();
    // The server may close before it has read all.
    let _ = socket.write_all(bytes);
    let answer = read_to_end(&mut socket, 5);
    assert!(answer.len() > 2 * 1536, "no handshake");
}

#[test]
fn garbage_on_the_rtmp_port_is_a_protocol_error() {
    let house = House::open(Options::default());
    for (turn, first) in (1..).zip(*b"G\x00\xff\x16\x06") {
        let mut socket = connect(house.rtmp);
        let _ = socket.write_all(&vec![first; 8000]);
        read_to_end(&mut socket, 5);
        house.wait_count(Code::ProtocolError, Protocol::Rtmp, turn);
    }
    house.all_is_well();
}

#[test]
fn garbage_on_the_http_port_is_a_protocol_error() {
    let house = House::open(Options::default());
    for (turn, garbage) in (1..).zip([
        &b"\xff\x00\x7f\x80 nonsense \r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET /live/honest.flv HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x03 an RTMP client lost its way and says so at length \r\n\r\n",
    ]) {
        let mut socket = connect(house.http);
        socket.write_all(garbage).unwrap();
        read_to_end(&mut socket, 5);
        house.wait_count(Code::ProtocolError, Protocol::HttpFlv, turn);
    }
    let mut socket = connect(house.http);
    socket.write_all(b"GET /x HTTP/1.1\r\n").unwrap();
    let filler = [b"X-Filler: ".to_vec(), vec![b'x'; 1000], b"\r\n".to_vec()].concat();
    for _ in 0..200 {
        let _ = socket.write_all(&filler);
    }
    read_to_end(&mut socket, 5);
    house.wait_count(Code::ProtocolError, Protocol::HttpFlv, 5);
    house.all_is_well();
}

#[test]
fn chunk_streams_without_end_are_a_protocol_error() {
    let house = House::open(Options::default());
    let mut bytes = Vec::new();
    for csid in 64..2000_u16 {
        // A message of 200 bytes begun on each, never ended.
        let id = csid - 64;
        bytes.extend_from_slice(&[1, id as u8, (id >> 8) as u8]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 200, COMMAND, 0, 0, 0, 0]);
        bytes.resize(bytes.len() + 128, 0);
    }
    after_handshake(&house, &bytes);
    house.wait_count(Code::ProtocolError, Protocol::Rtmp, 1);
    house.all_is_well();
}

#[test]
fn an_announced_size_takes_no_memory_and_is_too_large() {
    let house = House::open_alone(Options::default());
    let before = house.resident_bytes();
    for turn in 1..=20 {
        // Chunks of two gigabytes, a message of all that 24 bits can say.
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
        bytes.extend_from_slice(&[3, 0, 0, 0, 0xff, 0xff, 0xff, COMMAND, 0, 0, 0, 0]);
        bytes.resize(bytes.len() + 100_000, 0);
        after_handshake(&house, &bytes);
        house.wait_count(Code::FrameTooLarge, Protocol::Rtmp, turn);
    }
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    house.all_is_well();
}

#[test]
fn nesting_a_million_deep_is_a_protocol_error() {
    let house = House::open(Options::default());
    // As deep as fits the message a stranger may send, in objects and in arrays.
    let connect = [
        &[2, 0, 7][..],
        b"connect",
        &[0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    for (turn, level) in (1..).zip([&[3, 0, 1, b'a'][..], &[10, 0, 0, 0, 1]]) {
        let body = [&connect[..], &level.repeat(60_000 / level.len())].concat();
        let mut bytes = Vec::new();
        put_message(&mut bytes, 3, 0, COMMAND, 0, 128, &[], &body);
        after_handshake(&house, &bytes);
        house.wait_count(Code::ProtocolError, Protocol::Rtmp, turn);
    }
    house.all_is_well();
}
