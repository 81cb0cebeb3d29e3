//! Objects in a folder; in an S3 store see `s3.rs`.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use weir_store::StoreError;
use weir_store::objects::{Class, Key, Stored};

use crate::common::Kit;

#[tokio::test]
async fn an_object_is_whole_or_not_there() {
    let kit = Kit::sqlite().await;
    let objects = kit.store.objects(Class::Recordings);
    let key = Key::new("2026/a.bin").unwrap();
    let piece = vec![7; 3 << 20];

    let mut given_up = objects.upload(&key).await.unwrap();
    given_up.write(&piece).await.unwrap();
    given_up.abort().await.unwrap();
    let mut dropped = objects.upload(&key).await.unwrap();
    for _ in 0..3 {
        dropped.write(&piece).await.unwrap();
    }
    drop(dropped);
    let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
    assert_eq!(listed, []);

    let mut upload = objects.upload(&key).await.unwrap();
    for _ in 0..5 {
        upload.write(&piece).await.unwrap();
    }
    let stored = upload.finish().await.unwrap();
    assert_eq!(stored.bytes, 15 << 20);
    assert_eq!(objects.get(&key, &stored).await.unwrap(), vec![7; 15 << 20]);
    let listed: Vec<_> = objects
        .list(Some(&Key::new("2026").unwrap()))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, [(key.clone(), 15 << 20)]);
    assert_eq!(objects.range(&key, 1..4).await.unwrap(), vec![7; 3]);
    objects.delete(&key).await.unwrap();
    objects.delete(&key).await.unwrap();
    let gone = objects.get(&key, &stored).await;
    assert!(
        matches!(gone, Err(StoreError::Missing("object"))),
        "{gone:?}"
    );
}

#[tokio::test]
async fn what_was_changed_on_the_disk_is_not_given_out() {
    let kit = Kit::sqlite().await;
    let objects = kit.store.objects(Class::Assets);
    let key = Key::new("ab/abc.webp").unwrap();
    let stored = objects
        .put(&key, Bytes::from_static(b"a picture"))
        .await
        .unwrap();
    assert_eq!(stored, Stored::of(b"a picture"));
    let file = kit.dir.path().join("assets/ab/abc.webp");
    for (damage, what) in [(&b"a fixture"[..], "other"), (b"a pic", "shorter")] {
        std::fs::write(&file, damage).unwrap();
        let read = objects.get(&key, &stored).await;
        assert!(
            matches!(read, Err(StoreError::Damaged(_))),
            "{what}: {read:?}"
        );
    }
}
