//! An owner that stands still for 20 s and wakes. Promised: its streams go on at another origin within
//! seconds without a frame missing, and when it wakes it sends no frame of what it owned and drops it.

use std::time::Duration;

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory, worst};
use crate::kit::{cluster, measured, need, publish};

/// Three terms of a lease and then some.
const PAUSE_S: f64 = 20.0;
/// Pictures that were on their way to the viewer when the owner fell asleep: taken while it owned the
/// stream, to be sent with the next flush. Some sixty more wait in the socket from its publisher.
const UNDER_WAY: u64 = 2;
/// Milliseconds until the stream is elsewhere: the silence and a republish.
const MOVED_MS: f64 = 8_000.0;

#[test]
fn an_owner_that_slept_sends_nothing_of_what_it_owned() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![
        Node::origin("o1").region("eu"),
        Node::origin("o2").region("ap"),
        Node::edge("a").region("eu"),
        Node::edge("b").region("ap"),
    ]);
    let before = memory(&cluster);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let (owner, epoch) = cluster.wait_owner("b", "live/x");
    assert_eq!(owner, "o1");
    let viewers = ["a", "b"].map(|id| Watcher::open(&cluster[id].http("live/x.flv")));
    let at_the_owner = Watcher::open(&cluster["o1"].http("live/x.flv"));
    Watcher::wait_all(&viewers, 25);
    at_the_owner.wait_pictures(25);
    cluster.pause("o1");
    let watch = Stopwatch::start();
    until("o2 has it", 20, || cluster["o2"].stream("live/x"));
    let moved_ms = watch.elapsed_s() * 1e3;
    measured(
        "owner stands still: the stream is elsewhere",
        moved_ms,
        "ms",
    );
    assert!(moved_ms < MOVED_MS, "{moved_ms} ms");
    until("the owner has slept", 60, || {
        (watch.elapsed_s() > PAUSE_S).then_some(())
    });
    Watcher::wait_all(&viewers, 25);
    // What it had sent before is all here by now.
    let slept = at_the_owner.seen();
    cluster.resume("o1");
    let woke = Stopwatch::start();
    let end = at_the_owner.wait_end();
    measured(
        "stale owner lets its viewer go",
        woke.elapsed_s() * 1e3,
        "ms",
    );
    let seen = at_the_owner.seen();
    let more = seen.pictures - slept.pictures;
    measured("stale owner: pictures sent after waking", more as f64, "");
    assert!(more <= UNDER_WAY, "it went on with {more} ({end})");
    cluster["o1"].wait_gone("live/x", 20);
    cluster.wait_joined();
    for (id, _) in cluster.running() {
        let now = until("all know who owns it", 20, || cluster.owner(id, "live/x"));
        assert_eq!(now.0, "o2", "by {id}");
        assert!(now.1 > epoch, "epoch {} after {epoch}", now.1);
    }
    Watcher::wait_all(&viewers, 50);
    worst("owner stood still", &viewers);
    // What the owner did not hand on any more came from the publisher's edge once more.
    viewers.iter().for_each(|viewer| viewer.assert_well(0));
    drop((viewers, publisher));
    assert_all_given_back(&cluster, &before);
}

#[test]
fn an_edge_that_slept_for_a_moment_goes_on_where_it_was() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a"), Node::edge("b")]);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("b", "live/x");
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
    viewer.wait_pictures(25);
    cluster.pause("b");
    std::thread::sleep(Duration::from_secs(4));
    cluster.resume("b");
    viewer.wait_pictures(150);
    worst("an edge stood still for 4 s", std::slice::from_ref(&viewer));
    viewer.assert_well(1);
    drop((viewer, publisher));
    cluster.assert_nothing_left();
}
