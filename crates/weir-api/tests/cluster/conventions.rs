//! What holds for every route of the API: the document, pages, tags, keys, rates, other sites.

use http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use weir_base::Code;
use weir_cluster::Role;

use crate::world::{World, record, request, with_bearer, with_token};

/// Where the document is kept, for whoever reads it without a server.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ref/openapi.json");

fn world() -> World {
    World::new(record("d1", &[Role::Dispatcher], None))
}

async fn document() -> Value {
    world().get("/api/v1/openapi.json").await.json()
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_document_is_the_one_in_the_repository() {
    let mut document = document().await;
    // The version changes with each release, the API need not.
    document["info"]["version"] = "1".into();
    // The table of codes has a page of its own, docs/ref/errors.md.
    assert!(
        document["x-weir-codes"]
            .as_array()
            .is_some_and(|codes| codes.len() > 20)
    );
    document["x-weir-codes"] = Value::Array(Vec::new());
    let rendered = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(GOLDEN, &rendered).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let golden: Value = serde_json::from_str(&golden).unwrap_or_default();
    let differ = differing(&golden, &document, "");
    assert!(
        differ.is_empty(),
        "the API changed; run this again with WEIR_BLESS=1 to write {GOLDEN}: {differ:#?}"
    );
}

/// The places in which two documents differ.
fn differing(a: &Value, b: &Value, at: &str) -> Vec<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let value = |object: &serde_json::Map<String, Value>, key: &str| {
                object.get(key).cloned().unwrap_or_default()
            };
            keys.into_iter()
                .flat_map(|key| differing(&value(a, key), &value(b, key), &format!("{at}/{key}")))
                .collect()
        }
        (a, b) if a == b => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

#[tokio::test]
async fn the_document_is_openapi_3_1_and_keeps_the_conventions() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(
            path.starts_with("/api/v1/") && !path.contains('*'),
            "{path}"
        );
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name), "{what}: its name is another's too");
            assert!(operation["summary"].is_string(), "{what}: no summary");
            assert_eq!(
                operation["tags"].as_array().map(Vec::len),
                Some(1),
                "{what}"
            );
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("429"), "{what}");
            assert!(
                !responses.contains_key("default"),
                "{what}: every status has its words"
            );
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let said = parameter["description"].is_string();
                assert!(said, "{what}: {} is not described", parameter["name"]);
            }
        }
    }
    for body in bodies(&document) {
        let schema = &document["components"]["schemas"][&body];
        assert_eq!(
            schema["additionalProperties"], false,
            "{body}: unknown fields of a request are refused (serde(deny_unknown_fields))"
        );
        assert!(schema["example"].is_object(), "{body}: no example");
    }
}

/// The names of the schemas of all requests' bodies.
fn bodies(document: &Value) -> Vec<String> {
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut names = Vec::new();
    for operation in operations {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let choices = schema["oneOf"].as_array().cloned().unwrap_or_default();
        let all = choices.iter().chain([schema]);
        let found = all.filter_map(|schema| schema["$ref"].as_str()?.rsplit('/').next());
        names.extend(found.map(str::to_owned));
    }
    assert!(names.len() > 2, "bodies are found: {names:?}");
    names
}

#[tokio::test]
async fn a_document_that_is_known_is_not_sent_again() {
    let world = world();
    let first = world.get("/api/v1/openapi.json").await;
    let etag = first.header(header::ETAG).to_owned();
    assert!(etag.starts_with('"'), "{etag}");
    let mut again = request("GET", "/api/v1/openapi.json", "10.3.0.1", "");
    again
        .headers_mut()
        .insert(header::IF_NONE_MATCH, etag.parse().unwrap());
    let again = world.ask(again).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.text.is_empty());
}

#[tokio::test]
async fn a_change_is_made_only_to_the_version_that_was_read() {
    let world = world();
    let etag = world.get_admin("/api/v1/drain").await;
    let etag = etag.header(header::ETAG).to_owned();
    let drain = |tag: &str| {
        let mut asked = with_token(request("POST", "/api/v1/drain", "10.3.0.1", ""));
        asked
            .headers_mut()
            .insert(header::IF_MATCH, tag.parse().unwrap());
        asked
    };
    let other = world.ask(drain("\"another life\"")).await;
    assert_eq!(other.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(other.json()["code"], Code::PreconditionFailed.number());
    assert!(!world.shutdown.is_draining());
    assert_eq!(world.ask(drain(&etag)).await.status, StatusCode::OK);
    assert!(world.shutdown.is_draining());
}

#[tokio::test]
async fn a_post_with_a_key_is_done_once() {
    let world = world();
    let report = |key: &str, port: u16| {
        let body = format!(r#"{{"app":"live","stream":"a","ip":"10.0.0.5","port":{port}}}"#);
        let asked = request("POST", "/api/v1/streams/report", "10.3.0.1", &body);
        let mut asked = with_token(asked);
        asked
            .headers_mut()
            .insert("idempotency-key", key.parse().unwrap());
        asked
    };
    let first = world.ask(report("\"k1\"", 1935)).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(field(&first.headers, "idempotency-replayed"), "");
    let again = world.ask(report("k1", 1935)).await;
    assert_eq!((again.status, &again.text), (StatusCode::OK, &first.text));
    assert_eq!(field(&again.headers, "idempotency-replayed"), "true");
    let other = world.ask(report("k1", 1936)).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json()["errors"][0]["field"], "idempotency-key");
    let located = "/api/v1/streams/locate?app=live&stream=a";
    assert_eq!(world.get_admin(located).await.json()["port"], 1935);
    assert_eq!(
        world.ask(report("a b", 1)).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn who_asks_too_often_waits_and_is_told_how_long() {
    let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
        config.api.reads_per_minute = 2;
    });
    let from = |ip: &str| request("GET", "/api/v1/live", ip, "");
    let first = world.ask(from("10.3.0.1")).await;
    assert_eq!(
        field(&first.headers, "ratelimit-policy"),
        "\"read\";q=2;w=60"
    );
    assert!(field(&first.headers, "ratelimit").starts_with("\"read\";r=1;t="));
    assert_eq!(world.ask(from("10.3.0.1")).await.status, StatusCode::OK);
    let refused = world.ask(from("10.3.0.1")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let json = refused.json();
    assert_eq!(json["code"], Code::RateLimited.number());
    let wait_ms = json["retry_after_ms"].as_u64().unwrap();
    let wait_s: u64 = field(&refused.headers, "retry-after").parse().unwrap();
    assert_eq!(wait_ms.div_ceil(1000), wait_s);
    // Others, accounts by their names, and the operator are not held up by it.
    assert_eq!(world.ask(from("10.3.0.2")).await.status, StatusCode::OK);
    for _ in 0..2 {
        let asked = request("GET", "/api/v1/streams", "10.3.0.1", "");
        let asked = with_bearer(asked, "moderator");
        assert_eq!(world.ask(asked).await.status, StatusCode::OK);
    }
    let asked = with_bearer(
        request("GET", "/api/v1/streams", "10.3.0.9", ""),
        "moderator",
    );
    assert_eq!(world.ask(asked).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        world.get_admin("/api/v1/streams").await.status,
        StatusCode::OK
    );
    // Whoever guesses tokens is slowed down like whoever has none.
    let guess = with_bearer(request("GET", "/api/v1/streams", "10.3.0.1", ""), "guess");
    assert_eq!(world.ask(guess).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn pages_of_listed_sites_may_use_the_api_and_others_not() {
    let world = World::set(record("d1", &[Role::Dispatcher], None), |config| {
        config.cors_origins = vec!["https://app.example".into()];
    });
    let asked = |method: &str, origin: &str| {
        Request::builder()
            .method(method)
            .uri("/api/v1/streams")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    let granted = |headers: &HeaderMap| field(headers, "access-control-allow-origin").to_owned();
    let preflight = world.ask(asked("OPTIONS", "https://app.example")).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(granted(&preflight.headers), "https://app.example");
    let allowed = field(&preflight.headers, "access-control-allow-headers");
    assert_eq!(allowed.to_ascii_lowercase(), "authorization");
    let answer = world
        .ask(with_token(asked("GET", "https://app.example")))
        .await;
    assert_eq!(granted(&answer.headers), "https://app.example");
    assert_eq!(
        field(&answer.headers, "access-control-allow-credentials"),
        ""
    );
    let other = world
        .ask(with_token(asked("GET", "https://evil.example")))
        .await;
    assert_eq!(granted(&other.headers), "");
    let other = world.ask(asked("OPTIONS", "https://evil.example")).await;
    assert_eq!(granted(&other.headers), "");
}

#[tokio::test]
async fn lists_have_pages() {
    let world = world();
    let all = world.get_admin("/api/v1/clients?limit=5").await;
    assert_eq!(all.status, StatusCode::OK);
    assert_eq!(all.json().get("next"), None);
}
