//! Makes deliveries of events and sends them: in each stream's order, to several receivers at once, so that a
//! slow one delays nobody else.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use weir_base::{Shutdown, Tasks};
use weir_store::events::LoggedEvent;
use weir_store::hooks::{Endpoint, NewDelivery};
use weir_store::{Id, Store, StoreError};

use crate::config::Config;
use crate::dialect::Dialect;
use crate::sender::Sender;

/// Events that deliveries are made of in one transaction.
const EVENTS_AT_ONCE: u32 = 500;
/// Between two looks at what is due, and at which endpoints there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a node has the right to deliver to an endpoint before it has to claim it again, milliseconds.
const CLAIM_MS: i64 = 30_000;
/// Receivers that are told at once: each is a task with a few connections.
const MAX_RECEIVERS: usize = 512;
/// Deliveries of one endpoint that are looked at at once: the first of so many streams.
const HEADS: u32 = 256;
/// Between two times of forgetting.
const PRUNE_EVERY: u32 = 60;

/// Writes an event as deliveries keep it.
pub type Render = fn(&LoggedEvent) -> String;

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    store: Store,
    sender: Sender,
    config: Config,
    me: String,
    render: Render,
    tasks: Tasks,
    shutdown: Shutdown,
    /// Endpoints that a task here delivers to, each with its wake.
    busy: Mutex<HashMap<Id, Arc<Notify>>>,
    /// Somebody changed what is to be delivered.
    poke: Notify,
}

impl Dispatcher {
    /// On the node `me`; its tasks are of `tasks` and end with `shutdown`'s second stage.
    pub fn new(
        store: Store,
        sender: Sender,
        config: Config,
        me: &str,
        render: Render,
        (tasks, shutdown): (Tasks, Shutdown),
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            sender,
            config,
            me: me.to_owned(),
            render,
            tasks,
            shutdown,
            busy: Mutex::default(),
            poke: Notify::new(),
        }))
    }

    /// Something is to be delivered that no event tells of, such as a dead letter sent again.
    pub fn poke(&self) {
        self.0.poke.notify_one();
    }

    /// Works until the process stops; `head` changes with each new event.
    pub async fn run(self, mut head: watch::Receiver<i64>) {
        let mut failures = 0_u32;
        let mut looks = 0_u32;
        let mut done = -1;
        loop {
            let now = *head.borrow_and_update();
            let outcome = self
                .turn(now != done, looks.is_multiple_of(PRUNE_EVERY))
                .await;
            match outcome {
                Ok(()) => (done, failures) = (now, 0),
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!("hooks cannot be looked at: {error}");
                    }
                }
            }
            tokio::select! {
                changed = head.changed(), if failures == 0 => if changed.is_err() { return },
                () = self.0.poke.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => looks = looks.wrapping_add(1),
                () = self.0.shutdown.stopping() => return,
            }
        }
    }

    async fn turn(&self, has_events: bool, prunes: bool) -> Result<(), StoreError> {
        let inner = &self.0;
        if has_events {
            let make = |endpoints: &[Endpoint], event: &LoggedEvent| {
                deliveries(endpoints, event, inner.render)
            };
            let whole = usize::try_from(EVENTS_AT_ONCE).unwrap_or(usize::MAX);
            while inner.store.hooks().fan_out(EVENTS_AT_ONCE, make).await? >= whole {}
        }
        let awaited = inner.store.hooks().awaited().await?;
        let awaited: HashSet<Id> = awaited.into_iter().map(|(_, id)| id).collect();
        for endpoint in inner.store.hooks().active().await? {
            if awaited.contains(&endpoint.id) {
                self.wake(endpoint).await?;
            }
        }
        if prunes {
            let kept_ms = i64::from(inner.config.keep_days) * 24 * 3_600_000;
            let before_ms = inner.store.now_ms() - kept_ms;
            while inner.store.hooks().prune(before_ms).await? {}
        }
        Ok(())
    }

    /// Has an endpoint's task look again; begins one where this node may deliver.
    async fn wake(&self, endpoint: Endpoint) -> Result<(), StoreError> {
        let inner = &self.0;
        {
            let busy = inner.busy.lock();
            if let Some(wake) = busy.get(&endpoint.id) {
                wake.notify_one();
                return Ok(());
            }
            // The others' deliveries are found again in a second.
            if busy.len() >= MAX_RECEIVERS {
                return Ok(());
            }
        }
        if !self.claim(&endpoint).await? {
            return Ok(());
        }
        let wake = Arc::new(Notify::new());
        inner.busy.lock().insert(endpoint.id, wake.clone());
        let (this, id) = (self.clone(), endpoint.id);
        inner.tasks.spawn("hook", async move {
            if let Err(error) = this.deliver(&endpoint, &wake).await {
                tracing::warn!(hook = %id, "deliveries stand still: {error}");
            }
            // Else it is free for others when its time is over.
            let key = (endpoint.user_id.as_str(), id);
            let _ = this.0.store.hooks().release(key, &this.0.me).await;
            this.0.busy.lock().remove(&id);
        });
        Ok(())
    }

    async fn claim(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        let until_ms = self.0.store.now_ms() + CLAIM_MS;
        let key = (endpoint.user_id.as_str(), endpoint.id);
        self.0.store.hooks().claim(key, &self.0.me, until_ms).await
    }

    /// Delivers to one endpoint until nothing is due, or the process stops.
    async fn deliver(&self, endpoint: &Endpoint, wake: &Notify) -> Result<(), StoreError> {
        let inner = &self.0;
        let key = (endpoint.user_id.as_str(), endpoint.id);
        let concurrency = usize::try_from(inner.config.concurrency).unwrap_or(1);
        let mut sending = FuturesUnordered::new();
        let mut streams: HashSet<String> = HashSet::new();
        loop {
            // Before each look: what another node does meanwhile would be done twice, and out of order. The
            // endpoint is read again, as somebody may have changed it.
            if !self.claim(endpoint).await? {
                break;
            }
            let endpoint = Arc::new(inner.store.hooks().one(key.0, key.1).await?);
            let heads = inner.store.hooks().heads(key, HEADS).await?;
            let now_ms = inner.store.now_ms();
            for head in heads {
                let is_free = sending.len() < concurrency && !streams.contains(&head.stream);
                if is_free && head.next_ms <= now_ms {
                    streams.insert(head.stream.clone());
                    let endpoint = endpoint.clone();
                    // No store in here: these stand still while the loop waits for it, and would keep the
                    // connection that it waits for.
                    sending.push(async move {
                        let attempt = inner.sender.send(&endpoint, &head).await;
                        (head, attempt)
                    });
                }
            }
            // Nothing is due: whoever has something takes the place.
            if sending.is_empty() {
                break;
            }
            tokio::select! {
                Some((head, attempt)) = sending.next() => {
                    inner.store.hooks().tried(&head, &attempt).await?;
                    streams.remove(&head.stream);
                }
                () = wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = inner.shutdown.stopping() => break,
            }
        }
        // What is being sent is sent again by whoever delivers next: receivers know it by its id.
        Ok(())
    }
}

/// What an event is to whom.
fn deliveries(endpoints: &[Endpoint], event: &LoggedEvent, render: Render) -> Vec<NewDelivery> {
    let wanted = endpoints.iter().filter(|endpoint| {
        let speaks = Dialect::from_name(&endpoint.dialect)
            .is_some_and(|dialect| dialect.has_word_for(&event.kind));
        speaks
            && (endpoint.app.is_empty() || endpoint.app == event.app)
            && (endpoint.types.is_empty() || endpoint.types.contains(&event.kind))
    });
    let made = wanted.map(|endpoint| NewDelivery {
        user_id: endpoint.user_id.clone(),
        endpoint_id: endpoint.id,
        seq: event.seq,
        stream: event.stream.clone(),
        kind: event.kind.clone(),
        event: render(event),
    });
    made.collect()
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dispatcher({})", self.0.me)
    }
}
