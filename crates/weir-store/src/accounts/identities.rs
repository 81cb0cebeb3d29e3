//! Identities in rows: who an account is at providers elsewhere, each found by what its provider says.

use super::Accounts;
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};

/// An identity to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewIdentity<'a> {
    /// The provider, as the settings call it.
    pub provider: &'a str,
    /// As the provider calls itself.
    pub issuer: &'a str,
    /// Whom it means.
    pub subject: &'a str,
    /// What its owner knows it by: a name or an address.
    pub label: &'a str,
}

/// A row of `identities`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Whose.
    pub user_id: Id,
    /// Its own id.
    pub id: Id,
    /// The provider, as the settings called it when it was linked.
    pub provider: String,
    /// As the provider calls itself.
    pub issuer: String,
    /// Whom it means.
    pub subject: String,
    /// What its owner knows it by.
    pub label: String,
    /// When it was linked, milliseconds since 1970.
    pub created_ms: i64,
    /// When it last signed in, milliseconds since 1970; 0: not yet.
    pub used_ms: i64,
}

struct IdentityRow {
    user_id: String,
    id: String,
    provider: String,
    issuer: String,
    subject: String,
    label: String,
    created_ms: i64,
    used_ms: i64,
}
row!(IdentityRow {
    user_id,
    id,
    provider,
    issuer,
    subject,
    label,
    created_ms,
    used_ms
});

/// The columns of [`IdentityRow`].
macro_rules! columns {
    () => {
        "i.user_id, i.id, i.provider, i.issuer, i.subject, i.label, i.created_ms, i.used_ms"
    };
}

impl Accounts<'_> {
    /// Links an account to what it is elsewhere. `most`: so many it may have, this one counted.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where it is somebody's, [`StoreError::Bound`] where there are too many,
    /// [`StoreError::Missing`] where the account is gone.
    pub async fn link_identity(
        &self,
        user_id: Id,
        new: &NewIdentity<'_>,
        most: u32,
    ) -> Result<LinkedIdentity, StoreError> {
        let mut writing = self.db.begin().await?;
        self.hold(&mut writing, user_id).await?;
        if count(&mut writing, user_id).await? >= i64::from(most) {
            let words = format!("an account may be linked {most} times: remove one first");
            return Err(StoreError::Bound(words));
        }
        let id = self.store.next_id()?;
        insert(&mut writing, (user_id, id), new, self.store.now_ms()).await?;
        writing.commit().await?;
        self.identity(user_id, id).await
    }

    /// One identity of an account.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn identity(&self, user_id: Id, id: Id) -> Result<LinkedIdentity, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM identities i WHERE i.user_id = $1 AND i.id = $2"
        );
        let row = sqlx::query_as::<_, IdentityRow>(SQL)
            .bind(user_id.to_string())
            .bind(id.to_string());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// The identity that an issuer means by this subject.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn identity_of(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<LinkedIdentity, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM identity_subjects s JOIN identities i ON i.user_id = s.user_id AND i.id = s.identity_id \
             WHERE s.issuer = $1 AND s.subject = $2"
        );
        let row = sqlx::query_as::<_, IdentityRow>(SQL)
            .bind(issuer.to_owned())
            .bind(subject.to_owned());
        found(row.fetch_optional(self.db.fresh()).await?)
    }

    /// At most `limit` identities of an account, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn identities(
        &self,
        user_id: Id,
        limit: u32,
    ) -> Result<Vec<LinkedIdentity>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM identities i WHERE i.user_id = $1 ORDER BY i.id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, IdentityRow>(SQL)
            .bind(user_id.to_string())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(LinkedIdentity::try_from).collect()
    }

    /// Keeps that an identity signed in.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn use_identity(&self, identity: &LinkedIdentity) -> Result<(), StoreError> {
        sqlx::query("UPDATE identities SET used_ms = $3 WHERE user_id = $1 AND id = $2")
            .bind(identity.user_id.to_string())
            .bind(identity.id.to_string())
            .bind(self.store.now_ms())
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Ends an identity's link. Where nothing else signs its account in (no password, no passkey, no other identity) it
    /// stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Bound`] where it is the last way in.
    pub async fn unlink_identity(&self, user_id: Id, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        self.hold(&mut writing, user_id).await?;
        sqlx::query("DELETE FROM identity_subjects WHERE user_id = $1 AND identity_id = $2")
            .bind(user_id.to_string())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        let gone = sqlx::query("DELETE FROM identities WHERE user_id = $1 AND id = $2")
            .bind(user_id.to_string())
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("identity"));
        }
        let ways: i64 = sqlx::query_scalar(
            "SELECT (SELECT COUNT(*) FROM accounts WHERE user_id = $1 AND password_hash <> '') \
             + (SELECT COUNT(*) FROM passkeys WHERE user_id = $1) \
             + (SELECT COUNT(*) FROM identities WHERE user_id = $1)",
        )
        .bind(user_id.to_string())
        .fetch_one(&mut *writing)
        .await?;
        if ways == 0 {
            let words = "nothing else signs this account in: set a password first";
            return Err(StoreError::Bound(words.to_owned()));
        }
        Ok(writing.commit().await?)
    }

    /// Holds an account's row, so that of two who change what belongs to it the second sees what the first did.
    async fn hold(&self, writing: &mut Writing, user_id: Id) -> Result<(), StoreError> {
        let held = sqlx::query("UPDATE accounts SET version = version WHERE user_id = $1")
            .bind(user_id.to_string())
            .execute(&mut **writing)
            .await?;
        match held.rows_affected() {
            0 => Err(StoreError::Missing("account")),
            _ => Ok(()),
        }
    }
}

/// Keeps an identity of an account with this id and its own.
pub(super) async fn insert(
    writing: &mut Writing,
    (user_id, id): (Id, Id),
    new: &NewIdentity<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO identity_subjects (issuer, subject, user_id, identity_id) VALUES ($1, $2, $3, $4)",
    )
    .bind(new.issuer.to_owned())
    .bind(new.subject.to_owned())
    .bind(user_id.to_string())
    .bind(id.to_string())
    .execute(&mut **writing)
    .await
    .map_err(|error| StoreError::from(error).taken("the identity"))?;
    sqlx::query(
        "INSERT INTO identities (user_id, id, provider, issuer, subject, label, created_ms, used_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(user_id.to_string())
    .bind(id.to_string())
    .bind(new.provider.to_owned())
    .bind(new.issuer.to_owned())
    .bind(new.subject.to_owned())
    .bind(new.label.to_owned())
    .bind(now_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn count(writing: &mut Writing, user_id: Id) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM identities WHERE user_id = $1")
        .bind(user_id.to_string())
        .fetch_one(&mut **writing)
        .await?;
    Ok(count)
}

fn found(row: Option<IdentityRow>) -> Result<LinkedIdentity, StoreError> {
    row.ok_or(StoreError::Missing("identity"))?.try_into()
}

impl TryFrom<IdentityRow> for LinkedIdentity {
    type Error = StoreError;

    fn try_from(row: IdentityRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            id: id::stored(&row.id)?,
            provider: row.provider,
            issuer: row.issuer,
            subject: row.subject,
            label: row.label,
            created_ms: row.created_ms,
            used_ms: row.used_ms,
        })
    }
}
