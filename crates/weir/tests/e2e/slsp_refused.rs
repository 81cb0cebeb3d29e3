//! Who may not publish over SLSP, or not so: the error message, the close code, and nobody else hurt.

use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::flv::FlvViewer;
use weir_testkit::http::{Request, get};
use weir_testkit::media::{Source, quiet};
use weir_testkit::server::{Options, Server};
use weir_testkit::slsp::{Client, Container};
use weir_testkit::tools::Tool;
use weir_testkit::wait::Stopwatch;
use weir_testkit::ws::upgrade;

use crate::kit::{self, binary, need, open_options, open_server};
use crate::slsp::{address, begin, publish};

/// What the server answers to a hello with these members at this path.
fn answer_to(server: &Server, path: &str, hello: &Value) -> (u64, u16, String) {
    let mut client = Client::connect(&server.ws(path));
    client.say_hello(hello);
    let (code, close) = client.inbox().refusal();
    let message = client.inbox().wait("error")["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        server.code_count(u16::try_from(code).unwrap()) >= 1.0,
        "{code} is not counted"
    );
    (code, close, message)
}

/// Shows R31.
#[test]
fn each_refusal_has_its_code_its_close_code_and_words() {
    let server = Options::new(&binary()).start();
    let flv = json!({ "container": "flv" });
    let other = server.stream_key("live/b");
    let wrong = format!("slsp/live/a?key={other}");
    let own = format!("slsp/live/a?key={}", server.stream_key("live/a"));
    let refusals: [(&str, &Value, u64, u16, &str); 8] = [
        ("slsp/live/a", &flv, 1001, 4401, "key"),
        (&wrong, &flv, 1004, 4403, "key"),
        ("slsp/live/a?e=x&a=publish&k=k1&s=00", &flv, 1002, 4401, ""),
        ("slsp/api/a", &flv, 2002, 4403, ""),
        (
            "slsp/api/a",
            &json!({ "container": "flv", "test": true }),
            2002,
            4403,
            "",
        ),
        (
            "slsp/live/a",
            &json!({ "container": "flv", "test": true }),
            1001,
            4401,
            "key",
        ),
        (&own, &json!({ "container": "avi" }), 4004, 4400, "avi"),
        (
            &own,
            &json!({ "container": "flv", "v": 2 }),
            4004,
            4400,
            "version 1",
        ),
    ];
    for (path, hello, code, close, words) in refusals {
        let (said, closed, message) = answer_to(&server, path, hello);
        assert_eq!((said, closed), (code, close), "{path} {hello}: {message}");
        assert!(message.contains(words), "{path} {hello}: {message}");
    }
    let lists = server.api("GET", "streams").json();
    assert_eq!(
        lists["streams"].as_array().map_or(0, Vec::len),
        0,
        "{lists}"
    );
}

#[test]
fn what_comes_in_the_wrong_order_is_a_protocol_error() {
    let server = open_server();
    let url = address(&server, "live/a");
    type Say = fn(&mut Client);
    let breaches: [(&str, Say); 8] = [
        ("media before hello", |client| {
            client.media(b"FLV\x01").unwrap();
        }),
        ("stats before hello", |client| {
            client.say(&json!({ "type": "stats" })).unwrap();
        }),
        ("bye before hello", |client| {
            client.say(&json!({ "type": "bye" })).unwrap();
        }),
        ("no JSON", |client| client.frame(1, b"hello there").unwrap()),
        ("no object", |client| client.frame(1, b"[]").unwrap()),
        ("a second hello", |client| {
            client.hello(&json!({ "container": "flv" }));
            client.say_hello(&json!({ "container": "flv" }));
        }),
        ("an unknown type", |client| {
            client.hello(&json!({ "container": "flv" }));
            client.say(&json!({ "type": "weather" })).unwrap();
        }),
        ("a long name", |client| {
            client.say_hello(&json!({ "container": "flv", "agent": "x".repeat(257) }));
        }),
    ];
    for (name, say) in breaches {
        let mut client = Client::connect(&url);
        say(&mut client);
        assert_eq!(client.inbox().refusal(), (4004, 4400), "{name}");
    }
}

#[test]
fn a_picture_that_is_not_carried_is_refused_by_name() {
    need!(Ffmpeg9);
    let server = open_server();
    for (video, audio, name) in [("libvpx", "libopus", "VP8"), ("libvpx", "libvorbis", "VP8")] {
        let webm = webm_of(video, audio);
        let (mut client, _) = Client::publishing(&address(&server, "live/a"), Container::WebM);
        let _ = client.media(&webm);
        assert_eq!(
            client.inbox().refusal(),
            (3006, 4403),
            "{video} and {audio}"
        );
        let message = client.inbox().wait("error")["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(name), "{message}");
        server.wait_gone("live/a", 2);
    }
}

#[test]
fn a_sound_that_is_not_carried_costs_no_picture() {
    need!(Ffmpeg9);
    let server = open_server();
    let webm = webm_of("libvpx-vp9", "libvorbis");
    let (mut client, _) = Client::publishing(&address(&server, "live/a"), Container::WebM);
    client.media(&webm).unwrap();
    let stream = server.wait_live("live/a");
    assert_eq!(stream["video"]["codec"], "vp9");
    let left_out = json!([{ "kind": "audio", "what": "Vorbis audio" }]);
    assert_eq!(
        (&stream["audio"], &stream["left_out"]),
        (&Value::Null, &left_out)
    );
    assert!(!client.inbox().is_over(), "{}", client.inbox().words());
}

/// Two seconds of pictures and sound by these encoders.
fn webm_of(video: &str, audio: &str) -> Vec<u8> {
    let mut command = quiet(Tool::Ffmpeg9);
    command.args([
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x90:rate=25:duration=2",
    ]);
    command.args(["-f", "lavfi", "-i", "sine=440:r=48000:d=2"]);
    command.args([
        "-c:v",
        video,
        "-b:v",
        "200k",
        "-deadline",
        "realtime",
        "-c:a",
        audio,
    ]);
    let output = command
        .args(["-f", "webm", "-live", "1", "-"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn a_container_that_lies_is_a_protocol_error() {
    need!(Ffmpeg, Ffmpeg9);
    let server = open_server();
    let containers = [
        Container::Flv,
        Container::Fmp4,
        Container::WebM,
        Container::Ts,
    ];
    for (at, said) in containers.into_iter().enumerate() {
        let feed = crate::slsp::feed(&Source::H264_AAC, containers[(at + 1) % 4]);
        std::thread::sleep(Duration::from_secs(1));
        let (client, _) = Client::publishing(&address(&server, "live/a"), said);
        let pump = weir_testkit::slsp::Pump::start(client, feed, 0);
        assert_eq!(pump.inbox().refusal(), (4004, 4400), "said {said:?}");
        server.wait_gone("live/a", 2);
    }
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    need!(Ffmpeg);
    let server = open_server();
    let (first, _) = publish(&server, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    let (code, close, _) = answer_to(&server, "slsp/live/a", &json!({ "container": "flv" }));
    assert_eq!((code, close), (3004, 4409));
    let mut rtmp = kit::begin(&server, &Source::H264_AAC, "live/a");
    assert!(!rtmp.wait(20).success());
    assert!(rtmp.log().contains("Server error: 3004"), "{}", rtmp.log());
    viewer.watch_ms(1000);
    assert!(!first.inbox().is_over());
    let _rtmp = kit::publish(&server, &Source::H264_AAC, "live/b");
    let (code, close, _) = answer_to(&server, "slsp/live/b", &json!({ "container": "flv" }));
    assert_eq!((code, close), (3004, 4409));
}

#[test]
fn where_an_app_allows_it_a_second_publisher_takes_over_and_viewers_stay() {
    need!(Ffmpeg);
    let server = open_options().set(&["apps.live.takeover=true"]).start();
    let (first, ready) = publish(&server, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(500);
    let url = address(&server, "live/a");
    let (second, _) = begin(&url, &Source::H264_AAC, Container::Ts);
    assert_eq!(first.inbox().refusal(), (3005, 4409));
    viewer.watch_ms(2000);
    viewer.assert_monotonic();
    // The token went with the session.
    let mut late = Client::connect(&url);
    late.say_hello(&json!({ "container": "flv", "resume": ready["resume"] }));
    assert_eq!(late.inbox().wait("ready")["resumed"], false);
    assert_eq!(second.inbox().refusal(), (3005, 4409));
    drop(late);
    let _rtmp = kit::begin(&server, &Source::H264_AAC, "live/a");
    viewer.watch_ms(2000);
    viewer.assert_monotonic();
}

#[test]
fn who_sends_more_than_the_app_takes_is_warned_and_then_let_go() {
    need!(Ffmpeg);
    let server = open_options().set(&["apps.live.max_kbps=60"]).start();
    let (pump, ready) = publish(&server, "live/a");
    assert_eq!(ready["max_kbps"], 60);
    let inbox = pump.inbox();
    assert_eq!(inbox.wait("hint")["max_kbps"], 60);
    let (hinted_s, _) = inbox.all("hint")[0];
    let watch = Stopwatch::start();
    let (error, close, reason) = inbox.end_within(20);
    assert_eq!(
        (error["code"].as_u64(), close),
        (Some(4011), 4429),
        "{reason}"
    );
    let grace_s = inbox.now_s() - hinted_s;
    assert!(
        (9.0..13.0).contains(&grace_s),
        "let go {grace_s} s after the hint"
    );
    assert!(watch.elapsed_s() < 20.0 && inbox.all("hint").len() == 1);
    assert_eq!(server.code_count(4011), 1.0);
    server.wait_gone("live/a", 2);
}

#[test]
fn a_request_that_is_no_upgrade_is_answered_426_and_a_client_without_subprotocol_is_served() {
    let server = open_server();
    let plain = get(&server.http("slsp/live/a"));
    assert_eq!(plain.status, 426, "{}", plain.text());
    assert!(
        plain
            .header("upgrade")
            .is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
    );
    let answer = upgrade(Request::get(&server.http("slsp/live/a")))
        .open()
        .unwrap();
    assert_eq!(
        (answer.status, answer.header("sec-websocket-protocol")),
        (101, None)
    );
}

#[test]
fn an_uplink_is_measured_and_nothing_is_published() {
    let server = open_server();
    let mut client = Client::connect(&address(&server, "live/a"));
    client.hello(&json!({ "container": "flv", "test": true }));
    let inbox = client.inbox();
    for _ in 0..16 {
        client.media(&[0x5a; 64 * 1024]).unwrap();
    }
    weir_testkit::wait::until("all is acknowledged", 5, || {
        (inbox.acked_bytes() == 1 << 20).then_some(())
    });
    assert_eq!(inbox.all("ack").last().unwrap().1["dts_ms"], -1);
    assert!(server.stream("live/a").is_none(), "a test was published");
    client.say(&json!({ "type": "bye" })).unwrap();
    assert_eq!(inbox.end(), (Value::Null, 1000, String::new()));
}

#[test]
fn a_measurement_ends_after_32_mib_or_ten_seconds() {
    let server = open_server();
    let test = json!({ "container": "flv", "test": true });
    let mut slow = Client::connect(&address(&server, "live/slow"));
    slow.hello(&test);
    let mut fast = Client::connect(&address(&server, "live/fast"));
    fast.hello(&test);
    let chunk = vec![0; 1 << 20];
    let sent = (0..40).take_while(|_| fast.media(&chunk).is_ok()).count();
    assert!(sent >= 32, "closed after {sent} MiB");
    assert_eq!(fast.inbox().end().1, 1000);
    assert!(!slow.inbox().is_over());
    let (_, close, _) = slow.inbox().end_within(15);
    let at_s = slow.inbox().now_s();
    assert_eq!(close, 1000);
    assert!((9.0..13.0).contains(&at_s), "{at_s} s");
}
