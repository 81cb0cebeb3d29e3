//! The seam between who takes keyframes and who decodes them: a shot in, a picture out. What stands here could be
//! sent to another process or another node as it is.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use weir_base::StreamName;
use weir_media::VideoTrack;

use crate::canvas::Canvas;

/// Why a picture is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The first keyframe of a broadcast.
    First,
    /// It was time.
    Interval,
    /// The broadcast is over.
    End,
    /// Somebody asked for it.
    Asked,
}

impl Reason {
    /// As a word: in rows, in the API and in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Interval => "interval",
            Self::End => "end",
            Self::Asked => "asked",
        }
    }
}

/// A keyframe to be decoded.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Of which stream.
    pub name: StreamName,
    /// Why.
    pub reason: Reason,
    /// How it is decoded.
    pub track: VideoTrack,
    /// The keyframe, in the shape of [`weir_media::Frame::payload`].
    pub payload: Bytes,
    /// When it was captured as far as the stream's clock tells, milliseconds since 1970.
    pub taken_ms: i64,
    /// Its picture is an event: somebody asked for it, and not the node's own settings alone.
    pub is_told: bool,
}

/// A keyframe, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A whole JPEG file.
    pub jpeg: Bytes,
    /// Its size in pixels.
    pub canvas: Canvas,
}

/// Why there is no picture of a shot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Spoilt {
    /// The keyframe cannot be decoded, or nobody is sure that what was decoded is it.
    #[error("the keyframe cannot be decoded: {0}")]
    Undecodable(String),
    /// Nobody can decode anything now: it says nothing of the stream.
    #[error("no picture can be made now: {0}")]
    Away(String),
}

/// What a picture is waited for with.
pub type Developing<'a> = Pin<Box<dyn Future<Output = Result<Picture, Spoilt>> + Send + 'a>>;

/// Makes pictures of shots.
pub trait Develop: Send + Sync + 'static {
    /// The picture of this shot and of no other.
    fn develop(&self, shot: Shot) -> Developing<'_>;

    /// Why no pictures can be made at all; none where they can.
    fn why_off(&self) -> Option<String>;
}
