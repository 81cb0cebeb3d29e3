//! Recordings in the store: their blocks are uploaded while they grow, are read again from there, and leave this node's
//! disk when they are there for good.
//!
//! The [`Archive`] knows the objects of a recording. The [`Uploader`] brings there what a spool has, below what viewers
//! need, and again until it is there; it also says what leaves the disk. [`StoreBlocks`] reads blocks that are not
//! here by [`ColdReads`], through a [`SliceCache`] of its own; [`rebuild`] makes again what is known of one. No HTTP here, no
//! rows, and no stream that lives.

mod archive;
mod budget;
mod cache;
mod cold;
mod reader;
mod rebuild;
mod room;
mod tally;
#[cfg(test)]
mod tests;
mod uploader;

pub use archive::Archive;
pub use budget::{Egress, EgressNow};
pub use cache::{Slice, SliceCache};
pub use cold::{ColdReads, MAX_COLD_READERS, MAX_READ_AHEAD};
pub use reader::StoreBlocks;
pub use rebuild::{NotRebuilt, Rebuilt, rebuild};
pub use room::RoomRules;
pub use tally::{KeepNow, KeepTally};
pub use uploader::{UPLOAD_AGAIN, Uploader, UploaderParts};
