//! Links that were sent or shown: each proves something, once.

use super::Accounts;
use crate::error::StoreError;
use crate::id::{self, Id};

/// What following a link proves or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The address is theirs.
    Email,
    /// They may set a new password.
    Reset,
    /// They may sign in.
    Link,
}

/// Such a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Whose.
    pub user_id: Id,
    /// The address that it was sent to, or empty.
    pub email: String,
    /// Until when it is good, milliseconds since 1970.
    pub expires_ms: i64,
}

struct ProofRow {
    user_id: String,
    email: String,
    expires_ms: i64,
}
row!(ProofRow {
    user_id,
    email,
    expires_ms
});

impl Accounts<'_> {
    /// Keeps a link. Those of the same purpose that the account had before are good no more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn put_proof(
        &self,
        token_hash: &str,
        purpose: Purpose,
        proof: &Proof,
    ) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        sqlx::query("DELETE FROM proofs WHERE user_id = $1 AND purpose = $2")
            .bind(proof.user_id.to_string())
            .bind(purpose.name())
            .execute(&mut *writing)
            .await?;
        sqlx::query(
            "INSERT INTO proofs (token_hash, purpose, user_id, email, expires_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(token_hash.to_owned())
        .bind(purpose.name())
        .bind(proof.user_id.to_string())
        .bind(proof.email.clone())
        .bind(proof.expires_ms)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Takes a link, which is good no more then; none where it is none, or too old.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn take_proof(
        &self,
        token_hash: &str,
        purpose: Purpose,
    ) -> Result<Option<Proof>, StoreError> {
        let row = sqlx::query_as::<_, ProofRow>(
            "DELETE FROM proofs WHERE token_hash = $1 AND purpose = $2 AND expires_ms > $3 \
             RETURNING user_id, email, expires_ms",
        )
        .bind(token_hash.to_owned())
        .bind(purpose.name())
        .bind(self.store.now_ms())
        .fetch_optional(self.db.write())
        .await?;
        let proof = |row: ProofRow| {
            Ok(Proof {
                user_id: id::stored(&row.user_id)?,
                email: row.email,
                expires_ms: row.expires_ms,
            })
        };
        row.map(proof).transpose()
    }
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Reset => "reset",
            Self::Link => "link",
        }
    }
}
