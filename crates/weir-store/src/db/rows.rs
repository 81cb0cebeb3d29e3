//! Statements over many rows: their placeholders, for both engines.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::Db;
use crate::error::StoreError;
use crate::id::{self, Id};

/// Ids asked for in one statement.
pub(crate) const IDS_AT_ONCE: usize = 100;

/// `($1, $2), ($3, $4)`: placeholders of `rows` rows with `columns` values each, behind `before` others.
pub(crate) fn placeholders(before: usize, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 6);
    let mut number = before;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            let comma = if column == 0 { "" } else { ", " };
            text.push_str(&format!("{comma}${number}"));
        }
        text.push(')');
    }
    text
}

/// `($1, $2, $3)`: placeholders of a list of `count` values, behind `before` others.
pub(crate) fn list(before: usize, count: usize) -> String {
    placeholders(before, 1, count)
}

impl Db {
    /// What rows of these ids are called. `head` selects an id and a name, up to its `IN`.
    pub(crate) async fn named(
        &self,
        head: &'static str,
        ids: &[Id],
    ) -> Result<HashMap<Id, String>, StoreError> {
        let mut names = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_AT_ONCE) {
            // Only the numbers of the places are not written in this crate's text.
            let sql = AssertSqlSafe(format!("{head} {}", list(0, ids.len())));
            let mut rows = sqlx::query_as::<_, (String, String)>(sql);
            for id in ids {
                rows = rows.bind(id.to_string());
            }
            for (id, name) in rows.fetch_all(self.fresh()).await? {
                names.insert(id::stored(&id)?, name);
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_through_all_rows() {
        assert_eq!(placeholders(0, 2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(list(2, 2), "($3, $4)");
    }
}
