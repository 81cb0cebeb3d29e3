//! Codecs beyond H.264 and AAC go through two hops unchanged.

use weir_testkit::cluster::Node;
use weir_testkit::ffprobe;
use weir_testkit::media::{self, Source};
use weir_testkit::tools::Tool;

use crate::kit::{cluster, file_of, need, publish};

/// Seconds FFmpeg may take to record four.
const RECORDING_S: u64 = 40;

#[test]
fn a_recording_below_two_hops_holds_the_very_frames_that_were_published() {
    need!(Ffmpeg9, Ffmpeg, Ffprobe, RedisServer);
    // Players that do not announce what they can decode are taken at the word of who runs the node.
    let set = ["rtmp.assume_enhanced=true"];
    let b = Node::edge("b").set(&set);
    let c = Node::edge("c").set(&set).below(&b);
    let cluster = cluster(vec![Node::origin("o").set(&set), Node::edge("a"), b, c]);
    for source in [Source::HEVC_AAC, Source::AV1_OPUS, Source::H264_B_AAC] {
        let name = format!("live/{}", source.name);
        let _publisher = publish(&cluster["a"], &source, &name);
        let out = cluster["c"].data().join(format!("{}.mp4", source.name));
        let url = cluster["c"].http(&format!("{name}.flv"));
        media::record(Tool::Ffmpeg9, &url, &[], "4", &out).succeed(RECORDING_S);
        let (tracks, before) = (ffprobe::tracks(&out), ffprobe::tracks(&file_of(&source)));
        assert_eq!(tracks, before, "{}", source.name);
        let frames = ffprobe::frames(&out);
        ffprobe::assert_same(source.name, &ffprobe::frames(&file_of(&source)), &frames);
    }
    cluster.assert_nothing_left();
}
