//! What flows through weir: frames, the tracks they belong to, and what stands between them.
//!
//! One shape for every protocol. Payloads are codec data without any container around them, so
//! that each muxer writes its own headers and shares the same bytes.

use std::sync::Arc;

use bytes::Bytes;

/// Which kind of track a frame belongs to. A stream has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl TrackKind {
    /// `video` or `audio`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// How a frame depends on others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Decodable alone: a video keyframe, and every audio frame.
    Key,
    /// Needs earlier frames, and later ones may need it.
    Inter,
    /// Needs earlier frames; nothing needs it, so it may be dropped alone.
    Disposable,
}

/// One access unit of one track.
///
/// Payload by codec:
/// - H.264, HEVC: NAL units, each with a 4-byte big-endian length (the config record says so too);
/// - AV1: one temporal unit of OBUs with sizes, without temporal delimiters;
/// - VP9: one (super)frame;
/// - AAC: one raw access unit, without ADTS; Opus: one packet; MP3, AC-3, E-AC-3: whole frames;
///   FLAC: one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The track it belongs to.
    pub track: TrackKind,
    /// Decode time on the stream's own clock, in microseconds; never goes back within a track.
    pub dts_us: i64,
    /// Presentation time minus decode time, in microseconds. Zero for audio.
    pub cts_us: i32,
    /// How it depends on others.
    pub kind: FrameKind,
    /// The codec data; shared, never copied per viewer.
    pub payload: Bytes,
}

impl Frame {
    /// Presentation time in microseconds.
    pub const fn pts_us(&self) -> i64 {
        self.dts_us + self.cts_us as i64
    }

    /// Whether a viewer with video may start here.
    pub fn is_video_key(&self) -> bool {
        self.track == TrackKind::Video && self.kind == FrameKind::Key
    }
}

/// A video codec weir carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264 / AVC.
    H264,
    /// H.265 / HEVC.
    Hevc,
    /// AV1, set up by `av1C`.
    Av1,
    /// VP9, set up by `vpcC`.
    Vp9,
}

impl VideoCodec {
    /// The name people use, lower case: `h264`, `hevc`, `av1`, `vp9`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
        }
    }
}

/// An audio codec weir carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC (LC, HE, HEv2).
    Aac,
    /// Opus, set up by `OpusHead`.
    Opus,
    /// MPEG-1/2 layer III.
    Mp3,
    /// Dolby AC-3.
    Ac3,
    /// Dolby E-AC-3.
    Eac3,
    /// FLAC, set up by its STREAMINFO.
    Flac,
}

impl AudioCodec {
    /// The name people use, lower case: `aac`, `opus`, `mp3`, `ac3`, `eac3`, `flac`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aac => "aac",
            Self::Opus => "opus",
            Self::Mp3 => "mp3",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
            Self::Flac => "flac",
        }
    }
}

/// The video track as its decoder needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoTrack {
    /// Which record `config` is.
    pub codec: VideoCodec,
    /// The decoder configuration record as in MP4: `avcC`, `hvcC`, `av1C` or `vpcC` body.
    /// `vpcC` is the full box with its version and flags.
    pub config: Bytes,
    /// Picture width in pixels; 0 where the header does not tell.
    pub width: u32,
    /// Picture height in pixels; 0 where the header does not tell.
    pub height: u32,
    /// The RFC 6381 codecs string, such as `avc1.64001f`.
    pub rfc6381: String,
}

/// The audio track as its decoder needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioTrack {
    /// Which set-up `config` is.
    pub codec: AudioCodec,
    /// Codec set-up: AudioSpecificConfig for AAC, `OpusHead` (RFC 7845 §5.1, with its magic) for
    /// Opus, the `fLaC` marker and STREAMINFO block for FLAC; empty for MP3, AC-3 and E-AC-3.
    pub config: Bytes,
    /// Samples per second; 0 where not known yet.
    pub sample_rate: u32,
    /// Number of channels; 0 where not known yet.
    pub channels: u8,
    /// The RFC 6381 codecs string, such as `mp4a.40.2`.
    pub rfc6381: String,
}

/// The tracks of a stream at one moment. A change makes a new one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracks {
    /// The video track, if there is one.
    pub video: Option<VideoTrack>,
    /// The audio track, if there is one.
    pub audio: Option<AudioTrack>,
}

impl Tracks {
    /// Whether they are `before` with a track more, or with the same ones: nothing that was known is
    /// different.
    pub fn grew_from(&self, before: &Self) -> bool {
        (before.video.is_none() || before.video == self.video)
            && (before.audio.is_none() || before.audio == self.audio)
    }

    /// Neither video nor audio is known yet.
    pub const fn is_empty(&self) -> bool {
        self.video.is_none() && self.audio.is_none()
    }
}

/// What the publisher said about itself in `onMetaData`: the AMF0 value after the name, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// AMF0 bytes of one value (an object or ECMA array), checked to be well formed.
    pub amf0: Bytes,
}

/// One entry of a stream, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The tracks from here on. Always comes before the first frame, and again on each change.
    Tracks(Arc<Tracks>),
    /// The publisher's metadata from here on.
    Metadata(Arc<Metadata>),
    /// One access unit.
    Frame(Frame),
    /// The publisher changed or came back: times go on, but the pictures do not join.
    Discontinuity,
}
