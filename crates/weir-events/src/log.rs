//! The log as many read it at once: what is new is read from the store once on each node, kept for a while,
//! and given to all who wait.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::{Notify, Semaphore, watch};
use weir_base::Shutdown;
use weir_store::events::LoggedEvent;
use weir_store::{Store, StoreError};

use crate::words::render;

/// Events kept in memory: a second or two of the busiest platform, some 10 MB.
const KEPT: usize = 8_192;
/// Events read from the store at once.
const READ_EVENTS: u32 = 1_000;
/// Reads for one answer: a reader whose filter lets little through goes on with its next request.
const READS_EACH: usize = 5;
/// Readers that read old events from the store at once: the rest wait.
const OLD_READERS: usize = 8;
/// Requests that wait for an event at once on a node.
const MAX_WAITING: usize = 10_000;
/// Between two looks at the store, for what other nodes wrote.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An event as it is kept and sent.
#[derive(Debug)]
pub struct LogEntry {
    /// As the database has it.
    pub event: LoggedEvent,
    /// As [`render`] writes it.
    pub json: String,
}

/// Which events a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventWant {
    /// Types; empty for all.
    pub types: Vec<String>,
    /// Of this app alone; empty for all.
    pub app: String,
    /// Of this stream alone; empty for all.
    pub stream: String,
}

/// Some events, and where to go on.
#[derive(Debug, Default)]
pub struct EventPage {
    /// In order.
    pub entries: Vec<Arc<LogEntry>>,
    /// The number up to which everything was looked at.
    pub next: i64,
    /// Events behind `after` that are forgotten already.
    pub forgotten: i64,
}

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    store: Store,
    kept: RwLock<VecDeque<Arc<LogEntry>>>,
    head: watch::Sender<i64>,
    poke: Notify,
    old_readers: Semaphore,
    waiting: AtomicUsize,
}

/// A place among those who wait for events.
#[derive(Debug)]
pub struct WaitPlace(Log);

impl Drop for WaitPlace {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Log {
    /// Nothing is read before [`run`](Self::run).
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Inner {
            store,
            kept: RwLock::default(),
            head: watch::Sender::new(0),
            poke: Notify::new(),
            old_readers: Semaphore::new(OLD_READERS),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Reads what is new until the process stops.
    pub async fn run(self, shutdown: Shutdown) {
        let mut failures = 0_u32;
        let mut has_begun = false;
        loop {
            let outcome = if has_begun {
                self.0.look().await
            } else {
                self.0.begin().await
            };
            match outcome {
                Ok(()) => (has_begun, failures) = (true, 0),
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!("events cannot be read: {error}");
                    }
                }
            }
            tokio::select! {
                () = self.0.poke.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.stopping() => return,
            }
        }
    }

    /// Something was written.
    pub fn poke(&self) {
        self.0.poke.notify_one();
    }

    /// The number of the latest event that this node has read, and its changes.
    pub fn head(&self) -> watch::Receiver<i64> {
        self.0.head.subscribe()
    }

    /// At most `limit` of the wanted events behind the number `after`.
    ///
    /// # Errors
    /// [`StoreError::Away`], for what is not in memory.
    pub async fn read(
        &self,
        after: i64,
        want: &EventWant,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        match self.0.in_memory(after, want, limit) {
            Some(page) => Ok(page),
            None => self.0.in_store(after, want, limit).await,
        }
    }

    /// Resolves when there are events behind the number `after`.
    pub async fn wait(&self, after: i64) {
        // The sender lives as long as this.
        let _ = self.head().wait_for(|head| *head > after).await;
    }

    /// A place to wait in; none where too many wait.
    pub fn place(&self) -> Option<WaitPlace> {
        let waiting = &self.0.waiting;
        let taken = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < MAX_WAITING).then_some(count + 1)
        });
        taken.ok().map(|_| WaitPlace(self.clone()))
    }
}

impl Inner {
    /// Reads the latest events, so that those who were here a moment ago find theirs in memory.
    async fn begin(&self) -> Result<(), StoreError> {
        let head = self.store.events().head().await?;
        let few = i64::try_from(KEPT).unwrap_or(0);
        self.head.send_replace((head - few).max(0));
        self.look().await
    }

    /// Reads all that is new.
    async fn look(&self) -> Result<(), StoreError> {
        loop {
            let head = *self.head.borrow();
            let events = self.store.events().after(head, READ_EVENTS).await?;
            let Some(last) = events.last().map(|event| event.seq) else {
                return Ok(());
            };
            let is_all = events.len() < usize::try_from(READ_EVENTS).unwrap_or(0);
            let entries = events.into_iter().map(entry);
            let entries: Vec<_> = entries.collect();
            let mut kept = self.kept.write();
            kept.extend(entries);
            let many = kept.len().saturating_sub(KEPT);
            let old: Vec<_> = kept.drain(..many).collect();
            drop(kept);
            drop(old);
            self.head.send_replace(last);
            if is_all {
                return Ok(());
            }
        }
    }

    /// What is wanted, if all of it is here.
    fn in_memory(&self, after: i64, want: &EventWant, limit: usize) -> Option<EventPage> {
        let kept = self.kept.read();
        let first = kept.front().map(|entry| entry.event.seq);
        let last = kept.back().map(|entry| entry.event.seq);
        let (Some(first), Some(last)) = (first, last) else {
            // An empty log: nothing can be behind anything.
            return (*self.head.borrow() == 0).then(|| EventPage {
                next: after,
                ..EventPage::default()
            });
        };
        if after >= last {
            return Some(EventPage {
                next: after,
                ..EventPage::default()
            });
        }
        // Numbers have no gaps.
        let from = usize::try_from(after + 1 - first).ok()?;
        let mut page = EventPage {
            next: after,
            ..EventPage::default()
        };
        page.take(kept.range(from..).cloned(), want, limit);
        Some(page)
    }

    async fn in_store(
        &self,
        after: i64,
        want: &EventWant,
        limit: usize,
    ) -> Result<EventPage, StoreError> {
        let permit = self.old_readers.acquire().await;
        let head = *self.head.borrow();
        let mut page = EventPage {
            next: after,
            ..EventPage::default()
        };
        for read in 0..READS_EACH {
            let events = self.store.events().after(page.next, READ_EVENTS).await?;
            if let (0, Some(first)) = (read, events.first()) {
                page.forgotten = first.seq - after.max(0) - 1;
            }
            let is_all = events.len() < usize::try_from(READ_EVENTS).unwrap_or(0);
            page.take(events.into_iter().map(entry), want, limit);
            if page.entries.len() >= limit {
                break;
            }
            if is_all {
                // Also where all behind `after` are forgotten: nobody waits for those.
                page.next = page.next.max(head);
                break;
            }
        }
        drop(permit);
        Ok(page)
    }
}

impl EventPage {
    /// Looks at some more, up to the limit.
    fn take(
        &mut self,
        entries: impl Iterator<Item = Arc<LogEntry>>,
        want: &EventWant,
        limit: usize,
    ) {
        for entry in entries {
            if self.entries.len() >= limit {
                return;
            }
            self.next = entry.event.seq;
            if want.has(&entry.event) {
                self.entries.push(entry);
            }
        }
    }

    /// `{"events":[…],"next":"…"}`, with `forgotten` where some are.
    pub fn to_json(&self) -> String {
        let bytes: usize = self.entries.iter().map(|entry| entry.json.len() + 1).sum();
        let mut text = String::with_capacity(bytes + 64);
        text.push_str("{\"events\":[");
        for (at, entry) in self.entries.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&entry.json);
        }
        text.push_str(&format!("],\"next\":\"{}\"", self.next));
        if self.forgotten > 0 {
            text.push_str(&format!(",\"forgotten\":{}", self.forgotten));
        }
        text.push('}');
        text
    }
}

impl EventWant {
    fn has(&self, event: &LoggedEvent) -> bool {
        (self.types.is_empty() || self.types.contains(&event.kind))
            && (self.app.is_empty() || self.app == event.app)
            && (self.stream.is_empty() || self.stream == event.stream)
    }
}

fn entry(event: LoggedEvent) -> Arc<LogEntry> {
    let json = render(&event);
    Arc::new(LogEntry { event, json })
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Log(at {})", *self.0.head.borrow())
    }
}
