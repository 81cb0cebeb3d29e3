//! The books of coins: what is in wallets, what channels and the house were given, and how it moved.
//!
//! Double entry: a [`Movement`] takes from one account what it gives to others, so no operation can be written that
//! does not add up to nothing. A wallet never has less than nothing, nor more than [`MAX_COINS`]; each operation has a
//! key, and what is asked for again by the same key is not done again.

mod book;
mod movement;

pub(crate) use book::{book, keep, kept};
pub use movement::{Holding, Movement};

use crate::db::{Db, Writing};
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::store::Store;

/// Coins in one wallet, and in one operation, at most: a program in a browser counts exactly up to nine times that.
pub const MAX_COINS: i64 = 1_000_000_000_000_000;
/// Tries of an operation that others were in the way of: each time at least one of them has passed.
pub(crate) const TRIES: u32 = 24;

/// Why nothing moved.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is less in the wallet than is to be taken out of it: so much.
    #[error("there are {0} coins in the wallet")]
    NotEnough(i64),
    /// The key stands for another operation.
    #[error("this key stands for something else that was asked for")]
    KeyReused,
    /// More than a wallet holds, or than can be counted.
    #[error("a wallet holds at most {MAX_COINS} coins, and what moves is from 1 to as many")]
    TooMuch,
    /// What is to be given back was not given, or not by them.
    #[error("there is no such gift")]
    NoGift,
    /// Nothing is wrong with what was asked for.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LedgerError {
    /// Whether somebody else was at the same rows at this moment: the same again may pass at once.
    pub(crate) const fn is_contended(&self) -> bool {
        // Two with the same key at once: the second finds what the first did.
        matches!(
            self,
            Self::Store(StoreError::Again(_) | StoreError::Taken(_))
        )
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Names an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpKey<'a> {
    /// Who asks; none for payment services and staff.
    pub user_id: Option<Id>,
    /// Names it among those of its kind.
    pub key: &'a str,
    /// Of all that is asked for: the same key with another digest is refused.
    pub digest: &'a str,
}

/// What was done under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The operation.
    pub id: Id,
    /// In the wallet behind it.
    pub coins: i64,
    /// It was done before.
    pub is_again: bool,
}

/// An entry of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The operation: sorts by time.
    pub op_id: String,
    /// `topup`, `gift` or `refund`.
    pub kind: String,
    /// The gift, or the payment.
    pub about: String,
    /// Below 0: fewer.
    pub coins: i64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}
row!(Entry {
    op_id,
    kind,
    about,
    coins,
    at_ms
});

impl Store {
    /// The books.
    pub fn ledger(&self) -> Ledger<'_> {
        Ledger {
            store: self,
            db: self.db(Module::Chat),
        }
    }
}

/// Reads the books, and writes into them what is paid in.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Ledger<'_> {
    /// Coins in a wallet; none where there is none.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn coins(&self, user: Id) -> Result<i64, StoreError> {
        let coins = sqlx::query_scalar("SELECT coins FROM wallets WHERE user_id = $1")
            .bind(user.to_string())
            .fetch_optional(self.db.fresh());
        Ok(coins.await?.unwrap_or(0))
    }

    /// At most `limit` entries of an account older than `before`, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn statement(
        &self,
        account: Holding,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let (user_id, account) = account.named();
        let rows = sqlx::query_as::<_, Entry>(
            "SELECT op_id, kind, about, coins, at_ms FROM ledger_entries \
             WHERE user_id = $1 AND account = $2 AND op_id < $3 ORDER BY op_id DESC LIMIT $4",
        )
        .bind(user_id)
        .bind(account)
        .bind(id::upper(before))
        .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Coins that were paid for come into a wallet, once for each key.
    ///
    /// # Errors
    /// [`LedgerError::KeyReused`], [`LedgerError::TooMuch`].
    pub async fn top_up(
        &self,
        user: Id,
        coins: i64,
        (key, about): (OpKey<'_>, &str),
    ) -> Result<Done, LedgerError> {
        let movement = Movement::new(Holding::Payments, &[(Holding::Wallet(user), coins)])?;
        for _ in 1..TRIES {
            match self.top_up_once(user, &movement, (key, about)).await {
                Err(error) if error.is_contended() => {}
                done => return done,
            }
        }
        self.top_up_once(user, &movement, (key, about)).await
    }

    async fn top_up_once(
        &self,
        user: Id,
        movement: &Movement,
        (key, about): (OpKey<'_>, &str),
    ) -> Result<Done, LedgerError> {
        let mut writing = self.db.begin_serializable().await?;
        if let Some(done) = kept(&mut writing, "topup", key).await? {
            return Ok(done);
        }
        let op = Op {
            id: self.store.next_id()?,
            kind: "topup",
            about,
            at_ms: self.store.now_ms(),
        };
        book(&mut writing, &op, movement).await?;
        let done = finish(&mut writing, &op, (user, key)).await?;
        writing.commit().await?;
        Ok(done)
    }

    /// Whether all entries add up to nothing, and each wallet is what its entries say: for tests, and in hours of need.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn faults(&self) -> Result<Vec<String>, StoreError> {
        let mut faults = Vec::new();
        for (sql, words) in Module::Chat.promises() {
            let broken: i64 = sqlx::query_scalar(*sql).fetch_one(self.db.fresh()).await?;
            if broken > 0 {
                faults.push(format!("{broken} {words}"));
            }
        }
        Ok(faults)
    }
}

/// An operation that is written.
pub(crate) struct Op<'a> {
    pub(crate) id: Id,
    pub(crate) kind: &'static str,
    pub(crate) about: &'a str,
    pub(crate) at_ms: i64,
}

/// Keeps an operation under its key, with what is in the wallet behind it.
pub(crate) async fn finish(
    writing: &mut Writing,
    op: &Op<'_>,
    (user, key): (Id, OpKey<'_>),
) -> Result<Done, LedgerError> {
    let coins: i64 = sqlx::query_scalar("SELECT coins FROM wallets WHERE user_id = $1")
        .bind(user.to_string())
        .fetch_one(&mut **writing)
        .await?;
    keep(writing, op, (key, coins)).await?;
    Ok(Done {
        id: op.id,
        coins,
        is_again: false,
    })
}
