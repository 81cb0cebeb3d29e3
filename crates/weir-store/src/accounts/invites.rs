//! Invites: what lets somebody sign up where that is not open to all.

use super::Accounts;
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};

/// An invite to be made.
#[derive(Debug, Clone)]
pub struct NewInvite<'a> {
    /// SHA-256 of its code.
    pub code_hash: &'a str,
    /// What those may do who come by it.
    pub role: &'a str,
    /// How many may come.
    pub uses: i64,
    /// Who made it; none for the operator.
    pub made_by: Option<Id>,
    /// Until when it is good, milliseconds since 1970.
    pub expires_ms: i64,
}

/// An invite that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// By which staff takes it back; no secret.
    pub id: Id,
    /// What those may do who come by it.
    pub role: String,
    /// How many may still come.
    pub uses_left: i64,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it is good, milliseconds since 1970.
    pub expires_ms: i64,
}

struct InviteRow {
    id: String,
    role: String,
    uses_left: i64,
    created_ms: i64,
    expires_ms: i64,
}
row!(InviteRow {
    id,
    role,
    uses_left,
    created_ms,
    expires_ms
});

impl Accounts<'_> {
    /// Makes an invite.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn make_invite(&self, new: &NewInvite<'_>) -> Result<Invite, StoreError> {
        let made = Invite {
            id: self.store.next_id()?,
            role: new.role.to_owned(),
            uses_left: new.uses,
            created_ms: self.store.now_ms(),
            expires_ms: new.expires_ms,
        };
        sqlx::query(
            "INSERT INTO invites (code_hash, id, role, uses_left, made_by, created_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(new.code_hash.to_owned())
        .bind(made.id.to_string())
        .bind(made.role.clone())
        .bind(made.uses_left)
        .bind(new.made_by.map(|id| id.to_string()).unwrap_or_default())
        .bind(made.created_ms)
        .bind(made.expires_ms)
        .execute(self.db.write())
        .await?;
        Ok(made)
    }

    /// At most `limit` invites that are still good, behind `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn invites(&self, after: Option<Id>, limit: u32) -> Result<Vec<Invite>, StoreError> {
        let rows = sqlx::query_as::<_, InviteRow>(
            "SELECT id, role, uses_left, created_ms, expires_ms FROM invites \
             WHERE id > $1 AND expires_ms > $2 AND uses_left > 0 ORDER BY id LIMIT $3",
        )
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(self.store.now_ms())
        .bind(i64::from(limit))
        .fetch_all(self.db.fresh())
        .await?;
        let invite = |row: InviteRow| {
            Ok(Invite {
                id: id::stored(&row.id)?,
                role: row.role,
                uses_left: row.uses_left,
                created_ms: row.created_ms,
                expires_ms: row.expires_ms,
            })
        };
        rows.into_iter().map(invite).collect()
    }

    /// Takes an invite back.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn revoke_invite(&self, id: Id) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM invites WHERE id = $1")
            .bind(id.to_string())
            .execute(self.db.write())
            .await?;
        let is_there = done.rows_affected() > 0;
        is_there.then_some(()).ok_or(StoreError::Missing("invite"))
    }
}

/// Uses an invite once and says which role it gives.
pub(super) async fn take(
    writing: &mut Writing,
    code_hash: &str,
    now_ms: i64,
) -> Result<String, StoreError> {
    let role = sqlx::query_scalar::<_, String>(
        "UPDATE invites SET uses_left = uses_left - 1 \
         WHERE code_hash = $1 AND uses_left > 0 AND expires_ms > $2 RETURNING role",
    )
    .bind(code_hash.to_owned())
    .bind(now_ms)
    .fetch_optional(&mut **writing)
    .await?;
    role.ok_or(StoreError::Missing("invite"))
}
