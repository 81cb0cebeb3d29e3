//! `[api]`: how often clients may ask. Who may, and at which listener, is set elsewhere.

use weir_base::section;

section! {
    /// The HTTP API.
    pub ApiConfig {
        /// Requests a minute that only read, of one account, or of one network where nobody is signed in.
        restart reads_per_minute: u32 = 6_000,
        /// Requests a minute that change something.
        restart writes_per_minute: u32 = 600,
        /// Questions a minute where to publish or play, of one network.
        restart asks_per_minute: u32 = 60_000,
    }
}
