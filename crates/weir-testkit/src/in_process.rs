//! A server in this process, with real sockets: a node alone, or one of a cluster whose registry is in
//! memory. The process of its own is `server`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use weir_base::Clock;
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::record::{self, Address, Scope};
use weir_cluster::run::Cluster;
use weir_cluster::{Member, Name, NodeRecord, Role, member, route};
use weir_hub::gate::Answer;
use weir_hub::{Admission, Gatekeeper, Grant, Hub};
use weir_serve::config::{CacheConfig, HlsConfig, HttpConfig, Listen, RtmpConfig, SlspConfig};
use weir_serve::front::DoorKind;
use weir_serve::http::paced::RequestBody;
use weir_serve::http::service::{ApiAnswer, ApiService};
use weir_serve::http::upgrade::SocketService;
use weir_serve::node::{Node, Settings};
use weir_serve::{Config, Core, Server, Services, reply};

use crate::builders::{hub_config, node_record};

/// Milliseconds for which a lease is good, and for which a node's record is kept.
const LEASE_TTL_MS: i64 = 6_000;
const NODE_TTL_MS: i64 = 10_000;

/// What a server is made of. The plain one is alone, admits everybody, and listens for RTMP and HTTP
/// on free ports.
#[derive(Clone)]
pub struct ServerSetup {
    /// Its id as a node.
    pub id: String,
    /// What it does.
    pub roles: Vec<Role>,
    /// Its time.
    pub clock: Clock,
    /// Its listeners and HLS.
    pub config: Config,
    /// Its streams.
    pub hub: weir_hub::Config,
    /// Its delivery loops.
    pub delivery: weir_serve::deliver::DeliveryConfig,
    /// Who decides admissions.
    pub gate: Arc<dyn Gatekeeper>,
    /// The other nodes, where there are some.
    pub neighbours: Option<Neighbours>,
    /// What is no media and speaks over WebSockets.
    pub sockets: Vec<Arc<dyn SocketService>>,
}

/// What the nodes of a cluster in memory share, and what one of them knows of the others.
#[derive(Clone)]
pub struct Neighbours {
    /// The registry.
    pub store: Arc<LocalStore>,
    /// What nodes tell each other.
    pub bus: Arc<LocalBus>,
    /// What they prove themselves with.
    pub secret: String,
    /// Base URLs of the nodes above this one.
    pub parents: Vec<String>,
}

/// A server that runs.
pub struct RunningServer {
    /// What it does.
    pub services: Services,
    /// Where it speaks RTMP; empty where the setup says so.
    pub rtmp: Vec<SocketAddr>,
    /// Where it speaks HTTP.
    pub http: Vec<SocketAddr>,
}

/// A gatekeeper that admits everybody.
struct AllIn;

impl Gatekeeper for AllIn {
    fn admit<'a>(&'a self, _: Admission<'a>) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(Grant::default())))
    }
}

impl Neighbours {
    /// A cluster in memory without nodes.
    pub fn new(clock: &Clock, secret: &str) -> Self {
        Self {
            store: Arc::new(LocalStore::new(clock.clone(), LEASE_TTL_MS, NODE_TTL_MS)),
            bus: Arc::default(),
            secret: secret.to_owned(),
            parents: Vec::new(),
        }
    }
}

impl Default for ServerSetup {
    fn default() -> Self {
        let any = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        Self {
            id: "house".into(),
            roles: vec![Role::Origin, Role::Edge],
            clock: Clock::real(),
            config: config(any.clone(), any),
            hub: weir_hub::Config {
                ring_ms: 4_000,
                ring_bytes: 16 << 20,
                ..hub_config()
            },
            delivery: weir_serve::deliver::DeliveryConfig {
                flush_ms: 20,
                lag_ms: 1_000,
                stall_ms: 60_000,
                // Whoever holds it up holds up everybody.
                loops: 1,
            },
            gate: Arc::new(AllIn),
            neighbours: None,
            sockets: Vec::new(),
        }
    }
}

impl ServerSetup {
    /// Starts it, in the runtime that the caller has entered.
    pub fn start(self) -> RunningServer {
        let bound = Server::bind(&self.config).unwrap();
        let server = self
            .sockets
            .iter()
            .cloned()
            .fold(bound, Server::with_sockets);
        let addresses = server.addresses();
        let rtmp = addresses.of(DoorKind::Rtmp);
        let http = addresses.of(DoorKind::Http);
        let hub = Hub::new(self.hub.clone(), self.clock.clone());
        let core = Core::start(hub, self.delivery.clone(), self.config.clone()).unwrap();
        let node = self.node(&core, &http);
        let services = Services::new(core, node, self.gate);
        server.run(&services, Arc::new(NothingHere));
        RunningServer {
            services,
            rtmp,
            http,
        }
    }

    fn node(&self, core: &Core, http: &[SocketAddr]) -> Node {
        let me = Name::new(&self.id).unwrap();
        let alone = Neighbours::new(&self.clock, "");
        let neighbours = self.neighbours.clone().unwrap_or(alone);
        let record = self.record(&me, http);
        let settings = Settings {
            me,
            roles: record.roles,
            secret: neighbours.secret.as_str().into(),
            is_alone: self.neighbours.is_none(),
            route: route::RouteConfig {
                parents: neighbours.parents,
                ..route::RouteConfig::default()
            },
            coworkers: Vec::new(),
            linger: Duration::from_secs(1),
            own: http.iter().map(SocketAddr::to_string).collect(),
        };
        let member =
            Member::new(member::MemberConfig::default(), record, self.clock.now_us()).unwrap();
        let stopping = core.shutdown.clone();
        let stop = async move { stopping.stopping().await };
        let (store, bus) = (neighbours.store, neighbours.bus);
        let clock = self.clock.clone();
        let (cluster, events) =
            Cluster::start(member, store.clone(), bus, clock, &core.tasks, stop);
        Node::start(core.clone(), settings, cluster, store, events)
    }

    fn record(&self, me: &Name, http: &[SocketAddr]) -> NodeRecord {
        let address = |scope, http: &SocketAddr| Address {
            protocol: record::Scheme::Http,
            scope,
            isp: None,
            url: format!("http://{http}"),
        };
        let scopes = [Scope::Public, Scope::Internal];
        let addresses = http
            .iter()
            .flat_map(|http| scopes.map(|scope| address(scope, http)));
        NodeRecord {
            addresses: addresses.collect(),
            ..node_record(me.as_str(), &self.roles)
        }
    }
}

/// Listeners at these addresses and nowhere else.
pub fn config(rtmp: Vec<SocketAddr>, http: Vec<SocketAddr>) -> Config {
    Config {
        rtmp: RtmpConfig {
            listen: Listen(rtmp),
            ..RtmpConfig::default()
        },
        http: HttpConfig {
            listen: Listen(http),
            ..HttpConfig::default()
        },
        hls: HlsConfig {
            segment_ms: 2_000,
            part_ms: 400,
            window_segments: 4,
            key_every_segments: 0,
            idle_ms: 10_000,
        },
        cache: CacheConfig { max_bytes: 1 << 20 },
        slsp: SlspConfig {
            keyframe_ms: 2000,
            successor: String::new(),
        },
        ..Config::default()
    }
}

/// Pages and API of a server that has none. It reads what it is sent, as an API does.
struct NothingHere;

impl ApiService for NothingHere {
    fn at_once(&self, _: &http::request::Parts) -> Option<http::Response<reply::Body>> {
        None
    }

    fn answer(&self, request: http::Request<RequestBody>) -> ApiAnswer {
        Box::pin(async {
            let (status, words) = match request.into_body().collect().await {
                Ok(_) => (http::StatusCode::NOT_FOUND, "nothing here"),
                Err(_) => (http::StatusCode::BAD_REQUEST, "no whole body"),
            };
            let mut response = http::Response::new(reply::full(words));
            *response.status_mut() = status;
            Ok(response)
        })
    }
}
