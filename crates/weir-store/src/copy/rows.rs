//! Rows of any table, by the catalogue: read in the order of the key, bound, compared.
//!
//! Names of tables and columns come from this crate's schema alone, never from outside.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use crate::catalog::{Kind, Table};
use crate::error::StoreError;

/// A value of a key: NULL does not occur in one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Real(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

/// The statements that a table is copied with.
pub(super) struct Statements {
    /// All columns of the row with the greatest key.
    pub(super) last: String,
    /// A whole row, where its key is not there yet.
    pub(super) insert: String,
    first_page: String,
    next_page: String,
}

impl Statements {
    pub(super) fn of(table: &Table) -> Self {
        let name = table.name;
        let columns: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        let (all, key) = (columns.join(", "), table.key.join(", "));
        let places = |count: usize| {
            let places: Vec<_> = (1..=count).map(|n| format!("${n}")).collect();
            places.join(", ")
        };
        let down = table.key.join(" DESC, ");
        let limit = table.key.len() + 1;
        Self {
            last: format!("SELECT {all} FROM {name} ORDER BY {down} DESC LIMIT 1"),
            insert: format!(
                "INSERT INTO {name} ({all}) VALUES ({}) ON CONFLICT ({key}) DO NOTHING",
                places(columns.len())
            ),
            first_page: format!("SELECT {all} FROM {name} ORDER BY {key} LIMIT $1"),
            next_page: format!(
                "SELECT {all} FROM {name} WHERE ({key}) > ({}) ORDER BY {key} LIMIT ${limit}",
                places(table.key.len())
            ),
        }
    }

    /// At most `limit` rows behind the key `after`.
    pub(super) async fn page(
        &self,
        connection: &mut AnyConnection,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let text = if after.is_some() {
            &self.next_page
        } else {
            &self.first_page
        };
        let mut query = sqlx::query(AssertSqlSafe(text.clone()));
        for value in after.unwrap_or_default() {
            query = bind(query, value.clone());
        }
        let query = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(connection).await?)
    }
}

/// The key of a row.
pub(super) fn key_of(row: &AnyRow, table: &Table) -> Result<Vec<Value>, StoreError> {
    let columns = table.columns.iter().enumerate();
    let of = |name: &&str| {
        let found = columns.clone().find(|(_, column)| column.name == *name);
        let (at, column) = found.ok_or_else(|| {
            StoreError::Fault(format!("{}: its key has no column {name}", table.name))
        })?;
        value(row, at, column.kind)
    };
    table.key.iter().map(of).collect()
}

/// `query` with all columns of `row`.
pub(super) fn bind_row<'q>(
    mut query: Query<'q, Any, AnyArguments>,
    row: &AnyRow,
    table: &Table,
) -> Result<Query<'q, Any, AnyArguments>, StoreError> {
    for (at, column) in table.columns.iter().enumerate() {
        query = bind(query, value(row, at, column.kind)?);
    }
    Ok(query)
}

/// Whether two rows have the same in each column.
pub(super) fn same_row(a: &AnyRow, b: &AnyRow, table: &Table) -> Result<bool, StoreError> {
    for (at, column) in table.columns.iter().enumerate() {
        if value(a, at, column.kind)? != value(b, at, column.kind)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn value(row: &AnyRow, at: usize, kind: Kind) -> Result<Value, StoreError> {
    Ok(match kind {
        Kind::Text => Value::Text(row.try_get(at)?),
        Kind::Integer => Value::Integer(row.try_get(at)?),
        Kind::Real => Value::Real(row.try_get(at)?),
        Kind::Bytes => Value::Bytes(row.try_get(at)?),
    })
}

fn bind(query: Query<'_, Any, AnyArguments>, value: Value) -> Query<'_, Any, AnyArguments> {
    match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(number) => query.bind(number),
        Value::Real(number) => query.bind(number),
        Value::Bytes(bytes) => query.bind(bytes),
    }
}
