//! The seams between who takes keyframes, who decodes them, and who keeps what was made of them: here, in another
//! process or on another node.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use weir_base::StreamName;
use weir_media::VideoTrack;
use weir_store::Id;

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
    const ALL: [Self; 4] = [Self::First, Self::Interval, Self::End, Self::Asked];

    /// As a word: in rows, in the API and in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Interval => "interval",
            Self::End => "end",
            Self::Asked => "asked",
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
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

/// What stands under a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// Of which stream.
    pub name: StreamName,
    /// Why it was taken.
    pub reason: Reason,
    /// As [`Shot::taken_ms`].
    pub taken_ms: i64,
    /// As [`Shot::is_told`].
    pub is_told: bool,
}

impl Shot {
    /// What is to stand under its picture.
    pub fn caption(&self) -> Caption {
        Caption {
            name: self.name.clone(),
            reason: self.reason,
            taken_ms: self.taken_ms,
            is_told: self.is_told,
        }
    }
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

/// A picture that is kept, or that of which it is written down why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Of its row.
    pub id: Id,
    /// Why the keyframe cannot be decoded; empty where there is a picture.
    pub fault: String,
}

/// What keeping is waited for with; why it is not kept.
pub type Keeping<'a> = Pin<Box<dyn Future<Output = Result<Kept, String>> + Send + 'a>>;

/// Keeps pictures.
pub trait Keep: Send + Sync + 'static {
    /// Writes down what was made of a shot: a picture, or why there is none.
    fn keep<'a>(&'a self, caption: Caption, picture: Result<Picture, String>) -> Keeping<'a>;

    /// A broadcast is over.
    fn has_ended(&self, name: &StreamName) {
        let _ = name;
    }
}
