//! Brings secrets that are stored from how they stand to how they should: sealed, by the newest key. After an upgrade
//! that is all of them, after a change of keys those of the old one.

use crate::apps::rules_of;
use crate::error::StoreError;
use crate::hooks::secret_of;
use crate::id;
use crate::module::Module;
use crate::store::Store;

/// Rows read at once.
const AT_ONCE: i64 = 500;

impl Store {
    /// Seals by the newest key what is not yet, and gives how many secrets that were. What no key here opens stays as
    /// it is. It may run on several nodes at once, and again.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn seal_all(&self) -> Result<u64, StoreError> {
        let Some(prefix) = self.0.sealing.prefix() else {
            return Ok(0);
        };
        let apps = SecretColumn {
            module: Module::Content,
            read: "SELECT name, rules FROM apps WHERE name > $1 ORDER BY name LIMIT $2",
            write: "UPDATE apps SET rules = $3 WHERE name = $1 AND rules = $2",
        };
        let hooks = SecretColumn {
            module: Module::Events,
            read: "SELECT id, secret FROM hook_endpoints WHERE id > $1 ORDER BY id LIMIT $2",
            write: "UPDATE hook_endpoints SET secret = $3 WHERE id = $1 AND secret = $2",
        };
        let old_hooks = SecretColumn {
            read: "SELECT id, old_secret FROM hook_endpoints WHERE id > $1 ORDER BY id LIMIT $2",
            write: "UPDATE hook_endpoints SET old_secret = $3 WHERE id = $1 AND old_secret = $2",
            ..hooks
        };
        let of_hook = |id: &str| id::stored(id).map(secret_of);
        let mut sealed = self
            .seal_column(apps, &prefix, |app| Ok(rules_of(app)))
            .await?;
        sealed += self.seal_column(hooks, &prefix, of_hook).await?;
        sealed += self.seal_column(old_hooks, &prefix, of_hook).await?;
        Ok(sealed)
    }

    async fn seal_column(
        &self,
        column: SecretColumn,
        prefix: &str,
        owner: impl Fn(&str) -> Result<String, StoreError>,
    ) -> Result<u64, StoreError> {
        let (db, mut after, mut sealed) = (self.db(column.module), String::new(), 0);
        loop {
            let rows = sqlx::query_as::<_, (String, String)>(column.read)
                .bind(after.clone())
                .bind(AT_ONCE)
                .fetch_all(db.fresh())
                .await?;
            let Some((last, _)) = rows.last() else {
                return Ok(sealed);
            };
            after.clone_from(last);
            for (id, stands) in rows {
                if stands.is_empty() || stands.starts_with(prefix) {
                    continue;
                }
                let owner = owner(&id)?;
                let Some(secret) = self.0.sealing.open(&stands, &owner) else {
                    continue;
                };
                // Who changed it meanwhile sealed it, too.
                let done = sqlx::query(column.write)
                    .bind(id)
                    .bind(stands)
                    .bind(self.0.sealing.close(&secret, &owner)?)
                    .execute(db.write())
                    .await?;
                sealed += done.rows_affected();
            }
        }
    }
}

/// A column with a secret, and how it is found by what its rows are called.
#[derive(Clone, Copy)]
struct SecretColumn {
    module: Module,
    read: &'static str,
    write: &'static str,
}

#[cfg(test)]
mod tests;
