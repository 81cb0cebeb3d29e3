//! Headless Chromium goes live from /studio and watches itself: over each protocol, with each
//! recorder, on a link that is shaped, cut and killed. The drivers are `web/e2e/*.mjs`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::ffprobe;
use weir_testkit::flv::FlvViewer;
use weir_testkit::http::get;
use weir_testkit::link::Link;
use weir_testkit::media;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::drivers::{drive, number, screenshot, try_drive};
use crate::kit::{build_dir, need, open_server};

/// Pictures for a fake camera that are worth more than three megabits a second: noise over moving
/// shapes.
fn camera() -> PathBuf {
    let file = build_dir().join("media/grainy.mjpeg");
    let lock = std::fs::File::create(build_dir().join("media/grainy.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    if !file.is_file() {
        let beside = file.with_extension("making.mjpeg");
        let mut command = media::quiet(Tool::Ffmpeg);
        let pictures = "testsrc2=size=1280x720:rate=30:duration=4,noise=alls=8:allf=t";
        command.args([
            "-f", "lavfi", "-i", pictures, "-c:v", "mjpeg", "-q:v", "3", "-f", "mjpeg",
        ]);
        ffprobe::silent(command.arg(&beside));
        std::fs::rename(&beside, &file).unwrap();
    }
    file
}

/// The studio publishes; a second tab plays it over this protocol.
fn studio_and_watch(protocol: &str) {
    need!(Chromium, Node);
    let server = open_server();
    let shot = screenshot(&format!("studio-{protocol}"));
    let arguments = [
        "--source",
        "test",
        "--watch",
        protocol,
        "--screenshot",
        &shot,
    ];
    let result = drive("studio.mjs", &server.http(""), None, &arguments);
    assert!(
        result["clicks"].as_u64().is_some_and(|clicks| clicks <= 3),
        "{result:#}"
    );
    server.wait_gone("live/a", 5);
}

#[test]
fn the_studio_goes_live_in_three_clicks_and_plays_over_http_flv() {
    studio_and_watch("flv");
}

#[test]
fn the_studio_goes_live_and_plays_over_ws_flv() {
    studio_and_watch("wsflv");
}

#[test]
fn the_studio_goes_live_and_plays_over_low_latency_hls() {
    studio_and_watch("hls");
}

/// Shows R19.
#[test]
fn the_studio_goes_live_and_plays_over_ts() {
    studio_and_watch("ts");
}

/// Records three seconds of each output while a browser publishes; all hold these tracks.
fn outputs_hold(server: &Server, video: &str, audio: &str, paths: &[&str]) {
    server.wait_live("live/a");
    let mut players = Vec::new();
    for (at, path) in paths.iter().enumerate() {
        let out = server.data().join(format!("output-{at}.mkv"));
        let player = media::record(Tool::Ffmpeg9, &server.http(path), &[], "3", &out);
        players.push((path, out, player));
    }
    for (path, out, mut player) in players {
        player.succeed(40);
        let tracks = ffprobe::tracks(&out);
        assert_eq!(tracks.video.unwrap().0, video, "{path}");
        assert_eq!(tracks.audio.unwrap().0, audio, "{path}");
        ffprobe::assert_monotonic(&out);
        let frames = ffprobe::frames(&out);
        assert!(ffprobe::length_s(&frames.video) > 2.0, "{path}");
        assert!(ffprobe::length_s(&frames.audio) > 2.0, "{path}");
    }
}

#[test]
fn every_output_has_the_tracks_of_a_browser() {
    need!(Chromium, Node, Ffmpeg9, Ffprobe);
    let server = open_server();
    std::thread::scope(|scope| {
        let base = server.http("");
        let studio = scope.spawn(move || {
            drive(
                "studio.mjs",
                &base,
                None,
                &["--source", "camera", "--seconds", "20"],
            )
        });
        let outputs = ["live/a.flv", "live/a.ts", "live/a.m3u8", "live/a/ts.m3u8"];
        outputs_hold(&server, "h264", "opus", &outputs);
        studio.join().unwrap();
    });
}

/// Publishes with `MediaRecorder` of this type; passes over one that this browser does not offer.
fn recorder(mime: &str, video: &str) {
    need!(Chromium, Node, Ffmpeg9, Ffprobe);
    let server = open_server();
    std::thread::scope(|scope| {
        let base = server.http("");
        let mime = mime.to_owned();
        let studio = scope.spawn(move || {
            let arguments = [
                "--source",
                "camera",
                "--seconds",
                "20",
                "--engine",
                "mediarecorder",
            ];
            let arguments = [&arguments[..], &["--recorder-type", &mime]].concat();
            drive("studio.mjs", &base, None, &arguments)
        });
        outputs_hold(&server, video, "opus", &["live/a.flv", "live/a.m3u8"]);
        studio.join().unwrap();
    });
}

#[test]
fn media_recorder_publishes_mp4() {
    recorder("video/mp4;codecs=avc1.42E01F,opus", "h264");
}

#[test]
fn media_recorder_publishes_webm_with_vp9() {
    recorder("video/webm;codecs=vp9,opus", "vp9");
}

#[test]
fn media_recorder_publishes_webm_with_h264() {
    recorder("video/webm;codecs=h264,opus", "h264");
}

#[test]
fn media_recorder_publishes_matroska() {
    recorder("video/x-matroska;codecs=avc1,opus", "h264");
}

/// Goes live through a link and lets it follow a plan; gives what was measured in each phase, and
/// adds what the server saw: `lives` of the stream, `discontinuities` of its playlist.
fn shaped(plan: &str, max_kbps: u32, picture: &str) -> Value {
    let server = open_server();
    let link = Link::start(&server.address("http"));
    let camera = camera().display().to_string();
    let shot = screenshot(picture);
    let max_kbps = max_kbps.to_string();
    let arguments = [
        "--plan",
        plan,
        "--camera-file",
        &camera,
        "--screenshot",
        &shot,
    ];
    let arguments = [&arguments[..], &["--max_kbps", &max_kbps]].concat();
    let is_over = AtomicBool::new(false);
    let mut result = std::thread::scope(|scope| {
        let witness = scope.spawn(|| witness(&server, &is_over));
        let mut result = try_drive("shaped.mjs", &server.http(""), Some(&link), &arguments);
        is_over.store(true, Ordering::Relaxed);
        let (lives, discontinuities) = witness.join().unwrap();
        result["lives"] = lives.into();
        result["discontinuities"] = discontinuities.into();
        result
    });
    // The browser's own words first.
    let console = result["console"].take();
    eprintln!("{picture}: {result:#}");
    assert_eq!(result["ok"], true, "{picture}: {result:#} {console:#}");
    result
}

/// Watches until the broadcast is over: its times never go back. Gives its lives and breaks.
fn witness(server: &Server, is_over: &AtomicBool) -> (u64, usize) {
    until("the studio is live", 90, || {
        assert!(
            !is_over.load(Ordering::Relaxed),
            "the studio never was live"
        );
        server.stream("live/a")
    });
    std::thread::scope(|scope| {
        let viewer = scope.spawn(|| {
            let mut viewer = FlvViewer::open(&server.http("live/a.flv?wait=20"));
            viewer.watch_while_it_lives();
            viewer.assert_monotonic();
        });
        let (mut lives, mut breaks) = (0, BTreeSet::new());
        while !is_over.load(Ordering::Relaxed) {
            lives = server
                .stream("live/a")
                .map_or(lives, |live| live["life"].as_u64().unwrap());
            let playlist = get(&server.http("live/a/hls.m3u8")).text();
            let lines: Vec<&str> = playlist.lines().collect();
            for (at, _) in lines
                .iter()
                .enumerate()
                .filter(|(_, line)| **line == "#EXT-X-DISCONTINUITY")
            {
                let segment = lines[at..].iter().find(|line| line.ends_with(".m4s"));
                breaks.insert(segment.copied().unwrap_or_default().to_owned());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        viewer.join().unwrap();
        breaks.remove("");
        (lives, breaks.len())
    })
}

/// Shows R31 and R51.
#[test]
fn a_browser_follows_a_link_that_gets_narrow_and_wide_again() {
    need!(Chromium, Node, Ffmpeg);
    let plan = "delay 50,rate 3000:10;rate 1000:10;rate 400:10;rate 3000:10";
    let result = shaped(plan, 4500, "shaped");
    assert_eq!(number(&result, "reconnects"), 0.0, "{result:#}");
    let phases = result["phases"].as_array().unwrap();
    for drop in &phases[1..3] {
        assert!(number(drop, "queue_back_s") <= 5.0, "{drop:#}");
        assert!(number(drop, "stalls") <= 1.0, "{drop:#}");
    }
    // The mean over the time, as the phases are equally long: a wide link unused for a second weighs
    // no more than a narrow one.
    let mean = phases.iter().map(|phase| number(phase, "use")).sum::<f64>() / phases.len() as f64;
    assert!(mean >= 0.7, "{mean}: {result:#}");
}

#[test]
fn a_browser_goes_on_after_three_seconds_without_a_line() {
    need!(Chromium, Node, Ffmpeg);
    let result = shaped("delay 50,rate 3000:5;cut:3;restore:8", 1500, "cut");
    assert!(number(&result, "reconnects") <= 1.0, "{result:#}");
    assert!(
        number(&result, "lives") == 1.0,
        "the stream ended: {result:#}"
    );
    assert!(number(&result, "discontinuities") <= 1.0, "{result:#}");
}

#[test]
fn a_browser_comes_back_when_its_socket_is_killed() {
    need!(Chromium, Node, Ffmpeg);
    let result = shaped("delay 20,rate 5000:5;kill:6", 4500, "killed");
    assert_eq!(number(&result, "reconnects"), 1.0, "{result:#}");
    assert!(
        number(&result, "lives") == 1.0,
        "the stream ended: {result:#}"
    );
    assert!(number(&result, "discontinuities") <= 1.0, "{result:#}");
}

/// Shows R70.
#[test]
fn a_viewer_over_ws_flv_is_less_than_two_seconds_behind() {
    need!(Chromium, Node);
    let server = open_server();
    let arguments = ["--seconds", "10", "--joins", "5", "--mute"];
    let result = drive("latency.mjs", &server.http(""), None, &arguments);
    eprintln!("latency: {result:#}");
    // The bars of the bench are 500 and 900 ms; a test's machine does other things too.
    assert!(number(&result["latency_ms"], "p50") < 2000.0, "{result:#}");
    assert!(number(&result["join_ms"], "p50") < 2000.0, "{result:#}");
}
