//! Attacks on a real server over loopback, while one honest publisher and one honest viewer go on.
//!
//! After each attack the viewer has missed nothing, and the counters name what happened. Beside them clients
//! who mean well and do it in their own way.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so and stops; its clients are threads in real time"
)]

mod answers;
mod clients;
mod commands;
mod house;
mod tap;

mod doors;
mod media;
mod slow;
mod slsp;
mod sockets;
mod stalled;
mod web_socket;
