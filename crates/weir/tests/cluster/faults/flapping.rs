//! A publisher that comes and goes every two seconds. Promised: each time it is live everywhere, and
//! nothing piles up.

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory};
use crate::kit::{begin, cluster, measured, need};

const FLAPS: usize = 15;
/// Seconds from one begin to the next.
const PERIOD_S: f64 = 2.0;

#[test]
fn a_stream_that_flaps_plays_each_time_and_leaves_nothing() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a"), Node::edge("b")]);
    let before = memory(&cluster);
    let mut epochs = Vec::new();
    let watch = Stopwatch::start();
    for flap in 1..=FLAPS {
        let edge = ["a", "b"][flap % 2];
        let publisher = begin(&cluster[edge], &Source::H264_AAC, "live/x");
        // Whoever waits at the other edge gets it.
        let viewer = Watcher::open(&cluster[["b", "a"][flap % 2]].http("live/x.flv?wait=10"));
        viewer.wait_pictures(5);
        epochs.push(cluster.wait_owner("o", "live/x").1);
        until("two seconds have passed", 60, || {
            (watch.elapsed_s() > PERIOD_S * flap as f64).then_some(())
        });
        drop(publisher);
        assert_eq!(viewer.wait_end(), "a proper end");
        let seen = viewer.seen();
        assert!(seen.back.is_empty(), "flap {flap}: {seen:?}");
    }
    measured("15 flaps", watch.elapsed_s(), "s");
    assert!(epochs.is_sorted(), "{epochs:?}");
    assert_all_given_back(&cluster, &before);
}
