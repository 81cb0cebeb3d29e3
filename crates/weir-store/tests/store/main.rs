//! The store as those above it use it, on each engine.

mod accounts;
mod common;
mod copy;
mod objects;
mod opening;
mod sessions;
