//! The files of HLS as caches and players elsewhere need them: headers, ranges, compression, keys.

use std::io::Write as _;
use std::process::{Command, Stdio};

use weir_base::sign::{Action, SigningKey, Subject, sign};
use weir_testkit::ffprobe;
use weir_testkit::hls_follow::{Follower, checked};
use weir_testkit::http::{Request, get};
use weir_testkit::media::{self, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;

use crate::kit::{need, open_options, open_server, publish};

/// A server with a stream, and the address of one of its segments.
fn with_segment(playlist: &str) -> (Server, Process, String) {
    let server = open_server();
    let publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut follower = Follower::open(&server.http(playlist));
    while follower.playlist().segments.is_empty() {
        follower.next_version();
    }
    let segment = follower.resolve(&follower.playlist().segments.last().unwrap().uri);
    (server, publisher, segment)
}

#[test]
fn a_segment_can_be_had_in_ranges() {
    need!(Ffmpeg);
    let (_server, _publisher, url) = with_segment("live/a/ts.m3u8");
    let whole = get(&url);
    assert_eq!(
        (whole.status, whole.header("content-type")),
        (200, Some("video/mp2t"))
    );
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let length = whole.body.len();
    let part = Request::get(&url).header("Range", "bytes=188-375").send();
    let range = format!("bytes 188-375/{length}");
    assert_eq!(
        (part.status, part.header("content-range")),
        (206, Some(range.as_str()))
    );
    assert_eq!(part.body, whole.body[188..376]);
    let tail = Request::get(&url).header("Range", "bytes=-188").send();
    assert_eq!(
        (tail.status, &tail.body[..]),
        (206, &whole.body[length - 188..])
    );
    let outside = Request::get(&url)
        .header("Range", &format!("bytes={length}-"))
        .send();
    assert_eq!(
        (outside.status, outside.header("content-range")),
        (416, Some(format!("bytes */{length}").as_str()))
    );
}

#[test]
fn a_segment_that_is_known_is_not_sent_again() {
    need!(Ffmpeg);
    let (_server, _publisher, url) = with_segment("live/a/hls.m3u8");
    let whole = get(&url);
    let etag = whole.header("etag").expect("an ETag").to_owned();
    let again = Request::get(&url).header("If-None-Match", &etag).send();
    assert_eq!(
        (again.status, again.body.len(), again.header("etag")),
        (304, 0, Some(etag.as_str()))
    );
    let other = Request::get(&url)
        .header("If-None-Match", "\"other\"")
        .send();
    assert_eq!(other.status, 200);
    let head = Request::get(&url).method("HEAD").send();
    let length = whole.body.len().to_string();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some(length.as_str()))
    );
}

#[test]
fn caches_are_told_what_they_may_keep() {
    need!(Ffmpeg);
    let (server, _publisher, segment) = with_segment("live/a/hls.m3u8");
    let caching = |url: &str| {
        get(url)
            .header("cache-control")
            .unwrap_or_default()
            .to_owned()
    };
    assert!(caching(&segment).contains("immutable") && caching(&segment).contains("public"));
    assert_eq!(caching(&server.http("live/a.m3u8")), "no-cache");
    let playlist = server.http("live/a/hls.m3u8");
    assert_eq!(caching(&playlist), "public, max-age=1");
    let open = checked(&playlist, &get(&playlist)).open.msn;
    assert_eq!(
        caching(&format!("{playlist}?_HLS_msn={}", open - 1)),
        "public, max-age=12"
    );
    // A parameter that proves nothing makes no playlist of its own.
    assert_eq!(
        caching(&format!("{playlist}?key=mine")),
        "public, max-age=1"
    );
    assert_eq!(caching(&server.http("live/none.m3u8")), "no-store");
}

#[test]
fn players_on_other_sites_may_ask() {
    need!(Ffmpeg);
    let (server, _publisher, segment) = with_segment("live/a/hls.m3u8");
    for url in [
        segment.as_str(),
        &server.http("live/a.m3u8"),
        &server.http("live/a/hls.m3u8"),
    ] {
        assert_eq!(
            get(url).header("access-control-allow-origin"),
            Some("*"),
            "{url}"
        );
    }
    let asked = Request::get(&segment)
        .method("OPTIONS")
        .header("Origin", "https://example.org")
        .send();
    assert_eq!(asked.status, 204);
    assert!(
        asked
            .header("access-control-allow-headers")
            .unwrap()
            .contains("Range")
    );
    let posted = Request::get(&segment)
        .method("POST")
        .header("Content-Length", "0")
        .send();
    assert_eq!(posted.status, 405);
}

#[test]
fn a_playlist_is_compressed_for_who_takes_it() {
    need!(Ffmpeg);
    let (server, _publisher, _) = with_segment("live/a/ts.m3u8");
    let packed = Request::get(&server.http("live/a/ts.m3u8"))
        .header("Accept-Encoding", "br, gzip;q=0.8")
        .send();
    assert_eq!(
        (packed.status, packed.header("content-encoding")),
        (200, Some("gzip"))
    );
    assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
    let mut gunzip = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gunzip
        .stdin
        .take()
        .unwrap()
        .write_all(&packed.body)
        .unwrap();
    let text = String::from_utf8(gunzip.wait_with_output().unwrap().stdout).unwrap();
    assert!(
        text.starts_with("#EXTM3U\n") && text.contains(".ts\n"),
        "{text}"
    );
    let plain = get(&server.http("live/a/ts.m3u8"));
    assert_eq!(plain.header("content-encoding"), None);
}

#[test]
fn encrypted_segments_decode_with_the_keys_in_the_playlist() {
    need!(Ffmpeg, Ffprobe);
    let server = open_options()
        .set(&["hls.key_every_segments=2", "hls.segment_ms=1000"])
        .start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let mut follower = Follower::open(&server.http("live/a/ts.m3u8"));
    while follower.complete() < 5 {
        follower.next_version();
    }
    let segments = &follower.playlist().segments;
    let keys: Vec<_> = segments
        .iter()
        .map(|segment| segment.key.clone().expect("a key"))
        .collect();
    assert!(
        keys.windows(2).any(|pair| pair[0] != pair[1]),
        "the key never changes: {keys:?}"
    );
    // The newest: the oldest may leave the window meanwhile.
    let newest = segments.last().expect("a segment");
    let segment = get(&follower.resolve(&newest.uri));
    assert_eq!(segment.status, 200);
    // One encrypted byte may look like a sync byte by chance; those of all packets do not.
    let is_plain = segment.body.chunks(188).all(|packet| packet[0] == 0x47);
    assert!(
        segment.body.len().is_multiple_of(16) && !is_plain,
        "not encrypted"
    );

    let out = server.data().join("decrypted.mkv");
    media::record(Tool::Ffmpeg, &server.http("live/a/ts.m3u8"), &[], "5", &out).succeed(40);
    let frames = ffprobe::frames(&out);
    assert!(ffprobe::length_s(&frames.video) > 4.0 && ffprobe::length_s(&frames.audio) > 4.0);
}

#[test]
fn a_signed_viewers_proof_goes_on_into_the_addresses_of_the_playlist() {
    need!(Ffmpeg);
    let key = SigningKey {
        id: "k1".into(),
        secret: "a secret of the test".into(),
    };
    let keys = format!("auth.keys=[{{ id = \"k1\", secret = \"{}\" }}]", key.secret);
    let server = open_options().set(&["auth.play=signed", &keys]).start();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let subject = Subject {
        action: Action::Play,
        vhost: "",
        app: "live",
        stream: "a",
    };
    let proof = sign(&key, subject, 4_000_000_000, "", "");
    let multivariant = get(&server.http(&format!("live/a.m3u8?{proof}&other=1"))).text();
    assert!(
        multivariant.contains(&format!("a/hls.m3u8?{proof}\n")),
        "{multivariant}"
    );
    let playlist = get(&server.http(&format!("live/a/hls.m3u8?{proof}")));
    assert_eq!(playlist.header("cache-control"), Some("private, no-cache"));
    let text = playlist.text();
    let media: Vec<&str> = text.lines().filter(|line| line.contains(".m4s")).collect();
    assert!(
        !media.is_empty() && media.iter().all(|line| line.contains(&proof)),
        "{text}"
    );
}

#[test]
fn old_and_foreign_names_get_404() {
    need!(Ffmpeg);
    let (server, _publisher, _) = with_segment("live/a/hls.m3u8");
    for name in [
        "seg-0-0.m4s",
        "init-0-0.mp4",
        "part-0-0-0.m4s",
        "key-0-0.key",
    ] {
        let response = get(&server.http(&format!("live/a/{name}")));
        assert_eq!(response.status, 404, "{name}: {}", response.text());
    }
}
