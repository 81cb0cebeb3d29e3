//! What FLV and RTMP have in common: items as the bodies of tags, which are RTMP's messages too.

use weir_media::amf::Value;
use weir_media::flv::{self, TAG_AUDIO, TAG_SCRIPT, TAG_VIDEO};
use weir_media::{Frame, Item, TrackKind, Tracks};

use super::Here;

/// Name of the data message that tells a viewer it was too slow and lost frames.
pub const SKIP_NOTICE: &str = "onWeirSkip";
/// Bytes kept for the header in front of a frame.
const HEAD_BYTES: usize = 32;

/// Where tags go: into a file's form, into chunks, into a session.
pub trait TagSink {
    /// Takes a tag of this type and time (see [`wire_ms`]), whose body is `head` and then `payload`.
    fn tag(&mut self, tag_type: u8, time_ms: u32, head: &[u8], payload: &[u8]);
}

/// Writes items as tags; one for each stream that goes out.
pub struct TagWriter {
    head: Vec<u8>,
    /// Whose headers stand in what was written.
    told: Tracks,
}

impl TagWriter {
    /// A writer for those who were told of `tracks`.
    pub fn new(tracks: &Tracks) -> Self {
        Self {
            head: Vec::with_capacity(HEAD_BYTES),
            told: tracks.clone(),
        }
    }

    /// Metadata and codec headers: what must be known before the next frame.
    pub fn resume(&mut self, here: &Here<'_>, sink: &mut impl TagSink) {
        metadata(here, sink);
        headers(here, &Tracks::default(), sink);
    }

    /// An item.
    pub fn put(&mut self, item: &Item, here: &Here<'_>, sink: &mut impl TagSink) {
        match item {
            // What was said of tracks that were not there, or were others, holds no longer.
            Item::Tracks(tracks) if !tracks.is_empty() => {
                metadata(here, sink);
                let told = std::mem::replace(&mut self.told, Tracks::clone(here.tracks));
                headers(here, &told, sink);
            }
            Item::Tracks(_) => {}
            Item::Metadata(_) => metadata(here, sink),
            Item::Frame(frame) => self.frame(frame, here, sink),
            // Times go on, and the codecs' headers come with the new tracks: all of them.
            Item::Discontinuity => self.told = Tracks::default(),
        }
    }

    fn frame(&mut self, frame: &Frame, here: &Here<'_>, sink: &mut impl TagSink) {
        self.head.clear();
        flv::write::put_frame_header(&mut self.head, here.tracks, frame);
        // Behind the 24 bits of its length the next tag would be looked for inside it.
        let body_bytes = self.head.len() + frame.payload.len();
        if self.head.is_empty() || body_bytes > flv::write::MAX_BODY_BYTES {
            return;
        }
        let tag_type = match frame.track {
            TrackKind::Video => TAG_VIDEO,
            TrackKind::Audio => TAG_AUDIO,
        };
        sink.tag(tag_type, wire_ms(frame.dts_us), &self.head, &frame.payload);
    }
}

/// Tells a viewer how many frames it lost.
pub fn put_skip_notice(frames: u64, dts_us: i64, sink: &mut impl TagSink) {
    let mut body = Vec::new();
    Value::string(SKIP_NOTICE).encode(&mut body);
    let lost = u32::try_from(frames).unwrap_or(u32::MAX);
    Value::object([("lostFrames", Value::Number(lost.into()))]).encode(&mut body);
    sink.tag(TAG_SCRIPT, wire_ms(dts_us), &body, &[]);
}

/// At time 0 wherever it stands: ffmpeg takes metadata with a time for a text track.
fn metadata(here: &Here<'_>, sink: &mut impl TagSink) {
    let metadata = here.metadata.map(AsRef::as_ref);
    let body = flv::write::on_metadata_body(here.tracks, metadata);
    sink.tag(TAG_SCRIPT, 0, &body, &[]);
}

/// Headers of the tracks that are not as they were `told`.
fn headers(here: &Here<'_>, told: &Tracks, sink: &mut impl TagSink) {
    let time_ms = wire_ms(here.dts_us);
    let mut body = Vec::new();
    if let Some(video) = &here.tracks.video
        && told.video.as_ref() != Some(video)
    {
        flv::write::put_video_config(&mut body, video);
        sink.tag(TAG_VIDEO, time_ms, &body, &[]);
    }
    body.clear();
    if let Some(audio) = &here.tracks.audio
        && told.audio.as_ref() != Some(audio)
        && flv::write::put_audio_config(&mut body, audio)
    {
        sink.tag(TAG_AUDIO, time_ms, &body, &[]);
    }
}

/// 32-bit milliseconds as RTMP and FLV carry them; they wrap after 49.7 days.
fn wire_ms(dts_us: i64) -> u32 {
    (dts_us.div_euclid(1000) & 0xFFFF_FFFF) as u32
}
