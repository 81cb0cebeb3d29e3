//! The store as those above it use it, on each engine.

mod accounts;
mod common;
mod objects;
mod opening;
