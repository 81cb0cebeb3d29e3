//! Passkeys in rows: found by what a browser shows, and questions that are answered once.

use super::{Account, Accounts};
use crate::error::StoreError;
use crate::id::{self, Id};

/// A passkey to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewPasskey<'a> {
    /// Its id as the authenticator says it, in base64url.
    pub credential: &'a str,
    /// Its public key as it came.
    pub cose_key: &'a [u8],
    /// How often it signed, as it says itself; 0 where it does not count.
    pub sign_count: i64,
    /// What its owner calls it.
    pub label: &'a str,
    /// So many an account may have at most, this one counted.
    pub most: u32,
}

/// A row of `passkeys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Whose.
    pub user_id: Id,
    /// Its own id.
    pub id: Id,
    /// Its id as the authenticator says it, in base64url.
    pub credential: String,
    /// Its public key as it came.
    pub cose_key: Vec<u8>,
    /// How often it had signed when it was last used; 0: it does not count.
    pub sign_count: i64,
    /// What its owner calls it.
    pub label: String,
    /// When it was added, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last used, milliseconds since 1970; 0: not yet.
    pub used_ms: i64,
}

struct PasskeyRow {
    user_id: String,
    id: String,
    credential: String,
    cose_key: Vec<u8>,
    sign_count: i64,
    label: String,
    created_ms: i64,
    used_ms: i64,
}
row!(PasskeyRow {
    user_id,
    id,
    credential,
    cose_key,
    sign_count,
    label,
    created_ms,
    used_ms
});

/// The columns of [`PasskeyRow`].
macro_rules! columns {
    () => {
        "p.user_id, p.id, p.credential, p.cose_key, p.sign_count, p.label, p.created_ms, p.used_ms"
    };
}

impl Accounts<'_> {
    /// Gives an account another passkey.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where it is somebody's, [`StoreError::Bound`] where there are too many,
    /// [`StoreError::Missing`] where the account is gone.
    pub async fn add_passkey(
        &self,
        account: &Account,
        new: &NewPasskey<'_>,
    ) -> Result<Passkey, StoreError> {
        let (user_id, id) = (account.user_id, self.store.next_id()?);
        let mut writing = self.db.begin().await?;
        // Held, so that of two who add one at once the second counts the first's.
        let held = sqlx::query("UPDATE accounts SET version = version WHERE user_id = $1")
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await?;
        if held.rows_affected() == 0 {
            return Err(StoreError::Missing("account"));
        }
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM passkeys WHERE user_id = $1")
            .bind(user_id.to_string())
            .fetch_one(&mut *writing)
            .await?;
        if count >= i64::from(new.most) {
            let words = format!(
                "an account may have {} passkeys: remove one first",
                new.most
            );
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO passkey_credentials (credential, user_id, passkey_id) VALUES ($1, $2, $3)",
        )
        .bind(new.credential.to_owned())
        .bind(user_id.to_string())
        .bind(id.to_string())
        .execute(&mut *writing)
        .await
        .map_err(|error| StoreError::from(error).taken("the passkey"))?;
        sqlx::query(
            "INSERT INTO passkeys (user_id, id, credential, cose_key, sign_count, label, created_ms, used_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
        )
        .bind(user_id.to_string())
        .bind(id.to_string())
        .bind(new.credential.to_owned())
        .bind(new.cose_key.to_vec())
        .bind(new.sign_count)
        .bind(new.label.to_owned())
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        self.passkey(user_id, id).await
    }

    /// One passkey of an account.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn passkey(&self, user_id: Id, id: Id) -> Result<Passkey, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM passkeys p WHERE p.user_id = $1 AND p.id = $2"
        );
        let row = sqlx::query_as::<_, PasskeyRow>(SQL)
            .bind(user_id.to_string())
            .bind(id.to_string());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// The passkey that a browser shows by this credential.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn passkey_by_credential(&self, credential: &str) -> Result<Passkey, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM passkey_credentials c JOIN passkeys p ON p.user_id = c.user_id AND p.id = c.passkey_id \
             WHERE c.credential = $1"
        );
        let row = sqlx::query_as::<_, PasskeyRow>(SQL).bind(credential.to_owned());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// At most `limit` passkeys of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn passkeys(&self, user_id: Id, limit: u32) -> Result<Vec<Passkey>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM passkeys p WHERE p.user_id = $1 ORDER BY p.id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, PasskeyRow>(SQL)
            .bind(user_id.to_string())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Passkey::try_from).collect()
    }

    /// Calls a passkey something else.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn rename_passkey(
        &self,
        user_id: Id,
        id: Id,
        label: &str,
    ) -> Result<Passkey, StoreError> {
        sqlx::query("UPDATE passkeys SET label = $3 WHERE user_id = $1 AND id = $2")
            .bind(user_id.to_string())
            .bind(id.to_string())
            .bind(label.to_owned())
            .execute(self.db.write())
            .await?;
        self.passkey(user_id, id).await
    }

    /// Keeps that a passkey was used; false where it says that it signed no more often than before, as a copy of it
    /// would.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn use_passkey(
        &self,
        passkey: &Passkey,
        sign_count: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE passkeys SET sign_count = $3, used_ms = $4 WHERE user_id = $1 AND id = $2 \
             AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0))",
        )
        .bind(passkey.user_id.to_string())
        .bind(passkey.id.to_string())
        .bind(sign_count)
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a passkey.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_passkey(&self, user_id: Id, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        sqlx::query("DELETE FROM passkey_credentials WHERE user_id = $1 AND passkey_id = $2")
            .bind(user_id.to_string())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        let gone = sqlx::query("DELETE FROM passkeys WHERE user_id = $1 AND id = $2")
            .bind(user_id.to_string())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("passkey"));
        }
        Ok(writing.commit().await?)
    }

    /// Takes the answer to a question, once; false where it was answered before. It is forgotten at `expires_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn spend_challenge(&self, hash: &str, expires_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO spent_challenges (challenge_hash, expires_ms) VALUES ($1, $2) \
             ON CONFLICT (challenge_hash) DO NOTHING",
        )
        .bind(hash.to_owned())
        .bind(expires_ms)
        .execute(self.db.write())
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn found(row: Option<PasskeyRow>) -> Result<Passkey, StoreError> {
    row.ok_or(StoreError::Missing("passkey"))?.try_into()
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = StoreError;

    fn try_from(row: PasskeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            id: id::stored(&row.id)?,
            credential: row.credential,
            cose_key: row.cose_key,
            sign_count: row.sign_count,
            label: row.label,
            created_ms: row.created_ms,
            used_ms: row.used_ms,
        })
    }
}
