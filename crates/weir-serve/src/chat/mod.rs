//! The chat gateway: the WebSocket at `/chat`, events at `/chat/events`, and the loops that own its sockets.
//!
//! Decisions are `weir-chat`'s. A plain socket goes to a loop as soon as its handshake is read, and from then on
//! costs no task, no timer and no buffer; one behind TLS or a proxy's HTTP/2 has a task that stands between.

mod door;
mod events;
mod line;
mod pool;
mod task;
mod worker;

pub use door::{Chat, ChatParts, Presented, Presenter};
