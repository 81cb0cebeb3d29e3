//! A recording as a file: of a length that is known before it is read, from anywhere in it, and what players make of
//! it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_testkit::ffprobe::{assert_same, frames, silent};
use weir_testkit::hls_check::check_media;
use weir_testkit::http::{Request, Response};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{begin, binary, need};

const RECORDED: &[&str] = &[
    "auth.publish=open",
    "record.default=on",
    "stream.linger_ms=1500",
    "hls.segment_ms=1000",
];

fn get(server: &Server, path: &str) -> Response {
    Request::get(&server.http(path)).send()
}

fn newest(server: &Server) -> Option<Value> {
    let list = server.api("GET", "recordings?app=live").json();
    list["items"].get(0).cloned()
}

fn lasts(server: &Server, ms: i64) -> Option<Value> {
    newest(server).filter(|one| one["duration_ms"].as_i64().unwrap() >= ms)
}

fn ready(server: &Server) -> String {
    let ready = until("the recording is ready", 20, || {
        newest(server).filter(|one| one["state"] == "ready")
    });
    ready["id"].as_str().unwrap().to_owned()
}

/// A broadcast of so many milliseconds, that is over.
fn broadcast(server: &Server, ms: i64) -> String {
    let publisher = begin(server, &Source::H264_AAC, "live/a");
    until("enough is recorded", 40, || lasts(server, ms));
    publisher.signal(Signal::KILL);
    ready(server)
}

fn save(server: &Server, path: &str, name: &str) -> (PathBuf, Response) {
    let answer = get(server, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let file = server.data().join(name);
    std::fs::write(&file, &answer.body).unwrap();
    (file, answer)
}

/// The picture that FFmpeg finds so many seconds into something.
fn picture_at(input: &str, seconds: &str) -> String {
    let mut command = Tool::Ffmpeg.command();
    command.args(["-v", "error", "-xerror", "-ss", seconds, "-i", input]);
    command.args(["-frames:v", "1", "-f", "framehash", "-hash", "md5", "-"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap().to_owned();
    last.rsplit(',').next().unwrap().trim().to_owned()
}

fn played_by_hls(server: &Server, id: &str) -> PathBuf {
    let out = server.data().join("hls.mkv");
    let url = server.http(&format!("r/{id}/index.m3u8"));
    media::record(Tool::Ffmpeg, &url, &[], "600", &out).succeed(60);
    out
}

fn length_s(file: &Path) -> f64 {
    let mut command = Tool::Ffprobe.command();
    command.args(["-v", "error", "-show_entries", "format=duration"]);
    let output = command.args(["-of", "csv=p=0"]).arg(file).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

/// Shows R13, R25.
#[test]
fn a_recording_is_a_file_with_a_length_that_is_read_from_anywhere() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let id = broadcast(&server, 9_000);
    let path = format!("r/{id}.mp4");
    let head = Request::get(&server.http(&path)).method("HEAD").send();
    let (file, whole) = save(&server, &path, "whole.mp4");
    let length = whole.body.len();
    for answer in [&head, &whole] {
        assert_eq!(answer.header("content-length"), Some(&*length.to_string()));
        assert_eq!(answer.header("content-type"), Some("video/mp4"));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
    let tag = head.header("etag").unwrap().to_owned();
    assert_eq!(whole.header("etag"), Some(&*tag));
    // Its tables come first, so that a player begins before the end.
    assert_eq!(&whole.body[4..8], b"ftyp");
    assert_eq!(&whole.body[32..36], b"moov");

    let part = |range: &str| {
        Request::get(&server.http(&path))
            .header("Range", range)
            .send()
    };
    for (from, to) in [
        (0, 99),
        (length / 2, length / 2 + 100_000),
        (length - 5, length - 1),
    ] {
        let answer = part(&format!("bytes={from}-{to}"));
        assert_eq!(answer.status, 206);
        assert_eq!(
            answer.header("content-range"),
            Some(&*format!("bytes {from}-{to}/{length}"))
        );
        assert!(answer.body == whole.body[from..=to], "{from} to {to}");
    }
    assert_eq!(part(&format!("bytes={length}-")).status, 416);
    let known = Request::get(&server.http(&path))
        .header("If-None-Match", &tag)
        .send();
    assert_eq!((known.status, known.body.len()), (304, 0));
    let named = get(&server, &format!("{path}?download"));
    let disposition = named.header("content-disposition").unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"a-20"),
        "{disposition}"
    );

    // The same frames as the playlist has, and any of them at once.
    assert_same(
        "the file",
        &frames(&played_by_hls(&server, &id)),
        &frames(&file),
    );
    let local = file.to_str().unwrap();
    for seconds in ["0", "3.2", "7"] {
        let over_http = picture_at(&server.http(&path), seconds);
        assert_eq!(over_http, picture_at(local, seconds), "{seconds} s");
    }

    let recording = newest(&server).unwrap();
    let list = check_media(&get(&server, &format!("r/{id}/index.m3u8")).text()).unwrap();
    let from_ms = list.segments[2]
        .date_time_ms
        .or(list.segments[0].date_time_ms)
        .unwrap()
        + 2_500;
    let cut = format!("{path}?from={from_ms}&to={}", from_ms + 3_000);
    let (cut, _) = save(&server, &cut, "cut.mp4");
    let (whole_s, cut_s) = (length_s(&file), length_s(&cut));
    let said_s = recording["duration_ms"].as_f64().unwrap() / 1000.0;
    assert!((whole_s - said_s).abs() < 0.3, "{whole_s} {said_s}");
    assert!((3.0..=5.2).contains(&cut_s), "{cut_s}");
    frames(&cut);
    let none = get(&server, &format!("{path}?from=1000&to=2000"));
    assert_eq!(none.refusal(), (410, 3009));
}

/// Shows R39.
#[test]
fn a_file_goes_on_over_a_crash() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    until("some is recorded", 30, || lasts(&server, 4_000));
    drop(publisher);
    let server = server.restart_killed(RECORDED);
    let kept_ms = newest(&server).unwrap()["duration_ms"].as_i64().unwrap();
    let id = broadcast(&server, kept_ms + 4_000);
    let (file, _) = save(&server, &format!("r/{id}.mp4"), "both.mp4");
    let played = frames(&played_by_hls(&server, &id));
    let saved = frames(&file);
    assert_eq!(saved.video.len(), played.video.len());
    assert_eq!(saved.audio.len(), played.audio.len());
    let said_s = newest(&server).unwrap()["duration_ms"].as_f64().unwrap() / 1000.0;
    assert!((length_s(&file) - said_s).abs() < 0.5, "{said_s}");
}

/// Shows R13.
#[test]
fn keyframes_have_a_list_of_their_own() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let id = broadcast(&server, 6_000);
    let text = get(&server, &format!("r/{id}/iframes.m3u8")).text();
    let list = check_media(&text).unwrap_or_else(|broken| panic!("{broken:?}\n{text}"));
    let whole = check_media(&get(&server, &format!("r/{id}/index.m3u8")).text()).unwrap();
    assert!(list.is_iframes && list.ended);
    assert_eq!(list.segments.len(), whole.segments.len());
    // Each is a picture, with the init segment in front.
    for segment in &list.segments {
        let (bytes, from) = segment.range.unwrap();
        let init = get(
            &server,
            &format!("r/{id}/{}", segment.map.as_ref().unwrap()),
        )
        .body;
        let range = format!("bytes={from}-{}", from + bytes - 1);
        let url = server.http(&format!("r/{id}/{}", segment.uri));
        let answer = Request::get(&url).header("Range", &range).send();
        assert_eq!((answer.status, answer.body.len() as u64), (206, bytes));
        let file = server.data().join("key.mp4");
        std::fs::write(&file, [init, answer.body].concat()).unwrap();
        let mut command = Tool::Ffmpeg.command();
        command.args(["-v", "fatal", "-i"]).arg(&file);
        command.args(["-frames:v", "1", "-f", "null", "-"]);
        assert_eq!(silent(&mut command), "", "{}", segment.uri);
    }
}

/// Shows R13: a recording is its virtual host's own.
#[test]
fn what_was_recorded_under_a_virtual_host_is_played_there_alone() {
    need!(Ffmpeg);
    let settings = [RECORDED, &["node.vhosts=[\"a.example\", \"b.example\"]"]].concat();
    let server = Options::new(&binary()).set(&settings).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a?vhost=a.example");
    until("some is recorded", 30, || lasts(&server, 3_000));
    publisher.signal(Signal::KILL);
    let id = ready(&server);
    for file in [
        format!("r/{id}/index.m3u8"),
        format!("r/{id}.mp4"),
        format!("r/{id}/iframes.m3u8"),
    ] {
        let status = |query: &str| get(&server, &format!("{file}{query}")).status;
        assert_eq!(status("?vhost=a.example"), 200, "{file}");
        assert_eq!(status("?vhost=b.example"), 404, "{file}");
        assert_eq!(status(""), 404, "{file}");
    }
    let past = |host: &str| get(&server, &format!("live/a/hls.m3u8?from=1&vhost={host}")).status;
    assert_eq!(past("b.example"), 404);
}
