//! Killed in the middle of anything, again and again: what was acknowledged is there, the rows are whole, and
//! nothing is live that nobody sends. `WEIR_KILL_ROUNDS` and `WEIR_SEED` say how often and when.

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::http::Request;
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::server::{Options, Server};
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::kit::{begin_at, binary, need};

/// Kills where nobody says how many: the whole proof is 200.
const ROUNDS: u64 = 12;
/// Milliseconds of work before a kill, at most.
const WORK_MS: u64 = 600;
/// Of the keys that were taken back, those that a list surely has.
const LISTED: usize = 100;
/// Who write at once.
const WRITERS: usize = 3;

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().unwrap())
}

/// xorshift64 of Marsaglia, "Xorshift RNGs", 2003.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// What was acknowledged to somebody who writes until told to stop.
#[derive(Default)]
struct Acknowledged {
    /// Their tries, which titles and labels are numbered by.
    turns: u64,
    /// Ids and labels.
    keys: Vec<(String, String)>,
    /// The last that was set.
    title: Option<String>,
    /// Whether they follow their channel; none where they cannot know.
    follows: Option<bool>,
}

fn request(
    base: &str,
    method: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> Option<(u16, Value)> {
    let request = Request::get(&format!("{base}api/v1/{path}")).method(method);
    let request = request.header("Authorization", &format!("Bearer {token}"));
    // A connection that breaks is no answer: it may have been done, and may not.
    let answer = request.json(body).try_send().ok()?;
    let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    Some((answer.status, json))
}

fn write(base: &str, token: &str, channel: &str, stop: &AtomicBool, seen: &Mutex<Acknowledged>) {
    while !stop.load(Ordering::Relaxed) {
        let turn = {
            let mut seen = seen.lock().unwrap();
            seen.turns += 1;
            seen.turns
        };
        let label = format!("{channel} {turn}");
        let title = json!({ "title": label });
        let path = format!("channels/{channel}");
        if let Some((200, shown)) = request(base, "PATCH", &path, token, &title) {
            seen.lock().unwrap().title = Some(shown["title"].as_str().unwrap().to_owned());
        }
        let path = format!("channels/{channel}/keys");
        if let Some((201, key)) = request(base, "POST", &path, token, &json!({ "label": label })) {
            let id = key["id"].as_str().unwrap().to_owned();
            let path = format!("channels/{channel}/keys/{id}");
            // Keys are few in a channel: all but the first go again.
            if !seen.lock().unwrap().keys.is_empty() {
                request(base, "DELETE", &path, token, &Value::Null);
            }
            seen.lock().unwrap().keys.push((id, label));
        }
        let follows = turn.is_multiple_of(2);
        let method = if follows { "PUT" } else { "DELETE" };
        let path = format!("channels/{channel}/follow");
        let answer = request(base, method, &path, token, &Value::Null);
        seen.lock().unwrap().follows =
            answer.and_then(|(status, _)| (status == 204).then_some(follows));
    }
}

fn check_rows(server: &Server) {
    let mut command = Command::new(binary());
    command
        .args(["store", "check", "--data"])
        .arg(server.data());
    let checked = command.output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(
        checked.status.success() && said.contains("all is well"),
        "{said}"
    );
}

/// Shows that no acknowledged row is lost, and nothing is stuck live.
#[test]
fn a_server_that_is_killed_again_and_again_loses_nothing_it_acknowledged() {
    need!(Ffmpeg);
    let rounds = setting("WEIR_KILL_ROUNDS", ROUNDS);
    let seed = setting("WEIR_SEED", u64::from(std::process::id()));
    println!("WEIR_SEED={seed} WEIR_KILL_ROUNDS={rounds}");
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut server = Options::new(&binary())
        .set(&["api.reads_per_minute=0", "api.writes_per_minute=0"])
        .start();
    let channels: Vec<String> = (0..WRITERS).map(|n| format!("channel{n}")).collect();
    let tokens: Vec<String> = (0..WRITERS)
        .map(|n| account(&server, &format!("user{n}")))
        .collect();
    let mut publish = String::new();
    for (channel, token) in channels.iter().zip(&tokens) {
        let made = ask(
            &server,
            "POST",
            "channels",
            token,
            &json!({ "name": channel }),
        );
        assert_eq!(made.status, 201, "{}", made.text());
        let key = ask(
            &server,
            "POST",
            &format!("channels/{channel}/keys"),
            token,
            &json!({}),
        );
        publish = format!("live/{channel}?key={}", key.json()["key"].as_str().unwrap());
    }
    let seen: Vec<Mutex<Acknowledged>> = channels.iter().map(|_| Mutex::default()).collect();
    for round in 0..rounds {
        let publisher = begin_at(&server, &Source::H264_AAC, &server.rtmp(&publish), "killed");
        let base = server.http("");
        let stop = AtomicBool::new(false);
        let work = Duration::from_millis(next(&mut state) % WORK_MS);
        server = std::thread::scope(|scope| {
            for ((channel, token), seen) in channels.iter().zip(&tokens).zip(&seen) {
                let (base, stop) = (&base, &stop);
                scope.spawn(move || write(base, token, channel, stop, seen));
            }
            // When it happens is what is tried, so the clock decides.
            std::thread::sleep(work);
            server.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            server
        });
        server = server.restart_killed(&["api.reads_per_minute=0", "api.writes_per_minute=0"]);
        drop(publisher);
        for ((channel, token), seen) in channels.iter().zip(&tokens).zip(&seen) {
            let said = format!("round {round} of seed {seed}, {channel}");
            let seen = seen.lock().unwrap();
            let shown = ask(
                &server,
                "GET",
                &format!("channels/{channel}"),
                token,
                &Value::Null,
            );
            let shown = shown.json();
            // What was not acknowledged may have been done all the same: the one behind the last that was.
            let turn = |title: &str| title.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
            if let Some(title) = &seen.title {
                let now = shown["title"].as_str().and_then(turn).unwrap();
                assert!(now >= turn(title).unwrap(), "{said}: {shown} after {title}");
            }
            let keys = ask(
                &server,
                "GET",
                &format!("channels/{channel}/keys"),
                token,
                &Value::Null,
            );
            let listed = keys.json();
            let keys = keys.text();
            for key in listed["items"].as_array().unwrap() {
                // One that was not acknowledged, or whose end was not: there is room for few.
                let id = key["id"].as_str().unwrap();
                let is_first = seen.keys.first().is_some_and(|(first, _)| first == id);
                if key["label"] != "" && key["revoked_ms"].is_null() && !is_first {
                    ask(
                        &server,
                        "DELETE",
                        &format!("channels/{channel}/keys/{id}"),
                        token,
                        &Value::Null,
                    );
                }
            }
            if let Some(follows) = seen.follows {
                let followers = i64::from(follows);
                assert_eq!(shown["followers"], followers, "{said}");
            }
            // The first is good, and so always listed; of the others the newest are.
            let first = seen.keys.first().into_iter();
            for (id, label) in first.chain(seen.keys.iter().rev().take(LISTED)) {
                assert!(
                    keys.contains(id.as_str()),
                    "{said}: {label} is lost: {keys}"
                );
            }
        }
        if round % 4 == 3 || round + 1 == rounds {
            check_rows(&server);
        }
    }
    until("nothing is live that nobody sends", 20, || {
        let live = server.api("GET", "broadcasts?live=true").json();
        let none = live["items"].as_array()?.is_empty();
        let shown = ask(
            &server,
            "GET",
            &format!("channels/{}", channels[WRITERS - 1]),
            "",
            &Value::Null,
        );
        (none && shown.json()["live"] == false).then_some(())
    });
    let wrote: usize = seen
        .iter()
        .map(|seen| seen.lock().unwrap().keys.len())
        .sum();
    assert!(wrote > 0, "nobody wrote anything: the proof is empty");
    println!("{wrote} keys were acknowledged in {rounds} rounds");
}
