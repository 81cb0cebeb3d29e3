//! The link against real sockets, and its bucket against the clock.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::*;
use crate::wait::until;

/// A server that hands out the connections it gets.
fn target() -> (String, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = sync_channel(8);
    let accepting = std::thread::Builder::new().spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            if sender.send(socket).is_err() {
                return;
            }
        }
    });
    accepting.unwrap();
    (address, receiver)
}

/// Both ends of a connection through a link.
fn through(link: &Link, accepted: &Receiver<TcpStream>) -> (TcpStream, TcpStream) {
    let near = TcpStream::connect(link.address()).unwrap();
    let far = accepted.recv_timeout(Duration::from_secs(5)).unwrap();
    for socket in [&near, &far] {
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
    }
    (near, far)
}

/// Sends without end until the other side is gone.
fn flood(mut socket: TcpStream) {
    let body = move || while socket.write_all(&[7; 8192]).is_ok() {};
    std::thread::Builder::new().spawn(body).unwrap();
}

/// Reads without end until the other side is gone.
fn drain(mut socket: TcpStream) {
    let body = move || while socket.read(&mut [0; 65536]).is_ok_and(|read| read > 0) {};
    std::thread::Builder::new().spawn(body).unwrap();
}

fn measured_kbps(link: &Link, direction: Direction, seconds: f64) -> f64 {
    let (watch, before) = (Stopwatch::start(), link.passed_bytes(direction));
    std::thread::sleep(Duration::from_secs_f64(seconds));
    // The clock first: what passes between the two reads is for the next measurement.
    let elapsed_s = watch.elapsed_s();
    (link.passed_bytes(direction) - before) as f64 / 125.0 / elapsed_s
}

#[test]
fn a_rate_holds_within_five_percent_and_changes_at_once() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    link.set_rate_kbps(Some(1000));
    let (near, far) = through(&link, &accepted);
    flood(near);
    drain(far);
    until("the queue is full", 5, || {
        (link.queued_bytes(Direction::Up) > BUFFER_BYTES / 2).then_some(())
    });
    for rate_kbps in [300, 1000, 400, 3000, 50_000, 700] {
        link.set_rate_kbps(Some(rate_kbps));
        let measured = measured_kbps(&link, Direction::Up, 1.0);
        let off = measured / f64::from(rate_kbps) - 1.0;
        assert!(
            off.abs() < 0.05,
            "{measured:.0} kbit/s instead of {rate_kbps}"
        );
    }
}

#[test]
fn both_directions_are_shaped_each_for_itself() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    link.set_rate_of(Direction::Up, Some(500));
    link.set_rate_of(Direction::Down, Some(4000));
    let (near, far) = through(&link, &accepted);
    flood(near.try_clone().unwrap());
    flood(far.try_clone().unwrap());
    drain(near);
    drain(far);
    std::thread::sleep(Duration::from_millis(300));
    let up = measured_kbps(&link, Direction::Up, 1.0);
    let down = measured_kbps(&link, Direction::Down, 1.0);
    assert!((up / 500.0 - 1.0).abs() < 0.05, "{up}");
    assert!((down / 4000.0 - 1.0).abs() < 0.05, "{down}");
}

#[test]
fn two_connections_share_the_rate_in_equal_parts() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    link.set_rate_kbps(Some(2000));
    let mut received = Vec::new();
    for _ in 0..2 {
        let (near, mut far) = through(&link, &accepted);
        flood(near);
        let count = Arc::new(AtomicU64::new(0));
        received.push(count.clone());
        let body = move || {
            while let Ok(read @ 1..) = far.read(&mut [0; 65536]) {
                count.fetch_add(read as u64, Ordering::Relaxed);
            }
        };
        std::thread::Builder::new().spawn(body).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    let [a, b] = [0, 1].map(|at: usize| received[at].load(Ordering::Relaxed) as f64);
    assert!((0.8..1.25).contains(&(a / b)), "{a} and {b} bytes");
}

#[test]
fn the_bottleneck_holds_so_much_and_then_stops_reading() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    link.set_rate_kbps(Some(8));
    link.set_buffer_bytes(50_000);
    let (mut near, _far) = through(&link, &accepted);
    near.set_nonblocking(true).unwrap();
    let mut sent = 0;
    for _ in 0..200 {
        while let Ok(written) = near.write(&[0; 4096]) {
            sent += written;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(link.queued_bytes(Direction::Up), 50_000);
    // The rest is in the socket buffers of both ends: the sender's own is up to four megabytes.
    assert!(sent < 6_000_000, "{sent} bytes went somewhere");
}

#[test]
fn a_delay_is_added_each_way() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    let (mut near, mut far) = through(&link, &accepted);
    let mut round_trip_s = || {
        let watch = Stopwatch::start();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
        far.write_all(b"y").unwrap();
        near.read_exact(&mut [0]).unwrap();
        watch.elapsed_s()
    };
    // A busy machine makes some of them longer, and none shorter.
    let mut least_s = || (0..10).map(|_| round_trip_s()).fold(f64::MAX, f64::min);
    let plain_s = least_s();
    link.set_delay_ms(50);
    let delayed_s = least_s();
    assert!(plain_s < 0.05, "{plain_s} s without a delay");
    assert!((0.1..0.2).contains(&delayed_s), "{delayed_s} s with 100 ms");
    link.set_delay_ms(0);
    assert!(least_s() < 0.05, "the delay stayed");
}

#[test]
fn a_cut_is_silence_and_afterwards_all_arrives() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    let (mut near, mut far) = through(&link, &accepted);
    near.write_all(b"before").unwrap();
    far.read_exact(&mut [0; 6]).unwrap();
    link.cut();
    std::thread::sleep(Duration::from_millis(20));
    near.write_all(b"during").unwrap();
    let mut late = TcpStream::connect(link.address()).unwrap();
    late.write_all(b"late").unwrap();
    far.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(is_silence(&far.read(&mut [0; 9]).unwrap_err()));
    assert!(
        accepted.try_recv().is_err(),
        "a connection came through a cut"
    );
    far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    link.restore();
    let mut came = [0; 6];
    far.read_exact(&mut came).unwrap();
    assert_eq!(&came, b"during");
    let mut far_late = accepted.recv_timeout(Duration::from_secs(5)).unwrap();
    far_late.read_exact(&mut [0; 4]).unwrap();
}

#[test]
fn a_kill_resets_both_sides_and_new_connections_pass() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    let (mut near, mut far) = through(&link, &accepted);
    until("it is counted", 5, || {
        (link.connections() == 1).then_some(())
    });
    link.kill();
    for socket in [&mut near, &mut far] {
        let error = socket.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(link.connections(), 0);
    let (mut near, mut far) = through(&link, &accepted);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_stranded_connection_is_neither_heard_nor_closed() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    let (mut near, mut far) = through(&link, &accepted);
    link.strand();
    near.write_all(b"x").unwrap();
    drop(near);
    far.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    assert!(is_silence(&far.read(&mut [0]).unwrap_err()));
    let (mut near, mut far) = through(&link, &accepted);
    near.write_all(b"x").unwrap();
    far.read_exact(&mut [0]).unwrap();
}

#[test]
fn who_is_refused_is_reset() {
    let (address, _accepted) = target();
    let link = Link::start(&address);
    link.refuse(true);
    let mut near = TcpStream::connect(link.address()).unwrap();
    near.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(
        near.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn an_end_comes_behind_what_was_sent() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    link.set_rate_kbps(Some(800));
    let (mut near, mut far) = through(&link, &accepted);
    near.write_all(&[1; 20_000]).unwrap();
    near.shutdown(std::net::Shutdown::Write).unwrap();
    let mut came = Vec::new();
    far.read_to_end(&mut came).unwrap();
    assert_eq!(came.len(), 20_000);
    far.write_all(b"answer").unwrap();
    drop(far);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"answer");
    until("it is forgotten", 5, || {
        (link.connections() == 0).then_some(())
    });
}

#[test]
fn orders_may_be_lines_of_text() {
    let (address, accepted) = target();
    let link = Link::start(&address);
    assert_eq!(link.obey("delay 30"), Ok(None));
    assert!(link.obey("delay soon").is_err() && link.obey("rate 0").is_err());
    let (mut near, mut far) = through(&link, &accepted);
    near.write_all(b"four").unwrap();
    far.read_exact(&mut [0; 4]).unwrap();
    let stats = link.obey("stats").unwrap().unwrap();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(
        (&stats["up_bytes"], &stats["connections"]),
        (&4.into(), &1.into())
    );
}

#[test]
fn a_url_is_led_through_the_link() {
    let (address, _accepted) = target();
    let link = Link::start(&address);
    let own = link.address();
    assert_eq!(
        link.url("ws://h:1/slsp/live/a?key=x"),
        format!("ws://{own}/slsp/live/a?key=x")
    );
    assert_eq!(link.url("http://h"), format!("http://{own}"));
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
