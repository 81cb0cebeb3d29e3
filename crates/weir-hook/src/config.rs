//! `[hooks]`: how receivers are told.

use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

section! {
    /// Settings of webhooks.
    pub Config {
        /// Internal networks that hooks may be sent to, such as `"10.1.0.0/16"`; others are never.
        restart allow: Vec<String> = Vec::new(),
        /// Milliseconds a receiver has for its answer.
        restart timeout_ms: u32 = 10_000,
        /// Requests to one receiver at once, each of another stream.
        restart concurrency: u32 = 8,
        /// Hours that a delivery is tried for, before it is a dead letter.
        restart retry_hours: u32 = 24,
        /// Days that deliveries are kept for to be looked at.
        restart keep_days: u32 = 30,
    }
}

impl Config {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("hooks.timeout_ms", self.timeout_ms, 100..=60_000)?;
        in_range("hooks.concurrency", self.concurrency, 1..=64)?;
        in_range("hooks.retry_hours", self.retry_hours, 1..=240)?;
        in_range("hooks.keep_days", self.keep_days, 1..=365)?;
        for network in &self.allow {
            let is_network = crate::guard::network(network).is_some();
            sensible(is_network, || {
                format!("hooks.allow: {network:?} is no network such as \"10.1.0.0/16\"")
            })?;
        }
        Ok(())
    }
}
