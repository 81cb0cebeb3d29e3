//! Who is at the other end, and who knows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::deny::Denied;
use crate::name::GroupName;

/// Who a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// A user's id; of a guest one of this connection alone.
    pub user: Arc<str>,
    /// As others see it.
    pub name: Arc<str>,
    /// What it may do beyond what all may.
    pub standing: Standing,
    /// When what it showed was made, milliseconds since 1970, to the second.
    pub since_ms: i64,
    /// When what it showed is good no more, milliseconds since 1970; `None` where it is as long as the connection.
    pub until_ms: Option<i64>,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nobody knows who it is.
    Guest,
    /// Somebody with an account.
    User,
    /// Keeps the peace in every room.
    Moderator,
}

/// What guests may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guests {
    /// Nothing: they are let go.
    None,
    /// Hear what others say, and say nothing.
    #[default]
    Read,
    /// Read and write.
    Write,
}

/// Says who shows a token. Asked on the delivery cores: it has to know by itself, without waiting.
pub trait Doorman: Send + Sync {
    /// Who shows `token`.
    ///
    /// # Errors
    /// 101 or 109; 108 where it cannot know.
    fn who(&self, token: &str, now_ms: i64) -> Result<Who, Denied>;
}

/// Knows nobody: on a node that was not told whose tokens are good.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDoorman;

impl Doorman for NoDoorman {
    fn who(&self, _: &str, _: i64) -> Result<Who, Denied> {
        let words = "this node was not told whose tokens are good";
        Err(Denied::because(crate::deny::Deny::Unavailable, words))
    }
}

impl Who {
    /// A guest, told apart from others by `number`.
    pub fn guest(number: &str) -> Self {
        Self {
            user: format!("g-{number}").into(),
            name: format!("guest-{}", number.get(..4).unwrap_or(number)).into(),
            standing: Standing::Guest,
            since_ms: i64::MAX,
            until_ms: None,
        }
    }

    /// Its own group, which only users have.
    pub fn own_group(&self) -> Option<GroupName> {
        (self.standing > Standing::Guest).then(|| GroupName::of_user(&self.user))
    }
}
