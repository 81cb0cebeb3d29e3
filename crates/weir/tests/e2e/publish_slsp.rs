//! `weir publish` over SLSP: from files and pipes, over links that are slow, break and come back.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use weir_testkit::ffprobe;
use weir_testkit::flv::{FlvViewer, Kind};
use weir_testkit::link::Link;
use weir_testkit::media::{self, Source};
use weir_testkit::process::{Process, Signal};
use weir_testkit::server::{Options, Server};
use weir_testkit::tools::Tool;
use weir_testkit::wait::Stopwatch;

use crate::kit::{binary, build_dir, file_of, log_of, need, open_server, repository};
use crate::matrix::check_everywhere;
use crate::slsp::address;

/// Seconds a publisher may take to end.
const PATIENCE_S: u64 = 30;

/// `weir publish` of a file to a URL.
fn publish(server: &Server, file: &str, url: &str, more: &[&str]) -> Process {
    let mut command = Command::new(binary());
    command.arg("publish").arg(file).arg(url).args(more);
    Process::spawn("weir publish", &mut command, &log_of(server, "publish"))
}

/// 10 s of H.264 without B-frames, a keyframe every 2 s, and AAC: 240 kbit/s.
fn demo() -> String {
    let path = repository().join("assets/demo.flv");
    path.to_str().unwrap().to_owned()
}

/// The same as FLV: 40 s.
fn as_flv(source: &Source) -> PathBuf {
    let path = build_dir().join(format!("media/{}.flv", source.name));
    let making = path.with_extension(format!("{}.flv", std::process::id()));
    let mut command = media::quiet(source.ffmpeg());
    command.arg("-i").arg(file_of(source));
    command.args(["-c", "copy"]).arg(&making);
    assert_eq!(ffprobe::silent(&mut command), "");
    std::fs::rename(&making, &path).unwrap();
    path
}

/// What a decoder that forgives nothing says of a recording.
fn complaints(file: &std::path::Path) -> String {
    let mut command = media::quiet(Tool::Ffmpeg);
    command.args(["-xerror", "-err_detect", "explode", "-i"]);
    command.arg(file).args(["-f", "null", "-"]);
    ffprobe::silent(&mut command)
}

/// What stands before a word in what the publisher said at its end.
fn number_before(said: &str, words: &str) -> u64 {
    let before = said.split(words).next().unwrap();
    let number = before.trim_end().rsplit(' ').next().unwrap();
    number
        .parse()
        .unwrap_or_else(|_| panic!("no number before {words:?}:\n{said}"))
}

#[test]
fn a_file_plays_and_ends_when_it_ends() {
    let server = open_server();
    let mut publisher = publish(&server, &demo(), &address(&server, "live/a"), &[]);
    let stream = server.wait_live("live/a");
    assert_eq!(stream["video"]["codec"], "h264");
    assert_eq!(stream["audio"]["codec"], "aac");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_to_the_end();
    viewer.assert_monotonic();
    publisher.succeed(PATIENCE_S);
    let said = publisher.log();
    assert!(
        said.contains("256 pictures") && !said.contains("dropped"),
        "{said}"
    );
    server.wait_gone("live/a", 2);
    server.wait_for_log("code=4001");
}

#[test]
fn what_ffmpeg_pipes_plays_everywhere() {
    need!(Ffmpeg, Ffmpeg9, Ffprobe);
    for source in [Source::H264_B_AAC, Source::HEVC_AAC] {
        let server = open_server();
        let mut ffmpeg = media::quiet(source.ffmpeg());
        ffmpeg.args(["-re", "-i"]).arg(file_of(&source));
        ffmpeg.args(["-c", "copy", "-f", "flv", "-"]);
        let words: Vec<String> = std::iter::once(ffmpeg.get_program())
            .chain(ffmpeg.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let line = format!(
            "{} | exec '{}' publish - '{}'",
            words.join(" "),
            binary().display(),
            address(&server, "live/m")
        );
        let mut command = Command::new("sh");
        command.args(["-c", &line]);
        let log = log_of(&server, "pipe");
        let _publisher = Process::spawn("ffmpeg | weir publish", &mut command, &log);
        server.wait_live("live/m");
        check_everywhere(&server, &source);
    }
}

#[test]
fn a_publisher_without_its_key_is_told_why_and_fails() {
    let server = Options::new(&binary()).start();
    let url = address(&server, "live/a");
    let wrong = format!("{url}?key={}", server.stream_key("live/b"));
    for (url, code) in [(&url, "1001 auth_"), (&wrong, "1004 auth_")] {
        // Not with --retry either: the answer will be the same.
        let mut publisher = publish(&server, &demo(), url, &["--retry"]);
        assert_eq!(publisher.wait(PATIENCE_S).code(), Some(1));
        let said = publisher.log();
        assert!(said.contains(&format!("(code {code}")), "{said}");
    }
    let right = format!("{url}?key={}", server.stream_key("live/a"));
    let _publisher = publish(&server, &demo(), &right, &[]);
    server.wait_live("live/a");
}

#[test]
fn what_cannot_be_published_to_is_named() {
    let server = open_server();
    for url in [server.http("slsp/live/a"), server.ws("live/a.flv")] {
        let mut publisher = publish(&server, &demo(), &url, &[]);
        assert_eq!(publisher.wait(PATIENCE_S).code(), Some(1));
        let said = publisher.log();
        assert!(said.contains("ws[s]://host/slsp/app/stream"), "{said}");
    }
}

/// Shows R51 and R69.
#[test]
fn on_half_its_bitrate_a_stream_loses_pictures_and_breaks_none() {
    need!(Ffmpeg, Ffprobe);
    let source = Source::H264_B_AAC;
    let file = as_flv(&source);
    let server = open_server();
    let link = Link::start(&server.address("http"));
    // Of about 410.
    link.set_rate_kbps(Some(205));
    link.set_delay_ms(25);
    let url = link.url(&address(&server, "live/a"));
    let mut publisher = publish(&server, file.to_str().unwrap(), &url, &[]);
    server.wait_live("live/a");
    let out = server.data().join("half.flv");
    let mut player = media::record(Tool::Ffmpeg, &server.http("live/a.flv"), &[], "60", &out);
    publisher.succeed(60);
    player.succeed(PATIENCE_S);
    let said = publisher.log();
    assert!(number_before(&said, "pictures and") > 50, "{said}");
    assert!(!said.contains("resumed"), "the link never broke:\n{said}");
    assert_eq!(complaints(&out), "");
    ffprobe::assert_monotonic(&out);
    let frames = ffprobe::frames(&out);
    let (pictures, sounds) = (frames.video.len(), frames.audio.len());
    assert!(
        (200..900).contains(&pictures),
        "{pictures} of 1000 pictures"
    );
    assert!(sounds > 1500, "{sounds} of 1875 frames of sound");
    assert_eq!(server.code_count(4002), 0.0);
    // What used the link for nothing did not play: it carried what the viewers saw.
    let seen_kbit = std::fs::metadata(&out).unwrap().len() as f64 * 0.008;
    assert!(seen_kbit > 0.6 * 205.0 * 38.0, "{seen_kbit} kbit in 38 s");
}

#[test]
fn a_link_that_was_silent_for_three_seconds_costs_no_more_than_that() {
    need!(Ffmpeg);
    let server = open_server();
    let link = Link::start(&server.address("http"));
    let url = link.url(&address(&server, "live/a"));
    let mut publisher = publish(&server, &demo(), &url, &["--loop"]);
    server.wait_live("live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    viewer.watch_ms(1500);
    link.cut();
    std::thread::sleep(Duration::from_secs(3));
    link.restore();
    let watch = Stopwatch::start();
    viewer.watch_ms(8000);
    assert!(watch.elapsed_s() < 9.0, "{} s", watch.elapsed_s());
    viewer.assert_monotonic();
    let stream = server.stream("live/a").unwrap();
    assert_eq!(stream["life"], 1, "{stream}");
    let headers = viewer.seen.iter().filter(|tag| tag.is_header()).count();
    assert!(headers <= 4, "one discontinuity at most");
    let times: Vec<u32> = viewer
        .frames()
        .filter(|tag| tag.kind == Kind::Video)
        .map(|tag| tag.ts_ms)
        .collect();
    let gaps: Vec<u32> = times
        .windows(2)
        .map(|two| two[1] - two[0])
        .filter(|step| *step > 200)
        .collect();
    assert!(
        gaps.len() <= 2 && gaps.iter().sum::<u32>() < 5000,
        "{gaps:?}"
    );
    publisher.signal(Signal::INT);
    publisher.succeed(PATIENCE_S);
    let said = publisher.log();
    assert_eq!(number_before(&said, "times"), 1, "{said}");
}

#[test]
fn a_connection_that_is_reset_is_replaced_and_nothing_is_lost() {
    let server = open_server();
    let link = Link::start(&server.address("http"));
    let url = link.url(&address(&server, "live/a"));
    let mut publisher = publish(&server, &demo(), &url, &[]);
    server.wait_live("live/a");
    let mut viewer = FlvViewer::open(&server.http("live/a.flv"));
    for _ in 0..3 {
        viewer.watch_ms(1500);
        link.kill();
    }
    viewer.watch_to_the_end();
    viewer.assert_monotonic();
    let pictures = viewer.frames().filter(|tag| tag.kind == Kind::Video);
    let times: Vec<u32> = pictures.map(|tag| tag.ts_ms).collect();
    assert!(
        times.windows(2).all(|two| two[1] - two[0] == 40),
        "{times:?}"
    );
    publisher.succeed(PATIENCE_S);
    let said = publisher.log();
    assert!(
        said.contains("resumed 3 times") && !said.contains("dropped"),
        "{said}"
    );
}

#[test]
fn a_server_that_is_gone_ends_the_publisher_and_with_retry_it_waits() {
    let mut server = open_server();
    let url = address(&server, "live/a");
    let mut publisher = publish(&server, &demo(), &url, &["--loop"]);
    server.wait_live("live/a");
    let log = log_of(&server, "patient");
    let mut command = Command::new(binary());
    let patient_url = address(&server, "live/b");
    command.args(["publish", &demo(), &patient_url, "--loop", "--retry"]);
    let mut patient = Process::spawn("weir publish", &mut command, &log);
    server.wait_live("live/b");
    server.signal(Signal::KILL);
    server.wait_exit(5);
    let watch = Stopwatch::start();
    assert_eq!(publisher.wait(PATIENCE_S).code(), Some(1));
    let took_s = watch.elapsed_s();
    assert!((3.5..9.0).contains(&took_s), "after {took_s} s");
    let said = publisher.log();
    assert!(
        said.contains("could not be made again within 5000 ms"),
        "{said}"
    );
    assert!(patient.ended().is_none(), "{}", patient.log());
}
