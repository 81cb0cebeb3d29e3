//! Broadcasts in rows: which live, whose node was heard of, and what was. They begin and end by
//! [`crate::events`], with the event that tells of it.

use sqlx::AssertSqlSafe;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

/// A row of `broadcasts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// The channel's owner; empty where the stream is no channel's.
    pub user_id: String,
    /// Its id: the session of its events.
    pub id: Id,
    /// Empty likewise.
    pub channel_id: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name.
    pub stream: String,
    /// The node that owned it.
    pub node: String,
    /// Which life of that node.
    pub boot: String,
    /// How it was published.
    pub protocol: String,
    /// From where.
    pub address: String,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// The app has to be heard of so often; 0: it need not.
    pub heartbeat_ms: i64,
    /// When the app was heard of last.
    pub heard_ms: i64,
    /// When it ended; 0: it lives.
    pub ended_ms: i64,
    /// A code of the registry; 0: it lives.
    pub cause: i64,
    /// Most viewers at once, told at its end.
    pub viewers_max: i64,
    /// Bytes from the publisher, told at its end.
    pub bytes_in: i64,
    /// Bytes to viewers, told at its end.
    pub bytes_out: i64,
}

/// A node that owns streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// Its id in the cluster.
    pub node: String,
    /// Which life of it.
    pub boot: String,
    /// When it was heard of last, milliseconds since 1970.
    pub seen_ms: i64,
}
row!(Recorder {
    node,
    boot,
    seen_ms
});

/// Which broadcasts a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct BroadcastFilter<'a> {
    /// Of this account's channels alone.
    pub user_id: Option<&'a str>,
    /// Of this stream alone.
    pub stream: Option<&'a str>,
    /// Of this app alone.
    pub app: Option<&'a str>,
    /// Those that live, or those that do not.
    pub is_live: Option<bool>,
}

struct BroadcastRow {
    user_id: String,
    id: String,
    channel_id: String,
    app: String,
    stream: String,
    node: String,
    boot: String,
    protocol: String,
    address: String,
    started_ms: i64,
    heartbeat_ms: i64,
    heard_ms: i64,
    ended_ms: i64,
    cause: i64,
    viewers_max: i64,
    bytes_in: i64,
    bytes_out: i64,
}
row!(BroadcastRow {
    user_id,
    id,
    channel_id,
    app,
    stream,
    node,
    boot,
    protocol,
    address,
    started_ms,
    heartbeat_ms,
    heard_ms,
    ended_ms,
    cause,
    viewers_max,
    bytes_in,
    bytes_out
});

/// The columns of [`BroadcastRow`].
macro_rules! columns {
    () => {
        "b.user_id, b.id, b.channel_id, b.app, b.stream, b.node, b.boot, b.protocol, b.address, b.started_ms, \
         b.heartbeat_ms, b.heard_ms, b.ended_ms, b.cause, b.viewers_max, b.bytes_in, b.bytes_out"
    };
}

impl Store {
    /// Rows of broadcasts.
    pub fn broadcasts(&self) -> Broadcasts<'_> {
        Broadcasts {
            db: self.db(Module::Events),
        }
    }
}

/// Asks and changes what is known of broadcasts.
#[derive(Debug, Clone, Copy)]
pub struct Broadcasts<'a> {
    db: &'a Db,
}

impl Broadcasts<'_> {
    /// The broadcast with this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: Id) -> Result<Broadcast, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM broadcast_owners o JOIN broadcasts b ON b.user_id = o.user_id AND b.id = o.id WHERE o.id = $1"
        );
        let row = sqlx::query_as::<_, BroadcastRow>(SQL).bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("broadcast"))?.try_into()
    }

    /// At most `limit` broadcasts older than `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        filter: BroadcastFilter<'_>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Broadcast>, StoreError> {
        let mut sql = String::from(concat!(
            "SELECT ",
            columns!(),
            " FROM broadcasts b WHERE b.id < $1"
        ));
        let mut given = vec![before.map_or_else(|| "~".to_owned(), |id| id.to_string())];
        let wanted = [
            ("b.user_id", filter.user_id),
            ("b.stream", filter.stream),
            ("b.app", filter.app),
        ];
        for (column, value) in wanted {
            if let Some(value) = value {
                given.push(value.to_owned());
                sql.push_str(&format!(" AND {column} = ${}", given.len()));
            }
        }
        match filter.is_live {
            Some(true) => sql.push_str(" AND b.ended_ms = 0"),
            Some(false) => sql.push_str(" AND b.ended_ms > 0"),
            None => {}
        }
        sql.push_str(&format!(" ORDER BY b.id DESC LIMIT ${}", given.len() + 1));
        let mut query = sqlx::query_as::<_, BroadcastRow>(AssertSqlSafe(sql));
        for value in given {
            query = query.bind(value);
        }
        let rows = query.bind(i64::from(limit)).fetch_all(self.db.fresh());
        rows.await?.into_iter().map(Broadcast::try_from).collect()
    }

    /// The app says that it is there for this broadcast.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where it is not known or over.
    pub async fn heard(&self, id: Id, now_ms: i64) -> Result<(), StoreError> {
        let changed = sqlx::query(
            "UPDATE broadcasts SET heard_ms = $2 WHERE id = $1 AND ended_ms = 0 \
             AND user_id IN (SELECT user_id FROM broadcast_owners WHERE id = $1)",
        )
        .bind(id.to_string())
        .bind(now_ms)
        .execute(self.db.write())
        .await?;
        match changed.rows_affected() {
            0 => Err(StoreError::Missing("live broadcast")),
            _ => Ok(()),
        }
    }

    /// Orders the node of each live broadcast whose app was not heard of in time to end it with `cause`. Says how
    /// many there are anew.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn order_unheard(&self, now_ms: i64, cause: i64) -> Result<u64, StoreError> {
        let changed = sqlx::query(
            "UPDATE broadcasts SET order_cause = $2 WHERE ended_ms = 0 AND order_cause = 0 \
             AND heartbeat_ms > 0 AND heard_ms + heartbeat_ms < $1",
        )
        .bind(now_ms)
        .bind(cause)
        .execute(self.db.write())
        .await?;
        Ok(changed.rows_affected())
    }

    /// Has the node that owns a stream, by its whole name, end what is live of it, with a code.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn order_end(&self, stream: &str, cause: i64) -> Result<u64, StoreError> {
        let changed = sqlx::query(
            "UPDATE broadcasts SET order_cause = $2 WHERE ended_ms = 0 AND order_cause = 0 AND stream = $1",
        )
        .bind(stream.to_owned())
        .bind(cause)
        .execute(self.db.write())
        .await?;
        Ok(changed.rows_affected())
    }

    /// The broadcasts that a node shall end, each with a code.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn orders(&self, node: &str) -> Result<Vec<(Id, i64)>, StoreError> {
        let rows = sqlx::query_as::<_, (String, i64)>(
            "SELECT id, order_cause FROM broadcasts WHERE ended_ms = 0 AND node = $1 AND order_cause > 0",
        );
        let rows = rows.bind(node.to_owned()).fetch_all(self.db.fresh());
        let rows = rows.await?.into_iter();
        rows.map(|(id, cause)| Ok((id::stored(&id)?, cause)))
            .collect()
    }

    /// A node lives. What was heard of it before, if anything.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn seen(
        &self,
        node: &str,
        boot: &str,
        now_ms: i64,
    ) -> Result<Option<Recorder>, StoreError> {
        let mut writing = self.db.begin().await?;
        let before = sqlx::query_as::<_, Recorder>(
            "SELECT node, boot, seen_ms FROM recorders WHERE node = $1",
        )
        .bind(node.to_owned())
        .fetch_optional(&mut *writing)
        .await?;
        sqlx::query(
            "INSERT INTO recorders (node, boot, seen_ms) VALUES ($1, $2, $3) \
             ON CONFLICT (node) DO UPDATE SET boot = $2, seen_ms = $3",
        )
        .bind(node.to_owned())
        .bind(boot.to_owned())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(before)
    }

    /// Nodes that were not heard of since `since_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn unseen(&self, since_ms: i64) -> Result<Vec<Recorder>, StoreError> {
        let rows = sqlx::query_as::<_, Recorder>(
            "SELECT node, boot, seen_ms FROM recorders WHERE seen_ms < $1",
        );
        Ok(rows.bind(since_ms).fetch_all(self.db.fresh()).await?)
    }

    /// Nothing more is expected of this life of a node.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn forget(&self, recorder: &Recorder) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM recorders WHERE node = $1 AND boot = $2 AND seen_ms = $3")
            .bind(recorder.node.clone())
            .bind(recorder.boot.clone())
            .bind(recorder.seen_ms)
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Live broadcasts of a node: at most `limit`, of `boot` alone or of all its lives but `boot`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn living(
        &self,
        node: &str,
        life: Life<'_>,
        limit: u32,
    ) -> Result<Vec<Broadcast>, StoreError> {
        const OF: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM broadcasts b WHERE b.ended_ms = 0 AND b.node = $1 AND b.boot = $2 LIMIT $3"
        );
        const BUT: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM broadcasts b WHERE b.ended_ms = 0 AND b.node = $1 AND b.boot <> $2 LIMIT $3"
        );
        let (sql, boot) = match life {
            Life::This(boot) => (OF, boot),
            Life::Others(boot) => (BUT, boot),
        };
        let rows = sqlx::query_as::<_, BroadcastRow>(sql)
            .bind(node.to_owned())
            .bind(boot.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Broadcast::try_from).collect()
    }
}

/// Which lives of a node.
#[derive(Debug, Clone, Copy)]
pub enum Life<'a> {
    /// This one.
    This(&'a str),
    /// All but this one.
    Others(&'a str),
}

impl TryFrom<BroadcastRow> for Broadcast {
    type Error = StoreError;

    fn try_from(row: BroadcastRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.user_id,
            id: id::stored(&row.id)?,
            channel_id: row.channel_id,
            app: row.app,
            stream: row.stream,
            node: row.node,
            boot: row.boot,
            protocol: row.protocol,
            address: row.address,
            started_ms: row.started_ms,
            heartbeat_ms: row.heartbeat_ms,
            heard_ms: row.heard_ms,
            ended_ms: row.ended_ms,
            cause: row.cause,
            viewers_max: row.viewers_max,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
        })
    }
}
