//! SIGHUP reloads, SIGTERM drains and a second one stops, SIGINT stops.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_base::Shutdown;
use weir_serve::Services;

use super::drain::Emptying;
use super::reload::Running;
use crate::config::Sources;

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The signals a server answers. Until they are watched each of them ends the process, as the system has it:
/// right for one that still starts, and wrong from the moment on that others can see its ports.
pub(super) struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

/// What a reload needs.
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) running: Running,
    pub(super) services: Services,
}

impl Signals {
    /// What comes from here on is kept until somebody looks.
    pub(super) fn watch() -> anyhow::Result<Self> {
        let watched = |kind| signal(kind).context("signals cannot be watched");
        Ok(Self {
            hangup: watched(SignalKind::hangup())?,
            terminate: watched(SignalKind::terminate())?,
            interrupt: watched(SignalKind::interrupt())?,
        })
    }
}

/// Serves signals until the process is to stop. On return the drain has begun and is over.
pub(super) async fn until_told_to_stop(
    mut signals: Signals,
    mut reload: Reload,
    shutdown: &Shutdown,
) {
    let mut drain = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => reload.run(),
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => {
                tracing::info!("interrupted: stopping");
                shutdown.drain();
                return;
            }
            // Somebody asked by the API: the process stays until it is told to stop.
            () = shutdown.draining(), if drain.is_none() => {
                drain = Some(reload.drain());
                tracing::info!("draining, as asked: nobody new is taken; SIGTERM stops the process");
            }
            _ = look.tick() => {
                if let Some(drain) = &mut drain && !drain.is_over() {
                    drain.go_on();
                }
            }
        }
    }
    shutdown.drain();
    let mut drain = drain.unwrap_or_else(|| reload.drain());
    tracing::info!(
        limit_ms = reload.running.config.node.drain_ms,
        clients = reload.services.core.hub.clients().len(),
        "draining: nobody new is taken; SIGTERM again stops at once"
    );
    while !drain.is_over() {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = look.tick() => drain.go_on(),
        }
    }
}

impl Reload {
    fn drain(&self) -> Emptying {
        Emptying::begin(self.services.clone(), self.running.config.node.drain_ms)
    }

    /// What cannot be read or used changes nothing.
    fn run(&mut self) {
        match self.running.reload(&self.sources) {
            Err(error) => tracing::error!("reload refused, nothing changed: {error:#}"),
            Ok(restarts) if restarts.is_empty() => tracing::info!("configuration reloaded"),
            Ok(restarts) => tracing::warn!(
                "configuration reloaded, but these need a restart: {}",
                restarts.join(", ")
            ),
        }
    }
}
