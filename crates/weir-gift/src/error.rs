//! Why a gift is not given.

use weir_store::StoreError;
use weir_store::ledger::LedgerError;

/// See the file's words.
#[derive(Debug, thiserror::Error)]
pub enum GiftError {
    /// There is less in the wallet.
    #[error("this takes {needed} coins, and there are {has} in the wallet")]
    NotEnough {
        /// What it takes.
        needed: i64,
        /// What there is.
        has: i64,
    },
    /// No such gift is, or was, in the catalogue.
    #[error("there is no gift {0:?}")]
    Unknown(String),
    /// It is not on sale.
    #[error("{0}")]
    Closed(String),
    /// Another price than the one that was shown.
    #[error("it costs {0} coins each now")]
    Price(i64),
    /// More than is taken.
    #[error("{0}")]
    Limit(String),
    /// The key was sent with something else.
    #[error("this key was sent with something else")]
    KeyReused,
    /// It cannot be told, or the store has no such thing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GiftError {
    /// What the ledger says to something that takes `needed` coins.
    pub(crate) fn of(error: LedgerError, needed: i64) -> Self {
        match error {
            LedgerError::NotEnough(has) => Self::NotEnough { needed, has },
            LedgerError::KeyReused => Self::KeyReused,
            LedgerError::TooMuch => Self::Limit(error.to_string()),
            LedgerError::NoGift => Self::Store(StoreError::Missing("gift")),
            LedgerError::Store(error) => Self::Store(error),
        }
    }
}
