//! The cluster's HTTP: where clients are sent, what coworkers are told, what the operator sees.
//! Shows R113.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

mod accounts;
mod bodies;
mod callers;
mod channels;
mod conventions;
mod coworkers;
mod dispatch;
mod early;
mod gifts;
mod hostile;
mod key_sets;
mod metrics;
mod moderation;
mod pages;
mod rejected;
mod review;
mod seen;
mod site;
mod tickets;
mod world;
