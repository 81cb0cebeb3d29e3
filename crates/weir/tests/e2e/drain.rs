//! The end of the process: SIGTERM drains, a second one stops, SIGINT stops.

use weir_testkit::flv::FlvViewer;
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::wait::{Stopwatch, until};

use crate::kit::{need, open_options, open_server, publish};

/// Seconds from the last word to the last breath.
const GOODBYE_S: u64 = 8;

/// Shows R16.
#[test]
fn a_draining_server_is_not_ready_takes_nobody_new_and_keeps_who_is_there() {
    need!(Ffmpeg);
    let mut server = open_options().set(&["node.drain_ms=60000"]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(200);
    server.signal(Signal::TERM);
    server.wait_for_log("draining");
    let ready = until("not ready", 5, || {
        let ready = Request::get(&server.http("readyz")).try_send().ok()?;
        (ready.status != 200).then_some(ready)
    });
    assert_eq!((ready.status, ready.text().as_str()), (503, "draining\n"));
    assert_eq!(get(&server.http("livez")).status, 200);
    assert_eq!(get(&server.http("live/a.flv")).refusal(), (503, 4009));
    viewer.watch_ms(500);
    server.signal(Signal::TERM);
    viewer.watch_to_the_end();
    assert!(server.wait_exit(GOODBYE_S).success());
}

#[test]
fn a_drained_server_ends_when_the_last_client_has_left() {
    need!(Ffmpeg);
    let mut server = open_options().set(&["node.drain_ms=60000"]).start();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    server.signal(Signal::TERM);
    server.wait_for_log("draining");
    publisher.signal(Signal::TERM);
    assert!(server.wait_exit(GOODBYE_S).success());
}

#[test]
fn clients_that_stay_are_told_when_the_drain_time_is_over() {
    need!(Ffmpeg);
    let mut server = open_options().set(&["node.drain_ms=1500"]).start();
    let mut publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(200);
    let watch = Stopwatch::start();
    server.signal(Signal::TERM);
    viewer.watch_to_the_end();
    assert!(
        watch.elapsed_s() >= 1.4,
        "let go after {} s",
        watch.elapsed_s()
    );
    assert!(server.wait_exit(GOODBYE_S).success());
    assert!(!publisher.wait(GOODBYE_S).success());
    assert!(
        publisher.log().contains("Server error: 4009"),
        "{}",
        publisher.log()
    );
}

#[test]
fn an_interrupt_stops_at_once() {
    need!(Ffmpeg);
    let mut server = open_options().set(&["node.drain_ms=60000"]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    server.signal(Signal::INT);
    assert!(server.wait_exit(GOODBYE_S).success());
    assert!(
        !server.data().join("ports.json").exists(),
        "ports that are not in use are still listed"
    );
}

#[test]
fn an_idle_server_ends_at_once_on_sigterm() {
    let mut server = open_server();
    server.signal(Signal::TERM);
    assert!(server.wait_exit(GOODBYE_S).success());
}
