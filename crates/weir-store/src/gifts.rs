//! Gifts: what is on sale, what was given, what channels have of it, and what rooms are still to be told.
//! What one costs, whose share is how much and who may give is decided above.

mod give;
mod offers;
mod outbox;
mod totals;

pub use give::{Given, Giving};
pub use offers::Offer;
pub use outbox::Untold;
pub use totals::{Earned, Total};

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

/// A row of `gifts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gift {
    /// By whom.
    pub user_id: String,
    /// Sorts by time.
    pub id: String,
    /// To which channel.
    pub channel_id: String,
    /// Whose that is.
    pub owner_id: String,
    /// Name of the offer.
    pub gift: String,
    /// How many at once.
    pub amount: i64,
    /// For all of them.
    pub coins: i64,
    /// Of these, for the channel.
    pub to_channel: i64,
    /// The first gift of the row that it is in.
    pub combo: String,
    /// How many the row has with this one.
    pub combo_count: i64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// When it was given back; 0: it was not.
    pub refunded_ms: i64,
}
row!(Gift {
    user_id,
    id,
    channel_id,
    owner_id,
    gift,
    amount,
    coins,
    to_channel,
    combo,
    combo_count,
    at_ms,
    refunded_ms
});

/// The columns of [`Gift`].
macro_rules! gift_columns {
    () => {
        "user_id, id, channel_id, owner_id, gift, amount, coins, to_channel, combo, combo_count, at_ms, refunded_ms"
    };
}

use gift_columns;

impl Store {
    /// What is on sale, what was given, and whom it is to be told.
    pub fn gifts(&self) -> Gifts<'_> {
        Gifts {
            store: self,
            db: self.db(Module::Chat),
        }
    }
}

/// Asks and changes them, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Gifts<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Gifts<'_> {
    /// A gift that somebody gave.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, user: Id, id: Id) -> Result<Gift, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            gift_columns!(),
            " FROM gifts WHERE user_id = $1 AND id = $2"
        );
        let row = sqlx::query_as::<_, Gift>(SQL)
            .bind(user.to_string())
            .bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("gift"))
    }

    /// At most `limit` gifts to a channel older than `before`, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn to_channel(
        &self,
        channel_id: Id,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Gift>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            gift_columns!(),
            " FROM gifts WHERE channel_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        let rows = sqlx::query_as::<_, Gift>(SQL)
            .bind(channel_id.to_string())
            .bind(id::upper(before))
            .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }
}
