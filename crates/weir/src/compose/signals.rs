//! SIGHUP reloads, SIGTERM drains and a second one stops, SIGINT stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use weir_api::Dispatcher;
use weir_base::Shutdown;
use weir_serve::Services;
use weir_serve::front::tls::Certificate;

use super::drain::Emptying;
use super::gate::Gate;
use crate::config::{Config, Sources, load};

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a reload needs.
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) running: Config,
    pub(super) services: Services,
    pub(super) gate: Arc<Gate>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) certificate: Option<Arc<Certificate>>,
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
        limit_ms = reload.running.node.drain_ms,
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
        Emptying::begin(self.services.clone(), self.running.node.drain_ms)
    }

    /// Reads the configuration again, takes over what can be, and says what cannot. A wrong file
    /// changes nothing.
    fn run(&mut self) {
        let next = match load(&self.sources) {
            Ok(next) => next,
            Err(error) => {
                tracing::error!("reload refused, nothing changed: {error:#}");
                return;
            }
        };
        if let Some(certificate) = &self.certificate
            && let Err(error) = certificate.reload()
        {
            tracing::error!(%error, "the certificate cannot be reloaded; the old one stays in force");
        }
        self.services.core.hub.reconfigure(next.hub());
        self.services
            .core
            .pool
            .set_flush_us(next.deliver().flush_us);
        self.services.core.config.store(Arc::new(next.serve()));
        self.gate.reconfigure(&next);
        match next.dispatch.rules(&next.node.vhosts) {
            Ok(rules) => self.dispatcher.set_rules(rules),
            Err(error) => {
                tracing::error!(
                    "the dispatcher's rules cannot be read; the old ones stay in force: {error:#}"
                );
            }
        }
        let left = needs_restart(&self.running, &next);
        if left.is_empty() {
            tracing::info!("configuration reloaded");
        } else {
            tracing::warn!(
                "configuration reloaded, but these need a restart: {}",
                left.join(", ")
            );
        }
        // What waits for a restart stays as it runs, so that the next reload names it again.
        self.running.node.drain_ms = next.node.drain_ms;
    }
}

/// The keys that differ and are read only at the start.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let fixed = [
        ("roles", old.roles != new.roles),
        ("node.name", old.node.name != new.node.name),
        ("node.id", old.node.id != new.node.id),
        ("node.region", old.node.region != new.node.region),
        ("node.isp", old.node.isp != new.node.isp),
        ("node.advertise", old.node.advertise != new.node.advertise),
        ("node.capacity", old.node.capacity != new.node.capacity),
        ("cluster", old.cluster != new.cluster),
        ("cache.max_bytes", old.cache != new.cache),
        ("scale", old.scale != new.scale),
        ("log.filter", old.log != new.log),
        ("rtmp.listen", old.rtmp.listen != new.rtmp.listen),
        (
            "rtmp.tls_listen",
            old.rtmp.tls_listen != new.rtmp.tls_listen,
        ),
        ("http.listen", old.http.listen != new.http.listen),
        (
            "http.tls_listen",
            old.http.tls_listen != new.http.tls_listen,
        ),
        ("tls.cert", old.tls != new.tls),
        ("admin.token", old.admin != new.admin),
        ("deliver.lag_ms", old.deliver.lag_ms != new.deliver.lag_ms),
        (
            "deliver.stall_ms",
            old.deliver.stall_ms != new.deliver.stall_ms,
        ),
        ("deliver.loops", old.deliver.loops != new.deliver.loops),
    ];
    fixed
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reloaded_is_named() {
        let old = Config::default();
        let mut new = old.clone();
        new.deliver.flush_ms = 100;
        assert!(needs_restart(&old, &new).is_empty());
        new.deliver.loops = 7;
        new.node.name = "other".into();
        assert_eq!(needs_restart(&old, &new), ["node.name", "deliver.loops"]);
    }
}
