//! Pictures that people send: avatars, covers. Each is decoded and made anew in a few sizes, so nothing of what
//! was sent (words about the camera and the place, files hidden in files) is ever served.
//!
//! Decoders of pictures are attacked with files. So they run in a process of their own, which has limits for memory
//! and time, no environment and no file to write, and may die: [`PictureMaker`] starts it, [`worker`] is it, and
//! [`make`] is what it does. Where pictures are kept, and who may send one, is not known here.

mod encode;
mod error;
mod format;
mod kind;
mod maker;
mod wire;
pub mod worker;

pub use encode::make;
pub use error::PictureError;
pub use format::{Encoding, Sent, format_of};
pub use kind::{Kind, Slot};
pub use maker::PictureMaker;
pub use wire::{Made, read_answer};

/// Bytes of a picture that is sent, at most: what telephones make has 3 to 8 MiB.
pub const MAX_SENT_BYTES: usize = 10 * 1024 * 1024;

#[cfg(test)]
mod tests;
