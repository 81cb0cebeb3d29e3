//! What other people's players make of recordings and of going back: VLC, GStreamer and Chromium; and the pictures
//! that players show along the bar.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{begin, binary, log_of, need, repository};

const RECORDED: &[&str] = &[
    "auth.publish=open",
    "record.default=on",
    "stream.linger_ms=1500",
    "hls.segment_ms=1000",
];
/// Pictures of a second of the source.
const FPS: usize = 25;

fn get(server: &Server, path: &str) -> Response {
    Request::get(&server.http(path)).send()
}

fn newest(server: &Server) -> Option<Value> {
    let list = server.api("GET", "recordings?app=live").json();
    list["items"].get(0).cloned()
}

fn recorded(server: &Server, ms: i64) -> String {
    let one = until("enough is recorded", 40, || {
        newest(server).filter(|one| one["duration_ms"].as_i64().unwrap() >= ms)
    });
    one["id"].as_str().unwrap().to_owned()
}

/// A broadcast of eight seconds, that is over.
fn broadcast(server: &Server) -> String {
    let publisher = begin(server, &Source::H264_AAC, "live/a");
    let id = recorded(server, 8_000);
    publisher.signal(Signal::KILL);
    until("the recording is ready", 20, || {
        newest(server).filter(|one| one["state"] == "ready")
    });
    id
}

/// VLC, which will not be run by root, writing what it plays to a file.
fn vlc(server: &Server, url: &str, name: &str) -> std::path::PathBuf {
    let out = server.data().join(name);
    let mut command = Tool::Vlc.command();
    if rustix::process::geteuid().is_root() {
        let program = Tool::Vlc.path().unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program).env("HOME", "/nonexistent");
    }
    command.args(["-I", "dummy", "--no-sout-display-video", "--sout"]);
    command.args(["#std{access=file,mux=ts,dst=-}", url, "vlc://quit"]);
    command.stdout(Stdio::from(File::create(&out).unwrap()));
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{url}: {said}");
    out
}

fn pictures(file: &std::path::Path) -> usize {
    let mut command = Tool::Ffprobe.command();
    command.args(["-v", "error", "-select_streams", "v:0", "-count_packets"]);
    command.args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]);
    let output = command.arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let first = text.lines().next().unwrap_or_default();
    first.trim_matches([',', ' ']).parse().unwrap_or(0)
}

/// Shows R13.
#[test]
fn vlc_plays_a_recording_in_each_of_its_forms() {
    need!(Ffmpeg, Ffprobe, Vlc);
    let server = Options::new(&binary()).set(RECORDED).start();
    let id = broadcast(&server);
    for (path, name) in [
        (format!("r/{id}/index.m3u8"), "vlc-hls.ts"),
        (format!("r/{id}.mp4"), "vlc-mp4.ts"),
        (format!("r/{id}/ts.m3u8"), "vlc-ts.ts"),
    ] {
        let saved = vlc(&server, &server.http(&path), name);
        let count = pictures(&saved);
        assert!(count >= 7 * FPS, "{path}: {count} pictures");
    }
}

/// Shows R13.
#[test]
fn gstreamer_plays_a_recording_and_goes_back_in_what_is_live() {
    need!(Ffmpeg, GstLaunch);
    let server = Options::new(&binary()).set(RECORDED).start();
    let _publisher = begin(&server, &Source::H264_AAC, "live/a");
    let id = recorded(&server, 8_000);
    let hls = |path: &str| {
        let url = server.http(path);
        format!("-v souphttpsrc location={url} ! hlsdemux ! qtdemux name=d d.video_0")
    };
    for (name, source) in [
        ("gst-replay", hls(&format!("r/{id}/index.m3u8"))),
        ("gst-window", hls("live/a/hls.m3u8?window=1h")),
        ("gst-ts", {
            let url = server.http(&format!("r/{id}/ts.m3u8"));
            format!("-v souphttpsrc location={url} ! hlsdemux ! tsdemux")
        }),
        ("gst-file", {
            let url = server.http(&format!("r/{id}.mp4"));
            format!("-v souphttpsrc location={url} ! qtdemux name=d d.video_0")
        }),
    ] {
        let words =
            format!("{source} ! queue ! h264parse ! identity silent=false ! fakesink sync=false");
        let mut command = Tool::GstLaunch.command();
        command.args(words.split_whitespace());
        let player = Process::spawn(name, &mut command, &log_of(&server, name));
        until(name, 40, || {
            (player.log().matches("last-message = chain").count() >= 3 * FPS).then_some(())
        });
    }
}

/// Shows R13, R57.
#[test]
fn a_recording_has_pictures_along_its_bar() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let id = broadcast(&server);
    let storyboard = get(&server, &format!("r/{id}/storyboard.vtt"));
    assert_eq!(
        storyboard.header("content-type"),
        Some("text/vtt; charset=utf-8")
    );
    let text = storyboard.text();
    let mut lines = text.lines().skip(2);
    let wall_ms: i64 = lines.next().unwrap().parse().unwrap();
    assert!(wall_ms > 1_700_000_000_000, "{text}");
    assert!(
        lines.next().unwrap().starts_with("00:00:00.000 --> "),
        "{text}"
    );
    let names: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("picture-"))
        .collect();
    assert_eq!(names.len(), 1, "one in ten seconds: {text}");
    for name in [names[0], "poster.jpg"] {
        let answer = get(&server, &format!("r/{id}/{name}"));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        let file = server.data().join("picture.jpg");
        std::fs::write(&file, &answer.body).unwrap();
        let (codec, ..) = weir_testkit::ffprobe::tracks(&file).video.unwrap();
        assert_eq!(codec, "mjpeg", "{name}");
    }
    let none = get(&server, &format!("r/{id}/picture-none-1.jpg"));
    assert_eq!(none.status, 404);

    // The one that stands for all of it is made once, by itself, and kept.
    let poster = until("the list has its picture", 20, || {
        newest(&server).filter(|one| one["poster"].is_string())
    });
    let path = format!("r/{id}/poster.jpg");
    assert_eq!(poster["poster"], format!("/{path}"));
    let kept = get(&server, &path);
    let without = [RECORDED, &["snapshot.program=/nonexistent/ffmpeg"]].concat();
    let server = server.restart(&without);
    let refused = get(&server, &format!("r/{id}/storyboard.vtt")).refusal();
    assert_eq!(refused, (503, 6008));
    assert!(
        get(&server, &path).body == kept.body,
        "it needs nobody any more"
    );
    let other = get(&server, &format!("{path}?from=1&to=9999999999999"));
    assert_eq!(other.refusal(), (503, 6008));
}

/// Shows R13.
#[test]
fn a_browser_plays_the_file_from_the_middle() {
    need!(Ffmpeg, Chromium);
    let server = Options::new(&binary()).set(RECORDED).start();
    let id = broadcast(&server);
    let page = format!(
        "<video id=v muted preload=auto src=\"{}\"></video><script>\
         v.onloadedmetadata = () => {{ v.currentTime = 4; }};\
         v.onseeked = () => {{ document.title = 'at ' + v.currentTime + ' of ' + v.duration + ' ' + v.videoWidth; }};\
         v.onerror = () => {{ document.title = 'error ' + v.error.message; }};</script>",
        server.http(&format!("r/{id}.mp4"))
    );
    let dom = shown(&server, &page);
    assert!(dom.contains("<title>at 4 of "), "{dom}");
}

/// What Chromium makes of a page.
fn shown(server: &Server, page: &str) -> String {
    let file = server.data().join("page.html");
    std::fs::write(&file, page).unwrap();
    let mut command = Tool::Chromium.command();
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
    ]);
    command.args(["--virtual-time-budget=20000", "--timeout=20000"]);
    let profile = format!(
        "--user-data-dir={}",
        server.data().join("chromium").display()
    );
    command
        .arg(profile)
        .arg(format!("file://{}", file.display()));
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Plays each list by hls.js and by Chromium's own player, and says in its title what came of it.
const LISTS_PAGE: &str = "
<script src=hls.min.js></script><script>
const came = {};
const say = (name, what) => {
  came[name] ??= what;
  const all = Object.values(came);
  document.title = `${all.filter((one) => one === 'plays').length} of ${LISTS.length * 2} ` + JSON.stringify(came);
};
const element = (name) => {
  const video = document.createElement('video');
  video.muted = true; video.preload = 'auto';
  video.oncanplay = () => say(name, video.videoWidth > 0 ? 'plays' : 'no picture');
  video.onerror = () => say(name, video.error.message);
  document.documentElement.append(video);
  return video;
};
for (const url of LISTS) {
  element(`own ${url}`).src = url;
  const player = new Hls({ enableWorker: false });
  player.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) say(`hls.js ${url}`, data.details); });
  player.loadSource(url);
  player.attachMedia(element(`hls.js ${url}`));
}
</script>";

/// Shows R13.
#[test]
fn a_browser_and_hls_js_go_back_in_what_is_live() {
    need!(Ffmpeg, Chromium, Node);
    let settings = [RECORDED, &["hls.window_segments=3"]].concat();
    let server = Options::new(&binary()).set(&settings).start();
    let _publisher = begin(&server, &Source::H264_AAC, "live/a");
    recorded(&server, 12_000);
    let told = get(&server, "api/v1/live?stream=live/a").json();
    let from_ms = told["streams"][0]["dvr"]["from_ms"].as_i64().unwrap();
    let stretch = format!("from={from_ms}&to={}", from_ms + 5_000);
    let queries = ["shift=5s", "window=4h", &stretch];
    let lists = queries.map(|query| server.http(&format!("live/a.m3u8?{query}")));
    let library = repository().join("web/node_modules/hls.js/dist/hls.min.js");
    std::fs::copy(library, server.data().join("hls.min.js")).unwrap();
    let lists = serde_json::to_string(&lists).unwrap();
    let page = format!("<script>const LISTS = {lists};</script>{LISTS_PAGE}");
    let dom = shown(&server, &page);
    assert!(dom.contains("<title>6 of 6 "), "{dom}");
}
