//! What happens to streams, for hooks, recorders and statistics. A bounded ring with
//! sequence numbers, so that an observer that is slow loses events and never delays the hub.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use weir_base::{ClientId, Code, StreamName};
use weir_media::Tracks;

use crate::clients::Protocol;

/// Events kept for observers that are behind: some minutes of a busy node, at most a few hundred bytes
/// each.
const KEPT: usize = 4096;

/// Something that happened to a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Counts the hub's events.
    pub seq: u64,
    /// When, on the node's clock.
    pub at_us: i64,
    /// To which stream.
    pub name: StreamName,
    /// One of a few kinds, with what belongs to it.
    pub what: What,
}

/// In the order in which it may happen to one stream.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A stream that was not known has a publisher.
    Began(Arrival),
    /// A stream that is still remembered has a publisher again.
    Returned(Arrival),
    /// A live stream has another publisher.
    TakenOver(Arrival),
    /// The tracks are known, or others than before.
    Tracks(Arc<Tracks>),
    /// The publisher is gone, and why. The stream is remembered for a while.
    Ended(Code),
    /// The stream is no more remembered: what begins under its name is another.
    Forgotten,
}

/// A publisher that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its client id.
    pub id: ClientId,
    /// How it publishes.
    pub protocol: Protocol,
    /// Which publisher of the stream it is: [`crate::Stream::life`].
    pub life: u64,
    /// It is a copy from elsewhere, which any publisher replaces.
    pub is_replaceable: bool,
}

impl Arrival {
    /// As observers are told of it.
    pub(crate) const fn told(self, is_takeover: bool) -> What {
        match self.life {
            1 => What::Began(self),
            _ if is_takeover => What::TakenOver(self),
            _ => What::Returned(self),
        }
    }
}

/// What an observer is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The next event.
    Event(Event),
    /// The observer was too slow and so many events are gone: it reads the hub's state anew.
    Lost(u64),
}

/// The hub's side: where events are put.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    kept: Mutex<VecDeque<Event>>,
    /// Sequence number of the next event; readable without the lock.
    head: AtomicU64,
    told: Notify,
}

/// One observer: told of what happens from its making on. A slow one holds up neither the hub nor other observers.
#[derive(Debug)]
pub struct Events {
    feed: Arc<Feed>,
    next: u64,
}

impl Feed {
    /// Tells of an event. O(1): one short lock that observers hold only to copy one event.
    pub(crate) fn tell(&self, at_us: i64, name: &StreamName, what: What) {
        let mut kept = self.kept.lock();
        let seq = self.head.load(Ordering::Relaxed);
        let event = Event {
            seq,
            at_us,
            name: name.clone(),
            what,
        };
        // Dropped behind the lock.
        let oldest = (kept.len() >= KEPT).then(|| kept.pop_front()).flatten();
        kept.push_back(event);
        self.head.store(seq + 1, Ordering::Release);
        drop(kept);
        drop(oldest);
        self.told.notify_waiters();
    }
}

impl Events {
    pub(crate) fn new(feed: Arc<Feed>) -> Self {
        let next = feed.head.load(Ordering::Acquire);
        Self { feed, next }
    }

    /// What is next, without waiting.
    pub fn try_next(&mut self) -> Option<Notice> {
        if self.next >= self.feed.head.load(Ordering::Acquire) {
            return None;
        }
        let kept = self.feed.kept.lock();
        let first = kept.front()?.seq;
        if self.next < first {
            let lost = first - self.next;
            self.next = first;
            return Some(Notice::Lost(lost));
        }
        let at = usize::try_from(self.next - first).ok()?;
        let event = kept.get(at)?.clone();
        drop(kept);
        self.next += 1;
        Some(Notice::Event(event))
    }

    /// What is next, waiting for it. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Notice {
        loop {
            let feed = self.feed.clone();
            let told = feed.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if let Some(notice) = self.try_next() {
                return notice;
            }
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> StreamName {
        StreamName::new("", "live", "a").unwrap()
    }

    #[test]
    fn an_observer_that_is_too_slow_is_told_how_much_it_lost_and_goes_on() {
        let feed = Arc::new(Feed::default());
        let mut slow = Events::new(feed.clone());
        let told = KEPT as u64 + 100;
        for n in 0..told {
            feed.tell(n as i64, &name(), What::Forgotten);
        }
        assert_eq!(feed.kept.lock().len(), KEPT, "bounded whoever is slow");
        assert_eq!(slow.try_next(), Some(Notice::Lost(100)));
        for seq in 100..told {
            let Some(Notice::Event(event)) = slow.try_next() else {
                panic!("event {seq} is missing");
            };
            assert_eq!((event.seq, event.at_us), (seq, seq as i64));
        }
        assert_eq!(slow.try_next(), None);
    }

    #[tokio::test]
    async fn observers_are_told_the_same_from_where_each_began() {
        let feed = Arc::new(Feed::default());
        let mut early = Events::new(feed.clone());
        feed.tell(1, &name(), What::Forgotten);
        let mut late = Events::new(feed.clone());
        let waiting = async { (early.next().await, early.next().await, late.next().await) };
        let telling = async { feed.tell(2, &name(), What::Ended(Code::Operator)) };
        let ((first, second, of_late), ()) = tokio::join!(waiting, telling);
        assert!(matches!(first, Notice::Event(event) if event.seq == 0));
        assert_eq!(second, of_late);
    }
}
