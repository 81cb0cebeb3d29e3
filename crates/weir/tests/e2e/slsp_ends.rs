//! How an SLSP session ends: by word, by silence, by an operator's or the server's leave.

use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::flv::FlvViewer;
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::Options;
use weir_testkit::slsp::{Client, Container, Pump};
use weir_testkit::wait::Stopwatch;

use crate::kit::{binary, need, open_options, open_server};
use crate::slsp::{address, feed, publish, publish_with_key};

#[test]
fn whom_the_operator_ended_has_no_session_any_more() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let (pump, ready, bare) = publish_with_key(&server);
    let id = server.wait_client("publisher", "slsp")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(server.api("DELETE", &format!("clients/{id}")).status, 200);
    assert_eq!(pump.inbox().refusal(), (4008, 1001));
    let mut client = Client::connect(&bare);
    client.say_hello(&json!({ "container": "flv", "resume": &ready["resume"] }));
    assert_eq!(client.inbox().refusal(), (1001, 4401));
}

#[test]
fn who_comes_back_too_late_begins_a_new_session() {
    need!(Ffmpeg);
    let server = open_options().set(&["stream.idle_timeout_ms=1500"]).start();
    let (pump, ready) = publish(&server, "live/a");
    assert_eq!(ready["resume_ms"], 1500);
    drop(pump);
    let watch = Stopwatch::start();
    server.wait_gone("live/a", 5);
    assert!(
        (1.0..4.0).contains(&watch.elapsed_s()),
        "{} s",
        watch.elapsed_s()
    );
    assert_eq!(server.code_count(4002), 1.0);
    let url = address(&server, "live/a");
    let (client, again) = Client::resuming(&url, Container::Flv, ready["resume"].as_str().unwrap());
    assert_eq!(
        (&again["resumed"], &again["bytes"]),
        (&false.into(), &0.into())
    );
    assert_ne!(again["session"], ready["session"]);
    let _pump = Pump::start(client, feed(&Source::H264_AAC, Container::Flv), 0);
    assert_eq!(server.wait_live("live/a")["life"], 2);
}

#[test]
fn a_socket_that_stays_but_sends_nothing_is_ended_with_4002() {
    need!(Ffmpeg);
    let server = open_options().set(&["stream.idle_timeout_ms=1500"]).start();
    let (pump, _) = publish(&server, "live/a");
    let client = pump.stop();
    assert_eq!(client.inbox().refusal(), (4002, 4408));
    server.wait_gone("live/a", 1);
}

#[test]
fn bye_ends_the_stream_at_once() {
    need!(Ffmpeg);
    let server = open_server();
    let (pump, _) = publish(&server, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(500);
    let mut client = pump.stop();
    let watch = Stopwatch::start();
    client.say(&json!({ "type": "bye" })).unwrap();
    assert_eq!(client.inbox().end(), (Value::Null, 1000, String::new()));
    viewer.watch_to_the_end();
    server.wait_gone("live/a", 1);
    assert!(watch.elapsed_s() < 1.0, "{} s", watch.elapsed_s());
}

#[test]
fn a_close_of_1000_or_1001_is_an_end_and_any_other_is_an_accident() {
    need!(Ffmpeg);
    let server = open_server();
    for (code, is_end) in [(1000, true), (1001, true), (1011, false), (4000, false)] {
        let name = format!("live/c{code}");
        let (pump, _) = publish(&server, &name);
        let mut client = pump.stop();
        client.close(code).unwrap();
        client.inbox().end();
        if is_end {
            server.wait_gone(&name, 1);
        } else {
            std::thread::sleep(Duration::from_secs(1));
            assert!(server.stream(&name).is_some(), "{code} ended it");
        }
    }
}

#[test]
fn a_draining_server_says_where_to_go_on() {
    need!(Ffmpeg);
    let mut server = open_options()
        .set(&["node.drain_ms=2500", "slsp.successor=wss://other.example"])
        .start();
    let (pump, _) = publish(&server, "live/a");
    server.signal(Signal::TERM);
    let redirect = pump.inbox().wait("redirect");
    let url = redirect["url"].as_str().unwrap();
    assert!(url.starts_with("wss://other.example/slsp/live/a"), "{url}");
    // Who does nothing goes on until the end.
    assert!(!pump.inbox().is_over());
    assert_eq!(pump.inbox().refusal(), (4009, 1001));
    assert!(server.wait_exit(10).success());
}
