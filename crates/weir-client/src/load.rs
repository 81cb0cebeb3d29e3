//! A load generator: very many viewers that cost next to nothing and still count every frame.
//!
//! One thread owns some thousand sockets and one buffer that all of them are read into; headers
//! are read where they lie, payloads are skipped and never copied. A few *sampled* viewers decode
//! everything, for the latency of stamped pictures.

mod counters;
mod deframe;
mod engine;
mod hls;
mod rtmp;
mod scan;
mod viewer;

pub use engine::{FanOut, FanOutResult, fan_out};
pub use hls::{HlsLoad, HlsResult, hls_load};
