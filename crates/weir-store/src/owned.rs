//! All rows of an account, whatever module they are in: to be taken along, and to be removed.
//!
//! What is taken along is walked through by the schema's own text, so a new table of users' rows is in it by itself;
//! a test looks into every table for what a removal left.

mod remove;

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use crate::catalog::{Column, Kind, Table, tables};
use crate::error::StoreError;
use crate::id::Id;
use crate::module::Module;
use crate::store::Store;

/// Rows of one table that are taken along at most: a bound on the answer, far above what people have.
pub const MAX_OWNED_ROWS: i64 = 10_000;

/// The rows of one table that belong to an account.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedRows {
    /// Of which table.
    pub table: &'static str,
    /// Each with its columns in their order.
    pub rows: Vec<Vec<(&'static str, Cell)>>,
    /// There are more than [`MAX_OWNED_ROWS`].
    pub is_cut: bool,
}

/// What stands in a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number, a time in milliseconds since 1970, or 0 and 1 for no and yes.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
}

impl Store {
    /// All that is kept of an account in tables of users' rows, and the bans against it. Secrets, and hashes of
    /// them, are left out.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn owned_by(&self, user_id: Id) -> Result<Vec<OwnedRows>, StoreError> {
        let mut owned = Vec::new();
        for module in Module::ALL {
            for table in tables(module)? {
                let Some(sql) = selection(&table) else {
                    continue;
                };
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .bind(user_id.to_string())
                    .bind(MAX_OWNED_ROWS + 1)
                    .fetch_all(self.db(module).fresh())
                    .await?;
                let most = usize::try_from(MAX_OWNED_ROWS).unwrap_or(usize::MAX);
                let is_cut = rows.len() > most;
                let shown: Vec<_> = shown(&table).collect();
                let cells = rows.iter().take(most).map(|row| cells(row, &shown));
                owned.push(OwnedRows {
                    table: table.name,
                    rows: cells.collect::<Result<_, _>>()?,
                    is_cut,
                });
            }
        }
        Ok(owned)
    }
}

/// What finds an account's rows in a table; none where the table has no rows of users. Names come from the schema.
fn selection(table: &Table) -> Option<String> {
    let owner = match table.name {
        "bans" => "subject_kind = 'account' AND subject = $1",
        _ if table.is_by_user => "user_id = $1",
        _ => return None,
    };
    let columns: Vec<_> = shown(table).map(|column| column.name).collect();
    Some(format!(
        "SELECT {} FROM {} WHERE {owner} ORDER BY {} LIMIT $2",
        columns.join(", "),
        table.name,
        table.key.join(", ")
    ))
}

/// The columns that are taken along: no secret, no hash of one, nothing that is not text or a number, and nobody
/// else's name.
fn shown(table: &Table) -> impl Iterator<Item = &Column> {
    const OF_OTHERS: [&str; 3] = ["by_user", "lifted_by", "decided_by"];
    table.columns.iter().filter(|column| {
        column.kind != Kind::Bytes
            && !column.name.contains("secret")
            && !column.name.contains("hash")
            && !OF_OTHERS.contains(&column.name)
    })
}

fn cells(row: &AnyRow, shown: &[&Column]) -> Result<Vec<(&'static str, Cell)>, StoreError> {
    let cell = |(at, column): (usize, &&Column)| {
        let cell = match column.kind {
            Kind::Text | Kind::Bytes => Cell::Text(row.try_get(at)?),
            Kind::Integer => Cell::Integer(row.try_get(at)?),
            Kind::Real => Cell::Real(row.try_get(at)?),
        };
        Ok((column.name, cell))
    };
    shown.iter().enumerate().map(cell).collect()
}

#[cfg(test)]
mod tests;
