//! Each process killed in turn, at each step of a broadcast's life: nothing stays live that nobody sends, and each
//! broadcast that began ends once. Shows R47.

use std::collections::HashMap;

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::wait::{Stopwatch, until};

use crate::kit::{begin, cluster, measured, need};

/// Where a broadcast is when somebody dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Beginning,
    Live,
    Ending,
}

/// Whether nothing lives: not in the list of broadcasts, not at a node, not in the registry.
fn is_over(cluster: &Cluster, stream: &str) -> Option<()> {
    let answer = cluster["p"].api("GET", "broadcasts?live=true");
    let none = answer.status == 200 && answer.json()["items"].as_array()?.is_empty();
    let anywhere = ["o", "a"]
        .iter()
        .any(|id| cluster[id].stream(stream).is_some());
    // The list of leases keeps the name of one that lapsed; the lease itself is what makes a stream somebody's.
    let is_owned = cluster.leases().iter().any(|key| key.contains(":lease:"));
    (none && !anywhere && !is_owned).then_some(())
}

#[test]
fn whoever_dies_at_whichever_step_nothing_stays_live() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("one.db");
    let url = format!("store.url=sqlite:{}", database.display());
    let mut cluster = cluster(vec![
        Node::new("p", &["api"]).set(&[&url]),
        Node::origin("o"),
        Node::edge("a"),
    ]);
    let mut turn = 0;
    for victim in ["p", "o", "a"] {
        for step in [Step::Beginning, Step::Live, Step::Ending] {
            turn += 1;
            let stream = format!("live/s{turn}");
            let publisher = begin(&cluster["a"], &Source::H264_AAC, &stream);
            if step != Step::Beginning {
                cluster["o"].wait_live(&stream);
            }
            if step == Step::Ending {
                publisher.signal(Signal::TERM);
            }
            cluster.kill(victim);
            drop(publisher);
            cluster.restart(victim);
            let watch = Stopwatch::start();
            until(
                &format!("{victim} died {step:?}: nothing is live"),
                40,
                || is_over(&cluster, &stream),
            );
            let what = format!("{victim} died {step:?}: nothing live after");
            measured(&what, watch.elapsed_s() * 1e3, "ms");
        }
    }
    let events = cluster["p"].api("GET", "events?limit=1000").json();
    let mut seen: HashMap<String, (u32, u32)> = HashMap::new();
    for event in events["events"].as_array().unwrap() {
        let session = event["session"].as_str().unwrap().to_owned();
        let counts = seen.entry(session).or_default();
        match event["type"].as_str().unwrap() {
            "stream.started" => counts.0 += 1,
            "stream.ended" => counts.1 += 1,
            _ => {}
        }
    }
    assert!(seen.len() >= 6, "few broadcasts were seen: {events}");
    for (session, counts) in seen {
        assert_eq!(counts, (1, 1), "{session}: {events}");
    }
}
