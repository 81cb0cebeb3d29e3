//! What a person with a browser gets, and a program at the same address.

use http::{StatusCode, header};
use serde_json::json;
use weir_cluster::Role;

use super::world::{Answered, World, record, request};

/// What Chromium says of itself when a person opens an address.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

async fn open(world: &World, path: &str, accept: &str, language: &str) -> Answered {
    let mut asked = request("GET", path, "10.3.0.1", "");
    let headers = asked.headers_mut();
    headers.insert(header::ACCEPT, accept.parse().unwrap());
    headers.insert(header::ACCEPT_LANGUAGE, language.parse().unwrap());
    world.ask(asked).await
}

#[tokio::test]
async fn an_unknown_address_is_a_page_for_people_and_json_for_programs() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    for (accept, language, lang, words) in [
        (BROWSER, "en-GB,en;q=0.9", "en", "There is no such page"),
        (BROWSER, "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "没有这个页面"),
        (BROWSER, "fr", "en", "There is no such page"),
    ] {
        let answered = open(&world, "/nothing/here", accept, language).await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{language}");
        let headers = &answered.headers;
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::CONTENT_LANGUAGE], lang);
        assert_eq!(headers[header::VARY], "Accept, Accept-Language");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(answered.text.contains(words), "{}", answered.text);
    }
    for accept in [
        "*/*",
        "application/json",
        "application/json, text/html;q=0.9",
    ] {
        let answered = open(&world, "/nothing", accept, "zh").await;
        assert_eq!(answered.status, StatusCode::NOT_FOUND, "{accept}");
        assert_eq!(answered.json()["code"], 3001, "{accept}");
        assert_eq!(answered.headers[header::VARY], "Accept, Accept-Language");
    }
    assert_eq!(world.get("/nothing").await.json()["code"], 3001);
}

#[tokio::test]
async fn the_page_of_the_api_runs_nothing_inline() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let answered = open(&world, "/docs", BROWSER, "en").await;
    assert_eq!(answered.status, StatusCode::OK);
    let policy = answered.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
}

#[tokio::test]
async fn where_rtmp_is_reached_is_told_to_every_page() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let answered = world.get("/api/v1/addresses").await;
    let want = json!({ "rtmp": { "host": "live.example.net", "port": 1936 }, "rtmps": null, "pictures": null });
    assert_eq!(answered.json(), want);
    assert_eq!(answered.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
}
