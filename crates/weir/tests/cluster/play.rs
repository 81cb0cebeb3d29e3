//! A stream that is published at one edge plays on every node, over every protocol.

use std::path::PathBuf;

use weir_testkit::ffprobe;
use weir_testkit::flv::{Tag, Tags};
use weir_testkit::media::{self, Source};
use weir_testkit::tools::Tool;
use weir_testkit::wait::Stopwatch;
use weir_testkit::watcher::Watcher;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{begin, measured, need, publish, two_regions};

/// Seconds FFmpeg may take to record two.
const RECORDING_S: u64 = 30;
/// Ten times what is measured in a build without optimisation: 300 ms are promised.
const COLD_MS: f64 = 3_000.0;

/// Reads FLV over a WebSocket until it has seen so many frames.
fn watch_ws(url: &str, frames: usize) -> Vec<Tag> {
    let mut client = WsClient::connect(url);
    let (mut tags, mut seen) = (Tags::default(), Vec::new());
    while seen.len() < frames {
        match client.next_message().unwrap() {
            Message::Binary(bytes) => seen.extend(tags.push(&bytes)),
            other => panic!("{url}: {other:?}"),
        }
    }
    client.close(1000);
    seen
}

/// Shows R20, R94, R95, R109 and R112.
#[test]
fn what_is_published_at_an_edge_plays_everywhere_over_everything() {
    need!(Ffmpeg, Ffprobe, RedisServer);
    let cluster = two_regions();
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let (owner, _) = cluster.wait_owner("c", "live/x");
    assert_eq!(owner, "o");
    for (id, node) in cluster.running() {
        let viewer = Watcher::open(&node.http("live/x.flv"));
        viewer.wait_pictures(50);
        viewer.assert_well(0);
        let seen = watch_ws(&node.ws("live/x.flv"), 60);
        assert!(seen.iter().any(Tag::is_keyframe), "{id}: no keyframe");
        let out: PathBuf = node.data().join("recorded.flv");
        let mut player = media::record(Tool::Ffmpeg, &node.rtmp("live/x"), &[], "2", &out);
        player.succeed(RECORDING_S);
        let tracks = ffprobe::tracks(&out);
        assert_eq!(tracks.video, Some(("h264".into(), 320, 180)), "{id}");
        assert_eq!(tracks.audio, Some(("aac".into(), 48_000)), "{id}");
        ffprobe::assert_monotonic(&out);
    }
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn a_publish_at_the_origin_plays_on_edges_and_ends_there_when_it_ends() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let publisher = publish(&cluster["o"], &Source::H264_AAC, "live/x");
    let viewers = ["a", "b", "c"].map(|id| Watcher::open(&cluster[id].http("live/x.flv")));
    for viewer in &viewers {
        viewer.wait_pictures(25);
    }
    let watch = Stopwatch::start();
    drop(publisher);
    for viewer in &viewers {
        assert_eq!(viewer.wait_end(), "a proper end");
    }
    measured(
        "end of a publish seen below two edges",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    cluster.assert_nothing_left();
}

#[test]
fn who_waits_at_an_edge_sees_the_stream_when_it_begins_elsewhere() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv?wait=15"));
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    viewer.wait_pictures(25);
    viewer.assert_well(0);
}

#[test]
fn the_first_frame_on_a_cold_edge_comes_soon() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let _publisher = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster["a"].wait_live("live/x");
    for (what, id) in [
        ("first frame on a cold edge", "b"),
        ("first frame on a hot edge", "b"),
        ("first frame on a cold edge below a hot one", "c"),
    ] {
        let viewer = Watcher::open(&cluster[id].http("live/x.flv"));
        viewer.wait_pictures(1);
        let first_ms = viewer.seen().first_after_ms;
        measured(what, first_ms, "ms");
        assert!(first_ms < COLD_MS, "{what} after {first_ms} ms");
    }
}
