//! A hub in virtual time: evenings of a stream, its readers, and what other nodes relay to it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so and stops, and its tasks end with it"
)]

mod common;
mod nodes;

mod evening;
mod lease;
mod reading;
mod rebase;
mod scenarios;
mod unusable;
