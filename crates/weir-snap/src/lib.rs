//! Pictures of live streams, for people who look after them and for lists of what is on.
//!
//! A [`Photographer`] looks at the hub, decides when a stream is due, and takes its newest keyframe out of the ring:
//! no publisher, viewer or packager waits for it. What it takes is a [`Shot`], and somebody who [`Develop`]s makes a
//! [`Picture`] of it: here the [`Darkroom`], with one long-lived FFmpeg process for each codec, which has limits, no
//! network, no file to write, and may die. The [`Album`] keeps pictures with their rows and tells of them.
//!
//! Whose picture it is goes by the number that a shot was given, never by the order in which pictures come back.
//! Where there is a doubt there is no picture, and the stream is said to be undecodable.
//!
//! Who may see pictures is not known here.

mod album;
mod canvas;
mod config;
mod darkroom;
pub mod decoder;
mod desk;
mod due;
mod photographer;
mod shot;
mod smjpeg;
mod tally;

pub use album::{Album, AlbumParts, LookedAt, Looking, Openness};
pub use canvas::Canvas;
pub use config::{MAX_EVERY_S, SnapshotConfig};
pub use darkroom::{Darkroom, find_program};
pub use desk::{NotTaken, Snapper};
pub use photographer::{Photographer, PhotographerParts, Wanted};
pub use shot::{Develop, Developing, Picture, Reason, Shot, Spoilt};
pub use smjpeg::PictureReader;
pub use tally::{Tally, TallyNow};
