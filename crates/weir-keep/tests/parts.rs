//! What two nodes have brought to the store of one recording is one there, whichever of them is asked.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::path::Path;
use std::sync::Arc;

use weir_base::{Clock, Id, StreamName};
use weir_keep::Archive;
use weir_record::disk::LocalDisk;
use weir_record::{Epoch, Given, Part, Recording, Spool};
use weir_store::Config;
use weir_store::objects::{Class, Objects};

const START_US: i64 = 1_800_000_000_000_000;
const SEGMENT_US: i64 = 2_000_000;

/// What a node has recorded from this second on, and came to own then.
fn recorded(folder: &Path, id: Id, epoch: &str, from_s: i64) -> Arc<Recording> {
    let clock = Clock::manual(START_US);
    let spool = Spool::open(Arc::new(LocalDisk), folder, clock).unwrap();
    let name = StreamName::new("", "live", "a").unwrap();
    let epoch = Epoch::new(epoch).unwrap();
    let mut tape = spool.record_in(&name, epoch, id).unwrap();
    let from_us = START_US + from_s * 1_000_000;
    tape.recording().own_from(from_us / 1000, epoch).unwrap();
    for msn in 0..3 {
        tape.give(Given::Part(Part {
            msn,
            index: 0,
            wall_us: from_us + msn as i64 * SEGMENT_US,
            duration_us: SEGMENT_US as u32,
            init_id: 0,
            is_independent: true,
            is_discontinuity: false,
            bytes: format!("{epoch} {msn}").into(),
        }));
        tape.give(Given::SegmentEnd {
            msn,
            duration_us: SEGMENT_US as u32,
            pictures: 1,
        });
    }
    let recording = tape.recording().clone();
    drop(tape);
    spool.close();
    recording
}

/// Brings all blocks of it to the store, and says so in a manifest.
async fn bring(archive: &Archive, recording: &Recording) {
    for block in recording.view().unwrap().blocks {
        let bytes = recording.whole(block.name).unwrap();
        let digest = archive.put_block(recording.id, block.name, bytes).await;
        recording.mark_stored(block.name, digest.unwrap()).unwrap();
    }
    archive
        .put_manifest(&recording.view().unwrap())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_two_nodes_bring_to_the_store_is_one_recording_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let config = Config::default();
    let objects = Objects::open(Class::Recordings, &config.recordings, &at("data")).unwrap();
    let id = Id::first_of(START_US / 1000);
    let [a, b] = ["a", "b"].map(|node| Archive::new(objects.clone(), node));
    let first = recorded(&at("a"), id, "e1", 0);
    let second = recorded(&at("b"), id, "e2", 9);
    bring(&a, &first).await;
    // The later one says more often what it has, with fewer blocks.
    bring(&b, &second).await;
    bring(&b, &second).await;
    let view = a.view(id).await.unwrap().unwrap();
    let epochs = view
        .segments()
        .map(|(block, _)| block.name.epoch.to_string());
    assert!(epochs.eq(["e1", "e1", "e1", "e2", "e2", "e2"]));
    let holes: Vec<_> = view.holes().map(|hole| hole.cause.name()).collect();
    assert_eq!(holes, ["origin"]);
    assert_eq!(b.parts(id).await.unwrap().len(), 2);
    assert!(a.view(Id::first_of(1)).await.unwrap().is_none());
}
