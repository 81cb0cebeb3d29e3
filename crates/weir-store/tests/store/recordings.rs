//! What nodes tell of recordings, what people change of them, and how they go.

use weir_store::recordings::{
    RecordingEdit, RecordingFilter, RecordingNow, RecordingState, StoredClip, StoredRecording,
    Telling,
};
use weir_store::review::{Growth, NewPicture};
use weir_store::{Id, Store, StoreError};

use crate::common::kits;

fn told(store: &Store, id: Id, told_ms: i64) -> RecordingNow {
    RecordingNow {
        user_id: "owner".to_owned(),
        id,
        channel_id: "channel".to_owned(),
        vhost: String::new(),
        app: "live".to_owned(),
        stream: "ann".to_owned(),
        title: "Chess".to_owned(),
        is_published: true,
        state: RecordingState::Recording,
        expires_ms: 0,
        node: "o1".to_owned(),
        owned_ms: 1,
        started_ms: store.now_ms(),
        ended_ms: 0,
        from_ms: 0,
        to_ms: told_ms,
        duration_ms: told_ms,
        bytes: 0,
        stored_bytes: 0,
        holes: "[]".to_owned(),
        has_poster: false,
        told_ms,
    }
}

#[tokio::test]
async fn what_was_told_later_counts_and_what_people_said_stays() {
    for kit in kits().await {
        let store = &kit.store;
        let recordings = store.recordings();
        let id = store.next_id().unwrap();
        let outcome = recordings
            .tell(&[told(store, id, 5), told(store, id, 9)])
            .await;
        let is_written = |outcome: &Telling| matches!(outcome, Telling::Written(_));
        assert!(outcome.unwrap().iter().all(is_written));
        // Told late, by another who knows another owner.
        let late = RecordingNow {
            user_id: String::new(),
            ..told(store, id, 7)
        };
        recordings.tell(&[late]).await.unwrap();
        let row = recordings.by_id(id).await.unwrap();
        assert_eq!((row.user_id.as_str(), row.duration_ms), ("owner", 9));
        let edit = RecordingEdit {
            title: Some("Finals"),
            is_published: Some(false),
            ..RecordingEdit::default()
        };
        let edited = recordings.edit(&row, &edit).await.unwrap();
        let again = recordings.edit(&row, &edit).await;
        assert!(matches!(again, Err(StoreError::Changed(_))), "{again:?}");
        recordings.tell(&[told(store, id, 20)]).await.unwrap();
        let row = recordings.by_id(id).await.unwrap();
        assert_eq!(
            (row.title.as_str(), row.is_published, row.duration_ms),
            ("Finals", false, 20)
        );
        assert_eq!(
            row.version, edited.version,
            "what nodes tell is no change of people's"
        );
        let public = RecordingFilter {
            channel_id: Some("channel"),
            is_public: true,
            ..RecordingFilter::default()
        };
        assert_eq!(recordings.list(public, None, 9).await.unwrap(), []);
        let all = RecordingFilter {
            app: Some("live"),
            stream: Some("ann"),
            user_id: Some("owner"),
            ..RecordingFilter::default()
        };
        let listed = recordings.list(all, None, 9).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&row));
        assert_eq!(recordings.list(all, Some(id), 9).await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_is_taken_away_goes_from_its_node_first_and_never_comes_back() {
    for kit in kits().await {
        let store = &kit.store;
        let recordings = store.recordings();
        let id = store.next_id().unwrap();
        recordings.tell(&[told(store, id, 1)]).await.unwrap();
        let row = recordings.by_id(id).await.unwrap();
        assert!(!recordings.delete(&row).await.unwrap(), "it goes on");
        assert!(recordings.stop(&row).await.unwrap());
        let ordered = recordings.ordered("o1").await.unwrap();
        assert_eq!(ordered.len(), 1);
        assert_eq!(recordings.ordered("o2").await.unwrap(), []);
        let over = RecordingNow {
            state: RecordingState::Ready,
            ended_ms: 5,
            expires_ms: 8,
            ..told(store, id, 2)
        };
        recordings.tell(std::slice::from_ref(&over)).await.unwrap();
        assert_eq!(recordings.ordered("o1").await.unwrap(), []);
        assert_eq!(recordings.expired(7, 9).await.unwrap(), []);
        assert_eq!(recordings.expired(8, 9).await.unwrap().len(), 1);

        let hold = RecordingEdit {
            is_held: Some(true),
            ..RecordingEdit::default()
        };
        let held = recordings.by_id(id).await.unwrap();
        let held = recordings.edit(&held, &hold).await.unwrap();
        assert_eq!(
            recordings.expired(8, 9).await.unwrap(),
            [],
            "nothing takes it away"
        );
        assert!(!recordings.delete(&held).await.unwrap(), "nor does anybody");
        let let_go = RecordingEdit {
            is_held: Some(false),
            ..RecordingEdit::default()
        };
        let row = recordings.edit(&held, &let_go).await.unwrap();
        assert!(recordings.delete(&row).await.unwrap());
        // What its node says meanwhile does not make it stay.
        recordings
            .tell(&[RecordingNow {
                told_ms: 3,
                ..over.clone()
            }])
            .await
            .unwrap();
        let going = recordings.by_id(id).await.unwrap();
        assert_eq!(
            (going.state, going.node.as_str()),
            (RecordingState::Deleting, "o1")
        );
        assert_eq!(recordings.ordered("o1").await.unwrap(), [going]);
        assert_eq!(
            recordings
                .list(RecordingFilter::default(), None, 9)
                .await
                .unwrap(),
            []
        );
        recordings.left("o1", id).await.unwrap();
        let going = recordings.deleting(None, 9).await.unwrap();
        assert_eq!(going.len(), 1);
        assert_eq!(going[0].node, "");
        recordings.gone(&going[0]).await.unwrap();
        assert!(matches!(
            recordings.by_id(id).await,
            Err(StoreError::Missing(_))
        ));
        let outcome = recordings
            .tell(&[RecordingNow { told_ms: 9, ..over }])
            .await;
        assert_eq!(outcome.unwrap(), [Telling::Gone]);
        assert!(matches!(
            recordings.by_id(id).await,
            Err(StoreError::Missing(_))
        ));
    }
}

#[tokio::test]
async fn clips_and_what_waits_in_review_keep_a_recording_whose_time_is_over() {
    for kit in kits().await {
        let store = &kit.store;
        let recordings = store.recordings();
        let now_ms = store.now_ms();
        let over = |stream: &str, from_ms: i64| RecordingNow {
            stream: stream.to_owned(),
            state: RecordingState::Ready,
            started_ms: now_ms + from_ms,
            ended_ms: now_ms + from_ms + 1_000,
            expires_ms: 8,
            ..told(store, store.next_id().unwrap(), 2)
        };
        let (seen, before, other) = (over("ann", -500), over("ann", -9_000), over("bob", -500));
        let all = [seen.clone(), before.clone(), other.clone()];
        recordings.tell(&all).await.unwrap();
        let ids = |rows: Vec<StoredRecording>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        let gone = ids(recordings.expired(8, 9).await.unwrap());
        assert_eq!(gone, [seen.id, before.id, other.id]);

        let growth = Growth {
            stream: "live/ann",
            app: "live",
            channel_id: "",
            user_id: "",
            session: "",
            at_ms: now_ms,
            head_ms: 0,
            hold_ms: 0,
            marks: 0,
        };
        let picture = NewPicture {
            growth,
            id: "p",
            object: "",
            sha256: "",
            bytes: 4,
            width: 640,
            height: 360,
            hash: "",
            quality: 90,
            fault: "",
            known_as: "",
        };
        store.review().take(&picture).await.unwrap();
        let clip = StoredClip {
            id: store.next_id().unwrap(),
            recording: other.id,
            from_ms: 1,
            to_ms: 2,
            title: "进球".to_owned(),
            made_ms: 3,
        };
        recordings.add_clip(&clip).await.unwrap();
        assert_eq!(recordings.clip(clip.id).await.unwrap(), clip);
        assert_eq!(ids(recordings.expired(8, 9).await.unwrap()), [before.id]);
        let expiring = recordings.expiring(8, None, 9).await.unwrap();
        let pins = expiring
            .iter()
            .map(|one| (one.row.id, one.clips, one.cases, one.goes()));
        assert_eq!(
            pins.collect::<Vec<_>>(),
            [
                (seen.id, 0, 1, false),
                (before.id, 0, 0, true),
                (other.id, 1, 0, false)
            ]
        );
        let behind = recordings.expiring(8, Some(seen.id), 1).await.unwrap();
        assert_eq!(behind[0].row.id, before.id);
        assert_eq!(recordings.expiring(7, None, 9).await.unwrap(), []);
        assert_eq!(recordings.cases(seen.id).await.unwrap(), 1);

        let wrong = recordings.remove_clip(seen.id, clip.id).await;
        assert!(matches!(wrong, Err(StoreError::Missing(_))), "{wrong:?}");
        recordings.remove_clip(other.id, clip.id).await.unwrap();
        assert_eq!(recordings.clips(other.id).await.unwrap(), []);
        recordings.add_clip(&clip).await.unwrap();
        let row = recordings.by_id(other.id).await.unwrap();
        assert!(recordings.delete(&row).await.unwrap());
        recordings.gone(&row).await.unwrap();
        assert_eq!(
            recordings.clips(other.id).await.unwrap(),
            [],
            "they go with it"
        );
    }
}
