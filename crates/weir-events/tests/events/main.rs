//! What happens to streams, from the hub to its readers: witness, courier, recorder, log and warden together.

mod common;
mod endings;
mod reading;
mod recordings;
mod telling;
