//! What happens on nodes that open no database is written down by those that do, also when one of them was away.

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use crate::kit::{cluster, need, publish};

/// Two nodes with one database, an origin without.
fn world(folder: &tempfile::TempDir) -> Cluster {
    let url = format!(
        "store.url=sqlite:{}",
        folder.path().join("one.db").display()
    );
    cluster(vec![
        Node::new("p", &["api"]).set(&[&url]),
        Node::origin("o"),
        Node::edge("a"),
    ])
}

fn told(cluster: &Cluster, id: &str) -> Vec<(Value, Value)> {
    let events = cluster[id].api("GET", "events").json();
    let events = events["events"].as_array().cloned().unwrap_or_default();
    let pairs = events
        .iter()
        .map(|one| (one["type"].clone(), one["cause"].clone()));
    pairs.collect()
}

fn wait_told(cluster: &Cluster, count: usize) -> Vec<(Value, Value)> {
    until(&format!("{count} events"), 30, || {
        Some(told(cluster, "p")).filter(|told| told.len() >= count)
    })
}

/// The type of event with which a broadcast begins.
const STARTED: &str = "stream.started";

#[test]
fn what_happens_on_an_origin_is_told_by_an_api_node_once_also_if_that_was_away() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = world(&folder);
    let first = publish(&cluster["a"], &Source::H264_AAC, "live/one");
    let begun = wait_told(&cluster, 1);
    assert_eq!(begun, [(json!(STARTED), json!(null))]);

    cluster.kill("p");
    first.signal(Signal::TERM);
    cluster["o"].wait_gone("live/one", 10);
    let second = publish(&cluster["a"], &Source::H264_AAC, "live/two");
    cluster["o"].wait_live("live/two");
    cluster.restart("p");
    let all = wait_told(&cluster, 3);
    let types: Vec<_> = all.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(types, [STARTED, "stream.ended", STARTED]);
    drop(second);
    assert_eq!(wait_told(&cluster, 4).len(), 4);
    let answer = cluster["o"].api("GET", "events");
    assert_eq!(answer.status, 503, "an origin has no store");
}

/// What the api node's list for everybody says of a stream.
fn listed(cluster: &Cluster, name: &str) -> Option<Value> {
    let list = weir_testkit::http::get(&cluster["p"].http("api/v1/live")).json();
    let all = list["streams"].as_array().cloned().unwrap_or_default();
    let is_it = |one: &&Value| {
        let (app, stream) = (one["app"].as_str(), one["stream"].as_str());
        name.split_once('/') == app.zip(stream)
    };
    all.iter().find(is_it).cloned()
}

/// Shows R29 and R41.
#[test]
fn lists_of_an_api_node_have_the_streams_of_all_nodes_with_those_who_watch_anywhere() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = world(&folder);
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/one");
    let watchers = ["a", "a", "o"].map(|id| Watcher::open(&cluster[id].http("live/one.flv")));
    for watcher in &watchers {
        watcher.wait_pictures(5);
    }
    let seen = until("three are counted, and the rate is measured", 20, || {
        let is_whole = |one: &Value| one["viewers"] == 3 && one["bitrate_kbps"] != 0.0;
        listed(&cluster, "live/one").filter(is_whole)
    });
    assert_eq!(seen["video"]["codec"], "h264", "{seen}");
    assert_eq!(seen["audio"]["codec"], "aac", "{seen}");
    until("the first page says so", 10, || {
        let page = weir_testkit::http::get(&cluster["p"].http("")).text();
        page.contains("3 watching").then_some(())
    });
    drop(watchers);
    until("nobody watches", 20, || {
        listed(&cluster, "live/one").filter(|one| one["viewers"] == 0)
    });
    cluster.kill("o");
    until("it is in no list", 30, || {
        listed(&cluster, "live/one").is_none().then_some(())
    });
}

#[test]
fn an_origin_that_dies_leaves_nothing_live() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = world(&folder);
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/one");
    wait_told(&cluster, 1);
    let watch = Stopwatch::start();
    cluster.kill("o");
    let all = wait_told(&cluster, 2);
    crate::kit::measured(
        "an origin's death is in the log after",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    assert_eq!(all[1], (json!("stream.ended"), json!(5002)));
}
