//! A node goes and nobody loses a stream: publishers go on elsewhere, viewers are moved one after the
//! other, and nodes that are restarted in turn are not noticed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::flv::{Kind, Tags};
use weir_testkit::http::{Request, get};
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::Server;
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use crate::dispatch::{ask, follow, wait_named};
use crate::kit::{binary, cluster, measured, need};
use crate::srs::redirect_of;

/// Seconds for what takes some heartbeats, on a busy machine.
const PATIENCE_S: u64 = 20;
/// Milliseconds a node here takes to let its clients go.
const DRAIN_MS: u64 = 4_000;
/// Seconds an empty process may take to end.
const GOODBYE_S: u64 = 5;
/// What these tests are about is not how busy this machine is.
const ANY_CPU: &str = "node.capacity.cpu_permille=0";
/// The longest a viewer may be without a picture who comes again by one URL, milliseconds.
const AWAY_MS: f64 = 5_000.0;

/// `weir publish` of the demo over SLSP, for ever.
fn slsp_publisher(server: &Server, log: &Path) -> Process {
    publisher(server, &server.ws("slsp/live/x"), log)
}

/// `weir publish` of the demo to `url`, for ever.
fn publisher(server: &Server, url: &str, log: &Path) -> Process {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo.flv");
    let mut command = Command::new(binary());
    command.arg("publish").arg(demo).arg("--loop");
    command.arg(url);
    let process = Process::spawn("weir publish", &mut command, log);
    server.wait_live("live/x");
    process
}

/// Nodes that a publisher over SLSP is at.
fn publishing_at(cluster: &Cluster) -> Vec<&str> {
    publishing_over(cluster, "slsp")
}

/// Nodes that a publisher is at over this protocol.
fn publishing_over<'a>(cluster: &'a Cluster, protocol: &str) -> Vec<&'a str> {
    let all = cluster.running();
    let has = all.filter(|(_, server)| !server.clients("publisher", protocol).is_empty());
    has.map(|(id, _)| id).collect()
}

/// Three edges and an origin that dispatches.
fn three_edges() -> Cluster {
    let edge = |id: &str| {
        let drain = format!("node.drain_ms={DRAIN_MS}");
        Node::edge(id).set(&[ANY_CPU, &drain])
    };
    cluster(vec![
        Node::new("o", &["origin", "dispatcher"]),
        edge("a"),
        edge("b"),
        edge("c"),
    ])
}

/// Where a node sends who asks for `path`: the id of another edge.
fn sent_from<'a>(cluster: &'a Cluster, id: &str, path: &str) -> Option<&'a str> {
    let told = get(&cluster[id].http(path));
    let place = told.header("location").filter(|_| told.status == 302)?;
    let mut all = cluster.running();
    all.find(|(_, server)| place == server.http(path))
        .map(|(id, _)| id)
}

/// `weir drain` of a node that runs here.
fn drain(server: &Server, log: &Path) -> Process {
    let mut command = Command::new(binary());
    command.args(["drain", "--wait", "30", "--data"]);
    command.arg(server.data());
    Process::spawn("weir drain", &mut command, log)
}

fn watch(server: &Server) -> Watcher {
    let viewer = Watcher::open(&server.http("live/x.flv"));
    viewer.wait_pictures(10);
    viewer
}

/// Waits until all have ended; seconds from the first end to the last.
fn spread_of_ends(viewers: &[Watcher]) -> f64 {
    let clock = Stopwatch::start();
    let mut ends = vec![None; viewers.len()];
    until("all viewers are let go", PATIENCE_S, || {
        for (end, viewer) in ends.iter_mut().zip(viewers) {
            if end.is_none() && viewer.seen().end.is_some() {
                *end = Some(clock.elapsed_s());
            }
        }
        ends.iter().all(Option::is_some).then_some(())
    });
    let ends = ends.iter().flatten();
    let spread = ends.fold((f64::MAX, 0.0), |(first, last), end| {
        (end.min(first), end.max(last))
    });
    measured("viewers let go within", (spread.1 - spread.0) * 1e3, "ms");
    spread.1 - spread.0
}

#[test]
fn a_drained_edge_hands_its_publisher_on_and_viewers_elsewhere_go_on() {
    need!(RedisServer);
    let mut cluster = three_edges();
    let logs = tempfile::tempdir().unwrap();
    let mut publisher = slsp_publisher(&cluster["a"], &logs.path().join("publish"));
    let viewers = ["o", "b", "c"].map(|id| watch(&cluster[id]));
    let clock = Stopwatch::start();
    let mut drain = drain(&cluster["a"], &logs.path().join("drain"));
    until("the publisher is elsewhere", PATIENCE_S, || {
        let at = publishing_at(&cluster);
        (at == ["b"] || at == ["c"]).then_some(())
    });
    let elsewhere_s = clock.elapsed_s();
    measured("publisher elsewhere after", elsewhere_s * 1e3, "ms");
    assert!(elsewhere_s * 1e3 < DRAIN_MS as f64, "only at the end");
    drain.succeed(40);
    assert!(drain.log().contains("nobody is left"), "{}", drain.log());
    let mut gone = cluster.take("a");
    let clock = Stopwatch::start();
    gone.signal(Signal::TERM);
    assert!(gone.wait_exit(GOODBYE_S).success());
    measured("end of a drained node after", clock.elapsed_s() * 1e3, "ms");
    for viewer in &viewers {
        viewer.wait_pictures(50);
        viewer.assert_well(1);
    }
    assert!(publisher.ended().is_none(), "{}", publisher.log());
    publisher.signal(Signal::INT);
    publisher.wait(PATIENCE_S);
    drop(viewers);
    cluster.assert_nothing_left();
}

/// A publisher over RTMP that follows a request to reconnect is moved like one over SLSP, long before
/// the drain is over, and viewers where it was go on until they are let go one by one.
#[test]
fn a_drained_edge_asks_its_rtmp_publisher_to_reconnect_elsewhere() {
    need!(RedisServer);
    let cluster = three_edges();
    let logs = tempfile::tempdir().unwrap();
    let url = cluster["a"].rtmp("live/x?key=any");
    let mut publisher = publisher(&cluster["a"], &url, &logs.path().join("publish"));
    let viewers = ["o", "b", "c"].map(|id| watch(&cluster[id]));
    let at_a = watch(&cluster["a"]);
    let clock = Stopwatch::start();
    let mut drain = drain(&cluster["a"], &logs.path().join("drain"));
    until("the publisher is elsewhere", PATIENCE_S, || {
        let at = publishing_over(&cluster, "rtmp");
        (at == ["b"] || at == ["c"]).then_some(())
    });
    let elsewhere_ms = clock.elapsed_s() * 1e3;
    measured("RTMP publisher elsewhere after", elsewhere_ms, "ms");
    assert!(elsewhere_ms < DRAIN_MS as f64, "only at the end");
    drain.succeed(40);
    assert!(drain.log().contains("nobody is left"), "{}", drain.log());
    assert_eq!(at_a.wait_end(), "a proper end");
    for viewer in &viewers {
        viewer.wait_pictures(50);
        viewer.assert_well(1);
    }
    assert!(publisher.ended().is_none(), "{}", publisher.log());
    publisher.signal(Signal::INT);
    publisher.wait(PATIENCE_S);
    drop((viewers, at_a));
    cluster.assert_nothing_left();
}

#[test]
fn viewers_of_a_drained_edge_are_let_go_one_after_the_other_and_sent_to_another() {
    need!(RedisServer);
    let cluster = three_edges();
    let logs = tempfile::tempdir().unwrap();
    let publisher = slsp_publisher(&cluster["b"], &logs.path().join("publish"));
    let viewers = [(); 4].map(|()| watch(&cluster["a"]));
    let hls = cluster["a"].http("live/x/hls.m3u8");
    until("HLS", PATIENCE_S, || {
        (get(&hls).status == 200).then_some(())
    });
    let mut drain = drain(&cluster["a"], &logs.path().join("drain"));
    assert!(spread_of_ends(&viewers) > 1.0, "all at once");
    for viewer in &viewers {
        assert_eq!(viewer.wait_end(), "a proper end");
    }
    // Who comes again is sent to another, whatever he plays.
    for path in ["live/x.flv", "live/x.m3u8", "live/x/hls.m3u8"] {
        let sent = sent_from(&cluster, "a", path);
        assert!(matches!(sent, Some("b" | "c")), "{path}: {sent:?}");
    }
    let (_, place) = redirect_of(&cluster["a"].rtmp("live/x"));
    let others = ["b", "c"].map(|id| cluster[id].rtmp("live/x"));
    assert!(others.contains(&place), "{place}");
    let ready = get(&cluster["a"].http("readyz"));
    assert_eq!((ready.status, ready.text().as_str()), (503, "draining\n"));
    wait_named(&cluster["o"], &["b", "c"]);
    drain.succeed(40);
    drop((publisher, viewers));
    cluster.assert_nothing_left();
}

#[test]
fn viewers_of_the_edge_that_hands_its_publisher_on_are_not_let_go_at_once() {
    need!(RedisServer);
    let cluster = three_edges();
    let logs = tempfile::tempdir().unwrap();
    let publisher = slsp_publisher(&cluster["a"], &logs.path().join("publish"));
    let viewers = [(); 4].map(|()| watch(&cluster["a"]));
    let _drain = drain(&cluster["a"], &logs.path().join("drain"));
    assert!(spread_of_ends(&viewers) > 1.0, "all at once");
    drop((publisher, viewers));
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_that_is_told_by_the_api_says_how_far_it_is() {
    need!(RedisServer);
    let mut cluster = three_edges();
    let logs = tempfile::tempdir().unwrap();
    let _publisher = slsp_publisher(&cluster["b"], &logs.path().join("publish"));
    let viewer = Watcher::open(&cluster["a"].http("live/x.flv"));
    viewer.wait_pictures(10);
    let before = cluster["a"].api("GET", "drain").json();
    assert_eq!(
        (&before["draining"], &before["viewers"]),
        (&false.into(), &1.into())
    );
    let begun = cluster["a"].api("POST", "drain").json();
    assert_eq!(
        (&begun["draining"], &begun["empty"]),
        (&true.into(), &false.into())
    );
    assert_eq!(viewer.wait_end(), "a proper end");
    until("nobody is left", PATIENCE_S, || {
        let far = cluster["a"].api("GET", "drain").json();
        (far["empty"] == true).then_some(())
    });
    assert_eq!(get(&cluster["a"].http("livez")).status, 200);
    wait_named(&cluster["o"], &["b", "c"]);
    let wish =
        serde_json::json!({ "app": "live", "stream": "y", "protocols": ["slsp"], "count": 8 });
    let told = ask(&cluster["o"], "publish", &wish).json;
    let places = told["places"].as_array().unwrap().iter();
    let places: BTreeSet<_> = places.filter_map(|place| place["node"].as_str()).collect();
    assert_eq!(places, ["b", "c"].into());
    let mut gone = cluster.take("a");
    gone.signal(Signal::TERM);
    assert!(gone.wait_exit(GOODBYE_S).success());
}

/// A viewer who comes again by one URL, of any node that answers, whenever he is let go.
struct Roamer {
    shared: Arc<Roamed>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Roamed {
    stop: AtomicBool,
    state: Mutex<Roads>,
}

#[derive(Debug, Clone, Default)]
struct Roads {
    pictures: u64,
    connections: u64,
    longest_ms: f64,
    places: BTreeSet<String>,
}

impl Roamer {
    fn start(urls: Vec<String>) -> Self {
        let shared = Arc::new(Roamed::default());
        let watched = shared.clone();
        let body = move || {
            let mut last = Stopwatch::start();
            while !watched.stop.load(Ordering::Relaxed) {
                for url in &urls {
                    // A node that is down, or a stream that is on its way: the next one, or again.
                    let _ = roam(url, &watched, &mut last);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        let thread = std::thread::Builder::new().name("roamer".into());
        Self {
            shared,
            thread: Some(thread.spawn(body).unwrap()),
        }
    }

    fn seen(&self) -> Roads {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wait_pictures(&self, count: u64) {
        let from = self.seen().pictures;
        until("more pictures for who roams", PATIENCE_S, || {
            (self.seen().pictures >= from + count).then_some(())
        });
    }
}

impl Drop for Roamer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One way through the dispatcher to an edge, and what it shows until its end.
fn roam(url: &str, shared: &Roamed, last: &mut Stopwatch) -> std::io::Result<()> {
    let answer = Request::get(url).open()?;
    let place = answer.header("location").filter(|_| answer.status == 302);
    let Some(mut place) = place.map(str::to_owned) else {
        return Ok(());
    };
    let mut answer = Request::get(&place).open()?;
    if let (302, Some(next)) = (answer.status, answer.header("location").map(str::to_owned)) {
        answer = Request::get(&next).open()?;
        place = next;
    }
    if answer.status != 200 {
        return Ok(());
    }
    let mut tags = Tags::default();
    let mut is_first = true;
    while !shared.stop.load(Ordering::Relaxed) {
        let Some(bytes) = answer.next_chunk()? else {
            return Ok(());
        };
        let tags = tags.push(&bytes);
        let pictures = tags
            .iter()
            .filter(|tag| tag.kind == Kind::Video && !tag.is_header());
        let pictures = pictures.count() as u64;
        if pictures == 0 {
            continue;
        }
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.pictures > 0 {
            state.longest_ms = state.longest_ms.max(last.elapsed_s() * 1e3);
        }
        *last = Stopwatch::start();
        state.pictures += pictures;
        if std::mem::take(&mut is_first) {
            state.connections += 1;
            state.places.insert(place.clone());
        }
    }
    Ok(())
}

/// Shows R87, R92 and R95.
#[test]
fn three_nodes_that_are_restarted_in_turn_lose_no_publisher_and_no_viewer() {
    need!(RedisServer);
    let node = |id: &str| {
        Node::new(id, &["origin", "edge", "dispatcher"]).set(&[ANY_CPU, "node.drain_ms=2000"])
    };
    let ids = ["n1", "n2", "n3"];
    let mut cluster = cluster(ids.map(node).to_vec());
    let logs = tempfile::tempdir().unwrap();
    let mut publisher = slsp_publisher(&cluster["n1"], &logs.path().join("publish"));
    let urls = ids.map(|id| cluster[id].http("go/live/x.flv"));
    let roamers: Vec<_> = (0..4)
        .map(|first| {
            let mut urls = urls.to_vec();
            urls.rotate_left(first % 3);
            Roamer::start(urls)
        })
        .collect();
    roamers.iter().for_each(|roamer| roamer.wait_pictures(10));
    let watch = Stopwatch::start();
    for id in ids {
        let mut going = cluster.take(id);
        going.signal(Signal::TERM);
        assert!(going.wait_exit(PATIENCE_S).success(), "{}", going.log());
        drop(going);
        assert_eq!(publishing_at(&cluster).len(), 1, "after {id} went");
        cluster.restart(id);
        cluster.wait_joined();
        assert!(publisher.ended().is_none(), "{id}: {}", publisher.log());
        roamers.iter().for_each(|roamer| roamer.wait_pictures(25));
    }
    measured("rolling restart of three nodes", watch.elapsed_s(), "s");
    for roamer in &roamers {
        let seen = roamer.seen();
        measured("longest time without a picture", seen.longest_ms, "ms");
        assert!(seen.longest_ms < AWAY_MS, "{seen:?}");
        assert!(seen.connections <= 7, "{seen:?}");
    }
    let viewer = Watcher::open(&follow(&cluster["n1"].http("go/live/x.flv")));
    viewer.wait_pictures(50);
    viewer.assert_well(0);
    publisher.signal(Signal::INT);
    publisher.wait(PATIENCE_S);
    drop((viewer, roamers));
    cluster.assert_nothing_left();
}
