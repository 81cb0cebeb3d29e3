//! Going back in what is live: lists of the past under the live address, in the words of this server and of others.

use serde_json::Value;
use weir_testkit::hls_check::{Parsed, check_media, check_multivariant, check_update};
use weir_testkit::http::{Request, Response};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{begin, binary, need};

/// Segments leave the memory soon.
const RECORDED: &[&str] = &[
    "auth.publish=open",
    "record.default=on",
    "stream.linger_ms=1500",
    "hls.segment_ms=1000",
    "hls.window_segments=3",
];

fn get(server: &Server, path: &str) -> Response {
    Request::get(&server.http(path)).send()
}

fn list(server: &Server, path: &str) -> Parsed {
    let answer = get(server, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let text = answer.text();
    check_media(&text).unwrap_or_else(|broken| panic!("{path}: {broken:?}\n{text}"))
}

/// Unix milliseconds of the end of a list.
fn end_ms(list: &Parsed) -> i64 {
    let mut end_ms = 0;
    for segment in &list.segments {
        let begins_ms = segment.date_time_ms.unwrap_or(end_ms);
        end_ms = begins_ms + (segment.duration_s * 1000.0).round() as i64;
    }
    end_ms
}

fn told(server: &Server, stream: &str) -> (Value, i64) {
    let told = get(server, &format!("api/v1/live?stream={stream}")).json();
    let now_ms = told["server_time_ms"].as_i64().unwrap();
    (told["streams"][0]["dvr"].clone(), now_ms)
}

fn reach_ms(server: &Server, stream: &str) -> Option<(i64, i64)> {
    let (dvr, _) = told(server, stream);
    Some((dvr["from_ms"].as_i64()?, dvr["to_ms"].as_i64()?))
}

/// The stream, when so much of it can be gone back to.
fn reached(server: &Server, stream: &str, ms: i64) -> (i64, i64) {
    until("enough is recorded", 40, || {
        reach_ms(server, stream).filter(|(from, to)| to - from >= ms)
    })
}

/// Shows R13.
#[test]
fn viewers_go_back_in_what_is_live_and_find_what_has_left_the_memory() {
    need!(Ffmpeg, Ffprobe);
    let server = Options::new(&binary()).set(RECORDED).start();
    let publisher = begin(&server, &Source::H264_AAC, "live/a");
    server.wait_live("live/a");
    let (from_ms, to_ms) = reached(&server, "live/a", 14_000);

    let multivariant = get(&server, "live/a.m3u8?shift=4s").text();
    check_multivariant(&multivariant).unwrap_or_else(|broken| panic!("{broken:?}"));
    assert!(multivariant.contains("CODECS=\"avc1."), "{multivariant}");
    assert!(
        multivariant.ends_with("a/hls.m3u8?shift=4000ms&window=60000ms\n"),
        "{multivariant}"
    );
    let late = list(&server, "live/a/hls.m3u8?shift=4s");
    let (_, now_ms) = told(&server, "live/a");
    assert!(end_ms(&late) <= now_ms - 4_000 && !late.ended, "{late:?}");
    let window = list(&server, "live/a/hls.m3u8?window=1h");
    assert!(end_ms(&window) >= to_ms && window.kind.is_none());
    let again = until("the list grows", 20, || {
        let again = list(&server, "live/a/hls.m3u8?window=1h");
        (again.segments.len() > window.segments.len()).then_some(again)
    });
    check_update(&window, &again).unwrap_or_else(|broken| panic!("{broken:?}"));

    // What has left the memory has its name and its bytes still.
    let live = list(&server, "live/a/hls.m3u8");
    let first = &window.segments[0].uri;
    assert!(live.segments.iter().all(|one| one.uri != *first), "{first}");
    let recording = server.api("GET", "recordings?app=live").json();
    let id = recording["items"][0]["id"].as_str().unwrap();
    let by_live = get(&server, &format!("live/a/{first}"));
    let by_recording = get(&server, &format!("r/{id}/{first}"));
    assert_eq!((by_live.status, by_recording.status), (200, 200));
    assert!(by_live.body == by_recording.body, "{first}");
    assert_eq!(by_live.header("etag"), by_recording.header("etag"));

    // From a time on: it grows, and players begin there.
    let begun_ms = from_ms + 5_000;
    let growing = list(&server, &format!("live/a/hls.m3u8?from={begun_ms}"));
    assert_eq!(
        (growing.kind.as_deref(), growing.start_s),
        (Some("EVENT"), Some(0.0))
    );
    let first_ms = growing.segments[0].date_time_ms.unwrap();
    assert!(
        (first_ms..=first_ms + 2_000).contains(&begun_ms),
        "{first_ms} {begun_ms}"
    );
    // A stretch, in all its words; and it plays.
    let (a_s, b_s) = (from_ms / 1000 + 2, from_ms / 1000 + 8);
    let native = format!("live/a/hls.m3u8?from={a_s}000&to={b_s}000");
    let stretch = list(&server, &native);
    assert!(
        stretch.ended && (6.0..=9.0).contains(&stretch.duration_s()),
        "{stretch:?}"
    );
    let text = get(&server, &native).text();
    for words in [
        format!("txTimeshift=on&tsFormat=unix_s_8&tsStart={a_s}&tsEnd={b_s}"),
        format!("aliyunols=on&lhs_start_unix_s_0={a_s}&lhs_end_unix_s_0={b_s}"),
    ] {
        assert_eq!(
            get(&server, &format!("live/a/hls.m3u8?{words}")).text(),
            text,
            "{words}"
        );
    }
    for played in [
        native.replace("/hls.m3u8", ".m3u8"),
        "live/a.m3u8?shift=4s".to_owned(),
    ] {
        let out = server.data().join("shifted.mkv");
        let mut player = media::record(Tool::Ffmpeg, &server.http(&played), &[], "4", &out);
        player.succeed(40);
        let frames = weir_testkit::ffprobe::frames(&out);
        assert!(
            !frames.video.is_empty() && !frames.audio.is_empty(),
            "{played}"
        );
    }

    publisher.signal(Signal::KILL);
    let over = until("it ends where it was open", 20, || {
        let over = list(&server, &format!("live/a/hls.m3u8?from={begun_ms}"));
        over.ended.then_some(over)
    });
    check_update(&growing, &over).unwrap_or_else(|broken| panic!("{broken:?}"));
}

/// Shows R13.
#[test]
fn what_is_not_recorded_yet_or_no_longer_or_not_at_all_is_refused_with_a_code_each() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).set(RECORDED).start();
    let _kept = begin(&server, &Source::H264_AAC, "live/a");
    let _short = begin(&server, &Source::H264_AAC, "live/short?dvr=3");
    let _never = begin(&server, &Source::H264_AAC, "live/never?dvr=0");
    let _not = begin(&server, &Source::H264_AAC, "live/not?rec=0");
    let (from_ms, to_ms) = reached(&server, "live/a", 6_000);
    let hour_ms = 3_600_000;
    let refused = |path: &str| get(&server, path).refusal();
    let later = to_ms + hour_ms;
    assert_eq!(refused(&format!("live/a.m3u8?from={later}")), (425, 3008));
    let early = get(&server, &format!("live/a/hls.m3u8?from={later}"));
    assert_eq!(early.header("retry-after"), Some("2"));
    assert_eq!(refused("live/a/hls.m3u8?shift=1h"), (425, 3008));
    let (a_ms, b_ms) = (from_ms - 2 * hour_ms, from_ms - hour_ms);
    let gone = format!("live/a/hls.m3u8?from={a_ms}&to={b_ms}");
    assert_eq!(refused(&gone), (410, 3009));
    assert_eq!(refused("live/a.m3u8?shift=soon"), (400, 4004));
    server.wait_live("live/not");
    assert_eq!(refused("live/not.m3u8?shift=3s"), (404, 3001));
    assert_eq!(told(&server, "live/not").0, Value::Null);
    assert_eq!(refused("live/none.m3u8?shift=3s"), (404, 3001));
    // Publishers say how far viewers may go back.
    let (from_ms, to_ms) = until("the short one is recorded", 30, || {
        reach_ms(&server, "live/short")
    });
    assert!(to_ms - from_ms <= 3_000, "{from_ms} {to_ms}");
    let whole = list(&server, "live/short/hls.m3u8?window=1h");
    assert!(whole.duration_s() > 0.0);
    let far = from_ms - 60_000;
    assert_eq!(
        refused(&format!("live/short/hls.m3u8?from={far}")),
        (410, 3009)
    );
    assert_eq!(told(&server, "live/never").0, Value::Null);
    assert_eq!(refused("live/never/hls.m3u8?from=1"), (410, 3009));
}
