//! Every media answer, on each way a request can be read: the first of a plain connection (our own eyes), a later
//! one (hyper's), and HTTP/2. One table; an answer that differs between the ways is wrong on one of them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::clients::{connect, is_nothing};
use crate::house::{House, Options, until};

/// A request and what its answer says: status, then headers with their value, `*` for any, `-` for none.
type Row<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    u16,
    &'a [(&'a str, &'a str)],
);

const FLV: &str = "/live/honest.flv";
const TS: &str = "/live/honest.ts";
const MAIN: &str = "/live/honest.m3u8";
const MEDIA: &str = "/live/honest/hls.m3u8";
const PIECE: &str = "{piece}";
const TAG: &str = "{tag}";

const ANYBODY: (&str, &str) = ("access-control-allow-origin", "*");
const LIVE: &[(&str, &str)] = &[
    ("content-type", "video/x-flv"),
    ("cache-control", "no-store"),
    ("accept-ranges", "none"),
    ("date", "*"),
    ANYBODY,
];
const PIECE_WHOLE: &[(&str, &str)] = &[
    ("content-type", "video/mp4"),
    ("accept-ranges", "bytes"),
    ("etag", TAG),
    ("content-length", "{length}"),
    ("content-range", "-"),
    ("date", "*"),
    ANYBODY,
];
const REFUSED: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ANYBODY,
];
const ALLOWED: &[(&str, &str)] = &[("allow", "GET, HEAD, OPTIONS"), ANYBODY];
const PLAIN: &[(&str, &str)] = &[
    ("content-encoding", "-"),
    ("vary", "Accept-Encoding"),
    ANYBODY,
];
const PACKED: &[(&str, &str)] = &[
    ("content-encoding", "gzip"),
    ("vary", "Accept-Encoding"),
    ANYBODY,
];

#[rustfmt::skip]
const TABLE: &[Row<'_>] = &[
    // Endless streams: methods, and what there is no use in asking for.
    ("GET", FLV, &[], 200, LIVE),
    ("GET", "/live/honest.flv?audio=0", &[], 200, LIVE),
    ("GET", "//live/%68onest.flv", &[], 200, LIVE),
    ("HEAD", FLV, &[], 200, LIVE),
    ("GET", TS, &[], 200, &[("content-type", "video/mp2t"), ANYBODY]),
    ("HEAD", TS, &[], 200, &[("content-type", "video/mp2t"), ANYBODY]),
    ("GET", FLV, &[("Range", "bytes=0-")], 200, LIVE),
    ("GET", FLV, &[("If-Modified-Since", "Tue, 01 Jan 2030 00:00:00 GMT")], 200, LIVE),
    ("GET", FLV, &[("Accept-Encoding", "gzip, deflate, br")], 200, LIVE),
    ("GET", FLV, &[("Expect", "100-continue")], 200, LIVE),
    ("GET", FLV, &[("ACCEPT", "*/*"), ("x-forwarded-for", "nonsense, , 1.2.3.4")], 200, LIVE),
    ("GET", "/live/nobody.flv", &[], 404, REFUSED),
    ("HEAD", "/live/nobody.flv", &[], 404, REFUSED),
    ("GET", "/live/..%2e.flv", &[], 404, REFUSED),
    ("POST", FLV, &[], 405, &[("allow", "GET, HEAD, OPTIONS"), ANYBODY]),
    ("DELETE", MAIN, &[], 405, &[("allow", "GET, HEAD, OPTIONS"), ANYBODY]),
    ("get", FLV, &[], 405, &[("allow", "GET, HEAD, OPTIONS"), ANYBODY]),
    ("GET", "/slsp/live/x", &[], 426, &[ANYBODY]),
    // What a browser asks first.
    ("OPTIONS", FLV, &[], 204, ALLOWED),
    ("OPTIONS", FLV, &[("Origin", "http://a.example"), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "authorization,x-own , range")], 204,
        &[("access-control-allow-headers", "authorization, x-own, range"), ("access-control-allow-methods", "GET, HEAD, OPTIONS"), ANYBODY]),
    ("OPTIONS", MAIN, &[("Access-Control-Request-Headers", "pragma")], 204, &[("access-control-allow-headers", "pragma"), ANYBODY]),
    ("OPTIONS", PIECE, &[("Access-Control-Request-Headers", "a b")], 204, &[("access-control-allow-headers", "*"), ANYBODY]),
    ("OPTIONS", PIECE, &[("Access-Control-Request-Headers", "cache-control")], 204, &[("access-control-allow-headers", "cache-control"), ANYBODY]),
    // Playlists: codings.
    ("GET", MAIN, &[], 200, PLAIN),
    ("HEAD", MEDIA, &[], 200, PLAIN),
    ("GET", MEDIA, &[("Accept-Encoding", "gzip;q=0")], 200, PLAIN),
    ("GET", MEDIA, &[("Accept-Encoding", "*;q=0, identity")], 200, PLAIN),
    ("GET", MEDIA, &[("Accept-Encoding", "br, GZIP ; Q=0.3")], 200, PACKED),
    ("GET", MEDIA, &[("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")], 200, PACKED),
    ("GET", MEDIA, &[("Range", "bytes=0-3")], 200, PLAIN),
    ("GET", "/live/nobody/hls.m3u8", &[], 404, REFUSED),
    ("GET", "/live/honest/hls.m3u8?_HLS_msn=x", &[], 400, REFUSED),
    // Pieces: ranges and conditions.
    ("GET", PIECE, &[], 200, PIECE_WHOLE),
    ("HEAD", PIECE, &[], 200, PIECE_WHOLE),
    ("HEAD", PIECE, &[("Range", "bytes=0-1")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("Range", "bytes=0-9")], 206, &[("content-range", "bytes 0-9/{length}"), ("content-length", "10"), ANYBODY]),
    ("GET", PIECE, &[("range", "BYTES=0-4,5-9")], 206, &[("content-range", "bytes 0-9/{length}")]),
    ("GET", PIECE, &[("Range", "bytes=-10")], 206, &[("content-length", "10"), ("etag", TAG)]),
    ("GET", PIECE, &[("Range", "bytes=0-0, 5-5")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("Range", "bytes=9-0")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("Range", "bytes=99999999-")], 416, &[("content-range", "bytes */{length}"), ANYBODY]),
    ("GET", PIECE, &[("Range", "bytes=0-9"), ("If-Range", TAG)], 206, &[("content-length", "10")]),
    ("GET", PIECE, &[("Range", "bytes=0-9"), ("If-Range", "\"x\"")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("Range", "bytes=0-9"), ("If-Range", "Tue, 01 Jan 2030 00:00:00 GMT")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("If-None-Match", TAG)], 304, &[("etag", TAG), ("cache-control", "*"), ("content-length", "-"), ANYBODY]),
    ("HEAD", PIECE, &[("If-None-Match", "\"a,b\", W/{tag}")], 304, &[("etag", TAG)]),
    ("GET", PIECE, &[("If-None-Match", "\"x\""), ("If-None-Match", TAG)], 304, &[("etag", TAG)]),
    ("GET", PIECE, &[("If-None-Match", "*"), ("Range", "bytes=0-1")], 304, &[("etag", TAG)]),
    ("GET", PIECE, &[("If-None-Match", "\"x\"")], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("If-Match", TAG)], 200, PIECE_WHOLE),
    ("GET", PIECE, &[("If-Match", "\"x\"")], 412, &[ANYBODY]),
    ("GET", PIECE, &[("If-Modified-Since", "Tue, 01 Jan 2030 00:00:00 GMT")], 200, PIECE_WHOLE),
    // What nobody can promise, and what is too much.
    ("GET", FLV, &[("Expect", "a-miracle")], 417, REFUSED),
    ("GET", PIECE, &[("Expect", "100-continue, a-miracle")], 417, REFUSED),
    ("GET", "{long}", &[], 414, REFUSED),
    ("GET", FLV, &[("X-Long", "{long}"), ("X-More", "{long}")], 431, REFUSED),
    ("OPTIONS", PIECE, &[("X-Long", "{long}"), ("X-More", "{long}")], 431, REFUSED),
];

/// An answer: its status, its headers, and the beginning of its body.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// One who asks.
trait Way {
    fn name(&self) -> &'static str;
    fn ask(&self, method: &str, path: &str, headers: &[(String, String)]) -> Answer;
}

struct First(SocketAddr);
struct Later(SocketAddr);
struct Two<'a>(SocketAddr, &'a tokio::runtime::Runtime);

fn request(method: &str, target: &str, headers: &[(String, String)]) -> String {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
}

impl Way for First {
    fn name(&self) -> &'static str {
        "first"
    }

    fn ask(&self, method: &str, path: &str, headers: &[(String, String)]) -> Answer {
        let mut socket = connect(self.0);
        let _ = socket.write_all(request(method, path, headers).as_bytes());
        read_answer(&mut socket, method == "HEAD")
    }
}

impl Way for Later {
    fn name(&self) -> &'static str {
        "later"
    }

    fn ask(&self, method: &str, path: &str, headers: &[(String, String)]) -> Answer {
        let mut socket = connect(self.0);
        socket
            .write_all(request("OPTIONS", "*", &[]).as_bytes())
            .unwrap();
        assert_eq!(read_answer(&mut socket, false).status, 204);
        let _ = socket.write_all(request(method, path, headers).as_bytes());
        read_answer(&mut socket, method == "HEAD")
    }
}

impl Way for Two<'_> {
    fn name(&self) -> &'static str {
        "HTTP/2"
    }

    fn ask(&self, method: &str, path: &str, headers: &[(String, String)]) -> Answer {
        self.1.block_on(async {
            let socket = tokio::net::TcpStream::connect(self.0).await.unwrap();
            let io = TokioIo::new(socket);
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                    .await
                    .unwrap();
            let driver = tokio::spawn(connection);
            let mut request = http::Request::builder()
                .method(method)
                .uri(format!("http://x{path}"));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let (head, mut body) = answer.into_parts();
            let mut bytes = Vec::new();
            if let Some(Ok(frame)) = body.frame().await
                && let Some(data) = frame.data_ref()
            {
                bytes.extend_from_slice(data);
            }
            driver.abort();
            let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
            let headers = head.headers.iter();
            Answer {
                status: head.status.as_u16(),
                headers: headers
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
                body: bytes,
            }
        })
    }
}

/// A head, and as much of its body as has come once there is some.
fn read_answer(socket: &mut TcpStream, is_head: bool) -> Answer {
    let mut all = Vec::new();
    let mut buffer = [0; 8192];
    until("an answer", 10, || {
        match socket.read(&mut buffer) {
            Ok(0) => return Some(()),
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error) if is_nothing(&error) => {}
            Err(_) => return Some(()),
        }
        let answer = parsed(&all)?;
        let length = answer.headers.get("content-length");
        let is_bodiless = is_head || matches!(answer.status, 101 | 204 | 304);
        let wanted = match length.map(|length| length.parse::<usize>().unwrap()) {
            _ if is_bodiless => 0,
            Some(length) => length.min(16),
            None => 16,
        };
        (answer.body.len() >= wanted).then_some(())
    });
    parsed(&all).unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&all)))
}

fn parsed(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Some(Answer {
        status,
        headers: headers.collect(),
        body: bytes[end + 4..].to_vec(),
    })
}

/// A segment's path, its size and its tag.
fn piece(house: &House) -> (String, usize) {
    let way = First(house.http);
    let path = until("a segment", 20, || {
        let answer = way.ask("GET", MEDIA, &[]);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let name = text.split('"').find(|word| word.starts_with("init-"))?;
        Some(format!("/live/honest/{name}"))
    });
    let whole = way.ask("HEAD", &path, &[]);
    (path, whole.headers["content-length"].parse().unwrap())
}

#[test]
fn every_media_answer_is_the_same_on_every_way() {
    let house = House::open(Options::default());
    let (piece, length) = piece(&house);
    let tag = format!("\"{}\"", piece.rsplit('/').next().unwrap());
    let long = format!("/{}", "x".repeat(9000));
    let filled = |text: &str| {
        text.replace(PIECE, &piece)
            .replace(TAG, &tag)
            .replace("{length}", &length.to_string())
            .replace("{long}", &long)
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ways: [&dyn Way; 3] = [
        &First(house.http),
        &Later(house.http),
        &Two(house.http, &runtime),
    ];
    for (method, path, headers, status, expected) in TABLE {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), filled(value)))
            .collect();
        for way in ways {
            let is_two = way.name() == "HTTP/2";
            let answer = way.ask(method, &filled(path), &headers);
            let about = format!("{method} {path} {headers:?}, {}", way.name());
            // The client's own library takes no more than it would send.
            if is_two && *status == 431 && answer.status == 431 {
                continue;
            }
            assert_eq!(answer.status, *status, "{about}: {:?}", answer.headers);
            for (name, value) in *expected {
                let said = answer.headers.get(*name).map(String::as_str);
                match *value {
                    "*" if *name != "access-control-allow-origin" => {
                        assert!(said.is_some(), "{about}: no {name}");
                    }
                    "-" => assert_eq!(said, None, "{about}: {name}"),
                    value => assert_eq!(said, Some(&*filled(value)), "{about}: {name}"),
                }
            }
            let is_bodiless = *method == "HEAD" || matches!(status, 204 | 304);
            if is_bodiless {
                assert!(answer.body.is_empty(), "{about}: a body");
            }
            if *expected == REFUSED && !is_bodiless {
                let text = String::from_utf8_lossy(&answer.body);
                assert!(text.contains("\"code\":"), "{about}: {text}");
            }
        }
    }
    house.all_is_well();
}

/// Requests as bytes, and the status of the answer; 0 where there is none to expect.
#[rustfmt::skip]
const BYTES: &[(&str, u16)] = &[
    // Forms of the target.
    ("GET http://h:8080/live/honest.flv HTTP/1.1\r\nHost: other\r\n\r\n", 200),
    ("GET HTTP://h/live/honest.ts HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    ("GET http://h/live/honest.m3u8?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    ("HEAD http://h/live/honest.flv HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    ("OPTIONS http://h/live/honest.flv HTTP/1.1\r\nHost: h\r\n\r\n", 204),
    ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 204),
    ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 405),
    ("GET live/honest.flv HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    // Host.
    ("GET /live/honest.flv HTTP/1.1\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.0\r\n\r\n", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nHost:\r\n\r\n", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nhOST:\t[::1]:80  \r\n\r\n", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    // Framing.
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nTrailer: t\r\n\r\n", 200),
    ("GET /live/honest.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200),
    ("GET /live/honest.m3u8 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabc", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 0),
    ("GET /live/honest.flv HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    // Lines.
    ("GET /live/honest.flv HTTP/1.1\nHost: a\n\n", 200),
    ("GET /live/honest.flv HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    ("GET  /live/honest.flv HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("G\u{1}T /live/honest.flv HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Upgrades.
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c, WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 101),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n", 426),
    ("GET /live/honest.flv HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 200),
    ("GET /live/honest.flv HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", 200),
];

#[test]
fn bytes_that_are_read_in_two_ways_by_nobody_else_are_read_in_one_by_both() {
    let house = House::open(Options::default());
    piece(&house);
    for (bytes, status) in BYTES {
        for later in [false, true] {
            let mut socket = connect(house.http);
            if later {
                let first = request("OPTIONS", "*", &[]);
                socket.write_all(first.as_bytes()).unwrap();
                assert_eq!(read_answer(&mut socket, false).status, 204);
            }
            socket.write_all(bytes.as_bytes()).unwrap();
            let answer = read_answer(&mut socket, bytes.starts_with("HEAD"));
            if *status == 0 {
                assert!((400..600).contains(&answer.status), "{bytes:?}");
                continue;
            }
            assert_eq!(answer.status, *status, "{bytes:?} later: {later}");
            if answer.status >= 400 && !later {
                let text = String::from_utf8_lossy(&answer.body);
                assert!(text.contains("\"code\":4004"), "{bytes:?}: {text}");
            }
        }
    }
    // Only the first head is read by us; hyper reads both lengths as one, and says so by closing.
    let both = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut socket = connect(house.http);
    socket.write_all(both.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut socket, false).status, 400);
    house.all_is_well();
}
