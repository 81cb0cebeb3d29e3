//! Who waits for a stream to come or to move: woken by the view's changes, stream by stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch::{Receiver, Sender, channel};

use crate::limits::WATCHED_STREAMS;
use crate::name::LeaseKey;
use crate::view::Changes;

/// How often a watch that found no place says "changed", so that the one who waits looks for himself.
const PLACELESS_LOOK: Duration = Duration::from_millis(250);

/// The watches of one member. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watches(Arc<Mutex<HashMap<LeaseKey, Sender<()>>>>);

impl Watches {
    pub(crate) fn open(&self, key: &LeaseKey) -> Watch {
        let mut all = self.0.lock();
        let seen = match all.get(key) {
            Some(sender) => Some(sender.subscribe()),
            None if all.len() >= WATCHED_STREAMS => None,
            None => {
                let (sender, seen) = channel(());
                all.insert(key.clone(), sender);
                Some(seen)
            }
        };
        Watch {
            watches: self.clone(),
            key: key.clone(),
            seen,
        }
    }

    pub(crate) fn wake(&self, changes: &Changes) {
        let all = self.0.lock();
        match changes.keys() {
            Some(keys) => {
                for sender in keys.iter().filter_map(|key| all.get(key)) {
                    sender.send_replace(());
                }
            }
            None => {
                for sender in all.values() {
                    sender.send_replace(());
                }
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// Interest in one stream. Open it before the first look: what changes between the look and
/// [`Watch::changed`] is not missed.
#[derive(Debug)]
pub struct Watch {
    watches: Watches,
    key: LeaseKey,
    /// `None` where there was no place: see [`PLACELESS_LOOK`].
    seen: Option<Receiver<()>>,
}

impl Watch {
    /// Resolves when what the view says of the stream has changed since this was opened or last
    /// resolved. May be dropped and asked again.
    pub async fn changed(&mut self) {
        // The sender stays as long as there is a watch: an error cannot be, and would be no loop.
        let is_told = match &mut self.seen {
            Some(seen) => seen.changed().await.is_ok(),
            None => false,
        };
        if !is_told {
            tokio::time::sleep(PLACELESS_LOOK).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.seen.take().is_none() {
            return;
        }
        let mut all = self.watches.0.lock();
        if all.get(&self.key).is_some_and(|s| s.receiver_count() == 0) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Body, Message};
    use crate::name::Name;
    use crate::record::StreamRecord;
    use crate::view::{View, ViewConfig};

    fn key(text: &str) -> LeaseKey {
        LeaseKey::new(text).unwrap()
    }

    fn owns(seq: u64, stream: &str) -> Message {
        let node = Name::new("o1").unwrap();
        let stream = StreamRecord {
            key: key(stream),
            node: node.clone(),
            boot: 1,
            claim: 1,
            epoch: seq,
            since_ms: 0,
            over: 0,
        };
        Message {
            from: node,
            boot: 1,
            seq,
            body: Body::Owns { stream },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_woken_by_its_own_stream_and_by_nothing_else() {
        let watches = Watches::default();
        let mut view = View::new(ViewConfig::default(), Name::new("e1").unwrap());
        let mut watch = watches.open(&key("live/a"));
        let mut other = watches.open(&key("live/b"));
        let began = tokio::time::Instant::now();
        view.apply(&owns(1, "live/a"), 0);
        watches.wake(&view.take_changes());
        watch.changed().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "no time has to pass");
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, other.changed()).await.is_err());
        assert!(tokio::time::timeout(hour, watch.changed()).await.is_err());
        assert!(view.take_changes().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_between_look_and_wait_is_not_missed() {
        let watches = Watches::default();
        let mut view = View::new(ViewConfig::default(), Name::new("e1").unwrap());
        let mut watch = watches.open(&key("live/a"));
        assert!(view.whereabouts(&key("live/a"), 0).is_nowhere());
        view.apply(&owns(1, "live/a"), 0);
        watches.wake(&view.take_changes());
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, watch.changed()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn more_changes_than_are_told_apart_wake_everybody() {
        let watches = Watches::default();
        let mut view = View::new(ViewConfig::default(), Name::new("e1").unwrap());
        let mut watch = watches.open(&key("live/last"));
        for seq in 1..2000 {
            view.apply(&owns(seq, &format!("live/{seq}")), 0);
        }
        watches.wake(&view.take_changes());
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, watch.changed()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn watches_are_bounded_and_leave_nothing_behind() {
        let watches = Watches::default();
        let open = |i: usize| watches.open(&key(&format!("live/{i}")));
        let all: Vec<_> = (0..WATCHED_STREAMS).map(open).collect();
        let mut placeless = watches.open(&key("live/one-too-many"));
        placeless.changed().await;
        assert_eq!(watches.len(), WATCHED_STREAMS);
        drop((all, placeless));
        assert_eq!(watches.len(), 0);
    }
}
