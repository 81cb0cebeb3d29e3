//! What admitted a client, as the gatekeeper knows it. The hub keeps it with the client and reads no meaning
//! into it but when it ends.

use std::any::Any;
use std::sync::Arc;

/// What admitted a client: kept with it, and handed back to whoever judges it again. Clones share it.
#[derive(Clone)]
pub struct Right {
    basis: Arc<dyn Any + Send + Sync>,
    until_ms: Option<i64>,
}

impl Right {
    /// On this basis; `until_ms` (Unix milliseconds) where it ends by itself and its client shall go then.
    pub fn new(basis: impl Any + Send + Sync, until_ms: Option<i64>) -> Self {
        Self {
            basis: Arc::new(basis),
            until_ms,
        }
    }

    /// Its basis, for who gave it.
    pub fn basis<T: Any>(&self) -> Option<&T> {
        self.basis.downcast_ref()
    }

    /// Unix milliseconds at which it ends by itself.
    pub const fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }
}

/// The same right, not an equal one.
impl PartialEq for Right {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.basis, &other.basis) && self.until_ms == other.until_ms
    }
}

impl Eq for Right {}

impl std::fmt::Debug for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Right")
            .field("until_ms", &self.until_ms)
            .finish_non_exhaustive()
    }
}
