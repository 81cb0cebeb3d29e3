//! Every codec over every protocol: what a player records is, frame by frame, what was published.

use std::path::{Path, PathBuf};

use weir_testkit::ffprobe::{self, Frames};
use weir_testkit::http::get;
use weir_testkit::media::{self, SIZE, Source};
use weir_testkit::server::Server;
use weir_testkit::tools::Tool;

use crate::kit::{file_of, need, open_server, publish};
use crate::viewers::save_ws_flv;

/// Seconds each player records, and within which it has to be done.
const RECORDED_S: f64 = 5.0;
const PATIENCE_S: u64 = 60;

/// A way to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Rtmp,
    HttpFlv,
    WsFlv,
    HttpTs,
    Hls,
    TsHls,
}

impl Form {
    const ALL: [Self; 6] = [
        Self::Rtmp,
        Self::HttpFlv,
        Self::WsFlv,
        Self::HttpTs,
        Self::Hls,
        Self::TsHls,
    ];

    fn carries(self, source: &Source) -> bool {
        let in_ts = !matches!(source.video, Some("av1" | "vp9")) && source.audio != Some("flac");
        in_ts || !matches!(self, Self::HttpTs | Self::TsHls)
    }

    fn url(self, server: &Server) -> String {
        match self {
            // FFmpeg does not say which codecs it can play.
            Self::Rtmp => server.rtmp("live/m?enhanced=1"),
            Self::HttpFlv => server.http("live/m.flv"),
            Self::WsFlv => server.ws("live/m.flv"),
            Self::HttpTs => server.http("live/m.ts"),
            Self::Hls => server.http("live/m.m3u8"),
            Self::TsHls => server.http("live/m/ts.m3u8"),
        }
    }
}

fn play_everywhere(source: &Source) {
    need!(Ffmpeg, Ffmpeg9, Ffprobe);
    let server = open_server();
    let _publisher = publish(&server, source, "live/m");
    check_everywhere(&server, source);
}

/// Whoever publishes `source` as `live/m`: it plays over each form as it went in, and a form that
/// cannot carry it says so.
pub(crate) fn check_everywhere(server: &Server, source: &Source) {
    let original = ffprobe::frames(&copy_of(source));
    let (carried, refused): (Vec<Form>, Vec<Form>) =
        Form::ALL.iter().partition(|form| form.carries(source));
    for form in refused {
        let refusal = get(&form.url(server)).refusal();
        assert_eq!(refusal, (415, 3006), "{form:?} of {}", source.name);
    }
    let recordings = record(server, source, &carried);
    assert_eq!(
        server.stream("live/m").unwrap()["corrections"],
        0,
        "timestamps that were right were changed"
    );
    for (form, file) in recordings {
        check(
            &format!("{} over {form:?}", source.name),
            source,
            &original,
            &file,
        );
    }
}

/// A copy of the source beside which the hashes of this test may lie.
fn copy_of(source: &Source) -> PathBuf {
    let original = file_of(source);
    let copy = original.with_extension("copy.mp4");
    let _ = std::fs::hard_link(&original, &copy);
    copy
}

/// How the sound is recorded. FFmpeg decodes FLAC out of FLV but cannot copy it: it takes the header
/// for a bare STREAMINFO block. Decoded it is as lossless.
fn sound_of(source: &Source) -> &'static str {
    if source.audio == Some("flac") {
        "pcm_s16le"
    } else {
        "copy"
    }
}

/// All forms at once, from the same publisher.
fn record(server: &Server, source: &Source, forms: &[Form]) -> Vec<(Form, PathBuf)> {
    let seconds = RECORDED_S.to_string();
    let (ffmpeg, sound) = (source.ffmpeg(), sound_of(source));
    let how = ["-c:v", "copy", "-c:a", sound, "-t", &seconds];
    let out = |form: Form| server.data().join(format!("{form:?}.mkv"));
    let mut players = Vec::new();
    for form in forms.iter().copied().filter(|form| *form != Form::WsFlv) {
        let url = form.url(server);
        players.push(media::record_with(ffmpeg, &url, &[], &how, &out(form)));
    }
    if forms.contains(&Form::WsFlv) {
        let raw = server.data().join("ws.flv");
        save_ws_flv(&Form::WsFlv.url(server), RECORDED_S + 0.5, &raw);
        let file = raw.to_str().unwrap();
        players.push(media::record_with(
            ffmpeg,
            file,
            &[],
            &how,
            &out(Form::WsFlv),
        ));
    }
    for player in &mut players {
        player.succeed(PATIENCE_S);
        let log = player.log();
        assert!(
            !log.contains("on-monoton") && !log.contains("orrupt"),
            "{log}"
        );
    }
    forms.iter().map(|form| (*form, out(*form))).collect()
}

fn check(what: &str, source: &Source, original: &Frames, file: &Path) {
    let tracks = ffprobe::tracks(file);
    let video = source.video.map(|codec| (codec.to_owned(), SIZE.0, SIZE.1));
    let codec = |codec: &'static str| {
        if sound_of(source) == "copy" {
            codec
        } else {
            sound_of(source)
        }
    };
    let audio = source.audio.map(|audio| (codec(audio).to_owned(), 48_000));
    assert_eq!((tracks.video, tracks.audio), (video, audio), "{what}");
    ffprobe::assert_monotonic(file);
    let recorded = ffprobe::frames(file);
    for frames in [&recorded.video, &recorded.audio] {
        let length_s = ffprobe::length_s(frames);
        assert!(
            frames.is_empty() || (length_s - RECORDED_S).abs() < 0.6,
            "{what}: {length_s} s"
        );
    }
    ffprobe::assert_same(what, original, &recorded);
}

/// Shows R38 and R101.
#[test]
fn h264_and_aac_play_everywhere() {
    play_everywhere(&Source::H264_AAC);
}

#[test]
fn h264_with_b_frames_and_aac_play_everywhere() {
    play_everywhere(&Source::H264_B_AAC);
}

#[test]
fn h264_and_mp3_play_everywhere() {
    play_everywhere(&Source::H264_MP3);
}

#[test]
fn sound_alone_plays_everywhere() {
    play_everywhere(&Source::AAC);
}

#[test]
fn pictures_alone_play_everywhere() {
    play_everywhere(&Source::H264);
}

/// Shows R53.
#[test]
fn hevc_and_aac_play_everywhere() {
    play_everywhere(&Source::HEVC_AAC);
}

#[test]
fn av1_and_opus_play_everywhere_but_in_mpeg_ts() {
    play_everywhere(&Source::AV1_OPUS);
}

#[test]
fn vp9_and_opus_play_everywhere_but_in_mpeg_ts() {
    play_everywhere(&Source::VP9_OPUS);
}

#[test]
fn h264_and_opus_play_everywhere() {
    play_everywhere(&Source::H264_OPUS);
}

#[test]
fn h264_and_ac3_play_everywhere() {
    play_everywhere(&Source::H264_AC3);
}

#[test]
fn h264_and_flac_play_everywhere_but_in_mpeg_ts() {
    play_everywhere(&Source::H264_FLAC);
}

#[test]
fn an_rtmp_player_that_did_not_announce_hevc_is_refused() {
    need!(Ffmpeg9);
    let server = open_server();
    let _publisher = publish(&server, &Source::HEVC_AAC, "live/m");
    let out = server.data().join("refused.mkv");
    let mut player = media::record(Tool::Ffmpeg9, &server.rtmp("live/m"), &[], "1", &out);
    assert!(!player.wait(PATIENCE_S).success());
    server.wait_for_log("code=3006");
    assert_eq!(server.code_count(3006), 1.0);
}

#[test]
fn an_rtmp_player_that_announces_hevc_gets_it() {
    need!(Ffmpeg9, Ffprobe);
    let server = open_server();
    let _publisher = publish(&server, &Source::HEVC_AAC, "live/m");
    let out = server.data().join("announced.mkv");
    let announces = ["-rtmp_enhanced_codecs", "hvc1,av01,vp09"];
    media::record(Tool::Ffmpeg9, &server.rtmp("live/m"), &announces, "1", &out).succeed(PATIENCE_S);
    assert_eq!(ffprobe::tracks(&out).video.unwrap().0, "hevc");
}

/// Shows R99.
#[test]
fn real_content_comes_out_as_it_went_in() {
    need!(Ffmpeg, Ffprobe);
    let named = std::env::var_os("WEIR_MEDIA_BBB").map(PathBuf::from);
    let content = named.unwrap_or_else(|| crate::kit::repository().join("../shared/media/bbb.flv"));
    if !content.is_file() {
        eprintln!("passed over: {} is not there", content.display());
        return;
    }
    let server = open_server();
    let url = server.rtmp("live/bbb");
    let original = server.data().join("bbb.mkv");
    media::record(
        Tool::Ffmpeg,
        content.to_str().unwrap(),
        &[],
        "60",
        &original,
    )
    .succeed(PATIENCE_S);
    let out = server.data().join("played.mkv");
    // The player is there first: it gets the stream from its first frame to its end.
    let played = server.http("live/bbb.flv?wait=20");
    let mut player = media::record(Tool::Ffmpeg, &played, &[], "60", &out);
    let _publisher = media::publish(
        Tool::Ffmpeg,
        &content,
        &url,
        &crate::kit::log_of(&server, "bbb"),
    );
    player.succeed(PATIENCE_S);
    let (original, played) = (ffprobe::frames(&original), ffprobe::frames(&out));
    ffprobe::assert_same("bbb", &original, &played);
    assert_eq!(original.video.len(), played.video.len());
}
