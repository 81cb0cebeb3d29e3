//! A gift is given, and given back: money, row of gifts, totals and the word to the room in one transaction.

use super::{Gift, Gifts, gift_columns};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::Id;
use crate::ledger::{Done, Holding, LedgerError, Movement, Op, OpKey, TRIES, book, finish, kept};

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// A gift that somebody gives, priced.
#[derive(Debug, Clone, Copy)]
pub struct Giving<'a> {
    /// Who.
    pub user: Id,
    /// As others see them.
    pub user_name: &'a str,
    /// To the channel of this owner and id.
    pub channel: (Id, Id),
    /// Which room is told.
    pub room: &'a str,
    /// Name of the offer.
    pub gift: &'a str,
    /// How many.
    pub amount: i64,
    /// For all of them.
    pub coins: i64,
    /// Of these, for the channel; the rest is the house's.
    pub to_channel: i64,
    /// Milliseconds for which a row of gifts goes on; 0: this one begins its own.
    pub combo_ms: i64,
    /// Names what is asked for.
    pub key: OpKey<'a>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// As its row has it.
    pub gift: Gift,
    /// In the wallet behind it.
    pub coins: i64,
    /// It was given before, by the same key.
    pub is_again: bool,
}

impl Gifts<'_> {
    /// Gives a gift, once for each key.
    ///
    /// # Errors
    /// [`LedgerError::NotEnough`], [`LedgerError::KeyReused`], [`LedgerError::TooMuch`].
    pub async fn give(&self, giving: &Giving<'_>) -> Result<Given, LedgerError> {
        for _ in 1..TRIES {
            match self.give_once(giving).await {
                Err(error) if error.is_contended() => {}
                given => return given,
            }
        }
        self.give_once(giving).await
    }

    async fn give_once(&self, giving: &Giving<'_>) -> Result<Given, LedgerError> {
        let (owner, channel) = giving.channel;
        let parts = [
            (Holding::Channel(owner, channel), giving.to_channel),
            (
                Holding::House,
                giving.coins.saturating_sub(giving.to_channel),
            ),
        ];
        let movement = Movement::new(Holding::Wallet(giving.user), &parts)?;
        let mut writing = self.db.begin_serializable().await?;
        if let Some(done) = kept(&mut writing, "gift", giving.key).await? {
            let gift = stored(&mut writing, giving.user, done.id).await?;
            return Ok(given(gift, done));
        }
        let op = Op {
            id: self.store.next_id()?,
            kind: "gift",
            about: giving.gift,
            at_ms: self.store.now_ms(),
        };
        book(&mut writing, &op, &movement).await?;
        let combo = combo(&mut writing, giving, &op).await?;
        insert(&mut writing, giving, (&op, &combo)).await?;
        total(&mut writing, giving, op.at_ms).await?;
        tell(&mut writing, giving, op.id).await?;
        let done = finish(&mut writing, &op, (giving.user, giving.key)).await?;
        writing.commit().await?;
        let gift = Gift {
            user_id: giving.user.to_string(),
            id: op.id.to_string(),
            channel_id: channel.to_string(),
            owner_id: owner.to_string(),
            gift: giving.gift.to_owned(),
            amount: giving.amount,
            coins: giving.coins,
            to_channel: giving.to_channel,
            combo: combo.0,
            combo_count: combo.1,
            at_ms: op.at_ms,
            refunded_ms: 0,
        };
        Ok(given(gift, done))
    }

    /// What was given by this key before.
    ///
    /// # Errors
    /// [`LedgerError::KeyReused`].
    pub async fn given_before(
        &self,
        user: Id,
        key: OpKey<'_>,
    ) -> Result<Option<Given>, LedgerError> {
        let mut reading = self.db.begin().await?;
        let Some(done) = kept(&mut reading, "gift", key).await? else {
            return Ok(None);
        };
        let gift = stored(&mut reading, user, done.id).await?;
        Ok(Some(given(gift, done)))
    }

    /// Gives a gift back to who gave it. Once more does nothing, and says the same.
    ///
    /// # Errors
    /// [`LedgerError::NoGift`], [`LedgerError::TooMuch`] where the wallet cannot hold it.
    pub async fn refund(&self, user: Id, gift: Id) -> Result<Given, LedgerError> {
        for _ in 1..TRIES {
            match self.refund_once(user, gift).await {
                Err(error) if error.is_contended() => {}
                refunded => return refunded,
            }
        }
        self.refund_once(user, gift).await
    }

    async fn refund_once(&self, user: Id, id: Id) -> Result<Given, LedgerError> {
        let mut writing = self.db.begin_serializable().await?;
        let mut gift = stored(&mut writing, user, id).await?;
        let key = format!("{user} {id}");
        let key = OpKey {
            user_id: None,
            key: &key,
            digest: "",
        };
        if let Some(done) = kept(&mut writing, "refund", key).await? {
            return Ok(given(gift, done));
        }
        let owner = crate::id::stored(&gift.owner_id)?;
        let channel = crate::id::stored(&gift.channel_id)?;
        let parts = [
            (Holding::Channel(owner, channel), gift.to_channel),
            (Holding::House, gift.coins - gift.to_channel),
        ];
        let op = Op {
            id: self.store.next_id()?,
            kind: "refund",
            about: &gift.gift,
            at_ms: self.store.now_ms(),
        };
        let movement = Movement::back(Holding::Wallet(user), &parts)?;
        book(&mut writing, &op, &movement).await?;
        sqlx::query("UPDATE gifts SET refunded_ms = $3 WHERE user_id = $1 AND id = $2")
            .bind(gift.user_id.clone())
            .bind(gift.id.clone())
            .bind(op.at_ms)
            .execute(&mut *writing)
            .await?;
        // What a channel has of a gift was counted in the gift's hour and goes out of it: it cannot fall below nothing.
        sqlx::query(
            "UPDATE gift_totals SET coins = coins - $5, earned = earned - $6 \
             WHERE user_id = $1 AND channel_id = $2 AND hour = $3 AND giver_id = $4",
        )
        .bind(gift.owner_id.clone())
        .bind(gift.channel_id.clone())
        .bind(gift.at_ms.div_euclid(HOUR_MS))
        .bind(gift.user_id.clone())
        .bind(gift.coins)
        .bind(gift.to_channel)
        .execute(&mut *writing)
        .await?;
        let done = finish(&mut writing, &op, (user, key)).await?;
        writing.commit().await?;
        gift.refunded_ms = op.at_ms;
        Ok(given(gift, done))
    }
}

fn given(gift: Gift, done: Done) -> Given {
    Given {
        gift,
        coins: done.coins,
        is_again: done.is_again,
    }
}

async fn stored(writing: &mut Writing, user: Id, id: Id) -> Result<Gift, LedgerError> {
    const SQL: &str = concat!(
        "SELECT ",
        gift_columns!(),
        " FROM gifts WHERE user_id = $1 AND id = $2"
    );
    let row = sqlx::query_as::<_, Gift>(SQL)
        .bind(user.to_string())
        .bind(id.to_string());
    row.fetch_optional(&mut **writing)
        .await?
        .ok_or(LedgerError::NoGift)
}

/// The row that a gift is in, and how many it has: one that goes on, or a new one that the gift is the first of.
async fn combo(
    writing: &mut Writing,
    giving: &Giving<'_>,
    op: &Op<'_>,
) -> Result<(String, i64), StoreError> {
    let row: (String, i64) = sqlx::query_as(
        "INSERT INTO gift_combos (user_id, channel_id, gift, combo, amount, until_ms) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, channel_id, gift) DO UPDATE SET \
         combo = CASE WHEN gift_combos.until_ms > $7 THEN gift_combos.combo ELSE excluded.combo END, \
         amount = CASE WHEN gift_combos.until_ms > $7 THEN gift_combos.amount + excluded.amount \
         ELSE excluded.amount END, until_ms = excluded.until_ms RETURNING combo, amount",
    )
    .bind(giving.user.to_string())
    .bind(giving.channel.1.to_string())
    .bind(giving.gift.to_owned())
    .bind(op.id.to_string())
    .bind(giving.amount)
    .bind(op.at_ms + giving.combo_ms)
    // Whoever wants none begins anew, whatever row there is.
    .bind(if giving.combo_ms > 0 { op.at_ms } else { i64::MAX })
    .fetch_one(&mut **writing)
    .await?;
    Ok(row)
}

async fn insert(
    writing: &mut Writing,
    giving: &Giving<'_>,
    (op, (combo, count)): (&Op<'_>, &(String, i64)),
) -> Result<(), StoreError> {
    let (owner, channel) = giving.channel;
    sqlx::query(
        "INSERT INTO gifts (user_id, id, channel_id, owner_id, gift, amount, coins, to_channel, combo, combo_count, \
         at_ms, refunded_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
    )
    .bind(giving.user.to_string())
    .bind(op.id.to_string())
    .bind(channel.to_string())
    .bind(owner.to_string())
    .bind(giving.gift.to_owned())
    .bind(giving.amount)
    .bind(giving.coins)
    .bind(giving.to_channel)
    .bind(combo.clone())
    .bind(*count)
    .bind(op.at_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn total(writing: &mut Writing, giving: &Giving<'_>, at_ms: i64) -> Result<(), StoreError> {
    let (owner, channel) = giving.channel;
    sqlx::query(
        "INSERT INTO gift_totals (user_id, channel_id, hour, giver_id, coins, earned) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, channel_id, hour, giver_id) DO UPDATE SET \
         coins = gift_totals.coins + excluded.coins, earned = gift_totals.earned + excluded.earned",
    )
    .bind(owner.to_string())
    .bind(channel.to_string())
    .bind(at_ms.div_euclid(HOUR_MS))
    .bind(giving.user.to_string())
    .bind(giving.coins)
    .bind(giving.to_channel)
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn tell(writing: &mut Writing, giving: &Giving<'_>, id: Id) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO gift_outbox (id, giver_id, giver_name, room, lease, lease_until_ms) VALUES ($1, $2, $3, $4, '', 0)",
    )
    .bind(id.to_string())
    .bind(giving.user.to_string())
    .bind(giving.user_name.to_owned())
    .bind(giving.room.to_owned())
    .execute(&mut **writing)
    .await?;
    Ok(())
}
