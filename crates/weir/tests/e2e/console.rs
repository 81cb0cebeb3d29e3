//! The console and moderation in the browser: who bans, who is banned, and what they say to each other.

use serde_json::json;
use weir_testkit::http::Request;
use weir_testkit::media::Source;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::drivers::drive;
use crate::kit::{begin_at, binary, build_dir, need};

/// The link that the server printed, by which its operator signs in once.
pub(crate) fn operators_link(server: &Server) -> String {
    server.wait_for_log("sign in   ");
    let log = server.log();
    let line = log.lines().find_map(|line| line.split_once("sign in   "));
    let path = line.unwrap().1.split(' ').next().unwrap();
    let path = path.split_once("/account/").unwrap().1;
    server.http(&format!("account/{path}"))
}

/// A server with Ann's live channel that Max helps with; drives the browser through it.
fn moderate(language: &str, more: &[&str]) {
    let server = Options::new(&binary()).start();
    let link = operators_link(&server);

    let ann = account(&server, "ann");
    account(&server, "max");
    account(&server, "eve");
    let wish = json!({ "name": "chess", "title": "Ann plays chess" });
    let made = ask(&server, "POST", "channels", &ann, &wish);
    assert_eq!(made.status, 201, "{}", made.text());
    let max = json!({ "account": "max", "role": "moderator" });
    let set = ask(&server, "PUT", "channels/chess/team", &ann, &max);
    assert_eq!(set.status, 200, "{}", set.text());
    let key = ask(&server, "POST", "channels/chess/keys", &ann, &json!({})).json();
    let url = format!(
        "{}?key={}",
        server.rtmp("live/chess"),
        key["key"].as_str().unwrap()
    );
    let mut publisher = begin_at(&server, &Source::H264_AAC, &url, "chess");
    until("the channel is live", 20, || {
        if publisher.ended().is_some() {
            publisher = begin_at(&server, &Source::H264_AAC, &url, "chess");
        }
        server.stream("live/chess")
    });

    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let mut arguments = vec!["--link", &link, "--live", "chess", "--lang", language];
    arguments.extend(["--screenshots", &shots]);
    arguments.extend(more);
    let seen = drive("console.mjs", &server.http(""), None, &arguments);
    assert_eq!(
        (&seen["reason"], &seen["answer"]),
        (&json!("Somebody else's film"), &json!("Show us the papers"))
    );
    assert!(seen["ended_ms"].as_u64().unwrap() <= 5_000, "{seen}");
    written_down(&server);
}

/// What the operator did is in the audit log.
fn written_down(server: &Server) {
    let acts = server.api("GET", "audit").json();
    let has = |action: &str| {
        let items = acts["items"].as_array().unwrap();
        items
            .iter()
            .any(|act| act["action"] == action && act["address"] == "127.0.0.1")
    };
    assert!(has("ban.create") && has("appeal.decide"), "{acts}");
}

#[test]
fn the_banned_read_why_and_are_answered_and_a_channel_s_ban_ends_a_play() {
    need!(Ffmpeg, Chromium, Node);
    moderate("en", &[]);
}

#[test]
fn the_same_in_chinese_on_a_phone() {
    need!(Ffmpeg, Chromium, Node);
    moderate("zh", &["--phone"]);
}

#[test]
fn the_old_page_of_nodes_leads_to_the_console() {
    let server = Options::new(&binary()).start();
    let moved = Request::get(&server.http("cluster")).send();
    let place = moved.header("location").map(str::to_owned);
    assert_eq!(
        (moved.status, place.as_deref()),
        (308, Some("/console/nodes"))
    );
    assert_eq!(
        Request::get(&server.http("console/users")).send().status,
        200
    );
}
