//! HLS (RFC 8216 and draft-pantos-hls-rfc8216bis): items in; playlists, segments and parts out.
//!
//! No HTTP here, no clock and no randomness: who serves, who waits and who makes keys is
//! elsewhere. Section numbers below are those of the draft.

mod crypt;
mod cutting;
mod lane;
mod multivariant;
mod name;
mod packager;
mod playlist;
mod query;
mod recorded;
mod target;
mod window;
mod writer;

use bytes::Bytes;

pub use multivariant::{AudioRendition, Multivariant, Variant, multivariant_playlist};
pub use name::{Name, Resource, parse_name};
pub use packager::Packager;
pub use playlist::{DateTime, Seconds};
pub use recorded::{Recorded, RecordedFrom};
pub use target::Promises;

use crate::Tracks;

/// What segments are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// Fragmented MP4, with an init segment.
    Fmp4,
    /// MPEG-TS.
    Ts,
}

/// Which tracks go in. A selection of one makes one rendition of a split pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Selection {
    /// All there are.
    #[default]
    Both,
    /// Video alone; names end in `-v`.
    VideoOnly,
    /// Audio alone; names end in `-a`.
    AudioOnly,
}

impl Selection {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::VideoOnly => "-v",
            Self::AudioOnly => "-a",
        }
    }

    fn of(self, tracks: &Tracks) -> Tracks {
        let mut tracks = tracks.clone();
        match self {
            Self::Both => {}
            Self::VideoOnly => tracks.audio = None,
            Self::AudioOnly => tracks.video = None,
        }
        tracks
    }
}

/// AES-128 over whole segments (§4.4.4.4). Switches parts off. Keys come through
/// [`Packager::supply_key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptionConfig {
    /// Segments under one key; 0: the first key for ever.
    pub segments_per_key: u32,
}

/// How to package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagerConfig {
    /// What segments are made of.
    pub container: Container,
    /// Segments are cut at the first keyframe from here on, in microseconds.
    pub segment_us: i64,
    /// Wished duration of parts in microseconds; `None`: no low latency. Ignored for TS and under
    /// encryption.
    pub part_us: Option<i64>,
    /// Segments listed; at least as many as make three target durations stay in any case (§6.2.2).
    pub window_segments: usize,
    /// Encrypt segments.
    pub encryption: Option<EncryptionConfig>,
    /// Part of all names, so that caches never mix two lives of a stream. Letters, digits and `_`;
    /// others are left out.
    pub epoch: String,
    /// Which tracks go in.
    pub selection: Selection,
}

/// How far the packager is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Head {
    /// Media sequence number of the segment being built: all below are complete.
    pub msn: u64,
    /// Parts of it that exist.
    pub parts: u32,
}

/// What a blocking playlist request gets (§6.2.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// Answer now.
    Ready,
    /// Answer when the head moved.
    Wait,
    /// Bad request: nobody who follows the playlist asks that far ahead.
    TooFarAhead,
}

/// A segment as the pieces it is kept in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentBytes {
    /// The pieces, in order; shared with the parts.
    pub parts: Vec<Bytes>,
    /// Their bytes together.
    pub len: usize,
}

/// What differs between renderings of one playlist.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlaylistOptions<'a> {
    /// A delta update is wanted (`_HLS_skip=YES`) and given where there is something to skip.
    pub skip: bool,
    /// Appended to every URI: empty, or `?` and a query.
    pub query: &'a str,
    /// The other renditions of the stream and how far they are.
    pub reports: &'a [RenditionReport],
}

/// How far another rendition is (§4.4.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenditionReport {
    /// Its playlist's URI, relative to this one, query included.
    pub uri: String,
    /// Number of its last segment listed, complete or not.
    pub last_msn: u64,
    /// Index of the last part in it, if it has parts.
    pub last_part: Option<u32>,
}

#[cfg(test)]
mod tests;
