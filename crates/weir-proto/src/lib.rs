//! Protocol sessions without IO: bytes, the time and randomness in; bytes and events out.
//!
//! No sockets, no clock, no tasks, no threads: whoever owns the socket drives a session. What a
//! stream is and who may publish it is decided elsewhere.

pub mod relay;
pub mod rtmp;
pub mod slsp;
pub mod ws;
