//! WebSocket viewers who break the protocol: each hears the right close code.

use std::io::{Read, Write};
use std::net::TcpStream;

use weir_base::Code;
use weir_hub::Protocol;
use weir_proto::ws::{self, Opcode};

use crate::clients::{connect, is_nothing};
use crate::house::{House, Options, until};
use crate::tap::Tap;

/// A viewer over WebSocket: what it was sent, frame by frame.
struct Viewer {
    socket: TcpStream,
    input: Vec<u8>,
    tap: Tap,
    pongs: Vec<Vec<u8>>,
    /// The close frame's code; `None` inside for an empty one.
    closed: Option<Option<u16>>,
    gone: bool,
}

impl Viewer {
    fn new(house: &House) -> Self {
        let mut socket = connect(house.http);
        let head = "GET /live/honest.flv HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        let mut viewer = Self {
            socket,
            input: Vec::new(),
            tap: Tap::bare(),
            pongs: Vec::new(),
            closed: None,
            gone: false,
        };
        let end = until("the upgrade", 5, || {
            viewer.read();
            viewer
                .input
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
        });
        let head: Vec<u8> = viewer.input.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        // The answer to the key of RFC 6455's own example.
        assert!(
            head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "{head}"
        );
        viewer
    }

    fn read(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.gone = true,
            Ok(read) => self.input.extend_from_slice(&buffer[..read]),
            Err(error) => self.gone |= !is_nothing(&error),
        }
    }

    /// Reads, and takes whole frames apart.
    fn turn(&mut self) {
        self.read();
        while let Some((opcode, payload, size)) = frame(&self.input) {
            let payload = self.input[payload..size].to_vec();
            self.input.drain(..size);
            assert!(self.closed.is_none(), "a frame behind the close");
            match opcode {
                2 => self.tap.push_flv(&payload).unwrap(),
                8 => {
                    self.closed = Some(payload.first_chunk().map(|code| u16::from_be_bytes(*code)));
                }
                10 => self.pongs.push(payload),
                other => panic!("opcode {other}"),
            }
        }
    }

    /// Says `bytes` and waits for the close.
    fn close_code(mut self, bytes: &[u8]) -> Option<u16> {
        until("pictures", 5, || {
            self.turn();
            (self.tap.pictures > 3).then_some(())
        });
        let _ = self.socket.write_all(bytes);
        until("the end", 5, || {
            self.turn();
            self.gone.then_some(())
        });
        self.closed.expect("no close frame")
    }
}

/// Opcode, where the payload begins, and where the frame ends.
fn frame(input: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*input.first()?, *input.get(1)?);
    assert_eq!(
        (first & 0xf0, second & 0x80),
        (0x80, 0),
        "reserved bits, fragments or a mask"
    );
    let (at, size) = match second {
        126 => (
            4,
            usize::from(u16::from_be_bytes(*input.get(2..)?.first_chunk()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(*input.get(2..)?.first_chunk()?)).unwrap(),
        ),
        short => (2, usize::from(short)),
    };
    (input.len() >= at + size).then_some((first & 0x0f, at, at + size))
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ws::put_masked_frame(&mut out, opcode, true, [1, 2, 3, 4], payload);
    out
}

#[test]
fn each_breach_is_closed_with_its_code_and_counted() {
    let house = House::open(Options::default());
    let four_gigabytes = [
        &[0x82, 0xff][..],
        &(1_u64 << 32).to_be_bytes(),
        &[1, 2, 3, 4],
    ]
    .concat();
    let mut unmasked = Vec::new();
    ws::put_frame_header(&mut unmasked, Opcode::Text, true, 5);
    unmasked.extend_from_slice(b"hello");
    let breaches: [(&str, &[u8], u16); 6] = [
        ("reserved bits", &[0xff; 64], 1002),
        ("no mask", &unmasked, 1002),
        ("four gigabytes", &four_gigabytes, 1009),
        ("not UTF-8", &masked(Opcode::Text, &[0xc0, 0x80]), 1007),
        (
            "a ping of 126 bytes",
            &[0x89, 0xfe, 0, 126, 1, 2, 3, 4],
            1002,
        ),
        (
            "a continuation of nothing",
            &masked(Opcode::Continuation, b"x"),
            1002,
        ),
    ];
    for (turn, (name, bytes, code)) in (1..).zip(breaches) {
        assert_eq!(Viewer::new(&house).close_code(bytes), Some(code), "{name}");
        house.wait_count(Code::ProtocolError, Protocol::WsFlv, turn);
    }
    house.all_is_well();
}

#[test]
fn a_close_is_answered_in_kind_and_is_no_error() {
    let house = House::open(Options::default());
    for (said, heard) in [(1000, 1000), (1001, 1001), (4000, 4000)] {
        let close = masked(Opcode::Close, &ws::close_payload(said, "bye"));
        assert_eq!(Viewer::new(&house).close_code(&close), Some(heard));
    }
    assert_eq!(house.count(Code::ProtocolError, Protocol::WsFlv), 0);
    house.all_is_well();
}

#[test]
fn pings_are_answered_between_whole_messages() {
    let house = House::open(Options::default());
    let mut viewer = Viewer::new(&house);
    for number in 0..100_u8 {
        viewer
            .socket
            .write_all(&masked(Opcode::Ping, &[number; 20]))
            .unwrap();
        viewer.turn();
    }
    until("all pongs", 5, || {
        viewer.turn();
        (viewer.pongs.len() == 100).then_some(())
    });
    assert!(
        (0..100)
            .zip(&viewer.pongs)
            .all(|(number, pong)| *pong == [number; 20])
    );
    assert!(viewer.tap.pictures > 0);
    house.all_is_well();
}
