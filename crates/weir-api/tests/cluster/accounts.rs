//! Accounts over HTTP, over a real store: signing up and in, and what is one's own and what is another's.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use weir_account::{AccountChange, AccountService, AccountsConfig, MailConfig, Parts, RootSecret};
use weir_api::AccountRole;
use weir_base::{Clock, Shutdown, Tasks};
use weir_cluster::Role;
use weir_store::{Config, Store};

use crate::world::{Answered, TOKEN, World, record, request};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) service: AccountService,
    _dir: tempfile::TempDir,
}

/// Somebody who is signed in.
pub(crate) struct In {
    pub(crate) id: String,
    session: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
    pub(crate) cookie: String,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with_mail(MailConfig::default()).await
    }

    pub(crate) async fn with_mail(mail: MailConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::real();
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let service = AccountService::start(Parts {
            store: store.clone(),
            accounts: AccountsConfig {
                hash_kib: 64,
                hash_passes: 1,
                ..AccountsConfig::default()
            },
            mail,
            root: RootSecret::new("a secret of this site").unwrap(),
            wire: None,
            clock,
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        });
        let service = service.unwrap();
        let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
            config.accounts = Some(service.clone());
            config.identify = Arc::new(service.clone());
            config.store = Some(store);
            // Whole tables are walked through.
            config.api.reads_per_minute = 0;
            config.api.writes_per_minute = 0;
        });
        Self {
            world,
            service,
            _dir: dir,
        }
    }

    pub(crate) async fn ask(&self, operation: &str, token: &str, body: Value) -> Answered {
        let (method, target) = operation.split_once(' ').unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut asked = request(method, target, "10.3.0.1", &body);
        if !token.is_empty() {
            let value = format!("Bearer {token}").parse().unwrap();
            asked.headers_mut().insert(header::AUTHORIZATION, value);
        }
        self.world.ask(asked).await
    }

    pub(crate) async fn sign_up(&self, name: &str) -> In {
        let order =
            json!({ "name": name, "email": format!("{name}@example.net"), "password": PASSWORD });
        let made = self.ask("POST /api/v1/accounts", "", order).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        self.sign_in(name).await
    }

    pub(crate) async fn sign_in(&self, name: &str) -> In {
        let order = json!({ "login": name, "password": PASSWORD });
        let answered = self.ask("POST /api/v1/sessions", "", order).await;
        assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
        let said = answered.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        In {
            id: text(&said["account"]["id"]),
            session: text(&said["session"]["id"]),
            token: text(&said["token"]),
            refresh: text(&said["refresh"]),
            cookie: answered.header(header::SET_COOKIE).to_owned(),
        }
    }

    /// Somebody with this role, who signs in.
    pub(crate) async fn with_role(&self, name: &str, role: AccountRole) -> In {
        let made = self.sign_up(name).await;
        let account = self
            .service
            .account(made.id.parse().unwrap())
            .await
            .unwrap();
        let change = AccountChange {
            role: Some(role),
            ..AccountChange::default()
        };
        self.service
            .change_account(None, account, change)
            .await
            .unwrap();
        made
    }
}

pub(crate) fn by_cookie(
    method: &str,
    cookie: &str,
    fields: &[(&str, &str)],
    body: &'static str,
) -> Request<Body> {
    let (pair, _) = cookie.split_once(';').unwrap();
    let mut asked = Request::builder()
        .method(method)
        .uri("/api/v1/me")
        .header(header::HOST, "live.example")
        .header(header::COOKIE, pair);
    for (name, value) in fields {
        asked = asked.header(*name, *value);
    }
    asked.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn a_stranger_signs_up_and_in_and_is_known_by_the_cookie_and_by_the_token() {
    let site = Site::new().await;
    let ann = site.sign_up("Ann").await;
    let me = site.ask("GET /api/v1/me", &ann.token, Value::Null).await;
    assert_eq!(
        (me.status, me.json()["name"].as_str()),
        (StatusCode::OK, Some("Ann"))
    );
    for part in [
        "weir_session=wc_",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/",
    ] {
        assert!(ann.cookie.contains(part), "{}", ann.cookie);
    }
    assert!(!ann.cookie.contains("Secure"), "{}", ann.cookie);
    let ask = async |asked| site.world.ask(asked).await.status;
    let order = r#"{"about":"x"}"#;
    let own = [("origin", "https://live.example")];
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(
        ask(by_cookie("GET", &ann.cookie, &[], "")).await,
        StatusCode::OK
    );
    assert_eq!(
        ask(by_cookie("PATCH", &ann.cookie, &own, order)).await,
        StatusCode::OK
    );
    assert_eq!(
        ask(by_cookie("PATCH", &ann.cookie, &[], order)).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        ask(by_cookie("PATCH", &ann.cookie, &foreign, order)).await,
        StatusCode::FORBIDDEN
    );
    let out = site
        .ask("DELETE /api/v1/sessions", &ann.token, Value::Null)
        .await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header(header::SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(
        ask(by_cookie("GET", &ann.cookie, &[], "")).await,
        StatusCode::UNAUTHORIZED
    );
    let gone = site.ask("GET /api/v1/me", &ann.token, Value::Null).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    assert_eq!(gone.header(header::WWW_AUTHENTICATE), "Bearer");
}

#[tokio::test]
async fn a_page_over_tls_gets_a_cookie_for_tls_alone() {
    let site = Site::new().await;
    site.sign_up("ann").await;
    let body = json!({ "login": "ann", "password": PASSWORD, "kind": "cookie" }).to_string();
    let mut asked = request("POST", "/api/v1/sessions", "10.3.0.1", &body);
    let origin = "https://live.example".parse().unwrap();
    asked.headers_mut().insert(header::ORIGIN, origin);
    let answered = site.world.ask(asked).await;
    assert!(answered.header(header::SET_COOKIE).ends_with("; Secure"));
    assert_eq!(answered.json().get("token"), None);
}

#[tokio::test]
async fn a_name_that_is_nobodys_is_refused_as_a_wrong_password_is() {
    let site = Site::new().await;
    site.sign_up("ann").await;
    let refused = async |login: &str| {
        let order = json!({ "login": login, "password": "wrong horse" });
        let answered = site.ask("POST /api/v1/sessions", "", order).await;
        (answered.status, answered.text)
    };
    let (ann, nobody) = (refused("ann").await, refused("nobody").await);
    assert_eq!(ann, nobody);
    assert_eq!(ann.0, StatusCode::UNAUTHORIZED);
    let taken = json!({ "name": "ANN", "email": "b@example.net", "password": PASSWORD });
    let taken = site.ask("POST /api/v1/accounts", "", taken).await;
    assert_eq!(
        (taken.status, taken.json()["code"].as_u64()),
        (StatusCode::CONFLICT, Some(6003))
    );
    let weak = json!({ "name": "bob", "email": "b@example.net", "password": "12345678" });
    let weak = site.ask("POST /api/v1/accounts", "", weak).await;
    assert_eq!(weak.json()["errors"][0]["field"], "password");
    let more =
        json!({ "name": "bob", "email": "b@example.net", "password": PASSWORD, "role": "admin" });
    let more = site.ask("POST /api/v1/accounts", "", more).await;
    assert_eq!(
        more.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        more.text
    );
}

/// Each route with an id in it, with one's own and with another's.
#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let site = Site::new().await;
    let (ann, bob) = (site.sign_up("ann").await, site.sign_up("bob").await);
    let key = json!({ "label": "bot", "scopes": ["account.own"] });
    let key = site
        .ask("POST /api/v1/me/keys", &ann.token, key)
        .await
        .json();
    let key_id = key["id"].as_str().unwrap();
    for operation in [
        format!("DELETE /api/v1/me/keys/{key_id}"),
        format!("DELETE /api/v1/me/sessions/{}", ann.session),
    ] {
        let foreign = site.ask(&operation, &bob.token, Value::Null).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{operation}");
        let own = site.ask(&operation, &ann.token, Value::Null).await;
        assert_eq!(own.status, StatusCode::NO_CONTENT, "{operation}");
    }
    for operation in [
        format!("GET /api/v1/accounts/{}", ann.id),
        format!("PATCH /api/v1/accounts/{}", ann.id),
        format!("POST /api/v1/accounts/{}/link", ann.id),
        "GET /api/v1/accounts".to_owned(),
    ] {
        let answered = site.ask(&operation, &bob.token, json!({})).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{operation}");
    }
}

#[tokio::test]
async fn an_api_key_reads_and_does_not_change_how_its_owner_signs_in() {
    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    let key = json!({ "label": "bot", "scopes": ["account.own"] });
    let key = site
        .ask("POST /api/v1/me/keys", &ann.token, key)
        .await
        .json();
    let key = key["key"].as_str().unwrap();
    assert_eq!(
        site.ask("GET /api/v1/me", key, Value::Null).await.status,
        StatusCode::OK
    );
    let keys = site.ask("GET /api/v1/me/keys", &ann.token, Value::Null);
    let keys = keys.await.json();
    assert_eq!(keys["items"][0]["used_address"], "10.3.0.1", "{keys}");
    for (operation, body) in [
        (
            "POST /api/v1/me/keys",
            json!({ "label": "more", "scopes": ["account.own"] }),
        ),
        (
            "PUT /api/v1/me/password",
            json!({ "password": PASSWORD, "new_password": "another horse" }),
        ),
        (
            "PUT /api/v1/me/email",
            json!({ "password": PASSWORD, "email": "b@example.net" }),
        ),
        ("POST /api/v1/me/totp", json!({ "password": PASSWORD })),
        ("DELETE /api/v1/me", json!({ "password": PASSWORD })),
        ("POST /api/v1/tokens/chat", Value::Null),
    ] {
        let answered = site.ask(operation, key, body).await;
        assert_eq!(
            answered.status,
            StatusCode::FORBIDDEN,
            "{operation}: {}",
            answered.text
        );
    }
}

/// Shows R76.
#[tokio::test]
async fn a_chat_token_is_verified_by_the_published_keys_alone() {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    let token = site
        .ask("POST /api/v1/tokens/chat", &ann.token, Value::Null)
        .await
        .json();
    let token = token["token"].as_str().unwrap();
    let keys = site.ask("GET /api/v1/tokens/keys", "", Value::Null).await;
    let keys: JwkSet = serde_json::from_str(&keys.text).unwrap();
    let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_audience(&["chat"]);
    let claims = decode::<Value>(token, &key, &rules).unwrap().claims;
    assert_eq!(
        (claims["sub"].as_str(), claims["name"].as_str()),
        (Some(ann.id.as_str()), Some("ann"))
    );
    rules.set_audience(&["play"]);
    assert!(decode::<Value>(token, &key, &rules).is_err());
    // The cookie of the site is good for it.
    let (pair, _) = ann.cookie.split_once(';').unwrap();
    let asked = Request::post("/api/v1/tokens/chat")
        .header(header::HOST, "live.example")
        .header(header::COOKIE, pair)
        .header(header::ORIGIN, "https://live.example")
        .body(Body::empty())
        .unwrap();
    assert_eq!(site.world.ask(asked).await.status, StatusCode::OK);
}

#[tokio::test]
async fn staff_finds_accounts_and_suspends_them_and_admins_invite() {
    let site = Site::new().await;
    let (ann, bob) = (site.sign_up("ann").await, site.sign_up("bob").await);
    let mo = site.with_role("mo", AccountRole::Moderator).await;
    let page = site
        .ask("GET /api/v1/accounts?limit=2", &mo.token, Value::Null)
        .await
        .json();
    assert_eq!(page["items"][1]["name"], "bob");
    let next = format!(
        "GET /api/v1/accounts?limit=2&after={}",
        page["next"].as_str().unwrap()
    );
    let rest = site.ask(&next, &mo.token, Value::Null).await.json();
    assert_eq!(
        (rest["items"][0]["name"].as_str(), &rest["next"]),
        (Some("mo"), &Value::Null)
    );
    let found = site
        .ask("GET /api/v1/accounts?q=BO", &mo.token, Value::Null)
        .await
        .json();
    assert_eq!(found["items"][0]["id"].as_str(), Some(bob.id.as_str()));
    let of_ann = format!("PATCH /api/v1/accounts/{}", ann.id);
    let out = json!({ "suspended": true, "reason": "spam" });
    let promoted = site
        .ask(&of_ann, &mo.token, json!({ "role": "moderator" }))
        .await;
    assert_eq!(promoted.status, StatusCode::FORBIDDEN);
    assert_eq!(
        site.ask(&of_ann, &mo.token, out).await.status,
        StatusCode::OK
    );
    let order = json!({ "login": "ann", "password": PASSWORD });
    let refused = site.ask("POST /api/v1/sessions", "", order).await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_u64()),
        (StatusCode::FORBIDDEN, Some(6021))
    );
    let invite = json!({ "role": "viewer", "uses": 1, "hours": 1 });
    let denied = site
        .ask("POST /api/v1/invites", &mo.token, invite.clone())
        .await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    let made = site.ask("POST /api/v1/invites", TOKEN, invite).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let link = site
        .ask(
            &format!("POST /api/v1/accounts/{}/link", bob.id),
            TOKEN,
            Value::Null,
        )
        .await;
    let link = link.json()["link"].as_str().unwrap().to_owned();
    let (_, token) = link.split_once("#token=").unwrap();
    for want in [StatusCode::CREATED, StatusCode::UNAUTHORIZED] {
        let by_link = site
            .ask("POST /api/v1/sessions/link", "", json!({ "token": token }))
            .await;
        assert_eq!(by_link.status, want);
    }
}

#[tokio::test]
async fn a_change_is_made_to_the_version_that_was_read() {
    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    let read = site.ask("GET /api/v1/me", &ann.token, Value::Null).await;
    let tag = read.header(header::ETAG).to_owned();
    let change = async |tag: &str| {
        let mut asked = request("PATCH", "/api/v1/me", "10.3.0.1", r#"{"language":"zh"}"#);
        let headers = asked.headers_mut();
        headers.insert(
            header::AUTHORIZATION,
            format!("Bearer {}", ann.token).parse().unwrap(),
        );
        headers.insert(header::IF_MATCH, tag.parse().unwrap());
        site.world.ask(asked).await
    };
    let changed = change(&tag).await;
    assert_eq!(
        (changed.status, changed.json()["language"].as_str()),
        (StatusCode::OK, Some("zh"))
    );
    assert_eq!(change(&tag).await.status, StatusCode::PRECONDITION_FAILED);
}
