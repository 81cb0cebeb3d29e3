//! The second factor: a sealed secret, the last code that was taken, and codes for when it is lost.

use super::{Account, Accounts};
use crate::error::StoreError;
use crate::id::Id;

impl Accounts<'_> {
    /// Gives an account a second factor, or takes it away with an empty secret. `codes` are hashes of the codes that
    /// stand in for it.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where the account was changed since it was read.
    pub async fn set_totp(
        &self,
        account: &Account,
        sealed: &[u8],
        codes: &[String],
    ) -> Result<Account, StoreError> {
        let user_id = account.user_id.to_string();
        let mut writing = self.db.begin().await?;
        let done = sqlx::query(
            "UPDATE accounts SET totp_secret = $3, totp_step = 0, changed_ms = $4, version = version + 1 \
             WHERE user_id = $1 AND version = $2",
        )
        .bind(user_id.clone())
        .bind(account.version)
        .bind(sealed.to_vec())
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Changed("the account"));
        }
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
            .bind(user_id.clone())
            .execute(&mut *writing)
            .await?;
        for code in codes {
            sqlx::query("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)")
                .bind(user_id.clone())
                .bind(code.clone())
                .execute(&mut *writing)
                .await?;
        }
        writing.commit().await?;
        self.by_id(account.user_id).await
    }

    /// Takes the code of a step, once; false where it, or a later one, was taken before.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn take_totp_step(&self, user_id: Id, step: i64) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE accounts SET totp_step = $2 WHERE user_id = $1 AND totp_step < $2")
                .bind(user_id.to_string())
                .bind(step)
                .execute(self.db.write())
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes a code that stands in for the second factor, once; false where it is none.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn take_recovery_code(
        &self,
        user_id: Id,
        code_hash: &str,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2")
            .bind(user_id.to_string())
            .bind(code_hash.to_owned())
            .execute(self.db.write())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
