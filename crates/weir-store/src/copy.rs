//! All rows of one store into another: what moves to another engine, a backup and a restore are.
//!
//! Rows go in the order of their primary keys, so a copy that was broken off goes on behind the last row that is
//! there. In the end both sides are read again and compared row by row.

mod rows;

use sqlx::{Any, AnyConnection, Executor as _, Row as _, Transaction};

use crate::catalog::{Table, tables};
use crate::db::{Db, Engine};
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

use rows::{Statements, bind_row, key_of, same_row};

/// Rows read, and written in one transaction, at a time.
const BATCH: usize = 500;
/// Tries to lock the source: who writes all the time wins some of them.
const LOCK_TRIES: u32 = 10;

/// Whether others may go on writing to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// They may: what they write is not copied.
    GoOn,
    /// They wait, and are told so after a while: the source is left behind.
    Wait,
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The table at hand.
    pub table: &'static str,
    /// Rows of it that are copied, or compared.
    pub rows: u64,
    /// They are being compared.
    pub is_check: bool,
}

/// What a copy came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Tables copied.
    pub tables: u64,
    /// Rows that both sides have now, each compared.
    pub rows: u64,
}

impl Store {
    /// Copies all rows to `target`, which is empty or was broken off while this was copied to it, and
    /// compares them. `told` hears of the progress.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the sides differ in the end: the target had other rows.
    pub async fn copy_to(
        &self,
        target: &Self,
        writers: Writers,
        mut told: impl FnMut(Progress),
    ) -> Result<Copied, StoreError> {
        let mut copied = Copied::default();
        for module in Module::ALL {
            let tables = tables(module)?;
            let mut source = frozen_at_last(self.db(module), &tables, writers).await?;
            for table in &tables {
                copy(&mut source, target.db(module), table, &mut told).await?;
            }
            for table in &tables {
                copied.rows += compare(&mut source, target.db(module), table, &mut told).await?;
                copied.tables += 1;
            }
            source.rollback().await?;
        }
        Ok(copied)
    }
}

/// The same as [`frozen`], tried again where a writer and this one waited for each other and the database chose
/// this one to give way.
async fn frozen_at_last(
    db: &Db,
    tables: &[Table],
    writers: Writers,
) -> Result<Transaction<'static, Any>, StoreError> {
    for _ in 1..LOCK_TRIES {
        match frozen(db, tables, writers).await {
            // It waited for a second already.
            Err(StoreError::Again(_)) => {}
            outcome => return outcome,
        }
    }
    frozen(db, tables, writers).await
}

/// A transaction that sees one state of `db`, and lets nobody write where they shall wait.
async fn frozen(
    db: &Db,
    tables: &[Table],
    writers: Writers,
) -> Result<Transaction<'static, Any>, StoreError> {
    let begin = match (db.engine(), writers) {
        (Engine::Sqlite, Writers::Wait) => "BEGIN IMMEDIATE",
        (Engine::Sqlite, Writers::GoOn) => "BEGIN",
        (Engine::Postgres, _) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
    };
    let pool = match writers {
        Writers::Wait => db.write(),
        Writers::GoOn => db.fresh(),
    };
    let mut transaction = pool.begin_with(begin).await?;
    if db.engine() == Engine::Postgres && writers == Writers::Wait {
        for table in tables {
            let lock = format!("LOCK TABLE {} IN SHARE MODE", table.name);
            transaction.execute(sqlx::AssertSqlSafe(lock)).await?;
        }
    }
    Ok(transaction)
}

async fn copy(
    source: &mut AnyConnection,
    target: &Db,
    table: &Table,
    told: &mut impl FnMut(Progress),
) -> Result<(), StoreError> {
    let statements = Statements::of(table);
    let last = sqlx::query(sqlx::AssertSqlSafe(statements.last.clone()));
    let last = last.fetch_optional(target.fresh()).await?;
    let mut after = last.map(|row| key_of(&row, table)).transpose()?;
    let mut done: u64 = 0;
    loop {
        let rows = statements.page(source, after.as_deref(), BATCH).await?;
        let Some(newest) = rows.last() else {
            return Ok(());
        };
        after = Some(key_of(newest, table)?);
        let mut writing = target.begin().await?;
        for row in &rows {
            let insert = sqlx::query(sqlx::AssertSqlSafe(statements.insert.clone()));
            bind_row(insert, row, table)?.execute(&mut *writing).await?;
        }
        writing.commit().await?;
        done += u64::try_from(rows.len()).unwrap_or(0);
        told(Progress {
            table: table.name,
            rows: done,
            is_check: false,
        });
    }
}

/// Reads both sides in the order of their keys; how many rows they have.
async fn compare(
    source: &mut AnyConnection,
    target: &Db,
    table: &Table,
    told: &mut impl FnMut(Progress),
) -> Result<u64, StoreError> {
    let statements = Statements::of(table);
    let mut reading = target.fresh().acquire().await?;
    let (mut after, mut done) = (None, 0);
    loop {
        let here = statements.page(source, after.as_deref(), BATCH).await?;
        let there = statements
            .page(&mut reading, after.as_deref(), BATCH)
            .await?;
        for at in 0..here.len().max(there.len()) {
            let same = match (here.get(at), there.get(at)) {
                (Some(here), Some(there)) => same_row(here, there, table)?,
                _ => false,
            };
            if !same {
                let row = here.get(at).or(there.get(at));
                let key = row.map(|row| key_of(row, table)).transpose()?;
                let words = format!("{} differs at {:?}", table.name, key.unwrap_or_default());
                return Err(StoreError::Damaged(words));
            }
        }
        let Some(newest) = here.last() else {
            return Ok(done);
        };
        after = Some(key_of(newest, table)?);
        done += u64::try_from(here.len()).unwrap_or(0);
        told(Progress {
            table: table.name,
            rows: done,
            is_check: true,
        });
    }
}

/// Rows of each table: what `weir store check` says.
///
/// # Errors
/// [`StoreError::Away`].
pub(crate) async fn count(db: &Db, table: &Table) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) FROM {}", table.name);
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .fetch_one(db.fresh())
        .await?;
    Ok(row.try_get(0)?)
}
