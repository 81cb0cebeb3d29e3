//! The bus: where a post gets its place and goes to all nodes that have members of its group.
//!
//! A node alone is its own bus. In a cluster it is Redis that gives places and carries posts; an answer may come
//! later then, on another thread, and so it is given by a call.

use std::sync::Arc;

use crate::deny::Denied;
use crate::house::House;
use crate::post::{Draft, Placed};
use crate::room::Room;

/// Called once with where a post ended up.
pub type Answer = Box<dyn FnOnce(Result<Placed, Denied>) + Send>;

/// See the file's words.
pub trait Bus: Send + Sync {
    /// Gives a post its place in a group, carries it to the group's members, and answers. Never waits.
    fn put(&self, house: &House, room: &Arc<Room>, draft: Draft, answer: Answer);
}

/// A node that knows of no other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Bus for Alone {
    fn put(&self, house: &House, room: &Arc<Room>, draft: Draft, answer: Answer) {
        answer(house.place(room, draft));
    }
}
