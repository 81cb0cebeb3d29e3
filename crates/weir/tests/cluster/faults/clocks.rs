//! Nodes whose wall clocks are two hours apart. Promised: nothing is different.

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;

use super::worst;
use crate::kit::{cluster, need, publish};

const HOUR_S: i64 = 3_600;

#[test]
fn nodes_an_hour_ahead_and_behind_share_streams_and_survive_an_origin() {
    need!(Ffmpeg, RedisServer, Libfaketime);
    let mut cluster = cluster(vec![
        Node::origin("o1").region("eu").clock_ahead_s(HOUR_S),
        Node::origin("o2").region("ap").clock_ahead_s(-HOUR_S),
        Node::edge("a").region("eu"),
        Node::edge("b").region("ap").clock_ahead_s(HOUR_S),
        Node::edge("c").region("eu").clock_ahead_s(-HOUR_S),
    ]);
    let clocks = ["o1", "o2", "a"].map(|id| {
        let live = cluster[id].api("GET", "streams").json();
        live["server_time_ms"].as_i64().unwrap() / 1000
    });
    let apart = [clocks[0] - clocks[2], clocks[1] - clocks[2]];
    assert!(
        apart[0] > HOUR_S - 60 && apart[1] < 60 - HOUR_S,
        "{apart:?}"
    );
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let (owner, epoch) = cluster.wait_owner("b", "live/x");
    assert_eq!(owner, "o1");
    let viewers = ["a", "b", "c"].map(|id| Watcher::open(&cluster[id].http("live/x.flv")));
    Watcher::wait_all(&viewers, 50);
    viewers.iter().for_each(|viewer| viewer.assert_well(0));
    let late = viewers.iter().map(|viewer| viewer.seen().last_ms.unwrap());
    let (first, last) = (late.clone().min().unwrap(), late.max().unwrap());
    assert!(last - first < 3_000, "times are {} ms apart", last - first);
    cluster.kill("o1");
    let moved = until("o2 owns it", 20, || {
        cluster.owner("b", "live/x").filter(|owner| owner.0 == "o2")
    });
    assert!(moved.1 > epoch, "epoch {} after {epoch}", moved.1);
    Watcher::wait_all(&viewers, 100);
    worst("origin dies, clocks an hour apart", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(1));
    drop((viewers, publisher));
    cluster.assert_nothing_left();
}
