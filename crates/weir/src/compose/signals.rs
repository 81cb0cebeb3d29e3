//! SIGHUP reloads, SIGTERM drains and a second one stops, SIGINT stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_base::Shutdown;
use weir_hub::Protocol;
use weir_serve::Context;
use weir_serve::front::tls::Certificate;

use super::gate::Gate;
use crate::config::{Config, Sources, load};

/// How often a draining node looks whether everybody has left.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a reload needs.
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) running: Config,
    pub(super) context: Context,
    pub(super) gate: Arc<Gate>,
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
    loop {
        tokio::select! {
            _ = hangup.recv() => reload.run(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => {
                tracing::info!("interrupted: stopping");
                shutdown.drain();
                return;
            }
        }
    }
    shutdown.drain();
    let limit_ms = reload.running.node.drain_ms;
    tracing::info!(
        limit_ms,
        clients = reload.context.hub.clients().len(),
        "draining: nobody new is taken; SIGTERM again stops at once"
    );
    drain(&reload, limit_ms, &mut terminate, &mut interrupt).await;
}

async fn drain(reload: &Reload, limit_ms: u64, terminate: &mut Signal, interrupt: &mut Signal) {
    let deadline = tokio::time::sleep(Duration::from_millis(limit_ms));
    tokio::pin!(deadline);
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = &mut deadline => return,
            _ = terminate.recv() => return,
            _ = interrupt.recv() => return,
            _ = look.tick() => {
                let hub = &reload.context.hub;
                let hls = hub.streams().iter().any(|stream| stream.viewers(Protocol::Hls) > 0);
                if hub.clients().is_empty() && !hls {
                    return;
                }
            }
        }
    }
}

impl Reload {
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
        self.context.hub.reconfigure(next.hub());
        self.context.pool.set_flush_us(next.deliver().flush_us);
        self.context.config.store(Arc::new(next.serve()));
        self.gate.reconfigure(&next);
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
        ("node.name", old.node.name != new.node.name),
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
