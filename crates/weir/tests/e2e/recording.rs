//! What was broadcast can be watched again: from the moment it ends, and whatever dies meanwhile.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response, get};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::s3::S3;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{begin, binary, need};

const RECORDED: &[&str] = &[
    "auth.publish=open",
    "record.default=on",
    "stream.linger_ms=1500",
];

/// The newest recording, as the API shows it.
fn recording(server: &Server) -> Option<Value> {
    let list = server.api("GET", "recordings?app=live").json();
    list["items"].get(0).cloned()
}

fn lasts(server: &Server, ms: i64) -> Option<Value> {
    recording(server).filter(|one| one["duration_ms"].as_i64().unwrap() >= ms)
}

fn text(server: &Server, path: &str) -> String {
    let answer = Request::get(&server.http(path.trim_start_matches('/'))).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// Names of segments in a playlist.
fn segments(playlist: &str) -> Vec<&str> {
    let is_segment = |line: &&str| line.starts_with("seg-");
    playlist.lines().filter(is_segment).collect()
}

/// Asks for a recording to be begun.
fn asked(server: &Server, stream: &str) -> Response {
    let bearer = format!("Bearer {}", server.token());
    Request::get(&server.http("api/v1/recordings"))
        .method("POST")
        .header("Authorization", &bearer)
        .json(&json!({ "app": "live", "stream": stream }))
        .send()
}

/// How long something lasts, by ffprobe.
fn probed_ms(url: &str) -> i64 {
    let asked = [
        "-v",
        "error",
        "-show_entries",
        "format=duration",
        "-of",
        "csv=p=0",
        url,
    ];
    let output = Tool::Ffprobe.command().args(asked).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds: f64 = text.trim().parse().unwrap();
    (seconds * 1000.0) as i64
}

/// FFmpeg decodes all of it without a complaint.
fn decodes(url: &str) {
    let asked = ["-v", "error", "-xerror", "-i", url, "-f", "null", "-"];
    let output = Tool::Ffmpeg.command().args(asked).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Shows R13, R25.
#[test]
fn a_broadcast_can_be_watched_again_with_the_bytes_it_had_while_it_was_live() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    server.wait_live("live/a");
    let live = until("six seconds are recorded", 30, || lasts(&server, 6_000));
    assert_eq!(live["state"], "recording");
    let url = live["url"].as_str().unwrap();
    let growing = text(&server, url);
    assert!(growing.contains("#EXT-X-PLAYLIST-TYPE:EVENT"), "{growing}");
    assert!(!growing.contains("#EXT-X-ENDLIST"), "{growing}");
    text(&server, "live/a/hls.m3u8");
    let id = live["id"].as_str().unwrap();
    let refused = server.api("DELETE", &format!("recordings/{id}"));
    assert_eq!(refused.status, 409, "{}", refused.text());
    // The same name means the same bytes, from memory and from the disk.
    let name = (*segments(&growing).last().unwrap()).to_owned();
    let from_memory = Request::get(&server.http(&format!("live/a/{name}"))).send();
    let folder = url.trim_end_matches("index.m3u8").trim_start_matches('/');
    let from_disk = Request::get(&server.http(&format!("{folder}{name}"))).send();
    assert_eq!((from_memory.status, from_disk.status), (200, 200));
    assert!(from_memory.body == from_disk.body, "{name}");
    assert_eq!(from_memory.header("etag"), from_disk.header("etag"));

    publisher.signal(Signal::KILL);
    let over = until("the recording is ready", 20, || {
        recording(&server).filter(|one| one["state"] == "ready")
    });
    assert_eq!(over["holes"].as_array().unwrap().len(), 0, "{over}");
    let whole = text(&server, url);
    assert!(whole.contains("#EXT-X-PLAYLIST-TYPE:VOD"), "{whole}");
    assert!(whole.ends_with("#EXT-X-ENDLIST\n"), "{whole}");
    assert!(
        whole.starts_with(
            &growing
                .split("#EXTINF")
                .next()
                .unwrap()
                .replace("EVENT", "VOD")
        )
    );
    let seen_ms = probed_ms(&server.http(url.trim_start_matches('/')));
    decodes(&server.http(url.trim_start_matches('/')));
    let said_ms = over["duration_ms"].as_i64().unwrap();
    assert!((seen_ms - said_ms).abs() < 500, "{seen_ms} {said_ms}");

    let id = over["id"].as_str().unwrap();
    assert_eq!(
        server.api("DELETE", &format!("recordings/{id}")).status,
        204
    );
    let gone = Request::get(&server.http(url.trim_start_matches('/'))).send();
    assert_eq!(gone.status, 404);
    assert!(recording(&server).is_none());
}

/// Shows R39.
#[test]
fn a_publisher_who_comes_back_after_a_crash_goes_on_with_the_recording() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    let before = until("four seconds are recorded", 30, || lasts(&server, 4_000));
    drop(publisher);
    let server = server.restart_killed(RECORDED);
    let left = recording(&server).unwrap();
    assert_eq!(left["id"], before["id"]);
    let kept_ms = left["duration_ms"].as_i64().unwrap();
    assert!(kept_ms >= before["duration_ms"].as_i64().unwrap(), "{left}");

    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    let more = until("it goes on", 30, || lasts(&server, kept_ms + 4_000));
    assert_eq!(more["id"], before["id"], "the broadcast has one recording");
    publisher.signal(Signal::KILL);
    until("the recording is ready", 20, || {
        recording(&server).filter(|one| one["state"] == "ready")
    });
    let url = more["url"].as_str().unwrap();
    let whole = text(&server, url);
    assert_eq!(
        whole.matches("#EXT-X-DISCONTINUITY\n").count(),
        1,
        "{whole}"
    );
    assert_eq!(whole.matches("#EXT-X-MAP:").count(), 2, "{whole}");
    decodes(&server.http(url.trim_start_matches('/')));
}

/// Shows R45.
#[test]
fn the_publishers_address_says_whether_a_stream_is_recorded() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).set(RECORDED).start();
    let _not = begin(&server, &Source::H264_AAC, "live/not?rec=0");
    let _one = begin(&server, &Source::H264_AAC, "live/one");
    until("one is recorded", 30, || lasts(&server, 2_000));
    server.wait_live("live/not");
    let list = server.api("GET", "recordings").json();
    let streams: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["stream"])
        .collect();
    assert_eq!(streams, ["one"]);
}

/// Shows R25, R45.
#[test]
fn a_stream_is_recorded_while_somebody_wants_it_and_as_its_app_says() {
    need!(Ffmpeg);
    let server = Options::new(&binary())
        .set(&["auth.publish=open", "apps.kept.record=true"])
        .start();
    let _one = begin(&server, &Source::H264_AAC, "live/one");
    let _kept = begin(&server, &Source::H264_AAC, "kept/two");
    server.wait_live("live/one");
    until("the app's stream is recorded, and no other", 30, || {
        let list = server.api("GET", "recordings").json();
        let items = list["items"].as_array().unwrap();
        assert!(items.iter().all(|one| one["app"] == "kept"), "{list}");
        items.first().cloned()
    });
    let begun = asked(&server, "one");
    assert_eq!(begun.status, 201, "{}", begun.text());
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(asked(&server, "one").status, 409);
    assert_eq!(asked(&server, "nobody").status, 404);
    until("four seconds are recorded", 30, || lasts(&server, 4_000));
    let stopped = server.api("POST", &format!("recordings/{id}/stop"));
    assert_eq!(stopped.status, 202, "{}", stopped.text());
    let over = until("it is over", 30, || {
        let one = server.api("GET", &format!("recordings/{id}")).json();
        (one["state"] == "ready").then_some(one)
    });
    server.wait_live("live/one");
    assert_eq!(
        server.api("POST", &format!("recordings/{id}/stop")).status,
        409
    );
    let url = over["url"]
        .as_str()
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    assert!(text(&server, &url).ends_with("#EXT-X-ENDLIST\n"));
    decodes(&server.http(&url));
}

/// Shows R57.
#[test]
fn a_store_that_is_away_is_said_and_what_was_recorded_meanwhile_goes_there_when_it_is_back() {
    need!(Ffmpeg, MotoServer);
    let s3 = S3::start();
    let place = format!("store.recordings.url={}", s3.url("rec"));
    let credentials = format!("store.recordings.credentials={}", s3.credentials());
    let mut settings = RECORDED.to_vec();
    settings.extend([&*place, &*credentials, "record.keep_local_s=0"]);
    s3.pause();
    let server = Options::new(&binary()).set(&settings).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    until("six seconds are recorded", 30, || lasts(&server, 6_000));
    publisher.signal(Signal::KILL);
    let over = until("the recording is ready", 20, || {
        recording(&server).filter(|one| one["state"] == "ready")
    });
    let url = over["url"]
        .as_str()
        .unwrap()
        .trim_start_matches('/')
        .to_owned();
    decodes(&server.http(&url));
    until("it is said that the store takes nothing", 120, || {
        let ready = get(&server.http("readyz"));
        assert_eq!(
            ready.status, 200,
            "a store that is away takes no node out of service"
        );
        ready
            .text()
            .contains("recordings: the store has taken none")
            .then_some(())
    });
    assert_eq!(recording(&server).unwrap()["stored_bytes"], 0);

    s3.resume();
    until("all of it is in the store, and off the disk", 120, || {
        let metrics = get(&server.http("metrics")).text();
        let is_off = metrics
            .lines()
            .any(|line| line.starts_with("weir_recording_disk_bytes{") && line.ends_with(" 0"));
        (is_off && s3.listing().contains(".view")).then_some(())
    });
    assert!(!get(&server.http("readyz")).text().contains("recordings:"));
    // From the store now.
    decodes(&server.http(&url));
}
