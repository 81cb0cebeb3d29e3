//! What is not said in chat, by room. What a word is, and how it is found, is decided above.

use crate::db::Db;
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

/// Rooms with a list of their own.
const ROOMS: i64 = 10_000;

/// A row of `chat_filters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatFilter {
    /// The group; `r:0` for all of them.
    pub room: String,
    /// A line for each; `~` in front: what sounds the same too.
    pub words: String,
    /// 1: no links either.
    pub no_links: i64,
    /// When it was changed, milliseconds since 1970.
    pub changed_ms: i64,
}
row!(ChatFilter {
    room,
    words,
    no_links,
    changed_ms
});

impl Store {
    /// What is not said.
    pub fn chat_filters(&self) -> ChatFilters<'_> {
        ChatFilters {
            store: self,
            db: self.db(Module::Chat),
        }
    }
}

/// Asks and changes it.
#[derive(Debug, Clone, Copy)]
pub struct ChatFilters<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl ChatFilters<'_> {
    /// Of a room; nothing where nobody said anything.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn of(&self, room: &str) -> Result<Option<ChatFilter>, StoreError> {
        let row = sqlx::query_as::<_, ChatFilter>(
            "SELECT room, words, no_links, changed_ms FROM chat_filters WHERE room = $1",
        );
        let row = row.bind(room.to_owned());
        Ok(row.fetch_optional(self.db.fresh()).await?)
    }

    /// Of all rooms.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn all(&self) -> Result<Vec<ChatFilter>, StoreError> {
        let rows = sqlx::query_as::<_, ChatFilter>(
            "SELECT room, words, no_links, changed_ms FROM chat_filters ORDER BY room LIMIT $1",
        );
        Ok(rows.bind(ROOMS).fetch_all(self.db.fresh()).await?)
    }

    /// How many rooms have one, and when the last was changed: another answer, other lists.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn state(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query_as::<_, (i64, i64)>(
            "SELECT COUNT(*), CAST(COALESCE(SUM(changed_ms), 0) AS BIGINT) FROM chat_filters",
        );
        Ok(row.fetch_one(self.db.fresh()).await?)
    }

    /// Says what is not said in a room. It stays there when it is nothing, so that all nodes hear of the change.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where as many rooms as may be have one.
    pub async fn set(&self, room: &str, words: &str, no_links: bool) -> Result<(), StoreError> {
        let set = sqlx::query(
            "INSERT INTO chat_filters (room, words, no_links, changed_ms) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM chat_filters WHERE room <> $1) < $5 \
             ON CONFLICT (room) DO UPDATE SET words = excluded.words, no_links = excluded.no_links, \
             changed_ms = CASE WHEN excluded.changed_ms > chat_filters.changed_ms THEN excluded.changed_ms \
             ELSE chat_filters.changed_ms + 1 END",
        )
        .bind(room.to_owned())
        .bind(words.to_owned())
        .bind(i64::from(no_links))
        .bind(self.store.now_ms())
        .bind(ROOMS)
        .execute(self.db.write())
        .await?;
        match set.rows_affected() {
            0 => Err(StoreError::Bound(format!(
                "{ROOMS} rooms may have words of their own"
            ))),
            _ => Ok(()),
        }
    }
}
