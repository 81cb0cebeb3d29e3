//! What of an account is removed beside the account itself, module by module. Each part may be done again: whoever
//! was broken off begins anew.

use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::mark::{Thing, mark};
use crate::module::Module;
use crate::store::Store;

/// Rows that are removed in one transaction, so that nobody waits long behind it.
const AT_ONCE: i64 = 500;
/// Channels that are read at once.
const CHANNELS_AT_ONCE: u32 = 50;

/// Rows of the events' database that go, some at a time.
const EVENTS_GONE: [&str; 2] = [
    "DELETE FROM deliveries WHERE user_id = $1 AND id IN \
     (SELECT id FROM deliveries WHERE user_id = $1 ORDER BY id LIMIT $2)",
    "DELETE FROM hook_endpoints WHERE user_id = $1 AND id IN \
     (SELECT id FROM hook_endpoints WHERE user_id = $1 ORDER BY id LIMIT $2)",
];

/// Rows that name somebody for what they did to others: those stand, and the name goes.
const NAMELESS: [&str; 9] = [
    "UPDATE bans SET by_user = '' WHERE by_user = $1",
    "UPDATE bans SET lifted_by = '' WHERE lifted_by = $1",
    "UPDATE appeals SET decided_by = '' WHERE decided_by = $1",
    "UPDATE review_items SET decided_by = '' WHERE decided_by = $1",
    "UPDATE review_items SET claimed_by = '', claim = '', claim_until_ms = 0 WHERE claimed_by = $1",
    "UPDATE review_items SET not_by = '' WHERE not_by = $1",
    "UPDATE review_hashes SET by_user = '' WHERE by_user = $1",
    "UPDATE review_gold SET by_user = '' WHERE by_user = $1",
    "DELETE FROM review_people WHERE user_id = $1",
];

/// The same of what somebody follows.
const FOLLOWS_GONE: &str = "DELETE FROM follows WHERE user_id = $1 AND channel_id IN \
     (SELECT channel_id FROM follows WHERE user_id = $1 ORDER BY channel_id LIMIT $2) \
     RETURNING channel_id, owner_id";
/// The same of what somebody helps with.
const MEMBERSHIPS_GONE: &str = "DELETE FROM memberships WHERE user_id = $1 AND channel_id IN \
     (SELECT channel_id FROM memberships WHERE user_id = $1 ORDER BY channel_id LIMIT $2) \
     RETURNING channel_id, owner_id";

/// A channel of somebody else.
struct FollowedRow {
    channel_id: String,
    owner_id: String,
}
row!(FollowedRow {
    channel_id,
    owner_id
});

/// A broadcast, without what names its owner.
struct LivingRow {
    id: String,
    app: String,
    stream: String,
    node: String,
    boot: String,
    protocol: String,
    started_ms: i64,
    heartbeat_ms: i64,
    heard_ms: i64,
    ended_ms: i64,
    cause: i64,
    order_cause: i64,
    viewers_max: i64,
    bytes_in: i64,
    bytes_out: i64,
}
row!(LivingRow {
    id,
    app,
    stream,
    node,
    boot,
    protocol,
    started_ms,
    heartbeat_ms,
    heard_ms,
    ended_ms,
    cause,
    order_cause,
    viewers_max,
    bytes_in,
    bytes_out
});

impl LivingRow {
    async fn insert_as_nobodys(self, writing: &mut Writing) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO broadcasts (user_id, id, channel_id, app, stream, node, boot, protocol, address, key_id, \
             started_ms, heartbeat_ms, heard_ms, ended_ms, cause, order_cause, viewers_max, bytes_in, bytes_out) \
             VALUES ('', $1, '', $2, $3, $4, $5, $6, '', '', $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(self.id)
        .bind(self.app)
        .bind(self.stream)
        .bind(self.node)
        .bind(self.boot)
        .bind(self.protocol)
        .bind(self.started_ms)
        .bind(self.heartbeat_ms)
        .bind(self.heard_ms)
        .bind(self.ended_ms)
        .bind(self.cause)
        .bind(self.order_cause)
        .bind(self.viewers_max)
        .bind(self.bytes_in)
        .bind(self.bytes_out)
        .execute(&mut **writing)
        .await?;
        Ok(())
    }
}

impl Store {
    /// Removes all that belongs to an account, but the account itself: its channels with all that is theirs, what it
    /// follows and helps with, bans against it and its appeals, its recordings, broadcasts and hooks. To be followed by
    /// [`crate::accounts::Accounts::remove`].
    ///
    /// What stays: the books of coins, which are no books where something is missing, and name nobody; the audit log; the event log, which ends by itself and names streams, not accounts; the mark that
    /// a channel or key is gone, for nodes that have a copy of it.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone, and the rest goes when it is asked for again.
    pub async fn remove_owned(&self, user_id: Id) -> Result<(), StoreError> {
        self.remove_channels(user_id).await?;
        self.remove_follows(user_id).await?;
        self.remove_memberships(user_id).await?;
        self.remove_moderation(user_id).await?;
        self.recordings().remove_of(user_id).await?;
        self.remove_rows_of_gifts(user_id).await?;
        self.remove_happenings(user_id).await
    }

    async fn remove_channels(&self, user_id: Id) -> Result<(), StoreError> {
        let channels = self.channels();
        loop {
            let some = channels.of_owner(user_id, None, CHANNELS_AT_ONCE).await?;
            if some.is_empty() {
                break;
            }
            for channel in some {
                match channels.remove(&channel).await {
                    // Somebody else did meanwhile.
                    Ok(()) | Err(StoreError::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        sqlx::query("DELETE FROM channel_owners WHERE user_id = $1 AND channels <= 0")
            .bind(user_id.to_string())
            .execute(self.db(Module::Content).write())
            .await?;
        Ok(())
    }

    /// The rows of gifts that somebody is at, and their name where a room is still to be told of one.
    async fn remove_rows_of_gifts(&self, user_id: Id) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM gift_combos WHERE user_id = $1",
            "DELETE FROM gift_outbox WHERE giver_id = $1",
        ] {
            sqlx::query(sql)
                .bind(user_id.to_string())
                .execute(self.db(Module::Chat).write())
                .await?;
        }
        Ok(())
    }

    async fn remove_follows(&self, user_id: Id) -> Result<(), StoreError> {
        loop {
            let mut writing = self.db(Module::Content).begin().await?;
            let some = places_gone(&mut writing, FOLLOWS_GONE, user_id).await?;
            if some.is_empty() {
                return Ok(());
            }
            for followed in some {
                sqlx::query("DELETE FROM channel_followers WHERE channel_id = $1 AND user_id = $2")
                    .bind(followed.channel_id.clone())
                    .bind(user_id.to_string())
                    .execute(&mut *writing)
                    .await?;
                sqlx::query(
                    "UPDATE channels SET followers = followers - 1 WHERE user_id = $1 AND id = $2",
                )
                .bind(followed.owner_id)
                .bind(followed.channel_id)
                .execute(&mut *writing)
                .await?;
            }
            writing.commit().await?;
        }
    }

    async fn remove_memberships(&self, user_id: Id) -> Result<(), StoreError> {
        loop {
            let mut writing = self.db(Module::Content).begin().await?;
            let some = places_gone(&mut writing, MEMBERSHIPS_GONE, user_id).await?;
            if some.is_empty() {
                return Ok(());
            }
            for place in some {
                sqlx::query(
                    "DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2 AND member_id = $3",
                )
                .bind(place.owner_id)
                .bind(place.channel_id)
                .bind(user_id.to_string())
                .execute(&mut *writing)
                .await?;
            }
            writing.commit().await?;
        }
    }

    async fn remove_moderation(&self, user_id: Id) -> Result<(), StoreError> {
        let mut writing = self.db(Module::Content).begin().await?;
        for sql in [
            "DELETE FROM open_appeals WHERE user_id = $1",
            "DELETE FROM appeals WHERE user_id = $1",
        ]
        .into_iter()
        .chain(NAMELESS)
        {
            let done = sqlx::query(sql).bind(user_id.to_string());
            done.execute(&mut *writing).await?;
        }
        let lifted = sqlx::query_scalar::<_, String>(
            "DELETE FROM bans WHERE subject_kind = 'account' AND subject = $1 RETURNING id",
        )
        .bind(user_id.to_string())
        .fetch_all(&mut *writing)
        .await?;
        for id in lifted {
            let thing = Thing::Ban(id::stored(&id)?);
            mark(&mut writing, &thing, self.now_ms()).await?;
        }
        Ok(writing.commit().await?)
    }

    async fn remove_happenings(&self, user_id: Id) -> Result<(), StoreError> {
        let db = self.db(Module::Events);
        for sql in EVENTS_GONE {
            loop {
                let gone = sqlx::query(sql)
                    .bind(user_id.to_string())
                    .bind(AT_ONCE)
                    .execute(db.write())
                    .await?;
                if gone.rows_affected() == 0 {
                    break;
                }
            }
        }
        self.remove_broadcasts(user_id).await?;
        while self.snapshots().remove_of(user_id).await? {}
        while self.review().remove_of(user_id).await? {}
        let mut writing = db.begin().await?;
        // One that lives yet has to end with its event, as nobody's. Its row is made anew: where rows are distributed
        // by their user none can be given to another.
        let living = sqlx::query_as::<_, LivingRow>(
            "DELETE FROM broadcasts WHERE user_id = $1 \
             RETURNING id, app, stream, node, boot, protocol, started_ms, heartbeat_ms, heard_ms, ended_ms, cause, \
             order_cause, viewers_max, bytes_in, bytes_out",
        )
        .bind(user_id.to_string())
        .fetch_all(&mut *writing)
        .await?;
        for row in living {
            row.insert_as_nobodys(&mut writing).await?;
        }
        sqlx::query("UPDATE broadcast_owners SET user_id = '' WHERE user_id = $1")
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// Those that are over.
    async fn remove_broadcasts(&self, user_id: Id) -> Result<(), StoreError> {
        loop {
            let mut writing = self.db(Module::Events).begin().await?;
            let some = sqlx::query_scalar::<_, String>(
                "DELETE FROM broadcasts WHERE user_id = $1 AND id IN \
                 (SELECT id FROM broadcasts WHERE user_id = $1 AND ended_ms > 0 ORDER BY id LIMIT $2) \
                 RETURNING id",
            )
            .bind(user_id.to_string())
            .bind(AT_ONCE)
            .fetch_all(&mut *writing)
            .await?;
            if some.is_empty() {
                return Ok(());
            }
            for id in some {
                sqlx::query("DELETE FROM broadcast_owners WHERE id = $1")
                    .bind(id)
                    .execute(&mut *writing)
                    .await?;
            }
            writing.commit().await?;
        }
    }
}

/// Removes some rows that say where somebody has a place, and gives those places.
async fn places_gone(
    writing: &mut Writing,
    sql: &'static str,
    user_id: Id,
) -> Result<Vec<FollowedRow>, StoreError> {
    let gone = sqlx::query_as::<_, FollowedRow>(sql)
        .bind(user_id.to_string())
        .bind(AT_ONCE);
    Ok(gone.fetch_all(&mut **writing).await?)
}
