//! Pictures that are known to be bad, by their hashes.

use super::Review;
use crate::error::StoreError;

/// Hashes that a bank has: all of them are compared with each picture, in memory.
pub const MAX_HASHES: i64 = 50_000;

/// A row of `review_hashes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHash {
    /// PDQ in hex.
    pub hash: String,
    /// What it is called to reviewers.
    pub label: String,
    /// Who added it.
    pub by_user: String,
    /// When, milliseconds since 1970.
    pub added_ms: i64,
}
row!(KnownHash {
    hash,
    label,
    by_user,
    added_ms
});

impl Review<'_> {
    /// Adds a hash, or gives it another label.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many as may be.
    pub async fn know(&self, hash: &str, label: &str, by_user: &str) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM review_hashes");
        if count.fetch_one(&mut *writing).await? >= MAX_HASHES {
            let words = format!("a bank has {MAX_HASHES} hashes: remove one first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO review_hashes (hash, label, by_user, added_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (hash) DO UPDATE SET label = excluded.label, by_user = excluded.by_user, \
             added_ms = excluded.added_ms",
        )
        .bind(hash.to_owned())
        .bind(label.to_owned())
        .bind(by_user.to_owned())
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Removes a hash.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn unknow(&self, hash: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM review_hashes WHERE hash = $1").bind(hash.to_owned());
        match gone.execute(self.db.write()).await?.rows_affected() {
            0 => Err(StoreError::Missing("hash")),
            _ => Ok(()),
        }
    }

    /// At most `limit` hashes behind `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn known(&self, after: &str, limit: u32) -> Result<Vec<KnownHash>, StoreError> {
        let rows = sqlx::query_as::<_, KnownHash>(
            "SELECT hash, label, by_user, added_ms FROM review_hashes WHERE hash > $1 ORDER BY hash LIMIT $2",
        )
        .bind(after.to_owned())
        .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }
}
