//! Recordings: told by the node that has them, in rows and in the log, and taken away everywhere.

use std::sync::Arc;

use parking_lot::Mutex;
use weir_base::Id;
use weir_events::{
    RecordingAct, RecordingOrder, RecordingStep, RecordingSweeper, Report, Told, ToldRecording,
};
use weir_store::objects::{Class, Key};
use weir_store::recordings::RecordingState;

use crate::common::{Origin, Writer};

fn told(id: Id, step: Option<RecordingStep>, ended_ms: i64) -> ToldRecording {
    ToldRecording {
        id,
        step,
        at_ms: 1_700_000_000_000 + ended_ms,
        vhost: String::new(),
        app: "live".to_owned(),
        stream: "a".to_owned(),
        started_ms: 1_700_000_000_000,
        ended_ms,
        duration_ms: 4_000,
        bytes: 10,
        stored_bytes: 0,
        holes: Vec::new(),
        from_ms: 1_700_000_000_000,
        to_ms: 1_700_000_004_000,
        owned_ms: 1_700_000_000_000,
        has_poster: false,
    }
}

#[tokio::test]
async fn each_step_of_a_recording_is_one_event_however_often_it_is_told() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let id = writer.store.next_id().unwrap();
    for _ in 0..2 {
        origin
            .witness
            .tell_recording(told(id, Some(RecordingStep::Started), 0));
        origin.witness.tell_recording(told(id, None, 0));
        origin
            .witness
            .tell_recording(told(id, Some(RecordingStep::Ready), 9));
    }
    let words = writer.told(2).await;
    assert_eq!(words, ["recording.started 0", "recording.ready 0"]);
    let row = writer.store.recordings().by_id(id).await.unwrap();
    assert_eq!((row.state, row.node.as_str()), (RecordingState::Ready, "a"));
    assert_eq!((row.title.as_str(), row.duration_ms), ("a", 4_000));
    writer.stop().await;
}

#[tokio::test]
async fn a_recording_that_two_nodes_tell_of_is_one_row_and_ends_once_with_the_node_that_took_it_over()
 {
    let writer = Writer::start().await;
    let id = writer.store.next_id().unwrap();
    let tell = async |node: &str, told: ToldRecording| {
        let report = Report {
            boot: node.to_owned(),
            told: vec![Told::Recording(told)],
            is_all: false,
            living: None,
            seen: None,
        };
        writer
            .recorder
            .take(node, &report)
            .await
            .unwrap()
            .recordings
    };
    let at_b = |step, ended_ms| ToldRecording {
        started_ms: 1_700_000_006_000,
        from_ms: 1_700_000_006_000,
        to_ms: 1_700_000_010_000,
        owned_ms: 1_700_000_006_000,
        ..told(id, step, ended_ms)
    };
    let alone = tell("a", told(id, Some(RecordingStep::Started), 0)).await;
    assert_eq!(alone, []);
    let share = [RecordingOrder {
        id,
        act: RecordingAct::Share,
        of: None,
    }];
    assert_eq!(
        tell("b", at_b(Some(RecordingStep::Started), 0)).await,
        share
    );
    // The first says that it is over there, and hears that it is not over.
    assert_eq!(
        tell("a", told(id, Some(RecordingStep::Ready), 5)).await,
        share
    );
    assert_eq!(writer.told(1).await, ["recording.started 0"]);
    let recordings = writer.store.recordings();
    let row = recordings.by_id(id).await.unwrap();
    assert_eq!((row.state, &*row.node), (RecordingState::Recording, "b"));
    tell("b", at_b(Some(RecordingStep::Ready), 9)).await;
    let words = writer.told(2).await;
    assert_eq!(words, ["recording.started 0", "recording.ready 0"]);
    let row = recordings.by_id(id).await.unwrap();
    assert_eq!(
        (row.state, row.duration_ms, row.bytes),
        (RecordingState::Ready, 8_000, 20)
    );
    assert!(row.holes.contains("\"cause\":\"origin\""), "{}", row.holes);

    // What goes goes from both.
    assert!(recordings.delete(&row).await.unwrap());
    let sweeper = RecordingSweeper::new(writer.recorder.clone(), |node| node == "a");
    for node in ["a", "b"] {
        assert_eq!(recordings.ordered(node).await.unwrap().len(), 1, "{node}");
    }
    recordings.left("b", id).await.unwrap();
    sweeper.look().await.unwrap();
    assert!(
        recordings.by_id(id).await.is_ok(),
        "a has something of it yet"
    );
    recordings.left("a", id).await.unwrap();
    sweeper.look().await.unwrap();
    assert!(recordings.by_id(id).await.is_err());
    writer.stop().await;
}

#[tokio::test]
async fn what_is_taken_away_is_gone_from_its_node_from_the_store_and_from_the_rows() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    let heard: Arc<Mutex<Vec<RecordingOrder>>> = Arc::default();
    let (hears, tells) = (heard.clone(), origin.witness.clone());
    origin.witness.keeps_recordings(move |order| {
        hears.lock().push(order.clone());
        tells.tell_gone(order.id);
    });
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let id = writer.store.next_id().unwrap();
    origin
        .witness
        .tell_recording(told(id, Some(RecordingStep::Started), 0));
    origin
        .witness
        .tell_recording(told(id, Some(RecordingStep::Ready), 9));
    writer.told(2).await;
    let key = Key::new(&format!("{id}/b/e-000000.blk")).unwrap();
    let objects = writer.store.objects(Class::Recordings);
    objects.put(&key, "bytes".into()).await.unwrap();
    let recordings = writer.store.recordings();
    let row = recordings.by_id(id).await.unwrap();
    assert!(recordings.delete(&row).await.unwrap());
    let sweeper = RecordingSweeper::new(writer.recorder.clone(), |node| node == "a");
    // Its node has something of it yet.
    sweeper.look().await.unwrap();
    assert!(objects.length(&key).await.is_ok());
    while !recordings.by_id(id).await.unwrap().node.is_empty() {
        tokio::task::yield_now().await;
    }
    sweeper.look().await.unwrap();
    assert!(objects.length(&key).await.is_err());
    assert!(recordings.by_id(id).await.is_err());
    let words = writer.told(3).await;
    assert_eq!(words[2], "recording.deleted 0");
    let (act, of) = (RecordingAct::Remove, None);
    assert!(heard.lock().contains(&RecordingOrder { id, act, of }));
    // A node that was away when it went hears of it when it tells.
    heard.lock().clear();
    origin
        .witness
        .tell_recording(told(id, Some(RecordingStep::Ready), 9));
    while heard.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(recordings.by_id(id).await.is_err());
    assert_eq!(writer.told(3).await.len(), 3, "it is no event again");
    writer.stop().await;
}

#[tokio::test]
async fn a_recording_whose_node_is_gone_ends_with_what_was_told_of_it_last() {
    let writer = Writer::start().await;
    let origin = Origin::new(&writer, 0);
    origin.run(&writer, Arc::new(writer.recorder.clone()));
    let id = writer.store.next_id().unwrap();
    origin
        .witness
        .tell_recording(told(id, Some(RecordingStep::Started), 0));
    writer.told(1).await;
    let sweeper = RecordingSweeper::new(writer.recorder.clone(), |_| false);
    sweeper.look().await.unwrap();
    let state = async || writer.store.recordings().by_id(id).await.unwrap().state;
    assert_eq!(
        state().await,
        RecordingState::Recording,
        "it may be back in a moment"
    );
    writer.clock.advance_us(91_000_000);
    sweeper.look().await.unwrap();
    assert_eq!(state().await, RecordingState::Ready);
    let words = writer.told(2).await;
    assert_eq!(words[1], "recording.ready 0");
    writer.stop().await;
}
