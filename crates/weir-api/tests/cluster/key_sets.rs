//! Keys of an app that are read from an address: how they come to a gate, change, and stay while the address is away.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use weir_admit::Gate;
use weir_admit::follow::Follower;
use weir_api::{ToldKeyUses, keep_key_uses};
use weir_base::sign::Action;
use weir_base::{Clock, StreamName};
use weir_hub::{Admission, Gatekeeper as _, Protocol};
use weir_store::apps::key_sets::DueKeySet;
use weir_store::{Config, Store};

use crate::channels::{People, Site, follow};

const APP: &str = "/api/v1/apps/school";
const BEGIN_S: i64 = 1_800_000_000;
const URL: &str = "https://id.school.example/keys";

struct Key(&'static str, rcgen::KeyPair);

impl Key {
    fn new(id: &'static str) -> Self {
        Self(id, rcgen::KeyPair::generate().unwrap())
    }

    /// A set with this key alone.
    fn set(&self) -> String {
        let pem = self.1.public_key_pem();
        let key = jsonwebtoken::DecodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        let point = key.try_get_as_bytes().unwrap();
        let (x, y) = (B64.encode(&point[1..33]), B64.encode(&point[33..]));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": self.0, "x": x, "y": y }] })
            .to_string()
    }

    fn token(&self) -> String {
        let claims =
            json!({ "a": "play", "app": "school", "stream": "room", "exp": BEGIN_S + 86_400 });
        let header = Header {
            kid: Some(self.0.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_pem(self.1.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }
}

/// A site, and an edge that hears what it says.
struct Stage {
    site: Site,
    clock: Clock,
    gate: Gate,
    follower: Follower,
}

impl Stage {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_S * 1_000_000);
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let site = Site::with(store, People(HashMap::new()), dir);
        let (gate, follower) = site.edge();
        Self {
            site,
            clock,
            gate,
            follower,
        }
    }

    async fn put(&self, rules: Value) -> Value {
        let wish = json!({ "rules": rules });
        let set = self.site.ask("operator", "PUT", APP, &wish).await;
        assert!(set.status.is_success(), "{}", set.text);
        set.json()
    }

    async fn due(&self) -> Vec<DueKeySet> {
        self.site.store.apps().due_key_sets(9).await.unwrap()
    }

    async fn keep(&self, due: &DueKeySet, read: Result<&str, &str>) {
        let apps = self.site.store.apps();
        apps.keep_key_set(due, read).await.unwrap();
    }

    /// What a viewer with a token of this key is told, when the edge has heard the news; 0 for a welcome.
    async fn watches(&mut self, key: &Key) -> u16 {
        let (source, clock) = (self.site.admission.clone(), self.site.clock.clone());
        follow(&source, &mut self.follower, &clock).await;
        let name = StreamName::new("", "school", "room").unwrap();
        let asked = Admission {
            action: Action::Play,
            name: &name,
            query: &[("token".to_owned(), key.token())],
            ip: "10.0.0.1".parse().unwrap(),
            protocol: Protocol::HttpFlv,
            is_cross_site: false,
            page: None,
        };
        let admitted = self.gate.admit(asked).await;
        admitted.map_or_else(|refusal| refusal.code.number(), |_| 0)
    }

    /// The edge tells what it missed, as nodes do.
    async fn tell(&self) -> Vec<String> {
        let told = ToldKeyUses {
            uses: Vec::new(),
            missed: self.gate.take_missed_sets(),
        };
        keep_key_uses(&self.site.store, &told).await.unwrap();
        told.missed
    }
}

#[tokio::test]
async fn an_apps_keys_follow_their_address_and_stay_while_it_is_away() {
    let mut stage = Stage::set().await;
    let (one, two) = (Key::new("one"), Key::new("two"));
    let set = stage
        .put(json!({ "play": "signed", "jwks_url": URL }))
        .await;
    assert_eq!(set["has_key_set"], false);
    // Nothing was read yet, and keys of others open nothing meanwhile.
    assert_ne!(stage.watches(&one).await, 0);
    let due = stage.due().await;
    assert_eq!((due.len(), due[0].url.as_str()), (1, URL));
    assert!(stage.due().await.is_empty(), "one reads it, and not two");
    stage.keep(&due[0], Ok(&one.set())).await;
    assert_eq!(stage.watches(&one).await, 0);
    let listed = stage
        .site
        .ask("operator", "GET", "/api/v1/apps", &Value::Null)
        .await;
    let listed = listed.json()["items"][0].clone();
    assert_eq!(
        (&listed["has_key_set"], &listed["rules"]["jwks"]),
        (&json!(true), &Value::Null)
    );

    // A key that nobody knows has it read anew, not more often than each half minute.
    assert_eq!(stage.watches(&two).await, 1006);
    assert_eq!(stage.tell().await, ["school"]);
    assert!(stage.due().await.is_empty());
    stage.clock.advance_us(30_000_000);
    let due = stage.due().await;
    assert_eq!(due.len(), 1);
    stage.keep(&due[0], Err("no answer")).await;
    assert_eq!(stage.watches(&one).await, 0, "what was read before counts");
    stage.clock.advance_us(60_000_000);
    let due = stage.due().await;
    stage.keep(&due[0], Ok(&two.set())).await;
    assert_eq!(
        (stage.watches(&two).await, stage.watches(&one).await),
        (0, 1006)
    );
    stage.tell().await;

    // Each ten minutes also where nobody misses anything.
    stage.clock.advance_us(30_000_000);
    let due = stage.due().await;
    stage.keep(&due[0], Ok(&two.set())).await;
    stage.clock.advance_us(599_000_000);
    assert!(stage.due().await.is_empty());
    stage.clock.advance_us(1_000_000);
    assert_eq!(stage.due().await.len(), 1);

    // Another address: nothing of the old one counts, also where somebody still reads it.
    stage
        .put(json!({ "play": "signed", "jwks_url": "https://id.club.example/keys" }))
        .await;
    stage.keep(&due[0], Ok(&two.set())).await;
    assert_ne!(stage.watches(&two).await, 0);
    assert_eq!(stage.due().await[0].url, "https://id.club.example/keys");
    stage
        .put(json!({ "play": "signed", "keys": [{ "id": "k" }] }))
        .await;
    assert!(stage.due().await.is_empty());
}

#[tokio::test]
async fn an_address_that_others_may_change_on_the_way_is_refused() {
    let stage = Stage::set().await;
    for url in [
        "http://id.school.example/keys",
        "file:///etc/passwd",
        "https://a b/",
    ] {
        let wish = json!({ "rules": { "jwks_url": url } });
        let refused = stage.site.ask("operator", "PUT", APP, &wish).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{url}");
        assert!(refused.text.contains("jwks_url"), "{}", refused.text);
    }
}
