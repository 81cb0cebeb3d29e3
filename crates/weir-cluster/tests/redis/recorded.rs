//! Which recording a broadcast goes into: the script says what the table says.

use weir_base::{Clock, Id};
use weir_cluster::local::LocalStore;
use weir_cluster::recorded::{RecordingAct, RecordingOp};
use weir_cluster::store::Store;

use crate::nodes::{name, stream};
use crate::server::{Server, TTL_MS};

fn op(node: &str, recording: Option<i64>, act: RecordingAct) -> RecordingOp {
    RecordingOp {
        key: stream("live/demo"),
        node: name(node),
        recording: recording.map(Id::first_of),
        act,
    }
}

/// A broadcast that moves, told to a store: what is said each time.
async fn story(store: &dyn Store) -> Vec<(Option<Id>, bool)> {
    use RecordingAct::{Begin, End, Keep, Take};
    let ops = [
        op("a", Some(1), Take),
        op("a", Some(1), Keep),
        // Another origin takes it over, with what it would have begun.
        op("b", Some(2), Take),
        op("a", Some(1), Keep),
        op("a", Some(1), End),
        op("b", Some(1), Keep),
        // Somebody wants no more of it, and a third origin is told so.
        op("b", None, Begin),
        op("b", Some(1), End),
        op("c", Some(3), Take),
        op("c", None, Keep),
        op("c", None, End),
        op("c", Some(4), Take),
        op("c", Some(4), End),
        op("d", Some(5), Keep),
        op("d", Some(5), End),
    ];
    let mut said = Vec::new();
    for op in ops {
        let answer = store.recorded(vec![op]).await.unwrap().remove(0);
        assert!(answer.at_ms > 1_700_000_000_000, "{answer:?}");
        said.push((answer.recording, answer.is_own));
    }
    said
}

#[tokio::test]
async fn a_broadcast_goes_into_one_recording_whichever_node_takes_it_over() {
    let local = LocalStore::new(Clock::real(), TTL_MS, TTL_MS);
    let told = story(&local).await;
    let is = |recording: Option<i64>, is_own| (recording.map(Id::first_of), is_own);
    let expected = [
        is(Some(1), true),
        is(Some(1), true),
        is(Some(1), true),
        is(Some(1), false),
        is(Some(1), false),
        is(Some(1), true),
        is(None, true),
        is(Some(1), true),
        is(None, true),
        is(None, true),
        is(None, true),
        is(Some(4), true),
        is(Some(4), true),
        is(Some(5), true),
        is(Some(5), true),
    ];
    assert_eq!(told, expected);
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    assert_eq!(story(&server.redis(TTL_MS)).await, expected);
    assert_eq!(server.cli(&["dbsize"]).trim(), "0", "it leaves nothing");
}
