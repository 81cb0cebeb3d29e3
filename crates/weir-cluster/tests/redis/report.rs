//! Reports of streams on other servers: known to all, and longer-lived than who got them.

use std::time::Duration;

use weir_base::Clock;
use weir_cluster::local::LocalStore;
use weir_cluster::report::StreamReport;
use weir_cluster::store::Store;

use crate::nodes::{run, stream, until};
use crate::server::{Server, TTL_MS};

fn report(key: &str, port: u16, ttl_ms: i64) -> StreamReport {
    StreamReport {
        key: stream(key),
        ip: "10.0.0.5".into(),
        port,
        protocol: "rtmp".into(),
        ttl_ms,
    }
}

#[tokio::test]
async fn reports_are_kept_until_they_end_or_are_taken_back() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let redis = server.redis(TTL_MS);
    let local = LocalStore::new(Clock::real(), TTL_MS, TTL_MS);
    for store in [&redis as &dyn Store, &local] {
        let long = (0..250).map(|n| report(&format!("s{n}"), 1935, 60_000));
        store.report(long.collect()).await.unwrap();
        store
            .report(vec![report("short", 1935, 200)])
            .await
            .unwrap();
        // Taken back by who said it, and by nobody else.
        store
            .report(vec![report("s0", 1935, 0), report("s1", 7, 0)])
            .await
            .unwrap();
        let mut all = store.reports().await.unwrap();
        all.sort_by(|a, b| a.key.cmp(&b.key));
        assert_eq!(all.len(), 250);
        assert!(
            (1..=200).contains(
                &all.iter()
                    .find(|r| r.key.as_str() == "short")
                    .unwrap()
                    .ttl_ms
            )
        );
        assert_eq!(
            (all[0].key.as_str(), all[0].place()),
            ("s1", "1935 rtmp 10.0.0.5".into())
        );
        assert!(
            (50_000..=60_000).contains(&all[0].ttl_ms),
            "{}",
            all[0].ttl_ms
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(store.reports().await.unwrap().len(), 249);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_known_to_all_and_outlives_the_node_that_got_it() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.ready().await;
    let (a, b) = (
        run(server.redis(TTL_MS), "a", 1),
        run(server.redis(TTL_MS), "b", 2),
    );
    until("they hear each other", || {
        [&a, &b]
            .iter()
            .all(|node| node.cluster.with(|m, _| m.view().len()) == 2)
    })
    .await;
    a.report("live/far", "10.0.0.5", 60_000);
    a.report("live/brief", "10.0.0.5", 1_000);
    until("b knows it", || {
        b.reported("live/far").as_deref() == Some("10.0.0.5")
    })
    .await;
    until("the brief one has ended", || {
        [&a, &b]
            .iter()
            .all(|node| node.reported("live/brief").is_none())
    })
    .await;
    a.end().await;
    assert!(b.reported("live/far").is_some());
    let c = run(server.redis(TTL_MS), "c", 3);
    until("a newcomer reads it", || c.reported("live/far").is_some()).await;

    // Made while the server is away, it is told when it is back, and kept.
    server.kill();
    b.report("live/late", "10.0.0.6", 60_000);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(c.reported("live/late").is_none());
    server.restart();
    until("it is told", || c.reported("live/late").is_some()).await;
    let redis = server.redis(TTL_MS);
    for _ in 0..100 {
        if redis.reports().await.is_ok_and(|all| !all.is_empty()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(redis.reports().await.unwrap()[0].key, stream("live/late"));
    b.end().await;
    c.end().await;
}
