//! What a cluster decides without IO: who owns a stream, where a client goes, how many nodes there are.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

#[path = "../common/mod.rs"]
mod common;

mod leases;
mod owner;
mod place;
mod pool;
mod report;
mod scale;
