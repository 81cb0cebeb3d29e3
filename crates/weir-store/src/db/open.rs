//! Opens databases: which file or server, how many connections, and what each connection is told first.

use std::path::Path;
use std::time::Duration;

use sqlx::AnyPool;
use sqlx::Connection as _;
use sqlx::Executor as _;
use sqlx::any::AnyPoolOptions;

use super::{Db, Engine};
use crate::error::StoreError;

/// The file of a database that no URL names, in the data folder.
const FILE: &str = "weir.db";
/// A connection of SQLite that writes: each commit is on the disk before it is told of. Another process that
/// writes (`weir store`) is waited for.
const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                      PRAGMA busy_timeout = 5000; PRAGMA journal_size_limit = 67108864;";
/// One that reads.
const READER: &str =
    "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA mmap_size = 268435456;";

/// What is opened.
pub(crate) struct Opening<'a> {
    /// Empty: the file in `data`.
    pub(crate) url: &'a str,
    pub(crate) replicas: &'a [String],
    pub(crate) data: &'a Path,
    pub(crate) connections: u32,
    pub(crate) timeout: Duration,
}

impl Opening<'_> {
    /// The URL, with the file that an empty one means.
    pub(crate) fn url(&self) -> Result<String, StoreError> {
        if !self.url.is_empty() {
            return Ok(self.url.to_owned());
        }
        let path = self.data.join(FILE);
        let path = path.to_str().ok_or_else(|| {
            let words = format!("{} is no text; set store.url", path.display());
            StoreError::Setting(words)
        })?;
        Ok(format!("sqlite:{}", percent(path)))
    }

    fn pool(&self, connections: u32) -> AnyPoolOptions {
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.timeout)
    }
}

/// Opens the database and its replicas. A server that is away now is found when it is needed.
///
/// # Errors
/// [`StoreError::Setting`] for a URL that makes no sense, [`StoreError::Away`] for a file that cannot be
/// opened.
pub(crate) async fn open(opening: &Opening<'_>) -> Result<Db, StoreError> {
    sqlx::any::install_default_drivers();
    let url = opening.url()?;
    let engine = Engine::of(&url)?;
    let (write, fresh) = match engine {
        Engine::Sqlite => sqlite(opening, &url).await?,
        Engine::Postgres => {
            let pool = postgres(opening, &url)?;
            (pool.clone(), pool)
        }
    };
    let mut replicas = Vec::with_capacity(opening.replicas.len());
    for url in opening.replicas {
        if Engine::of(url)? != engine {
            let words = "a replica is of the same engine as what it follows";
            return Err(StoreError::Setting(words.to_owned()));
        }
        replicas.push(opening.pool(opening.connections).connect_lazy(url)?);
    }
    Ok(Db::new(engine, write, fresh, replicas))
}

/// Connections that write are looked at before somebody gets one: where whoever began a transaction was broken off before
/// the server had answered, the connection is in a transaction that nobody knows of, and what is written in it would
/// never be committed. It costs what the usual question whether the connection still lives costs.
fn postgres(opening: &Opening<'_>, url: &str) -> Result<AnyPool, StoreError> {
    let pool = opening
        .pool(opening.connections)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                // Inside a transaction the one is when that began, and the other now.
                sqlx::query_scalar("SELECT now() = statement_timestamp()")
                    .fetch_one(connection)
                    .await
            })
        });
    Ok(pool.connect_lazy(url)?)
}

async fn sqlite(opening: &Opening<'_>, url: &str) -> Result<(AnyPool, AnyPool), StoreError> {
    let url = match url.contains('?') {
        true => format!("{url}&mode=rwc"),
        false => format!("{url}?mode=rwc"),
    };
    // The one that writes stays open: it holds the log of what was written.
    let write = opening
        .pool(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(WRITER).await.map(|_| ()) })
        })
        // A full disk ends a transaction behind its back: such a connection would begin none any more.
        .before_acquire(|connection, _| {
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
        .connect(&url)
        .await?;
    let fresh = opening
        .pool(opening.connections)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(READER).await.map(|_| ()) })
        })
        .connect_lazy(&url)?;
    Ok((write, fresh))
}

/// A path as it stands in a URL.
fn percent(path: &str) -> String {
    path.chars().fold(String::new(), |mut out, c| {
        match c {
            '%' => out.push_str("%25"),
            '?' => out.push_str("%3F"),
            '#' => out.push_str("%23"),
            c => out.push(c),
        }
        out
    })
}
