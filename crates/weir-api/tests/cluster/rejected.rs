//! What the framework refuses by itself: each answer has a code.

use http::{StatusCode, header};
use weir_base::Code;
use weir_cluster::Role;

use super::world::{World, record, request, with_token};

#[tokio::test]
async fn every_rejection_has_a_code() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let long = "x".repeat(1 << 20);
    let bad = StatusCode::BAD_REQUEST;
    let large = StatusCode::PAYLOAD_TOO_LARGE;
    let method = StatusCode::METHOD_NOT_ALLOWED;
    let nothing = StatusCode::NOT_FOUND;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let table = [
        ("GET", "/api/v1/streams/locate", "", bad, Code::BadRequest),
        (
            "GET",
            "/api/v1/cluster?after=a&after=b",
            "",
            bad,
            Code::BadRequest,
        ),
        ("GET", "/api/v1/clients?limit=0", "", bad, Code::BadRequest),
        ("GET", "/api/v1/clients?limit=x", "", bad, Code::BadRequest),
        ("GET", "/api/v1/streams?after=!", "", bad, Code::BadRequest),
        ("GET", "/api/v1/apps/%ff", "", bad, Code::BadRequest),
        ("POST", "/api/v1/streams/report", "{", bad, Code::BadRequest),
        (
            "POST",
            "/api/v1/streams/report",
            "{}",
            unprocessable,
            Code::Unprocessable,
        ),
        (
            "POST",
            "/api/v1/dispatch/play",
            "[]",
            unprocessable,
            Code::Unprocessable,
        ),
        (
            "POST",
            "/api/v1/drain",
            r#"{"buy":"x"}"#,
            unprocessable,
            Code::Unprocessable,
        ),
        (
            "POST",
            "/api/v1/streams/report",
            &long,
            large,
            Code::TooLarge,
        ),
        ("POST", "/api/v1/drain", &long, large, Code::TooLarge),
        (
            "POST",
            "/api/v1/dispatch/play",
            &long,
            large,
            Code::TooLarge,
        ),
        (
            "DELETE",
            "/api/v1/streams/locate",
            "",
            method,
            Code::MethodNotAllowed,
        ),
        ("PUT", "/livez", "", method, Code::MethodNotAllowed),
        ("POST", "/metrics", "", method, Code::MethodNotAllowed),
        ("GET", "/api/v1/nothing", "", nothing, Code::NotFound),
        ("POST", "/api/v1/nothing", "", nothing, Code::NotFound),
        ("POST", "/nothing", "", nothing, Code::NotFound),
    ];
    for (method, target, body, status, code) in table {
        let asked = with_token(request(method, target, "10.3.0.1", body));
        let answered = world.ask(asked).await;
        let what = format!("{method} {target}: {}", answered.text);
        assert_eq!(answered.status, status, "{what}");
        assert_eq!(answered.json()["code"], code.number(), "{what}");
        let problem = "application/problem+json";
        assert_eq!(answered.header(header::CONTENT_TYPE), problem, "{what}");
        let json = answered.json();
        assert_eq!(json["status"], status.as_u16(), "{what}");
        assert_eq!(json["type"], format!("/docs#e{}", code.number()), "{what}");
        assert_eq!(json["title"], code.entry().message, "{what}");
        assert_eq!(json["advice"], code.entry().advice, "{what}");
        assert!(!answered.json()["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_told_which_are() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let answered = world.ask(request("PUT", "/livez", "10.3.0.1", "")).await;
    assert_eq!(answered.header(header::ALLOW), "GET,HEAD");
}

#[tokio::test]
async fn what_is_wrong_is_said_field_by_field() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let body = r#"{"app":"live","stream":"a","ip":"10.0.0.5","port":70000}"#;
    let asked = request("POST", "/api/v1/streams/report", "10.3.0.1", body);
    let answered = world.ask(with_token(asked)).await.json();
    assert_eq!(answered["errors"][0]["field"], "port", "{answered}");
    let body = r#"{"app":"live","stream":"a","admin":true}"#;
    let asked = request("POST", "/api/v1/dispatch/play", "10.3.0.1", body);
    let answered = world.ask(asked).await.json();
    let words = answered["errors"][0]["words"].as_str().unwrap();
    assert!(words.contains("unknown field `admin`"), "{answered}");
}

#[tokio::test]
async fn what_nodes_say_to_each_other_is_known() {
    // As `weir-scale` says it.
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let body = r#"{"by":"scaler","order":"o-1","boot":7}"#;
    let asked = request("POST", "/api/v1/drain", "10.3.0.1", body);
    let answered = world.ask(with_token(asked)).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_eq!(answered.json()["by"], "scaler");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_by_its_type() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let body = "app=live&stream=a&ip=10.0.0.5&port=1935";
    let mut asked = with_token(request("POST", "/api/v1/streams/report", "10.3.0.1", body));
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    asked.headers_mut().insert(header::CONTENT_TYPE, form);
    let answered = world.ask(asked).await;
    assert_eq!(answered.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answered.json()["code"], Code::WrongMediaType.number());
}
