//! SIGHUP reloads, SIGTERM drains and a second one stops, SIGINT stops.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use weir_base::Shutdown;
use weir_serve::Services;

use super::drain::Emptying;
use super::reload::Running;
use crate::config::Sources;

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a reload needs.
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) running: Running,
    pub(super) services: Services,
}

/// Serves signals until the process is to stop. On return the drain has begun and is over.
pub(super) async fn until_told_to_stop(mut reload: Reload, shutdown: &Shutdown) {
    let streams = (
        signal(SignalKind::hangup()),
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = streams else {
        tracing::error!("signals cannot be watched: stop the process with SIGKILL");
        return std::future::pending().await;
    };
    let mut drain = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = hangup.recv() => reload.run(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => {
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
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
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
