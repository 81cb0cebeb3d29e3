//! What is on sale.

use super::Gifts;
use crate::error::StoreError;

/// Offers of an instance: a menu that somebody reads.
const OFFERS: i64 = 500;

/// A row of `gift_offers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// In requests and messages.
    pub name: String,
    /// In English.
    pub title: String,
    /// In Chinese.
    pub title_zh: String,
    /// Coins.
    pub price: i64,
    /// What the pages show; empty for nothing.
    pub animation: String,
    /// What stands beside the name of who gives it; empty for nothing.
    pub badge: String,
    /// In lists, lowest first.
    pub place: i64,
    /// 1: on sale.
    pub is_open: i64,
}
row!(Offer {
    name,
    title,
    title_zh,
    price,
    animation,
    badge,
    place,
    is_open
});

impl Gifts<'_> {
    /// All of them, in their order; those that are not on sale any more among them.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn offers(&self) -> Result<Vec<Offer>, StoreError> {
        let rows = sqlx::query_as::<_, Offer>(
            "SELECT name, title, title_zh, price, animation, badge, place, is_open FROM gift_offers \
             ORDER BY place, name LIMIT $1",
        );
        Ok(rows.bind(OFFERS).fetch_all(self.db.fresh()).await?)
    }

    /// The one of this name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn offer(&self, name: &str) -> Result<Offer, StoreError> {
        let row = sqlx::query_as::<_, Offer>(
            "SELECT name, title, title_zh, price, animation, badge, place, is_open FROM gift_offers WHERE name = $1",
        );
        let row = row.bind(name.to_owned());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("gift"))
    }

    /// Makes one, or says something else of it.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many as may be.
    pub async fn set_offer(&self, offer: &Offer) -> Result<(), StoreError> {
        let set = sqlx::query(
            "INSERT INTO gift_offers (name, title, title_zh, price, animation, badge, place, is_open) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
             WHERE (SELECT COUNT(*) FROM gift_offers WHERE name <> $1) < $9 \
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, title_zh = excluded.title_zh, \
             price = excluded.price, animation = excluded.animation, badge = excluded.badge, \
             place = excluded.place, is_open = excluded.is_open",
        )
        .bind(offer.name.clone())
        .bind(offer.title.clone())
        .bind(offer.title_zh.clone())
        .bind(offer.price)
        .bind(offer.animation.clone())
        .bind(offer.badge.clone())
        .bind(offer.place)
        .bind(offer.is_open)
        .bind(OFFERS)
        .execute(self.db.write())
        .await?;
        match set.rows_affected() {
            0 => Err(StoreError::Bound(format!(
                "there may be {OFFERS} gifts: take one away first"
            ))),
            _ => Ok(()),
        }
    }

    /// Takes one away. What was given of it stays given.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_offer(&self, name: &str) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM gift_offers WHERE name = $1")
            .bind(name.to_owned())
            .execute(self.db.write())
            .await?;
        match gone.rows_affected() {
            0 => Err(StoreError::Missing("gift")),
            _ => Ok(()),
        }
    }
}
