//! One module's database: a pool that writes, pools that read, and the same SQL for both engines.
//!
//! SQL text is written once: placeholders are `$1`, types are TEXT, BIGINT, DOUBLE PRECISION and BLOB.

mod engine;
mod open;
mod rows;
mod schema;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::AnyPool;
use sqlx::{Any, Transaction};

use crate::error::StoreError;
use crate::module::Module;

pub use engine::Engine;
pub(crate) use open::{Opening, open};
pub(crate) use rows::{IDS_AT_ONCE, list, placeholders};
pub(crate) use schema::migrate;

/// A transaction that writes: dropped without `commit`, nothing of it happened.
pub(crate) type Writing = Transaction<'static, Any>;

/// See the module's words. Clones share the pools.
#[derive(Clone)]
pub struct Db(Arc<Pools>);

struct Pools {
    engine: Engine,
    write: AnyPool,
    /// Of the same database.
    fresh: AnyPool,
    /// Replicas: some seconds behind at times.
    replicas: Vec<AnyPool>,
    turn: AtomicUsize,
}

impl Db {
    pub(crate) fn new(
        engine: Engine,
        write: AnyPool,
        fresh: AnyPool,
        replicas: Vec<AnyPool>,
    ) -> Self {
        let turn = AtomicUsize::new(0);
        Self(Arc::new(Pools {
            engine,
            write,
            fresh,
            replicas,
            turn,
        }))
    }

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// Begins to write.
    ///
    /// # Errors
    /// [`StoreError::Away`] where the database does not answer in time.
    pub(crate) async fn begin(&self) -> Result<Writing, StoreError> {
        // SQLite's writers wait in line here rather than find out at their first write that there is another.
        Ok(self.0.write.begin_with(self.0.engine.begin()).await?)
    }

    /// Begins to write where what was read decides what is written: somebody else's writing between the two ends in
    /// [`StoreError::Again`].
    ///
    /// # Errors
    /// [`StoreError::Away`] where the database does not answer in time.
    pub(crate) async fn begin_serializable(&self) -> Result<Writing, StoreError> {
        let begin = self.0.engine.begin_serializable();
        Ok(self.0.write.begin_with(begin).await?)
    }

    /// One statement that writes, by itself.
    pub(crate) fn write(&self) -> &AnyPool {
        &self.0.write
    }

    /// Reads what was committed until now.
    pub(crate) fn fresh(&self) -> &AnyPool {
        &self.0.fresh
    }

    /// Reads for an answer that may be seconds old, such as a list of what is public.
    pub(crate) fn lagging(&self) -> &AnyPool {
        let replicas = &self.0.replicas;
        if replicas.is_empty() {
            return self.fresh();
        }
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        replicas.get(turn % replicas.len()).unwrap_or(&self.0.fresh)
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.fresh()).await?;
        Ok(())
    }

    /// Brings `module`'s tables to what this version of weir knows.
    pub(crate) async fn migrate(&self, module: Module, partitions: u32) -> Result<(), StoreError> {
        migrate(&self.0.write, self.0.engine, module, partitions).await
    }

    pub(crate) async fn close(&self) {
        for pool in [&self.0.write, &self.0.fresh]
            .into_iter()
            .chain(&self.0.replicas)
        {
            pool.close().await;
        }
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the URL: it may hold a password.
        write!(f, "Db({})", self.0.engine.name())
    }
}
