//! Who may publish and play, decided from a snapshot in memory: an edge has this and no database.
//!
//! Pure data and functions, the snapshot's encoding and its copy on disk, and the gatekeeper that the hub
//! asks. No HTTP and no SQL: who composes a node brings what other nodes say.

mod acts;
pub mod book;
pub mod consult;
pub mod dialect;
pub mod follow;
mod gate;
mod leave;
pub mod missed;
mod nonces;
mod place;
mod publicity;
pub mod rules;
pub mod snapshot;
pub mod ticket;
pub mod usage;
pub mod uses;
mod watch;
pub mod wishes;

pub use acts::Acts;
pub use book::{FileRules, Rulebook};
pub use dialect::{AppKey, BadKey, Dialect, Keyring, Opens, check_key_set};
pub use gate::{Gate, GateParts};
pub use publicity::Publicity;
pub use rules::{AppRules, AskDialect, Auth, PlayAuth, Priority, PublishAuth, Tokens, WhenAway};
pub use snapshot::{
    Ban, BanTarget, Change, Channel, KeyDigest, Snapshot, StreamKey, Visibility, Withdrawn,
};
pub use usage::Surroundings;
pub use watch::watch;
