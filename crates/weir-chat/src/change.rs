//! What is to happen to a group, and who sees to it: a node alone itself, in a cluster a [relay](crate::bus::relay).
//! An answer may come later then, on another thread, and so it is given by a call.

use std::sync::Arc;

use crate::bus::Fact;
use crate::deny::Denied;
use crate::house::House;
use crate::post::{Draft, Placed};
use crate::room::Room;

/// Called once with where a post ended up; `None` where the change was none of posts.
pub type Answer = Box<dyn FnOnce(Result<Option<Placed>, Denied>) + Send>;

/// What is to happen to a group: all of it or nothing.
#[derive(Debug, Default)]
pub struct Change {
    /// What is to hold from now on.
    pub facts: Vec<Fact>,
    /// What is to be posted.
    pub draft: Option<Draft>,
}

/// See the file's words.
pub trait Bus: Send + Sync {
    /// Does what is to happen to a group on all nodes that have members of it, and answers. Never waits.
    fn put(&self, house: &House, room: &Arc<Room>, change: Change, answer: Answer);

    /// Somebody here wants to hear of a group. The group says when it [is ready](Room::is_ready).
    fn host(&self, house: &House, room: &Arc<Room>);

    /// Counts hearts that a group was given here.
    fn like(&self, house: &House, room: &Arc<Room>, count: u32);

    /// Whether groups are ready as soon as they are made, as nobody else knows of them.
    fn is_alone(&self) -> bool {
        false
    }
}

/// A node that knows of no other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Bus for Alone {
    fn put(&self, house: &House, room: &Arc<Room>, change: Change, answer: Answer) {
        for fact in &change.facts {
            house.learn(room, fact);
        }
        let placed = change.draft.map(|draft| {
            let entry = house.entry(draft)?;
            Ok(house.place(room, entry))
        });
        answer(placed.transpose());
    }

    fn host(&self, _: &House, _: &Arc<Room>) {}

    fn like(&self, house: &House, room: &Arc<Room>, count: u32) {
        house.add_likes(room, u64::from(count));
    }

    fn is_alone(&self) -> bool {
        true
    }
}

impl From<Draft> for Change {
    fn from(draft: Draft) -> Self {
        Self {
            facts: Vec::new(),
            draft: Some(draft),
        }
    }
}
