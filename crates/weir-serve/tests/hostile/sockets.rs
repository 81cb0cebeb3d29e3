//! WebSockets of what is no media: both heads hand them to the service that has the address, and answer
//! the same where they are none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use weir_base::{Code, Refusal};
use weir_proto::ws;
use weir_serve::http::request::HttpRequest;
use weir_serve::http::response::Upgrade;
use weir_serve::http::upgrade::{OpenedSocket, Opening, SocketService};

use crate::clients::connect;
use crate::house::{House, Options};

/// Gives back what it is given, at `/echo` and below.
pub(crate) struct Echo;

impl SocketService for Echo {
    fn level(&self) -> &'static str {
        "echo"
    }

    fn open<'a>(&'a self, request: &'a HttpRequest) -> Opening<'a> {
        Box::pin(async move {
            if request.parameter("full").is_some() {
                return Err(Refusal::new(Code::Overloaded, "no room for an echo"));
            }
            let offer = request.web_socket()?;
            Ok(OpenedSocket {
                subprotocol: Some(offer.protocols),
                upgrade: Upgrade::new("echo", async |io| {
                    let (mut reader, mut writer) = tokio::io::split(io);
                    let _ = tokio::io::copy(&mut reader, &mut writer).await;
                }),
            })
        })
    }
}

const UPGRADE: &str = "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: room\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A connection whose requests our own head reads, or hyper's: it reads what comes after the first.
fn connection(house: &House, is_hyper: bool) -> TcpStream {
    let mut socket = connect(house.http);
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    if is_hyper {
        socket
            .write_all(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let head = head(&mut socket);
        let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        socket.read_exact(&mut vec![0; length]).unwrap();
    }
    socket
}

/// The head of an answer, in small letters.
fn head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

#[test]
fn a_web_socket_of_another_service_is_its_own_from_the_first_byte() {
    let house = House::open(Options::default());
    for is_hyper in [false, true] {
        let mut socket = connection(&house, is_hyper);
        // What stands behind the head is the service's as well.
        let request = format!("GET /echo/room?x=1 HTTP/1.1\r\n{UPGRADE}first");
        socket.write_all(request.as_bytes()).unwrap();
        let head = head(&mut socket);
        assert!(head.starts_with("http/1.1 101"), "{is_hyper}: {head}");
        assert!(head.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        assert!(head.contains("sec-websocket-protocol: room"), "{head}");
        socket.write_all(b", second").unwrap();
        let mut echo = [0; 13];
        socket.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"first, second");
    }
    house.all_is_well();
}

#[test]
fn a_refused_web_socket_is_closed_with_the_code() {
    let house = House::open(Options::default());
    for is_hyper in [false, true] {
        let mut socket = connection(&house, is_hyper);
        let request = format!("GET /echo?full HTTP/1.1\r\n{UPGRADE}");
        socket.write_all(request.as_bytes()).unwrap();
        let head = head(&mut socket);
        assert!(head.starts_with("http/1.1 101"), "{is_hyper}: {head}");
        let mut expected = Vec::new();
        let code = Code::Overloaded;
        ws::put_close(&mut expected, code.entry().ws, &code.to_string());
        let mut close = vec![0; expected.len()];
        socket.read_exact(&mut close).unwrap();
        assert_eq!(close, expected);
    }
}

#[test]
fn what_a_resource_does_not_take_is_answered_with_what_it_takes() {
    let house = House::open(Options::default());
    let ask = |request: &str| {
        let mut socket = connection(&house, false);
        let request = format!("{request} HTTP/1.1\r\nHost: h\r\ncontent-length: 0\r\n\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        let head = head(&mut socket);
        let length = head.split("content-length: ").nth(1).unwrap_or("0");
        let length = length.split("\r\n").next().unwrap().parse().unwrap_or(0);
        let mut body = vec![0; length];
        socket.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    };
    for path in [
        "/live/honest.flv",
        "/live/honest.m3u8",
        "/slsp/live/x",
        "/echo",
    ] {
        for method in ["POST", "PATCH", "DELETE"] {
            let (head, body) = ask(&format!("{method} {path}"));
            assert!(head.starts_with("http/1.1 405"), "{head}");
            assert!(head.contains("allow: get, head, options\r\n"), "{head}");
            assert!(body.contains("4004"), "{body}");
        }
    }
    let (head, _) = ask("OPTIONS /live/honest.flv");
    assert!(head.starts_with("http/1.1 204"), "{head}");
    for path in ["/echo/room", "/slsp/live/x"] {
        let (head, body) = ask(&format!("GET {path}"));
        assert!(head.starts_with("http/1.1 426"), "{head}");
        assert!(head.contains("upgrade: websocket"), "{head}");
        assert!(body.contains("4004"), "{body}");
    }
}
