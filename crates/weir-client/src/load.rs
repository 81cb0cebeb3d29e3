//! Generators of load, each a plan and what came of it. The largest is [`fan_out`]: very many viewers that
//! cost next to nothing and still count every frame.
//!
//! One thread owns some thousand sockets and one buffer that all of them are read into; headers
//! are read where they lie, payloads are skipped and never copied. A few *sampled* viewers decode
//! everything, for the latency of stamped pictures.

mod chat;
mod counters;
mod deframe;
mod engine;
mod hls;
mod hops;
mod joins;
mod publishers;
mod reach;
mod report;
mod rtmp;
mod scan;
mod viewer;

pub use chat::{ChatLoad, ChatResult, Dialect, chat_load};
pub use engine::{FanOut, FanOutResult, fan_out};
pub use hls::{HlsLoad, HlsResult, hls_load};
pub use hops::{HopLoad, HopResult, hop_load};
pub use joins::{JoinLoad, JoinResult, join_load};
pub use publishers::{PublisherLoad, PublisherResult, publisher_load};
pub use reach::{ReachLoad, ReachResult, reach_load};
