//! Where admission learns what the store says of apps, channels, keys and bans: on a node with a store from that,
//! and so within a second of each change.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::Notify;
use weir_admit::follow::Follower;
use weir_api::{AdmissionSource, Happenings};
use weir_serve::Core;

use super::gate::Entrance;

/// What this node knew when it ended, in the data folder: a restart begins with it.
const COPY_FILE: &str = "admission.snapshot";

/// Has the gate follow the store, where this node has one.
pub(super) fn follow(
    data: &Path,
    entrance: &Entrance,
    happenings: Option<&Happenings>,
    core: &Core,
) -> anyhow::Result<()> {
    let Some(happenings) = happenings else {
        return Ok(());
    };
    let file = data.join(COPY_FILE);
    let rulebook = entrance.gate().rulebook().clone();
    let follower = Follower::open(rulebook, &file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let source = AdmissionSource::new(happenings.store.clone(), core.hub.clock().clone());
    let stopping = core.shutdown.clone();
    let until = async move { stopping.stopping().await };
    let follow = follower.run(Arc::new(source), Arc::new(Notify::new()), until);
    core.tasks.spawn("admission follower", follow);
    Ok(())
}
