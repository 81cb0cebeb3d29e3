//! Lines between nodes that break without a word. Promised: silence is noticed within 2.5 s, publishes
//! go to another origin, viewers see a pause and one discontinuity at most.

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::link::Link;
use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::redis::Redis;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory, worst};
use crate::kit::{binary, cluster, measured, need, publish};

/// Milliseconds until the stream is elsewhere: the silence and a republish.
const MOVED_MS: f64 = 8_000.0;

/// An origin that others reach through a link, perhaps another, and two edges.
fn behind_a_link(other: bool) -> (Cluster, Link) {
    let origin = Node::origin("o1").region("eu");
    let link = Link::start(&origin.http_address());
    let mut nodes = vec![
        origin.reached_through(&link),
        Node::edge("a").region("eu"),
        Node::edge("b").region("ap"),
    ];
    if other {
        nodes.push(Node::origin("o2").region("ap"));
    }
    (cluster(nodes), link)
}

fn watched(cluster: &Cluster) -> (Process, Vec<Watcher>) {
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    assert_eq!(cluster.wait_owner("b", "live/x").0, "o1");
    let viewers = ["a", "b"].map(|id| Watcher::open(&cluster[id].http("live/x.flv")));
    Watcher::wait_all(&viewers, 25);
    (publisher, viewers.into())
}

#[test]
fn when_the_line_to_the_owner_goes_silent_its_streams_move_and_stay_moved() {
    need!(Ffmpeg, RedisServer);
    let (cluster, link) = behind_a_link(true);
    let before = memory(&cluster);
    let (publisher, viewers) = watched(&cluster);
    let watch = Stopwatch::start();
    link.cut();
    until("o2 has it", 20, || cluster["o2"].stream("live/x"));
    let moved_ms = watch.elapsed_s() * 1e3;
    measured("line goes silent: the stream is elsewhere", moved_ms, "ms");
    assert!(moved_ms < MOVED_MS, "{moved_ms} ms");
    Watcher::wait_all(&viewers, 50);
    until("o1 lets go of it", 20, || {
        cluster["o1"].stream("live/x").is_none().then_some(())
    });
    link.restore();
    Watcher::wait_all(&viewers, 100);
    worst("line goes silent", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(1));
    for (id, _) in cluster.running() {
        assert_eq!(cluster.owner(id, "live/x").unwrap().0, "o2", "by {id}");
    }
    drop((viewers, publisher));
    assert_all_given_back(&cluster, &before);
}

#[test]
fn a_line_that_is_silent_for_three_seconds_costs_a_pause_and_a_gap_for_each_hop() {
    need!(Ffmpeg, RedisServer);
    let (cluster, link) = behind_a_link(false);
    let (publisher, viewers) = watched(&cluster);
    link.cut();
    std::thread::sleep(std::time::Duration::from_secs(3));
    link.restore();
    Watcher::wait_all(&viewers, 150);
    worst("line silent for 3 s, no other origin", &viewers);
    // The way up and the way down are found again one after the other, each from a keyframe on.
    viewers.iter().for_each(|viewer| viewer.assert_well(2));
    drop((viewers, publisher));
    cluster.assert_nothing_left();
}

#[test]
fn half_open_connections_are_given_up_and_the_streams_go_on() {
    need!(Ffmpeg, RedisServer);
    let (cluster, link) = behind_a_link(false);
    let (publisher, viewers) = watched(&cluster);
    link.strand();
    Watcher::wait_all(&viewers, 200);
    worst("half-open connections", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(2));
    assert_eq!(cluster["o1"].clients("publisher", "relay").len(), 1);
    drop((viewers, publisher));
    cluster.assert_nothing_left();
}

#[test]
fn an_origin_cut_off_from_the_registry_alone_keeps_its_streams_and_comes_back() {
    need!(Ffmpeg, RedisServer);
    let redis = Redis::start();
    let link = Link::start(&redis.address());
    let cluster = Cluster::start_with(
        &binary(),
        redis,
        vec![
            Node::origin("o1").region("eu").registry_through(&link),
            Node::origin("o2").region("ap"),
            Node::edge("a").region("eu"),
            Node::edge("b").region("ap"),
        ],
    );
    let (publisher, viewers) = watched(&cluster);
    link.cut();
    until("the others miss it", 20, || {
        let seen = cluster["b"].api("GET", "cluster").json();
        let nodes = seen["nodes"].as_array()?.clone();
        (!nodes.iter().any(|node| node["id"] == "o1")).then_some(())
    });
    Watcher::wait_all(&viewers, 100);
    // Where it is not known who has it, it can be published again: at o1 it is live all the same.
    assert!(cluster["o1"].stream("live/x").is_some());
    link.restore();
    cluster.wait_joined();
    let owner = until("all see one owner again", 20, || {
        let seen = ["o1", "o2", "a", "b"].map(|id| cluster.owner(id, "live/x"));
        let first = seen[0].clone()?;
        seen.iter()
            .all(|one| one.as_ref() == Some(&first))
            .then_some(first)
    });
    assert_eq!(owner.0, "o1");
    Watcher::wait_all(&viewers, 50);
    worst("origin cut off from the registry", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(0));
    drop((viewers, publisher));
    cluster.assert_nothing_left();
}
