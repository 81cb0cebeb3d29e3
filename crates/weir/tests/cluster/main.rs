//! Several weirs that are one: publishes that go up, plays that come down, and what becomes of them
//! when a node, a line or Redis goes.
//!
//! Each test starts a cluster of its own. What is in `faults` is about time, so that nothing else may
//! run beside it (`scripts/test.sh`).
#![expect(clippy::unwrap_used, reason = "tests say what is wrong by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "viewers who watch meanwhile are threads of the test, joined by it"
)]

mod kit;

mod channels;
mod chat;
mod clock;
mod codecs;
mod dispatch;
mod drain;
mod events;
mod faults;
mod hls;
mod life;
mod lists;
mod names;
mod play;
mod pulls;
mod recordings;
mod redirects;
mod scaling;
mod secret;
mod snapshots;
mod srs;
mod srs_trouble;
mod tokens;
