//! People look at live streams in the browser: two at once, by keys alone, and one of the streams goes.

use std::thread;

use serde_json::{Value, json};
use weir_testkit::http::{Request, get};
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::drivers::drive;
use crate::kit::{build_dir, need, open_options, told_of};
use crate::snapshots::{colour, options};

/// A moderator of this name.
fn moderator(server: &Server, name: &str) -> String {
    let token = account(server, name);
    let me = ask(server, "GET", "me", &token, &Value::Null).json();
    let id = me["id"].as_str().unwrap();
    let role = json!({ "role": "moderator" });
    let changed = ask(
        server,
        "PATCH",
        &format!("accounts/{id}"),
        server.token(),
        &role,
    );
    assert!(changed.status < 300, "{}", changed.text());
    token
}

fn options_of_review() -> Options {
    options().set(&["snapshot.every_s=1"])
}

/// Items that a page showed.
fn ids(seen: &Value, name: &str) -> Vec<String> {
    let all = seen[name].as_array().unwrap().iter();
    all.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// What was decided, newest first.
fn decided(server: &Server) -> Vec<Value> {
    let answer = server.api("GET", "review/items?state=decided&limit=200");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// Shows R42.
#[test]
fn two_reviewers_at_once_end_a_bad_stream_by_keys_alone() {
    need!(Ffmpeg, Chromium, Node);
    let server = options_of_review().start();
    let names = ["one", "two"].map(|name| {
        moderator(&server, name);
        name
    });
    let mut bad = colour(&server, "live/red", "red", "");
    let _good = ["blue", "lime"].map(|name| colour(&server, &format!("live/{name}"), name, ""));
    let shots = build_dir().parent().unwrap().join("e2e-screenshots");
    let shots = shots.display().to_string();
    let (base, shots) = (server.http(""), shots.as_str());
    let [first, second] = thread::scope(|scope| {
        let base = base.as_str();
        let run = |name: &'static str, more: &'static [&'static str]| {
            scope.spawn(move || {
                let mut arguments = vec!["--as", name, "--screenshots", shots];
                arguments.extend(more);
                drive("review.mjs", base, None, &arguments)
            })
        };
        let both = [
            run(names[0], &["--ban", "live/red"]),
            run(names[1], &["--lang", "zh"]),
        ];
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(
        (&first["blurred"], &second["blurred"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&first["in_order"], &first["muted"]),
        (&json!(true), &json!(true))
    );
    let wide = first["player_px"].as_u64().unwrap();
    assert!(wide > 300, "the live player is {wide} pixels wide");
    println!("a stream ended {} ms after the key", first["ended_ms"]);

    // Whoever passed a page passed what was theirs, and the ban is the other's.
    let all = decided(&server);
    let by = |id: &str| {
        let item = all.iter().find(|item| item["id"] == id).unwrap();
        let verdict = &item["verdict"];
        (verdict["by"].clone(), verdict["verdict"].clone())
    };
    let passed = ids(&second, "passed");
    assert!(!passed.is_empty());
    for id in &passed {
        assert_eq!(by(id), (json!("two"), json!("ok")));
        assert!(!ids(&first, "shown").contains(id), "{id} was shown to both");
    }
    let banned = first["item"].as_str().unwrap();
    assert_eq!(by(banned), (json!("one"), json!("ban")));

    // The publisher is gone, told why, and is not let in again.
    until("the publisher is gone", 20, || bad.ended());
    let mut again = colour(&server, "live/red", "red", "");
    until("it is not let in again", 20, || again.ended());
    let live = get(&server.http("api/v1/live")).json();
    let live = live["streams"].as_array().unwrap();
    assert!(
        live.iter().all(|one| one["stream"] != "red") && live.len() == 2,
        "{live:?}"
    );
    let acts = server.api("GET", "audit?action=review.decide").json();
    let act = acts["items"].as_array().unwrap().iter();
    let act = act.clone().find(|act| act["object"] == banned).unwrap();
    assert_eq!(act["after"]["sha256"][0].as_str().unwrap().len(), 64);
    let told = told_of(&server, "review.decided", "live/red");
    assert_eq!(told["data"]["verdict"], "ban", "{told}");

    // The proof is there, for who may see it alone.
    let item = server.api("GET", &format!("review/items/{banned}")).json();
    let url = item["shots"][0]["url"].as_str().unwrap();
    let url = url.trim_start_matches("/api/v1/");
    assert!(server.api("GET", url).body.starts_with(&[0xFF, 0xD8]));
    let nobody = Request::get(&server.http(&format!("api/v1/{url}"))).send();
    assert_eq!(nobody.status, 401);
}

#[test]
fn pictures_that_look_like_what_was_approved_are_folded_and_a_known_one_is_not() {
    need!(Ffmpeg);
    let server = open_options()
        .set(&[&crate::snapshots::program(), "snapshot.every_s=1"])
        .start();
    let _still = crate::snapshots::still(&server, "live/still");
    let next = || {
        let claimed = ask(
            &server,
            "POST",
            "review/claims",
            server.token(),
            &json!({ "count": 1 }),
        );
        let claimed = claimed.json();
        let item = claimed["items"][0].clone();
        item.is_object().then_some((claimed["claim"].clone(), item))
    };
    let decide = |claim: &Value, item: &Value| {
        let wish = json!({ "claim": claim, "items": [item["id"]], "verdict": "ok" });
        let done = ask(&server, "POST", "review/decisions", server.token(), &wish);
        assert_eq!(done.json()["lost"], json!([]), "{}", done.text());
    };
    let (claim, item) = until("a picture waits", 30, next);
    let hash = item["shots"][0]["hash"].as_str().unwrap().to_owned();
    decide(&claim, &item);
    let folded = until("pictures are folded", 30, || {
        let all = decided(&server);
        let one = all.iter().find(|one| one["folded"].as_u64() > Some(1));
        one.cloned()
    });
    assert_eq!(folded["stream"], "live/still");
    let wish = json!({ "hash": hash, "label": "a test picture" });
    let known = ask(&server, "POST", "review/hashes", server.token(), &wish);
    assert_eq!(known.status, 204, "{}", known.text());
    until("what is known is looked at", 30, || {
        let (claim, item) = next()?;
        let is_known = item["marks"].as_array().unwrap().contains(&json!("known"));
        if !is_known {
            decide(&claim, &item);
            return None;
        }
        let shots = item["shots"].as_array().unwrap();
        shots
            .iter()
            .any(|shot| shot["known_as"] == "a test picture")
            .then_some(())
    });
}
