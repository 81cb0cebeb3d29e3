//! What is posted: what somebody wants to post, and what it became.

use std::sync::Arc;

use weir_base::Id;

use crate::wire::{Encoding, Push, PushKind};

/// With which promise a post goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// May be left out where there is too much; who misses one is told how many.
    Lo,
    /// Numbered, kept, recovered; never left out.
    Hi,
}

impl Lane {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Lo, Self::Hi];

    /// A stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lo => "lo",
            Self::Hi => "hi",
        }
    }
}

/// What somebody wants to post, once it was found to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// With which promise it goes out.
    pub lane: Lane,
    /// What the push is about.
    pub push: PushKind,
    /// The fields between id and time, each with a comma behind it: kind, author, payload.
    pub fields: String,
    /// Whose it is; empty for nobody's.
    pub user: Arc<str>,
    /// Names the post: the same name again is the same post.
    pub once: Option<String>,
    /// Wants a receipt.
    pub wants_receipt: bool,
}

/// A post that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Its name for ever.
    pub id: Id,
    /// What the push is about.
    pub push: PushKind,
    /// Its place in the hi lane; none in the lo lane.
    pub offset: Option<u64>,
    /// All fields of its own, with the closing brace.
    pub fields: Box<str>,
    /// Whose it is.
    pub user: Arc<str>,
    /// When it was posted, monotonic microseconds.
    pub at_us: i64,
    /// Wants a receipt.
    pub wants_receipt: bool,
}

/// Where a post ended up.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The post with its place; the earlier one where it was posted before.
    pub post: Arc<Post>,
    /// The group was over its measure: nobody gets it but its author.
    pub is_shed: bool,
    /// The same was posted before: nothing was done again.
    pub is_again: bool,
    /// The numbering of the group.
    pub epoch: Arc<str>,
}

impl Post {
    /// As it goes to the members of a group.
    pub fn to_push<'a>(&'a self, group: (&'a str, u32)) -> Push<'a> {
        Push {
            kind: self.push,
            group: Some(group),
            offset: self.offset,
            fields: &self.fields,
        }
    }

    /// As a line.
    pub fn line(&self, group: (&str, u32)) -> String {
        let mut line = Vec::new();
        let push = self.to_push(group);
        push.put(Encoding::Json, &mut line, &mut 0);
        String::from_utf8(line).unwrap_or_default()
    }

    /// Bytes that it takes on the wire, without what a carrier puts around it.
    pub fn bytes(&self) -> usize {
        /// Bytes in front of the fields: `{"p":"m","g":"…","l":1,"o":…,`.
        const FRONT_BYTES: usize = 40;
        self.fields.len() + FRONT_BYTES
    }
}
