//! Answers to requests that may be sent again: each key is claimed once, over all nodes.

use crate::db::Db;
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

/// Answers of one account that are kept.
const PER_ACCOUNT: i64 = 500;

/// Which request: who asked, and a digest of who, the path and the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyKey {
    /// The account; empty for who has none.
    pub user_id: String,
    /// SHA-256, 64 hexadecimal digits.
    pub id: String,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Nothing until now: whoever claimed it says how it ended.
    First,
    /// A request of this digest, and its sealed answer; empty while it is being made.
    Kept(String, Vec<u8>),
}

struct ReplyRow {
    digest: String,
    sealed: Vec<u8>,
}
row!(ReplyRow { digest, sealed });

impl Store {
    /// The answers.
    pub fn replies(&self) -> ReplyRows<'_> {
        ReplyRows {
            db: self.db(Module::Accounts),
        }
    }
}

/// Claims keys, keeps answers.
#[derive(Debug, Clone, Copy)]
pub struct ReplyRows<'a> {
    db: &'a Db,
}

impl ReplyRows<'_> {
    /// Claims a key at `now_ms` for a request of this digest. One that was claimed before `lost_ms` and never
    /// answered is free again, and any that was before `kept_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`]; [`StoreError::Again`] where it was given back at this moment.
    pub async fn claim(
        &self,
        key: &ReplyKey,
        digest: &str,
        now_ms: i64,
        (lost_ms, kept_ms): (i64, i64),
    ) -> Result<Claim, StoreError> {
        let claimed = sqlx::query(
            "INSERT INTO replies (user_id, id, digest, since_ms, sealed) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (user_id, id) DO UPDATE SET digest = excluded.digest, since_ms = excluded.since_ms, \
             sealed = excluded.sealed WHERE replies.since_ms < $6 \
             OR (replies.since_ms < $7 AND LENGTH(replies.sealed) = 0)",
        )
        .bind(key.user_id.clone())
        .bind(key.id.clone())
        .bind(digest.to_owned())
        .bind(now_ms)
        .bind(Vec::<u8>::new())
        .bind(kept_ms)
        .bind(lost_ms)
        .execute(self.db.write())
        .await?;
        if claimed.rows_affected() > 0 {
            self.bound(&key.user_id).await?;
            return Ok(Claim::First);
        }
        let row = sqlx::query_as::<_, ReplyRow>(
            "SELECT digest, sealed FROM replies WHERE user_id = $1 AND id = $2",
        )
        .bind(key.user_id.clone())
        .bind(key.id.clone());
        match row.fetch_optional(self.db.fresh()).await? {
            Some(row) => Ok(Claim::Kept(row.digest, row.sealed)),
            None => Err(StoreError::Again("a key was given back".to_owned())),
        }
    }

    /// Keeps the answer to who claimed the key.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn keep(&self, key: &ReplyKey, sealed: Vec<u8>) -> Result<(), StoreError> {
        sqlx::query("UPDATE replies SET sealed = $3 WHERE user_id = $1 AND id = $2")
            .bind(key.user_id.clone())
            .bind(key.id.clone())
            .bind(sealed)
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Frees a key whose request came to nothing.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn give_back(&self, key: &ReplyKey) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM replies WHERE user_id = $1 AND id = $2")
            .bind(key.user_id.clone())
            .bind(key.id.clone())
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Forgets all that were claimed before.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn forget(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM replies WHERE since_ms < $1")
            .bind(before_ms)
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Forgets the oldest of an account that has too many.
    async fn bound(&self, user_id: &str) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM replies WHERE user_id = $1 AND since_ms <= (SELECT since_ms FROM replies \
             WHERE user_id = $1 ORDER BY since_ms DESC LIMIT 1 OFFSET $2)",
        )
        .bind(user_id.to_owned())
        .bind(PER_ACCOUNT)
        .execute(self.db.write())
        .await?;
        Ok(())
    }
}
