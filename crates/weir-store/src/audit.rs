//! Who did what, to what, from where: written once, read, never changed.

use sqlx::AssertSqlSafe;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

/// An act of somebody who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act<'a> {
    /// Account, or empty where it has none.
    pub actor: &'a str,
    /// As the actor was called then.
    pub name: &'a str,
    /// Such as `channel.ban`.
    pub action: &'a str,
    /// What it was done to, such as an id.
    pub object: &'a str,
    /// JSON of how it was, or empty.
    pub before: &'a str,
    /// JSON of how it is, or empty. No secrets.
    pub after: &'a str,
    /// From where.
    pub address: &'a str,
}

/// A row of `audit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Sorts by time: a list goes on behind it.
    pub id: Id,
    /// Account, or empty where it has none.
    pub actor: String,
    /// As the actor was called then.
    pub name: String,
    /// Such as `channel.ban`.
    pub action: String,
    /// What it was done to.
    pub object: String,
    /// JSON of how it was, or empty.
    pub before: String,
    /// JSON of how it is, or empty.
    pub after: String,
    /// From where.
    pub address: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// Which acts a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditFilter<'a> {
    /// Of this account alone.
    pub actor: Option<&'a str>,
    /// To this alone.
    pub object: Option<&'a str>,
    /// Of this kind alone.
    pub action: Option<&'a str>,
}

struct AuditRow {
    id: String,
    actor: String,
    name: String,
    action: String,
    object: String,
    before: String,
    after: String,
    address: String,
    at_ms: i64,
}
row!(AuditRow {
    id,
    actor,
    name,
    action,
    object,
    before,
    after,
    address,
    at_ms
});

impl Store {
    /// The audit log.
    pub fn audit(&self) -> Audit<'_> {
        Audit {
            store: self,
            db: self.db(Module::Events),
        }
    }
}

/// Writes and reads the audit log. There is no way to change a row.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Audit<'_> {
    /// Writes an act down.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn write(&self, act: &Act<'_>) -> Result<Id, StoreError> {
        let id = self.store.next_id()?;
        sqlx::query(
            "INSERT INTO audit (id, actor, name, action, object, before, after, address, at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.to_string())
        .bind(act.actor.to_owned())
        .bind(act.name.to_owned())
        .bind(act.action.to_owned())
        .bind(act.object.to_owned())
        .bind(act.before.to_owned())
        .bind(act.after.to_owned())
        .bind(act.address.to_owned())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        Ok(id)
    }

    /// At most `limit` acts older than `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        filter: AuditFilter<'_>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut sql = String::from(
            "SELECT id, actor, name, action, object, before, after, address, at_ms FROM audit WHERE id < $1",
        );
        let mut given = vec![before.map_or_else(|| "~".to_owned(), |id| id.to_string())];
        let wanted = [
            ("actor", filter.actor),
            ("object", filter.object),
            ("action", filter.action),
        ];
        for (column, value) in wanted {
            if let Some(value) = value {
                given.push(value.to_owned());
                sql.push_str(&format!(" AND {column} = ${}", given.len()));
            }
        }
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", given.len() + 1));
        let mut query = sqlx::query_as::<_, AuditRow>(AssertSqlSafe(sql));
        for value in given {
            query = query.bind(value);
        }
        let rows = query.bind(i64::from(limit)).fetch_all(self.db.fresh());
        rows.await?.into_iter().map(AuditEntry::try_from).collect()
    }
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            actor: row.actor,
            name: row.name,
            action: row.action,
            object: row.object,
            before: row.before,
            after: row.after,
            address: row.address,
            at_ms: row.at_ms,
        })
    }
}
