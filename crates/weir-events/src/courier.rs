//! Carries what a witness saw to a desk: at once, and again until it is taken; a sign of life each second.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use weir_base::{Backoff, BackoffPlan, Dice, Shutdown};
use weir_store::events::BATCH_FACTS;

use crate::desk::Desk;
use crate::witness::Witness;

/// Between two signs of life.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Between two lists of what lives: nothing is live in the log alone for longer.
const LIVING_EVERY: Duration = Duration::from_secs(4);
/// How long the last report of a process may take, of the five seconds that its tasks have.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);
/// Pauses after a report that was not taken.
const AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(250),
    cap: Duration::from_secs(4),
    steady: Duration::ZERO,
};

/// Carries what a node saw to an api node, in order, until that says it has it.
pub struct Courier {
    witness: Witness,
    desk: Arc<dyn Desk>,
    failures: Backoff,
    living_told: Option<Instant>,
}

impl Courier {
    /// Between these two.
    pub fn new(witness: Witness, desk: Arc<dyn Desk>) -> Self {
        Self {
            witness,
            desk,
            failures: Backoff::new(AGAIN, Dice::system()),
            living_told: None,
        }
    }

    /// Carries until the process stops, and then the rest.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = self.round() => {}
                () = shutdown.stopping() => break,
            }
            tokio::select! {
                () = self.witness.fresh() => {}
                () = tokio::time::sleep(BEAT_EVERY) => {}
                () = shutdown.stopping() => break,
            }
        }
        self.witness.leave();
        if timeout(LAST_TIMEOUT, self.carry_all()).await != Ok(true) {
            self.witness.keep();
        }
    }

    /// Carries all there is; after a failure waits before the next try.
    async fn round(&mut self) {
        while !self.carry_all().await {
            let pause = self.failures.failed();
            tokio::time::sleep(pause).await;
        }
        self.failures.worked(Duration::ZERO);
    }

    /// Whether all there is was taken.
    async fn carry_all(&mut self) -> bool {
        loop {
            let says_living = self
                .living_told
                .is_none_or(|told| told.elapsed() >= LIVING_EVERY);
            let report = self.witness.report(BATCH_FACTS, says_living);
            let reply = match self.desk.take(&report).await {
                Ok(reply) => reply,
                Err(error) => {
                    let is_worth_a_line =
                        self.failures.is_worth_a_line() || self.failures.failures() == 0;
                    // An edge of a cluster without a store has nothing that anybody misses.
                    if is_worth_a_line && !report.told.is_empty() {
                        tracing::warn!(
                            waiting = report.told.len(),
                            "what happens here is not written down yet: {error}"
                        );
                    }
                    self.witness.keep();
                    return false;
                }
            };
            if report.living.is_some() {
                self.living_told = Some(Instant::now());
            }
            self.witness.taken(&report, &reply);
            if report.is_all && reply.over.is_empty() {
                return true;
            }
        }
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}
