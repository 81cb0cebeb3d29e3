//! Writes down what nodes report, on a node that has the store: broadcasts and the log in one transaction.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;
use weir_base::{Code, limits};
use weir_link::walk::Unserved;
use weir_store::broadcasts::{Broadcast, Life};
use weir_store::events::{BATCH_FACTS, Ending, Fact, NewBroadcast, NewEvent};
use weir_store::recordings::Telling;
use weir_store::{Id, Store, StoreError};

use crate::desk::{Desk, DeskAnswer};
use crate::log::Log;
use crate::recordings::{TellingOf, recording_fact};
use crate::report::{MAX_SEEN, Order, Reply, Report, Told, ToldBegin, ToldEnd};
use crate::seen::SeenStream;

/// The type of event with which a broadcast begins.
const STARTED: &str = "stream.started";
/// The type of event with which it ends.
const ENDED: &str = "stream.ended";

/// Whose a stream is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The channel's owner.
    pub user_id: String,
    /// As the store has it.
    pub channel_id: String,
    /// As the channel is shown now.
    pub title: String,
    /// Anybody may find it.
    pub is_public: bool,
}

/// Knows whose streams are.
pub trait Owners: Send + Sync + 'static {
    /// The owner of `stream` in `app`, if it is a channel's. `stream` is its whole name.
    fn owner<'a>(
        &'a self,
        app: &'a str,
        stream: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Owner>> + Send + 'a>>;

    /// How long recordings of an app are kept, milliseconds; 0: for ever.
    fn keep_ms<'a>(&'a self, app: &'a str) -> Pin<Box<dyn Future<Output = i64> + Send + 'a>> {
        let _ = app;
        Box::pin(std::future::ready(0))
    }
}

/// Where no stream is a channel's.
#[derive(Debug, Clone, Copy)]
pub struct NoOwners;

impl Owners for NoOwners {
    fn owner<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Owner>> + Send + 'a>> {
        Box::pin(std::future::ready(None))
    }
}

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Recorder {
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) owners: Arc<dyn Owners>,
    /// The node that it runs on.
    me: Arc<str>,
}

impl Recorder {
    /// On the node `me`; `log` is told of what is new.
    pub fn new(store: Store, log: Log, owners: Arc<dyn Owners>, me: &str) -> Self {
        Self {
            store,
            log,
            owners,
            me: me.into(),
        }
    }

    /// Takes the report of `node`.
    ///
    /// # Errors
    /// As the store: nothing is lost, the node sends it again.
    pub async fn take(&self, node: &str, report: &Report) -> Result<Reply, StoreError> {
        let mut recorded = TellingOf::new();
        for told in report.told.chunks(BATCH_FACTS) {
            recorded.extend(self.tell_recordings(node, told).await?);
            let mut facts = Vec::with_capacity(told.len());
            for one in told {
                facts.extend(self.fact(node, one, &recorded).await);
            }
            let newer = told.iter().filter(|one| **one == Told::Newer).count();
            if newer > 0 {
                tracing::warn!(
                    node,
                    newer,
                    "a node of a newer release tells what this one does not know"
                );
            }
            if !facts.is_empty() {
                self.store.events().record(&facts).await?;
                self.log.poke();
            }
        }
        let now_ms = self.store.now_ms();
        let broadcasts = self.store.broadcasts();
        let before = broadcasts.seen(node, &report.boot, now_ms).await?;
        // What an earlier life of the node saw is told first, so that its own words for an end count.
        let is_new = before.is_none_or(|before| before.boot != report.boot);
        if report.is_all && (is_new || report.living.is_some()) {
            self.end_all(node, Life::Others(&report.boot)).await?;
        }
        let over = match &report.living {
            Some(living) => self.compare(node, &report.boot, living).await?,
            None => Vec::new(),
        };
        if let Some(seen) = &report.seen {
            self.say_seen(node, seen, now_ms).await?;
        }
        let orders = broadcasts.orders(node).await?.into_iter();
        let orders = orders.map(|(session, cause)| Order {
            session,
            cause: u16::try_from(cause).unwrap_or(0),
        });
        let orders = orders.collect();
        let recordings = self.recording_orders(node, recorded).await?;
        Ok(Reply {
            over,
            orders,
            recordings,
        })
    }

    /// Lets all nodes with the store know what is live on this one.
    async fn say_seen(
        &self,
        node: &str,
        seen: &[SeenStream],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let seen = seen.get(..MAX_SEEN).unwrap_or(seen);
        let body = serde_json::to_string(seen)
            .map_err(|error| StoreError::Fault(format!("what a node says: {error}")))?;
        self.store.node_streams().say(node, &body, now_ms).await
    }

    /// Ends all broadcasts of some lives of a node, which is gone.
    ///
    /// # Errors
    /// As the store.
    pub async fn end_all(&self, node: &str, life: Life<'_>) -> Result<(), StoreError> {
        let batch = u32::try_from(BATCH_FACTS).unwrap_or(u32::MAX);
        loop {
            let living = self.store.broadcasts().living(node, life, batch).await?;
            if living.is_empty() {
                return Ok(());
            }
            self.end(&living, Code::OriginUnreachable).await?;
        }
    }

    /// What a node says lives there against what lives here. Says which are over here, and ends those that
    /// are over there.
    async fn compare(&self, node: &str, boot: &str, living: &[Id]) -> Result<Vec<Id>, StoreError> {
        let most = u32::try_from(limits::STREAMS * 2).unwrap_or(u32::MAX);
        let here = self
            .store
            .broadcasts()
            .living(node, Life::This(boot), most)
            .await?;
        let there: HashSet<Id> = living.iter().copied().collect();
        let known: HashSet<Id> = here.iter().map(|one| one.id).collect();
        let lost: Vec<Broadcast> = here
            .into_iter()
            .filter(|one| !there.contains(&one.id))
            .collect();
        for some in lost.chunks(BATCH_FACTS) {
            self.end(some, Code::Ended).await?;
        }
        let over = living.iter().filter(|id| !known.contains(id));
        Ok(over.copied().collect())
    }

    /// Ends broadcasts that nobody tells the end of.
    async fn end(&self, broadcasts: &[Broadcast], cause: Code) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let mut facts = Vec::with_capacity(broadcasts.len());
        for one in broadcasts {
            let ending = Ending {
                id: one.id,
                ended_ms: now_ms,
                cause: i64::from(cause.number()),
                viewers_max: one.viewers_max,
                bytes_in: one.bytes_in,
                bytes_out: one.bytes_out,
            };
            let event = NewEvent {
                id: self.store.next_id()?,
                kind: ENDED.to_owned(),
                app: one.app.clone(),
                stream: one.stream.clone(),
                session: Some(one.id),
                cause: i64::from(cause.number()),
                data: json!({ "node": one.node, "duration_ms": now_ms - one.started_ms })
                    .to_string(),
                at_ms: now_ms,
            };
            facts.push(Fact::Ended(ending, event));
        }
        self.store.events().record(&facts).await?;
        self.log.poke();
        Ok(())
    }

    /// None for what the log does not say, or only a newer release knows.
    async fn fact(&self, node: &str, told: &Told, recorded: &TellingOf) -> Option<Fact> {
        Some(match told {
            Told::Began(began) => {
                let owner = self.owners.owner(&began.app, &began.stream).await;
                began_fact(node, began, owner.unwrap_or_default())
            }
            Told::Ended(ended) => ended_fact(node, ended),
            Told::Recording(told) => match recorded.get(&told.id)? {
                Telling::Written(sum) => recording_fact(node, told, sum)?,
                Telling::Gone => return None,
            },
            Told::RecordingGone(_) | Told::Newer => return None,
        })
    }
}

fn began_fact(node: &str, told: &ToldBegin, owner: Owner) -> Fact {
    let mut data = json!({ "node": node, "protocol": told.protocol, "address": told.address });
    if !owner.channel_id.is_empty() {
        data["channel"] = owner.channel_id.as_str().into();
    }
    let broadcast = NewBroadcast {
        user_id: owner.user_id,
        id: told.session,
        channel_id: owner.channel_id,
        app: told.app.clone(),
        stream: told.stream.clone(),
        node: node.to_owned(),
        boot: told.boot.clone(),
        protocol: told.protocol.clone(),
        address: told.address.clone(),
        key_id: String::new(),
        started_ms: told.at_ms,
        heartbeat_ms: told.heartbeat_ms,
    };
    let event = NewEvent {
        id: told.event,
        kind: STARTED.to_owned(),
        app: told.app.clone(),
        stream: told.stream.clone(),
        session: Some(told.session),
        cause: 0,
        data: data.to_string(),
        at_ms: told.at_ms,
    };
    Fact::Began(broadcast, event)
}

fn ended_fact(node: &str, told: &ToldEnd) -> Fact {
    let cause = i64::from(told.cause);
    let ending = Ending {
        id: told.session,
        ended_ms: told.at_ms,
        cause,
        viewers_max: told.viewers_max,
        bytes_in: told.bytes_in,
        bytes_out: told.bytes_out,
    };
    let data = json!({
        "node": node,
        "protocol": told.protocol,
        "address": told.address,
        "duration_ms": told.at_ms - told.started_ms,
        "viewers_max": told.viewers_max,
        "bytes_in": told.bytes_in,
        "bytes_out": told.bytes_out,
    });
    let event = NewEvent {
        id: told.event,
        kind: ENDED.to_owned(),
        app: told.app.clone(),
        stream: told.stream.clone(),
        session: Some(told.session),
        cause,
        data: data.to_string(),
        at_ms: told.at_ms,
    };
    Fact::Ended(ending, event)
}

impl Desk for Recorder {
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a> {
        Box::pin(async move {
            let taken = Self::take(self, &self.me, report).await;
            taken.map_err(|error| Unserved::Refused(error.to_string()))
        })
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorder({})", self.me)
    }
}
