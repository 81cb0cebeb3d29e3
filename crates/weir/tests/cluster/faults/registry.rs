//! Redis goes, or stands still. Promised: what is live stays live, new streams are taken and announced
//! when it is back, nodes stay ready and say what is wrong, and no name is owned twice afterwards.

use weir_testkit::cluster::{Cluster, Node, metric};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use super::{assert_all_given_back, memory, worst};
use crate::kit::{begin, cluster, measured, need, publish};

/// Two terms of a lease and then some, seconds.
const OUTAGE_S: f64 = 14.0;
/// Seconds until all is as before when Redis is back: two heartbeats and retries.
const HEALED_S: u64 = 20;

fn three() -> Cluster {
    cluster(vec![Node::origin("o"), Node::edge("a"), Node::edge("b")])
}

fn wait_troubled(cluster: &Cluster) {
    for (id, server) in cluster.running() {
        let words = until(&format!("{id} says that Redis is away"), 20, || {
            let ready = get(&server.http("readyz"));
            assert_eq!(ready.status, 200, "{id}: {}", ready.text());
            ready.text().contains("store: unreachable").then_some(ready)
        });
        assert!(words.text().starts_with("ready\n"), "{}", words.text());
        assert_eq!(metric(server, "weir_cluster_store_up"), Some(0.0), "{id}");
    }
}

fn wait_well(cluster: &Cluster) {
    for (id, server) in cluster.running() {
        until(&format!("{id} is well again"), HEALED_S, || {
            (get(&server.http("readyz")).text() == "ready\n").then_some(())
        });
        until(&format!("{id} counts so"), HEALED_S, || {
            (metric(server, "weir_cluster_store_up") == Some(1.0)).then_some(())
        });
    }
}

/// Every node sees the same owner, who has the stream.
fn wait_agreed(cluster: &Cluster, name: &str) -> (String, u64) {
    let owner = until(&format!("all agree on who owns {name}"), HEALED_S, || {
        let mut seen = cluster.running().map(|(id, _)| cluster.owner(id, name));
        let first = seen.next()??;
        seen.all(|other| other.as_ref() == Some(&first))
            .then_some(first)
    });
    assert!(cluster[&owner.0].stream(name).is_some());
    owner
}

#[test]
fn a_registry_that_dies_and_comes_back_empty_costs_nobody_anything() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = three();
    let before = memory(&cluster);
    let old = publish(&cluster["a"], &Source::H264_AAC, "live/old");
    let (_, epoch) = cluster.wait_owner("b", "live/old");
    let viewers = ["a", "b"].map(|id| Watcher::open(&cluster[id].http("live/old.flv")));
    Watcher::wait_all(&viewers, 25);
    cluster.redis.as_mut().unwrap().kill();
    let watch = Stopwatch::start();
    wait_troubled(&cluster);
    measured(
        "registry dies: all nodes say so",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    let asked = Stopwatch::start();
    let new = publish(&cluster["a"], &Source::H264_AAC, "live/new");
    measured(
        "registry away: a new stream is live",
        asked.elapsed_s() * 1e3,
        "ms",
    );
    for id in ["a", "o"] {
        let viewer = Watcher::open(&cluster[id].http("live/new.flv"));
        viewer.wait_pictures(25);
    }
    // A viewer that comes now, too.
    let late = Watcher::open(&cluster["b"].http("live/old.flv"));
    late.wait_pictures(25);
    until("two terms have passed", 60, || {
        (watch.elapsed_s() > OUTAGE_S).then_some(())
    });
    Watcher::wait_all(&viewers, 50);
    cluster.redis.as_mut().unwrap().restart();
    let back = Stopwatch::start();
    wait_well(&cluster);
    measured(
        "registry back: all nodes are well",
        back.elapsed_s() * 1e3,
        "ms",
    );
    let healed = ["live/old", "live/new"].map(|name| wait_agreed(&cluster, name));
    measured(
        "registry back: all nodes know all streams",
        back.elapsed_s() * 1e3,
        "ms",
    );
    assert!(healed[0].1 >= epoch, "the epoch fell");
    let viewer = Watcher::open(&cluster["b"].http("live/new.flv"));
    viewer.wait_pictures(25);
    Watcher::wait_all(&viewers, 50);
    worst("registry gone and back", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(0));
    drop((viewers, viewer, late, old, new));
    assert_all_given_back(&cluster, &before);
}

#[test]
fn a_name_that_was_taken_twice_meanwhile_has_one_owner_afterwards() {
    need!(Ffmpeg, RedisServer);
    let mut cluster = cluster(vec![Node::origin("o1"), Node::origin("o2")]);
    cluster.redis.as_mut().unwrap().kill();
    wait_troubled(&cluster);
    let mut both: Vec<Process> = ["o1", "o2"]
        .map(|id| publish(&cluster[id], &Source::H264_AAC, "live/x"))
        .into();
    cluster.redis.as_mut().unwrap().restart();
    let back = Stopwatch::start();
    let lost = until("one is let go", HEALED_S, || {
        both.iter_mut().position(|one| one.ended().is_some())
    });
    measured(
        "registry back: the second owner is let go",
        back.elapsed_s() * 1e3,
        "ms",
    );
    let said = both[lost].log();
    assert!(said.contains("3004") || said.contains("5004"), "{said}");
    let (owner, _) = wait_agreed(&cluster, "live/x");
    assert_eq!(owner, ["o1", "o2"][1 - lost]);
    assert!(both[1 - lost].ended().is_none(), "both were let go");
    let loser = ["o1", "o2"][lost];
    cluster[loser].wait_gone("live/x", 5);
    drop(both);
    cluster.assert_nothing_left();
}

#[test]
fn a_registry_that_stands_still_is_as_one_that_is_gone() {
    need!(Ffmpeg, RedisServer);
    let cluster = three();
    let old = publish(&cluster["a"], &Source::H264_AAC, "live/old");
    cluster.wait_owner("b", "live/old");
    let viewers = ["a", "b"].map(|id| Watcher::open(&cluster[id].http("live/old.flv")));
    Watcher::wait_all(&viewers, 25);
    let redis = cluster.redis.as_ref().unwrap();
    redis.pause();
    let watch = Stopwatch::start();
    wait_troubled(&cluster);
    measured(
        "registry stands still: all nodes say so",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    let asked = Stopwatch::start();
    let new = begin(&cluster["a"], &Source::H264_AAC, "live/new");
    cluster["o"].wait_live("live/new");
    measured(
        "registry stands still: a new stream is live",
        asked.elapsed_s() * 1e3,
        "ms",
    );
    until("two terms have passed", 60, || {
        (watch.elapsed_s() > OUTAGE_S).then_some(())
    });
    redis.resume();
    wait_well(&cluster);
    for name in ["live/old", "live/new"] {
        wait_agreed(&cluster, name);
    }
    Watcher::wait_all(&viewers, 50);
    worst("registry stood still", &viewers);
    viewers.iter().for_each(|viewer| viewer.assert_well(0));
    drop((viewers, old, new));
    cluster.assert_nothing_left();
}
