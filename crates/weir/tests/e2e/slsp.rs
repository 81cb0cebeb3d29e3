//! Every container over SLSP: what plays is, frame by frame, what was published, on every output.

use std::sync::Arc;

use weir_testkit::media::Source;
use weir_testkit::server::Server;
use weir_testkit::slsp::{Client, Container, Feed, Pump};

use crate::kit::{file_of, need, open_server};
use crate::matrix::check_everywhere;

/// Where a stream is published.
pub(crate) fn address(server: &Server, name: &str) -> String {
    server.ws(&format!("slsp/{name}"))
}

/// A source in a container, in real time.
pub(crate) fn feed(source: &Source, container: Container) -> Arc<Feed> {
    Arc::new(Feed::start(source, &file_of(source), container))
}

/// A session at `url` that publishes a source; its first ready says more.
pub(crate) fn begin(url: &str, source: &Source, container: Container) -> (Pump, serde_json::Value) {
    let (client, ready) = Client::publishing(url, container);
    let pump = Pump::start(client, feed(source, container), 0);
    (pump, ready)
}

/// H.264 and AAC in FLV, live under this name.
pub(crate) fn publish(server: &Server, name: &str) -> (Pump, serde_json::Value) {
    let begun = begin(&address(server, name), &Source::H264_AAC, Container::Flv);
    server.wait_live(name);
    begun
}

/// `live/a` of a server that wants its key, live; the address is without the key.
pub(crate) fn publish_with_key(server: &Server) -> (Pump, serde_json::Value, String) {
    let bare = address(server, "live/a");
    let url = format!("{bare}?key={}", server.stream_key("live/a"));
    let (pump, ready) = begin(&url, &Source::H264_AAC, Container::Flv);
    server.wait_live("live/a");
    (pump, ready, bare)
}

fn plays_everywhere(source: &Source, container: Container) {
    need!(Ffmpeg, Ffmpeg9, Ffprobe);
    let server = open_server();
    let (pump, _) = begin(&address(&server, "live/m"), source, container);
    server.wait_live("live/m");
    check_everywhere(&server, source);
    assert!(!pump.inbox().is_over(), "{}", pump.inbox().words());
    assert!(pump.inbox().acked_bytes() > 0, "nothing was acknowledged");
}

/// Shows R1 and R19.
#[test]
fn flv_plays_everywhere() {
    plays_everywhere(&Source::H264_AAC, Container::Flv);
}

#[test]
fn flv_as_a_browser_sends_it_plays_everywhere() {
    plays_everywhere(&Source::H264_OPUS, Container::Flv);
}

#[test]
fn fragmented_mp4_with_b_frames_plays_everywhere() {
    plays_everywhere(&Source::H264_B_AAC, Container::Fmp4);
}

#[test]
fn fragmented_mp4_with_av1_and_opus_plays_everywhere_but_in_mpeg_ts() {
    plays_everywhere(&Source::AV1_OPUS, Container::Fmp4);
}

#[test]
fn webm_with_vp9_and_opus_plays_everywhere_but_in_mpeg_ts() {
    plays_everywhere(&Source::VP9_OPUS, Container::WebM);
}

#[test]
fn webm_with_av1_and_opus_plays_everywhere_but_in_mpeg_ts() {
    plays_everywhere(&Source::AV1_OPUS, Container::WebM);
}

#[test]
fn matroska_with_h264_and_aac_plays_everywhere() {
    plays_everywhere(&Source::H264_AAC, Container::WebM);
}

#[test]
fn mpeg_ts_with_b_frames_plays_everywhere() {
    plays_everywhere(&Source::H264_B_AAC, Container::Ts);
}

/// Shows R53.
#[test]
fn mpeg_ts_with_hevc_plays_everywhere() {
    plays_everywhere(&Source::HEVC_AAC, Container::Ts);
}

#[test]
fn sound_alone_in_fragmented_mp4_plays_everywhere() {
    plays_everywhere(&Source::AAC, Container::Fmp4);
}
