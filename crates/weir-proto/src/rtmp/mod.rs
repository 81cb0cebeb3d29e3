//! RTMP by Adobe's "Real Time Messaging Protocol" 1.0 (2012) and Enhanced RTMP v2 (Veovera).
//!
//! [`RtmpServerSession`] and [`RtmpClientSession`] are the two ends; [`wire::put_message`] makes the bytes
//! every viewer of a stream shares. Section numbers in these files are Adobe's.

mod capabilities;
pub mod chunk;
mod client;
mod command;
mod error;
pub mod handshake;
mod link;
pub mod message;
mod server;
mod url;
pub mod wire;

pub use capabilities::{
    CAPS_EX_MOD_EX, CAPS_EX_MULTITRACK, CAPS_EX_RECONNECT, CAPS_EX_TIMESTAMP_NANO_OFFSET,
    Capabilities,
};
pub use client::{ClientOptions, RtmpClientEvent, RtmpClientSession};
pub use error::RtmpError;
pub use server::{
    PeerInfo, PublishMode, Redirect, RtmpServerSession, ServerConfig, ServerEvent, StatusRefusal,
};
pub use url::{RtmpUrl, Target, UrlError};

#[cfg(test)]
mod tests;
