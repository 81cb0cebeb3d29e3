//! What is live on other nodes, as they say, for lists: who watches there, and what a stream's tracks are. Read from
//! the store beside the requests, so that a list costs no query.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use weir_base::Shutdown;
use weir_events::SeenStream;
use weir_store::{Store, StoreError};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Nodes say it each four seconds: what is older than a few of these is of a node that is gone, milliseconds.
const COUNTS_FOR_MS: i64 = 15_000;

/// By the streams' whole names.
pub(crate) type SeenStreams = HashMap<String, SeenElsewhere>;

/// A stream as all other nodes together have it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SeenElsewhere {
    /// People who watch it on other nodes.
    pub(crate) viewers: u32,
    /// What the node says where it lives.
    pub(crate) source: Option<SeenStream>,
}

/// See the module's words. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere(Arc<RwLock<Arc<SeenStreams>>>);

impl Elsewhere {
    /// Looks into `store` for what nodes but `me` say, until the process stops.
    pub async fn run(self, store: Store, me: String, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.look(&store, &me).await {
                tracing::debug!("what is live elsewhere is as it was: {error}");
            }
            tokio::select! {
                () = shutdown.stopping() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn look(&self, store: &Store, me: &str) -> Result<(), StoreError> {
        let since_ms = store.now_ms() - COUNTS_FOR_MS;
        let nodes = store.node_streams().others(me, since_ms).await?;
        let mut streams = SeenStreams::new();
        for node in nodes {
            match serde_json::from_str::<Vec<SeenStream>>(&node.body) {
                Ok(seen) => seen.into_iter().for_each(|one| add(&mut streams, one)),
                Err(error) => {
                    tracing::debug!(node = node.node, "says what cannot be read: {error}");
                }
            }
        }
        *self.0.write() = Arc::new(streams);
        Ok(())
    }

    /// What is known now.
    pub(crate) fn now(&self) -> Arc<SeenStreams> {
        self.0.read().clone()
    }
}

fn add(streams: &mut SeenStreams, seen: SeenStream) {
    let one = streams.entry(seen.stream.clone()).or_default();
    one.viewers = one.viewers.saturating_add(seen.viewers);
    if !seen.is_copy {
        one.source = Some(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_people_of_all_nodes_are_added_up_and_the_source_says_the_rest() {
        let seen = |is_copy, viewers| SeenStream {
            stream: "live/a".into(),
            is_copy,
            viewers,
            since_ms: i64::from(viewers),
            kbps: 0.0,
            video: None,
            audio: None,
            reach: None,
        };
        let mut streams = SeenStreams::new();
        for one in [seen(true, 5), seen(false, 7), seen(true, 9)] {
            add(&mut streams, one);
        }
        let found = &streams["live/a"];
        assert_eq!(found.viewers, 21);
        assert_eq!(found.source.as_ref().map(|one| one.since_ms), Some(7));
    }
}
