//! Why the store did not do what it was asked for, in terms of who can mend it.

/// PostgreSQL's disk_full.
const POSTGRES_FULL: &str = "53100";
/// PostgreSQL's serialization_failure and deadlock_detected: the same again may pass.
const POSTGRES_AGAIN: [&str; 2] = ["40001", "40P01"];
/// Characters of an SQLSTATE: SQLite's numbers have fewer.
const SQLSTATE_CHARS: usize = 5;

/// Says of each failure whether the caller, the operator or time mends it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What should be unique is there already: the caller's to change.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// What is asked for is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// It was changed meanwhile: read it again.
    #[error("{0} was changed by somebody else meanwhile")]
    Changed(&'static str),
    /// A bound of this store is reached.
    #[error("{0}")]
    Bound(String),
    /// The database or the object store does not answer: it may again soon.
    #[error("the store does not answer: {0}")]
    Away(String),
    /// No room is left where it writes.
    #[error("the store's disk is full: {0}")]
    Full(String),
    /// Somebody else was at the same rows: the same again may pass.
    #[error("too many at once at the same rows: {0}")]
    Again(String),
    /// What is stored is not what was written.
    #[error("what is stored is damaged: {0}")]
    Damaged(String),
    /// The settings name something that cannot be.
    #[error("{0}")]
    Setting(String),
    /// A fault of weir or of the database's schema.
    #[error("{0}")]
    Fault(String),
}

impl StoreError {
    /// A violated unique key is `taken` by what it names; everything else as it is.
    pub(crate) fn taken(self, what: &'static str) -> Self {
        match self {
            Self::Taken(_) => Self::Taken(what),
            other => other,
        }
    }

    /// Whether trying again later, with nothing changed, may help.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Full(_) | Self::Again(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::Missing("row"),
            sqlx::Error::Database(said) if said.is_unique_violation() => Self::Taken("it"),
            sqlx::Error::Database(said) => {
                let code = said.code();
                let code = code.as_deref().unwrap_or_default();
                let meaning = match code.len() {
                    SQLSTATE_CHARS => of_postgres(code),
                    _ => of_sqlite(code),
                };
                meaning(said.message().to_owned())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Away(error.to_string()),
            sqlx::Error::Configuration(_) => Self::Setting(error.to_string()),
            _ => Self::Fault(error.to_string()),
        }
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing("object"),
            object_store::Error::AlreadyExists { .. } => Self::Taken("the object"),
            object_store::Error::Precondition { .. } => Self::Changed("the object"),
            object_store::Error::InvalidPath { .. } | object_store::Error::NotSupported { .. } => {
                Self::Fault(error.to_string())
            }
            _ if is_full(&error) => Self::Full(error.to_string()),
            _ => Self::Away(error.to_string()),
        }
    }
}

/// What an SQLSTATE means.
fn of_postgres(code: &str) -> fn(String) -> StoreError {
    match code {
        POSTGRES_FULL => StoreError::Full,
        // character_not_in_repertoire: no text there has a NUL, so nothing is called so.
        "22021" => |_| StoreError::Missing("text"),
        _ if POSTGRES_AGAIN.contains(&code) => StoreError::Again,
        // The tables are made when the server is first there.
        "42P01" => StoreError::Away,
        // A server that starts or stops (class 57), or has no place for one more (53300).
        _ if code.starts_with("57P") || code == "53300" => StoreError::Away,
        _ => StoreError::Fault,
    }
}

/// What a result code of SQLite means: its low byte is the kind, the rest says more of it.
fn of_sqlite(code: &str) -> fn(String) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // SQLITE_FULL.
        Ok(13) => StoreError::Full,
        // SQLITE_BUSY and SQLITE_LOCKED: another process or connection writes.
        Ok(5 | 6) => StoreError::Again,
        // SQLITE_IOERR and SQLITE_CANTOPEN: the disk does not do it now, as where a quota is used up.
        Ok(10 | 14) => StoreError::Away,
        // SQLITE_CORRUPT and SQLITE_NOTADB.
        Ok(11 | 26) => StoreError::Damaged,
        _ => StoreError::Fault,
    }
}

/// Whether "no space left" lies at the bottom of it.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::StorageFull) {
        return true;
    }
    error.source().is_some_and(is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_is_told_apart_by_who_can_mend_it() {
        let full = |meaning: fn(String) -> StoreError| {
            matches!(meaning(String::new()), StoreError::Full(_))
        };
        assert!(full(of_sqlite("13")) && full(of_postgres("53100")));
        // SQLITE_BUSY_SNAPSHOT, SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE.
        let again = of_sqlite("517")(String::new());
        assert!(matches!(again, StoreError::Again(_)), "{again}");
        for code in ["778", "4874", "14"] {
            let away = of_sqlite(code)(String::new());
            assert!(matches!(away, StoreError::Away(_)), "{code}: {away}");
        }
        let fault = of_sqlite("")(String::new());
        assert!(matches!(fault, StoreError::Fault(_)), "{fault}");
    }
}
