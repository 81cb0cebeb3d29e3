//! Tells which stream keys this node saw: to its own store, or to an api node.

use std::sync::Arc;
use std::time::Duration;

use weir_admit::Gate;
use weir_api::{Happenings, MAX_KEY_USES_BYTES, ToldKeyUses, keep_key_uses};
use weir_link::walk::{AnyNode, WalkRequest};
use weir_serve::Core;
use weir_store::Store;

use super::cluster::Joined;
use super::gate::Entrance;
use super::happenings::any_api_node;

/// Between two tellings: somebody looks whether his encoder has come through.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// For an api node's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Who writes it down.
enum Keeper {
    Own(Store),
    Other(AnyNode),
}

/// Begins to tell, where there is anybody to tell.
pub(super) fn tell(
    entrance: &Entrance,
    joined: &Joined,
    happenings: Option<&Happenings>,
    core: &Core,
) {
    let keeper = match happenings {
        Some(own) => Keeper::Own(own.store.clone()),
        None if joined.node.settings().is_alone => return,
        None => Keeper::Other(any_api_node(joined, core)),
    };
    let (gate, shutdown) = (entrance.gate().clone(), core.shutdown.clone());
    core.tasks.spawn("key uses", async move {
        loop {
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(TELL_EVERY) => tell_once(&gate, &keeper).await,
            }
        }
    });
}

async fn tell_once(gate: &Arc<Gate>, keeper: &Keeper) {
    let told = ToldKeyUses {
        uses: gate.take_key_uses(),
        missed: gate.take_missed_sets(),
    };
    if told.uses.is_empty() && told.missed.is_empty() {
        return;
    }
    // A set in which a key was missed is missed again by who comes next.
    if let Err(words) = keeper.keep(&told).await {
        tracing::debug!("uses of stream keys wait to be told: {words}");
        gate.put_key_uses_back(told.uses);
    }
}

impl Keeper {
    async fn keep(&self, told: &ToldKeyUses) -> Result<(), String> {
        let nodes = match self {
            Self::Own(store) => {
                let kept = keep_key_uses(store, told).await;
                return kept.map_err(|error| error.to_string());
            }
            Self::Other(nodes) => nodes,
        };
        let path = ToldKeyUses::PATH;
        let request = WalkRequest::tell(path, told, ANSWER_TIMEOUT, MAX_KEY_USES_BYTES);
        let request = request.map_err(|error| error.to_string())?;
        let answer = nodes.ask(&request).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    }
}
