//! The client's side of every protocol weir speaks, as a library: publish a file, play a stream, measure
//! what comes, and load a server with thousands of viewers or publishers.
//!
//! It knows a server by its protocols alone: nothing here knows what runs behind the socket, and the only
//! part of weir that uses it while serving is the demo stream. Command lines are the binary's.

mod adapt;
pub mod address;
pub mod chat;
pub mod clip;
pub mod decode;
mod hls;
pub mod http;
pub mod load;
pub mod measure;
mod options;
pub mod probe;
mod publisher;
mod refusal;
mod rtmp;
mod slsp;
pub mod stamp;
pub mod watch;
mod ws;

pub use publisher::{PublishOptions, publish_file};
pub use refusal::Refused;
