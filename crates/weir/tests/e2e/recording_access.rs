//! Who may play a recording: who may play its stream, and nobody by another's key, another's name or yesterday's leave.

use serde_json::Value;
use weir_base::sign::{Action, SigningKey, Subject, sign};
use weir_testkit::hls_check::{Parsed, check_media};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::kit::{begin, binary, need};

/// A time that is far, and one that is over, Unix seconds.
const FAR_S: i64 = 4_000_000_000;
const OVER_S: i64 = 1_000_000_000;

fn key(app: &str) -> SigningKey {
    SigningKey {
        id: "k".into(),
        secret: format!("the secret of {app} alone"),
    }
}

fn proof(by: &str, action: Action, (app, stream): (&str, &str), expiry_s: i64) -> String {
    let subject = Subject {
        action,
        vhost: "",
        app,
        stream,
    };
    sign(&key(by), subject, expiry_s, "", "")
}

fn of<'a>(list: &'a [Value], app: &str, stream: &str) -> &'a str {
    let found = list
        .iter()
        .find(|one| one["app"] == app && one["stream"] == stream);
    found.unwrap()["id"].as_str().unwrap()
}

fn names(server: &Server, id: &str, proof: &str) -> Parsed {
    let text = get(&server.http(&format!("r/{id}/index.m3u8?{proof}"))).text();
    check_media(&text).unwrap_or_else(|broken| panic!("{broken:?}\n{text}"))
}

fn without_query(uri: &str) -> &str {
    uri.split('?').next().unwrap()
}

/// Shows R45, R49.
#[test]
fn a_recording_is_played_by_leave_for_its_own_stream_alone() {
    need!(Ffmpeg);
    let keys = ["one", "onex"].map(|app| {
        format!(
            "apps.{app}.keys=[{{ id = \"k\", secret = \"{}\" }}]",
            key(app).secret
        )
    });
    let settings = [
        "auth.publish=open",
        "apps.one.play=signed",
        "apps.onex.play=signed",
        "record.default=on",
        "stream.linger_ms=500",
        "hls.segment_ms=1000",
        &*keys[0],
        &*keys[1],
    ];
    let server = Options::new(&binary()).set(&settings).start();
    let streams = [("one", "a"), ("one", "ab"), ("onex", "a")];
    let publishers =
        streams.map(|(app, stream)| begin(&server, &Source::H264_AAC, &format!("{app}/{stream}")));
    let list = until("all three are recorded", 40, || {
        let list = server.api("GET", "recordings").json();
        let items = list["items"].as_array()?.clone();
        let has_some = |one: &Value| one["duration_ms"].as_i64() >= Some(2_000);
        (items.len() == 3 && items.iter().all(has_some)).then_some(items)
    });
    drop(publishers);
    let [own, sibling, foreign] = streams.map(|(app, stream)| of(&list, app, stream));

    let right = proof("one", Action::Play, ("one", "a"), FAR_S);
    let of_own = names(&server, own, &right);
    let segment = without_query(&of_own.segments[0].uri).to_owned();
    let files = [
        "/index.m3u8",
        "/iframes.m3u8",
        "/ts.m3u8",
        "/storyboard.vtt",
        ".mp4",
        &format!("/{segment}"),
    ];
    let wrong = [
        ("no leave", String::new(), 1001),
        (
            "one that is over",
            proof("one", Action::Play, ("one", "a"), OVER_S),
            1003,
        ),
        (
            "for a stream whose name begins so",
            proof("one", Action::Play, ("one", "ab"), FAR_S),
            1004,
        ),
        (
            "for the stream of an app whose name begins so",
            proof("onex", Action::Play, ("onex", "a"), FAR_S),
            1004,
        ),
        (
            "by another app's key",
            proof("onex", Action::Play, ("one", "a"), FAR_S),
            1004,
        ),
        (
            "for a level of an app that is none",
            proof("one", Action::Play, ("on", "e/a"), FAR_S),
            1004,
        ),
        (
            "for the same letters, cut elsewhere",
            proof("one", Action::Play, ("one/a", ""), FAR_S),
            1004,
        ),
        (
            "for the folder",
            proof("one", Action::Play, ("one", ""), FAR_S),
            1004,
        ),
        (
            "to publish",
            proof("one", Action::Publish, ("one", "a"), FAR_S),
            1007,
        ),
    ];
    for file in files {
        let good = get(&server.http(&format!("r/{own}{file}?{right}")));
        assert!(
            good.status == 200,
            "{file}: {} {}",
            good.status,
            good.text()
        );
        for (what, proof, code) in &wrong {
            let answer = get(&server.http(&format!("r/{own}{file}?{proof}")));
            assert_eq!(answer.refusal().1, *code, "{file} with leave {what}");
        }
        // The right one is no leave for others.
        for other in [sibling, foreign] {
            let answer = get(&server.http(&format!("r/{other}{file}?{right}")));
            assert_eq!(answer.refusal().1, 1004, "{file} of another");
        }
    }
    // Leave for one's own recording is none for a piece of another's.
    let theirs = names(
        &server,
        foreign,
        &proof("onex", Action::Play, ("onex", "a"), FAR_S),
    );
    let name = without_query(&theirs.segments[0].uri);
    for path in [
        format!("r/{own}/{name}"),
        format!("r/{own}/..%2F{foreign}%2F{name}"),
        format!("r/{own}%2F..%2F{foreign}/{name}"),
        format!("r/{own}/../{foreign}/{name}"),
    ] {
        let answer = get(&server.http(&format!("{path}?{right}")));
        assert!(
            matches!(answer.status, 400 | 403 | 404),
            "{path}: {}",
            answer.status
        );
    }
}
