//! Objects in a folder and in an S3 store.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use weir_store::accounts::Login;
use weir_store::channels::ChannelEdit;
use weir_store::config::ClassConfig;
use weir_store::objects::{Class, Key, Stored};
use weir_store::{Objects, StoreError};
use weir_testkit::s3::S3;
use weir_testkit::tools::{Tool, have};

use crate::accounts::ann;
use crate::channels::channel;
use crate::common::{Kit, kits};

/// Objects of a class in a folder, and in an S3 store below a prefix.
async fn places(class: Class) -> Vec<(Objects, Box<dyn std::any::Any>)> {
    let kit = Kit::sqlite().await;
    let mut places: Vec<(Objects, Box<dyn std::any::Any>)> =
        vec![(kit.store.objects(class).clone(), Box::new(kit))];
    if have(&[Tool::MotoServer]) {
        let server = S3::start();
        let config = ClassConfig {
            url: server.url("of/weir"),
            credentials: server.credentials(),
        };
        let objects = Objects::open(class, &config, Path::new("/nowhere")).unwrap();
        places.push((objects, Box::new(server)));
    }
    places
}

#[tokio::test]
async fn an_object_is_whole_or_not_there() {
    for (objects, _place) in places(Class::Recordings).await {
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
        let prefix = Key::new("2026").unwrap();
        let listed: Vec<_> = objects.list(Some(&prefix)).try_collect().await.unwrap();
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
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    for (objects, _place) in places(Class::Logs).await {
        let key = Key::new("empty").unwrap();
        let stored = objects.upload(&key).await.unwrap().finish().await.unwrap();
        assert_eq!(
            (
                stored.bytes,
                objects.get(&key, &stored).await.unwrap().len()
            ),
            (0, 0)
        );
        let listed: Vec<_> = objects.list(None).try_collect().await.unwrap();
        assert_eq!(listed, [(key, 0)]);
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_read_are_said_without_their_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.toml");
    std::fs::write(&file, "secret_access_key = hunter2").unwrap();
    let config = ClassConfig {
        url: "s3://bucket".into(),
        credentials: file.to_str().unwrap().into(),
    };
    let refused = Objects::open(Class::Logs, &config, dir.path())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("access_key_id") && !refused.contains("hunter2"),
        "{refused}"
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

#[tokio::test]
async fn pictures_that_nothing_names_are_swept_away_and_others_stay() {
    for kit in kits().await {
        let assets = kit.store.objects(Class::Assets);
        let (named, cover, loose) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
        for (id, width) in [(&named, 64), (&named, 256), (&cover, 640), (&loose, 64)] {
            let start = &id[..2];
            let key = Key::new(&format!("i/{start}/{id}-{width}.webp")).unwrap();
            assets
                .put(&key, Bytes::from_static(b"picture"))
                .await
                .unwrap();
        }
        let other = Key::new("i/readme.txt").unwrap();
        assets.put(&other, Bytes::from_static(b"x")).await.unwrap();
        let snapshot = Key::new(&format!("snapshots/{loose}-640.jpg")).unwrap();
        assets
            .put(&snapshot, Bytes::from_static(b"x"))
            .await
            .unwrap();
        name_pictures(&kit, &named, &cover).await;

        let sweep = async |before_ms, is_dry| {
            let swept = kit.store.sweep_pictures(before_ms, is_dry).await.unwrap();
            (swept.kept, swept.gone, swept.gone_bytes)
        };
        assert_eq!(sweep(0, false).await, (5, 0, 0), "all of them are young");
        assert_eq!(sweep(i64::MAX, true).await, (4, 1, 7));
        assert_eq!(sweep(i64::MAX, false).await, (4, 1, 7));
        assert_eq!(sweep(i64::MAX, false).await, (4, 0, 0));
        let left: Vec<_> = assets.list(None).try_collect().await.unwrap();
        assert_eq!(left.len(), 5);
    }
}

/// An account with an avatar, and a channel of it with a cover.
async fn name_pictures(kit: &Kit, avatar: &str, cover: &str) {
    let accounts = kit.store.accounts();
    let mut account = accounts.create(&ann(&[Login::Name("ann")])).await.unwrap();
    account.avatar = avatar.to_owned();
    accounts.save(&account).await.unwrap();
    let channel = channel(kit, account.user_id, "ann", "Ann").await;
    let edit = ChannelEdit {
        cover: Some(cover),
        ..ChannelEdit::default()
    };
    let channels = kit.store.channels();
    let of = (account.user_id, channel.id);
    channels.edit(of, channel.version, &edit).await.unwrap();
}
