//! What happens on nodes that open no database is written down by those that do, also when one of them was away.

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::wait::{Stopwatch, until};

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
