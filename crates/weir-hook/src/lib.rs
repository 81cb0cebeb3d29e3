//! Webhooks out: who is told what over HTTP, signed, in each stream's order, again until it is taken.
//!
//! [`Dispatcher`] makes deliveries of events and sends them. What a receiver reads depends on its [`Dialect`];
//! where it may be is said by [`guard`]. Hooks in, and who may make one, are not here.

mod admission;
mod chat;
mod config;
mod dialect;
mod dispatcher;
mod endpoint;
mod event;
pub mod guard;
mod question;
mod review;
mod sender;
mod share;
mod sign;

pub use admission::{AdmissionAsk, AdmissionAsker, AdmissionHook, HookLeave, HookVerdict};
pub use chat::{ChatAnswer, ChatAsk, ChatAsker, ChatSilence};
pub use config::Config;
pub use dialect::Dialect;
pub use dispatcher::{Dispatcher, Render};
pub use endpoint::{HookFault, HookFields};
pub use review::{ReviewAsk, ReviewAsker, ReviewHook, ReviewOpinion};
pub use sender::Sender;
pub use sign::{Secret, SecretFault, headers_of};
