//! The whole loop of scaling on one machine: load comes and nodes are started, load goes and one is
//! drained, emptied and stopped; one node leads, and when it is killed another does.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::ports;
use weir_testkit::process::Signal;
use weir_testkit::redis::Redis;
use weir_testkit::server::Server;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use crate::dispatch::follow;
use crate::kit::{binary, measured, need, publish};

/// Seconds for a change of size: heartbeats, a start, a drain.
const CHANGE_S: u64 = 30;
/// Seconds until a node that was killed is followed by another one who leads, and some.
const OFFICE_S: u64 = 40;
/// Ports for nodes that are started: four pairs.
const PORTS: u16 = 8;

/// So many ports in a row that nobody listens at.
fn ports_in_a_row() -> (u16, u16) {
    let mut first = ports::reserve();
    let mut last = first;
    while last - first + 1 < PORTS {
        let next = ports::reserve();
        if next != last + 1 {
            first = next;
        }
        last = next;
    }
    (first, last)
}

/// Origin, dispatcher and scaler in one; its view is not that of a cluster of so many, because nodes
/// come by themselves.
fn scaler(id: &str, redis: &Redis, settings: &[&str]) -> Node {
    let redis = format!("cluster.redis={}", redis.url());
    Node::new(id, &["origin", "dispatcher"])
        .set(&["cluster.mode=registry", &redis])
        .set(&[
            "scale.interval_ms=200",
            "node.drain_ms=1500",
            "dispatch.good_for_ms=500",
        ])
        .set(settings)
}

fn start(nodes: Vec<Node>) -> Cluster {
    Cluster::start_static(&binary(), nodes)
}

fn pool(server: &Server) -> Value {
    get(&server.http("api/v1/autoscale/edges")).json()
}

/// Edges that a node sees, those that drain left out.
fn edges(server: &Server) -> BTreeSet<String> {
    let seen = server.api("GET", "cluster").json();
    let nodes = seen["nodes"].as_array().cloned().unwrap_or_default();
    let is_edge = |node: &&Value| {
        let roles = node["roles"].as_array().cloned().unwrap_or_default();
        roles.contains(&"edge".into()) && node["draining"] == false && node["health"] == "alive"
    };
    let ids = nodes
        .iter()
        .filter(is_edge)
        .filter_map(|node| node["id"].as_str());
    ids.map(str::to_owned).collect()
}

fn wait_edges(server: &Server, count: usize) -> BTreeSet<String> {
    until(&format!("{count} edges"), CHANGE_S, || {
        Some(edges(server)).filter(|edges| edges.len() == count)
    })
}

/// The audit log of a node, one object for each line.
fn audit(data: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(data.join("scale.log")).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

fn wait_audit(server: &Server, what: &str) -> Value {
    until(&format!("scale.log says {what}"), CHANGE_S, || {
        let mut said = audit(server.data()).into_iter();
        said.rfind(|line| line["what"] == what)
    })
}

/// Waits until nobody listens at any of these ports.
fn wait_silent((first, last): (u16, u16)) {
    until("all nodes that were started are gone", CHANGE_S, || {
        let mut ports = first..=last;
        let is_silent = ports.all(|port| TcpStream::connect(("127.0.0.1", port)).is_err());
        is_silent.then_some(())
    });
}

/// What everybody may know of the pool.
fn assert_facts(server: &Server) {
    let facts = pool(server);
    for (name, value) in [
        ("pool", Value::from("edges")),
        ("role", "edge".into()),
        ("region", Value::Null),
        ("min", 1.into()),
        ("max", 2.into()),
        ("provider", "process".into()),
        ("leader", true.into()),
        ("dry_run", false.into()),
    ] {
        assert_eq!(facts[name], value, "{name}: {facts}");
    }
    for name in [
        "desired", "current", "booting", "leaving", "needed", "wanted",
    ] {
        assert!(facts[name].is_u64(), "{name}: {facts}");
    }
    assert!(facts["reason"].is_string(), "{facts}");
    let text = get(&server.http("metrics")).text();
    for name in ["weir_pool_desired_nodes{", "weir_pool_current_nodes{"] {
        let mut lines = text.lines().filter(|line| line.starts_with(name));
        assert!(lines.any(|line| line.contains("pool=\"edges\"")), "{name}");
    }
    let unknown = get(&server.http("api/v1/autoscale/nobodys"));
    assert_eq!(unknown.refusal(), (404, 3001));
}

/// Shows R23 and R24.
#[test]
fn a_pool_grows_with_its_viewers_and_shrinks_by_draining_when_they_go() {
    need!(Ffmpeg, RedisServer);
    let (redis, ports) = (Redis::start(), ports_in_a_row());
    // Five connections each, of which the pull is one.
    let pools = "scale.pools=[{ name = \"edges\", min = 1, max = 2, target_percent = 50, \
                 cooldown_up_ms = 500, cooldown_down_ms = 3000, boot_ms = 2000, \
                 capacity = { connections = 10, cpu_permille = 0 } }]";
    let listen = format!("scale.process.ports=\"{}-{}\"", ports.0, ports.1);
    let settings = [
        "scale.provider=process",
        "scale.drain_ms=10000",
        &listen,
        pools,
    ];
    let mut cluster = start(vec![scaler("d", &redis, &settings)]);
    let d = &cluster["d"];
    let first = wait_edges(d, 1);
    let publisher = publish(d, &Source::H264_AAC, "live/x");
    assert_facts(d);
    let come = |url: &str| {
        let viewer = Watcher::open(url);
        viewer.wait_pictures(1);
        viewer
    };
    let first_url = follow(&d.http("go/live/x.flv"));
    let clock = Stopwatch::start();
    let mut here: Vec<_> = (0..6).map(|_| come(&first_url)).collect();
    let both = wait_edges(d, 2);
    measured("second edge after", clock.elapsed_s() * 1e3, "ms");
    let second_url = until("new viewers are sent to the second edge", CHANGE_S, || {
        Some(follow(&d.http("go/live/x.flv"))).filter(|url| *url != first_url)
    });
    let there = come(&second_url);

    // Two stay on the first, one on the second: the second goes, and its viewer is moved.
    here.truncate(2);
    let clock = Stopwatch::start();
    let end = until("the second edge's viewer is let go", CHANGE_S, || {
        there.seen().end
    });
    assert_eq!(end, "a proper end");
    measured("a viewer is moved after", clock.elapsed_s() * 1e3, "ms");
    let again = come(&follow(&d.http("go/live/x.flv")));
    assert_eq!(wait_edges(d, 1), first);
    let stopped = wait_audit(d, "stopped");
    let gone = both.difference(&first).next().unwrap();
    assert_eq!(stopped["node"], gone.as_str(), "{stopped}");
    for viewer in here.iter().chain([&again]) {
        viewer.wait_pictures(10);
        viewer.assert_well(0);
    }
    assert_log_tells_it(&audit(d.data()), gone);
    drop((publisher, here, again));
    // The parent is killed, and its children go by themselves.
    cluster.kill("d");
    wait_silent(ports);
}

/// A node was started and is gone, each step after the one before it.
fn assert_log_tells_it(said: &[Value], gone: &str) {
    let told = |what: &str| said.iter().position(|line| line["what"] == what);
    let steps = ["leads", "grow", "drain", "drains", "empty", "stopped"].map(told);
    let is_in_order = steps.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(steps[0].is_some() && is_in_order, "{steps:?}: {said:?}");
    let drain = &said[steps[2].unwrap()];
    for (name, value) in [("by", "d"), ("node", gone), ("pool", "edges")] {
        assert_eq!(drain[name], value, "{drain}");
    }
    assert!(
        drain["why"].is_string() && drain["at_ms"].is_i64(),
        "{drain}"
    );
}

/// A provider that writes its orders down and does nothing.
fn provider(dir: &Path) -> String {
    let (script, orders) = (dir.join("provider.sh"), dir.join("orders"));
    let text = format!(
        "#!/bin/sh\ncat >> '{}'\necho >> '{}'\necho '{{\"started\": 2, \"note\": \"written down\"}}'\n",
        orders.display(),
        orders.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    format!("scale.exec=[\"{}\"]", script.display())
}

fn orders(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("orders")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Shows R7.
#[test]
fn a_command_gets_orders_from_one_leader_and_from_the_next_when_that_is_killed() {
    need!(RedisServer);
    let (redis, dir) = (Redis::start(), tempfile::tempdir().unwrap());
    let exec = provider(dir.path());
    let pools =
        "scale.pools=[{ name = \"edges\", min = 2, boot_ms = 1000, cooldown_up_ms = 1000 }]";
    let settings = ["scale.provider=exec", &exec, pools];
    let node = |id: &str| scaler(id, &redis, &settings);
    let mut cluster = start(vec![node("d1"), node("d2")]);
    let leaders = |cluster: &Cluster| {
        let all = cluster.running();
        let leads = all.filter(|(_, server)| pool(server)["leader"] == true);
        leads.map(|(id, _)| id.to_owned()).collect::<Vec<_>>()
    };
    let first = until("one leads", OFFICE_S, || {
        let leaders = leaders(&cluster);
        assert!(leaders.len() < 2, "{leaders:?}");
        leaders.into_iter().next()
    });
    let order = until("an order", CHANGE_S, || {
        orders(dir.path()).into_iter().next()
    });
    for (name, value) in [
        ("version", Value::from(1)),
        ("action", "grow".into()),
        ("pool", "edges".into()),
        ("role", "edge".into()),
        ("region", Value::Null),
        ("current", 0.into()),
        ("desired", 2.into()),
        ("count", 2.into()),
        ("node", Value::Null),
        ("leader", first.as_str().into()),
    ] {
        assert_eq!(order[name], value, "{name}: {order}");
    }
    let done = wait_audit(&cluster[&first], "done");
    assert_eq!(done["order"], order["id"], "{done}");
    assert!(
        done["result"].as_str().unwrap().contains("written down"),
        "{done}"
    );
    // Both decide alike, and who leads alone acts.
    let second = if first == "d1" { "d2" } else { "d1" };
    assert_eq!(pool(&cluster[second])["desired"], 2);
    assert!(
        orders(dir.path())
            .iter()
            .all(|order| order["leader"] == *first)
    );

    let clock = Stopwatch::start();
    cluster.kill(&first);
    until("the other leads", OFFICE_S, || {
        (pool(&cluster[second])["leader"] == true).then_some(())
    });
    measured("another leader after", clock.elapsed_s() * 1e3, "ms");
    let next = until("an order of the next leader's", OFFICE_S, || {
        orders(dir.path())
            .into_iter()
            .find(|order| order["leader"] == second)
    });
    assert_eq!(next["action"], "grow", "{next}");
    assert_ne!(next["id"], order["id"]);
    wait_audit(&cluster[second], "leads");
    // Told to go, it gives the office up at once.
    let mut going = cluster.take(second);
    going.signal(Signal::TERM);
    assert!(going.wait_exit(CHANGE_S).success());
    let said = audit(going.data());
    assert!(
        said.iter().any(|line| line["what"] == "leads_no_more"),
        "{said:?}"
    );
}
