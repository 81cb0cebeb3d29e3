//! Low-latency HLS as a client of the RFC sees it: every version of every playlist is checked.

use weir_testkit::hls_check::{check_media, check_multivariant};
use weir_testkit::hls_follow::{Follower, checked};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::server::Server;
use weir_testkit::wait::Stopwatch;

use crate::kit::{need, open_options, open_server, publish};

/// A live stream whose playlist has at least two segments.
fn follow(server: &Server, playlist: &str) -> Follower {
    let mut follower = Follower::open(&server.http(playlist));
    while follower.complete() < 2 {
        follower.next_version();
    }
    follower
}

/// Shows R13.
#[test]
fn every_version_of_a_low_latency_playlist_keeps_the_rules() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_B_AAC, "live/a");
    let multivariant = get(&server.http("live/a.m3u8"));
    let uris = check_multivariant(&multivariant.text()).expect("a right multivariant playlist");
    assert_eq!(uris, ["a/hls.m3u8"]);
    let mut follower = follow(&server, "live/a/hls.m3u8");
    let (begun, watch) = (follower.playlist().duration_s(), Stopwatch::start());
    for _ in 0..24 {
        follower.next_version();
    }
    // Each answer came when its part was there: 24 parts of 333 ms are 8 s, faster is impossible.
    assert!(
        watch.elapsed_s() > 24.0 * 0.333 * 0.7,
        "answers came before their parts: {} s",
        watch.elapsed_s()
    );
    let playlist = follower.playlist();
    assert!(playlist.duration_s() > begun, "{playlist:?}");
    let is_promised = playlist.independent_segments;
    assert!(!is_promised, "nobody knows the groups of pictures to come");
    assert_eq!(
        playlist.part_target_s.map(|target_s| target_s < 0.5),
        Some(true)
    );
    assert!(follower.versions() > 24);
}

#[test]
fn every_version_of_a_ts_playlist_keeps_the_rules() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_B_AAC, "live/a");
    let mut follower = follow(&server, "live/a/ts.m3u8");
    for _ in 0..4 {
        follower.next_version();
    }
    let playlist = follower.playlist();
    assert!(
        playlist
            .segments
            .iter()
            .all(|segment| segment.uri.ends_with(".ts") && segment.parts.is_empty())
    );
}

#[test]
fn a_window_slides_and_old_segments_go() {
    need!(Ffmpeg);
    let server = open_options()
        .set(&[
            "hls.segment_ms=1000",
            "hls.window_segments=3",
            "stream.ring_ms=4000",
        ])
        .start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut follower = Follower::open(&server.http("live/a/ts.m3u8"));
    let first = follower.resolve(&follower.playlist().segments[0].uri);
    assert_eq!(get(&first).status, 200);
    while follower.gone() < 2 {
        follower.next_version();
    }
    // What has left the playlist stays for whoever still has the old one, but not for ever.
    while get(&first).status == 200 {
        assert!(follower.versions() < 40, "the first segment is still there");
        follower.next_version();
    }
    assert_eq!(get(&first).refusal(), (404, 3001));
}

#[test]
fn the_part_of_a_preload_hint_is_answered_when_it_is_there() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut follower = follow(&server, "live/a/hls.m3u8");
    for _ in 0..3 {
        let hint = follower.playlist().hint.clone().expect("a hint");
        let part = get(&follower.resolve(&hint));
        assert_eq!(
            (part.status, part.header("content-type")),
            (200, Some("video/mp4"))
        );
        assert_eq!(&part.body[4..8], b"moof", "a part begins with a fragment");
        let playlist = follower.refresh();
        let parts = playlist
            .segments
            .iter()
            .chain([&playlist.open])
            .flat_map(|segment| &segment.parts);
        assert!(
            parts.into_iter().any(|part| part.uri == hint),
            "{hint} is not in {playlist:?}"
        );
    }
}

#[test]
fn a_delta_update_leaves_out_what_the_client_has() {
    need!(Ffmpeg);
    let server = open_options()
        .set(&["hls.segment_ms=1000", "hls.window_segments=12"])
        .start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut follower = Follower::open(&server.http("live/a/hls.m3u8"));
    while follower.complete() < 9 {
        follower.next_version();
    }
    let url = format!("{}?_HLS_skip=YES", server.http("live/a/hls.m3u8"));
    let delta = checked(&url, &get(&url));
    assert!(delta.skipped > 0 && !delta.segments.is_empty(), "{delta:?}");
}

#[test]
fn split_renditions_report_about_each_other() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let multivariant = get(&server.http("live/a.m3u8?split=1"));
    let mut uris = check_multivariant(&multivariant.text()).expect("a right multivariant playlist");
    uris.sort();
    assert_eq!(uris, ["a/audio.m3u8", "a/video.m3u8"]);
    let mut pictures = follow(&server, "live/a/video.m3u8");
    let mut sound = follow(&server, "live/a/audio.m3u8");
    for _ in 0..6 {
        pictures.next_version();
        sound.next_version();
    }
    assert_eq!(pictures.playlist().reports, ["audio.m3u8"]);
    assert_eq!(sound.playlist().reports, ["video.m3u8"]);
}

#[test]
fn wrong_delivery_directives_get_400() {
    need!(Ffmpeg);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let url = server.http("live/a/hls.m3u8");
    let open = checked(&url, &get(&url)).open.msn;
    let far_ahead = format!("_HLS_msn={}&_HLS_part=99999", open + 1);
    let segment = format!("_HLS_msn={}", open + 1000);
    let part = format!("{segment}&_HLS_part=0");
    for query in [
        "_HLS_part=0",
        &segment,
        &part,
        &far_ahead,
        "_HLS_msn=x",
        "_HLS_msn=-1",
    ] {
        assert_eq!(
            get(&format!("{url}?{query}")).refusal(),
            (400, 4004),
            "{query}"
        );
    }
}

#[test]
fn a_playlist_is_there_with_the_first_request() {
    need!(Ffmpeg);
    let server = open_server();
    let publisher = crate::kit::begin(&server, &Source::H264_AAC, "live/a");
    // Asked for before there is a publisher, let alone a segment.
    let response = get(&server.http("live/a/hls.m3u8?wait=20"));
    let text = response.text();
    assert_eq!(response.status, 200, "{text}");
    check_media(&text).expect("a right playlist");
    // hls.js would wait for a whole segment next, with nothing to play.
    assert!(text.contains("#EXT-X-PART:"), "{text}");
    drop(publisher);
}
