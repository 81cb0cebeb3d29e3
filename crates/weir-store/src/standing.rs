//! Whether the databases answer and have room, for whoever asks how this node is: looked at beside the requests, so that a look
//! costs nobody a wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use weir_base::Shutdown;

use crate::module::Module;
use crate::store::Store;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same after tables were found that this version cannot use: somebody has to do something.
const STUCK_EVERY: Duration = Duration::from_secs(30);

/// Bytes below which a disk is said to be nearly full: what is written in a quiet hour.
pub const LOW_BYTES: u64 = 32 * 1024 * 1024;

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Where files of ours are.
    folders: Vec<PathBuf>,
    /// Of the fullest of their disks, and one more; 0: there is room.
    free_bytes: AtomicU64,
    has_tables: AtomicBool,
    /// Milliseconds since 1970; 0: they answer.
    away_since_ms: AtomicI64,
}

impl Standing {
    /// Of databases with these URLs; an empty one is in `data`.
    pub(crate) fn new<'a>(urls: impl IntoIterator<Item = &'a str>, data: &Path) -> Self {
        let folder = |url: &str| match url {
            "" => Some(data.to_owned()),
            url => {
                let file = url.strip_prefix("sqlite:")?.split('?').next()?;
                let file = Path::new(file.strip_prefix("//").unwrap_or(file));
                Some(file.parent()?.to_owned())
            }
        };
        let mut folders: Vec<_> = urls.into_iter().filter_map(folder).collect();
        folders.sort();
        folders.dedup();
        Self {
            folders,
            ..Self::default()
        }
    }

    /// Looks how much room there is; a disk that cannot be asked says nothing.
    fn measure(&self) {
        let free = |folder: &PathBuf| {
            let disk = rustix::fs::statvfs(folder.as_path()).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        };
        let least = self.folders.iter().filter_map(free).min();
        let low = least.filter(|bytes| *bytes < LOW_BYTES);
        let before = self
            .free_bytes
            .swap(low.map_or(0, |bytes| bytes + 1), Ordering::Relaxed);
        match low {
            Some(bytes) if before == 0 => {
                tracing::warn!(bytes, "the disk of the database is nearly full: make room");
            }
            None if before > 0 => tracing::info!("the disk of the database has room again"),
            _ => {}
        }
    }

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

    /// Bytes that are left where the database is; none where there is room enough.
    pub fn low_bytes(&self) -> Option<u64> {
        self.0
            .standing
            .free_bytes
            .load(Ordering::Relaxed)
            .checked_sub(1)
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
        standing.measure();
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
