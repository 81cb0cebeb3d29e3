//! Ends recordings whose node is gone, and takes away those whose time is over or that somebody wants gone: first from the nodes that have something of
//! them, then from the store, then their rows. Each step may be done again.

use std::time::Duration;

use serde_json::json;
use weir_base::Shutdown;
use weir_store::events::{Fact, NewEvent};
use weir_store::objects::{Class, Key};
use weir_store::recordings::StoredRecording;
use weir_store::{Id, StoreError};

use crate::recorder::Recorder;
use crate::recordings::stream_name;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Milliseconds for which nothing was told of a recording whose node is gone before it is over: somebody who comes back
/// within that to the same node goes on with it.
const LEFT_MS: i64 = 90_000;
/// Recordings that are looked at, at once.
const AT_ONCE: u32 = 100;
/// The type of event with which a recording is gone.
const DELETED: &str = "recording.deleted";

/// Looks each second, on a node that has the store, for recordings that are to end or to go.
pub struct RecordingSweeper {
    recorder: Recorder,
    /// Whether a node is a member of the cluster.
    is_member: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl RecordingSweeper {
    /// Of the recordings that `recorder` writes down.
    pub fn new(
        recorder: Recorder,
        is_member: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            recorder,
            is_member: Box::new(is_member),
        }
    }

    /// Looks until the process stops.
    pub async fn run(self, shutdown: Shutdown) {
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
                        tracing::warn!("recordings cannot be taken away: {error}");
                    }
                }
            }
        }
    }

    /// Does what is due.
    ///
    /// # Errors
    /// As the store.
    pub async fn look(&self) -> Result<(), StoreError> {
        let store = &self.recorder.store;
        let recordings = store.recordings();
        for one in recordings.expired(store.now_ms(), AT_ONCE).await? {
            recordings.delete(&one).await?;
        }
        let since_ms = store.now_ms() - LEFT_MS;
        for one in recordings.unheard(since_ms, AT_ONCE).await? {
            // One that no node has begun is one of a stream that had ended.
            if one.told_ms == 0 || !(self.is_member)(&one.node) {
                self.recorder.end_recording(&one).await?;
            }
        }
        let mut after: Option<Id> = None;
        loop {
            let some = recordings.deleting(after, AT_ONCE).await?;
            for one in &some {
                // Nodes that live take their parts away first, so that they bring nothing to the store meanwhile.
                let parts = recordings.parts(one.id).await?;
                if !parts.iter().any(|part| (self.is_member)(&part.node)) {
                    self.take_away(one).await?;
                }
            }
            after = some.last().map(|one| one.id);
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn take_away(&self, one: &StoredRecording) -> Result<(), StoreError> {
        let store = &self.recorder.store;
        let objects = store.objects(Class::Recordings);
        let prefix =
            Key::new(&one.id.to_string()).map_err(|error| StoreError::Fault(error.to_string()))?;
        objects.delete_all(&prefix).await?;
        let fact = Fact::Other(NewEvent {
            id: one.id.derived(DELETED),
            kind: DELETED.to_owned(),
            app: one.app.clone(),
            stream: stream_name(&one.vhost, &one.app, &one.stream),
            session: None,
            cause: 0,
            data: json!({ "recording": one.id.to_string() }).to_string(),
            at_ms: store.now_ms(),
        });
        // Before the row goes: whoever is broken off here says it again, and it is the same event.
        store.events().record(&[fact]).await?;
        store.recordings().gone(one).await?;
        self.recorder.log.poke();
        Ok(())
    }
}

impl std::fmt::Debug for RecordingSweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecordingSweeper")
    }
}
