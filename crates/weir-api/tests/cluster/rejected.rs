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
    let table = [
        (
            "GET",
            "/api/v1/streams/locate",
            "",
            bad,
            Code::ProtocolError,
        ),
        (
            "GET",
            "/api/v1/cluster?after=a&after=b",
            "",
            bad,
            Code::ProtocolError,
        ),
        ("GET", "/api/v1/apps/%ff", "", bad, Code::ProtocolError),
        (
            "POST",
            "/api/v1/streams/report",
            "{",
            bad,
            Code::ProtocolError,
        ),
        (
            "POST",
            "/api/v1/streams/report",
            &long,
            large,
            Code::FrameTooLarge,
        ),
        ("POST", "/api/v1/drain", &long, large, Code::FrameTooLarge),
        (
            "POST",
            "/api/v1/dispatch/play",
            &long,
            large,
            Code::FrameTooLarge,
        ),
        (
            "DELETE",
            "/api/v1/streams/locate",
            "",
            method,
            Code::ProtocolError,
        ),
        ("PUT", "/livez", "", method, Code::ProtocolError),
        ("POST", "/metrics", "", method, Code::ProtocolError),
        ("GET", "/api/v1/nothing", "", nothing, Code::NotFound),
        ("POST", "/nothing", "", nothing, Code::NotFound),
    ];
    for (method, target, body, status, code) in table {
        let asked = with_token(request(method, target, "10.3.0.1", body));
        let answered = world.ask(asked).await;
        let what = format!("{method} {target}: {}", answered.text);
        assert_eq!(answered.status, status, "{what}");
        assert_eq!(answered.json()["code"], code.number(), "{what}");
        let json = "application/json";
        assert_eq!(answered.header(header::CONTENT_TYPE), json, "{what}");
        assert!(!answered.json()["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_told_which_are() {
    let world = World::new(record("d1", &[Role::Dispatcher], None));
    let answered = world.ask(request("PUT", "/livez", "10.3.0.1", "")).await;
    assert_eq!(answered.header(header::ALLOW), "GET,HEAD");
}
