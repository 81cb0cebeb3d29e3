//! Stream keys of a channel. A key itself is shown once and nowhere kept: what is here is its hash.

use super::{Channel, Channels, hold};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::mark::{Thing, mark};

/// Keys of one channel that are good at once: one for each encoder and a few for guests.
const LIVE_KEYS: i64 = 20;
/// Milliseconds that a key which has ended is still told of: who used it last, and that it was revoked.
const DEAD_KEY_MS: i64 = 30 * 24 * 3_600_000;
/// Keys of one channel in its list, those that have ended included.
const LISTED_KEYS: i64 = 200;

/// A key to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewStreamKey<'a> {
    /// SHA-256 of the key, in hexadecimal.
    pub key_hash: &'a str,
    /// What its owner calls it.
    pub label: &'a str,
}

/// A row of `stream_keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamKey {
    /// The channel's owner.
    pub user_id: Id,
    /// What it opens.
    pub channel_id: Id,
    /// Its own id.
    pub id: Id,
    /// SHA-256 of the key, in hexadecimal.
    pub key_hash: String,
    /// What its owner calls it.
    pub label: String,
    /// The key that it came for.
    pub replaces: Option<Id>,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, milliseconds since 1970; 0: never.
    pub expires_ms: i64,
    /// When it was revoked, milliseconds since 1970; 0: it was not.
    pub revoked_ms: i64,
    /// When it was last published with, milliseconds since 1970; 0: never.
    pub used_ms: i64,
    /// From where.
    pub used_address: String,
}

struct StreamKeyRow {
    user_id: String,
    channel_id: String,
    id: String,
    key_hash: String,
    label: String,
    replaces: String,
    created_ms: i64,
    expires_ms: i64,
    revoked_ms: i64,
    used_ms: i64,
    used_address: String,
}
row!(StreamKeyRow {
    user_id,
    channel_id,
    id,
    key_hash,
    label,
    replaces,
    created_ms,
    expires_ms,
    revoked_ms,
    used_ms,
    used_address
});

/// The columns of [`StreamKeyRow`].
macro_rules! columns {
    () => {
        "user_id, channel_id, id, key_hash, label, replaces, created_ms, expires_ms, revoked_ms, used_ms, \
         used_address"
    };
}

impl Channels<'_> {
    /// Gives a channel another key.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where it has as many as may be, [`StoreError::Missing`].
    pub async fn add_key(
        &self,
        channel: &Channel,
        new: &NewStreamKey<'_>,
    ) -> Result<StreamKey, StoreError> {
        let mut writing = self.db.begin().await?;
        hold(&mut writing, channel.user_id, channel.id).await?;
        let forgotten = self.forget_dead_keys(&mut writing, channel).await?;
        let key = self.insert_key(&mut writing, channel, new, None).await?;
        let now_ms = self.store.now_ms();
        for hash in forgotten.into_iter().chain([key.key_hash.clone()]) {
            mark(&mut writing, &Thing::Key(channel.user_id, hash), now_ms).await?;
        }
        writing.commit().await?;
        Ok(key)
    }

    /// Puts a new key in the place of `old`, which stays good for `grace_ms`. What `old` itself had replaced ends
    /// now, so that no more than two are good.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where `old` has ended or was replaced already, [`StoreError::Missing`].
    pub async fn rotate_key(
        &self,
        channel: &Channel,
        old: Id,
        new: &NewStreamKey<'_>,
        grace_ms: i64,
    ) -> Result<StreamKey, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        hold(&mut writing, channel.user_id, channel.id).await?;
        let old = key_by_id(&mut writing, channel, old).await?;
        if old.expires_ms != 0 || old.revoked_ms != 0 {
            return Err(StoreError::Changed("the key"));
        }
        end_key(&mut writing, &old, now_ms + grace_ms).await?;
        let mut ended = vec![old.key_hash.clone()];
        if let Some(elder) = old.replaces
            && let Ok(elder) = key_by_id(&mut writing, channel, elder).await
            && elder.expires_ms > now_ms
        {
            end_key(&mut writing, &elder, now_ms).await?;
            ended.push(elder.key_hash);
        }
        let key = self
            .insert_key(&mut writing, channel, new, Some(old.id))
            .await?;
        for hash in ended.into_iter().chain([key.key_hash.clone()]) {
            mark(&mut writing, &Thing::Key(channel.user_id, hash), now_ms).await?;
        }
        writing.commit().await?;
        Ok(key)
    }

    /// Takes a key back at once. One that was taken back before stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn revoke_key(&self, channel: &Channel, id: Id) -> Result<StreamKey, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        hold(&mut writing, channel.user_id, channel.id).await?;
        let mut key = key_by_id(&mut writing, channel, id).await?;
        if key.revoked_ms != 0 {
            return Ok(key);
        }
        sqlx::query(
            "UPDATE stream_keys SET revoked_ms = $4 WHERE user_id = $1 AND channel_id = $2 AND id = $3",
        )
        .bind(key.user_id.to_string())
        .bind(key.channel_id.to_string())
        .bind(key.id.to_string())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        key.revoked_ms = now_ms;
        let thing = Thing::Key(key.user_id, key.key_hash.clone());
        mark(&mut writing, &thing, now_ms).await?;
        writing.commit().await?;
        Ok(key)
    }

    /// Keeps that a key was published with at `at_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn key_was_used(
        &self,
        (user_id, channel_id, id): (Id, Id, Id),
        at_ms: i64,
        address: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE stream_keys SET used_ms = $4, used_address = $5 \
             WHERE user_id = $1 AND channel_id = $2 AND id = $3 AND used_ms <= $4",
        )
        .bind(user_id.to_string())
        .bind(channel_id.to_string())
        .bind(id.to_string())
        .bind(at_ms)
        .bind(address.to_owned())
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// The keys of a channel, newest first: those that are good, and behind them those that were taken back of late.
    /// However many those are, each that opens the channel is among them.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn keys(&self, channel: &Channel) -> Result<Vec<StreamKey>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM stream_keys WHERE user_id = $1 AND channel_id = $2 \
             ORDER BY CASE WHEN revoked_ms = 0 THEN 0 ELSE 1 END, id DESC LIMIT $3"
        );
        let rows = sqlx::query_as::<_, StreamKeyRow>(SQL)
            .bind(channel.user_id.to_string())
            .bind(channel.id.to_string())
            .bind(LISTED_KEYS);
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(StreamKey::try_from).collect()
    }

    /// The key of this hash.
    pub(crate) async fn key_by_hash(
        &self,
        user_id: Id,
        key_hash: &str,
    ) -> Result<StreamKey, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM stream_keys WHERE user_id = $1 AND key_hash = $2"
        );
        let row = sqlx::query_as::<_, StreamKeyRow>(SQL)
            .bind(user_id.to_string())
            .bind(key_hash.to_owned());
        of_row(row.fetch_optional(self.db.fresh()).await?)
    }

    /// At most `limit` keys of all channels behind the one of this owner and hash.
    pub(crate) async fn all_keys(
        &self,
        user_id: &str,
        key_hash: &str,
        limit: u32,
    ) -> Result<Vec<StreamKey>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM stream_keys WHERE (user_id, key_hash) > ($1, $2) ORDER BY user_id, key_hash LIMIT $3"
        );
        let rows = sqlx::query_as::<_, StreamKeyRow>(SQL)
            .bind(user_id.to_owned())
            .bind(key_hash.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(StreamKey::try_from).collect()
    }

    async fn insert_key(
        &self,
        writing: &mut Writing,
        channel: &Channel,
        new: &NewStreamKey<'_>,
        replaces: Option<Id>,
    ) -> Result<StreamKey, StoreError> {
        let key = StreamKey {
            user_id: channel.user_id,
            channel_id: channel.id,
            id: self.store.next_id()?,
            key_hash: new.key_hash.to_owned(),
            label: new.label.to_owned(),
            replaces,
            created_ms: self.store.now_ms(),
            expires_ms: 0,
            revoked_ms: 0,
            used_ms: 0,
            used_address: String::new(),
        };
        let made = sqlx::query(
            "INSERT INTO stream_keys (user_id, channel_id, id, key_hash, label, replaces, created_ms, expires_ms, \
             revoked_ms, used_ms, used_address) \
             SELECT $1, $2, $3, $4, $5, $6, $7, 0, 0, 0, '' WHERE \
             (SELECT COUNT(*) FROM stream_keys WHERE user_id = $1 AND channel_id = $2 AND revoked_ms = 0 \
             AND expires_ms = 0) < $8",
        )
        .bind(key.user_id.to_string())
        .bind(key.channel_id.to_string())
        .bind(key.id.to_string())
        .bind(key.key_hash.clone())
        .bind(key.label.clone())
        .bind(replaces.map(|id| id.to_string()).unwrap_or_default())
        .bind(key.created_ms)
        .bind(LIVE_KEYS)
        .execute(&mut **writing)
        .await
        .map_err(|error| StoreError::from(error).taken("the key"))?;
        if made.rows_affected() == 0 {
            let words = format!("a channel may have {LIVE_KEYS} stream keys: revoke one first");
            return Err(StoreError::Bound(words));
        }
        Ok(key)
    }

    /// Takes away what ended long ago, and says the hashes.
    async fn forget_dead_keys(
        &self,
        writing: &mut Writing,
        channel: &Channel,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar::<_, String>(
            "DELETE FROM stream_keys WHERE user_id = $1 AND channel_id = $2 \
             AND ((revoked_ms > 0 AND revoked_ms < $3) OR (expires_ms > 0 AND expires_ms < $3)) \
             RETURNING key_hash",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(self.store.now_ms() - DEAD_KEY_MS);
        Ok(rows.fetch_all(&mut **writing).await?)
    }
}

async fn key_by_id(
    writing: &mut Writing,
    channel: &Channel,
    id: Id,
) -> Result<StreamKey, StoreError> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM stream_keys WHERE user_id = $1 AND channel_id = $2 AND id = $3"
    );
    let row = sqlx::query_as::<_, StreamKeyRow>(SQL)
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .bind(id.to_string());
    of_row(row.fetch_optional(&mut **writing).await?)
}

async fn end_key(
    writing: &mut Writing,
    key: &StreamKey,
    expires_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE stream_keys SET expires_ms = $4 WHERE user_id = $1 AND channel_id = $2 AND id = $3",
    )
    .bind(key.user_id.to_string())
    .bind(key.channel_id.to_string())
    .bind(key.id.to_string())
    .bind(expires_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

fn of_row(row: Option<StreamKeyRow>) -> Result<StreamKey, StoreError> {
    row.ok_or(StoreError::Missing("stream key"))?.try_into()
}

impl TryFrom<StreamKeyRow> for StreamKey {
    type Error = StoreError;

    fn try_from(row: StreamKeyRow) -> Result<Self, StoreError> {
        let replaces = match row.replaces.is_empty() {
            true => None,
            false => Some(id::stored(&row.replaces)?),
        };
        Ok(Self {
            user_id: id::stored(&row.user_id)?,
            channel_id: id::stored(&row.channel_id)?,
            id: id::stored(&row.id)?,
            key_hash: row.key_hash,
            label: row.label,
            replaces,
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            revoked_ms: row.revoked_ms,
            used_ms: row.used_ms,
            used_address: row.used_address,
        })
    }
}
