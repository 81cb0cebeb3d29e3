//! Nodes of one cluster in this process, with real sockets between them.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tower::util::BoxCloneSyncService;
use weir_base::{Clock, Code, Refusal, StreamName};
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::record::{Address, Capacity, Load, Protocol as Speaks, Scope};
use weir_cluster::run::Cluster;
use weir_cluster::{Member, Name, NodeRecord, Role, member, route};
use weir_hub::gate::Answer;
use weir_hub::hub::PublishRequest;
use weir_hub::{Admission, Gatekeeper, Grant, Hub, Protocol, Publisher};
use weir_media::flv::RawFrame;
use weir_media::{FrameKind, TrackKind};
use weir_serve::config::{CacheConfig, HlsConfig, SlspConfig};
use weir_serve::hls::Stations;
use weir_serve::http::service::ApiService;
use weir_serve::ingest::slsp::Sessions;
use weir_serve::node::Settings;
use weir_serve::{Context, Core, Parts, Server};
use weir_testkit::synthetic;
use weir_testkit::wait::until;

/// A query that admits its viewer.
pub(crate) const SIGNED: &str = "e=1700000000&s=abcd";
const SECRET: &str = "a secret of this cluster";
const FRAME_US: i64 = 40_000;
/// Pictures between two keyframes.
const GOP: u64 = 50;

/// What its nodes share.
pub(crate) struct World {
    runtime: Runtime,
    clock: Clock,
    store: Arc<LocalStore>,
    bus: Arc<LocalBus>,
}

/// One of them.
pub(crate) struct Node {
    pub(crate) context: Context,
    pub(crate) url: String,
    handle: tokio::runtime::Handle,
}

/// A stream, in pictures of 40 ms.
pub(crate) struct Film {
    pub(crate) name: StreamName,
    publisher: Publisher,
    next: u64,
}

struct SignedOrNot;

impl Gatekeeper for SignedOrNot {
    fn admit<'a>(&'a self, admission: Admission<'a>) -> Answer<'a> {
        let grant = Grant {
            by_query: admission.parameter("s").is_some(),
            ..Grant::default()
        };
        Box::pin(std::future::ready(Ok::<_, Refusal>(grant)))
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Clock::real();
        Self {
            runtime: Runtime::new().unwrap(),
            store: Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000)),
            bus: Arc::new(LocalBus::default()),
            clock,
        }
    }

    pub(crate) fn origin(&self, id: &str) -> Node {
        self.node(id, Role::Origin, 0, &[])
    }

    pub(crate) fn edge(&self, id: &str, parents: &[&str]) -> Node {
        self.edge_at(id, 0, parents)
    }

    pub(crate) fn edge_at(&self, id: &str, port: u16, parents: &[&str]) -> Node {
        self.node(id, Role::Edge, port, parents)
    }

    fn node(&self, id: &str, role: Role, port: u16, parents: &[&str]) -> Node {
        let _in_runtime = self.runtime.enter();
        let config = config(port);
        let server = Server::bind(&config).unwrap();
        let [_, _, http, _] = server.addresses();
        let hub = Hub::new(
            weir_hub::Config {
                idle_timeout_us: 60_000_000,
                ring_us: 10_000_000,
                ring_bytes: 16 << 20,
                linger_us: 1_000_000,
            },
            self.clock.clone(),
        );
        let delivery = weir_serve::deliver::Config {
            flush_us: 20_000,
            lag_us: 1_000_000,
            stall_us: 60_000_000,
            wire_bytes: 16 << 20,
            loops: 1,
        };
        let core = Core::start(hub, delivery, config).unwrap();
        let url = format!("http://{}", http[0]);
        let node = self.member(id, role, http[0], parents, &core);
        let context = Context::new(Parts {
            admission: weir_serve::Admission::new(
                core.clone(),
                Arc::new(SignedOrNot),
                node.clone(),
            ),
            node,
            slsp: Sessions::default(),
            core,
            stations: Stations::default(),
        });
        server.run(&context, &nothing_here());
        Node {
            context,
            url,
            handle: self.runtime.handle().clone(),
        }
    }

    fn member(
        &self,
        id: &str,
        role: Role,
        http: SocketAddr,
        parents: &[&str],
        core: &Core,
    ) -> weir_serve::node::Node {
        let me = Name::new(id).unwrap();
        let address = |scope| Address {
            protocol: Speaks::Http,
            scope,
            isp: None,
            url: format!("http://{http}"),
        };
        let record = NodeRecord {
            id: me.clone(),
            boot: 1,
            roles: [role].into_iter().collect(),
            region: None,
            isp: None,
            addresses: vec![address(Scope::Public), address(Scope::Internal)],
            capacity: Capacity::default(),
            load: Load::default(),
            parent: None,
            draining: false,
            version: String::new(),
        };
        let settings = Settings {
            me,
            roles: record.roles,
            secret: SECRET.into(),
            is_alone: false,
            route: route::Config {
                parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
                ..route::Config::default()
            },
            coworkers: Vec::new(),
            linger: Duration::from_secs(1),
            own: vec![http.to_string()],
        };
        let member = Member::new(member::Config::default(), record, self.clock.now_us()).unwrap();
        let stopping = core.shutdown.clone();
        let stop = async move { stopping.stopping().await };
        let (store, bus, clock) = (self.store.clone(), self.bus.clone(), self.clock.clone());
        let (cluster, events) =
            Cluster::start(member, store.clone(), bus, clock, &core.tasks, stop);
        weir_serve::node::Node::start(core.clone(), settings, cluster, store, events)
    }
}

impl Node {
    /// An address on it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Begins a stream.
    pub(crate) fn publish(&self, name: &str) -> Film {
        let name = StreamName::new("", "live", name).unwrap();
        let publisher = until("the name is free", 20, || {
            let request = PublishRequest {
                name: name.clone(),
                protocol: Protocol::Rtmp,
                addr: "127.0.0.1:1".parse().unwrap(),
                grant: Grant::default(),
            };
            self.handle
                .block_on(self.context.admission.publish(request))
                .ok()
        });
        publisher.tracks(Arc::new(synthetic::tracks()));
        Film {
            name,
            publisher,
            next: 0,
        }
    }

    /// Bytes sent under this protocol.
    pub(crate) fn sent(&self, protocol: Protocol) -> u64 {
        let mut all = self.context.core.hub.counters().protocols();
        let found = all.find(|(p, ..)| *p == protocol);
        found.map_or(0, |(_, _, sent, _)| sent)
    }

    pub(crate) fn stop(&self) {
        self.context.core.shutdown.stop();
    }
}

impl Film {
    /// So many pictures more, with sound, all at once.
    pub(crate) fn play(&mut self, pictures: u64) {
        for number in self.next..self.next + pictures {
            let ts_us = number as i64 * FRAME_US;
            let name = number.is_multiple_of(GOP);
            let kind = if name {
                FrameKind::Key
            } else {
                FrameKind::Inter
            };
            self.publisher.frame(RawFrame {
                track: TrackKind::Video,
                ts_us,
                cts_us: 0,
                kind,
                payload: synthetic::picture(number, name, 600).into(),
            });
            self.publisher.frame(RawFrame {
                track: TrackKind::Audio,
                ts_us,
                cts_us: 0,
                kind: FrameKind::Key,
                payload: vec![0x21; 100].into(),
            });
        }
        self.next += pictures;
    }

    pub(crate) fn end(self) {
        self.publisher.end(Code::ClientStopped);
    }
}

fn config(port: u16) -> weir_serve::Config {
    weir_serve::Config {
        rtmp_listen: Vec::new(),
        rtmps_listen: Vec::new(),
        http_listen: vec![SocketAddr::from(([127, 0, 0, 1], port))],
        https_listen: Vec::new(),
        tls: None,
        trusted_proxies: Vec::new(),
        vhosts: Vec::new(),
        assume_enhanced: false,
        hls: HlsConfig {
            segment_us: 2_000_000,
            part_us: 400_000,
            window_segments: 4,
            key_every_segments: 0,
            idle_us: 30_000_000,
        },
        cache: CacheConfig {
            max_bytes: 16 << 20,
        },
        slsp: SlspConfig {
            keyframe_ms: 2000,
            successor: String::new(),
        },
    }
}

fn nothing_here() -> ApiService {
    BoxCloneSyncService::new(tower::service_fn(|_request| async {
        let mut response = http::Response::new(weir_serve::reply::full("nothing here"));
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        Ok::<_, Infallible>(response)
    }))
}
