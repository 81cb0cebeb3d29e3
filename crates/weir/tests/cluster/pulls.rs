//! However many watch, a node pulls a stream once, and only while somebody watches.

use serde_json::Value;
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{log_of, measured, need, publish, two_regions};

/// Seconds after which a pull that nobody watches is over: linger time, a look and a busy machine.
const LINGERS_S: u64 = 10;

fn relays(server: &Server) -> Vec<Value> {
    server.clients("viewer", "relay")
}

/// FFmpeg that plays RTMP for ever.
fn rtmp_viewer(server: &Server, name: &str, number: usize) -> Process {
    let mut command = media::quiet(Tool::Ffmpeg);
    command.args(["-i", &server.rtmp(name), "-c", "copy", "-f", "null", "-"]);
    let log = log_of(server, &format!("viewer-{number}"));
    Process::spawn("an RTMP viewer", &mut command, &log)
}

/// Shows R107.
#[test]
fn twenty_viewers_over_three_protocols_are_one_pull() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let edge = &cluster["b"];
    let http: Vec<_> = (0..10)
        .map(|_| Watcher::open(&edge.http("live/x.flv")))
        .collect();
    let rtmp: Vec<_> = (0..4).map(|at| rtmp_viewer(edge, "live/x", at)).collect();
    let mut sockets: Vec<_> = (0..6)
        .map(|_| WsClient::connect(&edge.ws("live/x.flv")))
        .collect();
    Watcher::wait_all(&http, 25);
    for socket in &mut sockets {
        assert!(matches!(socket.next_message(), Ok(Message::Binary(_))));
    }
    until("four viewers over RTMP", 20, || {
        (edge.clients("viewer", "rtmp").len() == 4).then_some(())
    });
    assert_eq!(
        relays(&cluster["o"]).len(),
        1,
        "{:?}",
        relays(&cluster["o"])
    );
    assert_eq!(cluster.pulls("b"), 1);
    assert_eq!(cluster.pulls("a"), 0, "the publisher's edge has it already");
    // Below the edge: its pull is the edge's viewer, not the origin's.
    let below = Watcher::open(&cluster["c"].http("live/x.flv"));
    below.wait_pictures(25);
    assert_eq!((relays(&cluster["o"]).len(), relays(edge).len()), (1, 1));
    drop((http, rtmp, sockets, below));
    for id in ["b", "c"] {
        until("pulls end", LINGERS_S, || {
            (cluster.pulls(id) == 0).then_some(())
        });
    }
    assert!(relays(&cluster["o"]).is_empty());
    assert!(
        cluster["o"].stream("live/x").is_some(),
        "the stream goes on"
    );
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn a_pull_outlives_its_last_viewer_by_the_linger_time_and_begins_again() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    for _ in 0..2 {
        let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
        viewer.wait_pictures(25);
        let watch = Stopwatch::start();
        drop(viewer);
        assert_eq!(cluster.pulls("b"), 1, "gone with its viewer");
        until("the pull ends", LINGERS_S, || {
            (cluster.pulls("b") == 0).then_some(())
        });
        let lasted_s = watch.elapsed_s();
        // It is looked after viewers twice a second.
        assert!(lasted_s > 0.4, "lingered for {lasted_s} s");
        measured("linger of 1,000 ms", lasted_s * 1e3, "ms");
    }
}

#[test]
fn who_comes_within_the_linger_time_finds_the_pull_there() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let first = Watcher::open(&cluster["b"].http("live/x.flv"));
    first.wait_pictures(25);
    let pull = cluster["b"].clients("publisher", "relay");
    drop(first);
    let second = Watcher::open(&cluster["b"].http("live/x.flv"));
    second.wait_pictures(50);
    assert_eq!(
        cluster["b"].clients("publisher", "relay")[0]["id"],
        pull[0]["id"]
    );
    second.assert_well(0);
}
