//! An edge dies. Promised: what was published to it ends at the origin and its names are free, what was
//! watched there can be watched elsewhere, and nobody else sees anything.

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::wait::Stopwatch;
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory};
use crate::kit::{cluster, measured, need, publish};

#[test]
fn when_an_edge_dies_its_publishes_end_and_its_viewers_find_another() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = cluster(vec![Node::origin("o"), Node::edge("a"), Node::edge("b")]);
    let before = memory(&cluster);
    let mut lost = publish(&cluster["a"], &Source::H264_AAC, "live/lost");
    let kept = publish(&cluster["b"], &Source::H264_AAC, "live/kept");
    for name in ["live/lost", "live/kept"] {
        cluster.wait_owner("a", name);
        cluster.wait_owner("b", name);
    }
    let here = Watcher::open(&cluster["b"].http("live/kept.flv"));
    let there = Watcher::open(&cluster["a"].http("live/kept.flv"));
    let bereft = Watcher::open(&cluster["b"].http("live/lost.flv"));
    for viewer in [&here, &there, &bereft] {
        viewer.wait_pictures(25);
    }
    let watch = Stopwatch::start();
    cluster.kill("a");
    assert_ne!(there.wait_end(), "hung up");
    let again = Watcher::open(&cluster["b"].http("live/kept.flv"));
    again.wait_pictures(1);
    measured(
        "edge dies: its viewer plays elsewhere",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    bereft.wait_end();
    measured(
        "edge dies: viewers elsewhere told the end",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    cluster["o"].wait_gone("live/lost", 20);
    assert!(!lost.wait(20).success());
    // The name is free at once, not after a term.
    let new = publish(&cluster["b"], &Source::H264_AAC, "live/lost");
    here.wait_pictures(50);
    here.assert_well(0);
    drop((here, again, kept, new));
    assert_all_given_back(&cluster, &before);
}
