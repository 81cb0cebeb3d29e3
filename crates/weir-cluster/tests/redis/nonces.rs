//! Nonces of signed URLs in a real Redis: each admits once, whichever node is asked.

use std::time::Duration;

use weir_cluster::redis::Redis;
use weir_cluster::store::NonceStore;

use crate::server::{Server, TTL_MS};

#[tokio::test]
async fn a_nonce_is_new_once_for_all_nodes_until_its_url_expires() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let (one, other) = (server.redis(TTL_MS), server.redis(TTL_MS));
    let claim = async |store: &Redis, by: &str, ttl_ms| {
        let id = "k1\na nonce".to_owned();
        store.claim_nonce(id, by.to_owned(), ttl_ms).await.unwrap()
    };
    assert_eq!(claim(&one, "10.0.0.1", 300).await, None);
    assert_eq!(
        claim(&other, "10.0.0.2", 60_000).await.as_deref(),
        Some("10.0.0.1")
    );
    // The second did not make it last longer.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while server.cli(&["dbsize"]).trim() != "0" {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it is kept for ever"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(claim(&other, "10.0.0.2", 60_000).await, None);
}
