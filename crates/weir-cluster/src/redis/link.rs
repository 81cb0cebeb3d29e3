//! The one connection for commands: shared, made anew after a failure, every use bounded in time.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, Cmd, FromRedisValue, RedisError};
use tokio::sync::Mutex;
use weir_base::{Backoff, BackoffPlan, Clock, Dice};

use super::connect::{ANSWER_MS, Connector, within};
use super::url::Target;
use super::words::{Failure, Troubles, What};
use crate::lease::Unreachable;

/// After a failed connection nobody tries again for so long: they are told at once.
const RETRY: BackoffPlan = BackoffPlan {
    first: Duration::from_millis(200),
    cap: Duration::from_millis(800),
    steady: Duration::ZERO,
};

pub(super) struct Link {
    /// What it is to this node, in an operator's words.
    called: &'static str,
    target: Target,
    connector: Connector,
    clock: Clock,
    state: Mutex<State>,
    troubles: Troubles,
}

struct State {
    open: Option<(Client, MultiplexedConnection)>,
    backoff: Backoff,
    /// Before then nobody tries.
    again_us: i64,
    /// Counts connections, so that a failure closes the one it was of.
    generation: u64,
}

impl Link {
    pub(super) fn new(
        called: &'static str,
        target: Target,
        connector: Connector,
        clock: Clock,
    ) -> Self {
        Self {
            called,
            target,
            connector,
            clock,
            state: Mutex::new(State {
                open: None,
                backoff: Backoff::new(RETRY, Dice::system()),
                again_us: i64::MIN,
                generation: 0,
            }),
            troubles: Troubles::default(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// A client like this one whose connection is told of what nobody asked for (RESP3).
    pub(super) fn told(&self, client: &Client) -> Result<Client, RedisError> {
        self.connector.told(client)
    }

    pub(super) fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// Sends a command.
    pub(super) async fn query<T: FromRedisValue>(
        &self,
        what: What,
        command: &Cmd,
    ) -> Result<T, Unreachable> {
        self.with(what, async |connection| {
            command.query_async(connection).await
        })
        .await
    }

    /// Does something over the shared connection.
    pub(super) async fn with<T>(
        &self,
        what: What,
        act: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, Unreachable> {
        let (_, mut connection, generation) = self.open().await?;
        let done = within(ANSWER_MS, async { Ok(act(&mut connection).await?) }).await;
        match done {
            Ok(value) => {
                self.went_well(what);
                Ok(value)
            }
            Err(failure) => {
                let what = if failure.is_of_the_way() {
                    What::Connect
                } else {
                    what
                };
                self.failed(what, &failure);
                if !failure.is_refusal() {
                    self.close(generation).await;
                }
                Err(Unreachable)
            }
        }
    }

    /// The server that takes writes, and the connection to it.
    pub(super) async fn open(&self) -> Result<(Client, MultiplexedConnection, u64), Unreachable> {
        let mut state = self.state.lock().await;
        if let Some((client, connection)) = &state.open {
            return Ok((client.clone(), connection.clone(), state.generation));
        }
        if self.clock.now_us() < state.again_us {
            return Err(Unreachable);
        }
        match self.connector.connect().await {
            Ok((client, connection)) => {
                self.went_well(What::Connect);
                state.open = Some((client.clone(), connection.clone()));
                state.backoff.worked(RETRY.steady);
                state.generation += 1;
                Ok((client, connection, state.generation))
            }
            Err(failure) => {
                let pause = state.backoff.failed();
                let pause_us = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                state.again_us = self.clock.now_us().saturating_add(pause_us);
                self.failed(What::Connect, &failure);
                Err(Unreachable)
            }
        }
    }

    async fn close(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.open = None;
        }
    }

    pub(super) fn failed(&self, what: What, failure: &Failure) {
        let words = failure.words(self.target.is_tls());
        if let Some(told) = self.troubles.failed(what, words, self.clock.now_us()) {
            tracing::warn!(redis = ?self.target, "{}: {told}; trying on", self.called);
        }
    }

    pub(super) fn went_well(&self, what: What) {
        if let Some(seconds) = self.troubles.went_well(what, self.clock.now_us()) {
            let what = what.words();
            tracing::info!(redis = ?self.target, "{}: can {what} again, after {seconds} s", self.called);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_is_gone_is_knocked_at_some_twice_a_second() {
        for seed in 0..20 {
            let backoff = Backoff::new(RETRY, Dice::seeded(seed));
            let tries = backoff.tries_within(Duration::from_secs(10));
            assert!((12..=28).contains(&tries), "{tries}");
        }
    }
}
