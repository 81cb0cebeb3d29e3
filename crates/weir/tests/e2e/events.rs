//! What happened is known in three ways, and all of them tell the same: the log, hooks, heartbeats.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::receiver::{Receiver, Reply};
use weir_testkit::server::Server;
use weir_testkit::wait::Stopwatch;

use crate::kit::{need, open_options, publish};

/// Sends JSON with the admin's token.
fn post(server: &Server, path: &str, body: &Value) -> Response {
    Request::get(&server.http(path))
        .method("POST")
        .header("Authorization", &format!("Bearer {}", server.token()))
        .json(body)
        .send()
}

/// The events behind `after`, waiting for the first of them.
fn events(server: &Server, after: &str) -> (Vec<Value>, String) {
    let path = format!("events?after={after}&wait=15");
    let answer = server.api("GET", &path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    let next = json["next"].as_str().unwrap().to_owned();
    (json["events"].as_array().unwrap().clone(), next)
}

/// Shows R47.
#[test]
fn a_broadcast_is_in_the_log_and_a_receiver_is_told_signed() {
    need!(Ffmpeg);
    let receiver = Receiver::start(|_| Reply::Status(204, ""));
    let server = open_options()
        .set(&["hooks.allow=[\"127.0.0.0/8\"]"])
        .start();
    let made = post(
        &server,
        "api/v1/hooks",
        &json!({ "url": receiver.url("/hook"), "app": "live" }),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"));

    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let (begun, next) = events(&server, "");
    assert_eq!(begun.len(), 1);
    assert_eq!(
        (&begun[0]["type"], &begun[0]["stream"]),
        (&json!("stream.started"), &json!("live/a"))
    );
    publisher.signal(Signal::TERM);
    let (ended, next) = events(&server, &next);
    assert_eq!(
        (&ended[0]["type"], &ended[0]["cause"]),
        (&json!("stream.ended"), &json!(4001))
    );
    assert_eq!(ended[0]["session"], begun[0]["session"]);
    let again = server.api("GET", "events").json();
    assert_eq!(
        again["events"],
        json!([begun[0], ended[0]]),
        "the same for whoever asks"
    );
    assert_eq!(again["next"], json!(next));

    let heard = receiver.wait(2);
    let types: Vec<_> = heard.iter().map(|one| one.json()["type"].clone()).collect();
    assert_eq!(types, ["stream.started", "stream.ended"]);
    assert!(heard[0].headers["webhook-signature"].starts_with("v1,"));
    assert_eq!(heard[1].json()["data"]["id"], ended[0]["id"]);

    let session = begun[0]["session"].as_str().unwrap();
    let one = server.api("GET", &format!("broadcasts/{session}")).json();
    assert_eq!(
        (&one["cause"], &one["protocol"]),
        (&json!(4001), &json!("rtmp"))
    );
    assert!(one["bytes_in"].as_i64().unwrap() > 1000, "{one}");
    let acts = server.api("GET", "audit").json();
    assert_eq!(acts["items"][0]["action"], "hook.create");
    assert!(
        !acts.to_string().contains(&secret),
        "no secret in the audit log"
    );
}

#[test]
fn a_reader_of_server_sent_events_hears_of_each_as_it_happens() {
    need!(Ffmpeg);
    let server = open_options().start();
    let mut stream = Request::get(&server.http("api/v1/events"))
        .header("authorization", &format!("Bearer {}", server.token()))
        .header("accept", "text/event-stream")
        .open()
        .unwrap();
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let piece = String::from_utf8(stream.next_chunk().unwrap().unwrap()).unwrap();
    assert!(
        piece.starts_with("id: 1\nevent: stream.started\ndata: {"),
        "{piece}"
    );
    publisher.signal(Signal::KILL);
    let piece = String::from_utf8(stream.next_chunk().unwrap().unwrap()).unwrap();
    assert!(piece.starts_with("id: 2\nevent: stream.ended\n"), "{piece}");
}

#[test]
fn a_server_that_is_killed_ends_what_was_live_when_it_comes_back() {
    need!(Ffmpeg);
    let server = open_options().start();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let (begun, next) = events(&server, "");
    let server = server.restart_killed(&[]);
    drop(publisher);
    let watch = Stopwatch::start();
    let (ended, _) = events(&server, &next);
    assert!(watch.elapsed_s() < 5.0);
    assert_eq!(
        (&ended[0]["type"], &ended[0]["cause"]),
        (&json!("stream.ended"), &json!(5002))
    );
    assert_eq!(ended[0]["session"], begun[0]["session"]);
}

#[test]
fn a_stream_whose_app_is_silent_is_ended_and_one_whose_app_speaks_goes_on() {
    need!(Ffmpeg);
    let server = open_options().set(&["apps.live.heartbeat_ms=3000"]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let (begun, next) = events(&server, "");
    let session = begun[0]["session"].as_str().unwrap().to_owned();
    let watch = Stopwatch::start();
    while watch.elapsed_s() < 5.0 {
        let answer = post(
            &server,
            &format!("api/v1/sessions/{session}/heartbeat"),
            &json!({}),
        );
        assert_eq!(answer.status, 204, "{}", answer.text());
        assert!(server.stream("live/a").is_some());
    }
    let (ended, _) = events(&server, &next);
    assert_eq!(
        (&ended[0]["type"], &ended[0]["cause"]),
        (&json!("stream.ended"), &json!(4012))
    );
    let answer = post(
        &server,
        &format!("api/v1/sessions/{session}/heartbeat"),
        &json!({}),
    );
    assert_eq!(answer.status, 404);
}
