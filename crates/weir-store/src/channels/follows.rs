//! Who follows which channel: kept from both sides, so that both lists are read in order.

use super::{Channel, Channels, Visibility};
use crate::error::StoreError;
use crate::id::{self, Id, upper};

/// Rows taken away in one transaction when a channel with many followers goes.
const GONE_AT_ONCE: i64 = 1_000;
/// Channels that one account follows at most: bounds its list and what is looked up for its home page.
const FOLLOWS: i64 = 2_000;

/// A channel that somebody follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Sorts by when it began: a list goes on behind it.
    pub id: Id,
    /// Whose channel it is.
    pub owner_id: Id,
    /// What they follow.
    pub channel_id: Id,
}

/// Somebody who follows a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    /// Sorts by when it began: a list goes on behind it.
    pub id: Id,
    /// Who.
    pub user_id: Id,
}

struct FollowRow {
    id: String,
    owner_id: String,
    channel_id: String,
}
row!(FollowRow {
    id,
    owner_id,
    channel_id
});

struct FollowerRow {
    id: String,
    user_id: String,
}
row!(FollowerRow { id, user_id });

impl Channels<'_> {
    /// Lets somebody follow a channel; whether they did not before.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the channel is gone, [`StoreError::Bound`] where they follow as many as may
    /// be.
    pub async fn follow(&self, user_id: Id, channel: &Channel) -> Result<bool, StoreError> {
        let id = self.store.next_id()?;
        let mut writing = self.db.begin().await?;
        let followed = sqlx::query(
            "INSERT INTO follows (user_id, channel_id, owner_id, id) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, channel_id) DO NOTHING",
        )
        .bind(user_id.to_string())
        .bind(channel.id.to_string())
        .bind(channel.user_id.to_string())
        .bind(id.to_string())
        .execute(&mut *writing)
        .await?;
        if followed.rows_affected() == 0 {
            return Ok(false);
        }
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM follows WHERE user_id = $1")
            .bind(user_id.to_string())
            .fetch_one(&mut *writing)
            .await?;
        if count > FOLLOWS {
            let words = format!("an account may follow {FOLLOWS} channels: leave one first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query("INSERT INTO channel_followers (channel_id, id, user_id) VALUES ($1, $2, $3)")
            .bind(channel.id.to_string())
            .bind(id.to_string())
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await?;
        // Last, because everybody who follows this channel waits for this row.
        let counted = sqlx::query(
            "UPDATE channels SET followers = followers + 1 WHERE user_id = $1 AND id = $2",
        )
        .bind(channel.user_id.to_string())
        .bind(channel.id.to_string())
        .execute(&mut *writing)
        .await?;
        if counted.rows_affected() == 0 {
            return Err(StoreError::Missing("channel"));
        }
        writing.commit().await?;
        Ok(true)
    }

    /// The end of it; whether there was anything to end.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn unfollow(&self, user_id: Id, channel: &Channel) -> Result<bool, StoreError> {
        let mut writing = self.db.begin().await?;
        let ended = sqlx::query("DELETE FROM follows WHERE user_id = $1 AND channel_id = $2")
            .bind(user_id.to_string())
            .bind(channel.id.to_string())
            .execute(&mut *writing)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM channel_followers WHERE channel_id = $1 AND user_id = $2")
            .bind(channel.id.to_string())
            .bind(user_id.to_string())
            .execute(&mut *writing)
            .await?;
        sqlx::query("UPDATE channels SET followers = followers - 1 WHERE user_id = $1 AND id = $2")
            .bind(channel.user_id.to_string())
            .bind(channel.id.to_string())
            .execute(&mut *writing)
            .await?;
        if channel.visibility == Visibility::Followers {
            self.leave_ended(&mut writing, channel, user_id).await?;
        }
        writing.commit().await?;
        Ok(true)
    }

    /// Whether somebody follows a channel.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn is_following(&self, user_id: Id, channel_id: Id) -> Result<bool, StoreError> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT id FROM follows WHERE user_id = $1 AND channel_id = $2")
                .bind(user_id.to_string())
                .bind(channel_id.to_string())
                .fetch_optional(self.db.fresh())
                .await?;
        Ok(found.is_some())
    }

    /// At most `limit` of what somebody follows, the newest first, older than `before`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn follows(
        &self,
        user_id: Id,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Follow>, StoreError> {
        let rows = sqlx::query_as::<_, FollowRow>(
            "SELECT id, owner_id, channel_id FROM follows WHERE user_id = $1 AND id < $2 \
             ORDER BY id DESC LIMIT $3",
        )
        .bind(user_id.to_string())
        .bind(upper(before))
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Follow::try_from).collect()
    }

    /// At most `limit` of who follows a channel, the newest first, older than `before`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn followers(
        &self,
        channel_id: Id,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Follower>, StoreError> {
        let rows = sqlx::query_as::<_, FollowerRow>(
            "SELECT id, user_id FROM channel_followers WHERE channel_id = $1 AND id < $2 \
             ORDER BY id DESC LIMIT $3",
        )
        .bind(channel_id.to_string())
        .bind(upper(before))
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.lagging()).await?;
        rows.into_iter().map(Follower::try_from).collect()
    }

    /// Ends all follows of a channel that is gone, some at a time so that nobody waits long.
    pub(super) async fn let_followers_go(&self, channel_id: Id) -> Result<(), StoreError> {
        loop {
            let mut writing = self.db.begin().await?;
            let gone = sqlx::query_scalar::<_, String>(
                "DELETE FROM channel_followers WHERE channel_id = $1 AND id IN \
                 (SELECT id FROM channel_followers WHERE channel_id = $1 ORDER BY id LIMIT $2) RETURNING user_id",
            )
            .bind(channel_id.to_string())
            .bind(GONE_AT_ONCE)
            .fetch_all(&mut *writing)
            .await?;
            for user_id in &gone {
                sqlx::query("DELETE FROM follows WHERE user_id = $1 AND channel_id = $2")
                    .bind(user_id.clone())
                    .bind(channel_id.to_string())
                    .execute(&mut *writing)
                    .await?;
            }
            writing.commit().await?;
            if gone.is_empty() {
                return Ok(());
            }
        }
    }
}

impl TryFrom<FollowRow> for Follow {
    type Error = StoreError;

    fn try_from(row: FollowRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            owner_id: id::stored(&row.owner_id)?,
            channel_id: id::stored(&row.channel_id)?,
        })
    }
}

impl TryFrom<FollowerRow> for Follower {
    type Error = StoreError;

    fn try_from(row: FollowerRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            user_id: id::stored(&row.user_id)?,
        })
    }
}
