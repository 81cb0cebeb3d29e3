//! Headless Chromium opens the pages, plays, and looks at them with axe. The drivers are `web/e2e/watch.mjs` and
//! `axe.mjs`.

use weir_testkit::media::{self, Source};
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;

use crate::drivers::drive;
use crate::kit::{build_dir, file_of, log_of, need, open_server, publish, repository};

/// Plays the live stream `live/a` over one protocol; the page has three seconds of it to play.
fn watch(server: &Server, protocol: &str, picture: &str) {
    let script = repository().join("web/e2e/watch.mjs");
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let mut command = Tool::Node.command();
    command.arg(script).args([
        "--base",
        &server.http(""),
        "--stream",
        "a",
        "--protocol",
        protocol,
    ]);
    command.arg("--browser").arg(Tool::Chromium.path().unwrap());
    command
        .arg("--screenshot")
        .arg(shots.join(format!("{picture}.png")));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{protocol}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn watch_source(source: &Source, protocol: &str) {
    need!(Ffmpeg, Ffmpeg9, Chromium, Node);
    let server = open_server();
    let _publisher = publish(&server, source, "live/a");
    watch(&server, protocol, &format!("{}-{protocol}", source.name));
}

/// Shows R6 and R27.
#[test]
fn a_browser_plays_http_flv() {
    watch_source(&Source::H264_AAC, "flv");
}

#[test]
fn a_browser_plays_ws_flv() {
    watch_source(&Source::H264_AAC, "wsflv");
}

/// Shows R13.
#[test]
fn a_browser_plays_low_latency_hls() {
    watch_source(&Source::H264_AAC, "hls");
}

#[test]
fn a_browser_plays_ts_over_http() {
    watch_source(&Source::H264_AAC, "ts");
}

#[test]
fn a_browser_plays_av1_and_opus_over_hls() {
    watch_source(&Source::AV1_OPUS, "hls");
}

/// Every page in both languages, light and dark, wide and narrow, with what opens on it.
#[test]
fn axe_finds_nothing_on_any_page() {
    need!(Ffmpeg, Chromium, Node);
    let server = open_server();
    let loops = ["-stream_loop", "-1"];
    let (file, log) = (file_of(&Source::H264_AAC), log_of(&server, "publisher"));
    let url = server.rtmp("live/a");
    let _publisher = media::publish_with(Tool::Ffmpeg, &file, &url, &loops, &log);
    server.wait_live("live/a");
    let arguments = ["--token", server.token()];
    drive("axe.mjs", &server.http(""), None, &arguments);
}
