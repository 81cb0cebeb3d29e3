//! What holds in a group until it is said otherwise: who is silenced, what the room takes, what is pinned. All nodes
//! of a cluster keep the same facts of a group, and who comes to it later finds them.

use weir_base::Id;

use crate::room::mode::Mode;
use crate::room::silence::Silence;

/// Milliseconds for which a node that was away for a moment still learns that somebody was to be let go.
const KICK_KEPT_MS: i64 = 10_000;
/// Milliseconds that no token lives longer: an hour is the most that can be set, and clocks differ.
const TOKEN_MS: i64 = 2 * 3_600_000;
/// Bytes of a fact's name: a word and a user.
pub const FACT_KEY_BYTES: usize = 160;
/// Bytes of what it says: a pinned post with all of its payload.
pub const FACT_VALUE_BYTES: usize = 64 * 1024;

/// See the file's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about: a word, or a word, a colon and a user.
    pub key: Box<str>,
    /// What is so; empty where it is so no more.
    pub value: Box<str>,
    /// Until when, milliseconds since 1970; 0 for ever.
    pub until_ms: i64,
}

/// A fact as it is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// A user is silenced, or no longer.
    Silence(Silence, &'a str),
    /// All connections of a user that are there are let go.
    Kick(&'a str),
    /// What a user showed up to a time is good no more, and who came by it is let go.
    Void(&'a str),
    /// What the room takes.
    Mode,
    /// What is pinned.
    Pin,
    /// Up to where posts were received.
    Received,
}

impl Fact {
    /// A user is silenced until then.
    pub fn silence(what: Silence, user: &str, until_ms: i64) -> Self {
        Self {
            key: format!("{}:{user}", word(what)).into(),
            value: "1".into(),
            until_ms,
        }
    }

    /// A user is silenced no longer.
    pub fn lift(what: Silence, user: &str) -> Self {
        Self {
            key: format!("{}:{user}", word(what)).into(),
            value: "".into(),
            until_ms: 0,
        }
    }

    /// Who has a user's name now is let go; `id` tells this from an earlier time.
    pub fn kick(user: &str, id: Id, now_ms: i64) -> Self {
        Self {
            key: format!("kick:{user}").into(),
            value: id.to_string().into(),
            until_ms: now_ms + KICK_KEPT_MS,
        }
    }

    /// Tokens that a user has at this time are good no more.
    pub fn void(user: &str, now_ms: i64) -> Self {
        Self {
            key: format!("void:{user}").into(),
            value: now_ms.to_string().into(),
            until_ms: now_ms + TOKEN_MS,
        }
    }

    /// What a room takes from now on.
    pub fn mode(mode: Mode) -> Self {
        let value = match mode == Mode::default() {
            true => String::new(),
            false => mode.json(),
        };
        Self {
            key: "mode".into(),
            value: value.into(),
            until_ms: 0,
        }
    }

    /// What is pinned: a post as nodes tell it to each other, or nothing.
    pub fn pin(post: Option<String>) -> Self {
        Self {
            key: "pin".into(),
            value: post.unwrap_or_default().into(),
            until_ms: 0,
        }
    }

    /// Posts that want a receipt were received up to here.
    pub fn received(offset: u64) -> Self {
        Self {
            key: "rcv".into(),
            value: offset.to_string().into(),
            until_ms: 0,
        }
    }

    /// What it is about; `None` for what a later version of weir knows.
    pub fn known(&self) -> Option<Known<'_>> {
        match self.key.split_once(':') {
            Some(("mute", user)) => Some(Known::Silence(Silence::Mute, user)),
            Some(("ban", user)) => Some(Known::Silence(Silence::Ban, user)),
            Some(("kick", user)) => Some(Known::Kick(user)),
            Some(("void", user)) => Some(Known::Void(user)),
            None if &*self.key == "mode" => Some(Known::Mode),
            None if &*self.key == "pin" => Some(Known::Pin),
            None if &*self.key == "rcv" => Some(Known::Received),
            _ => None,
        }
    }

    /// Whether it is so at this time.
    pub const fn holds(&self, now_ms: i64) -> bool {
        !self.value.is_empty() && (self.until_ms == 0 || self.until_ms > now_ms)
    }
}

const fn word(what: Silence) -> &'static str {
    match what {
        Silence::Mute => "mute",
        Silence::Ban => "ban",
    }
}
