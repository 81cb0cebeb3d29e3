//! Clients are told where to go: by who they are, by who has room, and never to who is leaving.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::ffprobe;
use weir_testkit::flv::{Tag, Tags};
use weir_testkit::http::get;
use weir_testkit::link::{Direction, Link};
use weir_testkit::media::{self, Source};
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;

use crate::kit::{cluster, need, publish};
use crate::srs::redirect_of;

/// Seconds for what shows after some heartbeats, on a busy machine.
const PATIENCE_S: u64 = 20;
/// Redirects followed.
const REDIRECTS: usize = 3;
/// Who is where, in networks of documentation.
const NETWORKS: &str = "dispatch.networks=[\"10.1.0.0/16 eu telecom\", \"10.2.0.0/16 eu cernet\", \
                        \"10.3.0.0/16 ap mobile\"]";
/// What these tests are about is not how busy this machine is.
const ANY_CPU: &str = "node.capacity.cpu_permille=0";
/// Places are not kept for those who only ask.
const KEEPS_NOTHING: &str = "dispatch.good_for_ms=100";

/// An answer to a POST with JSON.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) json: Value,
}

impl Told {
    fn first(&self) -> (&str, &str) {
        let first = &self.json["places"][0];
        let text = |name: &str| first[name].as_str().unwrap_or_default();
        (text("node"), text("url"))
    }
}

/// Asks the dispatcher `server` with the admin token, so that it may ask for anybody.
pub(crate) fn ask(server: &Server, purpose: &str, wish: &Value) -> Told {
    let token = format!("Authorization: Bearer {}\r\n", server.token());
    post(server, &format!("api/v1/dispatch/{purpose}"), &token, wish)
}

fn post(server: &Server, path: &str, headers: &str, body: &Value) -> Told {
    let (address, body) = (server.address("http"), body.to_string());
    let mut socket = TcpStream::connect(&address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(PATIENCE_S)))
        .unwrap();
    let length = body.len();
    write!(
        socket,
        "POST /{path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    Told {
        status,
        head: head.to_ascii_lowercase(),
        json,
    }
}

/// All nodes that a dispatcher names to a player.
pub(crate) fn named(dispatcher: &Server) -> BTreeSet<String> {
    let wish = json!({ "app": "live", "stream": "x", "count": 8 });
    let told = ask(dispatcher, "play", &wish);
    let places = told.json["places"].as_array().cloned().unwrap_or_default();
    let nodes = places.iter().filter_map(|place| place["node"].as_str());
    nodes.map(str::to_owned).collect()
}

/// Waits until these nodes are named, and no others.
pub(crate) fn wait_named(dispatcher: &Server, nodes: &[&str]) {
    let expected: BTreeSet<String> = nodes.iter().map(|&node| node.to_owned()).collect();
    until(&format!("only {nodes:?} are named"), PATIENCE_S, || {
        (named(dispatcher) == expected).then_some(())
    });
}

/// Where a URL leads in the end.
pub(crate) fn follow(url: &str) -> String {
    let mut url = url.to_owned();
    for _ in 0..REDIRECTS {
        let request = weir_testkit::http::Request::get(&url);
        let answer = request.open().unwrap();
        match answer.header("location") {
            Some(place) if answer.status == 302 => url = place.to_owned(),
            _ => return url,
        }
    }
    panic!("more than {REDIRECTS} redirects, to {url}");
}

/// A counter of the dispatcher.
fn asked(server: &Server, purpose: &str, outcome: &str) -> f64 {
    let text = get(&server.http("metrics")).text();
    let labels = [
        format!("purpose=\"{purpose}\""),
        format!("outcome=\"{outcome}\""),
    ];
    let line = text.lines().find(|line| {
        line.starts_with("weir_dispatch_total{") && labels.iter().all(|label| line.contains(label))
    });
    let number = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    number.unwrap_or(0.0)
}

/// What a node bears, as another one sees it.
fn connections(seen_by: &Server, id: &str) -> u64 {
    let seen = seen_by.api("GET", "cluster").json();
    let nodes = seen["nodes"].as_array().cloned().unwrap_or_default();
    let node = nodes.iter().find(|node| node["id"] == id);
    node.and_then(|node| node["load"]["connections"].as_u64())
        .unwrap_or(0)
}

fn dispatcher() -> Node {
    Node::new("d", &["dispatcher"]).set(&[NETWORKS, KEEPS_NOTHING])
}

/// An origin, edges in two regions, one of them with a proxy in telecom's network, an edge that only
/// cernet's clients reach, and a dispatcher.
fn carriers() -> (Cluster, Link) {
    let (a, e) = (Node::edge("a").region("eu"), Node::edge("e").region("eu"));
    let proxy = Link::start(&a.http_address());
    let own = |node: &Node| {
        format!(
            "\"rtmp://{}\", \"http://{}\"",
            node.rtmp_address(),
            node.http_address()
        )
    };
    let with_proxy = format!(
        "node.advertise=[{}, {{ url = \"http://{}\", scope = \"public\", isp = \"telecom\" }}]",
        own(&a),
        proxy.address()
    );
    let only_cernet = format!(
        "node.advertise=[{{ url = \"http://{0}\", scope = \"internal\" }}, \
         {{ url = \"http://{0}\", scope = \"public\", isp = \"cernet\" }}]",
        e.http_address()
    );
    let nodes = vec![
        Node::origin("o").region("eu"),
        a.set(&[&with_proxy, ANY_CPU]),
        Node::edge("b").region("ap").set(&[ANY_CPU]),
        e.set(&["node.isp=cernet", &only_cernet, ANY_CPU]),
        dispatcher(),
    ];
    (cluster(nodes), proxy)
}

/// Shows R22, R33, R91 and R101.
#[test]
fn clients_of_each_network_are_sent_to_their_edge_and_told_why() {
    need!(Ffmpeg, RedisServer);
    let (cluster, proxy) = carriers();
    let d = &cluster["d"];
    let play = |ip: &str, form: &str| {
        let wish = json!({ "app": "live", "stream": "x", "ip": ip, "protocols": [form] });
        ask(d, "play", &wish)
    };
    let proxied = format!("http://{}/live/x.flv", proxy.address());
    let a = cluster["a"].http("live/x.flv");
    let b = cluster["b"].http("live/x.flv");
    let e = cluster["e"].http("live/x.flv");
    for (ip, node, url, tier, words) in [
        ("10.1.0.9", "a", proxied.as_str(), "region", "same region"),
        ("10.2.0.9", "e", &e, "region_and_isp", "same region and ISP"),
        ("10.3.0.9", "b", &b, "region", "same region"),
    ] {
        let told = play(ip, "http-flv");
        assert_eq!(told.first(), (node, url), "{ip}: {}", told.json);
        let why = &told.json["places"][0]["why"];
        assert_eq!(why["tier"], tier, "{why}");
        assert!(why["words"].as_str().unwrap().starts_with(words), "{why}");
    }
    // Somebody from nowhere: anywhere but where only cernet's clients come.
    let told = play("192.0.2.9", "http-flv");
    assert!([a.as_str(), &b].contains(&told.first().1), "{}", told.json);
    assert_eq!(told.json["places"][0]["why"]["tier"], "any");
    assert_eq!(
        told.json["whereabouts"],
        json!({ "region": null, "isp": null })
    );
    // What the client says of itself goes before what its address says.
    let wish = json!({ "app": "live", "stream": "x", "ip": "10.1.0.9", "region": "ap", "protocols": ["rtmp"],
                       "query": "token=t" });
    let told = ask(d, "play", &wish);
    let there = cluster["b"].rtmp("live/x?token=t");
    assert_eq!(told.first(), ("b", there.as_str()), "{}", told.json);
    // A publisher of telecom's goes the same way, and its viewers through the proxy.
    let wish =
        json!({ "app": "live", "stream": "x", "ip": "10.1.0.9", "protocols": ["rtmp", "slsp"] });
    let told = ask(d, "publish", &wish);
    assert_eq!(told.first(), ("a", cluster["a"].rtmp("live/x").as_str()));
    let slsp = format!("ws://{}/slsp/live/x", proxy.address());
    assert_eq!(
        told.json["places"][0]["also"],
        json!([{ "protocol": "slsp", "url": slsp }])
    );
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let before = proxy.passed_bytes(Direction::Down);
    let viewer = Watcher::open(&proxied);
    viewer.wait_pictures(25);
    assert!(proxy.passed_bytes(Direction::Down) > before + 10_000);
    assert_eq!(asked(d, "play", "placed"), 5.0);
    assert_eq!(asked(d, "publish", "placed"), 1.0);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}

#[test]
fn who_may_not_ask_or_asks_nonsense_is_told_so_and_counted() {
    need!(RedisServer);
    let edge = Node::edge("a").set(&[ANY_CPU]);
    let cluster = cluster(vec![Node::origin("o"), edge, dispatcher()]);
    let d = &cluster["d"];
    let wish = json!({ "app": "live", "stream": "x", "ip": "10.1.0.9" });
    let code = |told: Told| (told.status, told.json["code"].as_u64().unwrap_or(0));
    assert_eq!(
        code(post(d, "api/v1/dispatch/play", "", &wish)),
        (401, 6010)
    );
    let wish = json!({ "app": "live", "stream": "x" });
    assert_eq!(code(post(d, "api/v1/dispatch/play", "", &wish)), (200, 0));
    let nonsense =
        json!({ "app": "live", "stream": "x", "protocols": ["carrier pigeon"], "count": "many" });
    assert_eq!(ask(d, "play", &nonsense).json["code"], 6004);
    let nonsense = json!({ "app": "live", "stream": "x", "protocols": ["carrier pigeon"] });
    assert_eq!(ask(d, "play", &nonsense).json["code"], 4004);
    assert_eq!(asked(d, "play", "refused"), 3.0);
    assert_eq!(asked(d, "play", "placed"), 1.0);
    // Who is no dispatcher names one.
    let told = post(&cluster["a"], "api/v1/dispatch/play", "", &wish);
    assert_eq!((told.status, &told.json["code"]), (404, &json!(3001)));
    let words = told.json["detail"].as_str().unwrap_or_default();
    assert!(words.contains(&d.address("http")), "{}", told.json);
}

/// FLV by curl, which follows: the frames of three seconds, and where they came from.
fn by_curl(server: &Server, url: &str) -> (Vec<Tag>, String) {
    let out = server.data().join("curl.flv");
    let mut curl = Tool::Curl.command();
    curl.args(["-s", "-L", "-m", "3", "-w", "%{url_effective}", "-o"]);
    let told = curl.arg(&out).arg(url).output().unwrap();
    let place = String::from_utf8(told.stdout).unwrap();
    (Tags::default().push(&std::fs::read(out).unwrap()), place)
}

/// Shows R16 and R92.
#[test]
fn a_plain_player_follows_one_url_from_any_node() {
    need!(Ffmpeg, Ffprobe, Curl, RedisServer);
    let cluster = cluster(vec![
        Node::origin("o"),
        Node::edge("a").region("eu").set(&[ANY_CPU]),
        Node::edge("b").region("ap").set(&[ANY_CPU]),
        dispatcher().set(&["dispatch.networks=[\"127.0.0.0/8 ap -\"]"]),
    ]);
    let _publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    cluster.wait_owner("d", "live/x");
    for id in ["d", "a"] {
        let (frames, place) = by_curl(&cluster[id], &cluster[id].http("go/live/x.flv?q=1"));
        assert_eq!(place, cluster["b"].http("live/x.flv?q=1"), "asked {id}");
        assert!(
            frames.iter().any(Tag::is_keyframe),
            "{} frames",
            frames.len()
        );
    }
    for ending in ["flv", "m3u8", "ts"] {
        let url = cluster["d"].http(&format!("go/live/x.{ending}"));
        let out: PathBuf = cluster["d"].data().join(format!("{ending}.mkv"));
        let mut player = media::record(Tool::Ffmpeg, &url, &[], "2", &out);
        player.succeed(60);
        let tracks = ffprobe::tracks(&out);
        assert_eq!(tracks.video, Some(("h264".into(), 320, 180)), "{ending}");
        assert_eq!(tracks.audio, Some(("aac".into(), 48_000)), "{ending}");
    }
    // Two of curl's, three of FFmpeg's; a playlist may have been asked for more than once.
    let placed = asked(&cluster["d"], "play", "placed");
    assert!((5.0..=7.0).contains(&placed), "{placed}");
    assert_eq!(
        get(&cluster["d"].http("go/live/x.exe")).refusal(),
        (404, 3001)
    );
}

/// Shows R21.
#[test]
fn a_full_edge_is_not_named_until_it_is_empty_enough_and_all_full_is_5001() {
    need!(Ffmpeg, RedisServer);
    let small = ["node.capacity.connections=4", ANY_CPU];
    let cluster = cluster(vec![
        Node::origin("o"),
        Node::edge("a").region("eu").set(&small),
        Node::edge("b").region("ap").set(&small),
        dispatcher(),
    ]);
    let d = &cluster["d"];
    let publisher = publish(&cluster["o"], &Source::H264_AAC, "live/x");
    let wish = json!({ "app": "live", "stream": "x", "ip": "10.1.0.9", "count": 1 });
    let bears = |id: &str, count: u64| {
        until(&format!("{id} is seen with {count}"), PATIENCE_S, || {
            (connections(d, id) == count).then_some(())
        });
    };
    let watch = |id: &str| {
        let viewer = Watcher::open(&cluster[id].http("live/x.flv"));
        viewer.wait_pictures(1);
        viewer
    };
    assert_eq!(ask(d, "play", &wish).first().0, "a");
    // With the pull they are four.
    let mut near: Vec<_> = (0..3).map(|_| watch("a")).collect();
    bears("a", 4);
    let told = ask(d, "play", &wish);
    assert_eq!(told.first().0, "b", "{}", told.json);
    // Three of four are too many still, two are not.
    near.pop();
    bears("a", 3);
    let told = ask(d, "play", &wish);
    assert_eq!(told.first().0, "b", "{}", told.json);
    near.pop();
    bears("a", 2);
    assert_eq!(ask(d, "play", &wish).first().0, "a");
    near.extend((0..2).map(|_| watch("a")));
    let far: Vec<_> = (0..3).map(|_| watch("b")).collect();
    bears("a", 4);
    bears("b", 4);
    let told = ask(d, "play", &wish);
    assert_eq!((told.status, &told.json["code"]), (503, &json!(5001)));
    assert!(told.head.contains("retry-after: 1"), "{}", told.head);
    let next = told.json["next_best"]["node"].as_str();
    assert!(matches!(next, Some("a" | "b")), "{}", told.json);
    assert_eq!(get(&d.http("go/live/x.flv")).refusal(), (503, 5001));
    assert_eq!(asked(d, "play", "full"), 2.0);
    drop((publisher, near, far));
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_that_drains_or_is_dead_is_not_named() {
    need!(RedisServer);
    let mut cluster = cluster(vec![
        Node::origin("o"),
        Node::edge("a").set(&[ANY_CPU]),
        Node::edge("b").set(&[ANY_CPU]),
        Node::edge("c").set(&[ANY_CPU]),
        dispatcher(),
    ]);
    wait_named(&cluster["d"], &["a", "b", "c"]);
    assert_eq!(cluster["a"].api("POST", "drain").status, 200);
    wait_named(&cluster["d"], &["b", "c"]);
    cluster.kill("b");
    wait_named(&cluster["d"], &["c"]);
    let wish = json!({ "app": "live", "stream": "x", "except": ["c"] });
    assert_eq!(ask(&cluster["d"], "play", &wish).json["code"], 5001);
    cluster.restart("b");
    wait_named(&cluster["d"], &["b", "c"]);
}

#[test]
fn a_node_that_only_dispatches_sends_players_to_an_edge() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![
        Node::origin("o"),
        Node::edge("a").set(&[ANY_CPU]),
        dispatcher(),
    ]);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, "live/x");
    let d = &cluster["d"];
    for path in ["live/x.flv", "live/x.m3u8", "live/x.ts"] {
        let told = get(&d.http(path));
        assert_eq!(told.refusal(), (302, 5004), "{path}: {}", told.text());
        assert_eq!(
            told.header("location"),
            Some(cluster["a"].http(path).as_str())
        );
    }
    let (_, place) = redirect_of(&d.rtmp("live/x"));
    assert_eq!(place, cluster["a"].rtmp("live/x"));
    let viewer = Watcher::open(&follow(&d.http("live/x.flv")));
    viewer.wait_pictures(25);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}
