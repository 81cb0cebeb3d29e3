//! Delivery: a few loops, each owning its viewers' sockets, all fed from shared wires.
//!
//! A frame is muxed once per stream and format into a [`wire::Wire`]; a viewer is a socket, a format
//! and a place in that wire. No viewer has a queue, a copy or a wake-up of its own.

mod catch_up;
mod config;
pub mod format;
pub mod forms;
pub mod framing;
pub mod mux;
pub mod playback;
pub mod pool;
pub mod sink;
pub mod talk;
pub mod task;
#[cfg(test)]
mod tests;
pub mod viewer;
pub mod web_socket;
pub mod wire;
mod worker;

pub use config::DeliveryConfig;
pub use format::Format;
pub use forms::Form;
pub use framing::Framing;
pub use playback::Playback;
pub use pool::{Pool, Seat};
pub use sink::Sink;
pub use talk::Talk;
pub use viewer::NewViewer;
