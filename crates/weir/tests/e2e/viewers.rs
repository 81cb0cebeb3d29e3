//! Viewers of endless streams: what they may ask for, and what they are told.

use std::path::Path;

use weir_testkit::flv::{FlvViewer, Kind, Tags};
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{begin, need, open_server, publish};

/// Watches over WebSocket and keeps `seconds` of it as an FLV file.
pub(crate) fn save_ws_flv(url: &str, seconds: f64, out: &Path) {
    let mut viewer = WsClient::connect(url);
    let (mut tags, mut bytes, mut from) = (Tags::default(), Vec::new(), None);
    loop {
        let Message::Binary(batch) = viewer.next_message().unwrap() else {
            panic!("not media")
        };
        bytes.extend_from_slice(&batch);
        let last = tags
            .push(&batch)
            .into_iter()
            .rfind(|tag| tag.kind != Kind::Script && !tag.is_header());
        let Some(last) = last else { continue };
        let from = *from.get_or_insert(last.ts_ms);
        if f64::from(last.ts_ms.saturating_sub(from)) > seconds * 1000.0 {
            break;
        }
    }
    std::fs::write(out, bytes).unwrap();
}

/// Shows R50.
#[test]
fn a_stream_that_is_not_live_gets_404_with_code_3002() {
    let server = open_server();
    for path in [
        "live/no.flv",
        "live/no.ts",
        "live/no.m3u8",
        "live/no/hls.m3u8",
        "live/no/ts.m3u8",
    ] {
        let response = get(&server.http(path));
        assert_eq!(response.refusal(), (404, 3002), "{path}");
        assert_eq!(response.json()["name"], "not_live");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn a_waiting_viewer_gets_the_stream_that_begins_two_seconds_later() {
    need!(Ffmpeg);
    let server = open_server();
    let url = server.http("live/soon.flv?wait=20");
    std::thread::scope(|scope| {
        let viewer = scope.spawn(|| {
            let mut viewer = FlvViewer::open(&url);
            viewer.watch_ms(1000);
            viewer
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(!viewer.is_finished(), "the viewer did not wait");
        let _publisher = begin(&server, &Source::H264_AAC, "live/soon");
        let viewer = viewer.join().unwrap();
        assert!(
            viewer
                .frames()
                .find(|tag| tag.kind == Kind::Video)
                .unwrap()
                .is_keyframe()
        );
    });
}

#[test]
fn a_viewer_does_not_wait_longer_than_it_said() {
    let server = open_server();
    let watch = Stopwatch::start();
    let response = get(&server.http("live/never.flv?wait=1"));
    assert_eq!(response.refusal(), (404, 3002));
    assert!(
        (0.9..10.0).contains(&watch.elapsed_s()),
        "{} s",
        watch.elapsed_s()
    );
}

/// Shows R35 and R67.
#[test]
fn a_viewer_joins_at_a_keyframe_with_the_headers_before_it() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(500);
    let headers: Vec<Kind> = viewer
        .seen
        .iter()
        .take_while(|tag| tag.kind == Kind::Script || tag.is_header())
        .map(|tag| tag.kind)
        .collect();
    assert_eq!(headers, [Kind::Script, Kind::Video, Kind::Audio]);
    assert!(viewer.frames().next().unwrap().is_keyframe());
    viewer.assert_monotonic();
}

#[test]
fn a_viewer_may_leave_one_track_out() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    for (query, left) in [("audio=0", Kind::Video), ("video=0", Kind::Audio)] {
        let mut viewer = FlvViewer::open(&server.http(&format!("live/a.flv?{query}")));
        viewer.watch_ms(500);
        let other = viewer
            .seen
            .iter()
            .find(|tag| tag.kind != Kind::Script && tag.kind != left);
        assert_eq!(other, None, "{query}");
    }
}

#[test]
fn a_web_socket_viewer_is_answered_while_media_flows_and_may_say_goodbye() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = WsClient::connect(&server.ws("live/a.flv"));
    assert!(
        matches!(viewer.next_message().unwrap(), Message::Binary(bytes) if bytes.starts_with(b"FLV\x01"))
    );
    viewer.ping(b"there?");
    let answer = until_not_binary(&mut viewer);
    assert_eq!(answer, Message::Pong(b"there?".to_vec()));
    viewer.close(1000);
    server_forgets(&server);
}

#[test]
fn viewers_are_counted_by_protocol_and_forgotten_when_they_leave() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut flv = FlvViewer::open(&server.http("live/a.flv"));
    flv.watch_ms(100);
    let web_socket = WsClient::connect(&server.ws("live/a.flv"));
    let ts = Request::get(&server.http("live/a.ts")).open().unwrap();
    assert_eq!(ts.header("content-type"), Some("video/mp2t"));
    until("three viewers", 10, || {
        let viewers = server.stream("live/a").unwrap()["viewers_by_protocol"].clone();
        (viewers == serde_json::json!({ "http-flv": 1, "ws-flv": 1, "http-ts": 1 })).then_some(())
    });
    drop((flv, web_socket, ts));
    server_forgets(&server);
}

#[test]
fn an_app_may_have_levels_and_a_name_any_letters() {
    need!(Ffmpeg);
    let server = open_server();
    for (name, path) in [
        ("live/eu/a", "live/eu/a"),
        ("live/直播", "live/%E7%9B%B4%E6%92%AD"),
    ] {
        let _publisher = begin(&server, &Source::H264_AAC, name);
        let mut viewer = FlvViewer::open(&server.http(&format!("{path}.flv?wait=20")));
        viewer.watch_ms(200);
        let playlist = get(&server.http(&format!("{path}/hls.m3u8")));
        assert_eq!(playlist.status, 200, "{name}: {}", playlist.text());
    }
}

/// No viewer is in the list of clients.
fn server_forgets(server: &weir_testkit::server::Server) {
    until("viewers are forgotten", 10, || {
        let listed = server.api("GET", "clients").json();
        listed["clients"]
            .as_array()
            .unwrap()
            .iter()
            .all(|client| client["role"] == "publisher")
            .then_some(())
    });
}

pub(crate) fn until_not_binary(viewer: &mut WsClient) -> Message {
    loop {
        match viewer.next_message().unwrap() {
            Message::Binary(_) => {}
            other => return other,
        }
    }
}
