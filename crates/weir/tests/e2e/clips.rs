//! Clips: a stretch of a recording with a link of its own, and nothing beside it.

use serde_json::{Value, json};
use weir_testkit::hls_check::check_media;
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
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

fn post(server: &Server, path: &str, body: &Value) -> Response {
    Request::get(&server.http(&format!("api/v1/{path}")))
        .method("POST")
        .header("Authorization", &format!("Bearer {}", server.token()))
        .json(body)
        .send()
}

fn newest(server: &Server) -> Option<Value> {
    let list = server.api("GET", "recordings?app=live").json();
    list["items"].get(0).cloned()
}

/// Shows R13.
#[test]
fn a_clip_has_a_link_of_its_own_is_there_after_a_crash_and_holds_its_recording() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    let one = until("eight seconds are recorded", 30, || {
        newest(&server).filter(|one| one["duration_ms"].as_i64().unwrap() >= 8_000)
    });
    let id = one["id"].as_str().unwrap().to_owned();
    let clips = format!("recordings/{id}/clips");
    let whole = check_media(&get(&server, &format!("r/{id}/index.m3u8")).text()).unwrap();
    let began_ms = whole.segments[0].date_time_ms.unwrap();
    let wish = |from: i64, to: i64, title: &str| json!({ "from_ms": began_ms + from, "to_ms": began_ms + to, "title": title });
    // While it is live.
    let made = post(&server, &clips, &wish(2_500, 5_500, " The goal 进球 "));
    assert_eq!(made.status, 201, "{}", made.text());
    let clip = made.json();
    assert_eq!(
        (&clip["title"], &clip["recording"]),
        (&json!("The goal 进球"), &json!(id))
    );
    let (from_ms, to_ms) = (
        clip["from_ms"].as_i64().unwrap(),
        clip["to_ms"].as_i64().unwrap(),
    );
    assert!(
        from_ms <= began_ms + 2_500 && to_ms >= began_ms + 5_500,
        "{clip}"
    );
    for (wish, status) in [
        (wish(4_000, 9_000_000, ""), (425, 3008)),
        (wish(-9_000, -5_000, ""), (410, 3009)),
        (wish(4_000, 4_000, ""), (422, 6004)),
        (wish(1_000, 4_000, &"x".repeat(201)), (422, 6004)),
    ] {
        assert_eq!(post(&server, &clips, &wish).refusal(), status, "{wish}");
    }

    drop(publisher);
    let server = server.restart_killed(RECORDED);
    let listed = server.api("GET", &clips).json();
    assert_eq!(listed["items"], json!([clip]));
    let link = clip["url"].as_str().unwrap().trim_start_matches('/');
    let list = check_media(&get(&server, link).text()).unwrap();
    assert!(list.ended && list.duration_s() * 1000.0 - (to_ms - from_ms) as f64 <= 1.0);
    let folder = link.trim_end_matches("index.m3u8");
    let of_clip = &list.segments[0].uri;
    let beside = &whole.segments[0].uri;
    assert_eq!(get(&server, &format!("{folder}{of_clip}")).status, 200);
    assert_eq!(get(&server, &format!("{folder}{beside}")).status, 404);
    assert_eq!(get(&server, &format!("{folder}iframes.m3u8")).status, 200);
    let asked_for_more =
        check_media(&get(&server, &format!("{link}?from=1&to=9999999999999")).text());
    assert_eq!(asked_for_more.unwrap().segments.len(), list.segments.len());
    let file = get(
        &server,
        clip["file_url"].as_str().unwrap().trim_start_matches('/'),
    );
    assert_eq!(file.status, 200);

    // A recording is not taken away from under its clips, and theirs is no other's.
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    server.wait_live("live/a");
    publisher.signal(Signal::KILL);
    until("the recording is over", 90, || {
        newest(&server).filter(|one| one["state"] == "ready")
    });
    let held = server.api("DELETE", &format!("recordings/{id}"));
    assert_eq!(held.refusal(), (409, 6003), "{}", held.text());
    let clip_id = clip["id"].as_str().unwrap();
    let other = format!("recordings/019f0000-0000-7000-8000-000000000000/clips/{clip_id}");
    assert_eq!(server.api("DELETE", &other).status, 404);
    let again = post(&server, &clips, &wish(0, 1_000, ""));
    assert_eq!(again.status, 201);
    assert_eq!(
        server.api("DELETE", &format!("{clips}/{clip_id}")).status,
        204
    );
    until("the clip is played no more", 5, || {
        (get(&server, link).status == 404).then_some(())
    });
    let gone = server.api("DELETE", &format!("recordings/{id}?clips=true"));
    assert_eq!(gone.status, 204);
    let link = again.json()["url"].as_str().unwrap().to_owned();
    until("nor is the other", 5, || {
        (get(&server, link.trim_start_matches('/')).status == 404).then_some(())
    });
}

/// Shows R13.
#[test]
fn old_players_have_a_recording_as_mpeg_ts() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    until("eight seconds are recorded", 30, || {
        newest(&server).filter(|one| one["duration_ms"].as_i64().unwrap() >= 8_000)
    });
    publisher.signal(Signal::KILL);
    let one = until("the recording is ready", 20, || {
        newest(&server).filter(|one| one["state"] == "ready")
    });
    let id = one["id"].as_str().unwrap();
    let text = get(&server, &format!("r/{id}/ts.m3u8")).text();
    let list = check_media(&text).unwrap_or_else(|broken| panic!("{broken:?}\n{text}"));
    assert!(list.ended && list.segments.iter().all(|one| one.uri.ends_with(".ts")));
    let save = |file: &str, out: &str| {
        let out = server.data().join(out);
        let url = server.http(&format!("r/{id}/{file}"));
        weir_testkit::media::record(weir_testkit::tools::Tool::Ffmpeg, &url, &[], "600", &out)
            .succeed(60);
        weir_testkit::ffprobe::frames(&out)
    };
    let (ts, mp4) = (save("ts.m3u8", "ts.mkv"), save("index.m3u8", "fmp4.mkv"));
    weir_testkit::ffprobe::assert_same("MPEG-TS", &mp4, &ts);
    // FFmpeg finds nothing missing between two segments.
    let url = server.http(&format!("r/{id}/ts.m3u8"));
    let mut command = weir_testkit::tools::Tool::Ffmpeg.command();
    command.args(["-v", "warning", "-xerror", "-i", &url, "-f", "null", "-"]);
    let said = weir_testkit::ffprobe::silent(&mut command);
    assert!(
        !said.contains("corrupt") && !said.contains("Continuity"),
        "{said}"
    );
}
