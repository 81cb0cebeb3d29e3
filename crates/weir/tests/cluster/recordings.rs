//! Recordings are the cluster's: listed by the nodes that have the database, played by those that have nothing, kept in
//! the store whoever dies, and taken away everywhere.

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::hls_check::{Parsed, check_media};
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::process::Signal;
use weir_testkit::s3::S3;
use weir_testkit::tools::Tool;
use weir_testkit::wait::{Stopwatch, until};

use crate::kit::{cluster, measured, need, publish};

/// Within so long what was taken away is played nowhere.
const GONE_S: f64 = 5.0;

/// A node with the database, an origin that records into a store, and two edges.
fn world(folder: &tempfile::TempDir, s3: &S3) -> Cluster {
    let url = format!(
        "store.url=sqlite:{}",
        folder.path().join("one.db").display()
    );
    let objects = format!("store.recordings.url={}", s3.url("rec"));
    let credentials = format!("store.recordings.credentials={}", s3.credentials());
    let kept = [&*objects, &*credentials];
    cluster(vec![
        Node::new("p", &["api"]).set(&[&url]).set(&kept),
        Node::origin("o")
            .set(&["record.default=on", "stream.linger_ms=500"])
            .set(&kept),
        Node::edge("a").set(&kept),
        Node::edge("b").set(&kept),
    ])
}

fn recording(cluster: &Cluster) -> Option<Value> {
    let list = cluster["p"].api("GET", "recordings?app=live").json();
    list["items"].get(0).cloned()
}

fn playlist(cluster: &Cluster, node: &str, id: &str) -> String {
    let answer = get(&cluster[node].http(&format!("r/{id}/index.m3u8")));
    assert_eq!(answer.status, 200, "{node}: {}", answer.text());
    answer.text()
}

fn decodes(url: &str) {
    let asked = ["-v", "error", "-xerror", "-i", url, "-f", "null", "-"];
    let output = Tool::Ffmpeg.command().args(asked).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// What can be gone back to is told by a node that has only heard of it, and played by an edge.
fn goes_back(cluster: &Cluster) {
    let dvr = until("another node says what can be gone back to", 20, || {
        let told = get(&cluster["p"].http("api/v1/live?stream=live/one")).json();
        let dvr = told["streams"][0]["dvr"].clone();
        let length = dvr["to_ms"].as_i64()? - dvr["from_ms"].as_i64()?;
        (length >= 4_000).then_some(dvr)
    });
    let from_ms = dvr["from_ms"].as_i64().unwrap();
    for query in [
        "shift=2s".to_owned(),
        "window=4s".to_owned(),
        format!("from={from_ms}&to={}", from_ms + 3_000),
    ] {
        let url = cluster["a"].http(&format!("live/one/hls.m3u8?{query}"));
        let text = get(&url).text();
        let list = check_media(&text);
        let list = list.unwrap_or_else(|broken| panic!("{query}: {broken:?}\n{text}"));
        assert_eq!(list.ended, query.starts_with("from"), "{query}: {text}");
        let folder = url.rsplit_once('/').unwrap().0;
        let piece = get(&format!("{folder}/{}", list.segments[0].uri));
        assert_eq!(piece.status, 200, "{query}: {}", list.segments[0].uri);
    }
}

/// A clip, made by a node that has nothing of the recording.
fn clip(cluster: &Cluster, id: &str) -> String {
    let list = check_media(&playlist(cluster, "a", id)).unwrap();
    let from_ms = list.segments[0].date_time_ms.unwrap();
    let wish = json!({ "from_ms": from_ms, "to_ms": from_ms + 2_500, "title": "one" });
    let url = cluster["p"].http(&format!("api/v1/recordings/{id}/clips"));
    let made = Request::get(&url)
        .method("POST")
        .header("Authorization", &format!("Bearer {}", cluster["p"].token()))
        .json(&wish)
        .send();
    assert_eq!(made.status, 201, "{}", made.text());
    let clip = made.json()["id"].as_str().unwrap().to_owned();
    for node in ["o", "a", "b"] {
        let cut = check_media(&playlist(cluster, node, &clip)).unwrap();
        assert!(
            cut.ended && cut.segments.len() < list.segments.len(),
            "{node}"
        );
    }
    clip
}

/// Shows R13, R14, R25, R39, R59.
#[test]
fn what_an_origin_recorded_is_played_by_every_edge_also_when_the_origin_is_dead_until_it_is_taken_away()
 {
    need!(Ffmpeg, RedisServer, MotoServer);
    let (folder, s3) = (tempfile::tempdir().unwrap(), S3::start());
    let mut cluster = world(&folder, &s3);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/one");
    let live = until("six seconds are recorded", 60, || {
        recording(&cluster).filter(|one| one["duration_ms"].as_i64() >= Some(6_000))
    });
    let id = live["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&live["state"], &live["node"]),
        (&"recording".into(), &"o".into())
    );
    assert_eq!(
        (&live["channel"], &live["title"]),
        (&Value::Null, &"one".into())
    );
    goes_back(&cluster);
    let clip = clip(&cluster, &id);
    let growing = playlist(&cluster, "a", &id);
    assert!(growing.contains("#EXT-X-PLAYLIST-TYPE:EVENT"), "{growing}");
    // What is said to other nodes is said to nobody else.
    for file in ["view", "x-000000.blk?from=0&to=9"] {
        let answer = get(&cluster["o"].http(&format!("r/{id}/{file}")));
        assert_eq!(answer.status, 404, "{file}");
    }

    publisher.signal(Signal::KILL);
    let watch = Stopwatch::start();
    until("the edge has all of it", 30, || {
        Some(playlist(&cluster, "a", &id)).filter(|list| list.ends_with("#EXT-X-ENDLIST\n"))
    });
    measured(
        "a replay is whole at an edge after",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    decodes(&cluster["a"].http(&format!("r/{id}/index.m3u8")));
    let over = until("all of it is in the store", 60, || {
        recording(&cluster)
            .filter(|one| one["state"] == "ready" && one["stored_bytes"] == one["bytes"])
    });
    assert_eq!(over["holes"], serde_json::json!([]));

    let whole = playlist(&cluster, "a", &id);
    cluster.kill("o");
    // This one has never seen it: it has the store alone.
    let elsewhere = until("the other edge finds it", 30, || {
        let answer = get(&cluster["b"].http(&format!("r/{id}/index.m3u8")));
        (answer.status == 200).then(|| answer.text())
    });
    assert_eq!(elsewhere, whole);
    for node in ["a", "b"] {
        decodes(&cluster[node].http(&format!("r/{id}/index.m3u8")));
        decodes(&cluster[node].http(&format!("r/{clip}/index.m3u8")));
    }
    assert!(s3.listing().contains(&id));

    let watch = Stopwatch::start();
    let kept = cluster["p"].api("DELETE", &format!("recordings/{id}"));
    assert_eq!(kept.refusal(), (409, 6003), "a clip is of it");
    let gone = cluster["p"].api("DELETE", &format!("recordings/{id}?clips=true"));
    assert_eq!(gone.status, 204, "{}", gone.text());
    assert!(recording(&cluster).is_none());
    for node in ["a", "b"] {
        for id in [&id, &clip] {
            until("it is played nowhere", 30, || {
                let url = cluster[node].http(&format!("r/{id}/index.m3u8"));
                (Request::get(&url).send().status == 404).then_some(())
            });
        }
    }
    let gone_s = watch.elapsed_s();
    measured(
        "what was taken away is played nowhere after",
        gone_s * 1e3,
        "ms",
    );
    assert!(gone_s < GONE_S, "{gone_s}");
    until("its objects are gone, and that is told", 60, || {
        let events = cluster["p"]
            .api("GET", "events?types=recording.deleted")
            .json();
        let is_told = events["events"]
            .as_array()
            .is_some_and(|events| events.len() == 1);
        (is_told && !s3.listing().contains(&id)).then_some(())
    });
}

/// A node with the database, two origins that record into folders of their own, and an edge.
fn two_origins(folder: &tempfile::TempDir, s3: &S3) -> Cluster {
    let place = |name: &str| folder.path().join(name).display().to_string();
    let url = format!("store.url=sqlite:{}", place("one.db"));
    let objects = format!("store.recordings.url={}", s3.url("rec"));
    let credentials = format!("store.recordings.credentials={}", s3.credentials());
    let kept = [&*objects, &*credentials];
    let origin = |id: &str| {
        let records = format!("record.folder={}", place(id));
        Node::origin(id)
            .set(&["record.default=on", "stream.linger_ms=500", &records])
            .set(&kept)
    };
    cluster(vec![
        Node::new("p", &["api"]).set(&[&url]).set(&kept),
        origin("o1"),
        origin("o2"),
        Node::edge("a").set(&kept),
    ])
}

/// The only recording there is, when it is so.
fn the_one(cluster: &Cluster, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, 40, || {
        let list = cluster["p"].api("GET", "recordings?app=live").json();
        let items = list["items"].as_array()?;
        assert!(items.len() <= 1, "it is one recording: {list}");
        items.first().filter(|one| is_so(one)).cloned()
    })
}

fn epochs(list: &Parsed) -> Vec<&str> {
    let names = list.segments.iter().map(|segment| &*segment.uri);
    let mut epochs: Vec<&str> = names.filter_map(|name| name.split('-').nth(1)).collect();
    epochs.dedup();
    epochs
}

/// Shows R14, R25, R54.
#[test]
fn a_recording_goes_on_at_the_origin_that_takes_the_stream_over_and_has_what_the_dead_one_kept() {
    need!(Ffmpeg, RedisServer, MotoServer);
    let (folder, s3) = (tempfile::tempdir().unwrap(), S3::start());
    let mut cluster = two_origins(&folder, &s3);
    let first = publish(&cluster["o1"], &Source::H264_AAC, "live/one");
    let live = the_one(&cluster, "some seconds are recorded", |one| {
        one["duration_ms"].as_i64() >= Some(4_000)
    });
    let id = live["id"].as_str().unwrap().to_owned();
    assert_eq!(live["node"], "o1");
    cluster.kill("o1");
    drop(first);
    // The publisher comes back, at another origin.
    let second = publish(&cluster["o2"], &Source::H264_AAC, "live/one");
    let moved = the_one(&cluster, "the other goes on with it", |one| {
        one["node"] == "o2" && one["duration_ms"].as_i64() >= Some(8_000)
    });
    assert_eq!(
        (&moved["id"], &moved["state"]),
        (&live["id"], &"recording".into())
    );
    let holes = moved["holes"].as_array().unwrap();
    assert_eq!(holes.len(), 1, "{moved}");
    assert_eq!(holes[0]["cause"], "origin");
    let hole_ms = holes[0]["duration_ms"].as_f64().unwrap();
    measured("an origin dies: missing in its recording", hole_ms, "ms");

    // What the dead one had is on its disk: it is there when it is back.
    let half = check_media(&playlist(&cluster, "a", &id)).unwrap();
    assert_eq!(epochs(&half).len(), 1);
    cluster.restart("o1");
    let lists = until("each node shows both halves", 40, || {
        let shown = ["a", "o1", "o2"].map(|node| playlist(&cluster, node, &id));
        let lists = shown.map(|text| check_media(&text).unwrap());
        lists
            .iter()
            .all(|list| epochs(list).len() == 2)
            .then_some(lists)
    });
    for list in &lists {
        assert_eq!(list.kind.as_deref(), Some("EVENT"));
        let breaks = list.segments.iter().filter(|one| one.discontinuity);
        assert_eq!(breaks.count(), 1);
    }
    second.signal(Signal::KILL);
    let over = the_one(&cluster, "it is over", |one| one["state"] == "ready");
    assert_eq!(over["id"], live["id"]);
    assert_eq!(over["holes"].as_array().unwrap().len(), 1);
    for node in ["a", "o1", "o2"] {
        until("it has all of it", 20, || {
            let list = check_media(&playlist(&cluster, node, &id)).unwrap();
            (list.ended && epochs(&list).len() == 2).then_some(())
        });
        decodes(&cluster[node].http(&format!("r/{id}/index.m3u8")));
    }
    decodes(&cluster["o1"].http(&format!("r/{id}.mp4")));
    let events = cluster["p"].api("GET", "events?types=recording.started,recording.ready");
    assert_eq!(events.json()["events"].as_array().unwrap().len(), 2);

    let gone = cluster["p"].api("DELETE", &format!("recordings/{id}"));
    assert_eq!(gone.status, 204, "{}", gone.text());
    until(
        "neither origin has anything of it, nor the store",
        40,
        || {
            let kept = ["o1", "o2"].map(|node| folder.path().join(node).join(&id).exists());
            (kept == [false, false] && !s3.listing().contains(&id)).then_some(())
        },
    );
}
