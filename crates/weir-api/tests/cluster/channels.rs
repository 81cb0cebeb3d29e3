//! Channels over HTTP against a real store: who may do what with whose, and what admission makes of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::collections::HashMap;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use weir_account::{AccountService, AccountsConfig, MailConfig, Parts, RootSecret};
use weir_admit::follow::{Follower, Source as _};
use weir_admit::{FileRules, Gate, GateParts, Rulebook};
use weir_api::{AccountRole, AdmissionSource, Caller, Credentials, Identify, Means};
use weir_base::sign::Action;
use weir_base::{Clock, Code, Refusal, Shutdown, StreamName, Tasks};
use weir_cluster::Role;
use weir_cluster::store::Waiting;
use weir_gift::{GiftsConfig, Till};
use weir_hub::{Admission, Gatekeeper as _, Protocol};
use weir_store::{Config, Id, Store};

use crate::world::{Answered, World, record, request, with_bearer, with_token};

const SECRET: &str = "a secret of this test alone";

/// People by the token they show.
#[derive(Clone)]
pub(crate) struct People(pub(crate) HashMap<&'static str, (Id, AccountRole)>);

impl Identify for People {
    fn identify<'a>(
        &'a self,
        credentials: &'a Credentials,
    ) -> Waiting<'a, Result<Option<Caller>, Refusal>> {
        let (Credentials::Cookie(word) | Credentials::Token(word)) = credentials;
        let caller = self.0.get(word.as_str()).map(|(id, role)| Caller {
            account: Some(*id),
            session: None,
            name: word.clone(),
            means: Means::Token,
            rights: role.rights(),
        });
        Box::pin(std::future::ready(Ok(caller)))
    }
}

/// A site with a store and four people.
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) store: Store,
    pub(crate) people: People,
    pub(crate) admission: Arc<AdmissionSource>,
    /// Of the source of admission.
    pub(crate) clock: Clock,
    pub(crate) dir: TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Config::default(), dir.path(), Clock::real())
            .await
            .unwrap();
        let person = |role| (store.next_id().unwrap(), role);
        let people = People(HashMap::from([
            ("ann", person(AccountRole::Broadcaster)),
            ("bob", person(AccountRole::Broadcaster)),
            ("eve", person(AccountRole::Viewer)),
            ("mod", person(AccountRole::Moderator)),
        ]));
        Self::with(store, people, dir)
    }

    /// Of these people.
    pub(crate) fn with(store: Store, people: People, dir: TempDir) -> Self {
        let (opened, known) = (store.clone(), people.clone());
        let clock = Clock::manual(0);
        let admission = Arc::new(AdmissionSource::new(store.clone(), clock.clone(), SECRET));
        let source = admission.clone();
        let accounts = AccountService::start(Parts {
            store: store.clone(),
            accounts: AccountsConfig {
                hash_kib: 64,
                hash_passes: 1,
                ..AccountsConfig::default()
            },
            mail: MailConfig::default(),
            root: RootSecret::new(SECRET).unwrap(),
            wire: None,
            clock: Clock::real(),
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        });
        let accounts = accounts.unwrap();
        let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
            config.gifts = Some(Till::new(opened.clone(), GiftsConfig::default()));
            config.store = Some(opened);
            config.identify = Arc::new(known);
            config.admission = Some(source);
            config.accounts = Some(accounts);
            // Where there is a test picture at all.
            config.gold_one_in = 1;
        });
        Self {
            world,
            store,
            admission,
            clock,
            people,
            dir,
        }
    }

    pub(crate) fn id(&self, who: &str) -> Id {
        self.people.0[who].0
    }

    pub(crate) async fn ask(
        &self,
        who: &str,
        method: &str,
        target: &str,
        body: &Value,
    ) -> Answered {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let asked = request(method, target, "10.3.0.1", &body);
        self.world
            .ask(match who {
                "nobody" => asked,
                "operator" => with_token(asked),
                token => with_bearer(asked, token),
            })
            .await
    }

    /// An edge of the site, which has heard nothing yet, and what has it hear.
    pub(crate) fn edge(&self) -> (Gate, Follower) {
        let rulebook = Arc::new(Rulebook::new(FileRules::default()));
        let copy = self.dir.path().join("admission.snapshot");
        let follower = Follower::open(rulebook.clone(), &copy).unwrap();
        let gate = Gate::new(GateParts {
            hub: self.world.hub.clone(),
            rulebook,
            stream_key_secret: SECRET.into(),
            is_origin: true,
            around: Arc::new(weir_admit::usage::Alone),
            nonces: None,
            consult: None,
        });
        (gate, follower)
    }

    pub(crate) async fn channel(&self, who: &str, name: &str) -> Value {
        let wish = json!({ "name": name, "title": format!("{name} live") });
        let made = self.ask(who, "POST", "/api/v1/channels", &wish).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        made.json()
    }
}

#[tokio::test]
async fn a_channel_is_made_found_changed_and_taken_away() {
    let site = Site::new().await;
    let made = site.channel("ann", "Ann").await;
    assert_eq!(
        (&made["name"], &made["stream"]),
        (&json!("ann"), &json!("live/ann"))
    );
    let taken = json!({ "name": "ANN" });
    let refused = site.ask("bob", "POST", "/api/v1/channels", &taken).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    for name in ["a b", "../x", "admin", "a", "аnn"] {
        let refused = site
            .ask("bob", "POST", "/api/v1/channels", &json!({ "name": name }))
            .await;
        let is_refused = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT];
        assert!(
            is_refused.contains(&refused.status),
            "{name}: {}",
            refused.text
        );
    }
    let target = "/api/v1/channels/ann";
    let change = json!({ "title": "Chess", "category": "games", "language": "en" });
    let changed = site.ask("ann", "PATCH", target, &change).await;
    assert_eq!(changed.json()["title"], "Chess", "{}", changed.text);
    for search in ["?q=chess", "?category=games", "?language=en&q=ann", ""] {
        let target = format!("/api/v1/channels{search}");
        let list = site.ask("nobody", "GET", &target, &Value::Null).await;
        assert_eq!(
            list.json()["items"][0]["name"],
            "ann",
            "{search}: {}",
            list.text
        );
    }
    let list = site
        .ask("nobody", "GET", "/api/v1/channels?q=poker", &Value::Null)
        .await;
    assert_eq!(list.json()["items"], json!([]));
    for (field, value) in [
        ("title", json!("")),
        ("visibility", json!("hidden")),
        ("user_id", json!("x")),
    ] {
        let change = json!({ field: value });
        let refused = site.ask("ann", "PATCH", target, &change).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
    let gone = site.ask("ann", "DELETE", target, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let gone = site.ask("nobody", "GET", target, &Value::Null).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn my_channels_are_mine_alone_and_all_of_mine() {
    let site = Site::new().await;
    for (who, name) in [("ann", "first"), ("bob", "other"), ("ann", "second")] {
        site.channel(who, name).await;
    }
    let hidden = json!({ "visibility": "unlisted" });
    let second = "/api/v1/channels/second";
    let changed = site.ask("ann", "PATCH", second, &hidden).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let mine = "/api/v1/me/channels?limit=1";
    let page = site.ask("ann", "GET", mine, &Value::Null).await.json();
    assert_eq!(page["items"][0]["name"], "first");
    let behind = format!("{mine}&after={}", page["next"].as_str().unwrap());
    let rest = site.ask("ann", "GET", &behind, &Value::Null).await.json();
    assert_eq!(rest["items"][0]["name"], "second");
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn what_is_somebody_elses_stays_theirs_on_each_route() {
    let site = Site::new().await;
    site.channel("ann", "ann").await;
    let key = site
        .ask("ann", "POST", "/api/v1/channels/ann/keys", &json!({}))
        .await
        .json();
    let id = key["id"].as_str().unwrap();
    let rotate = format!("/api/v1/channels/ann/keys/{id}/rotate");
    let one = format!("/api/v1/channels/ann/keys/{id}");
    // Nobody, another broadcaster, a viewer, a moderator, and at last the owner.
    let people = ["nobody", "bob", "eve", "mod", "ann"];
    for (method, target, body, statuses) in [
        (
            "GET",
            "/api/v1/channels/ann",
            Value::Null,
            [200, 200, 200, 200, 200],
        ),
        (
            "PATCH",
            "/api/v1/channels/ann",
            json!({ "title": "T" }),
            [401, 403, 403, 200, 200],
        ),
        (
            "GET",
            "/api/v1/channels/ann/keys",
            Value::Null,
            [401, 403, 403, 200, 200],
        ),
        (
            "POST",
            "/api/v1/channels/ann/keys",
            json!({}),
            [401, 403, 403, 201, 201],
        ),
        ("POST", &rotate, json!({}), [401, 403, 403, 201, 412]),
        ("DELETE", &one, Value::Null, [401, 403, 403, 204, 204]),
        (
            "PUT",
            "/api/v1/channels/ann/follow",
            Value::Null,
            [401, 204, 204, 204, 204],
        ),
        (
            "GET",
            "/api/v1/me/channels",
            Value::Null,
            [401, 200, 403, 200, 200],
        ),
        (
            "GET",
            "/api/v1/me/following",
            Value::Null,
            [401, 200, 200, 200, 200],
        ),
        (
            "DELETE",
            "/api/v1/channels/ann/follow",
            Value::Null,
            [401, 204, 204, 204, 204],
        ),
        (
            "DELETE",
            "/api/v1/channels/ann",
            Value::Null,
            [401, 403, 403, 204, 404],
        ),
    ] {
        for (who, want) in people.iter().zip(statuses) {
            let answered = site.ask(who, method, target, &body).await;
            let what = format!("{method} {target} as {who}: {}", answered.text);
            assert_eq!(answered.status.as_u16(), want, "{what}");
        }
    }
    // The operator has no account, and makes channels for others.
    let wish = json!({ "name": "ops" });
    let refused = site
        .ask("operator", "POST", "/api/v1/channels", &wish)
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    let wish = json!({ "name": "bobs", "owner": "ann" });
    let refused = site.ask("bob", "POST", "/api/v1/channels", &wish).await;
    assert_eq!(refused.json()["code"], Code::Forbidden.number());
}

/// What is news comes to a node that follows.
pub(crate) async fn follow(source: &AdmissionSource, follower: &mut Follower, clock: &Clock) {
    clock.advance_us(1_000_000);
    if let Some(bytes) = source.fetch(follower.since()).await.unwrap() {
        follower.take(&bytes).unwrap();
    }
}

/// What a publisher of live/{name} with this key is told; 0 for a welcome.
async fn admitted(gate: &Gate, name: &str, key: &str) -> u16 {
    let name = StreamName::new("", "live", name).unwrap();
    let query = [("key".to_owned(), key.to_owned())];
    let asked = Admission {
        action: Action::Publish,
        name: &name,
        query: &query,
        ip: "10.0.0.1".parse().unwrap(),
        protocol: Protocol::Rtmp,
        is_cross_site: false,
        page: None,
    };
    match gate.admit(asked).await {
        Ok(_) => 0,
        Err(refusal) => refusal.code.number(),
    }
}

#[tokio::test]
async fn a_key_publishes_its_channel_until_it_is_taken_back_and_no_other() {
    let site = Site::new().await;
    site.channel("ann", "ann").await;
    site.channel("bob", "bob").await;
    let keys = "/api/v1/channels/ann/keys";
    let first = site
        .ask("ann", "POST", keys, &json!({ "label": "OBS" }))
        .await;
    let first = first.json();
    let (key, id) = (
        first["key"].as_str().unwrap(),
        first["id"].as_str().unwrap(),
    );
    let (gate, mut follower) = site.edge();
    let (source, clock) = (site.admission.clone(), site.clock.clone());
    follow(&source, &mut follower, &clock).await;
    assert_eq!(admitted(&gate, "ann", key).await, 0);
    assert_ne!(admitted(&gate, "bob", key).await, 0);
    assert_ne!(admitted(&gate, "ann", "guessed").await, 0);

    let rotated = site
        .ask(
            "ann",
            "POST",
            &format!("{keys}/{id}/rotate"),
            &json!({ "grace_s": 60 }),
        )
        .await
        .json();
    follow(&source, &mut follower, &clock).await;
    let next = rotated["key"].as_str().unwrap();
    assert_eq!(admitted(&gate, "ann", key).await, 0);
    assert_eq!(admitted(&gate, "ann", next).await, 0);

    let revoked = site
        .ask("ann", "DELETE", &format!("{keys}/{id}"), &Value::Null)
        .await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    follow(&source, &mut follower, &clock).await;
    assert_eq!(
        admitted(&gate, "ann", key).await,
        Code::AuthRevoked.number()
    );
    assert_eq!(admitted(&gate, "ann", next).await, 0);

    let gone = site
        .ask("ann", "DELETE", "/api/v1/channels/ann", &Value::Null)
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    follow(&source, &mut follower, &clock).await;
    assert_ne!(admitted(&gate, "ann", next).await, 0);
    let listed = site.ask("ann", "GET", keys, &Value::Null).await;
    assert_eq!(listed.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_i_follow_is_paged_and_a_list_of_keys_shows_no_key() {
    let site = Site::new().await;
    for name in ["c1", "c2", "c3"] {
        site.channel("ann", name).await;
        let target = format!("/api/v1/channels/{name}/follow");
        let followed = site.ask("eve", "PUT", &target, &Value::Null).await;
        assert_eq!(followed.status, StatusCode::NO_CONTENT);
    }
    let target = "/api/v1/me/following?limit=2";
    let first = site.ask("eve", "GET", target, &Value::Null).await.json();
    let next = first["next"].as_str().unwrap();
    let target = format!("{target}&after={next}");
    let rest = site.ask("eve", "GET", &target, &Value::Null).await.json();
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!([names(&first), names(&rest)].concat(), ["c3", "c2", "c1"]);
    assert_eq!(rest["next"], Value::Null);
    // One that its owner closes is there for them alone, whoever followed it before.
    let closed = json!({ "visibility": "private" });
    let changed = site.ask("ann", "PATCH", "/api/v1/channels/c2", &closed);
    assert_eq!(changed.await.status, StatusCode::OK);
    let all = "/api/v1/me/following";
    let seen = site.ask("eve", "GET", all, &Value::Null).await;
    assert_eq!(names(&seen.json()), ["c3", "c1"]);

    let keys = "/api/v1/channels/c1/keys";
    let made = site.ask("ann", "POST", keys, &json!({})).await.json();
    let listed = site.ask("ann", "GET", keys, &Value::Null).await;
    assert!(!listed.text.contains(made["key"].as_str().unwrap()));
    assert_eq!(listed.json()["items"][0]["id"], made["id"]);
}

#[tokio::test]
async fn a_ban_is_heard_of_appealed_against_and_lifted_by_who_may() {
    let site = Site::new().await;
    let bans = "/api/v1/bans";
    let wish = json!({ "stream": "live/ann", "reason": "Somebody else's film" });
    for (who, want) in [("nobody", 401), ("ann", 403), ("eve", 403), ("mod", 201)] {
        let answered = site.ask(who, "POST", bans, &wish).await;
        assert_eq!(answered.status.as_u16(), want, "{who}: {}", answered.text);
    }
    for wrong in [
        json!({ "stream": "ann", "reason": "x" }),
        json!({ "network": "10.0.0.0/99", "reason": "x" }),
        json!({ "account": "nobody-here", "reason": "x" }),
        json!({ "reason": "x" }),
        json!({ "stream": "live/a", "network": "10.0.0.1", "reason": "x" }),
        json!({ "stream": "live/a", "reason": "" }),
        json!({ "stream": "live/a", "reason": "x", "stops": "breathing" }),
        json!({ "stream": "live/a", "reason": "x", "expires_ms": 5 }),
    ] {
        let refused = site.ask("mod", "POST", bans, &wrong).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}: {}",
            refused.text
        );
    }
    let listed = site.ask("mod", "GET", bans, &Value::Null).await.json();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    // A ban that is nobody's account is appealed against by nobody.
    let appeal = json!({ "ban": id, "words": "It is mine" });
    let refused = site.ask("ann", "POST", "/api/v1/me/appeals", &appeal).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text);

    let ann = site.people.0["ann"].0;
    let subject = ann.to_string();
    let made = weir_store::bans::NewBan {
        channel: None,
        kind: weir_store::bans::SubjectKind::Account,
        subject: &subject,
        stops: "publish",
        reason: "Spam",
        by_user: "",
        expires_ms: 0,
    };
    let made = site.store.bans().create(&made).await.unwrap();
    let own = site
        .ask("ann", "GET", "/api/v1/me/bans", &Value::Null)
        .await
        .json();
    assert_eq!(own["items"][0]["reason"], "Spam");
    let appeal = json!({ "ban": made.id, "words": "It was not me" });
    for (who, want) in [("eve", 404), ("ann", 201), ("ann", 409)] {
        let answered = site.ask(who, "POST", "/api/v1/me/appeals", &appeal).await;
        assert_eq!(answered.status.as_u16(), want, "{who}: {}", answered.text);
    }
    let open = site
        .ask("mod", "GET", "/api/v1/appeals", &Value::Null)
        .await
        .json();
    let appeal = open["items"][0]["id"].as_str().unwrap();
    let target = format!("/api/v1/bans/{}/appeals/{appeal}", made.id);
    let decision = json!({ "granted": true, "answer": "Sorry" });
    for (who, want) in [("ann", 403), ("mod", 200), ("mod", 404)] {
        let answered = site.ask(who, "POST", &target, &decision).await;
        assert_eq!(answered.status.as_u16(), want, "{who}: {}", answered.text);
    }
    let own = site
        .ask("ann", "GET", "/api/v1/me/bans", &Value::Null)
        .await
        .json();
    assert_eq!(own["items"], json!([]));
}
