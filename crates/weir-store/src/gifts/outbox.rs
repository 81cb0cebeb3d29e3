//! Gifts that their rooms have not been told of: each is somebody's task for a while, and goes when it is done.

use sqlx::AssertSqlSafe;

use super::Gifts;
use crate::db::list;
use crate::error::StoreError;

/// A gift that its room is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Of the gift: whoever is told twice knows it by this.
    pub id: String,
    /// By whom.
    pub giver_id: String,
    /// As they were called.
    pub giver_name: String,
    /// The group.
    pub room: String,
    /// Name of the offer.
    pub gift: String,
    /// How many at once.
    pub amount: i64,
    /// For all of them.
    pub coins: i64,
    /// The first gift of the row that it is in.
    pub combo: String,
    /// How many the row has with this one.
    pub combo_count: i64,
    /// When it was given, milliseconds since 1970.
    pub at_ms: i64,
}
row!(Untold {
    id,
    giver_id,
    giver_name,
    room,
    gift,
    amount,
    coins,
    combo,
    combo_count,
    at_ms
});

impl Gifts<'_> {
    /// Takes at most `limit` of them, the oldest first, for `lease_ms`: who does not say by then that it is done has
    /// died, and another does it.
    ///
    /// # Errors
    /// [`StoreError::is_passing`] where the same again may pass.
    pub async fn take_untold(
        &self,
        lease: &str,
        lease_ms: i64,
        limit: u32,
    ) -> Result<Vec<Untold>, StoreError> {
        let now_ms = self.store.now_ms();
        let sql = format!(
            "UPDATE gift_outbox SET lease = $1, lease_until_ms = $2 WHERE lease_until_ms <= $3 AND id IN \
             (SELECT id FROM gift_outbox WHERE lease_until_ms <= $3 ORDER BY id LIMIT $4{})",
            self.db.engine().skip_taken()
        );
        // Only the engine's own words are not written here.
        let taken = sqlx::query(AssertSqlSafe(sql))
            .bind(lease.to_owned())
            .bind(now_ms + lease_ms)
            .bind(now_ms)
            .bind(i64::from(limit))
            .execute(self.db.write())
            .await?;
        if taken.rows_affected() == 0 {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_as::<_, Untold>(
            "SELECT o.id, o.giver_id, o.giver_name, o.room, g.gift, g.amount, g.coins, g.combo, g.combo_count, g.at_ms \
             FROM gift_outbox o JOIN gifts g ON g.user_id = o.giver_id AND g.id = o.id \
             WHERE o.lease = $1 AND o.lease_until_ms > $2 ORDER BY o.id",
        )
        .bind(lease.to_owned())
        .bind(now_ms);
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Whether there is one that is nobody's task.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn has_untold(&self) -> Result<bool, StoreError> {
        let one: Option<String> =
            sqlx::query_scalar("SELECT id FROM gift_outbox WHERE lease_until_ms <= $1 LIMIT 1")
                .bind(self.store.now_ms())
                .fetch_optional(self.db.fresh())
                .await?;
        Ok(one.is_some())
    }

    /// The rooms were told of these.
    ///
    /// # Errors
    /// [`StoreError::Away`]: they come again, and are known by their ids.
    pub async fn told(&self, ids: &[String]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM gift_outbox WHERE id IN {}", list(0, ids.len()));
        // Only the numbers of the places are not written here.
        let mut gone = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            gone = gone.bind(id.clone());
        }
        gone.execute(self.db.write()).await?;
        Ok(())
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn untold(&self) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM gift_outbox");
        Ok(count.fetch_one(self.db.fresh()).await?)
    }
}
