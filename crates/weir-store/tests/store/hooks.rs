//! Hooks in rows: an event becomes one delivery for each who wants it, and waits in its stream's order.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use weir_store::events::Fact;
use weir_store::hooks::{Attempt, DeliveryState, Endpoint, EndpointFields, NewDelivery, Outcome};
use weir_store::{Store, StoreError};

use crate::common::kits;
use crate::events::{NOW_MS, event};

const FIELDS: EndpointFields<'static> = EndpointFields {
    app: "live",
    url: "https://example.net/hook",
    types: &[],
    dialect: "standard",
    state: "active",
};

async fn log(store: &Store, streams: &[&str]) {
    let facts = streams.iter().map(|stream| {
        let mut event = event(store, "stream.started", None);
        event.stream = (*stream).to_owned();
        Fact::Other(event)
    });
    let facts: Vec<Fact> = facts.collect();
    store.events().record(&facts).await.unwrap();
}

async fn fan_out(store: &Store, endpoint: &Endpoint) -> usize {
    let make = |_: &[Endpoint], event: &weir_store::events::LoggedEvent| {
        vec![NewDelivery {
            user_id: endpoint.user_id.clone(),
            endpoint_id: endpoint.id,
            seq: event.seq,
            stream: event.stream.clone(),
            kind: event.kind.clone(),
            event: "{}".to_owned(),
        }]
    };
    store.hooks().fan_out(100, make).await.unwrap()
}

fn attempt(outcome: Outcome) -> Attempt {
    Attempt {
        outcome,
        status: 500,
        words: "oh".to_owned(),
    }
}

#[tokio::test]
async fn an_event_becomes_one_delivery_however_many_nodes_make_it() {
    for kit in kits().await {
        let store = &kit.store;
        let endpoint = store
            .hooks()
            .create("ann", FIELDS, "whsec_a")
            .await
            .unwrap();
        log(store, &["live/a", "live/b", "live/a"]).await;
        let (a, b) = tokio::join!(fan_out(store, &endpoint), fan_out(store, &endpoint));
        assert_eq!(a + b, 3);
        let hook = ("ann", endpoint.id);
        let all = store
            .hooks()
            .deliveries(hook, None, None, 10)
            .await
            .unwrap();
        assert_eq!(all.len(), 3);
        let awaited = store.hooks().awaited().await.unwrap();
        assert_eq!(awaited, [("ann".to_owned(), endpoint.id)]);
    }
}

#[tokio::test]
async fn nothing_of_a_stream_is_tried_before_what_came_before_it() {
    for kit in kits().await {
        let store = &kit.store;
        let hooks = store.hooks();
        let endpoint = hooks.create("", FIELDS, "whsec_a").await.unwrap();
        log(store, &["live/a", "live/a", "live/b"]).await;
        fan_out(store, &endpoint).await;
        let hook = ("", endpoint.id);
        let heads = hooks.heads(hook, 10).await.unwrap();
        let seqs = |rows: &[weir_store::hooks::Delivery]| {
            rows.iter().map(|row| row.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(&heads), [1, 3]);
        let later = attempt(Outcome::Later(NOW_MS + 1000));
        hooks.tried(&heads[0], &later).await.unwrap();
        hooks
            .tried(&heads[1], &attempt(Outcome::Delivered))
            .await
            .unwrap();
        let heads = hooks.heads(hook, 10).await.unwrap();
        assert_eq!(seqs(&heads), [1], "the second of this stream waits");
        assert_eq!((heads[0].tries, heads[0].next_ms), (1, NOW_MS + 1000));
        hooks
            .tried(&heads[0], &attempt(Outcome::Dead))
            .await
            .unwrap();
        assert_eq!(seqs(&hooks.heads(hook, 10).await.unwrap()), [2]);

        let dead = Some(DeliveryState::Dead);
        let letters = hooks.deliveries(hook, dead, None, 10).await.unwrap();
        assert_eq!(seqs(&letters), [1]);
        hooks.again(hook, letters[0].id).await.unwrap();
        let heads = hooks.heads(hook, 10).await.unwrap();
        assert_eq!((seqs(&heads), heads[0].tries), (vec![1], 0));
        let foreign = hooks.again(("bob", endpoint.id), letters[0].id).await;
        assert!(matches!(foreign, Err(StoreError::Missing(_))));
    }
}

#[tokio::test]
async fn one_node_at_a_time_delivers_to_an_endpoint() {
    for kit in kits().await {
        let hooks = kit.store.hooks();
        let endpoint = hooks.create("", FIELDS, "whsec_a").await.unwrap();
        let hook = ("", endpoint.id);
        let until = NOW_MS + 1000;
        assert!(hooks.claim(hook, "a", until).await.unwrap());
        assert!(!hooks.claim(hook, "b", until).await.unwrap());
        assert!(hooks.claim(hook, "a", until + 1).await.unwrap());
        kit.clock.advance_us(2_000_000);
        assert!(hooks.claim(hook, "b", NOW_MS + 9000).await.unwrap());
        hooks.release(hook, "a").await.unwrap();
        assert!(!hooks.claim(hook, "a", NOW_MS + 9000).await.unwrap());
        hooks.release(hook, "b").await.unwrap();
        assert!(hooks.claim(hook, "a", NOW_MS + 9000).await.unwrap());
    }
}

#[tokio::test]
async fn an_endpoint_is_changed_rotated_and_removed_by_its_owner_alone() {
    for kit in kits().await {
        let hooks = kit.store.hooks();
        let made = hooks.create("ann", FIELDS, "whsec_a").await.unwrap();
        let types = ["stream.ended".to_owned()];
        let fields = EndpointFields {
            types: &types,
            state: "paused",
            ..FIELDS
        };
        let changed = hooks.change(("ann", made.id), 1, fields).await.unwrap();
        assert_eq!((changed.version, changed.types.as_slice()), (2, &types[..]));
        assert!(hooks.active().await.unwrap().is_empty());
        assert!(hooks.change(("ann", made.id), 1, FIELDS).await.is_err());
        assert!(hooks.change(("bob", made.id), 2, FIELDS).await.is_err());
        let rotated = hooks.rotate(("ann", made.id), "whsec_b", 7).await.unwrap();
        assert_eq!(rotated.secret, "whsec_b");
        assert_eq!(
            (rotated.old_secret.as_str(), rotated.old_until_ms),
            ("whsec_a", 7)
        );
        assert!(hooks.remove("bob", made.id).await.is_err());
        hooks.remove("ann", made.id).await.unwrap();
        assert!(hooks.list("ann", None, 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn deliveries_that_were_over_long_ago_are_forgotten() {
    for kit in kits().await {
        let (store, hooks) = (&kit.store, kit.store.hooks());
        let endpoint = hooks.create("", FIELDS, "whsec_a").await.unwrap();
        log(store, &["live/a", "live/b"]).await;
        fan_out(store, &endpoint).await;
        let heads = hooks.heads(("", endpoint.id), 10).await.unwrap();
        hooks
            .tried(&heads[0], &attempt(Outcome::Delivered))
            .await
            .unwrap();
        assert!(!hooks.prune(NOW_MS + 1).await.unwrap());
        let left = hooks.deliveries(("", endpoint.id), None, None, 10).await;
        assert_eq!(left.unwrap().len(), 1);
    }
}
