//! The HTTP port: media by our own hands, everything else by the service the binary hands in.

pub mod connection;
pub mod head;
pub mod live;
pub mod route;
pub mod service;
pub mod web_socket;
