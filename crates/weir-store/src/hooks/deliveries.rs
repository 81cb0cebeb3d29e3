//! Deliveries in rows: made of events once, tried until they are delivered or dead.

use sqlx::AssertSqlSafe;

use super::{Endpoint, Hooks};
use crate::db::placeholders;
use crate::error::StoreError;
use crate::events::LoggedEvent;
use crate::id::{self, Id};

/// Deliveries that one statement writes.
const INSERT_ROWS: usize = 500;
/// Deliveries deleted at once, so that nobody waits long behind it.
const PRUNE_ROWS: i64 = 2_000;

/// A row of `deliveries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The endpoint's account.
    pub user_id: String,
    /// Its id, the same at each try.
    pub id: Id,
    /// To whom.
    pub endpoint_id: Id,
    /// The event's number.
    pub seq: i64,
    /// The event's stream.
    pub stream: String,
    /// The event's type.
    pub kind: String,
    /// JSON: the event as the log has it.
    pub event: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries until now.
    pub tries: i64,
    /// It is not tried before this, milliseconds since 1970.
    pub next_ms: i64,
    /// When it was made.
    pub made_ms: i64,
    /// When it was delivered or given up; 0: it waits.
    pub done_ms: i64,
    /// Status of the last answer; 0 for none.
    pub status: i64,
    /// Of the last answer, or why there is none.
    pub words: String,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried.
    Waiting,
    /// It was taken.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    /// As rows and the API have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Delivered, Self::Dead]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// What an endpoint is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The endpoint's account.
    pub user_id: String,
    /// To whom.
    pub endpoint_id: Id,
    /// The event's number.
    pub seq: i64,
    /// The event's stream.
    pub stream: String,
    /// The event's type.
    pub kind: String,
    /// JSON: the event.
    pub event: String,
}

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What becomes of the delivery.
    pub outcome: Outcome,
    /// Status of the answer; 0 for none.
    pub status: i64,
    /// Of the answer, or why there is none.
    pub words: String,
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Delivered,
    /// It is tried again, not before this, milliseconds since 1970.
    Later(i64),
    /// It is given up.
    Dead,
}

struct DeliveryRow {
    user_id: String,
    id: String,
    endpoint_id: String,
    seq: i64,
    stream: String,
    kind: String,
    event: String,
    state: String,
    tries: i64,
    next_ms: i64,
    made_ms: i64,
    done_ms: i64,
    status: i64,
    words: String,
}
row!(DeliveryRow {
    user_id,
    id,
    endpoint_id,
    seq,
    stream,
    kind,
    event,
    state,
    tries,
    next_ms,
    made_ms,
    done_ms,
    status,
    words
});

/// The columns of [`DeliveryRow`].
macro_rules! columns {
    () => {
        "user_id, id, endpoint_id, seq, stream, type AS kind, event, state, tries, next_ms, made_ms, done_ms, status, words"
    };
}

impl Hooks<'_> {
    /// Makes deliveries of the next at most `limit` events, as `make` says, once however many nodes do it. Says
    /// how many events there were.
    ///
    /// # Errors
    /// [`StoreError::is_passing`] where the same again may pass.
    pub async fn fan_out(
        &self,
        limit: u32,
        make: impl Fn(&[Endpoint], &LoggedEvent) -> Vec<NewDelivery>,
    ) -> Result<usize, StoreError> {
        let mut writing = self.db.begin().await?;
        let done: i64 = sqlx::query_scalar(
            "INSERT INTO hook_head (one, seq) VALUES (1, 0) \
             ON CONFLICT (one) DO UPDATE SET seq = hook_head.seq RETURNING seq",
        )
        .fetch_one(&mut *writing)
        .await?;
        let events = self.store.events().after(done, limit).await?;
        let Some(last) = events.last() else {
            return Ok(0);
        };
        // Read behind the events: a hook that was there before one of them is among them.
        let endpoints = self.active().await?;
        let made = events.iter().flat_map(|event| make(&endpoints, event));
        let new: Vec<NewDelivery> = made.collect();
        for rows in new.chunks(INSERT_ROWS) {
            let sql = format!(
                "INSERT INTO deliveries (user_id, id, endpoint_id, seq, stream, type, event, state, tries, next_ms, \
                 made_ms, done_ms, status, words) VALUES {} ON CONFLICT DO NOTHING",
                placeholders(0, rows.len(), 14)
            );
            let now_ms = self.store.now_ms();
            let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            for row in rows {
                query = query
                    .bind(row.user_id.clone())
                    .bind(self.store.next_id()?.to_string())
                    .bind(row.endpoint_id.to_string())
                    .bind(row.seq)
                    .bind(row.stream.clone())
                    .bind(row.kind.clone())
                    .bind(row.event.clone())
                    .bind(DeliveryState::Waiting.name())
                    .bind(0_i64)
                    .bind(now_ms)
                    .bind(now_ms)
                    .bind(0_i64)
                    .bind(0_i64)
                    .bind("");
            }
            query.execute(&mut *writing).await?;
        }
        sqlx::query("UPDATE hook_head SET seq = $1 WHERE one = 1")
            .bind(last.seq)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(events.len())
    }

    /// Endpoints that have deliveries whose time has come, though some may wait behind others.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn awaited(&self) -> Result<Vec<(String, Id)>, StoreError> {
        let rows = sqlx::query_as::<_, (String, String)>(
            "SELECT DISTINCT user_id, endpoint_id FROM deliveries WHERE done_ms = 0 AND next_ms <= $1",
        );
        let rows = rows
            .bind(self.store.now_ms())
            .fetch_all(self.db.fresh())
            .await?
            .into_iter();
        rows.map(|(user_id, id)| Ok((user_id, id::stored(&id)?)))
            .collect()
    }

    /// The first waiting delivery of each stream of an endpoint, at most `limit`: nothing behind it is tried
    /// before it. Those that are due soonest come first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn heads(
        &self,
        endpoint: (&str, Id),
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM deliveries WHERE user_id = $1 AND endpoint_id = $2 AND state = 'waiting' AND seq IN \
             (SELECT MIN(seq) FROM deliveries WHERE user_id = $1 AND endpoint_id = $2 AND state = 'waiting' \
             GROUP BY stream) ORDER BY next_ms, seq LIMIT $3"
        );
        let (user_id, id) = endpoint;
        let rows = sqlx::query_as::<_, DeliveryRow>(SQL)
            .bind(user_id.to_owned())
            .bind(id.to_string())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Delivery::try_from).collect()
    }

    /// A delivery was tried.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn tried(&self, delivery: &Delivery, attempt: &Attempt) -> Result<(), StoreError> {
        let now_ms = self.store.now_ms();
        let (state, next_ms, done_ms) = match attempt.outcome {
            Outcome::Delivered => (DeliveryState::Delivered, delivery.next_ms, now_ms),
            Outcome::Later(next_ms) => (DeliveryState::Waiting, next_ms, 0),
            Outcome::Dead => (DeliveryState::Dead, delivery.next_ms, now_ms),
        };
        sqlx::query(
            "UPDATE deliveries SET state = $3, next_ms = $4, done_ms = $5, status = $6, words = $7, tries = tries + 1 \
             WHERE user_id = $1 AND id = $2 AND state = 'waiting'",
        )
        .bind(delivery.user_id.clone())
        .bind(delivery.id.to_string())
        .bind(state.name())
        .bind(next_ms)
        .bind(done_ms)
        .bind(attempt.status)
        .bind(attempt.words.clone())
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// At most `limit` deliveries of an endpoint older than `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn deliveries(
        &self,
        endpoint: (&str, Id),
        state: Option<DeliveryState>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM deliveries WHERE user_id = $1 AND endpoint_id = $2 AND id < $3 AND ($4 = '' OR state = $4) \
             ORDER BY id DESC LIMIT $5"
        );
        let (user_id, id) = endpoint;
        let rows = sqlx::query_as::<_, DeliveryRow>(SQL)
            .bind(user_id.to_owned())
            .bind(id.to_string())
            .bind(before.map_or_else(|| "~".to_owned(), |id| id.to_string()))
            .bind(state.map_or("", DeliveryState::name))
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Delivery::try_from).collect()
    }

    /// A delivery that is over is tried anew, before those that wait behind it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the endpoint has no such delivery that is over.
    pub async fn again(&self, endpoint: (&str, Id), delivery: Id) -> Result<(), StoreError> {
        let (user_id, id) = endpoint;
        let changed = sqlx::query(
            "UPDATE deliveries SET state = 'waiting', next_ms = $4, made_ms = $4, done_ms = 0, tries = 0 \
             WHERE user_id = $1 AND id = $2 AND endpoint_id = $3 AND done_ms > 0",
        )
        .bind(user_id.to_owned())
        .bind(delivery.to_string())
        .bind(id.to_string())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        match changed.rows_affected() {
            0 => Err(StoreError::Missing("delivery that is over")),
            _ => Ok(()),
        }
    }

    /// Forgets some of the deliveries that were over before `done_ms`: call it again while it says that there
    /// may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn prune(&self, done_ms: i64) -> Result<bool, StoreError> {
        let old = sqlx::query_as::<_, (String, String)>(
            "SELECT user_id, id FROM deliveries WHERE done_ms > 0 AND done_ms < $1 LIMIT $2",
        );
        let old = old.bind(done_ms).bind(PRUNE_ROWS);
        let old = old.fetch_all(self.db.fresh()).await?;
        if old.is_empty() {
            return Ok(false);
        }
        let sql = format!(
            "DELETE FROM deliveries WHERE (user_id, id) IN (VALUES {})",
            placeholders(0, old.len(), 2)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let count = old.len();
        for (user_id, id) in old {
            query = query.bind(user_id).bind(id);
        }
        query.execute(self.db.write()).await?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX) == PRUNE_ROWS)
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let state = DeliveryState::from_name(&row.state)
            .ok_or_else(|| StoreError::Damaged(format!("a delivery's state: {:?}", row.state)))?;
        Ok(Self {
            user_id: row.user_id,
            id: id::stored(&row.id)?,
            endpoint_id: id::stored(&row.endpoint_id)?,
            seq: row.seq,
            stream: row.stream,
            kind: row.kind,
            event: row.event,
            state,
            tries: row.tries,
            next_ms: row.next_ms,
            made_ms: row.made_ms,
            done_ms: row.done_ms,
            status: row.status,
            words: row.words,
        })
    }
}
