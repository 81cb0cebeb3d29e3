//! Nothing is live for ever: whoever notices that nobody looks after a broadcast ends it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use weir_base::Code;
use weir_events::{Report, Told, ToldBegin, Warden};
use weir_store::broadcasts::Life;

use crate::common::{Origin, Writer};

/// Lets so many seconds pass for the warden, a look in each.
async fn pass(writer: &Writer, warden: &mut Warden, seconds: u32) {
    for _ in 0..seconds {
        writer.clock.advance_us(1_000_000);
        warden.look().await.unwrap();
    }
}

#[tokio::test]
async fn the_next_life_of_a_node_ends_what_lived_in_the_last() {
    let writer = Writer::start().await;
    let killed = Writer::start().await;
    let first = Origin::new(&killed, 0);
    first.run(&killed, Arc::new(writer.recorder.clone()));
    let publisher = first.publish("show", false);
    writer.told(1).await;
    // Killed: its tasks are not told anything, its next life begins.
    let second = Origin::new(&writer, 0);
    second.run(&writer, Arc::new(writer.recorder.clone()));
    let told = ["stream.started 0", "stream.ended 5002"];
    assert_eq!(writer.told(2).await, told);
    drop(publisher);
    killed.stop().await;
    writer.stop().await;
}

/// What a node tells of a broadcast that begins.
fn beginning(writer: &Writer) -> Report {
    let began = ToldBegin {
        event: writer.store.next_id().unwrap(),
        session: writer.store.next_id().unwrap(),
        at_ms: writer.store.now_ms(),
        boot: "1".to_owned(),
        app: "live".to_owned(),
        stream: "live/show".to_owned(),
        protocol: "rtmp".to_owned(),
        address: String::new(),
        heartbeat_ms: 0,
    };
    Report {
        boot: "1".to_owned(),
        told: vec![Told::Began(began)],
        is_all: true,
        living: None,
        seen: None,
    }
}

#[tokio::test]
async fn what_only_a_newer_release_knows_is_passed_over_and_the_rest_is_written() {
    let writer = Writer::start().await;
    let mut report = serde_json::to_value(beginning(&writer)).unwrap();
    let told = report["told"].as_array_mut().unwrap();
    told.insert(
        0,
        serde_json::json!({ "what": "applauded", "by": "everybody" }),
    );
    let report: Report = serde_json::from_value(report).unwrap();
    writer.recorder.take("b", &report).await.unwrap();
    assert_eq!(writer.store.events().head().await.unwrap(), 1);
    // Nothing but that is no reason to tell it for ever.
    let only = r#"{"boot":"1","told":[{"what":"applauded"}],"is_all":true}"#;
    let only: Report = serde_json::from_str(only).unwrap();
    writer.recorder.take("b", &only).await.unwrap();
    assert_eq!(writer.store.events().head().await.unwrap(), 1);
    let broken = r#"{"boot":"1","told":[{"what":"began"}],"is_all":true}"#;
    assert!(serde_json::from_str::<Report>(broken).is_err());
}

#[tokio::test]
async fn a_node_that_is_gone_is_noticed_and_one_that_is_only_silent_is_not_judged() {
    let writer = Writer::start().await;
    let report = beginning(&writer);
    writer.recorder.take("b", &report).await.unwrap();
    let is_member = Arc::new(AtomicBool::new(true));
    let member = is_member.clone();
    let mut warden = Warden::new(
        writer.store.clone(),
        writer.recorder.clone(),
        writer.clock.clone(),
        move |_| member.load(Ordering::Acquire),
    );
    pass(&writer, &mut warden, 20).await;
    assert_eq!(writer.store.events().head().await.unwrap(), 1);
    is_member.store(false, Ordering::Release);
    // The writer itself was away: it cannot tell who was silent from whom it did not hear.
    writer.clock.advance_us(5_000_000);
    pass(&writer, &mut warden, 5).await;
    assert_eq!(writer.store.events().head().await.unwrap(), 1);
    pass(&writer, &mut warden, 3).await;
    assert_eq!(writer.told(2).await[1], "stream.ended 5002");
    writer.stop().await;
}

#[tokio::test]
async fn a_broadcast_whose_app_is_not_heard_of_is_ended_by_its_node() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 5_000);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let publisher = origin.publish("show", false);
    writer.told(1).await;
    let events = writer.store.events().after(0, 1).await.unwrap();
    let session = events[0].session.unwrap();
    let mut warden = Warden::new(
        writer.store.clone(),
        writer.recorder.clone(),
        writer.clock.clone(),
        |_| true,
    );
    for _ in 0..3 {
        pass(&writer, &mut warden, 4).await;
        let now_ms = writer.store.now_ms();
        writer
            .store
            .broadcasts()
            .heard(session, now_ms)
            .await
            .unwrap();
    }
    assert_eq!(publisher.client().kicked(), None);
    pass(&writer, &mut warden, 6).await;
    assert_eq!(
        publisher.client().wait_kicked().await,
        Code::HeartbeatMissed
    );
    drop(publisher);
    assert_eq!(writer.told(2).await[1], "stream.ended 4012");
    writer.stop().await;
}

#[tokio::test]
async fn what_was_thought_to_be_over_and_lives_begins_anew() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    let publisher = origin.publish("show", false);
    let desk = Arc::new(writer.recorder.clone());
    origin.run(&writer, desk.clone());
    writer.told(1).await;
    writer
        .recorder
        .end_all("a", Life::Others(""))
        .await
        .unwrap();
    // With the next list of what lives the node hears of it.
    let told = writer.told(3).await;
    assert_eq!(
        told,
        ["stream.started 0", "stream.ended 5002", "stream.started 0"]
    );
    drop(publisher);
    writer.stop().await;
}
