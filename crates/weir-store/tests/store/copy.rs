//! Rows from one store into another: between engines, into a backup and back.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use weir_base::Clock;
use weir_store::accounts::{Login, NewAccount};
use weir_store::copy::Writers;
use weir_store::{Config, Store, StoreError};

use crate::common::{Kit, kits};

/// Rows of an account: itself, its login, and its name among the look-alikes.
const ROWS: u64 = 3;

async fn sign_up(store: &Store, name: &str) -> Result<(), StoreError> {
    let new = NewAccount {
        name,
        skeleton: name,
        email: "a@example.net",
        logins: &[Login::Name(name)],
        password_hash: "$argon2id$\u{e4}\u{4e2d}",
        role: "viewer",
        ..NewAccount::default()
    };
    store.accounts().create(&new).await.map(|_| ())
}

/// A store beside `kit`, in a file as a backup is.
async fn backup(kit: &Kit) -> Store {
    let config = Config {
        url: format!("sqlite:{}/backup.db", kit.dir.path().display()),
        ..Config::default()
    };
    Store::open(&config, kit.dir.path(), Clock::manual(0))
        .await
        .unwrap()
}

/// Shows R9 and R29.
#[tokio::test]
async fn a_store_goes_to_another_engine_and_back_row_by_row() {
    for kit in kits().await {
        for n in 0..1234 {
            sign_up(&kit.store, &format!("user{n}")).await.unwrap();
        }
        let backup = backup(&kit).await;
        let mut told = 0;
        let copied = kit
            .store
            .copy_to(&backup, Writers::Wait, |_| told += 1)
            .await
            .unwrap();
        assert_eq!(copied.rows, ROWS * 1234);
        assert!(told >= 12, "progress was told {told} times");
        for other in kits().await {
            let copied = backup
                .copy_to(&other.store, Writers::GoOn, |_| {})
                .await
                .unwrap();
            assert_eq!(copied.rows, ROWS * 1234);
            let name = other
                .store
                .accounts()
                .by_login("user77")
                .await
                .unwrap()
                .name;
            assert_eq!(name, "user77");
            let checked = other.store.check().await.unwrap();
            assert_eq!(checked.faults, <[String; 0]>::default());
            assert!(checked.tables.contains(&("logins", 1234)));
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_broken_off_goes_on_and_a_target_with_other_rows_is_told() {
    for kit in kits().await {
        for n in 0..700 {
            sign_up(&kit.store, &format!("user{n}")).await.unwrap();
        }
        let backup = backup(&kit).await;
        let part = async {
            let mut seen = 0;
            let told = |_| {
                seen += 1;
                assert!(seen < 2, "broken off here");
            };
            kit.store.copy_to(&backup, Writers::Wait, told).await
        };
        let broken =
            futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(part)).await;
        assert!(broken.is_err());
        let copied = kit
            .store
            .copy_to(&backup, Writers::Wait, |_| {})
            .await
            .unwrap();
        assert_eq!(copied.rows, ROWS * 700);

        sign_up(&backup, "somebody else").await.unwrap();
        let refused = kit
            .store
            .copy_to(&backup, Writers::Wait, |_| {})
            .await
            .unwrap_err();
        assert!(matches!(refused, StoreError::Damaged(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn who_writes_to_a_store_that_moves_is_told_and_nothing_is_left_behind() {
    for kit in kits().await {
        for n in 0..600 {
            sign_up(&kit.store, &format!("user{n}")).await.unwrap();
        }
        // Another process at the same rows, that waits a moment for its turn.
        let config = Config {
            timeout_ms: 300,
            ..kit.config.clone()
        };
        let other = Store::open(&config, kit.dir.path(), kit.clock.clone())
            .await
            .unwrap();
        let backup = backup(&kit).await;
        let (copied, late) = tokio::join!(
            kit.store.copy_to(&backup, Writers::Wait, |_| {}),
            sign_up(&other, "late"),
        );
        let copied = copied.unwrap().rows;
        // It came before the copy and is in it, or it came after it, or it was told.
        let is_in = backup.accounts().by_login("late").await.is_ok();
        assert_eq!(copied, if is_in { ROWS * 601 } else { ROWS * 600 });
        assert!(!is_in || late.is_ok());
    }
}

#[tokio::test]
async fn a_directory_that_leads_nowhere_is_found() {
    let kit = Kit::sqlite().await;
    sign_up(&kit.store, "ann").await.unwrap();
    let file = kit.dir.path().join("weir.db");
    let mut sqlite = std::process::Command::new("python3");
    let code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('DELETE FROM accounts'); db.commit()";
    assert!(
        sqlite
            .args(["-c", code])
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
    let checked = kit.store.check().await.unwrap();
    assert_eq!(checked.faults, ["1 logins lead to no account"]);
}
