//! What can go wrong with an account, told apart by whose fault it is.

use weir_store::StoreError;

/// Why something about an account was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A field makes no sense.
    #[error("{field}: {words}")]
    Field {
        /// Its name in requests.
        field: &'static str,
        /// What is wrong with it.
        words: String,
    },
    /// Somebody else has it.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The name or the password is wrong: which of them is not said.
    #[error("the name or the password is wrong")]
    SignIn,
    /// The password is right and a code of the second factor is missing.
    #[error("a code of the second factor is needed")]
    CodeNeeded,
    /// A token or a link is nobody's, or not any more.
    #[error("this {0} is not good, or not any more")]
    Stale(&'static str),
    /// The account is closed to its owner.
    #[error("this account is suspended: {0}")]
    Suspended(String),
    /// It is not for whoever asks.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It was tried too often from here.
    #[error("this was tried too often: wait {} s", wait_ms.div_ceil(1000))]
    TooOften {
        /// Milliseconds until another try is looked at.
        wait_ms: u64,
    },
    /// Too many passwords wait to be looked at.
    #[error("too many sign in at the moment")]
    Busy,
    /// There is no such thing.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Somebody changed it meanwhile.
    #[error("{0} was changed by somebody else meanwhile")]
    Changed(&'static str),
    /// It does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// A provider elsewhere does not answer now.
    #[error("{0} cannot be asked right now: sign in another way, or try again")]
    ProviderAway(String),
    /// A provider elsewhere does not say who somebody is, or not in a way that can be believed.
    #[error("{0}")]
    ProviderRefused(String),
    /// The store does not answer now.
    #[error("accounts cannot be read right now: {0}")]
    Away(String),
    /// No room is left where accounts are kept: nothing can be changed now.
    #[error("accounts cannot be changed right now: {0}")]
    Full(String),
    /// A fault of weir, or of what it stands on.
    #[error("{0}")]
    Fault(String),
}

impl AccountError {
    pub(crate) fn field(field: &'static str, words: impl Into<String>) -> Self {
        Self::Field {
            field,
            words: words.into(),
        }
    }
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(what) => Self::Taken(what),
            StoreError::Missing(what) => Self::Missing(what),
            StoreError::Changed(what) => Self::Changed(what),
            StoreError::Bound(words) => Self::Conflict(words),
            StoreError::Full(why) => Self::Full(why),
            passing if passing.is_passing() => Self::Away(passing.to_string()),
            fault => Self::Fault(fault.to_string()),
        }
    }
}
