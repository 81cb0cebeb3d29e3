//! Tokens in a cluster: checked at the edge, or by the origin where the app says so; one stream key
//! for all nodes.

use std::time::{SystemTime, UNIX_EPOCH};

use weir_base::sign::{Action, SigningKey, Subject, sign};
use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::hls_check::{Parsed, check_media};
use weir_testkit::http::{Response, get};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;
use weir_testkit::watcher::Watcher;

use crate::kit::{cluster, file_of, log_of, need};

/// Seconds FFmpeg may take to give up, and HLS to begin.
const PATIENCE_S: u64 = 20;
/// The key that signs URLs, as one node has it.
const SECRET: &str = "a long word that signs";
const KEYS: &str = "auth.keys=[{ id = \"k1\", secret = \"a long word that signs\" }]";

/// The query of a URL that is good for `for_s` seconds from now.
fn signed_with(secret: &str, action: Action, name: &str, for_s: i64) -> String {
    let (app, stream) = name.split_once('/').unwrap();
    let key = SigningKey {
        id: "k1".into(),
        secret: secret.into(),
    };
    let subject = Subject {
        action,
        vhost: "",
        app,
        stream,
    };
    sign(&key, subject, now_s() + for_s, "", "")
}

#[expect(clippy::disallowed_methods, reason = "expiries are in real time")]
fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

fn signed(action: Action, name: &str) -> String {
    signed_with(SECRET, action, name, 600)
}

fn publisher(server: &Server, name: &str, query: &str) -> Process {
    let (source, log) = (
        Source::H264_AAC,
        log_of(server, &format!("{name}-{}", query.len())),
    );
    let (url, file) = (server.rtmp(&format!("{name}?{query}")), file_of(&source));
    media::publish_with(source.ffmpeg(), &file, &url, &["-stream_loop", "-1"], &log)
}

/// FFmpeg is told no, with this code.
fn assert_refused(mut publisher: Process, code: &str) {
    assert!(!publisher.wait(PATIENCE_S).success());
    let said = publisher.log();
    assert!(said.contains(code), "not {code}: {said}");
}

/// An origin that knows no signatures, an edge that checks them, one that has the origin check, and
/// the origin's own settings for that.
fn two_kinds() -> Cluster {
    let signed = ["auth.publish=key", "apps.live.play=signed"];
    let passes_on = "apps.live.tokens=origin";
    cluster(vec![
        Node::origin("o").set(&signed).set(&[KEYS]),
        Node::edge("checks").set(&signed).set(&[KEYS]),
        // Without a key, and more open than the origin by its own settings.
        Node::edge("asks").set(&[passes_on]),
        Node::edge("below").set(&[passes_on]),
    ])
}

/// What viewers without a right are told, at an edge of either kind.
fn assert_play_is_guarded(edge: &Server) {
    let flv = |query: &str| get(&edge.http(&format!("live/x.flv?{query}"))).refusal();
    assert_eq!(flv(""), (401, 1001));
    let wrong = signed_with("some other word, as long", Action::Play, "live/x", 600);
    assert_eq!(flv(&wrong), (403, 1004));
    assert_eq!(flv(&signed(Action::Play, "live/y")), (403, 1004));
    assert_eq!(flv(&signed(Action::Publish, "live/x")), (403, 1007));
    let over = signed_with(SECRET, Action::Play, "live/x", -5);
    assert_eq!(flv(&over), (403, 1003));
    let hls = get(&edge.http("live/x.m3u8"));
    assert_eq!(hls.refusal(), (401, 1001));
}

#[test]
fn signatures_are_checked_at_the_edge_and_need_no_key_at_the_origin() {
    need!(Ffmpeg, RedisServer);
    let own = ["apps.live.play=signed", KEYS];
    let cluster = cluster(vec![Node::origin("o"), Node::edge("a").set(&own)]);
    let _publisher = publisher(&cluster["a"], "live/x", "");
    cluster["a"].wait_live("live/x");
    assert_play_is_guarded(&cluster["a"]);
    let query = signed(Action::Play, "live/x");
    let viewer = Watcher::open(&cluster["a"].http(&format!("live/x.flv?{query}")));
    viewer.wait_pictures(25);
    viewer.assert_well(0);
}

#[test]
fn where_the_app_says_so_the_origin_decides_for_edges_without_a_key() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_kinds();
    let edge = &cluster["asks"];
    // Open at the edge by its own settings, but the origin wants a key.
    assert_refused(publisher(edge, "live/x", ""), "1001");
    assert_refused(publisher(edge, "live/x", "key=notthekey"), "1004");
    let wrong = signed_with("some other word, as long", Action::Publish, "live/x", 600);
    assert_refused(publisher(edge, "live/x", &wrong), "1004");
    assert!(cluster["o"].stream("live/x").is_none());
    for right in [
        format!("key={}", edge.stream_key("live/x")),
        signed(Action::Publish, "live/x"),
    ] {
        let publisher = publisher(edge, "live/x", &right);
        edge.wait_live("live/x");
        cluster["o"].wait_live("live/x");
        drop(publisher);
        edge.wait_gone("live/x", PATIENCE_S);
        cluster["o"].wait_gone("live/x", PATIENCE_S);
    }
    let right = signed(Action::Publish, "live/x");
    let _publisher = publisher(edge, "live/x", &right);
    edge.wait_live("live/x");
    for id in ["asks", "below"] {
        assert_play_is_guarded(&cluster[id]);
        let query = signed(Action::Play, "live/x");
        let viewer = Watcher::open(&cluster[id].http(&format!("live/x.flv?{query}")));
        viewer.wait_pictures(25);
        viewer.assert_well(0);
        let out = cluster[id].data().join("signed.flv");
        let url = cluster[id].rtmp(&format!("live/x?{query}"));
        media::record(Tool::Ffmpeg, &url, &[], "1", &out).succeed(PATIENCE_S);
    }
}

fn playlist(url: &str) -> (Parsed, Response) {
    let answer = until(
        &format!("a playlist with segments at {url}"),
        PATIENCE_S,
        || Some(get(url)).filter(|got| got.status == 200 && got.text().contains("#EXTINF")),
    );
    let parsed = check_media(&answer.text());
    (
        parsed.unwrap_or_else(|wrong| panic!("{wrong:?}\n{}", answer.text())),
        answer,
    )
}

#[test]
fn a_signed_hls_url_plays_through_edges_and_its_query_stays_on_every_uri() {
    need!(Ffmpeg, RedisServer);
    let cluster = two_kinds();
    let right = format!("key={}", cluster["o"].stream_key("live/x"));
    let _publisher = publisher(&cluster["o"], "live/x", &right);
    cluster["o"].wait_live("live/x");
    let query = signed(Action::Play, "live/x");
    for id in ["checks", "asks"] {
        let edge = &cluster[id];
        let url = edge.http(&format!("live/x.m3u8?{query}"));
        let main = until("the main playlist", PATIENCE_S, || {
            Some(get(&url)).filter(|answer| answer.status == 200)
        });
        let text = main.text();
        let variant = text
            .lines()
            .find(|line| !line.starts_with('#') && !line.is_empty());
        let variant = variant.unwrap_or_else(|| panic!("{id}: no variant in\n{text}"));
        assert!(variant.ends_with(&query), "{id}: {variant}");
        let url = edge.http(&format!("live/{variant}"));
        let (media, answer) = playlist(&url);
        assert_eq!(
            answer.header("cache-control"),
            Some("private, no-cache"),
            "{id}"
        );
        let folder = url.split('?').next().unwrap().rsplit_once('/').unwrap().0;
        let mut uris: Vec<_> = media.segments.iter().map(|one| one.uri.clone()).collect();
        uris.extend(media.segments.iter().filter_map(|one| one.map.clone()));
        uris.extend(media.open.parts.iter().map(|part| part.uri.clone()));
        uris.extend(media.hint.clone());
        for uri in &uris {
            assert!(uri.ends_with(&query), "{id}: {uri}");
        }
        let piece = format!("{folder}/{}", media.segments[0].uri);
        assert_eq!(get(&piece).status, 200, "{id}: {piece}");
        let bare = piece.split('?').next().unwrap();
        assert_eq!(get(bare).refusal(), (401, 1001), "{id}: {bare}");
        let wrong = signed_with("some other word, as long", Action::Play, "live/x", 600);
        let wrong = get(&url.replace(&query, &wrong));
        assert_eq!(wrong.refusal(), (403, 1004), "{id}: {}", wrong.text());
    }
}

#[test]
fn one_stream_key_opens_the_stream_on_every_node() {
    need!(Ffmpeg, RedisServer);
    let wants = ["auth.publish=key"];
    let cluster = cluster(vec![
        Node::origin("o").set(&wants),
        Node::edge("a").set(&wants),
        Node::edge("b").set(&wants),
    ]);
    let key = cluster["b"].stream_key("live/x");
    for id in ["o", "a"] {
        assert_eq!(cluster[id].stream_key("live/x"), key, "{id}");
        assert_ne!(cluster[id].stream_key("live/y"), key, "{id}");
    }
    let edge = &cluster["a"];
    let other = format!("key={}", cluster["b"].stream_key("live/y"));
    assert_refused(publisher(edge, "live/x", &other), "1004");
    let publisher = publisher(edge, "live/x", &format!("key={key}"));
    edge.wait_live("live/x");
    let viewer = Watcher::open(&cluster["b"].http("live/x.flv"));
    viewer.wait_pictures(25);
    drop((publisher, viewer));
    cluster.assert_nothing_left();
}
