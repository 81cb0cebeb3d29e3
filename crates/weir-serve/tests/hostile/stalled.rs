//! Viewers who do not read: they lose frames and are told; memory is flat; the others notice nothing.
//! Shows R30, R34, R54 and R106.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use weir_base::Code;
use weir_hub::{Protocol, Role};

use crate::clients::{Watcher, all_expect_more, get, is_nothing};
use crate::house::{House, Options, until};
use crate::tap::Tap;

/// Large pictures, so that a socket's buffers are full soon.
const LARGE: Options = Options {
    door: Duration::from_secs(10),
    idle_timeout_ms: 5000,
    stall_ms: 60_000,
    picture_bytes: 40_000,
};
/// Memory that may come and go around what is measured.
const NOISE_BYTES: usize = 24 << 20;

/// A viewer with a small receive buffer.
fn small_viewer(addr: SocketAddr, path: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&addr.into()).unwrap();
    let mut socket = TcpStream::from(socket);
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    socket
}

/// Bytes viewers have been sent, by their ids.
fn sent_to_viewers(house: &House) -> Vec<(u64, u64)> {
    let clients = house.services.core.hub.clients().list();
    let viewers = clients.iter().filter(|client| client.role == Role::Viewer);
    viewers
        .map(|client| (client.id.0, client.bytes()))
        .collect()
}

#[test]
fn a_viewer_that_stops_reading_resumes_at_a_keyframe_and_is_told() {
    let house = House::open(LARGE);
    let mut socket = small_viewer(house.http, "/live/honest.flv");
    let mut tap = Tap::new();
    let mut buffer = vec![0; 32 * 1024];
    let mut read_until = |tap: &mut Tap, goal: u64| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while tap.pictures < goal {
            assert!(
                Instant::now() < deadline,
                "{} of {goal} pictures",
                tap.pictures
            );
            match socket.read(&mut buffer) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(read) => tap.push(&buffer[..read]).unwrap(),
                Err(error) => assert!(is_nothing(&error), "{error}"),
            }
        }
    };
    read_until(&mut tap, 5);
    // A megabyte a second: buffers in between are full soon, the wire's second of patience passes.
    let id = sent_to_viewers(&house).last().unwrap().0;
    let mut last = (0, Instant::now());
    until("nothing more fits", 20, || {
        let sent = sent_to_viewers(&house)
            .into_iter()
            .find(|viewer| viewer.0 == id)?
            .1;
        if sent != last.0 {
            last = (sent, Instant::now());
        }
        (last.1.elapsed() > Duration::from_millis(3500)).then_some(())
    });
    let before = tap.pictures;
    let seen = until_skip(&mut read_until, &mut tap, before);
    assert!(tap.lost > 0, "a skip of nothing");
    assert_eq!(tap.skips, 1);
    let client = house
        .services
        .core
        .hub
        .clients()
        .list()
        .into_iter()
        .find(|client| client.id.0 == id);
    let client = client.unwrap();
    assert_eq!((client.skips(), client.lost_frames()), (1, tap.lost));
    read_until(&mut tap, seen + 25);
    house.all_is_well();
}

fn until_skip(read_until: &mut impl FnMut(&mut Tap, u64), tap: &mut Tap, from: u64) -> u64 {
    let mut goal = from;
    while tap.skips == 0 {
        goal += 1;
        assert!(goal < from + 2000, "no skip was told");
        read_until(tap, goal);
    }
    tap.pictures
}

#[test]
fn a_hundred_stalled_viewers_take_no_memory_and_the_others_miss_nothing() {
    let house = House::open_alone(Options {
        picture_bytes: 10_000,
        ..LARGE
    });
    let good: Vec<_> = (0..100)
        .map(|_| Watcher::start(house.http, "/live/honest.flv"))
        .collect();
    let stalled: Vec<_> = (0..100)
        .map(|_| small_viewer(house.http, "/live/honest.flv"))
        .collect();
    until("all watch", 10, || {
        (sent_to_viewers(&house).len() >= 201).then_some(())
    });
    all_expect_more(&good, 12);
    let before = house.resident_bytes();
    for _ in 0..6 {
        all_expect_more(&good, 20);
    }
    let grown = house.resident_bytes().saturating_sub(before);
    assert!(grown < NOISE_BYTES, "{grown} bytes more");
    drop(stalled);
    until("they are gone", 10, || {
        (sent_to_viewers(&house).len() <= 101).then_some(())
    });
    all_expect_more(&good, 5);
    house.all_is_well();
}

#[test]
fn a_viewer_that_takes_nothing_for_too_long_is_let_go() {
    let house = House::open(Options {
        stall_ms: 1500,
        ..LARGE
    });
    let socket = small_viewer(house.http, "/live/honest.flv");
    house.wait_count(Code::TooSlow, Protocol::HttpFlv, 1);
    let honest = sent_to_viewers(&house).len();
    assert_eq!(honest, 1, "the stalled viewer is still here");
    house.all_is_well();
    drop(socket);
}

#[test]
fn a_viewer_that_talks_without_end_holds_nobody_up() {
    let house = House::open(Options::default());
    // Several mouths to one socket, so that it is never empty.
    let talker = get(house.http, "/live/honest.flv");
    let mouths: Vec<_> = (0..4).map(|_| talker.try_clone().unwrap()).collect();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for mut mouth in mouths {
            let stop = &stop;
            scope.spawn(move || {
                let nonsense = vec![b'?'; 1 << 20];
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    if mouth.write_all(&nonsense).is_err() {
                        return;
                    }
                }
            });
        }
        for _ in 0..4 {
            house.all_is_well();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    house.all_is_well();
}
