//! Live streams in memory: a ring per stream, one publisher, any number of cursors, and the counters.
//!
//! No sockets, no HTTP, no database, no wire format. The publisher appends in O(1) and waits for
//! nobody; a reader keeps a sequence number and pays for its own slowness.

mod audience;
mod ceiling;
mod config;
mod cursor;
mod events;
mod identity;
mod join;
mod position;

pub mod clients;
pub mod counters;
pub mod gate;
pub mod headcount;
pub mod hub;
pub mod publisher;
mod rebase;
mod right;
pub mod ring;
mod sender_clock;
pub mod stats;
pub mod stream;
mod trouble;
mod wishes;

pub use audience::{Audience, Visitor};
pub use clients::{Client, ClientGuard, Clients, NewClient, Protocol, Role};
pub use config::Config;
pub use counters::Counters;
pub use cursor::{Cursor, Entry, Read, Start};
pub use events::{Arrival, Event, Events, Notice, What};
pub use gate::{Admission, Gatekeeper, Grant};
pub use headcount::Headcount;
pub use hub::{Hub, RelayBegin};
pub use identity::Identity;
pub use join::{JoinKind, TrackFilter, begins_with_sound};
pub use position::StreamPosition;
pub use publisher::{Hold, Publisher};
pub use right::Right;
pub use ring::{JoinPoint, ReadOutcome, Ring};
pub use stats::StreamStats;
pub use stream::Stream;
pub use trouble::Unusable;
pub use wishes::{RecordForm, RecordWish, Wishes};
