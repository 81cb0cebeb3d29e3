//! How often channels want pictures of their streams: known in memory within a second, since it is asked for each
//! stream some times a second.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::RwLock;
use weir_base::{Shutdown, StreamName};
use weir_store::changes::{Changed, Position, Whole};
use weir_store::channels::Channel;
use weir_store::{Id, Store, StoreError};

/// Between two looks at what has changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Things read at once.
const BATCH: u32 = 1_000;
/// Channels that say how often; of more, those that are read later are as their apps say.
const MAX_CHANNELS: usize = 250_000;

/// What channels say of pictures, by the names of their streams.
pub(super) struct ChannelWishes {
    store: Store,
    known: RwLock<Said>,
}

#[derive(Default)]
struct Said {
    /// By app and name.
    every_s: HashMap<(String, String), u32>,
    names: HashMap<Id, (String, String)>,
}

impl ChannelWishes {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            known: RwLock::default(),
        }
    }

    /// What the channel whose stream this is says, if it is one's and says something.
    pub(super) fn every_s(&self, name: &StreamName) -> Option<u32> {
        if !name.vhost().is_empty() {
            return None;
        }
        let key = (name.app().to_owned(), name.stream().to_owned());
        self.known.read().every_s.get(&key).copied()
    }

    /// Follows the store until the process stops. While that is away, what is known counts.
    pub(super) async fn follow(&self, shutdown: Shutdown) {
        let mut position = None;
        loop {
            match self.look(position.take()).await {
                Ok(reached) => position = Some(reached),
                Err(error) => tracing::debug!("channels cannot be read: {error}"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    async fn look(&self, from: Option<Position>) -> Result<Position, StoreError> {
        let changes = self.store.content_changes();
        if let Some(mut position) = from {
            loop {
                let delta = match changes.since(&position, BATCH).await {
                    Ok(delta) => delta,
                    Err(StoreError::Changed(_)) => break,
                    Err(error) => return Err(error),
                };
                let mut known = self.known.write();
                delta.changes.into_iter().for_each(|one| known.take(one));
                drop(known);
                position = delta.to;
                if !delta.has_more {
                    return Ok(position);
                }
            }
        }
        let position = changes.position().await?;
        let (mut all, mut whole) = (Said::default(), Whole::default());
        loop {
            let next = changes.next(&mut whole, BATCH).await?;
            if next.is_empty() {
                break;
            }
            next.into_iter().for_each(|one| all.take(one));
        }
        *self.known.write() = all;
        Ok(position)
    }
}

impl Said {
    fn take(&mut self, change: Changed) {
        match change {
            Changed::Channel(channel) => self.channel(*channel),
            Changed::ChannelGone(id) => self.forget(id),
            _ => {}
        }
    }

    fn channel(&mut self, channel: Channel) {
        self.forget(channel.id);
        let Ok(every_s) = u32::try_from(channel.shot_every_s) else {
            return;
        };
        if self.names.len() < MAX_CHANNELS {
            let key = (channel.app, channel.name);
            self.names.insert(channel.id, key.clone());
            self.every_s.insert(key, every_s);
        }
    }

    fn forget(&mut self, id: Id) {
        if let Some(key) = self.names.remove(&id) {
            self.every_s.remove(&key);
        }
    }
}
