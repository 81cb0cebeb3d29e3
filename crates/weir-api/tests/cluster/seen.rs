//! What the operator, the load balancer and the dashboard see.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use weir_base::Clock;
use weir_cluster::Role;
use weir_cluster::message::Body;

use crate::world::{Away, World, live, name, record, stream};

#[tokio::test]
async fn the_operator_sees_nodes_and_streams() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let mut edge = record("e-1", &[Role::Edge], Some("eu"));
    edge.load.connections = 12;
    edge.load.out_kbps = 1_000;
    world.hears(edge);
    world.hears(record("o-1", &[Role::Origin], None));
    world.hears_owned("o-1", 2, "live/a");
    world.hears_word(
        &name("e-1"),
        2,
        Body::Carries {
            key: stream("live/a"),
        },
    );
    assert_eq!(
        world.get("/api/v1/cluster").await.status,
        StatusCode::UNAUTHORIZED
    );
    let json = world.get_admin("/api/v1/cluster").await.json();
    assert_eq!(
        (&json["me"], &json["cluster"]),
        (&"d1".into(), &"weir".into())
    );
    assert_eq!(json["status"]["nodes"], 3);
    assert_eq!(json["streams_total"], 1);
    let want = json!([{
        "key": "live/a", "owner": "o-1", "epoch": 2, "since_ms": 5, "carriers": ["e-1"]
    }]);
    assert_eq!(json["streams"], want);
    let ids: Vec<_> = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| &n["id"])
        .collect();
    assert_eq!(ids, ["d1", "e-1", "o-1"]);
    let edge = &json["nodes"][1];
    assert_eq!(
        (&edge["fullness_permille"], &edge["fullness_of"]),
        (&120.into(), &"connections".into())
    );
    assert_eq!((&edge["owns"], &edge["carries"]), (&0.into(), &1.into()));
    assert_eq!(
        (&edge["roles"], &edge["health"]),
        (&json!(["edge"]), &"alive".into())
    );
    assert_eq!(
        (&edge["region"], &edge["draining"]),
        (&"eu".into(), &false.into())
    );
    assert_eq!(edge["addresses"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn many_streams_come_in_pages_by_name() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    world.hears(record("o-1", &[Role::Origin], None));
    for n in 0..1_203 {
        world.hears_owned("o-1", n + 2, &format!("live/s{n:05}"));
    }
    // Of two claims the view believes one, and it is listed once.
    world.hears(record("o-2", &[Role::Origin], None));
    world.hears_owned("o-2", 2, "live/s00000");
    let mut all: Vec<String> = Vec::new();
    let (mut after, mut pages) = (String::new(), 0);
    loop {
        let page = world
            .get_admin(&format!("/api/v1/cluster?after={after}"))
            .await
            .json();
        let streams = page["streams"].as_array().unwrap();
        assert!(streams.len() <= 500);
        all.extend(
            streams
                .iter()
                .map(|s| s["key"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        match &page["next"] {
            Value::String(next) => after = next.clone(),
            _ => break,
        }
    }
    assert_eq!((pages, all.len()), (3, 1_203));
    assert!(all.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn a_registry_that_is_away_is_told_and_takes_nobody_out_of_service() {
    let clock = Clock::real();
    let all = [Role::Origin, Role::Edge, Role::Dispatcher];
    let world = World::with_store(record("n1", &all, None), clock, Arc::new(Away));
    let key = stream("live/a");
    let published = world.cluster.with(|m, now_us| m.publish(key, 0, 0, now_us));
    published.unwrap();
    let mut answered = world.get("/readyz").await;
    for _ in 0..100 {
        if answered.text.contains("store:") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        answered = world.get("/readyz").await;
    }
    assert_eq!(answered.status, StatusCode::OK);
    let lines: Vec<_> = answered.text.lines().collect();
    assert_eq!(lines[0], "ready");
    assert!(
        lines[1].starts_with("store: unreachable for 0 s at least"),
        "{lines:?}"
    );
    assert!(lines[1].contains("(1 streams unconfirmed)"), "{lines:?}");
    let metrics = world.get("/metrics").await.text;
    assert!(
        metrics.contains("weir_cluster_store_up{node=\"d1\"} 0"),
        "{metrics}"
    );
    assert!(metrics.contains("weir_cluster_streams_unconfirmed{node=\"d1\"} 1"));
    world.shutdown.drain();
    let answered = world.get("/readyz").await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answered.text.starts_with("draining\nstore: "),
        "{}",
        answered.text
    );
}

#[tokio::test]
async fn a_node_alone_is_ready_and_counts_who_asked() {
    let all = [Role::Origin, Role::Edge, Role::Dispatcher];
    let world = World::new(record("n1", &all, None));
    assert_eq!(world.get("/readyz").await.text, "ready\n");
    world.dispatch("publish", "10.3.0.1", live()).await;
    world.dispatch("play", "10.3.0.1", json!({})).await;
    world.get("/go/live/a.flv").await;
    let metrics = world.get("/metrics").await.text;
    for line in [
        r#"weir_dispatch_total{node="d1",purpose="publish",outcome="placed"} 1"#,
        r#"weir_dispatch_total{node="d1",purpose="play",outcome="placed"} 1"#,
        r#"weir_dispatch_total{node="d1",purpose="play",outcome="refused"} 1"#,
        r#"weir_cluster_nodes{node="d1"} 1"#,
        r#"weir_cluster_bus_up{node="d1"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
