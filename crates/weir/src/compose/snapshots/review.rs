//! Pictures that are kept are looked at by people, where the settings say so.

use std::sync::Arc;

use bytes::Bytes;
use weir_review::{Intake, ReviewConfig};
use weir_serve::Core;
use weir_snap::{LookedAt, Looking};
use weir_store::Store;
use weir_store::snapshots::Snapshot;

/// Puts pictures where people look at them.
struct Shown(Arc<Intake>);

pub(super) fn start(
    config: &ReviewConfig,
    store: &Store,
    core: &Core,
) -> Option<Arc<dyn LookedAt>> {
    if !config.enabled {
        return None;
    }
    let clock = core.hub.clock().clone();
    let intake = Arc::new(Intake::new(store.clone(), clock, config.keep_days));
    let (kept, until) = (intake.clone(), core.shutdown.clone());
    core.tasks
        .spawn("review", async move { kept.run(until).await });
    Some(Arc::new(Shown(intake)))
}

impl LookedAt for Shown {
    fn look<'a>(&'a self, row: &'a Snapshot, jpeg: Option<Bytes>) -> Looking<'a> {
        Box::pin(async move {
            if let Err(error) = self.0.take(row, jpeg).await {
                tracing::warn!(stream = row.stream, "a picture is not looked at: {error}");
            }
        })
    }
}
