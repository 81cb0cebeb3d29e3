//! A name has one publisher in the whole cluster.

use weir_testkit::cluster::Node;
use weir_testkit::media::Source;
use weir_testkit::slsp::{Client, Container};
use weir_testkit::watcher::Watcher;

use serde_json::json;

use crate::kit::{begin, cluster, need, publish, two_regions};

/// Seconds FFmpeg may take to give up.
const PATIENCE_S: u64 = 20;

fn slsp(server: &weir_testkit::server::Server, name: &str) -> String {
    server.ws(&format!("slsp/{name}"))
}

#[test]
fn a_second_publisher_at_another_edge_is_refused_with_3004() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_regions();
    let first = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("b", "live/x");
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
    viewer.wait_pictures(25);
    let epoch = cluster.owner("o", "live/x");
    let mut second = begin(&cluster["b"], &Source::H264_MP3, "live/x");
    assert!(!second.wait(PATIENCE_S).success());
    assert!(second.log().contains("3004"), "{}", second.log());
    let mut third = Client::connect(&slsp(&cluster["c"], "live/x"));
    third.say_hello(&json!({ "container": Container::Flv.name() }));
    assert_eq!(third.inbox().refusal(), (3004, 4409));
    viewer.wait_pictures(50);
    viewer.assert_well(0);
    assert_eq!(cluster.owner("o", "live/x"), epoch);
    drop((first, viewer));
    cluster.assert_nothing_left();
}

#[test]
fn two_publishers_at_once_at_two_edges_leave_one() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![
        Node::origin("o1"),
        Node::origin("o2"),
        Node::edge("a"),
        Node::edge("b"),
    ]);
    for round in 0..3 {
        let name = format!("live/x{round}");
        let mut both = ["a", "b"].map(|id| begin(&cluster[id], &Source::H264_AAC, &name));
        let lost = weir_testkit::wait::until("one is refused", PATIENCE_S, || {
            both.iter_mut().position(|one| one.ended().is_some())
        });
        assert!(both[lost].log().contains("3004"), "{}", both[lost].log());
        let kept = ["a", "b"][1 - lost];
        cluster[kept].wait_live(&name);
        assert!(both[1 - lost].ended().is_none(), "both were refused");
        let owners = ["o1", "o2"].map(|id| cluster[id].stream(&name).is_some());
        assert!(owners[0] != owners[1], "{owners:?}");
    }
    cluster.assert_nothing_left();
}

#[test]
fn where_an_app_allows_it_the_second_takes_over_and_the_first_is_told() {
    need!(Ffmpeg, RedisServer);
    let takes = ["apps.live.takeover=true"];
    let cluster = cluster(vec![
        Node::origin("o").set(&takes),
        Node::edge("a").set(&takes),
        Node::edge("b").set(&takes),
        Node::edge("c").set(&takes),
    ]);
    let mut first = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("b", "live/x");
    let viewer = Watcher::open(&cluster["c"].http("live/x.flv"));
    viewer.wait_pictures(25);
    let second = begin(&cluster["b"], &Source::H264_AAC, "live/x");
    assert!(!first.wait(PATIENCE_S).success());
    let said = first.log();
    assert!(said.contains("3005") || said.contains("5004"), "{said}");
    viewer.wait_pictures(75);
    let seen = viewer.seen();
    assert!(seen.end.is_none() && seen.back.is_empty(), "{seen:?}");
    drop((second, viewer));
    cluster.assert_nothing_left();
}
