//! Nodes of SRS beside nodes of weir: publish and play in every direction, and no circles.
//!
//! The other make is the testkit's stand-in, written from the facts about SRS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::hls_follow::checked;
use weir_testkit::http::{Request, get};
use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::srs::{Asked, SrsNode};
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use crate::kit::{binary, cluster, log_of, measured, need, publish};

/// Seconds for what another server has to do first.
const PATIENCE_S: u64 = 20;
/// Seconds until a viewer over HLS who asks for nothing any more is forgotten, and the pull with him.
const HLS_LEAVES_S: u64 = 40;
/// As the capture names the stream: the bytes below fit it alone.
const NAME: &str = "live/livestream";
/// Seconds after which a circle, or a stream that nobody has, is known to be one.
const CIRCLE_S: f64 = 10.0;
/// Questions to one node for one viewer who finds nothing: his own, and what others ask on the way.
const FEW: usize = 12;
/// The 302 as a running SRS sent it, for a stream at 127.0.0.1:19352.
const CAPTURED_302: &str = "\
    050000000000e314000000000200086f6e537461747573000000000000000000\
    050300056c6576656c0200056572726f720004636f646502001e4e6574436f6e\
    6e656374696f6e2e436f6e6e6563742e52656a6563746564000b646573637269\
    7074696f6e02001152544d502033303220526564697265637400026578030004\
    636f6465004072e000000000000008726564697265637402001b72746d703a2f\
    2f3132372e302e302e313a31393335322f6c6976650009726564697265637432\
    02002672746d703a2f2f3132372e302e302e313a31393335322f6c6976652f6c\
    69766573747265616d000009000009";

fn origins(of: &[&str]) -> String {
    format!("cluster.origins={of:?}")
}

fn coworkers(of: &[&str]) -> String {
    format!("cluster.coworkers={of:?}")
}

fn statically(nodes: Vec<Node>) -> Cluster {
    Cluster::start_static(&binary(), nodes)
}

/// `weir play` of two seconds.
fn play(server: &Server, url: &str) -> Process {
    let mut command = Command::new(binary());
    command.args(["play", "--seconds", "2", url]);
    Process::spawn("weir play", &mut command, &log_of(server, "play"))
}

fn plays(node: &SrsNode) -> usize {
    let asked = node.asked();
    let plays = asked.iter().filter(|one| matches!(one, Asked::Play(..)));
    plays.count()
}

/// Numbers that follow each other, from a keyframe on.
fn assert_whole(numbers: &[u64]) {
    assert!(
        !numbers.is_empty() && numbers[0].is_multiple_of(25),
        "{numbers:?}"
    );
    let follows = |pair: &[u64]| pair[1] == pair[0] + 1;
    assert!(numbers.windows(2).all(follows), "{numbers:?}");
}

#[test]
fn an_edge_pulls_from_srs_once_for_all_its_viewers() {
    let srs = SrsNode::start();
    srs.publish_numbers(NAME);
    let edge = Node::edge("a").set(&[&origins(&[&format!("rtmp://{}", srs.rtmp())])]);
    let cluster = statically(vec![edge]);
    let edge = &cluster["a"];
    let viewers: Vec<_> = (0..5)
        .map(|_| Watcher::open(&edge.http(&format!("{NAME}.flv"))))
        .collect();
    let mut player = play(edge, &edge.rtmp(NAME));
    for viewer in &viewers {
        viewer.wait_pictures(50);
        viewer.assert_well(0);
    }
    player.succeed(PATIENCE_S);
    let url = edge.http(&format!("{NAME}/hls.m3u8"));
    until("two segments", PATIENCE_S, || {
        let answer = get(&url);
        (answer.status == 200 && checked(&url, &answer).segments.len() >= 2).then_some(())
    });
    assert_eq!((srs.viewers(), plays(&srs)), (1, 1), "{:?}", srs.asked());
    drop(viewers);
    until("the pull is over", HLS_LEAVES_S, || {
        (srs.viewers() == 0).then_some(())
    });
    cluster.assert_nothing_left();
}

#[test]
fn a_publish_at_an_edge_goes_up_to_srs_and_ends_there_when_it_ends() {
    need!(Ffmpeg);
    let srs = SrsNode::start();
    let edge = Node::edge("a").set(&[&origins(&[&format!("rtmp://{}", srs.rtmp())])]);
    let cluster = statically(vec![edge]);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, NAME);
    srs.wait_live(NAME);
    let messages = until("pictures at the SRS node", PATIENCE_S, || {
        Some(srs.store().messages(NAME)).filter(|all| all.len() > 100)
    });
    let pictures: Vec<_> = messages
        .iter()
        .filter(|message| message.message_type == 9 && !message.is_header())
        .collect();
    assert!(pictures[0].is_key(), "it begins with {:?}", pictures[0]);
    let times: Vec<u32> = pictures.iter().map(|one| one.timestamp_ms).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let headers = |kind: u8| {
        let of_kind = messages.iter().filter(|one| one.message_type == kind);
        of_kind.filter(|one| one.is_header()).count()
    };
    assert_eq!((headers(8), headers(9)), (1, 1));
    drop(publisher);
    until("it ends at the SRS node", PATIENCE_S, || {
        (!srs.store().is_live(NAME)).then_some(())
    });
    cluster.assert_nothing_left();
}

#[test]
fn when_an_srs_origin_dies_a_publish_moves_to_the_other_one() {
    need!(Ffmpeg);
    let both = [(); 2].map(|()| SrsNode::start());
    let urls = both.each_ref().map(|srs| format!("rtmp://{}", srs.rtmp()));
    let list = origins(&urls.each_ref().map(String::as_str));
    let cluster = statically(vec![
        Node::edge("a").set(&[&list]),
        Node::edge("b").set(&[&list]),
    ]);
    let publisher = publish(&cluster["a"], &Source::H264_AAC, NAME);
    let here = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    let url = cluster["b"].http(&format!("{NAME}.flv"));
    let below = Watcher::open(&url);
    here.wait_pictures(25);
    below.wait_pictures(25);
    let (holders, others): (Vec<_>, Vec<_>) =
        both.into_iter().partition(|srs| srs.store().is_live(NAME));
    assert_eq!(holders.len(), 1, "it is at both");
    let watch = Stopwatch::start();
    drop(holders);
    others[0].wait_live(NAME);
    measured(
        "publish at the second SRS origin",
        watch.elapsed_s() * 1e3,
        "ms",
    );
    // The edge that has the publisher needs nobody. The other's viewers come again.
    here.wait_pictures(100);
    here.assert_well(0);
    until("the pull is over, or goes on", PATIENCE_S, || {
        let seen = below.seen();
        let moved = others[0].viewers() > 0 && seen.pictures > 50;
        (seen.end.is_some() || moved).then_some(())
    });
    let again = Watcher::open(&url);
    again.wait_pictures(50);
    again.assert_well(0);
    assert_eq!(others[0].viewers(), 1);
    drop((publisher, here, below, again));
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_of_srs_plays_from_a_weir_origin_and_follows_it_to_another() {
    need!(Ffmpeg, RedisServer);
    let cluster = cluster(vec![Node::origin("o1"), Node::origin("o2")]);
    let publisher = publish(&cluster["o1"], &Source::H264_AAC, NAME);
    cluster.wait_owner("o2", NAME);
    for id in ["o1", "o2"] {
        let edge = SrsNode::start();
        edge.pull(NAME, &cluster[id].rtmp(NAME));
        edge.wait_live(NAME);
        let messages = until("pictures at the SRS edge", PATIENCE_S, || {
            Some(edge.store().messages(NAME)).filter(|all| all.len() > 100)
        });
        let first = messages
            .iter()
            .find(|one| one.message_type == 9 && !one.is_header());
        assert!(first.is_some_and(|one| one.is_key()), "{id}: {first:?}");
    }
    drop(publisher);
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_of_srs_hands_a_publish_on_to_a_weir_origin() {
    need!(RedisServer);
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a")]);
    let srs = SrsNode::start();
    srs.publish_numbers(NAME);
    srs.push(NAME, &cluster["o"].rtmp(NAME));
    cluster.wait_owner("a", NAME);
    cluster["o"].wait_live(NAME);
    // On through weir's edge to another edge of SRS: every picture, in its order.
    let below = SrsNode::start();
    below.pull(NAME, &cluster["a"].rtmp(NAME));
    below.wait_live(NAME);
    let numbers = until("pictures", PATIENCE_S, || {
        Some(below.store().numbers(NAME)).filter(|numbers| numbers.len() > 50)
    });
    assert_whole(&numbers);
    drop(srs);
    until("it ends below", PATIENCE_S, || {
        (!below.store().is_live(NAME)).then_some(())
    });
    cluster.assert_nothing_left();
}

/// What a node sends to whoever plays `url`, up to its redirect: all bytes, and where it leads.
pub(crate) fn redirect_of(url: &str) -> (Vec<u8>, String) {
    let url = RtmpUrl::parse(url).unwrap();
    let mut socket = TcpStream::connect((url.host.as_str(), url.port)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(PATIENCE_S)))
        .unwrap();
    let mut session = RtmpClientSession::play(&url, [5; 32], ClientOptions::default());
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        socket.write_all(&session.take_output()).unwrap();
        let read = socket.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "it closed without a redirect");
        all.extend_from_slice(&buffer[..read]);
        session.receive(0, &buffer[..read]).unwrap();
        while let Some(event) = session.poll_event() {
            if let RtmpClientEvent::Redirect { url } = event {
                return (all, url);
            }
        }
    }
}

/// Shows R110.
#[test]
fn the_redirect_of_a_weir_origin_is_that_of_srs_to_the_byte() {
    need!(Ffmpeg, RedisServer);
    let (o1, o2) = (Node::origin("o1"), Node::origin("o2"));
    let there = o1.rtmp_address();
    let cluster = cluster(vec![o1, o2]);
    let _publisher = publish(&cluster["o1"], &Source::H264_AAC, NAME);
    cluster.wait_owner("o2", NAME);
    let (bytes, url) = redirect_of(&cluster["o2"].rtmp(NAME));
    assert_eq!(url, format!("rtmp://{there}/{NAME}"));
    let captured = (0..CAPTURED_302.len()).step_by(2);
    let captured = captured.map(|at| u8::from_str_radix(&CAPTURED_302[at..at + 2], 16).unwrap());
    // Ports have five digits here too, so that nothing else differs.
    let hidden = |mut bytes: Vec<u8>, port: &str| {
        while let Some(at) = bytes.windows(5).position(|five| five == port.as_bytes()) {
            bytes[at..at + 5].copy_from_slice(b"#####");
        }
        bytes
    };
    let port = there.rsplit_once(':').unwrap().1;
    let (expected, bytes) = (hidden(captured.collect(), "19352"), hidden(bytes, port));
    let found = bytes.windows(expected.len()).any(|some| some == expected);
    assert!(found, "{}", String::from_utf8_lossy(&bytes));
}

#[test]
fn an_origin_asks_srs_as_its_coworker_and_sends_players_there() {
    let (srs, empty) = (SrsNode::start(), SrsNode::start());
    srs.publish_numbers(NAME);
    let (o1, o2) = (Node::origin("o1"), Node::origin("o2"));
    let list = coworkers(&[&empty.api(), &srs.api(), &o2.http_address()]);
    let knows_o1 = origins(&[&o1.http_address()]);
    let nodes = vec![o1.set(&[&list]), o2, Node::edge("a").set(&[&knows_o1])];
    let cluster = statically(nodes);
    let (_, url) = redirect_of(&cluster["o1"].rtmp(NAME));
    assert_eq!(url, srs.url(NAME));
    play(&cluster["o1"], &cluster["o1"].rtmp(NAME)).succeed(PATIENCE_S);
    let question = format!(
        "POST /api/v1/clusters?vhost=__defaultVhost__&ip=127.0.0.1&app=live&stream=livestream&coworker={}",
        srs.api()
    );
    assert!(
        srs.asked().contains(&Asked::Coworker(question)),
        "{:?}",
        srs.asked()
    );
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(25);
    viewer.assert_well(0);
    drop(viewer);
    cluster.assert_nothing_left();
}

#[test]
fn who_wants_flv_is_not_sent_to_the_api_of_srs() {
    let srs = SrsNode::start();
    srs.publish_numbers(NAME);
    let node = Node::origin("o").set(&[&coworkers(&[&srs.api()])]);
    let cluster = statically(vec![node]);
    // It serves media at another port, which it does not name.
    let told = get(&cluster["o"].http(&format!("{NAME}.flv")));
    assert_eq!(told.refusal(), (404, 3002), "{}", told.text());
}

#[test]
fn srs_asks_a_weir_origin_as_its_coworker_and_follows_its_answer() {
    need!(Ffmpeg);
    let srs = SrsNode::start();
    let o = Node::origin("o");
    let (api, rtmp) = (o.http_address(), o.rtmp_address());
    let edge = Node::edge("a").set(&[&origins(&[&format!("rtmp://{}", srs.rtmp())])]);
    let cluster = statically(vec![o, edge]);
    let _publisher = publish(&cluster["o"], &Source::H264_AAC, NAME);
    srs.ask_coworkers(&[&api]);
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(25);
    viewer.assert_well(0);
    assert_eq!(cluster["o"].clients("viewer", "rtmp").len(), 1);
    // As captured between two nodes of SRS.
    let (port, target) = (
        rtmp.rsplit_once(':').unwrap().1,
        "/api/v1/clusters?vhost=__defaultVhost__",
    );
    for (stream, origin) in [
        (
            "livestream",
            format!(
                r#"{{"ip":"127.0.0.1","port":{port},"vhost":"__defaultVhost__","api":"{api}","routers":["{api}"],"http":"http://{api}"}}"#
            ),
        ),
        ("other", "null".to_owned()),
    ] {
        let url =
            format!("http://{api}{target}&ip=192.168.1.5&app=live&stream={stream}&coworker={api}");
        let answer = Request::get(&url)
            .method("POST")
            .header("Content-Length", "0")
            .send();
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"code":0,"data":{{"query":{{"ip":"192.168.1.5","vhost":"__defaultVhost__","app":"live","stream":"{stream}"}},"origin":{origin}}}}}"#
            )
        );
    }
}

#[test]
fn origins_of_both_kinds_that_all_ask_each_other_do_not_circle() {
    let srs = [(); 2].map(|()| SrsNode::start());
    let (o1, o2) = (Node::origin("o1"), Node::origin("o2"));
    let weir = [o1.http_address(), o2.http_address()];
    let apis = [srs[0].api(), srs[1].api()];
    let all: Vec<&str> = weir.iter().chain(&apis).map(String::as_str).collect();
    // Themselves among them, as people who use one file for all nodes have it.
    srs[0].ask_coworkers(&all);
    srs[1].ask_coworkers(&all);
    let list = coworkers(&all);
    let first = format!("rtmp://{}", srs[0].rtmp());
    let up = origins(&[&first, &weir[0], &weir[1]]);
    let cluster = statically(vec![
        o1.set(&[&list]),
        o2.set(&[&list]),
        Node::edge("a").set(&[&up]),
    ]);
    for id in ["o1", "o2", "a"] {
        let watch = Stopwatch::start();
        let told = get(&cluster[id].http("live/nobody.flv"));
        assert_eq!(told.refusal(), (404, 3002), "{id}: {}", told.text());
        assert!(
            watch.elapsed_s() < CIRCLE_S,
            "{id}: {} s",
            watch.elapsed_s()
        );
    }
    for node in &srs {
        let asked = node.asked();
        assert!(asked.len() <= FEW, "{asked:?}");
    }
    cluster.assert_nothing_left();
}

#[test]
fn redirects_that_lead_in_a_circle_or_home_are_refused_with_5002() {
    let srs = [(); 2].map(|()| SrsNode::start());
    let up = origins(&[&format!("rtmp://{}", srs[0].rtmp())]);
    let edge = Node::edge("a").set(&[&up]);
    let home = edge.rtmp_address();
    srs[0].send_elsewhere("live/circle", &srs[1].rtmp());
    srs[1].send_elsewhere("live/circle", &srs[0].rtmp());
    srs[0].send_elsewhere("live/home", &home);
    let cluster = statically(vec![edge]);
    for (stream, words) in [
        ("circle", "redirected more than 3 times"),
        ("home", "back to this node"),
    ] {
        let watch = Stopwatch::start();
        let told = get(&cluster["a"].http(&format!("live/{stream}.flv")));
        assert_eq!(told.refusal(), (503, 5002), "{}", told.text());
        assert!(told.text().contains(words), "{}", told.text());
        assert!(watch.elapsed_s() < CIRCLE_S, "{} s", watch.elapsed_s());
    }
    assert!(
        plays(&srs[0]) + plays(&srs[1]) <= FEW,
        "{:?}",
        srs[0].asked()
    );
    cluster.assert_nothing_left();
}
