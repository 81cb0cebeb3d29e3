//! Chat: groups, two lanes of posts, ticks, recovery, and what moderators may do.
//!
//! Decisions and data without IO: bytes and `now` in, bytes out. A [`House`] is what all loops of a node share; a
//! [`Slice`] is one loop's part of every group, with that loop's connections, which it writes to by a [`Carrier`].
//! Posts of the hi lane are numbered, kept and recovered; posts of the lo lane may be left out, and whoever misses
//! one is told how many.

pub mod bus;
pub mod business;
pub mod bye;
pub mod change;
pub mod config;
pub mod deny;
pub mod desk;
pub mod filter;
pub mod filters;
pub mod house;
mod learn;
pub mod limits;
pub mod name;
pub mod post;
pub mod room;
pub mod slice;
pub mod tally;
pub mod who;
pub mod wire;

pub use bus::relay::{Relay, RelayConfig};
pub use business::{Allowed, Business, Inquiry, Matter, Saying, Verdict};
pub use bye::Bye;
pub use change::{Alone, Bus};
pub use config::ChatConfig;
pub use deny::{Denied, Deny};
pub use filter::Term;
pub use filters::{Filters, RoomFilter};
pub use house::{House, Parts};
pub use name::{GroupKind, GroupName};
pub use post::{Draft, Lane, Placed};
pub use slice::{Carrier, Gone, Newcomer, Said, Slice};
pub use tally::Tally;
pub use who::{Doorman, Guests, NoDoorman, Standing, Who};
pub use wire::{Encoding, Framing};
