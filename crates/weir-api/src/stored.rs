//! What outlives the process, as handlers see it: there or not, and what its refusals are called.

use utoipa::IntoResponses;
use weir_base::Code;
use weir_store::{Id, Store, StoreError};

use crate::asked::Page;
use crate::caller::Caller;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Milliseconds after which somebody may ask again whose answer the database was away for.
const AGAIN_MS: u64 = 1_000;

/// What is said where the disk of the store is full.
pub(crate) const NO_ROOM: &str = "no room is left where this is kept, so nothing can be changed; what is there can be \
                                  read, and watching and publishing go on";

/// The store does not answer, or this node has none.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct StoreAway(Problem);

impl State {
    /// The store of this node.
    ///
    /// # Errors
    /// 6008 where it has none: edges and origins open no database.
    pub(crate) fn store(&self) -> Result<&Store, Refused> {
        let words = "this node keeps nothing: ask one whose roles include api";
        self.store
            .as_ref()
            .ok_or_else(|| Refused::new(Code::Unavailable, words))
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let words = error.to_string();
        match error {
            StoreError::Taken(_) | StoreError::Bound(_) => Self::new(Code::Conflict, words),
            StoreError::Missing(_) => Self::new(Code::NotFound, words),
            StoreError::Changed(_) => Self::new(Code::PreconditionFailed, words),
            StoreError::Full(why) => {
                tracing::warn!("the store has no room: {why}");
                Self::new(Code::Unavailable, NO_ROOM).retry_after_ms(AGAIN_MS)
            }
            passing if passing.is_passing() => {
                tracing::warn!("the store does not do it now: {passing}");
                Self::from(Code::Unavailable).retry_after_ms(AGAIN_MS)
            }
            fault => {
                // What is wrong with a database is nobody's business outside.
                tracing::error!("the store failed: {fault}");
                Self::from(Code::Storage)
            }
        }
    }
}

/// The account that asks.
///
/// # Errors
/// 6012 for the operator's token and for nodes, which have none.
pub(crate) fn account_of(caller: &Caller) -> Result<Id, Refused> {
    user_of(caller).ok_or_else(|| {
        let words = "this takes an account: the operator's token has none";
        Refused::new(Code::Forbidden, words)
    })
}

/// What a page of a list by ids is behind of.
///
/// # Errors
/// 6001 for a cursor of another list.
pub(crate) fn behind(page: &Page) -> Result<Option<Id>, Refused> {
    let words = "this is not what a page before called `next`";
    let wrong = |_| Refused::field(Code::BadRequest, "after", words);
    page.after().map(str::parse).transpose().map_err(wrong)
}

/// The account that asks; none for the operator's token and for nodes.
pub(crate) fn user_of(caller: &Caller) -> Option<Id> {
    caller.account
}

/// An id in a path.
///
/// # Errors
/// 3001: what has no id is nowhere.
pub(crate) fn id_of(text: &str) -> Result<Id, Refused> {
    text.parse()
        .map_err(|_| Refused::new(Code::NotFound, "there is nothing of this id"))
}
