//! Somebody sees a broadcast end and watches it again, in a real browser; and what the pages tell of it without a script. The driver is `web/e2e/replay.mjs`.

use std::path::Path;

use serde_json::{Value, json};
use weir_testkit::http::Request;
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::drivers::{drive, screenshot};
use crate::kit::{begin, binary, need};

const RECORDED: &[&str] = &[
    "auth.publish=open",
    "record.default=on",
    "stream.linger_ms=1500",
];

/// `more` is for the driver.
fn watches_again(more: &[&str]) {
    let server = Options::new(&binary()).set(RECORDED).start();
    let rtmp = server.rtmp("live/a");
    let ffmpeg = Tool::Ffmpeg.path().unwrap().display().to_string();
    let shot = screenshot("replay");
    let folder = Path::new(&shot).parent().unwrap().display().to_string();
    let arguments = [
        "--rtmp",
        &rtmp,
        "--ffmpeg",
        &ffmpeg,
        "--screenshots",
        &folder,
    ];
    let result = drive(
        "replay.mjs",
        &server.http(""),
        None,
        &[&arguments, more].concat(),
    );
    let steps = result["steps"].as_array().unwrap();
    assert!(steps.len() >= 5, "{result:#}");
}

/// Shows R13.
#[test]
fn a_viewer_goes_back_in_what_is_live_and_returns() {
    need!(Ffmpeg, Chromium, Node);
    watches_again(&["--back", "--lang", "en"]);
}

/// Shows R13, R25.
#[test]
fn a_viewer_sees_a_broadcast_end_and_watches_it_again() {
    need!(Ffmpeg, Chromium, Node);
    watches_again(&["--lang", "en"]);
}

#[test]
fn the_same_on_a_telephone_in_chinese() {
    need!(Ffmpeg, Chromium, Node);
    watches_again(&["--back", "--lang", "zh", "--phone"]);
}

fn page(server: &Server, path: &str) -> String {
    let answer = Request::get(&server.http(path))
        .header("accept", "text/html")
        .send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

fn replays(server: &Server, stream: &str) -> Vec<Value> {
    let answer = Request::get(&server.http(&format!("api/v1/replays?stream={stream}"))).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// Shows R25, R27.
#[test]
fn a_channels_page_tells_of_past_broadcasts_as_its_owner_wants() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).set(RECORDED).start();
    let ann = account(&server, "ann");
    let made = json!({ "name": "chess", "title": "Ann plays chess" });
    assert_eq!(ask(&server, "POST", "channels", &ann, &made).status, 201);
    let key = ask(
        &server,
        "POST",
        "channels/chess/keys",
        &ann,
        &json!({ "label": "" }),
    )
    .json();
    let address = format!("live/chess?key={}", key["key"].as_str().unwrap());
    let publisher = begin(&server, &Source::H264_AAC, &address);
    server.wait_live("live/chess");
    let going = until("a recording goes on", 20, || {
        replays(&server, "live/chess")
            .into_iter()
            .find(|one| one["duration_ms"].as_i64() > Some(3_000))
    });
    assert_eq!(
        (&going["state"], &going["channel"]),
        (&json!("recording"), &json!("chess"))
    );
    publisher.signal(Signal::KILL);
    let over = until("it can be watched again", 60, || {
        replays(&server, "live/chess")
            .into_iter()
            .find(|one| one["state"] == "ready")
    });
    let id = over["id"].as_str().unwrap();
    let card = format!("href=\"/watch/live/chess?r={id}\"");
    let shown = until("the page tells of it", 20, || {
        Some(page(&server, "c/chess"))
            .filter(|page| page.contains(&card) && page.contains("class=\"length\">0:"))
    });
    assert!(
        shown.contains("<strong>Ann plays chess</strong>"),
        "{shown}"
    );

    let told = json!({ "title": "Finals <1>" });
    assert_eq!(
        ask(&server, "PATCH", &format!("recordings/{id}"), &ann, &told).status,
        200
    );
    until("it has another title", 20, || {
        page(&server, "c/chess")
            .contains("<strong>Finals &lt;1&gt;</strong>")
            .then_some(())
    });
    let hidden = json!({ "published": false });
    assert_eq!(
        ask(&server, "PATCH", &format!("recordings/{id}"), &ann, &hidden).status,
        200
    );
    until("the page tells of it no more", 20, || {
        (!page(&server, "c/chess").contains(&card)).then_some(())
    });
    assert!(
        replays(&server, "live/chess").is_empty(),
        "what is not published is not told of"
    );
    let asked = Request::get(&server.http("api/v1/recordings"));
    let owned = asked
        .header("authorization", &format!("Bearer {ann}"))
        .send()
        .json();
    assert_eq!(
        owned["items"][0]["id"], id,
        "its owner has it all the same: {owned}"
    );

    let closed = json!({ "published": true });
    assert_eq!(
        ask(&server, "PATCH", &format!("recordings/{id}"), &ann, &closed).status,
        200
    );
    let played = |file: &str| Request::get(&server.http(&format!("r/{id}/{file}"))).send();
    let list = played("index.m3u8");
    assert_eq!(list.status, 200, "{}", list.text());
    let text = list.text();
    let segment = text.lines().find(|line| line.ends_with(".m4s")).unwrap();
    assert_eq!(played(segment).status, 200);
    let hide = |is_hidden: bool| {
        let word = json!({ "hidden": is_hidden });
        ask(&server, "PATCH", &format!("recordings/{id}"), &ann, &word)
    };
    assert_eq!(hide(true).json()["hidden"], "owner");
    assert!(
        replays(&server, "live/chess").is_empty(),
        "what is hidden is in no list"
    );
    until("what is hidden is played no more", 20, || {
        (played("index.m3u8").status == 403).then_some(())
    });
    for file in ["index.m3u8", "ts.m3u8", "storyboard.vtt", segment] {
        assert_eq!(played(file).json()["code"], 2010, "{file}");
    }
    let whole = Request::get(&server.http(&format!("r/{id}.mp4"))).send();
    assert_eq!(whole.json()["code"], 2010);
    let live = Request::get(&server.http(&format!("live/chess/{segment}"))).send();
    assert_eq!(
        live.json()["code"],
        2010,
        "under its name of the live stream neither"
    );
    assert_eq!(hide(false).json()["hidden"], "");
    until("it is played again", 20, || {
        (played(segment).status == 200).then_some(())
    });

    let private = json!({ "visibility": "private" });
    assert_eq!(
        ask(&server, "PATCH", "channels/chess", &ann, &private).status,
        200
    );
    until("a private channel's are told of to nobody", 20, || {
        replays(&server, "live/chess").is_empty().then_some(())
    });
}
