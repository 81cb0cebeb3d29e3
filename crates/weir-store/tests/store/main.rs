//! The store as those above it use it, on each engine.

mod accounts;
mod audit;
mod channels;
mod common;
mod copy;
mod events;
mod full;
mod hooks;
mod identities;
mod moderation;
mod objects;
mod opening;
mod pages;
mod passkeys;
mod recordings;
mod replies;
mod review;
mod review_people;
mod sessions;
