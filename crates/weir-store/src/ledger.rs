//! The books of coins: what is in wallets, what channels and the house were given, and how it moved.
//!
//! Double entry: a [`Movement`] takes from one account what it gives to others, so no operation can be written that
//! does not add up to nothing. A wallet never has less than nothing, nor more than [`MAX_COINS`]; each operation has a
//! key, and what is asked for again by the same key is not done again.

mod book;

use sqlx::FromRow;

pub(crate) use book::{book, keep, kept};

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
    /// The store.
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

/// Where coins are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// What somebody may spend.
    Wallet(Id),
    /// What the channel of this owner and id was given.
    Channel(Id, Id),
    /// What the site keeps.
    House,
    /// Where coins come from that were paid for: its entries are what was ever sold.
    Payments,
}

impl Account {
    /// As its entries name it: whose it is, and which.
    pub(crate) fn named(self) -> (String, String) {
        match self {
            Self::Wallet(user) => (user.to_string(), "wallet".to_owned()),
            Self::Channel(owner, id) => (owner.to_string(), format!("channel:{id}")),
            Self::House => (String::new(), "house".to_owned()),
            Self::Payments => (String::new(), "payments".to_owned()),
        }
    }
}

/// Coins that change places. It cannot be made so that some are lost or appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    pub(crate) legs: Vec<(Account, i64)>,
}

impl Movement {
    /// From one account to others.
    ///
    /// # Errors
    /// [`LedgerError::TooMuch`] for a part below nothing, and a sum that is nothing or more than can be counted.
    pub fn new(from: Account, to: &[(Account, i64)]) -> Result<Self, LedgerError> {
        Self::signed((from, -1), to.iter().map(|(to, coins)| (*to, *coins)))
    }

    /// Back to the account that it came from.
    ///
    /// # Errors
    /// As [`Movement::new`].
    pub fn back(from: Account, to: &[(Account, i64)]) -> Result<Self, LedgerError> {
        let mut movement = Self::new(from, to)?;
        for (_, coins) in &mut movement.legs {
            *coins = -*coins;
        }
        Ok(movement)
    }

    fn signed(
        (one, sign): (Account, i64),
        others: impl Iterator<Item = (Account, i64)>,
    ) -> Result<Self, LedgerError> {
        let mut sum: i64 = 0;
        let mut legs = vec![(one, 0)];
        for (account, coins) in others {
            if coins < 0 {
                return Err(LedgerError::TooMuch);
            }
            sum = sum.checked_add(coins).ok_or(LedgerError::TooMuch)?;
            // What moves nothing is no entry.
            if coins > 0 {
                legs.push((account, coins));
            }
        }
        if !(1..=MAX_COINS).contains(&sum) {
            return Err(LedgerError::TooMuch);
        }
        if let Some((_, coins)) = legs.first_mut() {
            *coins = sign * sum;
        }
        Ok(Self { legs })
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
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
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
        account: Account,
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
        let movement = Movement::new(Account::Payments, &[(Account::Wallet(user), coins)])?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_movement_makes_or_loses_coins() {
        let user = "019f0000-0000-7000-8000-000000000000".parse().unwrap();
        let wallet = Account::Wallet(user);
        let parts = [(Account::Channel(user, user), 70), (Account::House, 30)];
        let given = Movement::new(wallet, &parts).unwrap();
        assert_eq!(given.legs.iter().map(|(_, coins)| coins).sum::<i64>(), 0);
        assert_eq!(given.legs[0], (wallet, -100));
        let back = Movement::back(wallet, &parts).unwrap();
        assert_eq!(back.legs[0], (wallet, 100));
        assert_eq!(back.legs.iter().map(|(_, coins)| coins).sum::<i64>(), 0);
        let all = Movement::new(wallet, &[(Account::House, 5), (Account::House, 0)]).unwrap();
        assert_eq!(all.legs.len(), 2, "nothing is no entry");
        for wrong in [&[0][..], &[-1, 5], &[MAX_COINS, 1], &[i64::MAX, i64::MAX]] {
            let to: Vec<_> = wrong.iter().map(|coins| (Account::House, *coins)).collect();
            let refused = Movement::new(wallet, &to);
            assert!(matches!(refused, Err(LedgerError::TooMuch)), "{wrong:?}");
        }
    }
}
