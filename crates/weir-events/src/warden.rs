//! Ends what nobody looks after any more, so that nothing is live for ever: broadcasts of nodes that are gone,
//! and those whose app was not heard of in time. Forgets events that are old.

use std::time::Duration;

use weir_base::{Clock, Code, Shutdown};
use weir_store::broadcasts::Life;
use weir_store::{Store, StoreError};

use crate::recorder::Recorder;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A node that was not heard of for so long, and is no member of the cluster any more, is gone: three of its
/// signs of life are missing.
const UNSEEN_MS: i64 = 3_500;
/// A pause between looks, microseconds, after which nothing is known of who was here meanwhile: this node slept, or the
/// store was away.
const PAUSE_US: i64 = 3_000_000;
/// How long nodes have after such a pause to be heard of again, microseconds.
const GRACE_US: i64 = 6_000_000;
/// Between two times of forgetting, microseconds.
const PRUNE_EVERY_US: i64 = 60_000_000;
/// How long what a node said of its streams is kept, milliseconds: it counts for seconds.
const SEEN_KEPT_MS: i64 = 60_000;
/// How long events are kept, milliseconds: 30 days.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;

/// Ends broadcasts that nobody vouches for, and drops what is too old.
pub struct Warden {
    store: Store,
    recorder: Recorder,
    clock: Clock,
    /// Whether a node is a member of the cluster.
    is_member: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// When it could say last who was here, and since when it can.
    looked_us: Option<i64>,
    looks_since_us: Option<i64>,
    pruned_us: Option<i64>,
}

impl Warden {
    /// Ends broadcasts by `recorder`.
    pub fn new(
        store: Store,
        recorder: Recorder,
        clock: Clock,
        is_member: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            recorder,
            clock,
            is_member: Box::new(is_member),
            looked_us: None,
            looks_since_us: None,
            pruned_us: None,
        }
    }

    /// Looks until the process stops.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut failures = 0_u32;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.stopping() => return,
            }
            match self.look().await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!("cannot look after what is live: {error}");
                    }
                }
            }
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// As the store.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let missed = i64::from(Code::HeartbeatMissed.number());
        self.store
            .broadcasts()
            .order_unheard(now_ms, missed)
            .await?;
        let unseen = self.store.broadcasts().unseen(now_ms - UNSEEN_MS).await?;
        if self.may_judge() {
            for recorder in unseen {
                if (self.is_member)(&recorder.node) {
                    continue;
                }
                tracing::warn!(
                    node = recorder.node,
                    "is gone: what was live there has ended"
                );
                // No boot is empty, so these are all lives.
                self.recorder
                    .end_all(&recorder.node, Life::Others(""))
                    .await?;
                self.store.broadcasts().forget(&recorder).await?;
            }
        }
        self.prune(now_ms).await
    }

    /// Whether it has looked for long enough without a pause to tell who is gone from who was not heard.
    fn may_judge(&mut self) -> bool {
        let now_us = self.clock.now_us();
        let is_pause = self
            .looked_us
            .is_none_or(|looked_us| now_us - looked_us > PAUSE_US);
        self.looked_us = Some(now_us);
        if is_pause {
            self.looks_since_us = Some(now_us);
        }
        self.looks_since_us
            .is_some_and(|since_us| now_us - since_us >= GRACE_US)
    }

    async fn prune(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let now_us = self.clock.now_us();
        let is_due = self
            .pruned_us
            .is_none_or(|pruned_us| now_us - pruned_us >= PRUNE_EVERY_US);
        if is_due {
            self.pruned_us = Some(now_us);
            while self.store.events().prune(now_ms - KEEP_MS).await? {}
            self.store
                .node_streams()
                .prune(now_ms - SEEN_KEPT_MS)
                .await?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Warden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Warden")
    }
}
