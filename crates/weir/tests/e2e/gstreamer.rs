//! GStreamer as a second opinion, as publisher and as player.

use std::path::Path;
use std::process::Command;

use weir_testkit::media::Source;
use weir_testkit::process::Process;
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;
use weir_testkit::wait::until;

use crate::kit::{file_of, log_of, need, open_server, publish};

/// Seconds a pipeline may take for its three seconds of pictures.
const PATIENCE_S: u64 = 40;
/// Ends a pipeline in good order once this many pictures have passed.
const ENOUGH: &str = "h264parse ! identity eos-after=75 ! fakesink sync=false";

fn pipeline(words: &str) -> Command {
    let mut command = Tool::GstLaunch.command();
    command.args(words.split_whitespace());
    command
}

fn plays(server: &Server, words: &str) {
    let name = words.split_whitespace().next().unwrap();
    let mut player = Process::spawn(name, &mut pipeline(words), &log_of(server, name));
    player.succeed(PATIENCE_S);
    assert!(!player.log().contains("ERROR"), "{}", player.log());
}

fn publisher(server: &Server, file: &Path) -> Process {
    let words = format!(
        "flvmux name=mux streamable=true ! rtmp2sink sync=true location={} \
         filesrc location={} ! qtdemux name=demux \
         demux.video_0 ! queue ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! mux. \
         demux.audio_0 ! queue ! aacparse ! mux.",
        server.rtmp("live/g"),
        file.display()
    );
    Process::spawn(
        "gst-launch publishes",
        &mut pipeline(&words),
        &log_of(server, "gst-publisher"),
    )
}

#[test]
fn gstreamer_publishes() {
    need!(Ffmpeg, Ffprobe, GstLaunch);
    let server = open_server();
    let _publisher = publisher(&server, &file_of(&Source::H264_AAC));
    let stream = server.wait_live("live/g");
    assert_eq!(
        (&stream["video"]["codec"], &stream["audio"]["codec"]),
        (&"h264".into(), &"aac".into())
    );
    let out = server.data().join("gst.mkv");
    weir_testkit::media::record(Tool::Ffmpeg, &server.http("live/g.flv"), &[], "4", &out)
        .succeed(PATIENCE_S);
    let original = weir_testkit::ffprobe::frames(&file_of(&Source::H264_AAC));
    weir_testkit::ffprobe::assert_same(
        "GStreamer to ffmpeg",
        &original,
        &weir_testkit::ffprobe::frames(&out),
    );
    assert_eq!(server.stream("live/g").unwrap()["corrections"], 0);
}

#[test]
fn gstreamer_plays_rtmp() {
    need!(Ffmpeg, GstLaunch);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    plays(
        &server,
        &format!(
            "rtmp2src location={} ! flvdemux name=d d.video ! queue ! {ENOUGH}",
            server.rtmp("live/a")
        ),
    );
}

#[test]
fn gstreamer_plays_http_flv_and_ts() {
    need!(Ffmpeg, GstLaunch);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let flv = server.http("live/a.flv");
    plays(
        &server,
        &format!("souphttpsrc location={flv} ! flvdemux name=d d.video ! queue ! {ENOUGH}"),
    );
    let ts = server.http("live/a.ts");
    plays(
        &server,
        &format!("souphttpsrc location={ts} ! tsdemux ! queue ! {ENOUGH}"),
    );
}

#[test]
fn gstreamer_plays_hls_with_ts_segments() {
    need!(Ffmpeg, GstLaunch);
    let server = open_server();
    let _publisher = publish(&server, &Source::H264_AAC, "live/a");
    let playlist = server.http("live/a/ts.m3u8");
    let words = format!(
        "-v souphttpsrc location={playlist} ! hlsdemux ! tsdemux ! queue ! h264parse \
         ! identity silent=false ! fakesink sync=false"
    );
    // Its HLS element does not end when what is behind it has enough, so the pictures are counted.
    let player = Process::spawn(
        "hlsdemux",
        &mut pipeline(&words),
        &log_of(&server, "hlsdemux"),
    );
    until("75 pictures", PATIENCE_S, || {
        (player.log().matches("last-message = chain").count() >= 75).then_some(())
    });
}
