//! Broadcasts that are to come.

use super::{Channel, Channels, hold};
use crate::error::StoreError;
use crate::id::{self, Id};

/// Broadcasts of one channel that are to come, and those of the past that were not taken away.
const SCHEDULED: i64 = 500;

/// When a broadcast shall be, and what it is called.
#[derive(Debug, Clone, Copy)]
pub struct Timing<'a> {
    /// As it is shown.
    pub title: &'a str,
    /// About it, in Markdown.
    pub description: &'a str,
    /// Milliseconds since 1970.
    pub starts_ms: i64,
    /// Milliseconds since 1970; 0: nobody knows.
    pub ends_ms: i64,
}

/// A row of `scheduled_broadcasts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledBroadcast {
    /// Its own id.
    pub id: Id,
    /// As it is shown.
    pub title: String,
    /// About it, in Markdown.
    pub description: String,
    /// Milliseconds since 1970.
    pub starts_ms: i64,
    /// Milliseconds since 1970; 0: nobody knows.
    pub ends_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

struct ScheduledRow {
    id: String,
    title: String,
    description: String,
    starts_ms: i64,
    ends_ms: i64,
    version: i64,
}
row!(ScheduledRow {
    id,
    title,
    description,
    starts_ms,
    ends_ms,
    version
});

impl Channels<'_> {
    /// Announces a broadcast.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many as may be, [`StoreError::Missing`].
    pub async fn schedule(
        &self,
        channel: &Channel,
        timing: &Timing<'_>,
    ) -> Result<ScheduledBroadcast, StoreError> {
        let id = self.store.next_id()?;
        let mut writing = self.db.begin().await?;
        hold(&mut writing, channel.user_id, channel.id).await?;
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM scheduled_broadcasts WHERE user_id = $1 AND channel_id = $2",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .fetch_one(&mut *writing)
        .await?;
        if count >= SCHEDULED {
            let words =
                format!("a channel may announce {SCHEDULED} broadcasts: take one away first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO scheduled_broadcasts (user_id, channel_id, id, title, description, starts_ms, ends_ms, \
             version) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(id.to_string())
        .bind(timing.title)
        .bind(timing.description)
        .bind(timing.starts_ms)
        .bind(timing.ends_ms)
        .execute(&mut *writing)
        .await?;
        self.changed(&mut writing, channel).await?;
        writing.commit().await?;
        Ok(timing.at(id, 1))
    }

    /// Changes one that is at `version`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, or is gone.
    pub async fn reschedule(
        &self,
        channel: &Channel,
        id: Id,
        version: i64,
        timing: &Timing<'_>,
    ) -> Result<ScheduledBroadcast, StoreError> {
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE scheduled_broadcasts SET title = $5, description = $6, starts_ms = $7, ends_ms = $8, \
             version = version + 1 WHERE user_id = $1 AND channel_id = $2 AND id = $3 AND version = $4",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(id.to_string())
        .bind(version)
        .bind(timing.title.to_owned())
        .bind(timing.description.to_owned())
        .bind(timing.starts_ms)
        .bind(timing.ends_ms)
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the broadcast"));
        }
        self.changed(&mut writing, channel).await?;
        writing.commit().await?;
        Ok(timing.at(id, version + 1))
    }

    /// The one of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn scheduled_one(
        &self,
        channel: &Channel,
        id: Id,
    ) -> Result<ScheduledBroadcast, StoreError> {
        let row = sqlx::query_as::<_, ScheduledRow>(
            "SELECT id, title, description, starts_ms, ends_ms, version FROM scheduled_broadcasts \
             WHERE user_id = $1 AND channel_id = $2 AND id = $3",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("scheduled broadcast"))?
            .try_into()
    }

    /// Takes one away.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn unschedule(&self, channel: &Channel, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM scheduled_broadcasts WHERE user_id = $1 AND channel_id = $2 AND id = $3",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(id.to_string())
        .execute(&mut *writing)
        .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("scheduled broadcast"));
        }
        self.changed(&mut writing, channel).await?;
        writing.commit().await.map_err(StoreError::from)
    }

    /// At most `limit` broadcasts that begin at `from_ms` or later, the next first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn scheduled(
        &self,
        channel: &Channel,
        from_ms: i64,
        limit: u32,
    ) -> Result<Vec<ScheduledBroadcast>, StoreError> {
        let rows = sqlx::query_as::<_, ScheduledRow>(
            "SELECT id, title, description, starts_ms, ends_ms, version FROM scheduled_broadcasts \
             WHERE user_id = $1 AND channel_id = $2 AND starts_ms >= $3 ORDER BY starts_ms, id LIMIT $4",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(from_ms)
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(ScheduledBroadcast::try_from).collect()
    }

    /// Broadcasts of all channels that begin at `from_ms` or later, with the id of their channel: at most `limit`
    /// behind `after`, which is the owner, the channel and the broadcast of the last one.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn all_scheduled(
        &self,
        after: &(String, String, String),
        from_ms: i64,
        limit: u32,
    ) -> Result<Vec<((String, String, String), ScheduledBroadcast)>, StoreError> {
        let rows = sqlx::query_as::<_, (String, String, String, String, String, i64, i64, i64)>(
            "SELECT user_id, channel_id, id, title, description, starts_ms, ends_ms, version \
             FROM scheduled_broadcasts WHERE (user_id, channel_id, id) > ($1, $2, $3) AND starts_ms >= $4 \
             ORDER BY user_id, channel_id, id LIMIT $5",
        )
        .bind(after.0.clone())
        .bind(after.1.clone())
        .bind(after.2.clone())
        .bind(from_ms)
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?.into_iter();
        rows.map(
            |(user, channel, id, title, description, starts_ms, ends_ms, version)| {
                let one = ScheduledBroadcast {
                    id: id::stored(&id)?,
                    title,
                    description,
                    starts_ms,
                    ends_ms,
                    version,
                };
                Ok(((user, channel, id), one))
            },
        )
        .collect()
    }
}

impl Timing<'_> {
    fn at(&self, id: Id, version: i64) -> ScheduledBroadcast {
        ScheduledBroadcast {
            id,
            title: self.title.to_owned(),
            description: self.description.to_owned(),
            starts_ms: self.starts_ms,
            ends_ms: self.ends_ms,
            version,
        }
    }
}

impl TryFrom<ScheduledRow> for ScheduledBroadcast {
    type Error = StoreError;

    fn try_from(row: ScheduledRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            title: row.title,
            description: row.description,
            starts_ms: row.starts_ms,
            ends_ms: row.ends_ms,
            version: row.version,
        })
    }
}
