//! Reads structs from rows of a database.

/// Has a struct read from a row: each field in the braces is the column of its name, each behind them is a struct of
/// other columns of the same row. `sqlx` has a derive that says the same, for which the compiler builds both drivers
/// and their TLS a second time: two minutes of a clean build.
macro_rules! row {
    ($name:ident { $($column:ident),* $(,)? } $(, $part:ident)* $(,)?) => {
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $name {
            fn from_row(row: &'r sqlx::any::AnyRow) -> sqlx::Result<Self> {
                Ok(Self {
                    $($column: sqlx::Row::try_get(row, stringify!($column))?,)*
                    $($part: sqlx::FromRow::from_row(row)?,)*
                })
            }
        }
    };
}
