//! What a cluster costs its server: so much for each node, so much for each owned stream, and nothing
//! for viewers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::nodes::{Running, run, stream, until};
use crate::server::{Server, TTL_MS};

/// How long is counted, seconds.
const COUNTED_S: u64 = 6;

/// Calls of each command since the last reset; those that a script makes count too.
fn calls(server: &Server) -> BTreeMap<String, u64> {
    let text = server.cli(&["info", "commandstats"]);
    let one = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    };
    text.lines().filter_map(one).collect()
}

/// Commands that nodes send in a second, and all with those inside scripts.
async fn rate(server: &Server, what: &str) -> (f64, f64) {
    server.cli(&["config", "resetstat"]);
    tokio::time::sleep(Duration::from_secs(COUNTED_S)).await;
    let calls = calls(server);
    let per_s = |calls: u64| calls as f64 / COUNTED_S as f64;
    let sent = [
        "evalsha",
        "publish",
        "mget",
        "zrange",
        "eval",
        "script|load",
    ];
    // The scripts' own reads are mget too: one for each evalsha at most.
    let sent = sent
        .iter()
        .filter(|name| **name != "mget")
        .filter_map(|name| calls.get(*name))
        .sum();
    let ours = calls
        .iter()
        .filter(|(name, _)| !["info", "config|resetstat", "auth"].contains(&name.as_str()));
    let all = ours.map(|(_, count)| count).sum();
    let (sent, all) = (per_s(sent), per_s(all));
    println!("{what}: {sent:.1} commands/s, {all:.1} with those inside scripts; {calls:?}");
    (sent, all)
}

async fn end(nodes: Vec<Running>) {
    for node in nodes {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_grow_with_nodes_and_owned_streams_and_not_with_viewers() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let mut nodes = Vec::new();
    let mut idle = Vec::new();
    for n in [4_usize, 16] {
        while nodes.len() < n {
            let id = nodes.len();
            nodes.push(run(server.redis(TTL_MS), &format!("n{id}"), id as u64 + 1));
        }
        let all_know = || {
            nodes
                .iter()
                .all(|node| node.cluster.with(|m, _| m.view().len()) == n)
        };
        until("all know each other", all_know).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (sent, all) = rate(&server, &format!("{n} idle nodes")).await;
        // A beat and a record each two seconds: one command a node a second, five with the script's.
        let each = (sent / n as f64, all / n as f64);
        assert!(
            (0.8..=1.3).contains(&each.0) && each.1 <= 4.0,
            "{each:?} a node"
        );
        idle.push(each.0);
    }
    assert!((idle[0] - idle[1]).abs() < 0.35, "not linear: {idle:?}");

    let before = rate(&server, "16 nodes without streams").await;
    let streams = 2_000;
    let gates: Vec<_> = (0..streams)
        .map(|s| nodes[s % nodes.len()].publish(&format!("live/{s}")))
        .collect();
    until("all are owned", || {
        nodes.iter().map(|node| node.status().owned).sum::<usize>() == streams
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let with_streams = rate(&server, "16 nodes with 2,000 streams").await;
    let more = with_streams.0 - before.0;
    // 125 streams a node fit one call, at most four calls a renewal.
    assert!(more <= 16.0 * 4.0 / 2.0 + 1.0, "{more} commands/s more");
    let inside = (with_streams.1 - before.1) / streams as f64;
    assert!(
        inside <= 0.7,
        "{inside} commands/s inside scripts for each stream"
    );

    // Plays of streams that are known, and many looks at the view, ask the server nothing.
    for _ in 0..20 {
        for node in &nodes {
            for s in (0..streams).step_by(10) {
                assert!(
                    node.cluster
                        .with(|m, _| m.view().owner(&stream(&format!("live/{s}"))).is_some())
                );
            }
        }
    }
    let watched = rate(&server, "the same with 64,000 looks").await;
    assert!(
        (watched.0 - with_streams.0).abs() <= with_streams.0 * 0.2,
        "{watched:?}"
    );
    drop(gates);
    end(nodes).await;
}
