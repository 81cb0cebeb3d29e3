//! Recordings in the store: their blocks are uploaded while they grow, are read again from there, and leave this node's
//! disk when they are there for good.
//!
//! The [`Archive`] knows the objects of a recording. The [`Uploader`] brings there what a spool has, below what viewers
//! need, and again until it is there; it also says what leaves the disk. [`StoreBlocks`] reads blocks that are not
//! here, through a [`SliceCache`] of its own. No HTTP here, no rows, and no stream that lives.

mod archive;
mod budget;
mod cache;
mod reader;
mod room;
mod tally;
mod uploader;

pub use archive::Archive;
pub use budget::{Egress, EgressNow};
pub use cache::{Slice, SliceCache};
pub use reader::StoreBlocks;
pub use room::RoomRules;
pub use tally::{KeepNow, KeepTally};
pub use uploader::{Uploader, UploaderParts};
