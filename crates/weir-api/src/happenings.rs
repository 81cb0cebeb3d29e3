//! What happened, as the API's resources reach it: on nodes that have the store.

use weir_base::Code;
use weir_events::{Log, Recorder};
use weir_hook::Dispatcher;
use weir_store::{Id, Store, StoreError};

use crate::refused::Refused;
use crate::state::State;

/// The parts of a node that has the store.
#[derive(Debug, Clone)]
pub struct Happenings {
    /// Broadcasts, hooks and the audit log.
    pub store: Store,
    /// The log of events.
    pub log: Log,
    /// Who writes down what nodes report.
    pub recorder: Recorder,
    /// Who delivers.
    pub dispatcher: Dispatcher,
}

impl State {
    /// The parts.
    ///
    /// # Errors
    /// 6008 on a node without a store.
    pub(crate) fn happenings(&self) -> Result<&Happenings, Refused> {
        self.happenings.as_ref().ok_or_else(|| {
            let words = "this node has no store: ask one with the role api";
            Refused::new(Code::Unavailable, words)
        })
    }
}

/// What the store says, as an answer.
pub(crate) fn store_refused(error: StoreError) -> Refused {
    let words = error.to_string();
    match error {
        StoreError::Taken(_) => Refused::new(Code::Conflict, words),
        StoreError::Missing(_) => Refused::new(Code::NotFound, words),
        StoreError::Changed(_) => Refused::new(Code::PreconditionFailed, words),
        StoreError::Bound(_) => Refused::new(Code::Conflict, words),
        // Where the database is, and what it said, is the operator's to read.
        error if error.is_passing() => {
            tracing::warn!("{error}");
            Refused::new(Code::Unavailable, "the store does not answer now")
        }
        error => {
            tracing::error!("{error}");
            Refused::new(
                Code::Storage,
                "the store failed: the operator's log says how",
            )
        }
    }
}

/// An id out of a path or a query.
///
/// # Errors
/// 3001: what is no id is nobody's.
pub(crate) fn id(text: &str) -> Result<Id, Refused> {
    text.parse()
        .map_err(|_| Refused::new(Code::NotFound, "there is nothing with this id"))
}
