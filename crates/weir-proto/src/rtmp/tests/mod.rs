//! Both ends of a connection in one thread, joined by a link that cuts bytes anywhere.
//! Shows R4 and R17.

mod commands;
mod hostile;
mod link;
mod play;
mod publish;

pub(super) use link::{Wire, published};
