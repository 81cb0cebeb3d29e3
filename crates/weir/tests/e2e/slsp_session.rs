//! An SLSP session outlives its sockets, and is for one of them at a time.

use std::time::Duration;

use serde_json::{Value, json};
use weir_testkit::flv::{FlvViewer, Kind};
use weir_testkit::hls_follow::Follower;
use weir_testkit::http::get;
use weir_testkit::link::Link;
use weir_testkit::media::Source;
use weir_testkit::server::{Options, Server};
use weir_testkit::slsp::{Client, Container, Pump};
use weir_testkit::wait::until;

use crate::kit::{binary, need, open_server};
use crate::slsp::{address, begin, feed, publish, publish_with_key};

fn token(ready: &Value) -> &str {
    ready["resume"].as_str().unwrap()
}

/// Published through a link, live, watched for a second.
fn through_a_link(server: &Server) -> (Link, String, Pump, Value, FlvViewer) {
    let link = Link::start(&server.address("http"));
    let url = link.url(&address(server, "live/a"));
    let (pump, ready) = begin(&url, &Source::H264_AAC, Container::Flv);
    server.wait_live("live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(1000);
    (link, url, pump, ready, viewer)
}

/// The longest step between two pictures, in milliseconds.
fn longest_step_ms(viewer: &FlvViewer) -> u32 {
    let pictures = viewer.frames().filter(|tag| tag.kind == Kind::Video);
    let times: Vec<u32> = pictures.map(|tag| tag.ts_ms).collect();
    let steps = times.windows(2).map(|pair| pair[1] - pair[0]);
    steps.max().unwrap_or(0)
}

#[test]
fn acknowledgements_say_what_has_arrived_and_when() {
    need!(Ffmpeg);
    let server = open_server();
    let (pump, ready) = publish(&server, "live/a");
    assert_eq!(
        (&ready["resumed"], &ready["bytes"]),
        (&false.into(), &0.into())
    );
    let codecs = ready["codecs"].as_array().unwrap();
    assert!(
        codecs.contains(&"avc1".into()) && codecs.contains(&"Opus".into()),
        "{ready}"
    );
    std::thread::sleep(Duration::from_secs(3));
    let inbox = pump.inbox().clone();
    let acks = inbox.all("ack");
    let number = |ack: &Value, name: &str| ack[name].as_i64().unwrap();
    for pair in acks.windows(2) {
        let ((_, before), (_, after)) = (&pair[0], &pair[1]);
        assert!(
            number(before, "bytes") < number(after, "bytes"),
            "{before} {after}"
        );
        assert!(
            number(before, "dts_ms") <= number(after, "dts_ms"),
            "{before} {after}"
        );
        let apart_ms = number(after, "at_ms") - number(before, "at_ms");
        assert!(apart_ms >= 90, "acknowledged after {apart_ms} ms");
    }
    let ((first_s, first), (last_s, last)) = (acks.first().unwrap(), acks.last().unwrap());
    let here_ms = (last_s - first_s) * 1000.0;
    let there_ms = (number(last, "at_ms") - number(first, "at_ms")) as f64;
    assert!(
        (here_ms - there_ms).abs() < 300.0,
        "{here_ms} and {there_ms} ms"
    );
    let media_ms = (number(last, "dts_ms") - number(first, "dts_ms")) as f64;
    assert!(
        (media_ms - here_ms).abs() < 700.0,
        "{media_ms} ms of media in {here_ms} ms"
    );
    let (sent, client) = (pump.sent_bytes(), pump.stop());
    let sent = sent.max(inbox.acked_bytes());
    until("all is acknowledged", 5, || {
        (inbox.acked_bytes() >= sent).then_some(())
    });
    let count = inbox.all("ack").len();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(
        inbox.all("ack").len(),
        count,
        "nothing new was acknowledged again"
    );
    drop(client);
}

#[test]
fn a_session_goes_on_at_the_next_byte_and_its_viewers_miss_nothing() {
    need!(Ffmpeg);
    let server = open_server();
    let link = Link::start(&server.address("http"));
    let url = link.url(&address(&server, "live/a"));
    let feed = feed(&Source::H264_AAC, Container::Flv);
    let (client, ready) = Client::publishing(&url, Container::Flv);
    let pump = Pump::start(client, feed.clone(), 0);
    server.wait_live("live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(1000);
    for _ in 0..2 {
        let acked = pump.inbox().acked_bytes();
        link.kill();
        let (client, again) = Client::resuming(&url, Container::Flv, token(&ready));
        assert_eq!(again["resumed"], true, "{again}");
        assert_eq!(again["session"], ready["session"]);
        let bytes = again["bytes"].as_u64().unwrap();
        assert!(
            bytes >= acked && bytes <= feed.len() as u64,
            "{bytes} after {acked}"
        );
        drop(Pump::start(client, feed.clone(), usize::try_from(bytes).unwrap()).stop());
    }
    // The last of them has gone without a word again.
    let (client, again) = Client::resuming(&url, Container::Flv, token(&ready));
    let bytes = usize::try_from(again["bytes"].as_u64().unwrap()).unwrap();
    let pump = Pump::start(client, feed, bytes);
    viewer.watch_ms(4000);
    viewer.assert_monotonic();
    assert_eq!(longest_step_ms(&viewer), 40, "pictures were lost");
    let stream = server.stream("live/a").unwrap();
    assert_eq!(
        (&stream["life"], &stream["corrections"]),
        (&1.into(), &0.into())
    );
    assert!(
        pump.inbox().acked_bytes() > bytes as u64,
        "acknowledgements count from the start"
    );
}

#[test]
fn a_session_goes_on_with_a_new_container_and_one_break() {
    need!(Ffmpeg);
    let server = open_server();
    let (link, url, pump, ready, mut viewer) = through_a_link(&server);
    assert_eq!(get(&server.http("live/a.m3u8")).status, 200);
    let mut follower = Follower::open(&server.http("live/a/hls.m3u8"));
    while follower.complete() < 1 {
        follower.next_version();
    }
    link.kill();
    drop(pump);
    let (mut client, again) = Client::resuming(&url, Container::Flv, token(&ready));
    assert_eq!(again["resumed"], true);
    // Another container, and times that begin anew.
    client
        .say(&json!({ "type": "restart", "container": "ts" }))
        .unwrap();
    let pump = Pump::start(client, feed(&Source::H264_AAC, Container::Ts), 0);
    viewer.watch_ms(3000);
    viewer.assert_monotonic();
    // Pictures go on at a keyframe, wherever the break was.
    let pictures = viewer.frames().filter(|tag| tag.kind == Kind::Video);
    let pictures: Vec<_> = pictures.collect();
    let steps = pictures.windows(2);
    let longest = steps.max_by_key(|pair| pair[1].ts_ms - pair[0].ts_ms);
    let longest = longest.unwrap();
    assert!(longest[1].is_keyframe() || longest[1].ts_ms - longest[0].ts_ms < 100);
    assert_eq!(server.stream("live/a").unwrap()["life"], 1);
    let from = follower.refresh().open.msn;
    while follower.playlist().open.msn < from + 2 {
        follower.next_version();
    }
    let segments = &follower.playlist().segments;
    let breaks = segments.iter().filter(|segment| segment.discontinuity);
    assert!(breaks.count() <= 1, "{segments:?}");
    assert!(!pump.inbox().is_over(), "{}", pump.inbox().words());
}

#[test]
fn a_line_that_is_cut_for_three_seconds_costs_a_pause_and_no_picture() {
    need!(Ffmpeg);
    let server = open_server();
    let (link, _, pump, _, mut viewer) = through_a_link(&server);
    link.cut();
    std::thread::sleep(Duration::from_secs(3));
    assert!(server.stream("live/a").is_some(), "ended too early");
    link.restore();
    viewer.watch_ms(4500);
    viewer.assert_monotonic();
    assert_eq!(longest_step_ms(&viewer), 40);
    assert!(!pump.inbox().is_over());
}

#[test]
fn a_socket_that_only_looks_alive_loses_the_session_to_the_new_one() {
    need!(Ffmpeg);
    let server = open_server();
    let (link, url, pump, ready, mut viewer) = through_a_link(&server);
    link.strand();
    let (client, again) = Client::resuming(&url, Container::Flv, token(&ready));
    assert_eq!(again["resumed"], true, "{again}");
    let mut client = client;
    client
        .say(&json!({ "type": "restart", "container": "flv" }))
        .unwrap();
    let new = Pump::start(client, feed(&Source::H264_AAC, Container::Flv), 0);
    viewer.watch_ms(2000);
    viewer.assert_monotonic();
    assert_eq!(server.stream("live/a").unwrap()["life"], 1);
    assert!(
        !pump.inbox().is_over(),
        "nothing comes through a stranded line"
    );
    assert!(!new.inbox().is_over());
}

#[test]
fn the_old_socket_of_a_session_is_closed_with_4409() {
    need!(Ffmpeg);
    let server = open_server();
    let (old, ready) = publish(&server, "live/a");
    let url = address(&server, "live/a");
    let (_new, again) = Client::resuming(&url, Container::Flv, token(&ready));
    assert_eq!(again["resumed"], true);
    assert_eq!(old.inbox().refusal(), (3005, 4409));
    assert!(server.stream("live/a").is_some());
}

#[test]
fn of_ten_sockets_with_one_token_the_last_one_has_the_session() {
    need!(Ffmpeg);
    let server = open_server();
    let (first, ready) = publish(&server, "live/a");
    let url = address(&server, "live/a");
    let mut clients: Vec<Client> = (0..10).map(|_| Client::connect(&url)).collect();
    let hello = json!({ "container": "flv", "resume": token(&ready) });
    for client in &mut clients {
        client.say_hello(&hello);
    }
    assert_eq!(first.inbox().refusal(), (3005, 4409));
    let left = until("one is left", 10, || {
        let left: Vec<usize> = (0..10)
            .filter(|at| !clients[*at].inbox().is_over())
            .collect();
        (left.len() == 1 && clients[left[0]].inbox().all("ready").len() == 1).then(|| left[0])
    });
    for (at, client) in clients.iter().enumerate().filter(|(at, _)| *at != left) {
        assert_eq!(
            client.inbox().end().1,
            4409,
            "socket {at}: {}",
            client.inbox().words()
        );
    }
    let mut client = clients.swap_remove(left);
    assert_eq!(client.inbox().wait("ready")["resumed"], true);
    client
        .say(&json!({ "type": "restart", "container": "flv" }))
        .unwrap();
    let _pump = Pump::start(client, feed(&Source::H264_AAC, Container::Flv), 0);
    FlvViewer::open(&server.http("live/a.flv")).watch_ms(1500);
    assert_eq!(server.stream("live/a").unwrap()["life"], 1);
}

#[test]
fn a_token_opens_no_other_stream() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let key = server.stream_key("live/a");
    let url = format!("{}?key={key}", address(&server, "live/a"));
    let (pump, ready) = begin(&url, &Source::H264_AAC, Container::Flv);
    server.wait_live("live/a");
    let mut thief = Client::connect(&address(&server, "live/b"));
    thief.say_hello(&json!({ "container": "flv", "resume": token(&ready) }));
    assert_eq!(thief.inbox().refusal(), (1001, 4401));
    let mut guess = Client::connect(&address(&server, "live/a"));
    guess.say_hello(&json!({ "container": "flv", "resume": "0".repeat(32) }));
    assert_eq!(guess.inbox().refusal(), (1001, 4401));
    assert!(!pump.inbox().is_over());
}

#[test]
fn the_token_stands_for_the_key() {
    need!(Ffmpeg);
    let server = Options::new(&binary()).start();
    let (pump, ready, bare) = publish_with_key(&server);
    drop(pump);
    let (_client, again) = Client::resuming(&bare, Container::Flv, token(&ready));
    assert_eq!(again["resumed"], true);
}
