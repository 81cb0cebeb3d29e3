//! Nodes of SRS that refuse, die, fall silent or lack a stream, and what weir's publishers and viewers
//! notice of it.
//!
//! | what SRS does | its publisher at weir | its viewers at weir |
//! |---|---|---|
//! | is gone, or closes at once | 5002 at the beginning, later some tries a minute | the stream from elsewhere within 8 s, else its end |
//! | its hook says no, or the name is live there (before or after its yes) | 2008 at once, no other origin is asked | the rightful stream, as before |
//! | falls silent | – | the stream from another origin as soon as it is there |
//! | closes, for no coworker has the stream | – | 3002, and the origin is well |

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use weir_proto::rtmp::{ClientOptions, RtmpClientEvent, RtmpClientSession, RtmpUrl};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::http::get;
use weir_testkit::media::Source;
use weir_testkit::srs::{LetsGo, SrsNode};
use weir_testkit::wait::{Stopwatch, until};
use weir_testkit::watcher::Watcher;

use crate::kit::{binary, cluster, measured, need, publish};

/// Seconds for what another server has to do first.
const LONG_ENOUGH_S: u64 = 20;
/// Seconds for which tries are counted.
const WINDOW_S: f64 = 8.0;
/// Tries within that: the first, and after 0.2, 0.4, 0.8, 1.6, 3.2, 5 s at most and half of each at least, twice each
/// where a publisher waits.
const FEW_TRIES: usize = 14;
/// Plays while an edge looks for a stream that is over: the first one, four after 0.1, 0.2, 0.4 and 0.8 s, then
/// one a second until 8 s are over; each pause may be half as long.
const PLAYS_OF_A_SEARCH: usize = 1 + 4 + 2 * 8;
/// Seconds within which a name must be free again whose owner's process is gone: less than a lease's term.
const SOONER_THAN_A_TERM_S: u64 = 4;
const NAME: &str = "live/livestream";

fn edge_of(srs: &[&str]) -> Cluster {
    let urls: Vec<_> = srs.iter().map(|place| format!("rtmp://{place}")).collect();
    let edge = Node::edge("a").set(&[&format!("cluster.origins={urls:?}")]);
    Cluster::start_static(&binary(), vec![edge])
}

/// Asks to publish `url`, and gives the code of the refusal; `None` where the server says yes and keeps to it
/// until it closes.
fn refusal_of(url: &str) -> Option<u16> {
    let url = RtmpUrl::parse(url).unwrap();
    let mut socket = TcpStream::connect((url.host.as_str(), url.port)).unwrap();
    let limit = Duration::from_secs(LONG_ENOUGH_S);
    socket.set_read_timeout(Some(limit)).unwrap();
    let mut session = RtmpClientSession::publish(&url, [5; 32], ClientOptions::default());
    let mut buffer = [0; 4096];
    loop {
        socket.write_all(&session.take_output()).unwrap();
        let read = socket.read(&mut buffer).unwrap();
        if read == 0 {
            return None;
        }
        session.receive(0, &buffer[..read]).unwrap();
        while let Some(event) = session.poll_event() {
            if let RtmpClientEvent::Status { weir_code, .. } = event
                && weir_code.is_some()
            {
                return weir_code;
            }
        }
    }
}

/// A server that closes each connection at once, and how many it had.
struct Closer {
    tries: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    address: String,
}

impl Closer {
    fn at(address: &str) -> Self {
        let listener = until("the port", LONG_ENOUGH_S, || {
            TcpListener::bind(address).ok()
        });
        let (tries, is_over) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let address = listener.local_addr().unwrap().to_string();
        let (counted, over) = (tries.clone(), is_over.clone());
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                drop(socket);
                if over.load(Ordering::SeqCst) {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            tries,
            is_over,
            address,
        }
    }

    fn tries(&self) -> usize {
        self.tries.load(Ordering::SeqCst)
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

#[test]
fn an_origin_that_closes_at_once_is_tried_a_few_times_while_the_publisher_stays() {
    let srs = SrsNode::start();
    let there = srs.rtmp();
    let cluster = edge_of(&[&there]);
    let edge = &cluster["a"];
    let publisher = SrsNode::start();
    publisher.publish_numbers(NAME);
    publisher.push(NAME, &edge.rtmp(NAME));
    srs.wait_live(NAME);
    let viewer = Watcher::open(&edge.http(&format!("{NAME}.flv")));
    viewer.wait_pictures(10);
    drop(srs);
    let closer = Closer::at(&there);
    until("the first try", LONG_ENOUGH_S, || {
        (closer.tries() > 0).then_some(())
    });
    let lines = edge.log().lines().count();
    let watch = Stopwatch::start();
    until("the end of the window", LONG_ENOUGH_S, || {
        (watch.elapsed_s() > WINDOW_S).then_some(())
    });
    measured("tries in 8 s", closer.tries() as f64, "");
    assert!(closer.tries() <= FEW_TRIES, "{} tries", closer.tries());
    let lines = edge.log().lines().count() - lines;
    assert!(lines <= 2 * FEW_TRIES, "{lines} lines:\n{}", edge.log());
    viewer.assert_well(0);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}

#[test]
fn a_publisher_whose_origins_are_all_dead_is_told_5002() {
    let closer = Closer::at("127.0.0.1:0");
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead_address = dead.local_addr().unwrap().to_string();
    drop(dead);
    let cluster = edge_of(&[&closer.address, &dead_address]);
    assert_eq!(refusal_of(&cluster["a"].rtmp(NAME)), Some(5002));
    assert!(closer.tries() <= 2, "{} tries", closer.tries());
    // Viewers of what cannot be reached do not have it tried anew, each of them.
    let before = closer.tries();
    for _ in 0..50 {
        let told = get(&cluster["a"].http(&format!("{NAME}.flv")));
        assert_eq!(told.refusal().1, 5002, "{}", told.text());
    }
    assert!(closer.tries() - before <= 10, "{} tries", closer.tries());
    cluster.assert_nothing_left();
}

#[test]
fn a_publisher_whom_srs_refuses_hears_it_and_no_other_origin_is_asked() {
    for when in [LetsGo::InsteadOfYes, LetsGo::AfterYes] {
        let both = [(); 2].map(|()| SrsNode::start());
        for srs in &both {
            srs.refuse_publishers();
            srs.lets_go(when);
        }
        let cluster = edge_of(&[&both[0].rtmp(), &both[1].rtmp()]);
        assert_eq!(refusal_of(&cluster["a"].rtmp(NAME)), Some(2008), "{when:?}");
        let asked = both[0].publishes() + both[1].publishes();
        assert_eq!(asked, 1, "{when:?}");
        cluster.assert_nothing_left();
    }
}

#[test]
fn viewers_of_a_stream_of_srs_do_not_see_who_publishes_under_its_name() {
    for when in [LetsGo::InsteadOfYes, LetsGo::AfterYes] {
        let both = [(); 2].map(|()| SrsNode::start());
        both.iter().for_each(|srs| srs.lets_go(when));
        let cluster = edge_of(&[&both[0].rtmp(), &both[1].rtmp()]);
        let edge = &cluster["a"];
        // Enough names that each of the two comes first for some.
        for name in ["live/a", "live/b", "live/c", "live/d"] {
            both[1].publish_numbers(name);
            let viewer = Watcher::open(&edge.http(&format!("{name}.flv")));
            viewer.wait_pictures(10);
            let before = viewer.seen();
            assert_eq!(refusal_of(&edge.rtmp(name)), Some(2008), "{name}, {when:?}");
            viewer.wait_pictures(25);
            viewer.assert_well(0);
            assert_eq!(viewer.seen().headers, before.headers, "{name}, {when:?}");
        }
        assert_eq!(both[0].publishes(), 0, "{when:?}");
        cluster.assert_nothing_left();
    }
}

#[test]
fn a_name_that_is_live_on_a_coworker_of_srs_is_not_published_beside_it() {
    let srs = SrsNode::start();
    let coworkers = format!("cluster.coworkers=[{:?}]", srs.api());
    let origin = Node::origin("o").set(&[&coworkers]);
    let cluster = Cluster::start_static(&binary(), vec![origin]);
    srs.publish_numbers(NAME);
    assert_eq!(refusal_of(&cluster["o"].rtmp(NAME)), Some(3004));
    srs.stop_numbers(NAME);
    let publisher = SrsNode::start();
    publisher.publish_numbers(NAME);
    publisher.push(NAME, &cluster["o"].rtmp(NAME));
    cluster["o"].wait_live(NAME);
}

#[test]
fn viewers_stay_when_their_origin_dies_and_the_stream_comes_from_another() {
    let [a, b] = [(); 2].map(|()| SrsNode::start());
    let cluster = edge_of(&[&a.rtmp(), &b.rtmp()]);
    a.publish_numbers(NAME);
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(25);
    drop(a);
    b.publish_numbers(NAME);
    viewer.wait_pictures(50);
    let seen = viewer.seen();
    assert!(seen.end.is_none() && seen.back.is_empty(), "{seen:?}");
    assert_eq!(b.viewers(), 1);
    drop(viewer);
    cluster.assert_nothing_left();
}

#[test]
fn viewers_stay_when_their_origin_falls_silent_and_another_has_the_stream() {
    let [a, b] = [(); 2].map(|()| SrsNode::start());
    let cluster = edge_of(&[&a.rtmp(), &b.rtmp()]);
    a.publish_numbers(NAME);
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(25);
    // Its publisher goes to the other one: the first says nothing of it.
    a.stop_numbers(NAME);
    b.publish_numbers(NAME);
    viewer.wait_pictures(50);
    let seen = viewer.seen();
    assert!(seen.end.is_none() && seen.back.is_empty(), "{seen:?}");
    until("the first is left", LONG_ENOUGH_S, || {
        (a.viewers() == 0).then_some(())
    });
    drop(viewer);
    cluster.assert_nothing_left();
}

#[test]
fn a_stream_that_is_over_ends_for_its_viewers_after_a_while() {
    let srs = SrsNode::start();
    let cluster = edge_of(&[&srs.rtmp()]);
    srs.publish_numbers(NAME);
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(25);
    srs.stop_numbers(NAME);
    viewer.wait_end();
    assert!(srs.plays() <= PLAYS_OF_A_SEARCH, "{} plays", srs.plays());
    cluster.assert_nothing_left();
}

#[test]
fn a_stream_that_nobody_has_is_not_live_and_no_origin_has_failed() {
    let srs = [(); 2].map(|()| SrsNode::start());
    let apis = [srs[0].api(), srs[1].api()];
    let apis: Vec<&str> = apis.iter().map(String::as_str).collect();
    srs.iter().for_each(|srs| srs.ask_coworkers(&apis));
    let cluster = edge_of(&[&srs[0].rtmp(), &srs[1].rtmp()]);
    let asked = || srs[0].plays() + srs[1].plays();
    let watch = Stopwatch::start();
    for _ in 0..20 {
        let told = get(&cluster["a"].http("live/nobody.flv"));
        assert_eq!(told.refusal(), (404, 3002), "{}", told.text());
    }
    let rounds = watch.elapsed_s() as usize + 1;
    assert!(asked() <= 2 * rounds, "{} plays in {rounds} s", asked());
    let log = cluster["a"].log();
    assert!(!log.contains("does not deliver"), "{log}");
    // Both are well: what is published now is played at once.
    srs[0].publish_numbers(NAME);
    let viewer = Watcher::open(&cluster["a"].http(&format!("{NAME}.flv")));
    viewer.wait_pictures(10);
    drop(viewer);
    cluster.assert_nothing_left();
}

#[test]
fn an_edge_of_srs_gets_hevc_without_asking_and_an_old_player_is_told_3006() {
    need!(Ffmpeg9, RedisServer);
    let cluster = cluster(vec![Node::origin("o")]);
    let _publisher = publish(&cluster["o"], &Source::HEVC_AAC, NAME);
    let below = SrsNode::start();
    below.pull(NAME, &cluster["o"].rtmp(NAME));
    below.wait_live(NAME);
    let messages = until("pictures at the edge", LONG_ENOUGH_S, || {
        Some(below.store().messages(NAME)).filter(|all| all.len() > 50)
    });
    let picture = messages.iter().find(|one| one.message_type == 9);
    let body = &picture.unwrap().body;
    assert_eq!(&body[1..5], b"hvc1", "Enhanced RTMP's form");
    let url = RtmpUrl::parse(&cluster["o"].rtmp(NAME)).unwrap();
    let options = ClientOptions {
        announce_codecs: false,
        ..ClientOptions::default()
    };
    assert_eq!(play_refusal(&url, options), Some(3006));
}

fn play_refusal(url: &RtmpUrl, options: ClientOptions) -> Option<u16> {
    let mut socket = TcpStream::connect((url.host.as_str(), url.port)).unwrap();
    let mut session = RtmpClientSession::play(url, [5; 32], options);
    let mut buffer = [0; 4096];
    loop {
        socket.write_all(&session.take_output()).unwrap();
        let read = socket.read(&mut buffer).unwrap();
        if read == 0 {
            return None;
        }
        session.receive(0, &buffer[..read]).unwrap();
        while let Some(event) = session.poll_event() {
            match event {
                RtmpClientEvent::Status { weir_code, .. } if weir_code.is_some() => {
                    return weir_code;
                }
                RtmpClientEvent::Media { .. } => return None,
                _ => {}
            }
        }
    }
}

#[test]
fn a_publisher_of_a_dead_origin_is_back_before_its_lease_ends_and_its_viewers_too() {
    need!(RedisServer);
    back_at_another("is dead", |cluster| cluster.kill("o1"));
}

#[test]
fn so_is_one_of_an_origin_that_stands_still_and_keeps_its_port_open() {
    need!(RedisServer);
    let mut cluster = back_at_another("stands still", |cluster| cluster.pause("o1"));
    cluster.resume("o1");
    cluster["o1"].wait_gone(NAME, 20);
    cluster.kill("o1");
}

/// The publisher of an origin that fails comes back at the other one, and so do its viewers.
fn back_at_another(how: &str, fail: impl FnOnce(&mut Cluster)) -> Cluster {
    let mut cluster = cluster(vec![Node::origin("o1"), Node::origin("o2")]);
    let [publisher, viewer] = [(); 2].map(|()| SrsNode::start());
    publisher.publish_numbers(NAME);
    publisher.push(NAME, &cluster["o1"].rtmp(NAME));
    cluster.wait_owner("o2", NAME);
    cluster["o1"].wait_live(NAME);
    fail(&mut cluster);
    let watch = Stopwatch::start();
    // The edge of its viewers asks before the publisher is there, and is not sent to the dead one.
    viewer.pull(NAME, &cluster["o2"].rtmp(NAME));
    publisher.push(NAME, &cluster["o2"].rtmp(NAME));
    until("it is live again", SOONER_THAN_A_TERM_S, || {
        cluster["o2"].stream(NAME).map(drop)
    });
    measured(
        &format!("an origin {how}: back at another"),
        watch.elapsed_s() * 1e3,
        "ms",
    );
    until("its viewers have it", SOONER_THAN_A_TERM_S, || {
        (!viewer.store().numbers(NAME).is_empty()).then_some(())
    });
    measured(
        &format!("an origin {how}: its viewers too"),
        watch.elapsed_s() * 1e3,
        "ms",
    );
    assert_eq!(cluster.wait_owner("o2", NAME).0, "o2");
    cluster
}
