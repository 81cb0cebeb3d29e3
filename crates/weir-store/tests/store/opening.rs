//! Opening what is there already, what is newer, and what makes no sense. Shows R9.

use weir_base::Clock;
use weir_store::accounts::{Login, NewAccount};
use weir_store::{Config, Engine, Module, Store, StoreError};

use crate::common::{Kit, kits};

#[tokio::test]
async fn what_was_stored_is_there_when_it_is_opened_again() {
    for kit in kits().await {
        let new = NewAccount {
            name: "ann",
            skeleton: "ann",
            logins: &[Login::Name("ann")],
            role: "viewer",
            ..NewAccount::default()
        };
        let made = kit.store.accounts().create(&new).await.unwrap();
        kit.store.close().await;
        let again = Store::open(&kit.config, kit.dir.path(), Clock::manual(0))
            .await
            .unwrap();
        assert_eq!(again.accounts().by_login("ann").await.unwrap(), made);
    }
}

/// Shows R29.
#[tokio::test]
async fn each_module_may_have_a_database_of_its_own() {
    let kit = Kit::sqlite().await;
    let mut config = Config::default();
    let file = kit.dir.path().join("what happened.db");
    config.events.url = format!("sqlite:{}", file.display());
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&config, dir.path(), Clock::manual(0))
        .await
        .unwrap();
    assert!(file.exists() && dir.path().join("weir.db").exists());
    for module in Module::ALL {
        assert_eq!(store.db(module).engine(), Engine::Sqlite);
        store.db(module).ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_place_that_makes_no_sense_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config {
        url: "mysql://root@localhost/weir".into(),
        ..Config::default()
    };
    assert!(config.check().is_err());
    let refused = Store::open(&config, dir.path(), Clock::manual(0))
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Setting(_)), "{refused:?}");
    config.url = format!("sqlite:{}/no/such/folder/weir.db", dir.path().display());
    let refused = Store::open(&config, dir.path(), Clock::manual(0))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("unable to open"),
        "{refused:?}"
    );
}
