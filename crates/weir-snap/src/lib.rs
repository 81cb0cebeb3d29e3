//! Pictures of live streams, for people who look after them and for lists of what is on.
//!
//! A [`Photographer`] looks at the hub, decides when a stream is due, and takes its newest keyframe out of the ring:
//! no publisher, viewer or packager waits for it. What it takes is a [`Shot`], and somebody who [`Develop`]s makes a
//! [`Picture`] of it: here the [`Darkroom`], with one long-lived FFmpeg process for each codec, which has limits, no
//! network, no file to write, and may die. The [`Album`] keeps pictures with their rows and tells of them.
//!
//! In a cluster the shot is sent to a node that decodes, and the picture to one that keeps: what goes over the wire is
//! read and written here, and sent by others.
//!
//! Whose picture it is goes by the number that a shot was given, never by the order in which pictures come back.
//! Where there is a doubt there is no picture, and the stream is said to be undecodable.
//!
//! Who may see pictures is not known here.

mod album;
mod canvas;
mod carried;
mod config;
mod darkroom;
pub mod decoder;
mod desk;
mod due;
mod photographer;
mod posters;
mod shot;
mod smjpeg;
mod tally;

pub use album::{Album, AlbumParts, LookedAt, Looking, Openness};
pub use canvas::Canvas;
pub use carried::{
    DEVELOP_PATH, KEEP_PATH, MAX_CARRIED_BYTES, MAX_SHOT_BYTES, TAKE_PATH, Unread, put_answer,
    put_picture, put_shot, read_answer, read_picture, read_shot,
};
pub use config::{MAX_EVERY_S, SnapshotConfig};
pub use darkroom::{Darkroom, find_program};
pub use desk::{NotTaken, Snapper};
pub use photographer::{Photographer, PhotographerParts, Wanted};
pub use shot::{Caption, Develop, Developing, Keep, Keeping, Kept, Picture, Reason, Shot, Spoilt};
pub use smjpeg::PictureReader;
pub use tally::{Tally, TallyNow};
