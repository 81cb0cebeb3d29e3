//! What happened, as the API's resources reach it: on nodes that have the store.

use std::sync::Arc;

use weir_base::Code;
use weir_events::{Log, Recorder};
use weir_hook::Dispatcher;
use weir_store::Store;

use crate::elsewhere::{Elsewhere, SeenStreams};
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
    /// What other nodes say is live there.
    pub elsewhere: Elsewhere,
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

    /// What other nodes say is live there; nothing on a node without a store.
    pub(crate) fn elsewhere(&self) -> Arc<SeenStreams> {
        let parts = self.happenings.as_ref();
        parts.map(|parts| parts.elsewhere.now()).unwrap_or_default()
    }
}
