//! The business behind the gateway, where it is not the gateway's own: who asks it, what, and what it answers.
//!
//! What the house forbids stays forbidden: a business is asked only for what the [desk](crate::desk) would do, and may
//! refuse it or change it. Calls of the client's own it answers alone.

use serde::{Deserialize, Serialize};

use crate::deny::Denied;

/// What a business can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matter {
    /// Whether somebody may come in, and into which of the groups that it begins with.
    Connect,
    /// Whether it may come into groups.
    Join,
    /// Whether a post goes out, and how it looks then.
    Publish,
    /// The answer to a call that weir itself does not know.
    Rpc,
}

impl Matter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Join, Self::Publish, Self::Rpc];
}

/// A question: who wants what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// What it is about.
    pub call: Matter,
    /// The user's id, or a guest's.
    pub user: String,
    /// As others see it.
    pub name: String,
    /// `guest`, `user` or `moderator`.
    pub standing: &'static str,
    /// The groups that it is about.
    pub groups: Vec<String>,
    /// The kind of a post, the method of a call; empty where there is none.
    pub kind: String,
    /// The payload, JSON; empty where there is none.
    pub body: String,
    /// Names the post: asked twice it is one.
    pub once: Option<String>,
}

impl Inquiry {
    /// Whether it may be asked twice.
    pub const fn is_idempotent(&self) -> bool {
        match self.call {
            Matter::Connect | Matter::Join => true,
            Matter::Publish => self.once.is_some(),
            Matter::Rpc => false,
        }
    }
}

/// What is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The payload instead of the one that was asked for; the answer to a call. JSON.
    pub body: Option<String>,
    /// Groups of those asked for that stay closed.
    pub refused: Vec<String>,
}

/// What a business says.
pub type Verdict = Result<Allowed, Denied>;

/// Called once with what the business says, from any thread.
pub type Saying = Box<dyn FnOnce(Verdict) + Send>;

/// Whom the gateway asks.
pub trait Business: Send + Sync {
    /// Whether it wants to be asked for this at all.
    fn wants(&self, call: Matter) -> bool;

    /// Asks. Never waits: the loops of all members call it. It answers in its own time, within
    /// [`BUSINESS_US`](crate::limits::BUSINESS_US); later nobody listens.
    fn ask(&self, asked: Inquiry, saying: Saying);
}
