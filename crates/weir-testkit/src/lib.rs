//! What the tests lean on: a server in a test, real clients around it, and an HLS checker.
//!
//! For tests only, so what goes wrong here panics with words. Nothing of weir's own client code is
//! used to judge weir: the HTTP and WebSocket clients and the playlist checker are independent.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says so and stops"
)]

pub mod builders;
pub mod cluster;
pub mod fault_proxy;
pub mod ffprobe;
pub mod flv;
pub mod fuzz;
pub mod hls_check;
pub mod hls_follow;
pub mod http;
pub mod in_process;
pub mod link;
pub mod log;
pub mod media;
pub mod oddity;
pub mod picture;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod receiver;
pub mod redis;
pub mod s3;
pub mod server;
pub mod slsp;
pub mod small_disk;
pub mod srs;
pub mod synthetic;
pub mod tools;
pub mod wait;
pub mod watcher;
pub mod ws;
