//! Media formats, bytes in and bytes out: frames, codec headers, FLV, MPEG-TS, fMP4, HLS.
//!
//! No sockets, no clocks, no tasks, no other weir crate. Everything that parses takes bytes nobody
//! vouches for and answers with [`MediaError`], never with a panic.

pub mod amf;
mod bits;
pub mod codec;
pub mod flv;
pub mod fmp4;
pub mod frame;
pub mod hls;
pub mod ingest;
pub mod left_out;
pub mod lone;
pub mod silence;
pub mod still;
pub mod timeline;
pub mod ts;
pub mod webm;

pub use frame::{
    AudioCodec, AudioTrack, Frame, FrameKind, Item, Metadata, TrackKind, Tracks, VideoCodec,
    VideoTrack,
};
pub use left_out::{LeftOut, LeftOutKind};

/// What can be wrong with media bytes. Always the sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The bytes end before the structure does.
    #[error("{0}: the data ends too early")]
    Truncated(&'static str),
    /// A field has a value the format does not allow.
    #[error("{what}: {why}")]
    Invalid {
        /// The structure being read.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A size or count is over the named limit.
    #[error("{what}: {size} is over the limit of {limit}")]
    TooLarge {
        /// The structure being read.
        what: &'static str,
        /// The size announced or seen.
        size: u64,
        /// The limit in force.
        limit: u64,
    },
    /// Frames keep coming for a track whose codec header never came.
    #[error("no codec header for the {} track", .0.name())]
    NoCodecHeader(TrackKind),
    /// Pictures of a container whose parameter sets come with them, and none did yet.
    #[error("no parameter sets for the video track yet")]
    NoParameterSets,
    /// Pictures that refer to others, and nothing yet that a decoder begins with: somebody who came in the
    /// middle of a group of pictures, whose parameter sets may come with the next one.
    #[error("pictures, and no keyframe among them yet")]
    NoKeyframe,
    /// Well-formed, but a codec or feature weir does not carry: nothing of this stream can be used.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// A programme of which no stream is carried, by the names of its streams.
    #[error("MPEG-TS of which nothing is carried: {0}")]
    NothingCarried(String),
    /// Packets of MPEG-TS, and no table that says what they are.
    #[error("no tables (PAT, PMT) in the transport stream yet")]
    NoTables,
    /// A frame of a codec that weir does not carry; other tracks may be.
    #[error("left out: {0}")]
    LeftOut(LeftOut),
}

impl MediaError {
    /// Shorthand for [`MediaError::Invalid`].
    pub const fn invalid(what: &'static str, why: &'static str) -> Self {
        Self::Invalid { what, why }
    }
}

/// The result of every parser here.
pub type Result<T, E = MediaError> = std::result::Result<T, E>;
