//! Secrets of apps and hooks, as they stand in their columns.

use std::path::Path;

use weir_base::Clock;
use weir_testkit::postgres::Postgres;
use weir_testkit::tools::{Tool, have};

use super::*;
use crate::Config;
use crate::apps::AppTerms;
use crate::hooks::EndpointFields;
use crate::seal::SealKeys;

const RULES: &str = "{\"keys\":[{\"id\":\"k\",\"secret\":\"a secret of an app\"}]}";
const TERMS: AppTerms<'static> = AppTerms {
    rules: RULES,
    key_set_url: "",
    retention_s: 0,
    recording_s: 0,
};
const FIELDS: EndpointFields<'static> = EndpointFields {
    app: "",
    url: "https://example.net/",
    types: &[],
    dialect: "standard",
    state: "active",
};

/// The same database, opened by a process that has these secrets.
async fn again((config, data): (&Config, &Path), secrets: &[&str]) -> Store {
    let store = Store::open(config, data, Clock::manual(0)).await.unwrap();
    if !secrets.is_empty() {
        store.seal_by(SealKeys::of(secrets).unwrap());
    }
    store
}

/// All that stands in the columns.
async fn columns(store: &Store) -> String {
    let mut all = String::new();
    for (module, sql) in [
        (
            Module::Content,
            "SELECT rules, name FROM apps ORDER BY name",
        ),
        (
            Module::Events,
            "SELECT secret, old_secret FROM hook_endpoints ORDER BY id",
        ),
    ] {
        let rows: Vec<(String, String)> = sqlx::query_as(sql)
            .fetch_all(store.db(module).fresh())
            .await
            .unwrap();
        all.push_str(&format!("{rows:?}"));
    }
    all
}

#[tokio::test]
async fn secrets_are_sealed_after_an_upgrade_and_anew_after_a_change_of_keys() {
    seals_and_opens(&Config::default()).await;
    if cfg!(feature = "postgres") && have(&[Tool::Postgres]) {
        let server = Postgres::shared();
        let config = Config {
            url: server.database(),
            connections: 4,
            ..Config::default()
        };
        seals_and_opens(&config).await;
    }
}

async fn seals_and_opens(config: &Config) {
    let dir = tempfile::tempdir().unwrap();
    let data = (config, dir.path());
    // As a version without keys wrote them.
    let old = &again(data, &[]).await;
    old.apps().create("school", &TERMS).await.unwrap();
    let hook = old.hooks().create("", FIELDS, "whsec_one").await.unwrap();
    old.hooks()
        .rotate(("", hook.id), "whsec_two", 9)
        .await
        .unwrap();
    assert!(columns(old).await.contains("a secret of an app"));

    let first = "the first secret of this site";
    let store = again(data, &[first]).await;
    let known = async |store: &Store| {
        let app = store.apps().by_name("school").await.unwrap();
        let hook = store.hooks().one("", hook.id).await.unwrap();
        (app.rules, hook.secret, hook.old_secret)
    };
    let want = (
        RULES.to_owned(),
        "whsec_two".to_owned(),
        "whsec_one".to_owned(),
    );
    assert_eq!(known(&store).await, want);
    assert_eq!(store.seal_all().await.unwrap(), 3);
    assert_eq!(store.seal_all().await.unwrap(), 0);
    let stands = columns(&store).await;
    assert!(
        !stands.contains("whsec_") && !stands.contains("secret of"),
        "{stands}"
    );
    assert_eq!(known(&store).await, want);
    let made = store.hooks().create("", FIELDS, "whsec_new").await.unwrap();
    assert_eq!(made.secret, "whsec_new");
    assert!(!columns(&store).await.contains("whsec_"));

    // Another key: what the old one sealed is read, and sealed anew.
    let second = "the second secret of this site";
    let rotated = again(data, &[second, first]).await;
    assert_eq!(known(&rotated).await, want);
    assert_eq!(rotated.seal_all().await.unwrap(), 4);
    let without_old = again(data, &[second]).await;
    assert_eq!(known(&without_old).await, want);

    // Without the right key nothing is known, and nothing is told.
    let stranger = again(data, &["somebody else's secret altogether"]).await;
    let nothing = (String::new(), String::new(), String::new());
    assert_eq!(known(&stranger).await, nothing);
    assert_eq!(stranger.hooks().active().await.unwrap(), []);
    assert_eq!(stranger.seal_all().await.unwrap(), 0);
    assert_eq!(known(&without_old).await, want);
    assert!(SealKeys::of(&["short"]).is_err() && SealKeys::of(&[]).is_err());
}
