//! Pictures of live streams on a server that nobody has set up: taken when they are due, of the right stream, seen by
//! whoever may, and none without FFmpeg.

use std::path::PathBuf;

use serde_json::{Value, json};
use weir_testkit::http::{Request, Response, get};
use weir_testkit::media::Source;
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::accounts::{account, ask};
use crate::kit::{binary, log_of, need, open_options, publish, told_of};

/// Names of streams, each of which is of the colour that it is called, and that colour.
const COLOURS: [(&str, [u8; 3]); 4] = [
    ("red", [254, 0, 0]),
    ("blue", [0, 0, 254]),
    ("white", [255, 255, 255]),
    ("lime", [0, 255, 1]),
];
/// How far a colour may be off that was encoded twice.
const NEAR: u8 = 24;

/// Options for a server that takes pictures by the FFmpeg of the tests.
pub(crate) fn options() -> Options {
    open_options().set(&[&program()])
}

pub(crate) fn program() -> String {
    let path = Tool::Ffmpeg.path().unwrap_or_default();
    format!("snapshot.program={}", path.display())
}

/// Publishes a stream of one colour, with a keyframe each half second.
pub(crate) fn colour(server: &Server, name: &str, colour: &str, query: &str) -> Process {
    let mut ffmpeg = Tool::Ffmpeg.command();
    ffmpeg
        .args(["-v", "error", "-re", "-f", "lavfi", "-i"])
        .arg(format!("color=c={colour}:s=640x360:r=10"))
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "5"])
        .args(["-pix_fmt", "yuv420p", "-f", "flv"])
        .arg(format!("{}{query}", server.rtmp(name)));
    Process::spawn("ffmpeg", &mut ffmpeg, &log_of(server, name))
}

/// Publishes a picture that does not move, with much to tell by.
pub(crate) fn still(server: &Server, name: &str) -> Process {
    let mut ffmpeg = Tool::Ffmpeg.command();
    ffmpeg
        .args(["-v", "error", "-re", "-f", "lavfi", "-i"])
        .arg("smptehdbars=s=640x360:r=10,drawgrid=w=40:h=40:c=white")
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "5"])
        .args(["-pix_fmt", "yuv420p", "-f", "flv"])
        .arg(server.rtmp(name));
    Process::spawn("ffmpeg", &mut ffmpeg, &log_of(server, name))
}

fn latest(server: &Server, name: &str) -> Response {
    get(&server.http(&format!("api/v1/snapshots/{name}/latest.jpg")))
}

/// The newest picture of a stream, once there is one.
fn wait_latest(server: &Server, name: &str) -> Response {
    until("a picture is there", 30, || {
        let answer = latest(server, name);
        (answer.status == 200).then_some(answer)
    })
}

/// What is kept of a stream, newest first.
fn kept(server: &Server, name: &str) -> Vec<Value> {
    let answer = server.api("GET", &format!("snapshots?stream={name}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

fn reasons(server: &Server, name: &str) -> Vec<String> {
    let all = kept(server, name).into_iter();
    all.map(|one| one["reason"].as_str().unwrap().to_owned())
        .collect()
}

fn take(server: &Server, name: &str) -> Response {
    Request::get(&server.http(&format!("api/v1/snapshots/{name}")))
        .method("POST")
        .header("Authorization", &format!("Bearer {}", server.token()))
        .send()
}

/// The colour in the middle of a JPEG.
pub(crate) fn middle(jpeg: &[u8]) -> [u8; 3] {
    let picture = image::load_from_memory(jpeg).unwrap().to_rgb8();
    picture
        .get_pixel(picture.width() / 2, picture.height() / 2)
        .0
}

pub(crate) fn is_near(seen: [u8; 3], wanted: [u8; 3], near: u8) -> bool {
    seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= near)
}

/// Processes that a process has started, by their names.
fn children(parent: u32, name: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((head, rest)) = stat.rsplit_once(')') else {
            return false;
        };
        let parent_of = rest.split_whitespace().nth(1);
        head.ends_with(&format!("({name}")) && parent_of == Some(&parent.to_string())
    };
    numbers.filter(is_child).collect()
}

/// Shows R42.
#[test]
fn a_plain_server_takes_pictures_of_each_stream_and_of_no_other() {
    need!(Ffmpeg);
    let server = options().start();
    let streams: Vec<_> = COLOURS
        .iter()
        .map(|(name, _)| {
            let query = if *name == "red" { "?shot=30" } else { "" };
            colour(&server, &format!("live/{name}"), name, query)
        })
        .collect();
    for (name, wanted) in COLOURS {
        let answer = wait_latest(&server, &format!("live/{name}"));
        assert_eq!(answer.header("content-type"), Some("image/jpeg"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-weir-taken-at").is_some());
        let seen = middle(&answer.body);
        assert!(is_near(seen, wanted, NEAR), "{name} is {seen:?}");
        let picture = image::load_from_memory(&answer.body).unwrap();
        assert_eq!((picture.width(), picture.height()), (640, 360));
    }
    // By a request of somebody who may: again of each its own, and written down.
    for (name, wanted) in COLOURS {
        let made = take(&server, &format!("live/{name}"));
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        assert_eq!(made["reason"], "asked");
        let file = server.api(
            "GET",
            made["url"].as_str().unwrap().trim_start_matches("/api/v1/"),
        );
        let seen = middle(&file.body);
        assert!(is_near(seen, wanted, NEAR), "{name} is {seen:?}");
    }
    let acts = server.api("GET", "audit").json();
    assert_eq!(acts["items"][0]["action"], "snapshot.take");
    let nobody = Request::get(&server.http("api/v1/snapshots/live/red")).method("POST");
    assert_eq!(nobody.send().status, 401);
    assert_eq!(take(&server, "live/none").refusal(), (404, 3002));

    // The log tells of each that somebody asked for, and whose broadcast it is of.
    let told = |name: &str| told_of(&server, "snapshot.taken", &format!("live/{name}"));
    let first = told("red");
    assert_eq!(
        (&first["data"]["reason"], &first["data"]["width"]),
        (&json!("first"), &json!(640))
    );
    assert_eq!(told("lime")["data"]["reason"], "asked");

    // A keyframe that was taken already is not taken again at the end.
    for (name, _) in COLOURS {
        let name = format!("live/{name}");
        let first = kept(&server, &name).pop().unwrap();
        until("a keyframe behind the first", 20, || {
            (take(&server, &name).json()["taken_at"] != first["taken_at"]).then_some(())
        });
    }
    drop(streams);
    for (name, wanted) in COLOURS {
        let name = format!("live/{name}");
        until("a last picture is taken", 30, || {
            (reasons(&server, &name).first().map(String::as_str) == Some("end")).then_some(())
        });
        assert_eq!(reasons(&server, &name).last().unwrap(), "first");
        assert_eq!(
            latest(&server, &name).status,
            404,
            "it is over, and not everybody's"
        );
        let file = server.api("GET", &format!("snapshots/{name}/latest.jpg"));
        assert!(is_near(middle(&file.body), wanted, NEAR));
    }
}

#[test]
fn lists_go_on_behind_their_pages_and_cards_show_the_newest_picture() {
    need!(Ffmpeg);
    let server = options().start();
    let _stream = colour(&server, "live/red", "red", "?shot=1");
    until("three pictures are there", 40, || {
        (kept(&server, "live/red").len() >= 3).then_some(())
    });
    let page = server
        .api("GET", "snapshots?stream=live/red&limit=2")
        .json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap();
    let rest = server.api(
        "GET",
        &format!("snapshots?stream=live/red&limit=2&after={next}"),
    );
    let (first, second) = (
        &page["items"][1]["taken_at"],
        &rest.json()["items"][0]["taken_at"],
    );
    assert!(first.as_str() > second.as_str(), "{first} {second}");
    assert_eq!(page["off"], Value::Null);

    let poster = until("the stream has a poster", 20, || {
        let live = get(&server.http("api/v1/live")).json();
        live["streams"][0]["poster"].as_str().map(str::to_owned)
    });
    let picture = get(&server.http(poster.trim_start_matches('/')));
    assert_eq!(picture.status, 200);
    assert!(
        picture
            .header("cache-control")
            .unwrap()
            .contains("immutable")
    );
    assert!(is_near(middle(&picture.body), COLOURS[0].1, NEAR));
    until("the home page shows it without a script", 20, || {
        get(&server.http(""))
            .text()
            .contains("<img class=\"poster\" src=\"/i/")
            .then_some(())
    });
    let metrics = Request::get(&server.http("metrics"))
        .header("Authorization", &format!("Bearer {}", server.token()));
    let metrics = metrics.send().text();
    assert!(metrics.contains("weir_snapshots_total{"), "{metrics}");
}

#[test]
fn another_interval_counts_at_once_whoever_says_it() {
    need!(Ffmpeg);
    let server = options().set(&["snapshot.every_s=3600"]).start();
    let stream = colour(&server, "live/red", "red", "");
    wait_latest(&server, "live/red");
    assert_eq!(reasons(&server, "live/red"), ["first"]);
    let set = |every_s: u32| {
        let rules = json!({ "rules": { "publish": "open", "shot_every_s": every_s } });
        let token = server.token().to_owned();
        let set = ask(&server, "PUT", "apps/live", &token, &rules);
        assert!(set.status < 300, "{}", set.text());
    };
    set(1);
    until("pictures come each second", 30, || {
        (kept(&server, "live/red").len() >= 4).then_some(())
    });
    // The publisher's address counts before its app.
    set(1);
    let never = colour(&server, "live/blue", "blue", "?shot=0");
    server.wait_live("live/blue");
    until("pictures of the other go on", 30, || {
        (kept(&server, "live/red").len() >= 8).then_some(())
    });
    assert!(kept(&server, "live/blue").is_empty());
    assert_eq!(take(&server, "live/blue").status, 201, "but for who asks");
    drop((stream, never));
}

/// Shows R57.
#[test]
fn the_decoder_has_no_network_no_files_and_no_secrets_and_its_death_costs_no_picture() {
    need!(Ffmpeg);
    let server = options().start();
    let _stream = colour(&server, "live/red", "red", "");
    wait_latest(&server, "live/red");
    let decoders = children(server.id(), "ffmpeg");
    let [decoder] = decoders.as_slice() else {
        panic!("{decoders:?} decode");
    };
    let proc = |file: &str| PathBuf::from(format!("/proc/{decoder}/{file}"));
    let files: Vec<_> = std::fs::read_dir(proc("fd")).unwrap().flatten().collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(std::fs::read(proc("environ")).unwrap().is_empty());
    let status = std::fs::read_to_string(proc("status")).unwrap();
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} is not in {status}");
    }
    let limits = std::fs::read_to_string(proc("limits")).unwrap();
    let of = |what: &str| {
        let line = limits.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace()
            .nth_back(1)
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(of("Max file size"), "0");
    assert_ne!(of("Max address space"), "unlimited");
    assert_ne!(of("Max cpu time"), "unlimited");

    for _ in 0..3 {
        for pid in children(server.id(), "ffmpeg") {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        let made = take(&server, "live/red");
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.json()["undecodable"], Value::Null);
    }
    assert!(server.stream("live/red").is_some(), "it goes on");
}

#[test]
fn without_ffmpeg_everything_else_works_and_the_api_says_why() {
    need!(Ffmpeg);
    let server = open_options()
        .set(&["snapshot.program=/nowhere/ffmpeg"])
        .start();
    let _stream = publish(&server, &Source::H264_AAC, "live/a");
    let refused = take(&server, "live/a");
    assert_eq!(refused.refusal(), (503, 6008));
    assert!(
        refused.text().contains("/nowhere/ffmpeg is not installed"),
        "{}",
        refused.text()
    );
    let list = server.api("GET", "snapshots").json();
    assert!(list["off"].as_str().unwrap().contains("not installed"));
    let none = server.api("GET", "snapshots/live/a/latest.jpg");
    assert_eq!(none.refusal(), (404, 3001));
    assert!(none.text().contains("not installed"), "{}", none.text());
    // A program that is no FFmpeg accuses nobody's stream.
    let server = server.restart(&["snapshot.program=/bin/cat", "auth.publish=open"]);
    let _stream = publish(&server, &Source::H264_AAC, "live/a");
    let refused = take(&server, "live/a");
    assert_eq!(refused.refusal(), (503, 6008), "{}", refused.text());
    assert!(kept(&server, "live/a").is_empty());
}

#[test]
fn sound_alone_has_no_picture_and_it_is_said() {
    need!(Ffmpeg);
    let server = options().start();
    let _stream = publish(&server, &Source::AAC, "live/a");
    let refused = take(&server, "live/a");
    assert_eq!(refused.refusal(), (422, 6004));
    assert!(refused.text().contains("sound alone"), "{}", refused.text());
    assert!(kept(&server, "live/a").is_empty());
}

#[test]
fn a_closed_channels_pictures_are_its_peoples_and_the_moderators_alone() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).set(&[&program()]).start();
    let (ann, bob) = (account(&server, "ann"), account(&server, "bob"));
    let wish = json!({ "name": "chess" });
    assert_eq!(ask(&server, "POST", "channels", &ann, &wish).status, 201);
    let key = ask(&server, "POST", "channels/chess/keys", &ann, &json!({})).json();
    let key = format!("?key={}", key["key"].as_str().unwrap());
    let mut publisher = colour(&server, "live/chess", "red", &key);
    until("the channel's key publishes", 20, || {
        if publisher.ended().is_some() {
            publisher = colour(&server, "live/chess", "red", &key);
        }
        server.stream("live/chess")
    });
    wait_latest(&server, "live/chess");
    let closed = json!({ "visibility": "private" });
    let closed = ask(&server, "PATCH", "channels/chess", &ann, &closed);
    assert_eq!(closed.status, 200, "{}", closed.text());
    let seen_by = |token: &str| {
        let path = "snapshots/live/chess/latest.jpg";
        ask(&server, "GET", path, token, &Value::Null).status
    };
    assert_eq!(seen_by(""), 404);
    assert_eq!(seen_by(&bob), 404);
    assert_eq!(seen_by(&ann), 200);
    assert_eq!(seen_by(server.token()), 200);
    assert_eq!(
        ask(&server, "GET", "snapshots", &ann, &Value::Null).status,
        403
    );
    // What is taken from now on has no public place.
    assert_eq!(take(&server, "live/chess").status, 201);
    let live = get(&server.http("api/v1/live")).json();
    assert_eq!(live["streams"][0]["poster"], Value::Null, "{live}");
    publisher.signal(Signal::TERM);
}
