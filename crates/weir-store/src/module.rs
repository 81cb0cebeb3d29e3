//! The modules of the schema: each may live in a database of its own, so no query joins two of them.

/// A module's tables and how they came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Module {
    /// Accounts, their sessions, keys and proofs.
    Accounts,
    /// Channels, stream keys, followers, apps, bans, pages, pictures and recordings.
    Content,
    /// What happened: broadcasts, the event log, hooks and their deliveries, the audit log.
    Events,
    /// Gifts and the money behind them.
    Chat,
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
    pub const ALL: [Self; 4] = [Self::Accounts, Self::Content, Self::Events, Self::Chat];

    /// Its name in settings and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Content => "content",
            Self::Events => "events",
            Self::Chat => "chat",
        }
    }

    /// What its rows promise of each other: a query that counts those which do not keep it, and words for them.
    pub(crate) const fn promises(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Accounts => &[
                (
                    "SELECT COUNT(*) FROM logins l WHERE NOT EXISTS \
                     (SELECT 1 FROM accounts a WHERE a.user_id = l.user_id)",
                    "logins lead to no account",
                ),
                (
                    "SELECT COUNT(*) FROM session_tokens t WHERE NOT EXISTS \
                     (SELECT 1 FROM sessions s WHERE s.user_id = t.user_id AND s.id = t.session_id)",
                    "tokens lead to no session",
                ),
            ],
            Self::Content => &[(
                "SELECT COUNT(*) FROM channel_names n WHERE NOT EXISTS \
                 (SELECT 1 FROM channels c WHERE c.user_id = n.user_id AND c.id = n.channel_id)",
                "names lead to no channel",
            )],
            Self::Events => &[],
            Self::Chat => &[
                (
                    "SELECT COUNT(*) FROM (SELECT op_id FROM ledger_entries GROUP BY op_id HAVING SUM(coins) <> 0) unequal",
                    "operations of the ledger do not add up to nothing",
                ),
                (
                    "SELECT COUNT(*) FROM wallets w WHERE w.coins < 0 OR w.coins <> (SELECT COALESCE(SUM(e.coins), 0) \
                     FROM ledger_entries e WHERE e.user_id = w.user_id AND e.account = 'wallet')",
                    "wallets differ from the ledger",
                ),
                (
                    "SELECT COUNT(*) FROM (SELECT user_id, channel_id, SUM(earned) AS earned FROM gift_totals \
                     GROUP BY user_id, channel_id) t WHERE t.earned <> (SELECT COALESCE(SUM(e.coins), 0) \
                     FROM ledger_entries e WHERE e.user_id = t.user_id AND e.account = 'channel:' || t.channel_id)",
                    "channels' totals differ from the ledger",
                ),
            ],
        }
    }

    /// Its schema's steps, oldest first. One that was released is never changed: a later one mends it.
    pub(crate) const fn steps(self) -> &'static [Step] {
        match self {
            Self::Accounts => {
                steps!("accounts": 1 "0001_accounts", 2 "0002_passkeys", 3 "0003_replies", 4 "0004_identities")
            }
            Self::Content => {
                steps!("content": 1 "0001_channels", 2 "0002_channel_names_by_id", 3 "0003_pages",
                    4 "0004_app_key_sets", 5 "0005_channel_shots", 6 "0006_recordings", 7 "0007_review",
                    8 "0008_recording_parts", 9 "0009_clips", 10 "0010_review_people", 11 "0011_hidden_recordings")
            }
            Self::Events => {
                steps!("events": 1 "0001_events", 2 "0002_snapshots", 3 "0003_node_streams")
            }
            Self::Chat => steps!("chat": 1 "0001_gifts"),
        }
    }
}
