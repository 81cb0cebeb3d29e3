//! What a viewer in headless Chromium feels: how far behind it is, a link that gets too narrow, a publisher
//! who comes back. The drivers are `web/e2e/*.mjs`.

use std::path::PathBuf;

use weir_testkit::ffprobe;
use weir_testkit::link::Link;
use weir_testkit::media::{self, Source};
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;

use crate::drivers::{drive, number, screenshot};
use crate::kit::{build_dir, file_of, log_of, need, open_server};

/// Two megabits a second, thirty pictures a second, a keyframe each two seconds: what people send.
fn usual() -> PathBuf {
    let file = build_dir().join("media/usual.flv");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let lock = std::fs::File::create(build_dir().join("media/usual.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    if !file.is_file() {
        let beside = file.with_extension("making.flv");
        let pictures = "testsrc2=size=640x360:rate=30:duration=20,noise=alls=20:allf=t";
        let mut command = media::quiet(Tool::Ffmpeg);
        command.args(["-f", "lavfi", "-i", pictures]);
        command.args([
            "-f",
            "lavfi",
            "-i",
            "sine=440:sample_rate=48000:duration=20",
        ]);
        command.args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
        ]);
        command.args(["-b:v", "1900k", "-maxrate", "1900k", "-bufsize", "1900k"]);
        command.args(["-g", "60", "-keyint_min", "60", "-sc_threshold", "0"]);
        command.args(["-c:a", "aac", "-b:a", "96k"]);
        ffprobe::silent(command.arg(&beside));
        std::fs::rename(&beside, &file).unwrap();
    }
    file
}

/// A viewer through a link that carries six tenths of the stream for twelve seconds, and then all of it.
fn narrow(protocol: &str) {
    need!(Chromium, Node, Ffmpeg);
    let server = open_server();
    let (log, loops) = (log_of(&server, "publisher"), ["-stream_loop", "-1"]);
    let _publisher =
        media::publish_with(Tool::Ffmpeg, &usual(), &server.rtmp("live/a"), &loops, &log);
    server.wait_live("live/a");
    let link = Link::start(&server.address("http"));
    let shot = screenshot(&format!("narrow-{protocol}"));
    let arguments = ["--protocol", protocol, "--screenshot", &shot];
    let result = drive("narrow.mjs", &server.http(""), Some(&link), &arguments);
    eprintln!("narrow, {protocol}: {result:#}");
    assert!(
        number(&result, "worst_ms") > 3000.0,
        "it was not narrow: {result:#}"
    );
    assert!(number(&result, "back_s") <= 10.0, "{result:#}");
    assert_eq!(result["protocol"], protocol, "{result:#}");
}

#[test]
fn a_viewer_of_ws_flv_is_back_at_the_edge_after_a_narrow_link() {
    narrow("wsflv");
}

#[test]
fn a_viewer_of_low_latency_hls_is_back_at_the_edge_after_a_narrow_link() {
    narrow("hls");
}

/// The publisher is away for longer than the linger and the pauses between two questions. What it sends then has
/// another size, so that the driver knows new pictures from old ones.
fn away(server: &Server, protocol: &str) {
    let (file, rtmp) = (usual().display().to_string(), server.rtmp("live/a"));
    let again = file_of(&Source::H264_AAC).display().to_string();
    let ffmpeg = Tool::Ffmpeg.path().unwrap().display().to_string();
    let shot = screenshot(&format!("return-{protocol}"));
    let arguments = [
        ["--protocol", protocol],
        ["--ffmpeg", &ffmpeg],
        ["--file", &file],
        ["--again", &again],
        ["--rtmp", &rtmp],
        ["--screenshot", &shot],
    ];
    let result = drive(
        "return.mjs",
        &server.http(""),
        None,
        arguments.as_flattened(),
    );
    eprintln!("return, {protocol}: {result:#}");
    // A second is the bar; a test's machine does other things too.
    assert!(number(&result, "back_ms") < 2500.0, "{result:#}");
    assert_eq!(result["state_away"], "offline", "{result:#}");
    assert_eq!(result["protocol"], protocol, "{result:#}");
}

#[test]
fn a_publisher_who_comes_back_is_seen_over_http_flv_at_once() {
    need!(Chromium, Node, Ffmpeg);
    away(&open_server(), "flv");
}

#[test]
fn a_publisher_who_comes_back_is_seen_over_ws_flv_at_once() {
    need!(Chromium, Node, Ffmpeg);
    away(&open_server(), "wsflv");
}

#[test]
fn a_publisher_who_comes_back_is_seen_over_low_latency_hls_at_once() {
    need!(Chromium, Node, Ffmpeg);
    away(&open_server(), "hls");
}

/// Shows R70.
#[test]
fn a_viewer_over_low_latency_hls_keeps_to_the_hold_back() {
    need!(Chromium, Node);
    let server = open_server();
    let arguments = [["--protocol", "hls"], ["--seconds", "10"], ["--joins", "1"]];
    let arguments = [arguments.as_flattened(), &["--mute"]].concat();
    let result = drive("latency.mjs", &server.http(""), None, &arguments);
    eprintln!("latency of HLS: {result:#}");
    // The bar is 1.3 s; the hold-back and the publisher's part of it are 1.1, and 2.05 were there before.
    assert!(number(&result["latency_ms"], "p50") < 1700.0, "{result:#}");
    assert!(number(&result, "stalls") <= 1.0, "{result:#}");
}
