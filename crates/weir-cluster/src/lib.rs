//! Who is alive, who owns a stream, where a client goes, how many nodes we want.
//!
//! Decisions are pure: messages, answers and `now` go in, decisions come out. Redis and the
//! in-process stand-in are behind [`store::Store`] and [`store::Bus`]. Nothing here knows media, HTTP
//! or a database, and no frame waits for anything here but a look at a [`lease::Gate`].
//!
//! The why is in `docs/design/cluster.md`.

pub mod announce;
pub mod config;
pub mod coworker;
pub mod drain;
pub mod fill;
pub mod geo;
mod hash;
pub mod lease;
pub mod limits;
pub mod local;
pub mod member;
pub mod message;
pub mod name;
pub mod place;
pub mod record;
pub mod recorded;
#[cfg(feature = "redis")]
pub mod redis;
pub mod report;
pub mod reserve;
pub mod route;
pub mod run;
pub mod scale;
pub mod store;
pub mod table;
pub mod view;
pub mod watch;

pub use member::{Member, Output};
pub use name::{LeaseKey, Name};
pub use record::{NodeRecord, Role, Roles, Scheme, StreamRecord};
pub use view::{View, Whereabouts};
