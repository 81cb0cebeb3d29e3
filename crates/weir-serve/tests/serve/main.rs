//! The server over loopback: its delivery loops, and HLS on edges. Attacks have a binary of their own:
//! one of them measures what a whole process holds.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so and stops; viewers who wait are threads that it joins"
)]

#[path = "../hostile/tap.rs"]
mod tap;

mod delivery;
mod edge;
mod oddities;
