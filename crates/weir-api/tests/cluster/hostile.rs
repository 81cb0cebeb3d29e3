//! What people send who mean harm. Most tests walk through every operation of the document, so a new one is tried by
//! itself.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use weir_account::MailConfig;
use weir_api::AccountRole;
use weir_base::Code;
use weir_testkit::log::KeptLog;

use crate::accounts::{PASSWORD, Site, by_cookie};
use crate::world::{Answered, request};

/// Words of SQL, paths, fields, HTML, Markdown and formats.
const HOSTILE: [&str; 14] = [
    "' OR '1'='1",
    "'; DROP TABLE accounts; --",
    "\") UNION SELECT password_hash FROM accounts --",
    "../../../../etc/passwd",
    "..\\..\\secrets.toml",
    "a\r\nSet-Cookie: weir_session=evil",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "\u{0}",
    "%00%2e%2e%2f",
    "{{7*7}}${7*7}",
    "\u{202e}nna",
    "%s%n%x",
    "//evil.example/",
];

struct Operation {
    method: String,
    path: String,
    is_guarded: bool,
}

impl Operation {
    /// Its path with `word` in each place.
    fn with(&self, word: &str) -> String {
        let mut parts = Vec::new();
        for part in self.path.split('/') {
            parts.push(if part.starts_with('{') {
                word.to_owned()
            } else {
                part.to_owned()
            });
        }
        parts.join("/")
    }
}

async fn operations(site: &Site) -> Vec<Operation> {
    let document = site.world.get("/api/v1/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                is_guarded: described["x-weir-right"].is_string(),
            });
        }
    }
    assert!(operations.len() > 80, "{}", operations.len());
    operations
}

fn encoded(word: &str) -> String {
    let byte = |byte: u8| format!("%{byte:02X}");
    word.bytes().map(byte).collect()
}

/// What was refused was refused in order: never a fault, and in the form that all refusals have.
pub(crate) fn in_order(answered: &Answered, what: &str) {
    let status = answered.status;
    let is_away = status == StatusCode::SERVICE_UNAVAILABLE;
    assert!(
        !status.is_server_error() || is_away,
        "{what}: {}",
        answered.text
    );
    assert!(
        !answered.header(header::SET_COOKIE).contains("evil"),
        "{what}"
    );
    if !status.is_success() && !status.is_redirection() {
        let kind = answered.header(header::CONTENT_TYPE);
        assert_eq!(
            kind, "application/problem+json",
            "{what}: {}",
            answered.text
        );
    }
    for word in ["sqlx", "sqlite", "SQL", "panicked", "src/"] {
        assert!(!answered.text.contains(word), "{what}: {}", answered.text);
    }
}

#[tokio::test]
async fn hostile_words_in_a_path_or_a_search_are_nobodys_name_everywhere() {
    let site = Site::new().await;
    let admin = site.with_role("ann", AccountRole::Admin).await;
    for operation in operations(&site).await {
        // Whoever waits for events is held for as long as nothing comes.
        if operation.path.contains("events") || operation.path.contains("drain") {
            continue;
        }
        let in_path = operation.path.contains('{');
        for word in HOSTILE {
            let word = encoded(word);
            let target = match in_path {
                true => operation.with(&word),
                false => format!("{}?q={word}&after={word}&limit={word}", operation.path),
            };
            let asked = format!("{} {target}", operation.method);
            // An order that would be taken without more, such as to sign out everywhere, is not what is tried.
            if !in_path && operation.method != "GET" {
                continue;
            }
            let answered = site.ask(&asked, &admin.token, Value::Null).await;
            in_order(&answered, &asked);
        }
    }
    // All of them are there yet, and the first is still who she was.
    let me = site.ask("GET /api/v1/me", &admin.token, Value::Null).await;
    assert_eq!(
        (me.status, &me.json()["name"]),
        (StatusCode::OK, &json!("ann"))
    );
}

#[tokio::test]
async fn hostile_words_in_a_body_are_stored_as_they_are_or_refused() {
    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    for word in HOSTILE {
        for order in [
            json!({ "login": word, "password": word }),
            json!({ "login": "ann", "password": word, "code": word }),
        ] {
            let answered = site.ask("POST /api/v1/sessions", "", order).await;
            in_order(&answered, word);
            assert!(
                answered.status.is_client_error(),
                "{word}: {}",
                answered.text
            );
        }
        let order =
            json!({ "name": word, "email": format!("{word}@example.net"), "password": PASSWORD });
        let answered = site.ask("POST /api/v1/accounts", "", order).await;
        in_order(&answered, word);
        assert!(
            answered.status.is_client_error(),
            "{word}: {}",
            answered.text
        );
        let order = json!({ "about": word });
        let changed = site.ask("PATCH /api/v1/me", &ann.token, order).await;
        in_order(&changed, word);
        if changed.status.is_success() {
            assert_eq!(changed.json()["about"], word.trim(), "{word}");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_too_deep_or_no_json_are_refused_everywhere() {
    let site = Site::new().await;
    let admin = site.with_role("ann", AccountRole::Admin).await;
    let deep = "[".repeat(8_000);
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(100_000));
    let bodies: [&[u8]; 6] = [
        large.as_bytes(),
        deep.as_bytes(),
        b"{\"a\":1,\"a\":2}",
        b"\xff\xfe{}",
        b"[]",
        b"{\"__proto__\":{\"role\":\"admin\"}}",
    ];
    let id = "019f0000-0000-7000-8000-000000000000";
    for operation in operations(&site).await {
        let takes_one = ["POST", "PUT", "PATCH"].contains(&operation.method.as_str());
        let is_spared = ["drain", "/clusters", "/report"]
            .iter()
            .any(|word| operation.path.contains(word));
        if !takes_one || is_spared {
            continue;
        }
        for body in bodies {
            let mut asked = request(&operation.method, &operation.with(id), "10.3.0.1", "");
            let kind = "application/json".parse().unwrap();
            asked.headers_mut().insert(header::CONTENT_TYPE, kind);
            let token = format!("Bearer {}", admin.token).parse().unwrap();
            asked.headers_mut().insert(header::AUTHORIZATION, token);
            *asked.body_mut() = Body::from(body.to_vec());
            let answered = site.world.ask(asked).await;
            in_order(&answered, &operation.path);
        }
    }
}

#[tokio::test]
async fn every_answer_says_what_it_is_and_what_is_somebodys_is_kept_by_nobody() {
    let site = Site::new().await;
    let admin = site.with_role("ann", AccountRole::Admin).await;
    for operation in operations(&site).await {
        if operation.method != "GET" || operation.path.contains("events") {
            continue;
        }
        let mut asked = request("GET", &operation.with("chess"), "10.3.0.1", "");
        let token = format!("Bearer {}", admin.token).parse().unwrap();
        asked.headers_mut().insert(header::AUTHORIZATION, token);
        let answered = site.world.ask(asked).await;
        let sniffed = answered.header(header::X_CONTENT_TYPE_OPTIONS);
        assert_eq!(sniffed, "nosniff", "{}", operation.path);
        if operation.is_guarded {
            let kept = answered.header(header::CACHE_CONTROL);
            assert!(kept.contains("no-store"), "{}: {kept:?}", operation.path);
        }
    }
}

/// The claims of somebody who would like to be `sub`, signed with nothing, or with what everybody knows.
fn forged(sub: &str, public: &str) -> Vec<String> {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let asked = json!({ "sub": sub, "role": "admin", "aud": "chat", "exp": 4_000_000_000_u64 });
    let claims = part(&asked);
    let none = part(&json!({ "alg": "none", "typ": "JWT" }));
    let key = jsonwebtoken::EncodingKey::from_secret(public.as_bytes());
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    vec![
        format!("{none}.{claims}."),
        format!("{none}.{claims}.AAAA"),
        jsonwebtoken::encode(&header, &asked, &key).unwrap(),
    ]
}

#[tokio::test]
async fn no_token_is_good_for_what_another_is_for_and_none_can_be_made_up() {
    let site = Site::new().await;
    let ann = site.with_role("ann", AccountRole::Admin).await;
    let chat = site
        .ask("POST /api/v1/tokens/chat", &ann.token, Value::Null)
        .await;
    let chat = chat.json()["token"].as_str().unwrap().to_owned();
    let keys = site
        .ask("GET /api/v1/tokens/keys", "", Value::Null)
        .await
        .json();
    let public = keys["keys"][0]["x"].as_str().unwrap();
    let account = site.service.account(ann.id.parse().unwrap()).await.unwrap();
    let link = site.service.make_link(&account).await.unwrap();
    let cookie = ann.cookie.split([';', '=']).nth(1).unwrap().to_owned();
    let mut wrong = forged(&ann.id, public);
    wrong.extend(link.split("#token=").map(str::to_owned));
    wrong.extend([chat, ann.refresh.clone(), cookie, ann.id.clone()]);
    wrong.push(ann.token[..ann.token.len() - 1].to_owned());
    wrong.push(format!("{}A", ann.token));
    wrong.push(ann.token.to_lowercase());
    wrong.push(format!("{}' OR '1'='1", ann.token));
    for token in &wrong {
        let answered = site.ask("GET /api/v1/me", token, Value::Null).await;
        assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{token}");
    }
    // Nor is a program's token, or what renews it, a cookie.
    for word in [&ann.token, &ann.refresh] {
        let asked = by_cookie("GET", &format!("weir_session={word};"), &[], "");
        let answered = site.world.ask(asked).await;
        assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{word}");
    }
    // What was used is used up.
    let order = json!({ "refresh": ann.refresh });
    let first = site
        .ask("POST /api/v1/sessions/refresh", "", order.clone())
        .await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let again = site.ask("POST /api/v1/sessions/refresh", "", order).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{}", again.text);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing_by_the_cookie_whatever_it_asks() {
    let site = Site::new().await;
    let admin = site.with_role("ann", AccountRole::Admin).await;
    let (pair, _) = admin.cookie.split_once(';').unwrap();
    let id = "019f0000-0000-7000-8000-000000000000";
    let mut tried = 0;
    for operation in operations(&site).await {
        if operation.method == "GET" || !operation.is_guarded {
            continue;
        }
        tried += 1;
        for fields in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", "https://live.example.evil.example")],
            &[],
        ] {
            let mut asked = Request::builder()
                .method(operation.method.as_str())
                .uri(operation.with(id))
                .header(header::HOST, "live.example")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::COOKIE, pair);
            for (name, value) in fields {
                asked = asked.header(*name, *value);
            }
            let answered = site.world.ask(asked.body(Body::from("{}")).unwrap()).await;
            let what = format!("{} {} {fields:?}", operation.method, operation.path);
            assert_eq!(
                answered.status,
                StatusCode::FORBIDDEN,
                "{what}: {}",
                answered.text
            );
            assert_eq!(answered.json()["code"], Code::CrossSite.number(), "{what}");
        }
    }
    assert!(tried > 40, "{tried}");
}

#[tokio::test]
async fn nobody_gives_themselves_what_is_not_in_the_form() {
    let site = Site::new().await;
    let ann = site.sign_up("ann").await;
    for field in [
        "role",
        "state",
        "email",
        "email_verified",
        "id",
        "user_id",
        "password_hash",
        "version",
        "rights",
    ] {
        let order = json!({ "about": "x", field: "admin" });
        let answered = site.ask("PATCH /api/v1/me", &ann.token, order).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
    let key = json!({ "label": "bot", "scopes": ["accounts.manage"] });
    let key = site.ask("POST /api/v1/me/keys", &ann.token, key).await;
    assert_eq!(key.status, StatusCode::FORBIDDEN, "{}", key.text);
    let me = site
        .ask("GET /api/v1/me", &ann.token, Value::Null)
        .await
        .json();
    assert_eq!(
        (&me["role"], &me["about"]),
        (&json!("broadcaster"), &json!(""))
    );
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_is_signed_in() {
    let site = Site::new().await;
    site.sign_up("ann").await;
    let planted = "weir_session=wc_planted";
    let body = json!({ "login": "ann", "password": PASSWORD, "kind": "cookie" }).to_string();
    let mut asked = request("POST", "/api/v1/sessions", "10.3.0.1", &body);
    asked
        .headers_mut()
        .insert(header::COOKIE, planted.parse().unwrap());
    let answered = site.world.ask(asked).await;
    assert_eq!(answered.status, StatusCode::CREATED);
    assert!(!answered.header(header::SET_COOKIE).contains("wc_planted"));
    let asked = by_cookie("GET", &format!("{planted};"), &[], "");
    assert_eq!(site.world.ask(asked).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nothing_says_whether_somebody_has_an_account() {
    let site = Site::new().await;
    site.sign_up("ann").await;
    let said = async |operation: &str, order: Value| {
        let answered = site.ask(operation, "", order).await;
        (answered.status, answered.text)
    };
    let reset = "POST /api/v1/accounts/reset";
    let (ann, nobody) = (
        said(reset, json!({ "login": "ann" })).await,
        said(reset, json!({ "login": "nobody" })).await,
    );
    assert_eq!(ann, nobody);
    let sign_up = async |name: &str, email: &str| {
        let order = json!({ "name": name, "email": email, "password": PASSWORD });
        let (status, text) = said("POST /api/v1/accounts", order).await;
        let made: Value = serde_json::from_str(&text).unwrap();
        let fields: Vec<_> = made.as_object().unwrap().keys().cloned().collect();
        (status, fields, made["email_verified_ms"].clone())
    };
    let known = sign_up("eve", "ann@example.net").await;
    assert_eq!(known.0, StatusCode::CREATED);
    assert_eq!(known, sign_up("bob", "nobody@example.net").await);
    let mut asked = request("POST", "/api/v1/sessions/passkey/offer", "10.3.0.1", "");
    let origin = "http://localhost:8080".parse().unwrap();
    asked.headers_mut().insert(header::ORIGIN, origin);
    let question = site.world.ask(asked).await;
    assert_eq!(question.status, StatusCode::OK, "{}", question.text);
    assert_eq!(question.json()["options"]["allowCredentials"], json!([]));
}

#[tokio::test]
async fn a_redirect_leads_to_a_node_and_nowhere_else() {
    let site = Site::new().await;
    for target in [
        "/go//evil.example/x.flv",
        "/go/live/%2F%2Fevil.example.flv",
        "/go/live/x.flv?to=https://evil.example",
        "/go/live/%0d%0aLocation:%20https:%2f%2fevil.example.flv",
        "//evil.example/",
        "/account/sign-in?next=https://evil.example",
    ] {
        let answered = site.world.ask(request("GET", target, "10.3.0.1", "")).await;
        let place = answered.header(header::LOCATION);
        let host = place.split("://").nth(1).unwrap_or_default();
        assert!(
            !host.starts_with("evil") && !place.starts_with("//"),
            "{target}: {place}"
        );
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_in_an_error_or_in_an_address() {
    let log = KeptLog::new();
    let site = Site::with_mail(MailConfig {
        // Nobody listens there: what cannot be sent is told in the log, and its link must not be.
        url: "smtp://weir:smtp-secret@127.0.0.1:9?tls=required".to_owned(),
        ..MailConfig::default()
    })
    .await;
    let ann = site.sign_up("ann").await;
    let wrong = json!({ "login": "ann", "password": "a wrong secret" });
    let refused = site.ask("POST /api/v1/sessions", "", wrong).await;
    let order = json!({ "label": "bot", "scopes": ["account.own"] });
    let key = site
        .ask("POST /api/v1/me/keys", &ann.token, order)
        .await
        .json();
    let order = json!({ "name": "chess", "title": "Chess" });
    site.ask("POST /api/v1/channels", &ann.token, order).await;
    let made = site.ask(
        "POST /api/v1/channels/chess/keys",
        &ann.token,
        json!({ "label": "" }),
    );
    let made = made.await.json();
    let order = json!({ "password": PASSWORD });
    let offered = site
        .ask("POST /api/v1/me/totp", &ann.token, order)
        .await
        .json();
    let stolen = site
        .ask("GET /api/v1/me", &format!("{}x", ann.token), Value::Null)
        .await;
    site.ask("POST /api/v1/accounts/reset", "", json!({ "login": "ann" }))
        .await;
    let order = json!({ "refresh": ann.refresh });
    let renewed = site
        .ask("POST /api/v1/sessions/refresh", "", order.clone())
        .await
        .json();
    let replayed = site.ask("POST /api/v1/sessions/refresh", "", order).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let secrets = [
        PASSWORD.to_owned(),
        "a wrong secret".to_owned(),
        "smtp-secret".to_owned(),
        ann.token.clone(),
        ann.refresh.clone(),
        ann.cookie.split([';', '=']).nth(1).unwrap().to_owned(),
        text(&key["key"]),
        text(&made["key"]),
        text(&offered["secret"]),
        text(&offered["offer"]),
        text(&renewed["token"]),
        text(&renewed["refresh"]),
        "#token=".to_owned(),
        "$argon2".to_owned(),
        "a secret of this site".to_owned(),
    ];
    let log = log.text();
    assert!(log.contains("signed in"), "the log is kept: {log}");
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} is in the log");
        for answered in [&refused, &stolen, &replayed] {
            assert!(
                !answered.text.contains(secret),
                "{secret}: {}",
                answered.text
            );
        }
    }
}
