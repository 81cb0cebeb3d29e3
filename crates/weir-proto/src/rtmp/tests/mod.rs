//! Both ends of a connection in one thread, joined by a link that cuts bytes anywhere.

mod hostile;
mod link;
mod play;
mod publish;

pub(super) use link::{Wire, published};
