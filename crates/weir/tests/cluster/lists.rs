//! A cluster without Redis: lists of origins, and origins that ask each other.

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;

use crate::kit::{begin, binary, need, publish};

/// As many names all go to one of two origins once in thirty thousand times.
const MAX_NAMES: usize = 16;

/// Two origins that ask each other, two edges that know both, and one below an edge.
fn two_origins() -> Cluster {
    let (o1, o2) = (Node::origin("o1"), Node::origin("o2"));
    let list = |addresses: &[String]| format!("{addresses:?}");
    let both = [o1.http_address(), o2.http_address()];
    let origins = format!("cluster.origins={}", list(&both));
    let asks = |other: &Node| format!("cluster.coworkers={}", list(&[other.http_address()]));
    let (asks_o2, asks_o1) = (asks(&o2), asks(&o1));
    let a = Node::edge("a").set(&[&origins]);
    let c = Node::edge("c").below(&a);
    let nodes = vec![
        o1.set(&[&asks_o2]),
        o2.set(&[&asks_o1]),
        a,
        Node::edge("b").set(&[&origins]),
        c,
    ];
    Cluster::start_static(&binary(), nodes)
}

/// Shows R111.
#[test]
fn streams_spread_over_the_origins_and_play_on_every_node() {
    need!(Ffmpeg);
    let cluster = two_origins();
    // The origins' ports are other ones each time, and so is who gets which name.
    let (mut names, mut publishers, mut held) = (Vec::new(), Vec::new(), [0, 0]);
    while names.len() < 3 || held.contains(&0) {
        assert!(names.len() < MAX_NAMES, "all on one origin: {held:?}");
        let name = format!("live/x{}", names.len());
        publishers.push(publish(&cluster["a"], &Source::H264_AAC, &name));
        let has = ["o1", "o2"].map(|id| usize::from(cluster[id].stream(&name).is_some()));
        assert_eq!(has[0] + has[1], 1, "{name} is on {has:?}");
        held = [held[0] + has[0], held[1] + has[1]];
        names.push(name);
    }
    for name in &names {
        for id in ["b", "c"] {
            let viewer = Watcher::open(&cluster[id].http(&format!("{name}.flv")));
            viewer.wait_pictures(10);
            viewer.assert_well(0);
        }
    }
    drop(publishers);
    cluster.assert_nothing_left();
}

/// Shows R110.
#[test]
fn an_origin_asks_its_coworker_and_redirects_to_it() {
    need!(Ffmpeg);
    let cluster = two_origins();
    let publisher = publish(&cluster["o1"], &Source::H264_AAC, "live/x");
    let told = get(&cluster["o2"].http("live/x.flv"));
    assert_eq!(told.refusal(), (302, 5004), "{}", told.text());
    let there = cluster["o1"].http("live/x.flv");
    assert_eq!(told.header("location"), Some(there.as_str()));
    assert_eq!(
        get(&cluster["o2"].http("live/y.flv")).refusal(),
        (404, 3002)
    );
    // An edge that hashes the name to the other origin follows.
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
    viewer.wait_pictures(25);
    viewer.assert_well(0);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}

#[test]
fn when_an_origin_of_the_list_dies_its_streams_go_to_the_other() {
    need!(Ffmpeg);
    let mut cluster = two_origins();
    let publisher = begin(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster["a"].wait_live("live/x");
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
    viewer.wait_pictures(25);
    let (holder, other) = if cluster["o1"].stream("live/x").is_some() {
        ("o1", "o2")
    } else {
        ("o2", "o1")
    };
    cluster.kill(holder);
    until("the other origin has it", 20, || {
        cluster[other].stream("live/x")
    });
    viewer.wait_pictures(100);
    viewer.assert_well(1);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}
