//! Recordings: the packager's own bytes, kept in blocks on a local disk, and what is played from them.
//!
//! A recording is made of blocks ([`block`]) and a block of pieces ([`piece`]), each of which can be checked by
//! itself: so what was written before a crash is whole, and tables are made again from the blocks. No HTTP here,
//! no database, and no stream that lives: who records and who asks is elsewhere.

pub mod block;
pub mod clips;
pub mod disk;
pub mod entries;
mod epoch;
pub mod file;
pub mod iframes;
pub mod manifest;
mod merge;
pub mod piece;
pub mod playlist;
mod recording;
pub mod samples;
pub mod shelf;
pub mod shifted;
mod spool;
pub mod stills;
pub mod transport;
mod writing;

pub use epoch::Epoch;
pub use merge::merged;
pub use recording::{Block, Elsewhere, Facts, MAX_POSTER_BYTES, Owning, Recording, View, in_order};
pub use spool::{Spool, Tape};
pub use writing::{Given, Part};
