//! A disk that is full: what was committed is there and is read, what was refused is not, and writing goes on when
//! there is room again.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use weir_base::Clock;
use weir_store::accounts::{Login, NewAccount};
use weir_store::audit::Act;
use weir_store::objects::{Class, Key};
use weir_store::{Config, Store, StoreError};
use weir_testkit::small_disk::SmallDisk;

use crate::accounts::ann;

/// Tries after which a disk that still takes rows is not full.
const TRIES: u32 = 5_000;
/// How often a full disk is tried again.
const AGAIN: u32 = 20;

async fn opened(disk: &SmallDisk) -> Result<Store, StoreError> {
    Store::open(&Config::default(), disk.path(), Clock::manual(0)).await
}

/// A transaction of several statements.
async fn create(store: &Store, name: &str) -> Result<(), StoreError> {
    let logins = [Login::Name(name)];
    let new = NewAccount {
        skeleton: name,
        ..ann(&logins)
    };
    store.accounts().create(&new).await.map(|_| ())
}

/// Creates accounts until one is refused; gives the names of those that were acknowledged.
async fn until_full(store: &Store, prefix: &str) -> Vec<String> {
    let mut made = Vec::new();
    for turn in 0..TRIES {
        let name = format!("{prefix}{turn}");
        match create(store, &name).await {
            Ok(()) => made.push(name),
            Err(StoreError::Full(_)) => return made,
            Err(other) => panic!("a full disk is said to be: {other:?}"),
        }
    }
    panic!("{TRIES} rows found room on a full disk");
}

async fn are_there(store: &Store, names: &[String]) {
    for name in names {
        store.accounts().by_login(name).await.unwrap();
    }
}

async fn is_well(store: &Store) {
    assert_eq!(store.check().await.unwrap().faults, [] as [&str; 0]);
}

#[tokio::test]
async fn nothing_that_was_committed_is_lost_and_writing_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(16) else {
        return;
    };
    let store = opened(&disk).await.unwrap();
    let mut made = Vec::new();
    // Again and again: the log of what was written is full, then the file, then both.
    for round in 0..4 {
        for turn in 0..300 * round {
            let name = format!("before{round}-{turn}");
            create(&store, &name).await.unwrap();
            made.push(name);
        }
        disk.fill();
        made.extend(until_full(&store, &format!("full{round}-")).await);
        for turn in 0..AGAIN {
            let name = format!("refused{round}-{turn}");
            let refused = create(&store, &name).await;
            assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
            let missing = store.accounts().by_login(&name).await;
            assert!(
                matches!(missing, Err(StoreError::Missing(_))),
                "{missing:?}"
            );
            // One statement by itself goes another way than a transaction.
            let act = Act {
                actor: "",
                name: "operator",
                action: "accounts.create",
                object: &name,
                before: "",
                after: "{}",
                address: "192.0.2.1",
            };
            let written = store.audit().write(&act).await;
            assert!(
                matches!(written, Ok(_) | Err(StoreError::Full(_))),
                "{written:?}"
            );
        }
        are_there(&store, &made).await;
        is_well(&store).await;
        disk.free();
        let name = format!("after{round}");
        create(&store, &name).await.unwrap();
        made.push(name);
    }
    store.close().await;
    let again = opened(&disk).await.unwrap();
    are_there(&again, &made).await;
    is_well(&again).await;
}

#[tokio::test]
async fn a_store_on_a_full_disk_opens_when_there_is_room_and_is_whole() {
    let Some(disk) = SmallDisk::mount(8) else {
        return;
    };
    disk.fill();
    let refused = opened(&disk).await.unwrap_err();
    assert!(refused.is_passing(), "{refused:?}");
    disk.free();
    let store = opened(&disk).await.unwrap();
    let made = vec!["ann".to_owned()];
    create(&store, "ann").await.unwrap();
    disk.fill();
    store.close().await;
    match opened(&disk).await {
        Ok(store) => are_there(&store, &made).await,
        Err(error) => assert!(error.is_passing(), "{error:?}"),
    }
    disk.free();
    let store = opened(&disk).await.unwrap();
    are_there(&store, &made).await;
    create(&store, "bob").await.unwrap();
    is_well(&store).await;
}

#[tokio::test]
async fn an_object_that_finds_no_room_leaves_nothing() {
    let Some(disk) = SmallDisk::mount(32) else {
        return;
    };
    let store = opened(&disk).await.unwrap();
    let objects = store.objects(Class::Recordings);
    let (key, large) = (Key::new("a.bin").unwrap(), vec![7; 12 << 20]);
    let kept = objects
        .put(&key, Bytes::from_static(b"kept"))
        .await
        .unwrap();
    disk.fill();
    let other = Key::new("b.bin").unwrap();
    let refused = objects.put(&other, large.clone().into()).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    let mut upload = objects.upload(&other).await.unwrap();
    let refused = upload.write(&large).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    upload.abort().await.unwrap();
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(listed, [(key.clone(), kept.bytes)]);
    assert_eq!(objects.get(&key, &kept).await.unwrap(), "kept");
    let folder = disk.path().join("recordings");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, 1, "nothing takes the room that is not there");
    disk.free();
    objects.put(&other, large.into()).await.unwrap();
}
