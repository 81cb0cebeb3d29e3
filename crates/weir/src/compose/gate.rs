//! Who decides on this node: the gate of `weir-admit` with what this node knows of itself and of its cluster.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use weir_admit::consult::{Advised, Consult, NoAdvice, Question};
use weir_admit::{Gate, GateParts, PlayAuth, PublishAuth, Rulebook, Surroundings};
use weir_api::AppFacts;
use weir_base::{Clock, Shutdown, StreamName, Tasks};
use weir_cluster::Role;
use weir_cluster::fill::{self, Cost};
use weir_cluster::geo::{Countries, Country};
use weir_cluster::run::Cluster;
use weir_cluster::view::View;
use weir_hub::Hub;

use super::cluster::Joined;
use super::secrets::Secrets;
use crate::config::{Config, Slsp};

/// Microseconds for which what was read out of the cluster's view is good: as often as loads come, twice over.
const GOOD_US: i64 = 1_000_000;

/// The gate, and what else anybody may know of an app.
pub(super) struct Entrance {
    gate: Arc<Gate>,
    counsel: Arc<Counsel>,
    slsp: ArcSwap<Slsp>,
}

impl Entrance {
    /// Of a node that has joined its cluster.
    ///
    /// # Errors
    /// Which database of places cannot be read.
    pub(super) fn open(
        config: &Config,
        secrets: &Secrets,
        hub: &Hub,
        joined: &Joined,
    ) -> anyhow::Result<Self> {
        let around = Around {
            cluster: joined.cluster.clone(),
            clock: hub.clock().clone(),
            countries: config.countries()?,
            seen: Mutex::default(),
        };
        let parts = GateParts {
            around: Arc::new(around),
            nonces: joined.nonces.clone(),
            ..parts(config, secrets, hub)
        };
        Ok(Self::of(parts, config))
    }

    /// Of a node that knows of no other.
    #[cfg(test)]
    pub(super) fn alone(config: &Config, secrets: &Secrets, hub: &Hub) -> Self {
        Self::of(parts(config, secrets, hub), config)
    }

    fn of(parts: GateParts, config: &Config) -> Self {
        let counsel = Arc::new(Counsel::default());
        let parts = GateParts {
            consult: Some(counsel.clone()),
            ..parts
        };
        Self {
            gate: Arc::new(Gate::new(parts)),
            counsel,
            slsp: ArcSwap::from_pointee(config.slsp.clone()),
        }
    }

    /// Whom the gate asks from now on, as soon as that one is there.
    pub(super) fn consults(&self, asked: Option<Arc<dyn Consult>>) {
        if let Some(asked) = asked {
            let _ = self.counsel.0.set(asked);
        }
    }

    /// The gatekeeper.
    pub(super) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Has clients judged again, until the end.
    pub(super) fn watch(&self, tasks: &Tasks, shutdown: &Shutdown) {
        let stopping = shutdown.clone();
        let until = async move { stopping.stopping().await };
        tasks.spawn("admission", weir_admit::watch(self.gate.clone(), until));
    }

    /// New rules, for whoever comes from now on.
    pub(super) fn reconfigure(&self, config: &Config) {
        self.gate.rulebook().reconfigure(config.admission());
        self.slsp.store(Arc::new(config.slsp.clone()));
    }

    /// What anybody may know of an app: enough to publish to it or play from it rightly.
    pub(super) fn facts(&self, name: &str) -> AppFacts {
        let (app, slsp) = (self.gate.rulebook().app(name), self.slsp.load());
        AppFacts {
            app: name.to_owned(),
            publish: match app.publish {
                PublishAuth::Key => "key",
                PublishAuth::Open => "open",
            },
            play: match app.play {
                PlayAuth::Open => "open",
                PlayAuth::Signed => "signed",
            },
            max_kbps: app.rules.max_kbps,
            keyframe_ms: slsp.keyframe_ms,
            encoders: slsp.encoders.clone(),
        }
    }

    /// Seconds between two pictures of a stream as its channel or its app has them.
    pub(super) fn shot_every_s(&self, name: &StreamName) -> Option<u32> {
        self.gate.rulebook().shot_every_s(name)
    }

    /// Whether a stream is recorded of which its publisher says nothing, where its channel or its app says that.
    pub(super) fn is_recorded(&self, name: &StreamName) -> Option<bool> {
        self.gate.rulebook().is_recorded(name)
    }

    /// Whether no signature is asked of who plays.
    pub(super) fn is_played_by_all(&self, name: &str) -> bool {
        self.gate.rulebook().app(name).play == PlayAuth::Open
    }

    /// How often the app has to be heard of for each of its streams, milliseconds; 0: it need not.
    pub(super) fn heartbeat_ms(&self, name: &str) -> i64 {
        let heartbeat_ms = self.gate.rulebook().app(name).rules.heartbeat_ms;
        heartbeat_ms.map_or(0, i64::from)
    }
}

/// Whoever is asked: known a moment later than the gate, which it needs.
#[derive(Default)]
struct Counsel(OnceLock<Arc<dyn Consult>>);

impl Consult for Counsel {
    fn ask<'a>(&'a self, question: Question<'a>) -> Advised<'a> {
        match self.0.get() {
            Some(asked) => asked.ask(question),
            None => Box::pin(std::future::ready(Err(NoAdvice::Away))),
        }
    }
}

fn parts(config: &Config, secrets: &Secrets, hub: &Hub) -> GateParts {
    GateParts {
        hub: hub.clone(),
        rulebook: Arc::new(Rulebook::new(config.admission())),
        stream_key_secret: secrets.stream_key_secret().to_owned(),
        is_origin: config.roles().is_ok_and(|roles| roles.has(Role::Origin)),
        around: Arc::new(weir_admit::usage::Alone),
        nonces: None,
        consult: None,
    }
}

/// What the cluster's view says, read once a second however many are admitted.
struct Around {
    cluster: Cluster,
    clock: Clock,
    countries: Box<dyn Countries>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    at_us: Option<i64>,
    full_permille: u64,
    sharing_nodes: u32,
    streams: HashMap<Box<str>, u32>,
}

impl Around {
    fn with<T>(&self, ask: impl FnOnce(&Seen) -> T) -> T {
        let now_us = self.clock.now_us();
        let mut seen = self.seen.lock();
        if seen.at_us.is_none_or(|at_us| now_us - at_us >= GOOD_US) {
            *seen = self.cluster.with(|member, _| {
                let record = member.record();
                let (full_permille, _) =
                    fill::worst(&record.load, &record.capacity, Cost::default());
                Seen {
                    at_us: Some(now_us),
                    full_permille,
                    sharing_nodes: sharing_nodes(member.view()),
                    streams: streams(member.view()),
                }
            });
        }
        ask(&seen)
    }
}

/// Edges serve viewers; where there are none, origins do.
fn sharing_nodes(view: &View) -> u32 {
    let count = |role| {
        view.with_role(role, None, None)
            .filter(|node| node.takes_work())
            .count()
    };
    let nodes = match count(Role::Edge) {
        0 => count(Role::Origin),
        edges => edges,
    };
    u32::try_from(nodes.max(1)).unwrap_or(u32::MAX)
}

/// Owned streams of each app.
fn streams(view: &View) -> HashMap<Box<str>, u32> {
    let mut streams: HashMap<Box<str>, u32> = HashMap::new();
    for stream in view.nodes().flat_map(|node| node.owns()) {
        // `vhost:app/stream`, as a stream's name is written.
        let key = stream.key.as_str();
        let path = key.split_once(':').map_or(key, |(_, path)| path);
        if let Some((app, _)) = path.rsplit_once('/') {
            *streams.entry(app.into()).or_default() += 1;
        }
    }
    streams
}

impl Surroundings for Around {
    fn full_permille(&self) -> u64 {
        self.with(|seen| seen.full_permille)
    }

    fn streams_of(&self, app: &str) -> Option<u32> {
        self.with(|seen| Some(seen.streams.get(app).copied().unwrap_or(0)))
    }

    fn sharing_nodes(&self) -> u32 {
        self.with(|seen| seen.sharing_nodes)
    }

    fn country(&self, ip: IpAddr) -> Option<Country> {
        self.countries.country(ip)
    }
}
