//! A reload: all that can fail is prepared first, and only then is anything stored.

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use weir_api::{DispatchRules, Dispatcher};
use weir_base::section::Section as _;
use weir_serve::Core;
use weir_serve::front::tls::{Certificate, Renewal};

use super::gate::Entrance;
use crate::config::{Config, Sources, load};

/// What runs, and with which settings.
pub(super) struct Running {
    pub(super) config: Config,
    /// The same, for who reads it.
    pub(super) in_force: Arc<ArcSwap<Config>>,
    pub(super) core: Core,
    pub(super) entrance: Arc<Entrance>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) certificate: Option<Arc<Certificate>>,
}

/// The next settings and what was read for them; nothing of it is in force.
struct Prepared {
    config: Config,
    rules: DispatchRules,
    renewal: Option<Renewal>,
    restarts: Vec<String>,
}

impl Running {
    /// Reads the configuration again and takes over what a reload may change. Answers with the keys that
    /// changed and need a restart; those stay as they run, so that the next reload names them again.
    ///
    /// # Errors
    /// What cannot be read or used. Then nothing has changed.
    pub(super) fn reload(&mut self, sources: &Sources) -> anyhow::Result<Vec<String>> {
        let prepared = self.prepare(sources)?;
        Ok(self.take(prepared))
    }

    fn prepare(&self, sources: &Sources) -> anyhow::Result<Prepared> {
        let next = load(sources)?;
        let mut restarts = Vec::new();
        self.config.restarts(&next, "", &mut restarts);
        let config = self.config.reloaded(&next);
        let rules = config.dispatch_rules();
        let rules =
            rules.context("the dispatcher's rules cannot be read; the old ones stay in force")?;
        let renewal = self.certificate.as_ref().map(Certificate::renewal);
        let renewal = renewal.transpose();
        let renewal =
            renewal.context("the certificate cannot be reloaded; the old one stays in force")?;
        Ok(Prepared {
            config,
            rules,
            renewal,
            restarts,
        })
    }

    fn take(&mut self, prepared: Prepared) -> Vec<String> {
        let config = prepared.config;
        if let Some(renewal) = prepared.renewal {
            renewal.show();
        }
        self.core.hub.reconfigure(config.hub());
        self.core.pool.reconfigure(&config.deliver);
        self.core.config.store(Arc::new(config.serve()));
        self.entrance.reconfigure(&config);
        self.dispatcher.set_rules(prepared.rules);
        self.in_force.store(Arc::new(config.clone()));
        self.config = config;
        prepared.restarts
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use weir_base::Clock;
    use weir_hub::Hub;

    use super::*;
    use crate::compose::Secrets;

    fn running(data: &Path) -> Running {
        let config = Config::default();
        let secrets = Secrets::open(data, &config).unwrap();
        let clock = Clock::manual(1_000_000_000);
        let hub = Hub::new(config.hub(), clock);
        let rules = config.dispatch_rules().unwrap();
        Running {
            core: Core::start(hub.clone(), config.deliver.clone(), config.serve()).unwrap(),
            entrance: Arc::new(Entrance::alone(&config, &secrets, &hub)),
            dispatcher: Arc::new(Dispatcher::new(rules)),
            certificate: None,
            in_force: Arc::new(ArcSwap::from_pointee(config.clone())),
            config,
        }
    }

    #[tokio::test]
    async fn a_reload_is_all_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut running = running(dir.path());
        let (file, networks) = (dir.path().join("weir.toml"), dir.path().join("networks"));
        let text = format!(
            "[auth]\nplay = \"open\"\npublish = \"open\"\n[cache]\nmax_bytes = 7\n[stream]\nidle_timeout_ms = 77\n\
             [deliver]\nloops = 7\n[dispatch]\nnetworks_file = {networks:?}\n"
        );
        std::fs::write(&file, text).unwrap();
        std::fs::write(&networks, "10.0.0.0/40 no network").unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };

        let error = format!("{:#}", running.reload(&sources).unwrap_err());
        assert!(error.contains("dispatch.networks_file"), "{error}");
        let before = Config::default();
        assert_eq!(running.config, before);
        assert_eq!(**running.core.config.load(), before.serve());
        assert_eq!(running.core.hub.idle_timeout_us(), 5_000_000);
        assert_eq!(running.entrance.facts("live").publish, "key");

        std::fs::write(&networks, "10.0.0.0/8 cn telecom").unwrap();
        assert_eq!(running.reload(&sources).unwrap(), ["deliver.loops"]);
        assert_eq!(running.core.config.load().cache.max_bytes, 7);
        assert_eq!(running.core.hub.idle_timeout_us(), 77_000);
        assert_eq!(running.entrance.facts("live").publish, "open");
        assert_eq!(running.config.deliver.loops, 0);
        assert_eq!(running.reload(&sources).unwrap(), ["deliver.loops"]);
        running.core.shutdown.stop();
        running.core.tasks.join().await;
    }
}
