//! The modules of the schema: each may live in a database of its own, so no query joins two of them.

/// A module's tables and how they came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Module {
    /// Accounts, their sessions, keys and proofs.
    Accounts,
    /// Channels, stream keys, followers, apps, bans, pages and pictures.
    Content,
    /// What happened: broadcasts, the event log, hooks and their deliveries, the audit log.
    Events,
}

/// One step of a module's schema: its number, what it does, and its text.
pub(crate) struct Step {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

macro_rules! steps {
    ($folder:literal: $($number:literal $name:literal),* $(,)?) => {
        &[$(Step {
            number: $number,
            name: $name,
            sql: include_str!(concat!("../migrations/", $folder, "/", $name, ".sql")),
        }),*]
    };
}

impl Module {
    /// All of them, in the order in which they are opened.
    pub const ALL: [Self; 3] = [Self::Accounts, Self::Content, Self::Events];

    /// Its name in settings and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Content => "content",
            Self::Events => "events",
        }
    }

    /// Its schema's steps, oldest first. One that was released is never changed: a later one mends it.
    pub(crate) const fn steps(self) -> &'static [Step] {
        match self {
            Self::Accounts => steps!("accounts": 1 "0001_accounts"),
            Self::Content => steps!("content": 1 "0001_channels"),
            Self::Events => steps!("events": 1 "0001_events"),
        }
    }
}
