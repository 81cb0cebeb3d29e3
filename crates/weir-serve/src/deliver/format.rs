//! The forms a stream goes out in. Viewers of the same stream and format share every byte.

use weir_media::{AudioCodec, TrackKind, Tracks, VideoCodec};

/// Which tracks a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Pictures.
    pub video: bool,
    /// Sound.
    pub audio: bool,
}

impl Selection {
    /// Everything.
    pub const ALL: Self = Self {
        video: true,
        audio: true,
    };

    /// Whether frames of this kind are wanted.
    pub const fn takes(self, kind: TrackKind) -> bool {
        match kind {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        }
    }

    /// The tracks that are left.
    pub fn of(self, tracks: &Tracks) -> Tracks {
        Tracks {
            video: tracks.video.clone().filter(|_| self.video),
            audio: tracks.audio.clone().filter(|_| self.audio),
        }
    }
}

/// What stands around the container's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Nothing: HTTP/1.0, or a carrier with framing of its own.
    Raw,
    /// HTTP/1.1 chunks, one per batch.
    Chunked,
    /// WebSocket binary messages, one per batch.
    WebSocket,
}

/// A wire form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// FLV.
    Flv {
        /// Tracks wanted.
        selection: Selection,
        /// What is around it.
        framing: Framing,
    },
    /// MPEG-TS.
    Ts {
        /// Tracks wanted.
        selection: Selection,
        /// What is around it.
        framing: Framing,
    },
    /// RTMP chunks on this message stream.
    Rtmp {
        /// The message stream id the player opened.
        msid: u32,
    },
    /// Records for another node (`docs/ref/relay.md`).
    Relay {
        /// What is around them.
        framing: Framing,
    },
}

/// Chunk size we announce and mux with: most messages are one chunk, and a 16-bit reader still copes.
pub const RTMP_CHUNK_BYTES: u32 = 60_000;

impl Format {
    /// The tracks wanted.
    pub const fn selection(self) -> Selection {
        match self {
            Self::Flv { selection, .. } | Self::Ts { selection, .. } => selection,
            Self::Rtmp { .. } | Self::Relay { .. } => Selection::ALL,
        }
    }

    /// What is around the bytes.
    pub const fn framing(self) -> Framing {
        match self {
            Self::Flv { framing, .. } | Self::Ts { framing, .. } | Self::Relay { framing } => {
                framing
            }
            Self::Rtmp { .. } => Framing::Raw,
        }
    }

    /// Why these tracks cannot go out in this form, if they cannot.
    pub fn refuses(self, tracks: &Tracks) -> Option<String> {
        let Self::Ts { selection, .. } = self else {
            return None;
        };
        let tracks = selection.of(tracks);
        let video = tracks.video.as_ref().map(|track| track.codec);
        let audio = tracks.audio.as_ref().map(|track| track.codec);
        match (video, audio) {
            (Some(codec @ (VideoCodec::Av1 | VideoCodec::Vp9)), _) => Some(format!(
                "{} cannot be carried in MPEG-TS: play .flv or .m3u8",
                codec.name()
            )),
            (_, Some(codec @ AudioCodec::Flac)) => Some(format!(
                "{} cannot be carried in MPEG-TS: play .flv or .m3u8",
                codec.name()
            )),
            _ => None,
        }
    }
}
