//! Pictures of a cluster: origins send keyframes to a worker, and a node with the database keeps and shows what comes of
//! them. A worker that dies costs the picture that it had, and no stream anything.

use std::thread;

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::{Request, Response, get};
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{cluster, log_of, need};

/// Streams, each of the colour that it is called, where they are published, and the colour.
const STREAMS: [(&str, &str, [u8; 3]); 3] = [
    ("o1", "red", [254, 0, 0]),
    ("o2", "blue", [0, 0, 254]),
    ("o2", "lime", [0, 255, 1]),
];
/// How far a colour may be off that was encoded twice.
const NEAR: u8 = 24;

/// Two origins, a worker and a node with the database.
fn world(folder: &tempfile::TempDir) -> Cluster {
    let url = format!(
        "store.url=sqlite:{}",
        folder.path().join("one.db").display()
    );
    let program = Tool::Ffmpeg.path().unwrap_or_default();
    let program = format!("snapshot.program={}", program.display());
    let origin = |id| Node::origin(id).set(&["snapshot.every_s=1", "snapshot.program=/nowhere"]);
    cluster(vec![
        Node::new("p", &["api"]).set(&[&url]),
        origin("o1"),
        origin("o2"),
        Node::new("w", &["worker"]).set(&[&program]),
    ])
}

/// Publishes a stream of one colour, with a keyframe each half second.
fn colour(server: &Server, name: &str) -> Process {
    let mut ffmpeg = Tool::Ffmpeg.command();
    ffmpeg
        .args(["-v", "error", "-re", "-f", "lavfi", "-i"])
        .arg(format!("color=c={name}:s=640x360:r=10"))
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "5"])
        .args(["-pix_fmt", "yuv420p", "-f", "flv"])
        .arg(server.rtmp(&format!("live/{name}")));
    Process::spawn("ffmpeg", &mut ffmpeg, &log_of(server, name))
}

/// The colour in the middle of a JPEG.
fn middle(jpeg: &[u8]) -> [u8; 3] {
    let picture = image::load_from_memory(jpeg).unwrap().to_rgb8();
    let (x, y) = (picture.width() / 2, picture.height() / 2);
    picture.get_pixel(x, y).0
}

fn is_near(seen: [u8; 3], wanted: [u8; 3]) -> bool {
    seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= NEAR)
}

/// What is kept of a stream, newest first.
fn kept(api: &Server, name: &str) -> Vec<Value> {
    let answer = api.api("GET", &format!("snapshots?stream=live/{name}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

fn take(api: &Server, name: &str) -> Response {
    Request::get(&api.http(&format!("api/v1/snapshots/live/{name}")))
        .method("POST")
        .header("Authorization", &format!("Bearer {}", api.token()))
        .send()
}

/// Keyframes of a node that became this.
fn became(server: &Server, what: &str) -> u64 {
    let metrics = Request::get(&server.http("metrics"))
        .header("Authorization", &format!("Bearer {}", server.token()));
    let text = metrics.send().text();
    let label = format!("became=\"{what}\"");
    let mut lines = text.lines();
    let line =
        lines.find(|line| line.starts_with("weir_snapshots_total{") && line.contains(&label));
    let value = line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok());
    value.unwrap_or_else(|| panic!("{what} is not in {text}"))
}

/// Shows R42, R57.
#[test]
fn pictures_of_all_origins_are_made_by_a_worker_and_one_that_dies_costs_the_picture_that_it_had() {
    need!(Ffmpeg, RedisServer);
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = world(&folder);
    let _streams = STREAMS.map(|(origin, name, _)| colour(&cluster[origin], name));
    for (_, name, wanted) in STREAMS {
        let path = format!("api/v1/snapshots/live/{name}/latest.jpg");
        let seen = until(&format!("a picture of {name} is there"), 40, || {
            let answer = get(&cluster["p"].http(&path));
            (answer.status == 200).then(|| middle(&answer.body))
        });
        assert!(is_near(seen, wanted), "{name} is {seen:?}");
    }
    // Each is its stream's, whoever else had one at that moment.
    until("there are some of each", 40, || {
        let all = STREAMS.map(|(_, name, _)| kept(&cluster["p"], name).len());
        all.iter().all(|count| *count >= 3).then_some(())
    });
    for (_, name, wanted) in STREAMS {
        for one in kept(&cluster["p"], name) {
            let url = one["url"].as_str().unwrap().trim_start_matches("/api/v1/");
            let seen = middle(&cluster["p"].api("GET", url).body);
            assert!(is_near(seen, wanted), "{one} is {seen:?}");
        }
    }
    until("the cards have them", 20, || {
        let live = get(&cluster["p"].http("api/v1/live")).json();
        let posters = live["streams"].as_array()?.iter();
        let hung = posters.filter(|one| one["poster"].is_string());
        (hung.count() == STREAMS.len()).then_some(())
    });
    until("people look at all of them", 20, || {
        let items = cluster["p"].api("GET", "review/items").json();
        let items = items["items"].as_array()?.clone();
        let has = |name| {
            items
                .iter()
                .any(|one| one["stream"] == format!("live/{name}"))
        };
        STREAMS.iter().all(|(_, name, _)| has(name)).then_some(())
    });
    let asked = take(&cluster["p"], "red");
    assert_eq!(asked.status, 201, "{}", asked.text());
    assert_eq!(asked.json()["reason"], "asked");
    assert!(became(&cluster["w"], "lent") > 0 && became(&cluster["o1"], "taken") > 0);

    // It stands still with what it is given, and dies.
    cluster.pause("w");
    let away = became(&cluster["o2"], "away");
    let lost = thread::scope(|scope| {
        let asked = scope.spawn(|| take(&cluster["p"], "blue"));
        cluster["w"].signal(Signal::KILL);
        asked.join().unwrap()
    });
    assert_eq!(lost.refusal(), (503, 6008), "{}", lost.text());
    drop(cluster.take("w"));
    assert!(became(&cluster["o2"], "away") > away);
    until("nobody is there to decode, and it is said", 30, || {
        let list = cluster["p"].api("GET", "snapshots").json();
        list["off"].as_str()?.contains("role worker").then_some(())
    });
    for (origin, name, _) in STREAMS {
        let live = cluster[origin].stream(&format!("live/{name}"));
        assert!(live.is_some(), "{name} goes on");
    }
    let before = kept(&cluster["p"], "blue")[0]["id"].clone();
    cluster.restart("w");
    until("pictures are there again", 40, || {
        let newest = kept(&cluster["p"], "blue")[0].clone();
        (newest["id"] != before && newest["undecodable"] == json!(null)).then_some(())
    });
}
