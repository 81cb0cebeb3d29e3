//! Gifts: what one costs, whose share is how much, that each is given once for its key, and told to its room once.
//!
//! The rules are plain functions ([`rules`]); the [`Till`] asks the store with them, and the [`Crier`] tells rooms of
//! what the store has committed. That no coin is lost or made is the store's ledger's to promise, not this crate's.
//! Knows no HTTP and no SQL, and not who may.

pub mod config;
mod crier;
mod error;
pub mod limits;
pub mod rules;
mod till;
mod top;

pub use config::GiftsConfig;
pub use crier::Crier;
pub use error::GiftError;
pub use rules::Span;
pub use till::{Order, Till, TopUp};
pub use top::Tops;
