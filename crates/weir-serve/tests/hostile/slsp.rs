//! SLSP publishers who break the protocol, lie, flood, or never listen: each hears the right code,
//! and what they cost is bounded.

use std::io::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};
use weir_base::Code;
use weir_hub::Protocol;
use weir_media::flv::{TAG_AUDIO, TAG_VIDEO};
use weir_testkit::slsp::{Client, Container, frame};
use weir_testkit::synthetic;

use crate::house::{House, Options, until};

/// Memory that may come and go around what is measured.
const NOISE_BYTES: usize = 16 << 20;
/// Milliseconds between two pictures.
const STEP_MS: u64 = 40;

fn url(house: &House, stream: &str) -> String {
    format!("ws://{}/slsp/live/{stream}", house.http)
}

/// Numbered pictures in FLV; the file's header and the codecs' come before number 0.
fn flv(numbers: Range<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    if numbers.start == 0 {
        weir_media::flv::write::put_file_header(&mut out, true, true);
        tag(&mut out, TAG_VIDEO, 0, &synthetic::video_header_body());
        tag(&mut out, TAG_AUDIO, 0, &synthetic::audio_header_body());
    }
    for number in numbers {
        let ts_ms = u32::try_from(number * STEP_MS).unwrap();
        let picture = synthetic::video_body(number, number % 10 == 0, 500);
        tag(&mut out, TAG_VIDEO, ts_ms, &picture);
    }
    out
}

fn tag(out: &mut Vec<u8>, tag_type: u8, ts_ms: u32, body: &[u8]) {
    weir_media::flv::write::put_tag(out, tag_type, ts_ms, &[], body);
}

fn publishing(house: &House, stream: &str) -> (Client, String) {
    let (mut client, ready) = Client::publishing(&url(house, stream), Container::Flv);
    client.media(&flv(0..20)).unwrap();
    house.wait_live(stream);
    (client, ready["resume"].as_str().unwrap().to_owned())
}

#[test]
fn each_breach_is_told_closed_and_counted() {
    type Say = fn(&mut Client);
    let hello: Say = |client| {
        client.hello(&json!({ "container": "flv" }));
    };
    let measure: Say = |client| {
        client.hello(&json!({ "container": "flv", "test": true }));
    };
    let nothing: Say = |_| {};
    let four_gigabytes = [
        &[0x82, 0xff][..],
        &(1_u64 << 32).to_be_bytes(),
        &[1, 2, 3, 4],
    ]
    .concat();
    let deep = |open: &str| frame(0x81, open.repeat(16_000 / open.len()).as_bytes());
    let fragments = [vec![frame(0x02, b"x")], vec![frame(0x00, b"x"); 2000]]
        .concat()
        .concat();
    let text_fragments = [vec![frame(0x01, b"{")], vec![frame(0x00, b" "); 2000]]
        .concat()
        .concat();
    let breaches: [(&str, Say, Vec<u8>, u64, u16); 14] = [
        (
            "text where JSON is due",
            nothing,
            frame(0x81, b"hello"),
            4004,
            4400,
        ),
        ("arrays in arrays", nothing, deep("["), 4004, 4400),
        (
            "objects in objects",
            nothing,
            deep("{\"type\":"),
            4004,
            4400,
        ),
        ("deep nesting later", hello, deep("[{\"a\":"), 4004, 4400),
        (
            "an unknown version",
            nothing,
            frame(0x81, br#"{"type":"hello","v":7,"container":"flv"}"#),
            4004,
            4400,
        ),
        (
            "media before hello",
            nothing,
            frame(0x82, b"FLV"),
            4004,
            4400,
        ),
        (
            "text that is no UTF-8",
            nothing,
            frame(0x81, &[0xc0, 0x80]),
            4004,
            1007,
        ),
        (
            "a text of 20 kilobytes",
            hello,
            frame(0x81, &[b' '; 20_000]),
            4005,
            1009,
        ),
        ("four gigabytes", hello, four_gigabytes, 4005, 1009),
        ("fragments for ever", measure, fragments, 4005, 1009),
        (
            "text in fragments for ever",
            hello,
            text_fragments,
            4005,
            1009,
        ),
        ("no mask", hello, vec![0x82, 1, 0], 4004, 1002),
        ("reserved bits", hello, vec![0xff; 64], 4004, 1002),
        (
            "a flood of control",
            hello,
            frame(0x81, br#"{"type":"stats"}"#).repeat(60),
            4004,
            4400,
        ),
    ];
    let house = House::open(Options::default());
    for (at, (name, prepare, bytes, code, close)) in breaches.into_iter().enumerate() {
        let mut client = Client::connect(&url(&house, &format!("breach-{at}")));
        prepare(&mut client);
        let _ = client.raw(&bytes);
        assert_eq!(client.inbox().refusal(), (code, close), "{name}");
    }
    house.wait_count(Code::ProtocolError, Protocol::Slsp, 10);
    house.wait_count(Code::FrameTooLarge, Protocol::Slsp, 4);
    house.all_is_well();
}

#[test]
fn a_container_that_lies_ends_its_publisher_within_bounds() {
    let house = House::open_alone(Options::default());
    // A tag, a box and an element that claim all that their size can say; packets without their mark.
    let flv = [
        &b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..],
        &[9, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let mp4 = [&[0xff, 0xff, 0xff, 0xf0][..], b"moov"].concat();
    let webm = [
        &b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x15\x49\xa9\x66\x01\0\0\0\xff\xff\xff\xff",
    ]
    .concat();
    let liars = [
        (Container::Flv, flv),
        (Container::Fmp4, mp4),
        (Container::WebM, webm),
        (Container::Ts, b"no packet".to_vec()),
    ];
    let before = house.resident_bytes();
    for (container, lie) in liars {
        let name = container.name();
        let (mut client, _) = Client::publishing(&url(&house, &format!("liar-{name}")), container);
        let _ = client.media(&lie);
        let inbox = client.inbox();
        let filler = vec![0x5a; 1 << 20];
        for _ in 0..40 {
            if inbox.is_over() || client.media(&filler).is_err() {
                break;
            }
        }
        let (code, close) = inbox.refusal();
        assert!(
            matches!((code, close), (4004, 4400) | (4005, 4413)),
            "{name}: {code} {close}"
        );
        house.all_is_well();
    }
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < 2 * NOISE_BYTES, "{grown} bytes more");
}

#[test]
fn who_never_reads_the_answers_is_let_go_and_costs_little() {
    let house = House::open_alone(Options::default());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&house.http.into()).unwrap();
    let mut socket = std::net::TcpStream::from(socket);
    let before = house.resident_bytes();
    let head = "GET /slsp/live/deaf HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    let hello = frame(0x81, br#"{"type":"hello","v":1,"container":"flv"}"#);
    socket.write_all(&hello).unwrap();
    socket.write_all(&frame(0x82, &flv(0..20))).unwrap();
    house.wait_live("deaf");
    // Each of them wants a pong.
    let pings = frame(0x89, &[7; 125]).repeat(1000);
    let began = Instant::now();
    while socket.write_all(&pings).is_ok() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "pongs pile up somewhere"
        );
    }
    house.wait_count(Code::TooSlow, Protocol::Slsp, 1);
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < NOISE_BYTES, "{grown} bytes more");
    house.all_is_well();
}

#[test]
fn who_takes_too_long_over_hello_is_let_go() {
    let options = Options::hasty();
    let house = House::open(options);
    let long = json!({ "type": "hello", "v": 1, "container": "flv", "agent": "x".repeat(250) });
    let hello = frame(0x81, long.to_string().as_bytes());
    let mut clients: Vec<Client> = (0..3)
        .map(|at| Client::connect(&url(&house, &format!("slow-{at}"))))
        .collect();
    clients[1].raw(&hello[..20]).unwrap();
    let began = Instant::now();
    let allowed = options.door + Duration::from_secs(10);
    let mut drips = hello.iter();
    while clients.iter().any(|client| !client.inbox().is_over()) {
        assert!(began.elapsed() < allowed, "still here");
        let _ = drips.next().map(|drip| clients[2].raw(&[*drip]));
        std::thread::sleep(Duration::from_millis(100));
    }
    for client in &clients {
        assert_eq!(client.inbox().refusal(), (4010, 4408));
    }
    house.wait_count(Code::TooSlow, Protocol::Slsp, 3);
    house.all_is_well();
}

#[test]
fn of_a_crowd_with_one_token_one_has_the_session() {
    let house = House::open(Options::default());
    let (first, token) = publishing(&house, "wanted");
    let address = url(&house, "wanted");
    let hello = json!({ "container": "flv", "resume": token });
    let mut crowd: Vec<Client> = (0..40).map(|_| Client::connect(&address)).collect();
    for client in &mut crowd {
        client.say_hello(&hello);
    }
    assert_eq!(first.inbox().refusal(), (3005, 4409));
    let left = until("one is left", 10, || {
        let left: Vec<_> = crowd
            .iter()
            .filter(|client| !client.inbox().is_over())
            .collect();
        (left.len() == 1 && !left[0].inbox().all("ready").is_empty()).then_some(left[0])
    });
    assert_eq!(left.inbox().wait("ready")["resumed"], true);
    let others = crowd.iter().filter(|client| client.inbox().is_over());
    // Lost it to another, or came while it was on its way and found the name taken.
    assert!(others.clone().all(|client| client.inbox().end().1 == 4409));
    assert_eq!(others.count(), 39);
    house.all_is_well();
}

#[test]
fn half_messages_of_many_cost_no_more_than_they_sent() {
    const MANY: usize = 200;
    let house = House::open_alone(Options::default());
    let before = house.resident_bytes();
    let mut clients = Vec::new();
    for at in 0..MANY {
        let mut client = Client::connect(&url(&house, &format!("half-{at}")));
        // A text of 16 kilobytes, and a message of 16 megabytes, of which little comes.
        client.raw(&frame(0x81, &[b' '; 16_000])[..8000]).unwrap();
        clients.push(client);
    }
    house.all_is_well();
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < NOISE_BYTES + MANY * 96 * 1024, "{grown} bytes more");
    drop(clients);
    until("all are gone", 10, || {
        (house.services.core.tasks.len() < 50).then_some(())
    });
    house.all_is_well();
}

#[test]
fn a_session_nobody_comes_back_to_is_forgotten() {
    let house = House::open(Options {
        idle_timeout_ms: 1500,
        ..Options::default()
    });
    let (client, token) = publishing(&house, "lost");
    client.abandon();
    house.wait_count(Code::NoData, Protocol::Slsp, 1);
    let mut late = Client::connect(&url(&house, "lost"));
    let ready = late.hello(&json!({ "container": "flv", "resume": token }));
    assert_eq!(
        (&ready["resumed"], &ready["bytes"]),
        (&false.into(), &0.into())
    );
    house.all_is_well();
}

#[test]
fn sockets_that_break_and_come_back_leave_nothing_behind() {
    let house = House::open(Options::default());
    let (client, token) = publishing(&house, "phone");
    let tasks = house.services.core.tasks.len();
    let hello = json!({ "container": "flv", "resume": token });
    let mut current = client;
    let mut sent = flv(0..20).len() as u64;
    for turn in 1..40 {
        let next = turn * 20;
        if turn % 2 == 0 {
            current.abandon();
        }
        let mut client = Client::connect(&url(&house, "phone"));
        let ready = client.hello(&hello);
        assert_eq!(ready["resumed"], true, "turn {turn}: {ready}");
        assert_eq!(ready["bytes"].as_u64(), Some(sent), "turn {turn}");
        let media = flv(next..next + 20);
        client.media(&media).unwrap();
        sent += media.len() as u64;
        until("it is acknowledged", 5, || {
            (client.inbox().acked_bytes() == sent).then_some(())
        });
        current = client;
    }
    until("nothing is left", 5, || {
        (house.services.core.tasks.len() <= tasks + 1).then_some(())
    });
    house.all_is_well();
}
