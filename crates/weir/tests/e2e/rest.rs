//! What a server does while nobody asks it for anything: nearly nothing.

use weir_testkit::media::Source;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::{Stopwatch, until};

use crate::kit::{binary, need, open_server, publish};

/// Seconds for which it is watched.
const WATCHED_S: f64 = 5.0;
/// Times a second that the threads of a server at rest may go to sleep, all together: its timers are some tens.
/// A task that asks for something as soon as it is answered does so thousands of times.
const SLEEPS_AT_REST: f64 = 400.0;
/// The same with a stream of 25 pictures and 47 packets of sound a second, which are read, kept and packaged.
const SLEEPS_WITH_A_STREAM: f64 = 1_200.0;

/// Times a second that its threads go to sleep, however slow the machine is.
fn sleeps_per_s(server: &Server) -> f64 {
    let (watch, before) = (Stopwatch::start(), server.sleeps());
    until("the end of the watch", 60, || {
        (watch.elapsed_s() > WATCHED_S).then_some(())
    });
    (server.sleeps() - before) as f64 / watch.elapsed_s()
}

#[test]
fn a_server_at_rest_sleeps() {
    let server = Options::new(&binary()).start();
    let sleeps = sleeps_per_s(&server);
    assert!(sleeps < SLEEPS_AT_REST, "{sleeps} times a second");
}

#[test]
fn a_stream_wakes_a_server_by_its_frames_alone() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let sleeps = sleeps_per_s(&server);
    assert!(sleeps < SLEEPS_WITH_A_STREAM, "{sleeps} times a second");
}
