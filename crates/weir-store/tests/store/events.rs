//! What happened, in rows: each thing once, in one order for all.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::HashSet;

use weir_store::broadcasts::{BroadcastFilter, Life};
use weir_store::events::{BATCH_FACTS, Ending, Fact, NewBroadcast, NewEvent};
use weir_store::node_streams::NodeStreams;
use weir_store::{Id, Store};

use crate::common::{BEGIN_US, Kit, kits};

pub(crate) const NOW_MS: i64 = BEGIN_US / 1000;

pub(crate) fn event(store: &Store, kind: &str, session: Option<Id>) -> NewEvent {
    NewEvent {
        id: store.next_id().unwrap(),
        kind: kind.to_owned(),
        app: "live".to_owned(),
        stream: "live/a".to_owned(),
        session,
        cause: 0,
        data: "{}".to_owned(),
        at_ms: NOW_MS,
    }
}

pub(crate) fn began(store: &Store, node: &str, boot: &str) -> (Id, Fact) {
    let id = store.next_id().unwrap();
    let broadcast = NewBroadcast {
        user_id: String::new(),
        id,
        channel_id: String::new(),
        app: "live".to_owned(),
        stream: "live/a".to_owned(),
        node: node.to_owned(),
        boot: boot.to_owned(),
        protocol: "rtmp".to_owned(),
        address: "192.0.2.1:5".to_owned(),
        key_id: String::new(),
        started_ms: NOW_MS,
        heartbeat_ms: 1000,
    };
    (
        id,
        Fact::Began(broadcast, event(store, "stream.started", Some(id))),
    )
}

fn ended(store: &Store, id: Id, cause: i64) -> Fact {
    let ending = Ending {
        id,
        ended_ms: NOW_MS + 5000,
        cause,
        viewers_max: 3,
        bytes_in: 4,
        bytes_out: 5,
    };
    let mut event = event(store, "stream.ended", Some(id));
    event.cause = cause;
    Fact::Ended(ending, event)
}

async fn kinds(store: &Store) -> Vec<(i64, String, i64)> {
    let events = store.events().after(0, 100).await.unwrap();
    let told = events
        .into_iter()
        .map(|event| (event.seq, event.kind, event.cause));
    told.collect()
}

#[tokio::test]
async fn a_broadcast_begins_once_and_ends_once_however_often_it_is_told() {
    for kit in kits().await {
        let store = &kit.store;
        let (id, begin) = began(store, "a", "1");
        let first = [begin.clone(), ended(store, id, 4001)];
        assert_eq!(store.events().record(&first).await.unwrap(), 2);
        // Somebody who did not hear of it ends it again, and the node repeats itself.
        let again = [begin, first[1].clone(), ended(store, id, 5002)];
        assert_eq!(store.events().record(&again).await.unwrap(), 2);
        let want = [(1, "stream.started", 0), (2, "stream.ended", 4001)]
            .map(|(seq, kind, cause)| (seq, kind.to_owned(), cause));
        assert_eq!(kinds(store).await, want);
        let broadcast = store.broadcasts().by_id(id).await.unwrap();
        assert_eq!((broadcast.cause, broadcast.viewers_max), (4001, 3));
        assert_eq!(broadcast.ended_ms, NOW_MS + 5000);
    }
}

#[tokio::test]
async fn numbers_have_no_gaps_when_many_write_at_once_and_readers_miss_nothing() {
    for kit in kits().await {
        let store = &kit.store;
        let write = |writer: i64| async move {
            for _ in 0..10 {
                let facts: Vec<Fact> = (0..=writer)
                    .map(|_| Fact::Other(event(store, "x", None)))
                    .collect();
                store.events().record(&facts).await.unwrap();
            }
        };
        let read = async {
            let (mut seqs, mut ids) = (Vec::new(), HashSet::new());
            while seqs.len() < 100 {
                let after = seqs.last().copied().unwrap_or(0);
                for event in store.events().after(after, 7).await.unwrap() {
                    seqs.push(event.seq);
                    assert!(ids.insert(event.id));
                }
                tokio::task::yield_now().await;
            }
            seqs
        };
        let (seqs, ..) = tokio::join!(read, write(0), write(1), write(2), write(3));
        assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
        assert_eq!(store.events().head().await.unwrap(), 100);
    }
}

#[tokio::test]
async fn a_batch_is_bounded_and_an_empty_one_changes_nothing() {
    let kit = Kit::sqlite().await;
    assert_eq!(kit.store.events().record(&[]).await.unwrap(), 0);
    let facts: Vec<Fact> = (0..=BATCH_FACTS)
        .map(|_| Fact::Other(event(&kit.store, "x", None)))
        .collect();
    assert!(kit.store.events().record(&facts).await.is_err());
    let whole = kit.store.events().record(&facts[1..]).await.unwrap();
    assert_eq!(whole, 500);
}

#[tokio::test]
async fn what_is_old_is_forgotten_from_the_front() {
    for kit in kits().await {
        let store = &kit.store;
        let mut facts = Vec::new();
        for at_ms in [1, 2, 9, 3, 9] {
            let mut event = event(store, "x", None);
            event.at_ms = at_ms;
            facts.push(Fact::Other(event));
        }
        store.events().record(&facts).await.unwrap();
        while store.events().prune(5).await.unwrap() {}
        let left: Vec<i64> = kinds(store).await.iter().map(|(seq, ..)| *seq).collect();
        assert_eq!(left, [3, 4, 5], "no hole in the middle");
        store.events().prune(10).await.unwrap();
        let more = [Fact::Other(event(store, "x", None))];
        assert_eq!(store.events().record(&more).await.unwrap(), 6);
    }
}

#[tokio::test]
async fn what_lives_on_a_node_is_found_by_its_life_and_ordered_to_end() {
    for kit in kits().await {
        let store = &kit.store;
        let broadcasts = store.broadcasts();
        let (old, begin_old) = began(store, "a", "1");
        let (new, begin_new) = began(store, "a", "2");
        store
            .events()
            .record(&[begin_old, begin_new])
            .await
            .unwrap();
        let before = broadcasts.seen("a", "1", NOW_MS).await.unwrap();
        assert_eq!(before, None);
        let before = broadcasts.seen("a", "2", NOW_MS + 1).await.unwrap();
        assert_eq!(before.unwrap().boot, "1");
        let others = broadcasts.living("a", Life::Others("2"), 9).await.unwrap();
        assert_eq!(others.len(), 1);
        assert_eq!(others[0].id, old);

        broadcasts.heard(new, NOW_MS + 900).await.unwrap();
        let ordered = broadcasts.order_unheard(NOW_MS + 1001, 4012).await.unwrap();
        assert_eq!(ordered, 1);
        assert_eq!(broadcasts.orders("a").await.unwrap(), [(old, 4012)]);
        store
            .events()
            .record(&[ended(store, old, 4012)])
            .await
            .unwrap();
        assert_eq!(broadcasts.orders("a").await.unwrap(), []);
        assert!(broadcasts.heard(old, NOW_MS).await.is_err());

        let unseen = broadcasts.unseen(NOW_MS + 2).await.unwrap();
        assert_eq!(unseen.len(), 1);
        broadcasts.forget(&unseen[0]).await.unwrap();
        assert!(broadcasts.unseen(i64::MAX).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_history_is_read_from_the_newest_on() {
    for kit in kits().await {
        let store = &kit.store;
        let (first, begin_first) = began(store, "a", "1");
        let (second, begin_second) = began(store, "a", "1");
        let facts = [begin_first, begin_second, ended(store, first, 4001)];
        store.events().record(&facts).await.unwrap();
        let list = |filter, before| async move {
            let rows = store.broadcasts().list(filter, before, 10).await.unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        let all = BroadcastFilter::default();
        assert_eq!(list(all, None).await, [second, first]);
        assert_eq!(list(all, Some(second)).await, [first]);
        let live = BroadcastFilter {
            is_live: Some(true),
            stream: Some("live/a"),
            ..all
        };
        assert_eq!(list(live, None).await, [second]);
        let hostile = BroadcastFilter {
            app: Some("live' OR '1'='1"),
            ..all
        };
        assert_eq!(list(hostile, None).await, []);
    }
}

#[tokio::test]
async fn what_a_node_says_of_its_streams_takes_the_place_of_what_it_said() {
    for kit in kits().await {
        let rows = kit.store.node_streams();
        rows.say("a", "[1]", 1_000).await.unwrap();
        rows.say("b", "[2]", 2_000).await.unwrap();
        rows.say("a", "[3]", 3_000).await.unwrap();
        let of = |node: &str, body: &str, at_ms| NodeStreams {
            node: node.to_owned(),
            body: body.to_owned(),
            at_ms,
        };
        assert_eq!(rows.others("b", 0).await.unwrap(), [of("a", "[3]", 3_000)]);
        assert_eq!(rows.others("a", 2_001).await.unwrap(), []);
        rows.prune(2_500).await.unwrap();
        assert_eq!(rows.others("c", 0).await.unwrap(), [of("a", "[3]", 3_000)]);
    }
}
