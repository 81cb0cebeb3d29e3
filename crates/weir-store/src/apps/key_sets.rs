//! Keys of apps that are kept up to date from an address: whose turn it is to be read, and what was read. Of several
//! nodes one reads each.

use super::Apps;
use crate::db::Writing;
use crate::error::StoreError;
use crate::mark::{Thing, mark};

/// Milliseconds between two readings of one set.
pub const EVERY_MS: i64 = 10 * 60_000;
/// Milliseconds after which a set that could not be read is read again.
pub const AGAIN_MS: i64 = 60_000;
/// Milliseconds between two readings of a set because a key was missed in it.
pub const MISSED_MS: i64 = 30_000;
/// Bytes of what is kept of a fault.
const MAX_FAULT_BYTES: usize = 300;

/// A set whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueKeySet {
    /// Whose, all levels.
    pub app: String,
    /// Where it is.
    pub url: String,
}
row!(DueKeySet { app, url });

/// How a set stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetState {
    /// Where it is.
    pub url: String,
    /// Why it could not be read the last time; empty: it could.
    pub fault: String,
    /// When it was read last, milliseconds since 1970; 0: never.
    pub read_ms: i64,
}
row!(KeySetState {
    url,
    fault,
    read_ms
});

/// Whether a set is to be read: `$2`, `$3` and `$4` are since when it has not been.
macro_rules! is_due {
    () => {
        "asked_ms <= $2 OR (fault <> '' AND asked_ms <= $3) OR (wanted_ms >= asked_ms AND asked_ms <= $4)"
    };
}

impl Apps<'_> {
    /// At most `limit` sets that are to be read now; nobody else is given them for a while.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn due_key_sets(&self, limit: u32) -> Result<Vec<DueKeySet>, StoreError> {
        // Of two nodes that look at once the second finds that the first has set out.
        const SQL: &str = concat!(
            "UPDATE app_key_sets SET asked_ms = $1 WHERE app IN (SELECT app FROM app_key_sets WHERE ",
            is_due!(),
            " ORDER BY asked_ms LIMIT $5) AND (",
            is_due!(),
            ") RETURNING app, url"
        );
        let now_ms = self.store.now_ms();
        let rows = sqlx::query_as::<_, DueKeySet>(SQL)
            .bind(now_ms)
            .bind(now_ms - EVERY_MS)
            .bind(now_ms - AGAIN_MS)
            .bind(now_ms - MISSED_MS)
            .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.write()).await?)
    }

    /// Says that keys were missed in the sets of these apps.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn miss_keys(&self, apps: &[String]) -> Result<(), StoreError> {
        for app in apps {
            sqlx::query("UPDATE app_key_sets SET wanted_ms = $2 WHERE app = $1")
                .bind(app.clone())
                .bind(self.store.now_ms())
                .execute(self.db.write())
                .await?;
        }
        Ok(())
    }

    /// Keeps what was read of a set, or why it could not be: then what was read before stays. One that has another
    /// address by now is left alone.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn keep_key_set(
        &self,
        due: &DueKeySet,
        read: Result<&str, &str>,
    ) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let body = match read {
            Ok(body) => body,
            Err(fault) => {
                let end = fault.floor_char_boundary(MAX_FAULT_BYTES.min(fault.len()));
                let fault = match fault.get(..end) {
                    None | Some("") => "it cannot be read",
                    Some(words) => words,
                };
                sqlx::query("UPDATE app_key_sets SET fault = $3 WHERE app = $1 AND url = $2")
                    .bind(due.app.clone())
                    .bind(due.url.clone())
                    .bind(fault.to_owned())
                    .execute(self.db.write())
                    .await?;
                return Ok(());
            }
        };
        let mut writing = self.db.begin().await?;
        let before: Option<String> =
            sqlx::query_scalar("SELECT body FROM app_key_sets WHERE app = $1 AND url = $2")
                .bind(due.app.clone())
                .bind(due.url.clone())
                .fetch_optional(&mut *writing)
                .await?;
        let Some(before) = before else {
            return Ok(());
        };
        sqlx::query(
            "UPDATE app_key_sets SET body = $3, fault = '', read_ms = $4 WHERE app = $1 AND url = $2",
        )
        .bind(due.app.clone())
        .bind(due.url.clone())
        .bind(body.to_owned())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        // Nodes are told where there is something new.
        if before != body {
            mark(&mut writing, &Thing::App(due.app.clone()), now_ms).await?;
        }
        Ok(writing.commit().await?)
    }

    /// How an app's set stands; none where it has none.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn key_set_state(&self, app: &str) -> Result<Option<KeySetState>, StoreError> {
        let row = sqlx::query_as::<_, KeySetState>(
            "SELECT url, fault, read_ms FROM app_key_sets WHERE app = $1",
        )
        .bind(app.to_owned());
        Ok(row.fetch_optional(self.db.fresh()).await?)
    }
}

/// An app's set is at this address from now on; empty: it has none. Where it is another one nothing of the old stays.
pub(super) async fn set_url(writing: &mut Writing, app: &str, url: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM app_key_sets WHERE app = $1 AND url <> $2")
        .bind(app.to_owned())
        .bind(url.to_owned())
        .execute(&mut **writing)
        .await?;
    if url.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO app_key_sets (app, url, body, fault, read_ms, asked_ms, wanted_ms) \
         VALUES ($1, $2, '', '', 0, 0, 0) ON CONFLICT (app) DO NOTHING",
    )
    .bind(app.to_owned())
    .bind(url.to_owned())
    .execute(&mut **writing)
    .await?;
    Ok(())
}
