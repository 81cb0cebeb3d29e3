//! What the operator does while the server runs: asks, kicks, reloads.

use weir_testkit::flv::FlvViewer;
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{begin, binary, need, open_server, publish};
use crate::viewers::until_not_binary;

#[test]
fn the_admin_api_wants_its_token() {
    let server = open_server();
    for path in ["streams", "clients", "streams/live/a"] {
        let url = server.http(&format!("api/v1/{path}"));
        assert_eq!(get(&url).refusal(), (401, 6010), "{path}");
        let wrong = Request::get(&url)
            .header("Authorization", "Bearer wrong")
            .send();
        assert_eq!(wrong.refusal(), (401, 6011), "{path}");
    }
    assert_eq!(server.api("GET", "streams").status, 200);
    assert_eq!(get(&server.http("api/v1/live")).status, 200);
    assert_eq!(
        get(&server.http("api/v1/versions")).json()["data"]["name"],
        "weir"
    );
    assert_eq!(
        (
            get(&server.http("livez")).status,
            get(&server.http("readyz")).status
        ),
        (200, 200)
    );
}

#[test]
fn operators_may_have_a_listener_of_their_own() {
    let server = Options::new(&binary())
        .set(&["http.admin_listen=127.0.0.1:0"])
        .start();
    let bearer = format!("Bearer {}", server.token());
    let ask = |door: &str, path: &str| {
        let url = format!("http://{}/{path}", server.address(door));
        let asked = Request::get(&url).header("Authorization", &bearer);
        asked.send().status
    };
    for path in ["api/v1/streams", "api/v1/cluster", "metrics", "console"] {
        assert_eq!(
            (ask("http", path), ask("admin", path)),
            (404, 200),
            "{path}"
        );
    }
    for path in ["api/v1/live", "api/v1/openapi.json", "readyz"] {
        assert_eq!(
            (ask("http", path), ask("admin", path)),
            (200, 200),
            "{path}"
        );
    }
    // The node's own command finds it there.
    let drained = std::process::Command::new(binary())
        .args(["drain", "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(drained.status.success(), "{drained:?}");
}

/// Shows R50.
#[test]
fn the_api_knows_what_a_stream_is_made_of() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let stream = weir_testkit::wait::until("rates", 10, || {
        server
            .stream("live/a")
            .filter(|stream| stream["video"]["fps"].as_f64().unwrap_or(0.0) > 20.0)
    });
    assert_eq!(
        (&stream["video"]["codec"], &stream["audio"]["codec"]),
        (&"h264".into(), &"aac".into())
    );
    assert_eq!(
        (&stream["video"]["width"], &stream["video"]["height"]),
        (&320.into(), &180.into())
    );
    assert_eq!(
        (
            &stream["audio"]["sample_rate"],
            &stream["audio"]["channels"]
        ),
        (&48_000.into(), &1.into())
    );
    assert_eq!(
        (&stream["gop_ms"], &stream["gop_frames"]),
        (&1000.into(), &25.into())
    );
    assert_eq!(
        (&stream["corrections"], &stream["dropped_frames"]),
        (&0.into(), &0.into())
    );
    assert!(
        stream["publisher"]["address"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(stream["bitrate_kbps"].as_f64().unwrap() > 50.0, "{stream}");
    told_as_srs_tells_it(&server);
}

/// The same in the shape that tools made for SRS read.
fn told_as_srs_tells_it(server: &Server) {
    let streams = server.api("GET", "streams/").json();
    assert_eq!(streams["code"], 0);
    let stream = &streams["streams"][0];
    assert_eq!(
        (&stream["name"], &stream["app"], &stream["url"]),
        (&"a".into(), &"live".into(), &"/live/a".into())
    );
    assert_eq!(stream["vhost"], "__defaultVhost__");
    assert_eq!(stream["video"]["codec"], "H264");
    assert!(
        stream["kbps"]["recv_30s"].as_u64().unwrap() > 50,
        "{stream}"
    );
    let clients = server.api("GET", "clients/").json();
    let publisher = &clients["clients"][0];
    assert_eq!(publisher["type"], "rtmp-publish");
    assert_eq!(
        (&publisher["id"], true),
        (&stream["publish"]["cid"], publisher["publish"] == true)
    );
    let none = server.api("GET", "clients/?start=1").json();
    assert_eq!(none["clients"].as_array().map(Vec::len), Some(0));
    let summary = server.api("GET", "summaries").json();
    assert_eq!(summary["data"]["system"]["conn_srs"], 1);
    assert!(summary["data"]["self"]["mem_kbyte"].as_u64().unwrap() > 1_000);
}

#[test]
fn the_operator_can_let_a_viewer_and_a_publisher_go() {
    need!(Ffmpeg);
    let server = open_server();
    let mut publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut kicked = WsClient::connect(&server.ws("live/a.flv"));
    let mut stays = FlvViewer::open(&server.http("live/a.flv"));
    let id = server.wait_client("viewer", "ws-flv")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(server.api("DELETE", &format!("clients/{id}")).status, 200);
    assert_eq!(
        until_not_binary(&mut kicked),
        Message::Close(1001, "4008 operator".into())
    );
    stays.watch_ms(500);
    assert_eq!(
        server.api("DELETE", &format!("clients/{id}")).refusal(),
        (404, 3001)
    );

    let id = server.wait_client("publisher", "rtmp")["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(server.api("DELETE", &format!("clients/{id}")).status, 200);
    assert!(!publisher.wait(20).success());
    assert!(
        publisher.log().contains("Server error: 4008"),
        "{}",
        publisher.log()
    );
    stays.watch_to_the_end();
    server.wait_gone("live/a", 2);
}

#[test]
fn a_reload_takes_over_what_it_can_and_names_what_it_cannot() {
    need!(Ffmpeg);
    let server = Options::new(&binary())
        .file("[auth]\npublish = \"open\"\n")
        .start();
    let file = server.data().join("weir.toml");
    let _before = publish(&server, &Source::H264_AAC, "live/a");

    std::fs::write(
        &file,
        "[auth]\npublish = \"key\"\n[deliver]\nflush_ms = 100\n",
    )
    .unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("configuration reloaded");
    let mut after = begin(&server, &Source::H264_AAC, "live/b");
    assert!(!after.wait(20).success());
    assert!(
        after.log().contains("Server error: 1001"),
        "{}",
        after.log()
    );
    assert!(server.stream("live/a").is_some(), "who was there stays");

    std::fs::write(&file, "[deliver]\nloops = 3\n").unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("these need a restart: deliver.loops");
}

#[test]
fn a_wrong_file_reloads_nothing() {
    need!(Ffmpeg);
    let server = Options::new(&binary())
        .file("[auth]\npublish = \"open\"\n")
        .start();
    std::fs::write(
        server.data().join("weir.toml"),
        "[auth]\npublis = \"key\"\n",
    )
    .unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log("reload refused, nothing changed");
    server.wait_for_log("did you mean auth.publish?");
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
}

/// Shows R102.
#[test]
fn metrics_have_no_labels_that_grow_with_viewers() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/secret-name");
    let mut viewer = FlvViewer::open(&server.http("live/secret-name.flv"));
    viewer.watch_ms(100);
    let text = get(&server.http("metrics")).text();
    assert!(
        text.contains("weir_viewers{")
            && text.contains("protocol=\"http-flv\"")
            && text.contains("app=\"live\""),
        "{text}"
    );
    assert!(
        !text.contains("secret-name") && !text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n"));
}
