//! Leave to watch: channels that are not for everybody, and apps whose own servers are asked, over every protocol.

use serde_json::{Value, json};
use weir_testkit::http::{Request, get};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::receiver::{Receiver, Reply};
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;
use weir_testkit::ws::WsClient;

use crate::accounts::{account, ask};
use crate::admission::clients_of;
use crate::drivers::drive;
use crate::kit::{begin_at, binary, file_of, log_of, need};

/// Seconds an encoder may take to be live.
const PATIENCE_S: u64 = 20;

/// Ann's channel `chess`, which is live; her token, and who sends.
fn channel(server: &Server, change: &Value) -> (String, Process) {
    let token = account(server, "ann");
    let made = ask(
        server,
        "POST",
        "channels",
        &token,
        &json!({ "name": "chess" }),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let changed = ask(server, "PATCH", "channels/chess", &token, change);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let key = ask(server, "POST", "channels/chess/keys", &token, &json!({})).json();
    let key = key["key"].as_str().unwrap().to_owned();
    let url = format!("{}?key={key}", server.rtmp("live/chess"));
    // For as long as the test takes.
    let (file, log) = (file_of(&Source::H264_AAC), log_of(server, "chess"));
    let send = || media::publish_with(Tool::Ffmpeg, &file, &url, &["-stream_loop", "-1"], &log);
    let mut publisher = send();
    until("the channel is live", PATIENCE_S, || {
        if publisher.ended().is_some() {
            publisher = send();
        }
        server.stream("live/chess")
    });
    (token, publisher)
}

fn ticket(server: &Server, token: &str, wish: &Value) -> String {
    let given = ask(server, "POST", "channels/chess/ticket", token, wish);
    assert_eq!(given.status, 200, "{}", given.text());
    given.json()["ticket"].as_str().unwrap().to_owned()
}

/// Shows R41 and R46.
#[test]
fn another_password_ends_what_the_old_one_opened_within_five_seconds_over_every_protocol() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let closed = json!({ "visibility": "password", "password": "sesame" });
    let (token, _publisher) = channel(&server, &closed);
    for path in ["live/chess.flv", "live/chess.m3u8", "live/chess.ts"] {
        until("the edge knows that it is closed", PATIENCE_S, || {
            let answer = get(&server.http(path));
            (answer.status != 200).then(|| assert_eq!(answer.refusal(), (401, 1001), "{path}"))
        });
    }
    // It stands in no list, and is told of to who knows its name.
    let told = |target: &str| {
        get(&server.http(target)).json()["streams"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(told("api/v1/live"), Some(0));
    assert_eq!(told("api/v1/live?stream=live/chess"), Some(1));
    let ticket = ticket(&server, "", &json!({ "password": "sesame" }));
    let with = |path: &str| format!("{path}?ticket={ticket}");
    let _flv = Watcher::open(&server.http(&with("live/chess.flv")));
    let _ws = WsClient::connect(&server.ws(&with("live/chess.flv")));
    let _ts = Request::get(&server.http(&with("live/chess.ts")))
        .open()
        .unwrap();
    let tool = Source::H264_AAC.ffmpeg();
    let file = server.data().join("played.flv");
    let url = server.rtmp(&with("live/chess"));
    let mut rtmp = media::record(tool, &url, &[], "120", &file);
    // By the password itself, which an api node is asked about.
    let other = server.data().join("other.flv");
    let url = server.rtmp("live/chess?password=sesame");
    let mut by_password = media::record(tool, &url, &[], "120", &other);
    for protocol in ["http-flv", "ws-flv", "http-ts", "rtmp"] {
        server.wait_client("viewer", protocol);
    }
    until("all five watch", PATIENCE_S, || {
        (clients_of(&server, "live/chess") == 6).then_some(())
    });
    let hls = server.http(&with("live/chess.m3u8"));
    let playlist = get(&hls);
    assert_eq!(playlist.status, 200, "{}", playlist.text());
    // Whatever it names can be fetched, as its addresses have the ticket.
    let text = playlist.text();
    assert!(text.contains("ticket="), "{text}");

    let changed = ask(
        &server,
        "PATCH",
        "channels/chess",
        &token,
        &json!({ "password": "another" }),
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    until("whoever watched by the old one is gone", 5, || {
        (clients_of(&server, "live/chess") == 1).then_some(())
    });
    assert_eq!(get(&hls).refusal(), (403, 1006));
    server.wait_for_log("code=1006");
    rtmp.wait(PATIENCE_S);
    by_password.wait(PATIENCE_S);
    let log = server.log();
    assert!(!log.contains("sesame"), "no password stands in the log");
}

/// Shows R41.
#[test]
fn whoever_follows_no_more_watches_no_more() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let (_, _publisher) = channel(&server, &json!({ "visibility": "followers" }));
    let eve = account(&server, "eve");
    let refused = ask(&server, "POST", "channels/chess/ticket", &eve, &json!({}));
    assert_eq!(refused.status, 403, "{}", refused.text());
    ask(&server, "PUT", "channels/chess/follow", &eve, &Value::Null);
    let eves = ticket(&server, &eve, &json!({}));
    let _flv = Watcher::open(&server.http(&format!("live/chess.flv?ticket={eves}")));
    server.wait_client("viewer", "http-flv");
    ask(
        &server,
        "DELETE",
        "channels/chess/follow",
        &eve,
        &Value::Null,
    );
    until("she is gone", 5, || {
        (clients_of(&server, "live/chess") == 1).then_some(())
    });
}

/// Shows R41.
#[test]
fn the_page_of_a_closed_channel_asks_for_its_password_and_asks_again_when_there_is_another() {
    need!(Ffmpeg, Chromium, Node);
    let server = Options::new(&binary()).start();
    let closed = json!({ "visibility": "password", "password": "sesame" });
    let (token, _publisher) = channel(&server, &closed);
    // The page of a stream asks as that of its channel does, and so does what stands in a frame elsewhere.
    for (page, language) in [
        ("/c/chess", "en"),
        ("/c/chess", "zh"),
        ("/watch/live/chess", "en"),
        ("/watch/live/chess", "zh"),
        ("/embed/live/chess", "en"),
        ("/embed/live/chess", "zh"),
    ] {
        ask(&server, "PATCH", "channels/chess", &token, &closed);
        let arguments = ["--token", &token, "--page", page, "--lang", language];
        let seen = drive("leave.mjs", &server.http(""), None, &arguments);
        for what in ["watched", "asked", "followers", "unlisted"] {
            assert_eq!(seen[what], true, "{what} on {page}: {seen:#}");
        }
    }
}

/// Shows R46 and R47.
#[test]
fn an_apps_own_server_is_asked_and_its_word_counts() {
    need!(Ffmpeg);
    let receiver = Receiver::start(|heard| {
        let asked = heard.json();
        match (asked["action"].as_str(), asked["stream"].as_str()) {
            (Some("on_publish"), Some("good")) => Reply::Status(200, "0"),
            (Some("on_publish"), _) => Reply::Status(200, r#"{"code":1}"#),
            // Who would watch waits for nothing.
            _ => Reply::Nothing,
        }
    });
    let rules = format!(
        "[hooks]\nallow = [\"127.0.0.0/8\"]\n[auth]\npublish = \"open\"\n[apps.srs]\nask = \"both\"\n\
         ask_url = \"{}\"\nask_dialect = \"srs\"\nask_timeout_ms = 300\nwhen_away = \"admit\"\n",
        receiver.url("/srs")
    );
    let server = Options::new(&binary()).file(&rules).start();
    let mut refused = begin_at(&server, &Source::H264_AAC, &server.rtmp("srs/bad"), "bad");
    assert!(!refused.wait(PATIENCE_S).success());
    server.wait_for_log("code=2008");
    let _good = begin_at(
        &server,
        &Source::H264_AAC,
        &server.rtmp("srs/good?token=x"),
        "good",
    );
    server.wait_live("srs/good");
    let heard = receiver.heard().last().unwrap().json();
    assert_eq!(heard["param"], "?token=x");
    // A dead server costs a viewer 300 ms, and then the app's own word for that counts.
    let watching = Watcher::open(&server.http("srs/good.flv"));
    watching.wait_pictures(5);
}
