//! Who asks an origin for what another one owns is told where it is; a circle ends.

use std::process::Command;

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::wait::Stopwatch;

use crate::kit::{begin, binary, cluster, log_of, need, publish};

/// Seconds `weir play` may take for two seconds of media.
const PATIENCE_S: u64 = 20;
/// Seconds after which a circle is known to be one.
const CIRCLE_S: f64 = 10.0;

fn play(cluster: &Cluster, id: &str, url: &str) -> Process {
    let mut command = Command::new(binary());
    command.args(["play", "--seconds", "2", url]);
    let name = format!("play-{}", url.split(':').next().unwrap());
    Process::spawn("weir play", &mut command, &log_of(&cluster[id], &name))
}

/// Shows R108.
#[test]
fn an_origin_that_lacks_a_stream_names_the_one_that_has_it() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![Node::origin("o1"), Node::origin("o2")]);
    let publisher = publish(&cluster["o1"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("o2", "live/x");
    let told = get(&cluster["o2"].http("live/x.flv?token=kept"));
    assert_eq!(told.refusal(), (302, 5004), "{}", told.text());
    let there = cluster["o1"].http("live/x.flv?token=kept");
    assert_eq!(told.header("location"), Some(there.as_str()));
    let here = &cluster["o2"];
    for url in [here.http("live/x.flv"), here.rtmp("live/x")] {
        play(&cluster, "o2", &url).succeed(PATIENCE_S);
    }
    assert!(cluster["o2"].stream("live/x").is_none(), "it was pulled");
    assert_eq!(get(&here.http("live/nobody.flv")).refusal(), (404, 3002));
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn two_edges_above_each_other_refuse_with_5002() {
    need!(RedisServer);
    let (a, b) = (Node::edge("a"), Node::edge("b"));
    let (above_a, above_b) = (b.clone(), a.clone());
    let cluster = cluster(vec![
        Node::origin("o"),
        a.below(&above_a),
        b.below(&above_b),
    ]);
    for id in ["a", "b"] {
        let watch = Stopwatch::start();
        let told = get(&cluster[id].http("live/x.flv"));
        assert_eq!(told.refusal(), (503, 5002), "{}", told.text());
        assert!(
            watch.elapsed_s() < CIRCLE_S,
            "after {} s",
            watch.elapsed_s()
        );
    }
    cluster.assert_nothing_left();
}

#[test]
fn a_publish_into_a_circle_is_refused_with_5002() {
    need!(Ffmpeg, RedisServer);
    let (a, b) = (Node::edge("a"), Node::edge("b"));
    let (above_a, above_b) = (b.clone(), a.clone());
    let cluster = cluster(vec![
        Node::origin("o"),
        a.below(&above_a),
        b.below(&above_b),
    ]);
    let mut publisher = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    assert!(!publisher.wait(PATIENCE_S).success());
    assert!(publisher.log().contains("5002"), "{}", publisher.log());
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_that_is_its_own_parent_refuses_with_5002() {
    need!(RedisServer);
    let edge = Node::edge("a");
    let above = edge.clone();
    let cluster = cluster(vec![Node::origin("o"), edge.below(&above)]);
    let told = get(&cluster["a"].http("live/x.flv"));
    assert_eq!(told.refusal(), (503, 5002), "{}", told.text());
    cluster.assert_nothing_left();
}
