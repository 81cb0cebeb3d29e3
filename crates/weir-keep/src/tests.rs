//! A real S3 store behind a proxy that does wrong: nothing is lost, nothing is there twice, and nobody gets what was not
//! written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use weir_base::{BackoffPlan, Clock, Id, Shutdown, StreamName, Tasks};
use weir_record::disk::LocalDisk;
use weir_record::shelf::Shelf;
use weir_record::{Epoch, Facts, Given, Part, Recording, Spool};
use weir_store::StoreError;
use weir_store::config::ClassConfig;
use weir_store::objects::{Class, Key, Objects};
use weir_testkit::fault_proxy::{Fault, FaultProxy};
use weir_testkit::s3::S3;
use weir_testkit::tools::{Tool, have};

use crate::{
    Archive, ColdReads, Egress, EgressNow, KeepTally, NotRebuilt, RoomRules, SliceCache,
    StoreBlocks, Uploader, UploaderParts, rebuild,
};

const START_US: i64 = 1_800_000_000_000_000;
/// Lives of packagers, and so blocks, of the recording.
const BLOCKS: usize = 12;
const SEGMENTS: u64 = 3;
const SEGMENT_BYTES: usize = 40_000;
const SEED: u64 = 11;

struct Nobody;

impl Egress for Nobody {
    fn now(&self) -> EgressNow {
        EgressNow::default()
    }
}

/// A recording that is over.
fn recorded(spool: &Spool) -> Arc<Recording> {
    let name = StreamName::new("", "live", "a").unwrap();
    let mut id = None;
    for life in 0..BLOCKS {
        let epoch = Epoch::new(&format!("e{life:03}")).unwrap();
        let mut tape = spool.record(&name, epoch).unwrap();
        id = Some(tape.recording().id);
        for msn in 0..SEGMENTS {
            give(&mut tape, life as u64, msn);
        }
        let own = tape.recording().clone();
        match life + 1 == BLOCKS {
            true => tape.finish(START_US / 1000 + 100_000),
            false => drop(tape),
        }
        // The next life goes on with what nobody writes to any more.
        while own.is_taped() {
            std::thread::yield_now();
        }
    }
    spool.close();
    spool.find(id.unwrap()).unwrap()
}

fn give(tape: &mut weir_record::Tape, life: u64, msn: u64) {
    let at = (life * SEGMENTS + msn) as i64;
    let bytes = vec![(life * 16 + msn) as u8; SEGMENT_BYTES];
    tape.give(Given::Part(Part {
        msn,
        index: 0,
        wall_us: START_US + at * 2_000_000,
        duration_us: 2_000_000,
        init_id: 0,
        is_independent: true,
        is_discontinuity: false,
        bytes: bytes.into(),
    }));
    tape.give(Given::SegmentEnd {
        msn,
        duration_us: 2_000_000,
        pictures: 1,
    });
}

fn open(folder: &Path) -> Spool {
    let clock = Clock::manual(START_US);
    Spool::open(Arc::new(LocalDisk), folder, clock).unwrap()
}

fn objects(s3: &S3, address: &str, folder: &Path) -> Objects {
    let config = ClassConfig {
        url: s3.url_through(address, "rec"),
        credentials: s3.credentials(),
    };
    Objects::open(Class::Recordings, &config, folder).unwrap()
}

async fn uploaded(spool: &Spool, recording: &Recording, archive: &Archive) {
    let shutdown = Shutdown::new();
    let uploader = Uploader::new(UploaderParts {
        spool: spool.clone(),
        archive: Some(archive.clone()),
        egress: Arc::new(Nobody),
        most_bytes_s: 0,
        room: RoomRules {
            most_bytes: 0,
            keep_ms: i64::MAX,
        },
        again: BackoffPlan {
            first: Duration::from_millis(20),
            cap: Duration::from_millis(100),
            steady: Duration::from_secs(60),
        },
        clock: Clock::real(),
        tally: KeepTally::default(),
    });
    let tasks = Tasks::new();
    tasks.spawn("uploader", uploader.run(shutdown.clone()));
    while recording.facts().stored_ms.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shutdown.stop();
    tasks.join().await;
}

/// The names of what is there.
fn names(s3: &S3, id: Id) -> (usize, usize) {
    let listing = s3.listing();
    let count = |what: &str| listing.matches(&format!("rec/{id}/{what}/")).count();
    (count("b"), count("m"))
}

/// What a segment of the recording has to have.
fn is_right(recording: &Recording, at: usize) -> std::io::Result<bool> {
    let view = recording.view()?;
    let (block, segment) = view.segments().nth(at).unwrap();
    let (life, msn) = (at as u64 / SEGMENTS, at as u64 % SEGMENTS);
    let bytes = recording.media(block, segment)?.concat();
    Ok(bytes == vec![(life * 16 + msn) as u8; SEGMENT_BYTES])
}

/// Shows R13, R59.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_wrong_loses_nothing_doubles_nothing_and_is_never_believed() {
    if !have(&[Tool::MotoServer]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start();
    let proxy = FaultProxy::start(&s3.address(), SEED);
    let through = objects(&s3, &proxy.address(), folder.path());
    let archive = Archive::new(through.clone(), "o");
    let straight = Archive::new(objects(&s3, &s3.address(), folder.path()), "o");
    let spool = open(&folder.path().join("spool"));
    let recording = recorded(&spool);
    let id = recording.id;

    proxy.set(&[
        (Fault::AnswerDropped, 12),
        (Fault::Unavailable, 8),
        (Fault::Conflict, 6),
        (Fault::Stall, 4),
        (Fault::Slow, 5),
        (Fault::WrongBytes, 10),
    ]);
    let upload = uploaded(&spool, &recording, &archive);
    tokio::time::timeout(Duration::from_secs(100), upload)
        .await
        .unwrap();
    for fault in [Fault::AnswerDropped, Fault::Unavailable, Fault::Conflict] {
        assert!(
            proxy.done(fault) > 0,
            "{fault:?} was not done: choose another seed"
        );
    }
    let (blocks, manifests) = names(&s3, id);
    assert_eq!(blocks, BLOCKS, "each block once");
    assert!((1..=3).contains(&manifests), "{manifests}");
    let whole = straight.view(id).await.unwrap().unwrap();
    let own = recording.view().unwrap();
    for (stored, here) in whole.blocks.iter().zip(&own.blocks) {
        assert_eq!((stored.name, &stored.table), (here.name, &here.table));
        let bytes = straight.digest(id, stored).await.unwrap();
        let local = recording.whole(here.name).unwrap();
        use sha2::Digest as _;
        assert_eq!(bytes, <[u8; 32]>::from(sha2::Sha256::digest(&local)));
    }

    reading(&proxy, &spool, &recording, archive.clone()).await;

    proxy.set(&[
        (Fault::AnswerDropped, 15),
        (Fault::Unavailable, 10),
        (Fault::Stall, 4),
    ]);
    let prefix = Key::new(&id.to_string()).unwrap();
    let mut tries = 0;
    while let Err(error) = through.delete_all(&prefix).await {
        assert!(error.is_passing(), "{error}");
        tries += 1;
        assert!(tries < 50, "it does not end");
    }
    assert_eq!(names(&s3, id), (0, 0));
}

/// Reads all of it from a store that gives wrong bytes, and again when there is none.
async fn reading(proxy: &FaultProxy, spool: &Spool, recording: &Arc<Recording>, archive: Archive) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Arc::new(SliceCache::open(folder.path(), 64 << 20).unwrap());
    let cold = ColdReads::new(cache.clone(), Handle::current(), Tasks::new());
    spool.reads_elsewhere(Arc::new(StoreBlocks::new(archive, cold)));
    for block in recording.view().unwrap().blocks {
        recording.drop_here(block.name).unwrap();
    }
    proxy.set(&[(Fault::WrongBytes, 60)]);
    let count = BLOCKS * SEGMENTS as usize;
    let read = |all: bool| {
        let recording = recording.clone();
        tokio::task::spawn_blocking(move || {
            let mut refused = 0;
            for at in 0..count {
                match is_right(&recording, at) {
                    Ok(is_right) => assert!(is_right, "segment {at} is another"),
                    Err(error) => {
                        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
                        refused += 1;
                    }
                }
            }
            assert!(!all || refused == 0, "{refused} are not to be had");
            refused
        })
    };
    let mut refused = read(false).await.unwrap();
    assert!(proxy.done(Fault::WrongBytes) > 0);
    proxy.set(&[(Fault::WrongBytes, 20)]);
    while refused > 0 {
        refused = read(false).await.unwrap();
    }
    // What is kept is right: nobody is asked any more.
    proxy.set(&[(Fault::Unavailable, 100)]);
    let before = proxy.requests();
    read(true).await.unwrap();
    assert_eq!(proxy.requests(), before);
    assert!(cache.bytes() > 0);
}

/// Shows R13.
#[tokio::test]
async fn what_is_known_of_a_recording_is_made_again_from_its_blocks_and_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("spool");
    let objects = Objects::open(Class::Recordings, &ClassConfig::default(), folder.path()).unwrap();
    let archive = Archive::new(objects.clone(), "o");
    let spool = open(&root);
    let recording = recorded(&spool);
    let id = recording.id;
    uploaded(&spool, &recording, &archive).await;
    let before = archive.view(id).await.unwrap().unwrap();
    let shelf = Shelf::new(Arc::new(LocalDisk), &root);
    let nothing = rebuild(id, &shelf, Some(&archive)).await.unwrap();
    assert!(!nothing.facts && nothing.marks == 0 && !nothing.manifest);

    // Half of the blocks are in the store alone, and everything that is no block is lost.
    let blocks = recording.view().unwrap().blocks;
    for block in blocks.iter().take(BLOCKS / 2) {
        recording.drop_here(block.name).unwrap();
    }
    let own = root.join(id.to_string());
    for entry in std::fs::read_dir(&own).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "blk") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let mut manifests = objects.list(Some(&Key::new(&format!("{id}/m")).unwrap()));
    while let Some(found) = futures_util::StreamExt::next(&mut manifests).await {
        objects.delete(&found.unwrap().0).await.unwrap();
    }
    let rebuilt = rebuild(id, &shelf, Some(&archive)).await.unwrap();
    assert!(rebuilt.facts && rebuilt.manifest);
    assert_eq!(rebuilt.marks, BLOCKS / 2);
    let after = archive.told(id).await.unwrap().unwrap();
    let facts = |facts: &Facts| Facts {
        // The broadcast's end is known to nobody any more: what was recorded ends so.
        ended_ms: None,
        ..facts.clone()
    };
    assert_eq!(facts(&after.facts), facts(&before.facts));
    assert_eq!(after.facts.ended_ms, Some(after.end_us() / 1000));
    let tables = |view: &weir_record::View| {
        let blocks = view.blocks.iter();
        blocks
            .map(|block| (block.name, block.table.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(tables(&after), tables(&before));
    // A server that starts now has all of it.
    let found = open(&root).find(id).unwrap().view().unwrap();
    assert_eq!(tables(&found), tables(&before));

    let stranger = Id::first_of(1_700_000_000_000);
    let none = rebuild(stranger, &shelf, Some(&archive)).await;
    assert!(matches!(none, Err(NotRebuilt::Nothing)), "{none:?}");
    let torn = Key::new(&format!("{stranger}/b/e000-000000.blk")).unwrap();
    objects.put(&torn, vec![7; 500].into()).await.unwrap();
    let none = rebuild(stranger, &shelf, Some(&archive)).await;
    assert!(matches!(none, Err(NotRebuilt::Nameless)), "{none:?}");
    let damaged = archive.digest(stranger, &rebuilt.view.blocks[0]).await;
    assert!(
        matches!(damaged, Err(StoreError::Damaged(_))),
        "{damaged:?}"
    );
}
