//! A stranger becomes a broadcaster on a server that nobody has set up: in the browser, and by the API with ffmpeg.

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::Server;
use weir_testkit::wait::until;

use crate::console::operators_link;
use crate::drivers::drive;
use crate::kit::{begin_at, binary, build_dir, need};
use weir_testkit::server::Options;

pub(crate) const PASSWORD: &str = "a sentence that nobody guesses";

pub(crate) fn ask(
    server: &Server,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> Response {
    let mut request = Request::get(&server.http(&format!("api/v1/{path}"))).method(method);
    if !token.is_empty() {
        request = request.header("Authorization", &format!("Bearer {token}"));
    }
    request.json(body).send()
}

/// Signs up and in; gives the bearer token.
pub(crate) fn account(server: &Server, name: &str) -> String {
    let email = format!("{name}@example.net");
    let wish = json!({ "name": name, "email": email, "password": PASSWORD });
    let made = ask(server, "POST", "accounts", "", &wish);
    assert_eq!(made.status, 201, "{}", made.text());
    let wish = json!({ "login": name, "password": PASSWORD });
    let signed_in = ask(server, "POST", "sessions", "", &wish);
    assert_eq!(signed_in.status, 201, "{}", signed_in.text());
    assert!(signed_in.header("set-cookie").unwrap().contains("HttpOnly"));
    signed_in.json()["token"].as_str().unwrap().to_owned()
}

/// Shows R41.
#[test]
fn the_key_of_a_channel_publishes_until_it_is_taken_back() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let token = account(&server, "ann");
    let wish = json!({ "name": "chess", "title": "Ann plays chess" });
    let made = ask(&server, "POST", "channels", &token, &wish);
    assert_eq!(made.status, 201, "{}", made.text());
    let key = ask(&server, "POST", "channels/chess/keys", &token, &json!({}));
    assert_eq!(key.status, 201, "{}", key.text());
    let key = key.json();
    let url = format!(
        "{}?key={}",
        server.rtmp("live/chess"),
        key["key"].as_str().unwrap()
    );
    // Admission follows the store within a second: an encoder that is faster tries again, as encoders do.
    let mut publisher = begin_at(&server, &Source::H264_AAC, &url, "chess");
    until("the channel's key publishes", 20, || {
        if publisher.ended().is_some() {
            publisher = begin_at(&server, &Source::H264_AAC, &url, "chess");
        }
        server.stream("live/chess")
    });
    let shown = ask(&server, "GET", "channels/chess", "", &Value::Null);
    assert_eq!(shown.json()["live"], true);
    until("its last use is known", 20, || {
        let keys = ask(&server, "GET", "channels/chess/keys", &token, &Value::Null).json();
        let used = &keys["items"][0];
        let is_known = used["used_address"] == "127.0.0.1" && used["used_ms"].is_i64();
        is_known.then_some(())
    });
    publisher.signal(Signal::TERM);
    server.wait_gone("live/chess", 20);

    // The name is the channel's: a key that the server derives for names without a channel does not open it.
    let derived = server.stream_key("live/chess");
    let other = format!("{}?key={derived}", server.rtmp("live/chess"));
    let mut refused = begin_at(&server, &Source::H264_AAC, &other, "derived");
    assert!(!refused.wait(20).success());
    server.wait_for_log("code=1004");

    let id = key["id"].as_str().unwrap();
    let path = format!("channels/chess/keys/{id}");
    let gone = ask(&server, "DELETE", &path, &token, &Value::Null);
    assert_eq!(gone.status, 204, "{}", gone.text());
    until("the revoked key is refused", 20, || {
        let mut late = begin_at(&server, &Source::H264_AAC, &url, "late");
        let was_refused = until("it is refused, or live", 20, || {
            let is_live = server.stream("live/chess").is_some();
            late.ended().map(|_| true).or(is_live.then_some(false))
        });
        was_refused.then_some(())
    });
    server.wait_for_log("code=1006");
}

#[test]
fn a_stranger_signs_up_goes_live_and_is_followed_in_the_browser() {
    need!(Chromium, Node);
    let server = Options::new(&binary()).start();
    let link = operators_link(&server);
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let arguments = ["--link", &link, "--screenshots", &shots];
    let seen = drive("account.mjs", &server.http(""), None, &arguments);
    assert_eq!(
        (&seen["live"], &seen["watched"], &seen["followed"]),
        (&json!(true), &json!(true), &json!(["live", "rest"]))
    );
    assert_eq!(seen["card"], "Ann plays chess", "{seen:#}");
    let arguments = [
        "--name",
        "安妮",
        "--lang",
        "zh",
        "--phone",
        "--screenshots",
        &shots,
    ];
    drive("account.mjs", &server.http(""), None, &arguments);
}

#[test]
fn a_passkey_is_added_signs_in_alone_and_is_removed_in_the_browser() {
    need!(Chromium, Node);
    let server = Options::new(&binary()).start();
    let seen = drive("passkey.mjs", &server.http(""), None, &["--name", "ann"]);
    assert_eq!(
        (&seen["added"], &seen["signed_in"], &seen["removed"]),
        (&json!(true), &json!("ann"), &json!(true))
    );
}
