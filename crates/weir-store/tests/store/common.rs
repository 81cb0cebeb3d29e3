//! A store on each engine: SQLite, PostgreSQL, and PostgreSQL with every user's tables split by a hash.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::sync::Arc;

use tempfile::TempDir;
use weir_base::Clock;
use weir_store::{Config, Store};
use weir_testkit::postgres::Postgres;
use weir_testkit::tools::{Tool, have};

/// What the clock of a test says at first: 14 November 2023, in microseconds.
pub(crate) const BEGIN_US: i64 = 1_700_000_000_000_000;

/// A store that goes with the test.
pub(crate) struct Kit {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) dir: TempDir,
    _server: Option<Arc<Postgres>>,
}

impl Kit {
    async fn new(set: impl FnOnce(&mut Config), server: Option<Arc<Postgres>>) -> Self {
        let mut config = Config::default();
        set(&mut config);
        config.check().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(BEGIN_US);
        let store = Store::open(&config, dir.path(), clock.clone())
            .await
            .unwrap();
        Self {
            store,
            config,
            clock,
            dir,
            _server: server,
        }
    }

    /// On SQLite.
    pub(crate) async fn sqlite() -> Self {
        Self::new(|_| {}, None).await
    }

    /// On PostgreSQL, with so many partitions.
    pub(crate) async fn postgres(partitions: u32) -> Self {
        let server = Postgres::shared();
        let url = server.database();
        let set = |config: &mut Config| {
            config.url = url;
            config.partitions = partitions;
            config.connections = 4;
        };
        Self::new(set, Some(server)).await
    }
}

/// One of each, said in the test's output so that a failure shows which.
pub(crate) async fn kits() -> Vec<Kit> {
    let mut kits = vec![Kit::sqlite().await];
    if cfg!(feature = "postgres") && have(&[Tool::Postgres]) {
        kits.push(Kit::postgres(0).await);
        kits.push(Kit::postgres(3).await);
    }
    kits
}
