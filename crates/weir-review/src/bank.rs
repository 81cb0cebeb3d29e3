//! Known pictures, in memory: all of them are compared with each picture that comes.

use parking_lot::Mutex;
use weir_base::Clock;
use weir_store::{Store, StoreError};

use crate::pdq::Pdq;

/// Microseconds for which what was read is good: a hash that is added counts within that.
const GOOD_US: i64 = 5_000_000;
/// Hashes read at once.
const BATCH: u32 = 1_000;
/// Bits that may differ.
const NEAR: u32 = 31;

/// The known pictures of a store.
#[derive(Debug)]
pub(crate) struct Bank {
    store: Store,
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    read_us: Option<i64>,
    hashes: Vec<(Pdq, String)>,
}

impl Bank {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            known: Mutex::default(),
        }
    }

    /// The label of the known picture that this one is nearest to, if it is near to one.
    pub(crate) async fn label(&self, hash: Pdq) -> Option<String> {
        if let Err(error) = self.refresh().await {
            tracing::warn!("known pictures cannot be read: {error}");
        }
        let known = self.known.lock();
        let far = known
            .hashes
            .iter()
            .map(|(one, label)| (one.distance(hash), label));
        let near = far.filter(|(distance, _)| *distance <= NEAR);
        near.min_by_key(|(distance, _)| *distance)
            .map(|(_, label)| label.clone())
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let now_us = self.clock.now_us();
        {
            let mut known = self.known.lock();
            if known
                .read_us
                .is_some_and(|read_us| now_us - read_us < GOOD_US)
            {
                return Ok(());
            }
            // Others go by what is there meanwhile.
            known.read_us = Some(now_us);
        }
        let mut hashes = Vec::new();
        let mut after = String::new();
        loop {
            let rows = self.store.review().known(&after, BATCH).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.hash);
            let read = rows.into_iter();
            hashes.extend(read.filter_map(|row| Some((row.hash.parse().ok()?, row.label))));
        }
        self.known.lock().hashes = hashes;
        Ok(())
    }
}
