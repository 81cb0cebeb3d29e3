//! The disk full under a whole server: what is live goes on, what is known is enough to publish and to watch, changes
//! are refused in clear words, and all of it is over when there is room, without a restart.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::server::{Options, Server};
use weir_testkit::small_disk::SmallDisk;
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::kit::{binary, file_of, need};

/// Of the disk: nearly full is below 32.
const DISK_MIB: u32 = 64;
/// Changes after which a disk that still takes them is not full.
const TRIES: u32 = 2_000;

/// A channel of this name, and where its key publishes.
fn channel(server: &Server, token: &str, name: &str) -> String {
    let made = ask(server, "POST", "channels", token, &json!({ "name": name }));
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("channels/{name}/keys");
    let key = ask(server, "POST", &path, token, &json!({}));
    let key = key.json()["key"].as_str().unwrap().to_owned();
    format!("{}?key={key}", server.rtmp(&format!("live/{name}")))
}

/// Publishes until it is live; `logs` is a folder with room.
fn live(server: &Server, logs: &Path, name: &str, url: &str) -> Process {
    let publish = || {
        let log = logs.join(format!("{name}.log"));
        weir_testkit::media::publish(
            Source::H264_AAC.ffmpeg(),
            &file_of(&Source::H264_AAC),
            url,
            &log,
        )
    };
    let mut publisher = publish();
    until("the channel's key publishes", 30, || {
        if publisher.ended().is_some() {
            publisher = publish();
        }
        server.stream(&format!("live/{name}"))
    });
    publisher
}

/// Bytes of a stream arrive.
fn is_watched(server: &Server, name: &str) {
    let mut answer = Request::get(&server.http(&format!("live/{name}.flv")))
        .open()
        .unwrap();
    assert_eq!(answer.status, 200);
    let mut got = 0;
    while got < 100_000 {
        got += answer.next_chunk().unwrap().unwrap().len();
    }
}

fn set_title(server: &Server, token: &str, title: &str) -> weir_testkit::http::Response {
    let wish = json!({ "title": title });
    ask(server, "PATCH", "channels/chess", token, &wish)
}

fn title(server: &Server) -> String {
    let shown = ask(server, "GET", "channels/chess", "", &Value::Null);
    assert_eq!(shown.status, 200, "{}", shown.text());
    shown.json()["title"].as_str().unwrap().to_owned()
}

/// Changes the title until that is refused for want of room; gives the last that was acknowledged.
fn change_until_full(server: &Server, token: &str) -> String {
    let mut last = title(server);
    for turn in 0..TRIES {
        // Long enough that the log of what was written is soon full.
        let wish = format!("{turn} {}", "long ".repeat(20));
        let answer = set_title(server, token, &wish);
        match answer.status {
            200 => last = answer.json()["title"].as_str().unwrap().to_owned(),
            503 => {
                assert_eq!(answer.refusal(), (503, 6008), "{}", answer.text());
                assert!(
                    answer.text().contains("no room is left"),
                    "{}",
                    answer.text()
                );
                assert!(answer.header("retry-after").is_some());
                return last;
            }
            other => panic!("a full disk is answered with {other}: {}", answer.text()),
        }
    }
    panic!("{TRIES} changes found room on a full disk");
}

fn doctor(server: &Server) -> String {
    let mut command = Command::new(binary());
    command.args(["doctor", "--rtmp-port", "0", "--http-port", "0", "--data"]);
    command.arg(server.data());
    command.args(["--url", &server.http(""), "--token", server.token()]);
    let told = command.output().unwrap();
    String::from_utf8_lossy(&told.stdout).into_owned()
}

#[test]
fn a_full_disk_stops_no_stream_loses_no_row_and_is_over_when_there_is_room() {
    need!(Ffmpeg);
    let Some(disk) = SmallDisk::mount(DISK_MIB) else {
        return;
    };
    let logs = tempfile::tempdir().unwrap();
    let server = Options::new(&binary())
        .apart(disk.path(), &logs.path().join("server.log"))
        .set(&["api.reads_per_minute=0", "api.writes_per_minute=0"])
        .start();
    let token = account(&server, "ann");
    let keys = ["chess", "go"].map(|name| channel(&server, &token, name));
    let first = live(&server, logs.path(), "chess", &keys[0]);
    // What admission knows has to be there before the disk is full.
    drop(live(&server, logs.path(), "go", &keys[1]));
    server.wait_gone("live/go", 20);
    assert_eq!(set_title(&server, &token, "before").status, 200);

    disk.fill();
    let known = change_until_full(&server, &token);
    until("it is said", 20, || {
        let said = get(&server.http("readyz")).text();
        said.contains("disk: 0 MiB are left").then_some(())
    });
    assert_eq!(get(&server.http("readyz")).status, 200);
    server.wait_for_log("nearly full");
    server.wait_for_log("the store has no room");
    let advice = doctor(&server);
    assert!(advice.contains("✗ data folder"), "{advice}");
    assert!(advice.contains("disk: 0 MiB are left"), "{advice}");

    // What is known is read, by those who are signed in too; who signs in is told why not.
    assert_eq!(title(&server), known);
    let me = ask(&server, "GET", "me", &token, &Value::Null);
    assert_eq!(me.json()["name"], "ann", "{}", me.text());
    assert_eq!(get(&server.http("c/chess")).status, 200);
    let wish = json!({ "login": "ann", "password": "a sentence that nobody guesses" });
    let refused = until("a session finds no room", 20, || {
        let answer = ask(&server, "POST", "sessions", "", &wish);
        (answer.status != 201).then_some(answer)
    });
    assert_eq!(refused.refusal(), (503, 6008), "{}", refused.text());
    assert!(
        refused.text().contains("no room is left"),
        "{}",
        refused.text()
    );

    // What is live stays live and is watched, and a key that is known publishes.
    is_watched(&server, "chess");
    let second = live(&server, logs.path(), "go", &keys[1]);
    is_watched(&server, "go");
    assert!(server.stream("live/chess").is_some());
    drop(first);
    server.wait_gone("live/chess", 20);
    assert_eq!(set_title(&server, &token, "still full").status, 503);
    assert_eq!(title(&server), known);

    disk.free();
    until("changes are taken again", 20, || {
        (set_title(&server, &token, "after").status == 200).then_some(())
    });
    assert_eq!(title(&server), "after");
    until("it is said no more", 20, || {
        let said = get(&server.http("readyz")).text();
        (!said.contains("disk:")).then_some(())
    });
    server.wait_for_log("has room again");
    // What began and ended while nobody could write it down is written down.
    until("the broadcasts are in the log", 30, || {
        let all = server.api("GET", "broadcasts").json();
        let of = |channel: &str, is_live: bool| {
            let items = all["items"].as_array()?.iter();
            let mut found = items.filter(|one| {
                one["stream"] == format!("live/{channel}") && one["ended_at"].is_null() == is_live
            });
            found.next().map(|_| ())
        };
        of("chess", false)?;
        of("go", true)?;
        of("chess", true).is_none().then_some(())
    });
    drop(second);
    let mut check = Command::new(binary());
    check.args(["store", "check", "--data"]).arg(server.data());
    let checked = check.output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("all is well"), "{said}");
}

#[test]
fn a_log_that_finds_no_room_ends_nothing() {
    need!(Ffmpeg);
    let Some(disk) = SmallDisk::mount(DISK_MIB) else {
        return;
    };
    let logs = tempfile::tempdir().unwrap();
    let data = disk.path().join("server.log");
    let mut server = Options::new(&binary())
        .apart(disk.path(), &data)
        .set(&["api.writes_per_minute=0"])
        .start();
    let token = account(&server, "ann");
    let key = channel(&server, &token, "chess");
    let publisher = live(&server, logs.path(), "chess", &key);
    disk.fill();
    change_until_full(&server, &token);
    // Each of these is a line that cannot be written.
    for _ in 0..50 {
        let refused = set_title(&server, &token, "no room");
        assert_eq!(refused.refusal(), (503, 6008), "{}", refused.text());
    }
    is_watched(&server, "chess");
    disk.free();
    until("changes are taken again", 20, || {
        (set_title(&server, &token, "after").status == 200).then_some(())
    });
    drop(publisher);
    server.signal(weir_testkit::process::Signal::INT);
    assert!(server.wait_exit(20).success());
}
