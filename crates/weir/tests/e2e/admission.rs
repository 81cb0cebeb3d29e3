//! Who may publish, and what a publisher that may not is told.

use weir_testkit::flv::FlvViewer;
use weir_testkit::http::{Request, get};
use weir_testkit::media::{self, Source};
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;
use weir_testkit::ws::WsClient;

use crate::kit::{
    begin, begin_at, binary, file_of, log_of, need, open_options, open_server, publish,
};

/// Seconds FFmpeg may take to give up.
const PATIENCE_S: u64 = 20;

/// FFmpeg has given up, and knows why.
fn assert_refused(server: &Server, publisher: &mut Process, code: u16) {
    assert!(
        !publisher.wait(PATIENCE_S).success(),
        "ffmpeg thinks all is well"
    );
    let said = publisher.log();
    assert!(
        said.contains(&format!("Server error: {code}")),
        "ffmpeg was not told {code}:\n{said}"
    );
    server.wait_for_log(&format!("code={code}"));
    assert!(server.code_count(code) >= 1.0, "{code} is not counted");
}

/// Shows R41.
#[test]
fn a_publisher_needs_the_key_of_its_stream() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let source = Source::H264_AAC;
    let mut without = begin(&server, &source, "live/a");
    assert_refused(&server, &mut without, 1001);
    let other = server.stream_key("live/b");
    let mut wrong = begin_at(
        &server,
        &source,
        &server.rtmp(&format!("live/a?key={other}")),
        "wrong",
    );
    assert_refused(&server, &mut wrong, 1004);
    let key = server.stream_key("live/a");
    let _right = begin_at(
        &server,
        &source,
        &server.rtmp(&format!("live/a?key={key}")),
        "right",
    );
    server.wait_live("live/a");
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    need!(Ffmpeg);
    let server = open_server();
    let _first = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    let url = server.rtmp("live/a");
    let mut second = begin_at(&server, &Source::H264_MP3, &url, "second");
    assert_refused(&server, &mut second, 3004);
    viewer.watch_ms(1000);
    assert_eq!(server.stream("live/a").unwrap()["audio"]["codec"], "aac");
    assert_eq!(server.stream("live/a").unwrap()["life"], 1);
}

#[test]
fn where_an_app_allows_it_a_second_publisher_takes_over_and_viewers_stay() {
    need!(Ffmpeg);
    let server = open_options().set(&["apps.live.takeover=true"]).start();
    let mut first = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(1000);
    let _second = begin_at(&server, &Source::H264_AAC, &server.rtmp("live/a"), "second");
    assert_refused(&server, &mut first, 3005);
    viewer.watch_ms(3000);
    viewer.assert_monotonic();
    let headers = viewer.seen.iter().filter(|tag| tag.is_header()).count();
    assert!(headers > 2, "the second publisher's headers did not come");
    assert_eq!(server.stream("live/a").unwrap()["life"], 2);
}

#[test]
fn reserved_and_impossible_names_are_refused() {
    need!(Ffmpeg);
    let server = open_server();
    let url = server.rtmp("api/a");
    let log = log_of(&server, "reserved");
    let mut publisher = media::publish(
        Source::H264_AAC.ffmpeg(),
        &file_of(&Source::H264_AAC),
        &url,
        &log,
    );
    assert_refused(&server, &mut publisher, 2002);
}

/// Shows R45 and R49.
#[test]
fn a_signed_url_is_needed_where_play_is_signed() {
    need!(Ffmpeg);
    let keys = "auth.keys=[{ id = \"k1\", secret = \"a secret of the test\" }]";
    let server = open_options().set(&["auth.play=signed", keys]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    for path in ["live/a.flv", "live/a.m3u8", "live/a/ts.m3u8", "live/a.ts"] {
        assert_eq!(get(&server.http(path)).refusal(), (401, 1001), "{path}");
    }
    let forged = get(&server.http("live/a.flv?e=4000000000&a=play&k=k1&s=00"));
    assert!(
        matches!(forged.refusal(), (401, 1002) | (403, 1004)),
        "{:?}",
        forged.refusal()
    );
}

/// Shows R46.
#[test]
fn an_app_that_is_switched_off_is_empty_within_five_seconds_over_every_protocol() {
    need!(Ffmpeg);
    let open = "[auth]\npublish = \"open\"\n";
    let server = Options::new(&binary()).file(open).start();
    let mut publisher = publish(&server, &Source::H264_AAC, "live/a");
    let _other = publish(&server, &Source::H264_AAC, "school/a");
    let _flv = Watcher::open(&server.http("live/a.flv"));
    let _ws = WsClient::connect(&server.ws("live/a.flv"));
    let _ts = Request::get(&server.http("live/a.ts")).open().unwrap();
    let tool = Source::H264_AAC.ffmpeg();
    let file = server.data().join("played.flv");
    let mut rtmp = media::record(tool, &server.rtmp("live/a"), &[], "120", &file);
    let staying = Watcher::open(&server.http("school/a.flv"));
    for protocol in ["http-flv", "ws-flv", "http-ts", "rtmp"] {
        server.wait_client("viewer", protocol);
    }
    assert_eq!(get(&server.http("live/a.m3u8")).status, 200);
    assert_eq!(clients_of(&server, "live/a"), 5);

    let off = format!("{open}[apps.live]\ndisabled = true\n");
    std::fs::write(server.data().join("weir.toml"), off).unwrap();
    server.signal(Signal::HUP);
    let refused = until("the app is off", PATIENCE_S, || {
        let answer = get(&server.http("live/a.m3u8"));
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.refusal(), (403, 2002));
    until("everybody of the app is gone", 5, || {
        (clients_of(&server, "live/a") == 0).then_some(())
    });
    server.wait_for_log("code=2002");
    publisher.wait(PATIENCE_S);
    rtmp.wait(PATIENCE_S);
    staying.wait_pictures(10);
    assert!(server.stream("school/a").is_some());
}

/// Connections that publish or watch a stream.
pub(crate) fn clients_of(server: &Server, stream: &str) -> usize {
    let listed = server.api("GET", "clients").json();
    let clients = listed["clients"].as_array().into_iter().flatten();
    let stays =
        |client: &&serde_json::Value| client["stream"] == stream && client["protocol"] != "hls";
    clients.filter(stays).count()
}
