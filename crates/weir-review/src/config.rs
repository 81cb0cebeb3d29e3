//! `[review]`: what people look at of live streams.

use weir_base::section;
use weir_base::section::{Senseless, in_range};

section! {
    /// What people look at of live streams.
    pub ReviewConfig {
        /// Pictures of streams wait for people to look at them, in `/console/review`.
        restart enabled: bool = true,
        /// Where a machine is asked what it thinks of a picture before people look; empty: nowhere.
        restart hook_url: String = String::new(),
        /// `whsec_…` that signs what it is asked; empty: nothing does.
        restart hook_secret: String = String::new(),
        /// Milliseconds that people wait for its answer; then they look.
        restart hook_timeout_ms: u32 = 2_000,
        /// Days that verdicts, with the pictures they were given on, are kept; of what was right three days at most.
        restart keep_days: i64 = 90,
        /// One test picture comes among so many items that reviewers claim, where there are any; 0: none does.
        restart gold_one_in: u32 = 50,
    }
}

impl ReviewConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("review.keep_days", self.keep_days, 1..=3_650)?;
        in_range("review.gold_one_in", self.gold_one_in, 0..=10_000)?;
        in_range("review.hook_timeout_ms", self.hook_timeout_ms, 100..=30_000)
    }
}
