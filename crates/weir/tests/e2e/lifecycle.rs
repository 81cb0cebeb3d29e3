//! How streams end, and how they come back.

use weir_testkit::ffprobe;
use weir_testkit::flv::FlvViewer;
use weir_testkit::hls_follow::Follower;
use weir_testkit::http::get;
use weir_testkit::media::{self, Source};
use weir_testkit::process::Signal;
use weir_testkit::tools::Tool;
use weir_testkit::wait::Stopwatch;
use weir_testkit::ws::{Message, WsClient};

use crate::kit::{begin_at, file_of, log_of, need, open_options, open_server, publish};
use crate::viewers::until_not_binary;

#[test]
fn when_the_publisher_dies_its_viewers_are_let_go_at_once() {
    need!(Ffmpeg);
    let server = open_server();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    let mut web_socket = WsClient::connect(&server.ws("live/a.flv"));
    viewer.watch_ms(500);
    publisher.signal(Signal::KILL);
    let watch = Stopwatch::start();
    viewer.watch_to_the_end();
    let goodbye = until_not_binary(&mut web_socket);
    assert_eq!(goodbye, Message::Close(4404, "3003 ended".into()));
    server.wait_gone("live/a", 2);
    assert!(watch.elapsed_s() < 3.0, "{} s", watch.elapsed_s());
    assert_eq!(get(&server.http("live/a.flv")).refusal(), (404, 3002));
}

/// Shows R48.
#[test]
fn a_publisher_that_freezes_is_ended_with_4002_after_the_idle_time() {
    need!(Ffmpeg);
    let server = open_options().set(&["stream.idle_timeout_ms=3000"]).start();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    let mut web_socket = WsClient::connect(&server.ws("live/a.flv"));
    viewer.watch_ms(500);
    publisher.signal(Signal::STOP);
    let watch = Stopwatch::start();
    viewer.watch_to_the_end();
    let ended_s = watch.elapsed_s();
    // The frame before the freeze may have come a moment earlier.
    assert!(
        (2.5..4.0).contains(&ended_s),
        "the viewer was told after {ended_s} s"
    );
    assert_eq!(
        until_not_binary(&mut web_socket),
        Message::Close(4408, "4002 no_data".into())
    );
    server.wait_gone("live/a", 1);
    assert_eq!(server.code_count(4002), 1.0);
    assert!(server.log().contains("code=4002"));
}

#[test]
fn an_rtmp_viewer_is_told_that_the_stream_is_over() {
    need!(Ffmpeg, Ffprobe);
    let server = open_server();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let out = server.data().join("rtmp.mkv");
    let mut player = media::record(Tool::Ffmpeg, &server.rtmp("live/a"), &[], "60", &out);
    server.wait_client("viewer", "rtmp");
    publisher.signal(Signal::TERM);
    player.succeed(20);
    assert!(ffprobe::tracks(&out).video.is_some());
}

#[test]
fn a_publisher_that_comes_back_continues_the_playlist_with_a_discontinuity() {
    need!(Ffmpeg);
    let server = open_server();
    let first = publish(&server, &Source::H264_AAC, "live/a");
    assert_eq!(get(&server.http("live/a.m3u8")).status, 200);
    let mut follower = Follower::open(&server.http("live/a/hls.m3u8"));
    while follower.complete() < 3 {
        follower.next_version();
    }
    first.signal(Signal::KILL);
    server.wait_gone("live/a", 5);
    let before = follower.refresh().open.msn;
    let _second = begin_at(&server, &Source::H264_AAC, &server.rtmp("live/a"), "second");
    let watch = Stopwatch::start();
    while follower.playlist().open.msn < before + 2 {
        assert!(
            watch.elapsed_s() < 20.0,
            "the playlist does not go on: {:?}",
            follower.playlist()
        );
        // A request made before the publisher is back would be held for it; look without waiting.
        std::thread::sleep(std::time::Duration::from_millis(100));
        follower.refresh();
    }
    let playlist = follower.playlist();
    let breaks = playlist
        .segments
        .iter()
        .filter(|segment| segment.discontinuity)
        .count();
    assert_eq!(breaks, 1, "{:?}", playlist.segments);
    assert!(!playlist.ended);
}

#[test]
fn a_viewer_may_come_back_to_a_stream_that_came_back() {
    need!(Ffmpeg);
    let server = open_server();
    let first = publish(&server, &Source::H264_AAC, "live/a");
    let mut before = FlvViewer::open(&server.http("live/a.flv"));
    before.watch_ms(500);
    first.signal(Signal::KILL);
    before.watch_to_the_end();
    let _second = begin_at(&server, &Source::H264_AAC, &server.rtmp("live/a"), "second");
    let mut after = FlvViewer::open(&server.http("live/a.flv?wait=20"));
    after.watch_ms(500);
    after.assert_monotonic();
    assert!(after.last_ms() > before.last_ms(), "time went back");
    assert!(after.frames().next().unwrap().is_keyframe());
}

#[test]
fn timestamps_that_wrap_are_no_break() {
    need!(Ffmpeg, Ffprobe);
    let server = open_server();
    let source = Source::H264_B_AAC;
    // 32 bits of milliseconds end 4 s after this.
    let late = ["-itsoffset", "4294963.296"];
    let log = log_of(&server, "wraps");
    let url = server.rtmp("live/a");
    let _publisher = media::publish_with(Tool::Ffmpeg, &file_of(&source), &url, &late, &log);
    let out = server.data().join("wrapped.mkv");
    media::record(
        Tool::Ffmpeg,
        &server.http("live/a.flv?wait=20"),
        &[],
        "7",
        &out,
    )
    .succeed(40);
    let original = ffprobe::frames(&file_of(&source));
    ffprobe::assert_same("wrapped", &original, &ffprobe::frames(&out));
    assert_eq!(server.stream("live/a").unwrap()["corrections"], 0);
}

#[test]
fn a_publisher_that_stumbles_is_not_ended() {
    need!(Ffmpeg);
    let server = open_server();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(500);
    publisher.signal(Signal::STOP);
    std::thread::sleep(std::time::Duration::from_secs(2));
    publisher.signal(Signal::CONT);
    viewer.watch_ms(3000);
    viewer.assert_monotonic();
    let stream = server.stream("live/a").unwrap();
    assert_eq!(
        (&stream["life"], &stream["corrections"]),
        (&1.into(), &0.into())
    );
}
