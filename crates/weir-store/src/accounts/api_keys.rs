//! Keys of programs that act for an account.

use super::{Account, AccountRow, Accounts, columns};
use crate::error::StoreError;
use crate::id::{self, Id};

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey<'a> {
    /// Whose.
    pub user_id: Id,
    /// SHA-256 of it.
    pub key_hash: &'a str,
    /// What its owner calls it.
    pub label: &'a str,
    /// Names of rights, a space between two.
    pub scopes: &'a str,
    /// Until when it is good, milliseconds since 1970; 0: for ever.
    pub expires_ms: i64,
    /// Keys that an account may have.
    pub most: u32,
}

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Named in lists and in the audit log; no secret.
    pub id: Id,
    /// What its owner calls it.
    pub label: String,
    /// Names of rights, a space between two.
    pub scopes: String,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it is good, milliseconds since 1970; 0: for ever.
    pub expires_ms: i64,
    /// When it was last used, some minutes ago at most, milliseconds since 1970; 0: not yet.
    pub used_ms: i64,
    /// From where.
    pub used_address: String,
}

/// Whose key it is, and which.
#[derive(Debug, Clone)]
pub struct KeyHolder {
    /// As its owner sees it, without the secret.
    pub key: ApiKey,
    /// Whose.
    pub account: Account,
}

struct ApiKeyRow {
    id: String,
    label: String,
    scopes: String,
    key_created_ms: i64,
    expires_ms: i64,
    used_ms: i64,
    used_address: String,
}
row!(ApiKeyRow {
    id,
    label,
    scopes,
    key_created_ms,
    expires_ms,
    used_ms,
    used_address
});

/// The columns of [`ApiKeyRow`].
macro_rules! key_columns {
    () => {
        "k.id, k.label, k.scopes, k.created_ms AS key_created_ms, k.expires_ms, k.used_ms, k.used_address"
    };
}

impl Accounts<'_> {
    /// Makes a key.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where the account has as many as it may.
    pub async fn make_api_key(&self, new: &NewApiKey<'_>) -> Result<ApiKey, StoreError> {
        let made = ApiKey {
            id: self.store.next_id()?,
            label: new.label.to_owned(),
            scopes: new.scopes.to_owned(),
            created_ms: self.store.now_ms(),
            expires_ms: new.expires_ms,
            used_ms: 0,
            used_address: String::new(),
        };
        let mut writing = self.db.begin().await?;
        let count =
            sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM api_keys WHERE user_id = $1")
                .bind(new.user_id.to_string())
                .fetch_one(&mut *writing)
                .await?;
        if count >= i64::from(new.most) {
            let words = format!("an account has at most {} API keys", new.most);
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO api_keys (user_id, id, label, scopes, created_ms, expires_ms, used_ms, used_address) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, '')",
        )
        .bind(new.user_id.to_string())
        .bind(made.id.to_string())
        .bind(made.label.clone())
        .bind(made.scopes.clone())
        .bind(made.created_ms)
        .bind(made.expires_ms)
        .execute(&mut *writing)
        .await?;
        sqlx::query("INSERT INTO api_key_hashes (key_hash, user_id, key_id) VALUES ($1, $2, $3)")
            .bind(new.key_hash.to_owned())
            .bind(new.user_id.to_string())
            .bind(made.id.to_string())
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(made)
    }

    /// An account's keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn api_keys(&self, user_id: Id, limit: u32) -> Result<Vec<ApiKey>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            key_columns!(),
            " FROM api_keys k WHERE k.user_id = $1 ORDER BY k.id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, ApiKeyRow>(SQL)
            .bind(user_id.to_string())
            .bind(i64::from(limit))
            .fetch_all(self.db.fresh())
            .await?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }

    /// Whose key this is; none where it is nobody's, or too old.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn by_api_key(&self, key_hash: &str) -> Result<Option<KeyHolder>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            key_columns!(),
            ", ",
            columns!(),
            " FROM api_key_hashes h \
             JOIN api_keys k ON k.user_id = h.user_id AND k.id = h.key_id \
             JOIN accounts a ON a.user_id = h.user_id \
             WHERE h.key_hash = $1 AND (k.expires_ms = 0 OR k.expires_ms > $2)"
        );
        struct Held {
            key: ApiKeyRow,
            account: AccountRow,
        }
        row!(Held {}, key, account);
        let row = sqlx::query_as::<_, Held>(SQL)
            .bind(key_hash.to_owned())
            .bind(self.store.now_ms())
            .fetch_optional(self.db.fresh())
            .await?;
        let holder = |row: Held| {
            Ok(KeyHolder {
                key: row.key.try_into()?,
                account: row.account.try_into()?,
            })
        };
        row.map(holder).transpose()
    }

    /// Notes that a key was used, and from where.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn touch_api_key(
        &self,
        user_id: Id,
        id: Id,
        address: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE api_keys SET used_ms = $3, used_address = $4 WHERE user_id = $1 AND id = $2",
        )
        .bind(user_id.to_string())
        .bind(id.to_string())
        .bind(self.store.now_ms())
        .bind(address.to_owned())
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the account has no such key.
    pub async fn revoke_api_key(&self, user_id: Id, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let mut rows = 0;
        for sql in [
            "DELETE FROM api_key_hashes WHERE user_id = $1 AND key_id = $2",
            "DELETE FROM api_keys WHERE user_id = $1 AND id = $2",
        ] {
            let done = sqlx::query(sql)
                .bind(user_id.to_string())
                .bind(id.to_string());
            rows = done.execute(&mut *writing).await?.rows_affected();
        }
        writing.commit().await?;
        (rows > 0)
            .then_some(())
            .ok_or(StoreError::Missing("API key"))
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            label: row.label,
            scopes: row.scopes,
            created_ms: row.key_created_ms,
            expires_ms: row.expires_ms,
            used_ms: row.used_ms,
            used_address: row.used_address,
        })
    }
}
