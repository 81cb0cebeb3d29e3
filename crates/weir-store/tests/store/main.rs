//! The store as those above it use it, on each engine.

mod accounts;
mod audit;
mod common;
mod copy;
mod events;
mod hooks;
mod objects;
mod opening;
mod sessions;
