//! Whether the databases answer, for whoever asks how this node is: looked at beside the requests, so that a look
//! costs nobody a wait.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use weir_base::Shutdown;

use crate::module::Module;
use crate::store::Store;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same after tables were found that this version cannot use: somebody has to do something.
const STUCK_EVERY: Duration = Duration::from_secs(30);

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    has_tables: AtomicBool,
    /// Milliseconds since 1970; 0: they answer.
    away_since_ms: AtomicI64,
}

impl Standing {
    pub(crate) fn arrived(&self) {
        self.has_tables.store(true, Ordering::Relaxed);
    }
}

impl Store {
    /// For how many milliseconds the databases have not answered; none where they do.
    pub fn away_ms(&self) -> Option<i64> {
        let since_ms = self.0.standing.away_since_ms.load(Ordering::Relaxed);
        (since_ms > 0).then(|| (self.now_ms() - since_ms).max(0))
    }

    /// Looks until the end whether the databases answer; brings the tables up to date when they first do.
    pub async fn watch(self, shutdown: Shutdown) {
        loop {
            let pause = self.look().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    async fn look(&self) -> Duration {
        let standing = &self.0.standing;
        let has_tables = standing.has_tables.load(Ordering::Relaxed);
        let seen = match has_tables {
            true => self.ping().await,
            false => self.migrate().await,
        };
        let Err(error) = seen else {
            if standing.away_since_ms.swap(0, Ordering::Relaxed) > 0 {
                tracing::info!("the database answers again");
            }
            return LOOK_EVERY;
        };
        let now_ms = self.now_ms();
        let first = standing.away_since_ms.compare_exchange(
            0,
            now_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if first.is_ok() {
            tracing::warn!("the database does not answer, what needs none goes on: {error}");
        }
        if error.is_passing() {
            return LOOK_EVERY;
        }
        tracing::error!("the database answers and cannot be used: {error}");
        STUCK_EVERY
    }

    async fn ping(&self) -> Result<(), crate::StoreError> {
        for module in Module::ALL {
            self.db(module).ping().await?;
        }
        Ok(())
    }
}
