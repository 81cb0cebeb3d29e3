//! Connections that this process opens to other servers: TCP and TLS, the HTTP client, an RTMP client on
//! a socket, and how one node of a cluster proves itself to another.
//!
//! Listeners are not here, nor is anything that knows a stream, a cluster or a container.

pub mod dial;
pub mod http;
pub mod node;
pub mod proof;
pub mod rtmp;
pub mod url;
pub mod walk;
mod words;

pub use words::in_words;
