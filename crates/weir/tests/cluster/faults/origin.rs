//! The origin dies under load. Promised: each of its streams is republished by its publisher's edge
//! within 3 s, no viewer is closed, and each sees one discontinuity at most.

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory, worst};
use crate::kit::{begin, cluster, measured, need};

const STREAMS: usize = 10;
/// Viewers of each stream on each of two edges.
const VIEWERS: usize = 5;
/// Milliseconds in which all is well again.
const PROMISED_MS: f64 = 3_000.0;

/// Shows R54, R55 and R93.
#[test]
fn when_an_origin_dies_its_streams_go_on_at_another_and_no_viewer_is_closed() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = cluster(vec![
        // All publishes go to the near one first.
        Node::origin("o1").region("eu"),
        Node::origin("o2").region("ap"),
        Node::edge("a").region("eu"),
        Node::edge("b").region("ap"),
    ]);
    let before = memory(&cluster);
    let names: Vec<String> = (0..STREAMS).map(|at| format!("live/x{at}")).collect();
    let publishers: Vec<_> = names
        .iter()
        .map(|name| begin(&cluster["a"], &Source::H264_AAC, name))
        .collect();
    for name in &names {
        cluster["a"].wait_live(name);
        assert_eq!(cluster.wait_owner("b", name).0, "o1");
    }
    let open = |name: &String| {
        let urls = ["a", "b"].map(|id| cluster[id].http(&format!("{name}.flv")));
        let twice = urls.into_iter().flat_map(|url| vec![url; VIEWERS]);
        twice.map(|url| Watcher::open(&url)).collect::<Vec<_>>()
    };
    let viewers: Vec<_> = names.iter().flat_map(open).collect();
    Watcher::wait_all(&viewers, 50);
    let calm_ms = worst("before the origin dies", &viewers);
    let watch = Stopwatch::start();
    cluster.kill("o1");
    for name in &names {
        until(&format!("{name} is on o2"), 20, || {
            cluster["o2"].stream(name)
        });
    }
    let republished_ms = watch.elapsed_s() * 1e3;
    measured(
        "origin dies: all 10 streams republished",
        republished_ms,
        "ms",
    );
    assert!(republished_ms < PROMISED_MS, "{republished_ms} ms");
    Watcher::wait_all(&viewers, 150);
    let pause_ms = worst("origin dies", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(1));
    assert!(
        pause_ms < calm_ms + PROMISED_MS,
        "{pause_ms} ms without a byte"
    );
    for name in &names {
        assert_eq!(cluster.owner("b", name).unwrap().0, "o2");
    }
    drop((viewers, publishers));
    assert_all_given_back(&cluster, &before);
}

#[test]
fn a_dead_origin_that_comes_back_takes_nothing_and_gets_new_streams() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = cluster(vec![
        Node::origin("o1").region("eu"),
        Node::origin("o2").region("ap"),
        Node::edge("a").region("eu"),
    ]);
    let first = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster["a"].wait_live("live/x");
    let (owner, epoch) = cluster.wait_owner("a", "live/x");
    assert_eq!(owner, "o1");
    cluster.kill("o1");
    let later = until("o2 owns it", 20, || {
        cluster.owner("a", "live/x").filter(|owner| owner.0 == "o2")
    });
    assert!(later.1 > epoch, "epoch {} after {epoch}", later.1);
    cluster.restart("o1");
    cluster.wait_joined();
    let second = begin(&cluster["a"], &Source::H264_AAC, "live/y");
    assert_eq!(cluster.wait_owner("a", "live/y").0, "o1");
    assert_eq!(cluster.owner("o1", "live/x"), Some(later));
    drop((first, second));
    cluster.assert_nothing_left();
}

#[test]
fn without_another_origin_viewers_wait_and_go_on_when_it_is_back() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = cluster(vec![Node::origin("o"), Node::edge("a"), Node::edge("b")]);
    let publisher = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster["a"].wait_live("live/x");
    cluster.wait_owner("b", "live/x");
    let viewers = ["a", "b"].map(|id| Watcher::open(&cluster[id].http("live/x.flv")));
    Watcher::wait_all(&viewers, 25);
    cluster.kill("o");
    cluster.restart("o");
    Watcher::wait_all(&viewers, 150);
    worst("the only origin restarted", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(1));
    drop((viewers, publisher));
    cluster.assert_nothing_left();
}
