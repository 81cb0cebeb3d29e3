//! Those who take their time: half handshakes, Slowloris, thousands who say nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use weir_base::{Code, limits};
use weir_hub::Protocol;

use crate::clients::{connect, is_nothing};
use crate::house::{House, Options, until};

/// Connections that do nothing, and what each may cost: the requirement says 10,000 and bounded.
const IDLE: usize = 2000;
const IDLE_BYTES: usize = 16 * 1024;

/// One slow attacker: what it says at once, and what it goes on saying byte by byte.
struct Slow {
    name: &'static str,
    socket: TcpStream,
    drip: &'static [u8],
    said: usize,
    closed: bool,
}

impl Slow {
    fn new(name: &'static str, mut socket: TcpStream, first: &[u8], drip: &'static [u8]) -> Self {
        socket.write_all(first).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            name,
            socket,
            drip,
            said: 0,
            closed: false,
        }
    }

    fn turn(&mut self) {
        if let Some(byte) = self.drip.get(self.said)
            && self.socket.write_all(&[*byte]).is_ok()
        {
            self.said += 1;
        }
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(_) => {}
            Err(error) if is_nothing(&error) => {}
            Err(_) => self.closed = true,
        }
    }
}

#[test]
fn whoever_takes_too_long_at_the_door_is_let_go() {
    let options = Options::hasty();
    let house = House::open(options);
    let (rtmp, http) = (house.rtmp, house.http);
    let mut hello = vec![3];
    hello.resize(1 + 2 * 1536, 0);
    let mut slow = vec![
        Slow::new("rtmp: silence", connect(rtmp), b"", b""),
        Slow::new("rtmp: half a handshake", connect(rtmp), &hello[..700], b""),
        Slow::new(
            "rtmp: a handshake in drips",
            connect(rtmp),
            &hello[..1],
            &[0; 4096],
        ),
        Slow::new("rtmp: no connect", connect(rtmp), &hello, b""),
        Slow::new("rtmp: pings for ever", connect(rtmp), &hello, &[2; 4096]),
        Slow::new("http: silence", connect(http), b"", b""),
        Slow::new("http: half a word", connect(http), b"GE", b""),
        Slow::new(
            "http: Slowloris",
            connect(http),
            b"GET /live/honest.flv HTTP/1.1\r\n",
            &[b'x'; 4096],
        ),
        Slow::new(
            "http: Slowloris with POST",
            connect(http),
            b"POST / HTTP/1.1\r\nX: ",
            &[b'x'; 4096],
        ),
        Slow::new("http: half a POST", connect(http), b"PO", b""),
        Slow::new(
            "http2: half a preface",
            connect(http),
            b"PRI * HTTP/2.0\r\n\r\nSM",
            b"",
        ),
        Slow::new(
            "http2: no request",
            connect(http),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            b"",
        ),
    ];
    let within_s = options.door.as_secs() + 10;
    let patience = Duration::from_millis(100);
    let mut left = Vec::new();
    for _ in 0..within_s * 10 {
        slow.iter_mut().for_each(Slow::turn);
        left = slow
            .iter()
            .filter(|slow| !slow.closed)
            .map(|slow| slow.name)
            .collect();
        if left.is_empty() {
            break;
        }
        std::thread::sleep(patience);
    }
    assert!(left.is_empty(), "still here: {left:?}");
    house.wait_count(Code::TooSlow, Protocol::HttpFlv, 7);
    // Two bytes of value 2 begin a chunk that makes no sense: that one may go for another reason.
    house.wait_count(Code::TooSlow, Protocol::Rtmp, 4);
    house.all_is_well();
}

#[test]
fn thousands_of_idle_connections_cost_little_and_disturb_nobody() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
    let house = House::open_alone(Options::default());
    // Both ends of every connection are in this process.
    let count = limit.maximum.map_or(IDLE, |most| {
        IDLE.min(usize::try_from(most).unwrap_or(IDLE) / 2 - 200)
    });
    assert!(count >= 200, "too few descriptors for this test");
    let before = house.resident_bytes();
    let mut idle = Vec::new();
    for number in 0..count {
        let mut socket = connect([house.rtmp, house.http][number % 2]);
        if number % 4 < 2 {
            socket
                .write_all(if number % 2 == 0 { &[3] } else { b"GET /" })
                .unwrap();
        }
        idle.push(socket);
    }
    until("all are taken in", 10, || {
        (house.services.core.tasks.len() >= count).then_some(())
    });
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < count * IDLE_BYTES, "{} bytes each", grown / count);
    house.all_is_well();
    drop(idle);
    until("all are let go", 10, || {
        (house.services.core.tasks.len() < 50).then_some(())
    });
    house.all_is_well();
}

/// Shows that who drips the bodies of requests is let go, has so many places of its own network, and takes no time of
/// anybody else.
#[test]
fn bodies_that_do_not_come_are_let_go_and_are_so_many_from_one_network() {
    let options = Options::hasty();
    let house = House::open(options);
    let head = b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n{";
    let mut slow: Vec<Slow> = (0..limits::BODIES_PER_NETWORK)
        .map(|_| Slow::new("a body in drips", connect(house.http), head, &[b' '; 4096]))
        .collect();
    // One more of that network is told at once; others of it who send all of theirs are when there is a place.
    until("no place is left", 10, || {
        let answer = post(house.http, "{}");
        answer.starts_with("HTTP/1.1 429").then_some(())
    });
    house.all_is_well();
    let within_s = options.door.as_secs() + 10;
    for _ in 0..within_s * 10 {
        slow.iter_mut().for_each(Slow::turn);
        if slow.iter().all(|slow| slow.closed) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let left = slow.iter().filter(|slow| !slow.closed).count();
    assert_eq!(left, 0, "are still here");
    let said = post(house.http, "{}");
    assert!(said.starts_with("HTTP/1.1 404"), "{said}");
    house.wait_count(Code::RateLimited, Protocol::Api, 1);
    house.all_is_well();
}

fn post(http: std::net::SocketAddr, body: &str) -> String {
    let mut socket = connect(http);
    let length = body.len();
    let request = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    answer
}
