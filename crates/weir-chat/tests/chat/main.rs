//! Chat without sockets, on virtual time: what members are told, in which order, and what they are refused.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says so and stops"
)]

mod business;
mod exactness;
mod kit;
mod moderation;
mod net;
mod nodes;
mod page;
mod presence;
mod pressure;
mod rooms;
mod simulation;
