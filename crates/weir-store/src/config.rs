//! `[store]`: where rows and objects live.

use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

section! {
    /// The store's settings.
    pub Config {
        /// Rows: a `postgres://` URL, or `sqlite:` and a file. Empty: `weir.db` in the data folder.
        restart url: String = String::new(),
        /// Read replicas of it: answers that may be seconds old come from these, in turn.
        restart replicas: Vec<String> = Vec::new(),
        /// Connections to each PostgreSQL database; SQLite reads with so many and writes with one.
        restart connections: u32 = 8,
        /// Milliseconds a request waits for a free connection before it is told that the store is away.
        restart timeout_ms: i64 = 2_000,
        /// Hash partitions of each user's tables in a new PostgreSQL database; 0: none.
        restart partitions: u32 = 0,
        /// A file with what seals secrets of apps and hooks, a line for each key; the first seals, the others open what
        /// they sealed. Empty: as `cluster.secret` says, or a key of the data folder.
        restart seal_key_file: String = String::new(),
        /// Accounts and their sessions, where they have a database of their own.
        section accounts: Place = Place::default(),
        /// Channels and what belongs to them.
        section content: Place = Place::default(),
        /// What happened.
        section events: Place = Place::default(),
        /// Gifts and the money behind them.
        section chat: Place = Place::default(),
        /// Avatars, covers and other small pictures.
        section assets: ClassConfig = ClassConfig::default(),
        /// Recordings.
        section recordings: ClassConfig = ClassConfig::default(),
        /// Logs that are kept.
        section logs: ClassConfig = ClassConfig::default(),
    }
}

section! {
    /// A module's database.
    pub Place {
        /// As `store.url`. Empty: it lives there.
        restart url: String = String::new(),
        /// As `store.replicas`.
        restart replicas: Vec<String> = Vec::new(),
    }
}

section! {
    /// Where the objects of a class live.
    pub ClassConfig {
        /// `s3://BUCKET/PREFIX?endpoint=…&region=…`, or `file:` and a folder. Empty: a folder of the class's
        /// name in the data folder.
        restart url: String = String::new(),
        /// A file with `access_key_id = "…"` and `secret_access_key = "…"`. Empty: AWS_ACCESS_KEY_ID and
        /// AWS_SECRET_ACCESS_KEY of the environment.
        restart credentials: String = String::new(),
    }
}

impl Config {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("store.connections", self.connections, 1..=1000)?;
        in_range("store.timeout_ms", self.timeout_ms, 10..=60_000)?;
        in_range("store.partitions", self.partitions, 0..=1024)?;
        for (key, url) in self.urls() {
            let is_known = ["", "sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url == *scheme || (!scheme.is_empty() && url.starts_with(scheme)));
            sensible(is_known, || {
                format!("{key} begins with neither sqlite: nor postgres://")
            })?;
        }
        Ok(())
    }

    fn urls(&self) -> Vec<(&'static str, &str)> {
        let mut urls = vec![
            ("store.url", self.url.as_str()),
            ("store.accounts.url", &self.accounts.url),
            ("store.content.url", &self.content.url),
            ("store.events.url", &self.events.url),
            ("store.chat.url", &self.chat.url),
        ];
        let lists = [
            ("store.replicas", &self.replicas),
            ("store.accounts.replicas", &self.accounts.replicas),
            ("store.content.replicas", &self.content.replicas),
            ("store.events.replicas", &self.events.replicas),
            ("store.chat.replicas", &self.chat.replicas),
        ];
        for (key, list) in lists {
            urls.extend(list.iter().map(|url| (key, url.as_str())));
        }
        urls
    }
}
