//! A real redis-server in all the forms there are: what the script answers, what a cluster lives
//! through, how long anything takes, and how many commands it costs.
#![cfg(feature = "redis")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

#[path = "../common/mod.rs"]
mod common;

mod commands;
mod faults;
mod forms;
mod nodes;
mod nonces;
mod recorded;
mod report;
mod server;
mod story;
mod words;
