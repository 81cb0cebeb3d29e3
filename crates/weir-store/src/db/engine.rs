//! What differs between the two engines, all of it.

use crate::error::StoreError;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file beside the process.
    Sqlite,
    /// A server.
    Postgres,
}

/// Stands behind the closing parenthesis of a table whose rows belong to users.
const BY_USER: &str = ") /* by user_id */;";

impl Engine {
    /// The engine that a URL names.
    ///
    /// # Errors
    /// [`StoreError::Setting`] for another scheme, or an engine that is not in this binary.
    pub(crate) fn of(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            if cfg!(feature = "postgres") {
                return Ok(Self::Postgres);
            }
            let words = "this binary is built without PostgreSQL";
            Err(StoreError::Setting(words.to_owned()))
        } else {
            let words =
                "a database is sqlite: and a file, or postgres://USER:PASSWORD@HOST/DATABASE";
            Err(StoreError::Setting(words.to_owned()))
        }
    }

    /// As people write it: `SQLite` or `PostgreSQL`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// For money: as if one transaction came behind the other.
    pub(crate) const fn begin_serializable(self) -> &'static str {
        match self {
            // Its one writer is alone already.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }

    /// Stands behind a selection of rows to take: those that somebody else takes at this moment are passed over.
    pub(crate) const fn skip_taken(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// A step of the schema in its words. Text sorts by its bytes in both; with `partitions` each table of
    /// users' rows is split by a hash of its `user_id`.
    pub(crate) fn schema(self, sql: &str, partitions: u32) -> String {
        if self == Self::Sqlite {
            return sql.to_owned();
        }
        let mut out = String::with_capacity(sql.len() * 2);
        let mut table = "";
        for line in sql.lines() {
            if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                table = rest.split([' ', '(']).next().unwrap_or_default();
            }
            if line == BY_USER && partitions > 0 {
                out.push_str(") PARTITION BY HASH (user_id);\n");
                for part in 0..partitions {
                    out.push_str(&format!(
                        "CREATE TABLE {table}_{part} PARTITION OF {table} \
                         FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part});\n"
                    ));
                }
                continue;
            }
            let (code, remark) = line.split_once("--").unwrap_or((line, ""));
            out.push_str(
                &code
                    .replace(" BLOB", " BYTEA")
                    .replace(" TEXT", " TEXT COLLATE \"C\""),
            );
            if !remark.is_empty() {
                out.push_str("--");
                out.push_str(remark);
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_users_is_split_by_user_on_postgresql_alone() {
        let sql = "CREATE TABLE pets (\n  user_id TEXT NOT NULL, -- whose TEXT\n  face BLOB\n) /* by user_id */;\n";
        assert_eq!(Engine::Sqlite.schema(sql, 2), sql);
        assert_eq!(
            Engine::Postgres.schema(sql, 2),
            "CREATE TABLE pets (\n  user_id TEXT COLLATE \"C\" NOT NULL, -- whose TEXT\n  face BYTEA\n\
             ) PARTITION BY HASH (user_id);\n\
             CREATE TABLE pets_0 PARTITION OF pets FOR VALUES WITH (MODULUS 2, REMAINDER 0);\n\
             CREATE TABLE pets_1 PARTITION OF pets FOR VALUES WITH (MODULUS 2, REMAINDER 1);\n"
        );
    }

    #[test]
    fn only_the_two_engines_are_known() {
        assert_eq!(Engine::of("sqlite:weir.db").unwrap(), Engine::Sqlite);
        assert!(Engine::of("mysql://a/b").is_err());
    }
}
