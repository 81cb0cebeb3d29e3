//! Many read the log at once: the same events, in the same order, each once.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::sync::Arc;

use weir_events::EventWant;
use weir_store::events::{Fact, NewEvent};

use crate::common::Writer;

fn facts(writer: &Writer, count: usize) -> Vec<Fact> {
    let fact = |n: usize| {
        Fact::Other(NewEvent {
            id: writer.store.next_id().unwrap(),
            kind: ["odd", "even"][n % 2].to_owned(),
            app: "live".to_owned(),
            stream: format!("live/{}", n % 3),
            session: None,
            cause: 0,
            data: format!("{{\"n\":{n}}}"),
            at_ms: writer.store.now_ms(),
        })
    };
    (0..count).map(fact).collect()
}

#[tokio::test]
async fn all_readers_read_the_same_while_it_is_written() {
    const EVENTS: usize = 3_000;
    let writer = Arc::new(Writer::start().await);
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..20 {
        let writer = writer.clone();
        readers.spawn(async move {
            let (mut seqs, mut after) = (Vec::new(), 0);
            while seqs.len() < EVENTS {
                writer.log.wait(after).await;
                let limit = 50 + reader;
                let any = EventWant::default();
                let page = writer.log.read(after, &any, limit).await.unwrap();
                after = page.next;
                seqs.extend(page.entries.iter().map(|entry| entry.event.seq));
            }
            seqs
        });
    }
    for batch in facts(&writer, EVENTS).chunks(100) {
        writer.store.events().record(batch).await.unwrap();
        writer.log.poke();
    }
    let all: Vec<i64> = (1..=3_000).collect();
    while let Some(seqs) = readers.join_next().await {
        assert_eq!(seqs.unwrap(), all);
    }
    writer.stop().await;
}

#[tokio::test]
async fn a_reader_gets_what_it_wants_and_goes_on_behind_what_it_does_not() {
    let writer = Writer::start().await;
    writer
        .store
        .events()
        .record(&facts(&writer, 10))
        .await
        .unwrap();
    writer.told(10).await;
    let want = EventWant {
        types: vec!["odd".to_owned()],
        stream: "live/0".to_owned(),
        ..EventWant::default()
    };
    let page = writer.log.read(0, &want, 100).await.unwrap();
    let seqs: Vec<i64> = page.entries.iter().map(|entry| entry.event.seq).collect();
    assert_eq!((seqs, page.next), (vec![1, 7], 10));
    let page = writer.log.read(0, &want, 1).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, 1));
    let json: serde_json::Value = serde_json::from_str(&page.to_json()).unwrap();
    assert_eq!(json["next"], "1");
    assert_eq!(json["events"][0]["data"]["n"], 0);
    writer.stop().await;
}

#[tokio::test]
async fn what_is_older_than_memory_comes_from_the_store_and_what_is_forgotten_is_counted() {
    let first = Writer::start().await;
    for batch in facts(&first, 9_000).chunks(500) {
        first.store.events().record(batch).await.unwrap();
    }
    first.log.poke();
    first.log.wait(8_999).await;
    let any = EventWant::default();
    let page = first.log.read(0, &any, 300).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (300, 300));
    let rare = EventWant {
        app: "other".to_owned(),
        ..EventWant::default()
    };
    // Some reads for an answer, and the reader asks again.
    let page = first.log.read(0, &rare, 300).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (0, 5_000));

    first.clock.advance_us(1_000_000);
    while first
        .store
        .events()
        .prune(first.store.now_ms())
        .await
        .unwrap()
    {}
    let page = first.log.read(0, &any, 10).await.unwrap();
    assert_eq!(
        (page.entries.len(), page.next),
        (0, 9_000),
        "nobody waits for those"
    );
    first.stop().await;
}

#[tokio::test]
async fn nothing_is_read_from_an_empty_log_and_a_wait_ends_with_the_first() {
    let writer = Writer::start().await;
    let page = writer.log.read(0, &EventWant::default(), 10).await.unwrap();
    assert_eq!(page.to_json(), r#"{"events":[],"next":"0"}"#);
    let place = writer.log.place();
    assert!(place.is_some());
    let write = async {
        writer
            .store
            .events()
            .record(&facts(&writer, 1))
            .await
            .unwrap();
    };
    tokio::join!(writer.log.wait(0), write);
    writer.stop().await;
}
