//! HLS on edges comes from the owner through a cache: the same bytes everywhere, each asked for once.

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::ffprobe;
use weir_testkit::hls_follow::Follower;
use weir_testkit::http::{Response, get};
use weir_testkit::link::{Direction, Link};
use weir_testkit::media::{self, Source};
use weir_testkit::tools::Tool;
use weir_testkit::wait::{Stopwatch, until};

use crate::kit::{begin, cluster, measured, need, publish, two_regions};

const ALL: [&str; 4] = ["o", "a", "b", "c"];
/// Viewers that want one segment at the same time.
const VIEWERS: usize = 30;
/// Seconds FFmpeg may take to record a quarter of a minute across an origin's death.
const RECORDING_S: u64 = 60;

/// A low-latency playlist at `id` with at least two segments, every version of it checked.
fn follow(cluster: &Cluster, id: &str, path: &str) -> Follower {
    let mut follower = Follower::open(&cluster[id].http(path));
    while follower.complete() < 2 {
        follower.next_version();
    }
    follower
}

fn assert_same(path: &str, answers: &[(&str, Response)]) {
    let (first, rest) = answers.split_first().unwrap();
    assert_eq!(first.1.status, 200, "{path} on {}", first.0);
    assert!(!first.1.body.is_empty(), "{path}");
    for (id, answer) in rest {
        assert!(answer.body == first.1.body, "{path}: {id} has other bytes");
        for header in ["etag", "content-type", "content-length"] {
            assert_eq!(
                answer.header(header),
                first.1.header(header),
                "{path}: {id}"
            );
        }
    }
}

#[test]
fn playlists_and_segments_are_the_same_to_the_byte_on_all_nodes() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("c", "live/x");
    for form in ["hls", "ts"] {
        let follower = follow(&cluster, "b", &format!("live/x/{form}.m3u8"));
        let segments = &follower.playlist().segments;
        let mut paths: Vec<_> = segments
            .iter()
            .map(|one| format!("live/x/{}", one.uri))
            .collect();
        let map = segments.last().and_then(|one| one.map.as_ref());
        paths.extend(map.map(|uri| format!("live/x/{uri}")));
        let msn = segments.last().unwrap().msn;
        paths.push(format!("live/x/{form}.m3u8?_HLS_msn={msn}"));
        for path in paths {
            let answers = ALL.map(|id| (id, get(&cluster[id].http(&path))));
            assert_same(&path, &answers);
        }
    }
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn a_low_latency_playlist_keeps_the_rules_below_two_hops() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let publisher = publish(&cluster["a"], &Source::H264_B_AAC, "live/x");
    cluster.wait_owner("c", "live/x");
    let mut follower = follow(&cluster, "c", "live/x/hls.m3u8");
    let (from, watch) = (follower.playlist().duration_s(), Stopwatch::start());
    for _ in 0..15 {
        follower.next_version();
        let hint = follower.playlist().hint.clone();
        let part = get(&follower.resolve(&hint.expect("a hint")));
        assert_eq!((part.status, &part.body[4..8]), (200, &b"moof"[..]));
    }
    let (grown_s, took_s) = (follower.playlist().duration_s() - from, watch.elapsed_s());
    assert!(
        grown_s > 0.5 * took_s.min(10.0),
        "{grown_s} s in {took_s} s"
    );
    drop(publisher);
    cluster.assert_nothing_left();
}

/// Shows R38.
#[test]
fn however_many_want_a_segment_of_an_edge_its_origin_is_asked_once() {
    need!(Ffmpeg, RedisServer);
    let origin = Node::origin("o");
    let link = Link::start(&origin.http_address());
    let b = Node::edge("b");
    let c = Node::edge("c").below(&b);
    let cluster = cluster(vec![origin.reached_through(&link), b, c]);
    let _publisher = publish(&cluster["o"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("c", "live/x");
    // Known from the origin itself, so that no edge has it.
    let follower = follow(&cluster, "o", "live/x/ts.m3u8");
    let segment = follower.playlist().segments.last().unwrap().uri.clone();
    let path = format!("live/x/{segment}");
    let before = link.passed_bytes(Direction::Down);
    let asking: Vec<_> = (0..VIEWERS)
        .map(|at| {
            let url = cluster[["b", "c"][at % 2]].http(&path);
            std::thread::spawn(move || get(&url))
        })
        .collect();
    let answers: Vec<_> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    let first = &answers[0];
    assert!(
        answers
            .iter()
            .all(|one| one.status == 200 && one.body == first.body)
    );
    let sent = (link.passed_bytes(Direction::Down) - before) as f64 / first.body.len() as f64;
    measured(
        "30 viewers of a segment on two edges: times the origin sent it",
        sent,
        "",
    );
    assert!((1.0..1.5).contains(&sent), "{sent} times");
}

#[test]
fn who_plays_hls_at_an_edge_plays_on_when_the_origin_dies() {
    need!(Ffmpeg, Ffprobe, RedisServer);
    let mut cluster = cluster(vec![
        Node::origin("o1").region("eu"),
        Node::origin("o2").region("ap"),
        Node::edge("a").region("eu"),
        Node::edge("b").region("ap"),
    ]);
    let publisher = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    assert_eq!(cluster.wait_owner("b", "live/x").0, "o1");
    cluster["o1"].wait_live("live/x");
    let follower = follow(&cluster, "b", "live/x/ts.m3u8");
    let before: Vec<_> = follower
        .playlist()
        .segments
        .iter()
        .map(|one| one.uri.clone())
        .collect();
    let out = cluster["b"].data().join("recorded.mkv");
    let url = cluster["b"].http("live/x/ts.m3u8");
    let mut player = media::record(Tool::Ffmpeg, &url, &[], "15", &out);
    until("the player has begun", 20, || {
        std::fs::metadata(&out).ok().filter(|file| file.len() > 0)
    });
    let watch = Stopwatch::start();
    cluster.kill("o1");
    until("the playlist names new segments", 20, || {
        let answer = get(&url);
        let text = answer.text();
        let mut named = text.lines().filter(|line| line.ends_with(".ts"));
        let is_new = named.any(|uri| !before.iter().any(|old| old == uri));
        (answer.status == 200 && is_new).then_some(())
    });
    measured(
        "origin dies: HLS at an edge names new segments",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    player.succeed(RECORDING_S);
    measured(
        "origin dies: 15 s of HLS recorded after",
        watch.elapsed_s(),
        "s",
    );
    let tracks = ffprobe::tracks(&out);
    assert_eq!(tracks.video, Some(("h264".into(), 320, 180)));
    drop(publisher);
    cluster.assert_nothing_left();
}
