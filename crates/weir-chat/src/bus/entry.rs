//! A post on its way between nodes: with its name and its time, and without a place until the bus gives it one.

use std::sync::Arc;

use weir_base::Id;

use crate::post::{Draft, Post};
use crate::wire::PushKind;

/// See the file's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name for ever.
    pub id: Id,
    /// What the push is about.
    pub push: PushKind,
    /// All fields of its own, with the closing brace.
    pub fields: Box<str>,
    /// Whose it is; empty for nobody's.
    pub user: Arc<str>,
    /// When it was posted, milliseconds since 1970.
    pub at_ms: i64,
    /// Wants a receipt.
    pub wants_receipt: bool,
    /// Names the post among those of its user: the same name again is the same post.
    pub once: Option<Box<str>>,
}

impl Entry {
    /// What a draft becomes.
    pub fn new(draft: Draft, id: Id, at_ms: i64) -> Self {
        let receipt = if draft.wants_receipt { "\"rc\":1," } else { "" };
        // What happens to another post or to the room has no name of its own.
        let name = match draft.push {
            PushKind::Message => format!("\"id\":\"{id}\","),
            _ => String::new(),
        };
        Self {
            id,
            push: draft.push,
            fields: format!("{name}{}{receipt}\"t\":{at_ms}}}", draft.fields).into(),
            user: draft.user,
            at_ms,
            wants_receipt: draft.wants_receipt,
            once: draft.once.map(Into::into),
        }
    }

    /// A post that has its place, as it is told of elsewhere.
    pub fn of(post: &Post) -> Self {
        Self {
            id: post.id,
            push: post.push,
            fields: post.fields.clone(),
            user: post.user.clone(),
            at_ms: post.id.at_ms(),
            wants_receipt: false,
            once: None,
        }
    }

    /// What stands in the place of a post that cannot be read: no place is left out.
    pub fn unreadable(at_ms: i64) -> Self {
        let id = Id::first_of(at_ms);
        Self {
            id,
            push: PushKind::Delete,
            fields: format!("\"id\":\"{id}\",\"t\":{at_ms}}}").into(),
            user: "".into(),
            at_ms,
            wants_receipt: false,
            once: None,
        }
    }

    /// The name of the post among all of its group.
    pub fn key(&self) -> Option<Box<str>> {
        let once = self.once.as_ref()?;
        Some(format!("{}\0{once}", self.user).into())
    }
}
