//! A server in this process, and the two honest people whose evening must not be spoiled.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower::util::BoxCloneSyncService;
use weir_base::{Clock, Code};
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::record::{Capacity, Load};
use weir_cluster::run::Cluster;
use weir_cluster::{Member, Name, NodeRecord, Role, member, route};
use weir_hub::gate::Answer;
use weir_hub::{Admission, Gatekeeper, Grant, Hub, Protocol};
use weir_serve::config::SlspConfig;
use weir_serve::hls::Stations;
use weir_serve::http::service::ApiService;
use weir_serve::ingest::slsp::Sessions;
use weir_serve::node::{Node, Settings};
use weir_serve::{Context, Core, Parts, Server};

use crate::clients::{Publisher, Watcher};

/// The stream that everybody watches.
pub(crate) const HONEST: &str = "live/honest";
/// One house at a time: memory is measured for the whole process.
static ONE: Mutex<()> = Mutex::new(());

struct AllIn;

impl Gatekeeper for AllIn {
    fn admit<'a>(&'a self, _: Admission<'a>) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(Grant::default())))
    }
}

/// A cluster of one.
fn alone(core: &Core) -> Node {
    let clock = core.hub.clock();
    let me = Name::new("house").unwrap();
    let record = NodeRecord {
        id: me.clone(),
        boot: 1,
        roles: [Role::Origin, Role::Edge].into_iter().collect(),
        region: None,
        isp: None,
        addresses: Vec::new(),
        capacity: Capacity::default(),
        load: Load::default(),
        parent: None,
        draining: false,
        version: String::new(),
    };
    let settings = Settings {
        me,
        roles: record.roles,
        secret: "".into(),
        is_alone: true,
        route: route::Config::default(),
        coworkers: Vec::new(),
        linger: Duration::from_secs(1),
        own: Vec::new(),
    };
    let member = Member::new(member::Config::default(), record, clock.now_us()).unwrap();
    let store = Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000));
    let bus = Arc::new(LocalBus::default());
    let stopping = core.shutdown.clone();
    let stop = async move { stopping.stopping().await };
    let (cluster, events) =
        Cluster::start(member, store.clone(), bus, clock.clone(), &core.tasks, stop);
    Node::start(core.clone(), settings, cluster, store, events)
}

/// What tests want different.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) idle_timeout_ms: i64,
    pub(crate) stall_ms: i64,
    pub(crate) picture_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout_ms: 5000,
            stall_ms: 60_000,
            picture_bytes: 2000,
        }
    }
}

/// See the module's words.
pub(crate) struct House {
    pub(crate) context: Context,
    pub(crate) rtmp: SocketAddr,
    pub(crate) http: SocketAddr,
    honest: Option<(Publisher, Watcher)>,
    runtime: Option<Runtime>,
    _one: MutexGuard<'static, ()>,
}

impl House {
    pub(crate) fn open(options: Options) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = Runtime::new().unwrap();
        let _in_runtime = runtime.enter();
        let config = config();
        let server = Server::bind(&config).unwrap();
        let [rtmp, _, http, _] = server.addresses();
        let hub = Hub::new(
            weir_hub::hub::Config {
                idle_timeout_us: options.idle_timeout_ms * 1000,
                ring_us: 4_000_000,
                ring_bytes: 16 << 20,
                linger_us: 1_000_000,
            },
            Clock::real(),
        );
        let delivery = weir_serve::deliver::Config {
            flush_us: 20_000,
            lag_us: 1_000_000,
            stall_us: options.stall_ms * 1000,
            wire_bytes: 16 << 20,
            // One loop: whoever holds it up holds up everybody.
            loops: 1,
        };
        let core = Core::start(hub, delivery, config).unwrap();
        let node = alone(&core);
        let context = Context::new(Parts {
            admission: weir_serve::Admission::new(core.clone(), Arc::new(AllIn), node.clone()),
            node,
            slsp: Sessions::default(),
            core,
            stations: Stations::default(),
        });
        server.run(&context, &nothing_here());
        drop(_in_runtime);
        let mut house = Self {
            context,
            rtmp: rtmp[0],
            http: http[0],
            honest: None,
            runtime: Some(runtime),
            _one: one,
        };
        let publisher = Publisher::start(house.rtmp, HONEST, options.picture_bytes);
        house.wait_live("honest");
        let watcher = Watcher::start(house.http, "/live/honest.flv");
        house.honest = Some((publisher, watcher));
        house.all_is_well();
        house
    }

    /// The honest viewer gets new frames, and has never missed one.
    pub(crate) fn all_is_well(&self) {
        let (_, watcher) = self.honest.as_ref().unwrap();
        watcher.expect_more(12);
    }

    pub(crate) fn wait_live(&self, stream: &str) {
        let name = weir_base::StreamName::new("", "live", stream).unwrap();
        until("the stream is live", 5, || {
            let stream = self.context.core.hub.find_live(&name).ok()?;
            stream.ring.newest_join()
        });
    }

    /// How often this code was counted.
    pub(crate) fn count(&self, code: Code, protocol: Protocol) -> u64 {
        let codes = self.context.core.hub.counters().codes();
        codes
            .filter(|(c, p, _)| (*c, *p) == (code, protocol))
            .map(|(_, _, count)| count)
            .sum()
    }

    /// Waits until this code was counted so often.
    pub(crate) fn wait_count(&self, code: Code, protocol: Protocol, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.count(code, protocol) < count {
            let all: Vec<_> = self.context.core.hub.counters().codes().collect();
            assert!(Instant::now() < deadline, "not {count} × {code}: {all:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.honest = None;
        self.context.core.shutdown.stop();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }
}

fn config() -> weir_serve::Config {
    let any = vec!["127.0.0.1:0".parse().unwrap()];
    weir_serve::Config {
        cache: weir_serve::config::CacheConfig { max_bytes: 1 << 20 },
        slsp: SlspConfig {
            keyframe_ms: 2000,
            successor: String::new(),
        },
        rtmp_listen: any.clone(),
        rtmps_listen: Vec::new(),
        http_listen: any,
        https_listen: Vec::new(),
        tls: None,
        trusted_proxies: Vec::new(),
        vhosts: Vec::new(),
        assume_enhanced: false,
        hls: weir_serve::config::HlsConfig {
            segment_us: 2_000_000,
            part_us: 400_000,
            window_segments: 4,
            key_every_segments: 0,
            idle_us: 10_000_000,
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

/// Looks until there is something to see; gives it.
pub(crate) fn until<T>(what: &str, within_s: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(within_s);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within_s} s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes of this process in memory.
pub(crate) fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}
