//! Sockets × protocols × hub: listeners, ingest, delivery loops, HLS over HTTP.
//!
//! Knows no database and no admin API; other HTTP paths go to a service handed in by the binary.

pub mod admission;
pub mod chat;
pub mod config;
pub mod core;
pub mod deliver;
pub mod doors;
pub mod front;
pub mod hls;
pub mod http;
pub mod ingest;
mod intake;
pub mod node;
pub mod packaging;
pub mod recorder;
pub mod reply;
pub mod request;
pub mod server;

pub use admission::Admission;
pub use config::Config;
pub use core::Core;
pub use server::{Server, Services};
