//! What channels were given: by whom most of it, and all in all.

use super::Gifts;
use super::give::HOUR_MS;
use crate::error::StoreError;
use crate::id::Id;

/// What somebody gave to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Who.
    pub giver_id: String,
    /// How much.
    pub total: i64,
}
row!(Total { giver_id, total });

/// What a channel has of its gifts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Earned {
    /// What was given.
    pub total: i64,
    /// Of it, the channel's own.
    pub own: i64,
    /// Accounts that gave something.
    pub givers: i64,
}
row!(Earned { total, own, givers });

impl Gifts<'_> {
    /// Who gave most to the channel of this owner and id since the hour of `since_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn top(
        &self,
        (owner, channel): (Id, Id),
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<Total>, StoreError> {
        let rows = sqlx::query_as::<_, Total>(
            "SELECT giver_id, CAST(SUM(coins) AS BIGINT) AS total FROM gift_totals \
             WHERE user_id = $1 AND channel_id = $2 AND hour >= $3 GROUP BY giver_id HAVING SUM(coins) > 0 \
             ORDER BY total DESC, giver_id LIMIT $4",
        )
        .bind(owner.to_string())
        .bind(channel.to_string())
        .bind(since_ms.div_euclid(HOUR_MS))
        .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// What the channel of this owner and id has since the hour of `since_ms`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn earned(
        &self,
        (owner, channel): (Id, Id),
        since_ms: i64,
    ) -> Result<Earned, StoreError> {
        let row = sqlx::query_as::<_, Earned>(
            "SELECT CAST(COALESCE(SUM(coins), 0) AS BIGINT) AS total, \
             CAST(COALESCE(SUM(earned), 0) AS BIGINT) AS own, COUNT(DISTINCT giver_id) AS givers FROM gift_totals \
             WHERE user_id = $1 AND channel_id = $2 AND hour >= $3 AND coins > 0",
        )
        .bind(owner.to_string())
        .bind(channel.to_string())
        .bind(since_ms.div_euclid(HOUR_MS));
        Ok(row.fetch_one(self.db.fresh()).await?)
    }
}
