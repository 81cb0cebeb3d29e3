//! What outlives a process: rows in SQLite or PostgreSQL, objects in a folder or an S3 store.
//!
//! The only crate that knows SQL or an object's path. It says what is kept and how it is found again;
//! who may do what, and over which protocol, is decided above it.

#[macro_use]
mod row;

pub mod accounts;
pub mod apps;
pub mod audit;
pub mod bans;
pub mod broadcasts;
mod catalog;
pub mod changes;
pub mod channels;
pub mod chat_filters;
mod check;
pub mod config;
pub mod copy;
mod db;
mod error;
pub mod events;
pub mod gifts;
pub mod hooks;
mod id;
pub mod ledger;
mod mark;
mod module;
pub mod node_streams;
pub mod objects;
pub mod owned;
pub mod pages;
pub mod recordings;
pub mod review;
pub mod seal;
mod sealing;
pub mod snapshots;
mod standing;
mod store;
mod sweep;

pub use check::Checked;
pub use config::Config;
pub use db::{Db, Engine};
pub use error::StoreError;
pub use id::{Id, Ids};
pub use module::Module;
pub use objects::Objects;
pub use standing::LOW_BYTES;
pub use store::Store;
pub use sweep::Swept;
