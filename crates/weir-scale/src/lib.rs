//! Scaling as an act: looks at the pools of a cluster, leads or follows, has nodes started, drained and
//! removed.
//!
//! How many nodes a pool should have is `weir-cluster`'s to say; what to do about it is decided in `plan`
//! without IO; `scaler` has the clock, the lease `#scaler` and the log; each provider carries out orders in
//! a file of its own. No media, no sockets but those to other nodes and to the webhook.

mod audit;
pub mod config;
mod drain;
pub mod order;
mod plan;
mod provider;
mod scaler;
#[cfg(test)]
mod tests;

pub use drain::Authorize;
pub use provider::process::{ChildNode, child_settings, end_with_parent};
pub use scaler::{Parts, Pending, PoolState, Scaler};
