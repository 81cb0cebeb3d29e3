//! The relay form, version 1: a stream as one node hands it to another, sans-IO.
//!
//! HTTP and how nodes prove who they are stand elsewhere; here is what flows after the heads.
//! `docs/ref/relay.md` says the same for whoever writes the other end.
//!
//! All numbers are big endian, two's complement where signed. A record is one byte of kind, four
//! bytes of length, and a body of that length. Kinds a reader does not know it skips.
//!
//! | kind | record | body |
//! |---|---|---|
//! | 1 | begin | version u8, timeline u64, wall_at_zero_us i64, epoch u64, via: count u8 and text8 each |
//! | 2 | tracks | video, then audio; see below |
//! | 3 | metadata | one AMF0 value |
//! | 4 | frame | track u8, dependency u8, dts_us i64, cts_us i32, payload: the rest |
//! | 5 | discontinuity | nothing |
//! | 6 | beat | wall_us i64 |
//! | 7 | end | code u16, detail text16, location text16 (empty for none) |
//! | 8 | remarks | notes: count u8 and text16 each; left out: count u8 and kind u8, PID u16, text16 each |
//!
//! text8 and text16 are UTF-8 behind a length of one or two bytes. Track: 0 video, 1 audio.
//! Dependency: 0 key, 1 inter, 2 disposable.
//! A video track: codec u8 (0 none, 1 H.264, 2 HEVC, 3 AV1, 4 VP9), and unless none width u32,
//! height u32, rfc6381 text8, config length u32, config.
//! An audio track: codec u8 (0 none, 1 AAC, 2 Opus, 3 MP3, 4 AC-3, 5 E-AC-3, 6 FLAC), and unless none
//! sample rate u32, channels u8, rfc6381 text8, config length u32, config.
//! Kind of what is left out: 0 video, 1 audio, 2 subtitles, 3 data. PID: 0xffff for none.
//! A newer writer may append fields to the bodies of begin, tracks, beat, end and remarks.

mod decoder;
#[cfg(test)]
mod tests;
mod write;

pub use decoder::RelayDecoder;
pub use write::{put_beat, put_begin, put_end, put_frame_head, put_item, put_remarks};

use weir_base::Code;
use weir_media::{Item, LeftOut};

/// The media type of a pulled stream.
pub const CONTENT_TYPE: &str = "application/vnd.weir.relay";
/// The protocol named in `Upgrade` by who pushes.
pub const UPGRADE: &str = "weir-relay";
/// The version spoken here.
pub const VERSION: u8 = 1;
/// Nodes a stream may have come through: deeper trees than that are loops.
pub const MAX_VIA: usize = 8;
/// Bytes of a node's name.
pub const MAX_NAME_BYTES: usize = 64;
/// Bytes of what an end says of itself.
pub const MAX_DETAIL_BYTES: usize = 1024;
/// Bytes of the place an end points to.
pub const MAX_LOCATION_BYTES: usize = 2048;
/// Notes, and things left out, in one record of remarks.
pub const MAX_REMARKS: usize = 16;
/// Bytes of a note.
pub const MAX_NOTE_BYTES: usize = 600;
/// Bytes of the name of what is left out.
pub const MAX_LEFT_OUT_BYTES: usize = 200;
/// Microseconds of any time, either way from zero: 285 years, and sums of two cannot overflow.
pub const MAX_TIME_US: i64 = 1 << 53;

/// Bytes in front of each body.
const HEAD_BYTES: usize = 5;
/// Stands for no PID: MPEG-TS has 13 bits of them.
const NO_PID: u16 = u16::MAX;
/// Bytes of a frame's body in front of the payload.
const FRAME_FIELDS_BYTES: usize = 14;

/// Whether a character may stand in an RFC 6381 string: those go quoted into playlists and types.
const fn is_codec_char(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ',' | ';')
}

/// What stands in front of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The sender's [`VERSION`].
    pub version: u8,
    /// Which clock the times are on.
    pub timeline: u64,
    /// Unix microseconds at which that clock's time 0 lies.
    pub wall_at_zero_us: i64,
    /// The epoch of the lease the sender holds for the stream; 0 for none.
    pub epoch: u64,
    /// The nodes it came through, the first one first: at most [`MAX_VIA`] of [`MAX_NAME_BYTES`] each.
    pub via: Vec<String>,
}

impl Begin {
    /// A stream on this clock, straight from its first node, without a lease.
    pub const fn new(timeline: u64, wall_at_zero_us: i64) -> Self {
        Self {
            version: VERSION,
            timeline,
            wall_at_zero_us,
            epoch: 0,
            via: Vec::new(),
        }
    }
}

/// What of the publisher's media is left out or put right: at most [`MAX_REMARKS`] of each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remarks {
    /// In words.
    pub notes: Vec<String>,
    /// What is not carried.
    pub left_out: Vec<LeftOut>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Comes once, before the first item.
    Begin(Begin),
    /// One entry of the stream.
    Item(Item),
    /// The sender is alive and has nothing new.
    Beat {
        /// Unix microseconds at the sender; nothing to set a clock by.
        wall_us: i64,
    },
    /// What is said of the publisher's media from here on, in place of what was.
    Remarks(Remarks),
    /// The last record.
    End {
        /// Why, from the code table.
        code: u16,
        /// In words.
        detail: String,
        /// Where to go instead, as scheme, host and port.
        location: Option<String>,
    },
}

/// What one peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayLimits {
    /// Bytes of the body of a frame, tracks or metadata.
    pub max_record_bytes: usize,
    /// Bytes of any other body.
    pub max_words_bytes: usize,
}

impl Default for RelayLimits {
    /// As much as an RTMP message and the fields in front of it; 16 KiB for nodes' own words.
    fn default() -> Self {
        Self {
            max_record_bytes: (16 << 20) + 1024,
            max_words_bytes: 16 << 10,
        }
    }
}

/// The peer broke the form or a limit. Nothing is read after that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// A version nobody speaks.
    #[error("relay form version {0} is not spoken here; version {VERSION} is")]
    Version(u8),
    /// A record that cannot be read.
    #[error("relay {record}: {why}")]
    Invalid {
        /// Which.
        record: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A record over the limit.
    #[error("a relay record of {size_bytes} bytes, the limit here is {limit_bytes}")]
    TooLarge {
        /// Announced size.
        size_bytes: usize,
        /// The limit in force.
        limit_bytes: usize,
    },
}

impl RelayError {
    /// Its row in the code table: 4004 or 4005.
    pub const fn code(&self) -> Code {
        match self {
            Self::Version(_) | Self::Invalid { .. } => Code::ProtocolError,
            Self::TooLarge { .. } => Code::FrameTooLarge,
        }
    }
}

/// The kinds known here, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Begin = 1,
    Tracks = 2,
    Metadata = 3,
    Frame = 4,
    Discontinuity = 5,
    Beat = 6,
    End = 7,
    Remarks = 8,
}

impl Kind {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Begin,
            2 => Self::Tracks,
            3 => Self::Metadata,
            4 => Self::Frame,
            5 => Self::Discontinuity,
            6 => Self::Beat,
            7 => Self::End,
            8 => Self::Remarks,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Tracks => "tracks",
            Self::Metadata => "metadata",
            Self::Frame => "frame",
            Self::Discontinuity => "discontinuity",
            Self::Beat => "beat",
            Self::End => "end",
            Self::Remarks => "remarks",
        }
    }

    /// Whether its size is the publisher's doing, not a node's.
    const fn is_media(self) -> bool {
        matches!(self, Self::Tracks | Self::Metadata | Self::Frame)
    }
}
