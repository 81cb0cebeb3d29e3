//! What happened, in rows: the log that all read in one order, and the broadcasts that it tells of.
//!
//! Whoever writes holds the row of the latest number until its events are there. So numbers have no gaps, and
//! who has read up to one has read all before it, however many nodes write.

mod write;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

/// Facts written at once: the parameters of some statements count in thousands.
pub const BATCH_FACTS: usize = 500;
/// Events deleted at once, so that nobody waits long behind it.
const PRUNE_EVENTS: i64 = 2_000;

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its number: without gaps.
    pub seq: i64,
    /// The same wherever it is told, so that nobody takes it twice.
    pub id: Id,
    /// Such as `stream.started`.
    pub kind: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name, or empty.
    pub stream: String,
    /// Of which broadcast.
    pub session: Option<Id>,
    /// A code of the registry; 0 for none.
    pub cause: i64,
    /// JSON: what belongs to this type.
    pub data: String,
    /// When it happened, milliseconds since 1970.
    pub at_ms: i64,
}

/// An event to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Given by whoever saw it: the same event is logged once, however often it is told.
    pub id: Id,
    /// Such as `stream.started`.
    pub kind: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name, or empty.
    pub stream: String,
    /// Of which broadcast.
    pub session: Option<Id>,
    /// A code of the registry; 0 for none.
    pub cause: i64,
    /// JSON.
    pub data: String,
    /// When it happened, milliseconds since 1970.
    pub at_ms: i64,
}

/// A broadcast that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBroadcast {
    /// Its channel's owner; empty where the stream is no channel's.
    pub user_id: String,
    /// Given by the node that owns the stream.
    pub id: Id,
    /// Empty likewise.
    pub channel_id: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name.
    pub stream: String,
    /// The node that owns it.
    pub node: String,
    /// Which life of that node.
    pub boot: String,
    /// How it is published.
    pub protocol: String,
    /// From where.
    pub address: String,
    /// What it was admitted by, or empty.
    pub key_id: String,
    /// When, milliseconds since 1970.
    pub started_ms: i64,
    /// The app has to be heard of so often; 0: it need not.
    pub heartbeat_ms: i64,
}

/// A broadcast that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Which.
    pub id: Id,
    /// When, milliseconds since 1970.
    pub ended_ms: i64,
    /// A code of the registry.
    pub cause: i64,
    /// Most viewers at once.
    pub viewers_max: i64,
    /// Bytes from the publisher.
    pub bytes_in: i64,
    /// Bytes to viewers.
    pub bytes_out: i64,
}

/// Something that is told of once: where it changes nothing, as what is known or over already, its event is
/// not logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A broadcast begins.
    Began(NewBroadcast, NewEvent),
    /// A broadcast ends.
    Ended(Ending, NewEvent),
    /// What only the log keeps.
    Other(NewEvent),
}

impl Fact {
    /// What is logged of it.
    pub const fn event(&self) -> &NewEvent {
        match self {
            Self::Began(_, event) | Self::Ended(_, event) | Self::Other(event) => event,
        }
    }
}

struct EventRow {
    seq: i64,
    id: String,
    kind: String,
    app: String,
    stream: String,
    session: String,
    cause: i64,
    data: String,
    at_ms: i64,
}
row!(EventRow {
    seq,
    id,
    kind,
    app,
    stream,
    session,
    cause,
    data,
    at_ms
});

impl Store {
    /// The log of events.
    pub fn events(&self) -> Events<'_> {
        Events {
            db: self.db(Module::Events),
        }
    }
}

/// Writes and reads the log, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a> {
    db: &'a Db,
}

impl Events<'_> {
    /// Writes what was not written yet of at most [`BATCH_FACTS`] facts, in their order, all or nothing. Says
    /// the number of the latest event.
    ///
    /// # Errors
    /// [`StoreError::Bound`] for more facts; [`StoreError::is_passing`] where the same again may pass.
    pub async fn record(&self, facts: &[Fact]) -> Result<i64, StoreError> {
        write::record(self.db, facts).await
    }

    /// At most `limit` events behind the number `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn after(&self, after: i64, limit: u32) -> Result<Vec<LoggedEvent>, StoreError> {
        let rows = sqlx::query_as::<_, EventRow>(
            "SELECT seq, id, type AS kind, app, stream, session, cause, data, at_ms FROM events \
             WHERE seq > $1 ORDER BY seq LIMIT $2",
        );
        let rows = rows.bind(after).bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(LoggedEvent::try_from).collect()
    }

    /// The number of the latest event; 0 before the first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn head(&self) -> Result<i64, StoreError> {
        let head = sqlx::query_scalar("SELECT seq FROM event_head WHERE one = 1");
        let head = head.fetch_optional(self.db.fresh()).await?;
        Ok(head.unwrap_or(0))
    }

    /// Forgets some of the events from before `at_ms`, oldest first: call it again while it says that there
    /// may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn prune(&self, at_ms: i64) -> Result<bool, StoreError> {
        // By numbers, oldest first: a clock that was set back leaves no hole in the middle.
        let first: Option<i64> = sqlx::query_scalar("SELECT MIN(seq) FROM events")
            .fetch_one(self.db.fresh())
            .await?;
        let Some(first) = first else {
            return Ok(false);
        };
        let end = first + PRUNE_EVENTS;
        let keep: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(seq) FROM events WHERE seq >= $1 AND seq < $2 AND at_ms >= $3",
        )
        .bind(first)
        .bind(end)
        .bind(at_ms)
        .fetch_one(self.db.fresh())
        .await?;
        sqlx::query("DELETE FROM events WHERE seq < $1")
            .bind(keep.unwrap_or(end))
            .execute(self.db.write())
            .await?;
        Ok(keep.is_none())
    }
}

impl TryFrom<EventRow> for LoggedEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let session = match row.session.as_str() {
            "" => None,
            id => Some(id::stored(id)?),
        };
        Ok(Self {
            seq: row.seq,
            id: id::stored(&row.id)?,
            kind: row.kind,
            app: row.app,
            stream: row.stream,
            session,
            cause: row.cause,
            data: row.data,
            at_ms: row.at_ms,
        })
    }
}
