//! Why a picture is not taken, and whose fault it is.

use std::borrow::Cow;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It is none of the formats that are taken.
    #[error("this is no JPEG, PNG, WebP or GIF")]
    Format,
    /// Too many bytes or pixels.
    #[error("{0}")]
    TooLarge(Cow<'static, str>),
    /// It begins as a picture and is none, or something else stands behind it.
    #[error("{0}")]
    Broken(Cow<'static, str>),
    /// Too many are being made.
    #[error("too many pictures are being made at this moment")]
    Busy,
    /// The process that makes pictures does not start or does not speak.
    #[error("no picture can be made here: {0}")]
    Fault(String),
}

impl PictureError {
    pub(crate) fn broken(words: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(words.into())
    }
}
