//! Nodes take each other's word only with the cluster's secret.

use weir_testkit::cluster::Node;
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;

use crate::kit::{begin, cluster, need, publish};

/// Seconds FFmpeg may take to give up.
const PATIENCE_S: u64 = 20;

#[test]
fn a_node_with_another_secret_may_neither_pull_nor_push() {
    need!(Ffmpeg, RedisServer);
    let stranger = Node::edge("s").set(&["cluster.secret=another secret altogether"]);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a"), stranger]);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("s", "live/x");
    let refused = get(&cluster["s"].http("live/x.flv"));
    let told = refused.text();
    assert_eq!(refused.refusal().1, 1004, "{told}");
    assert!(told.contains("cluster.secret"), "{told}");
    let mut second = begin(&cluster["s"], &Source::H264_AAC, "live/y");
    assert!(!second.wait(PATIENCE_S).success());
    assert!(second.log().contains("cluster.secret"), "{}", second.log());
    assert_eq!(cluster["o"].clients("viewer", "relay").len(), 0);
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn who_is_no_node_is_shown_no_relay() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a")]);
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    for path in ["live/x.weir", "relay/live/x"] {
        let without = get(&cluster["o"].http(path));
        assert_eq!(without.refusal(), (401, 1001), "{path}");
        let wrong = Request::get(&cluster["o"].http(path))
            .header("Authorization", "Weir-Node a:00ff")
            .send();
        assert_eq!(wrong.refusal(), (403, 1004), "{path}");
    }
}
