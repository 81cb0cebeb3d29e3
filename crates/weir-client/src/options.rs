//! How a stream is played, whatever the protocol: the players of the protocols stand above this, and
//! [`crate::watch`] above them.

use std::time::Duration;

/// A stream from which nothing came for so long is taken for dead.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// How to watch.
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchOptions {
    /// Take any certificate.
    pub insecure: bool,
}
