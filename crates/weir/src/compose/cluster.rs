//! Joining the cluster: who this node says it is, where the registry lives, what it bears.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use weir_api::{ClusterApi, Dispatcher, EdgeFacts, NodeProof};
use weir_base::urls::SplitUrl;
use weir_base::{Clock, ids};
use weir_cluster::config::Mode;
use weir_cluster::lease;
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::record::{Address, Load, NodeRecord, Scheme, Scope};
use weir_cluster::redis::Redis;
use weir_cluster::run::Cluster;
use weir_cluster::store::{Bus, NonceStore, Store};
use weir_cluster::{Member, Name, member, route};
use weir_hub::Hub;
use weir_scale::{Authorize, Pending};
use weir_serve::front::{Addresses, DoorKind};
use weir_serve::node::{Node, Settings};
use weir_serve::{Core, Services};

use super::drain::remaining;
use crate::config::{self, Config};

/// Between two reports of what this node bears: the beat that carries them.
const LOAD_EVERY: Duration = Duration::from_secs(2);
/// How long the registry keeps the record of a node that writes it no more, milliseconds: five beats.
const NODE_TTL_MS: i64 = 10_000;

/// The node as a part of the cluster.
pub(super) struct Joined {
    pub(super) cluster: Cluster,
    pub(super) node: Node,
    /// Api nodes that the configuration lists.
    pub(super) api: Arc<[String]>,
    /// Where nonces are remembered for all nodes, where there is a registry.
    pub(super) nonces: Option<Arc<dyn NonceStore>>,
}

/// Joins; a node alone is a cluster of one.
pub(super) fn join(config: &Config, addresses: &Addresses, core: &Core) -> anyhow::Result<Joined> {
    let clock = core.hub.clock().clone();
    let me = identity(config)?;
    let record = record(config, &me, addresses)?;
    let own = own_authorities(&record.addresses, addresses);
    let member = member::MemberConfig {
        lease: lease::LeaseConfig {
            outage: config.cluster.outage,
            ..lease::LeaseConfig::default()
        },
        ..member::MemberConfig::default()
    };
    let Registry { store, bus, nonces } = registry(config, member.lease.ttl_ms, &clock)?;
    let member =
        Member::new(member, record, clock.now_us()).context("this node cannot be described")?;
    let stopping = core.shutdown.clone();
    let stop = async move { stopping.stopping().await };
    let (cluster, events) = Cluster::start(member, store.clone(), bus, clock, &core.tasks, stop);
    let settings = settings(config, me, own)?;
    let node = Node::start(core.clone(), settings, cluster.clone(), store, events);
    Ok(Joined {
        cluster,
        node,
        nonces,
        api: config.cluster.api.iter().map(|url| base(url)).collect(),
    })
}

/// What the API knows of it.
pub(super) fn api(config: &Config, joined: &Joined, dispatcher: &Arc<Dispatcher>) -> ClusterApi {
    ClusterApi {
        cluster: joined.cluster.clone(),
        name: config.cluster.name.clone(),
        dispatcher: dispatcher.clone(),
        proof: Arc::new(Proof(joined.node.clone())),
    }
}

/// A node is who shows the cluster's secret.
struct Proof(Node);

impl NodeProof for Proof {
    fn node(&self, target: &str, authorization: Option<&str>) -> Option<String> {
        let asker = self.0.asker(target, authorization).ok()?;
        Some(asker.to_string())
    }

    fn prove(&self, target: &str) -> String {
        let settings = self.0.settings();
        weir_link::proof::authorization(&settings.secret, settings.me.as_str(), target)
    }
}

/// How this node proves itself to others.
pub(super) fn authorize(node: &Node) -> Authorize {
    let node = node.clone();
    Arc::new(move |target| {
        let settings = node.settings();
        weir_link::proof::authorization(&settings.secret, settings.me.as_str(), target)
    })
}

/// What the dispatcher has placed in a pool and no load shows yet.
pub(super) fn pending(dispatcher: &Arc<Dispatcher>, clock: Clock) -> Pending {
    let dispatcher = dispatcher.clone();
    Box::new(move |view, policy| {
        let is_member = |node: &weir_cluster::view::Node| {
            node.record.as_ref().is_some_and(|record| {
                let in_region = policy.region.is_none() || record.region == policy.region;
                record.roles.has(policy.role) && in_region
            })
        };
        dispatcher.pending(view, clock.now_us(), is_member)
    })
}

/// The id in the cluster: letters, digits, dots, underscores and hyphens.
pub(super) fn identity(config: &Config) -> anyhow::Result<Name> {
    let given = [&config.node.id, &config.node.name];
    let text = match given.into_iter().find(|text| !text.is_empty()) {
        Some(text) => text.clone(),
        None => super::host_name(),
    };
    let fitting: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    Name::new(&fitting).map_err(|error| anyhow::anyhow!("node.id: {text:?}: {error}"))
}

/// What all nodes of a cluster share.
struct Registry {
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    nonces: Option<Arc<dyn NonceStore>>,
}

fn registry(config: &Config, ttl_ms: i64, clock: &Clock) -> anyhow::Result<Registry> {
    let url = &config.cluster.redis;
    if url.is_empty() || config.cluster.mode == Mode::Static {
        let store = LocalStore::new(clock.clone(), ttl_ms, NODE_TTL_MS);
        return Ok(Registry {
            store: Arc::new(store),
            bus: Arc::new(LocalBus::default()),
            nonces: None,
        });
    }
    let name = Name::new(&config.cluster.name)?;
    let redis = Redis::new(url, &name, ttl_ms, NODE_TTL_MS, clock.clone())?;
    let redis = Arc::new(redis);
    Ok(Registry {
        store: redis.clone(),
        bus: redis.clone(),
        nonces: Some(redis),
    })
}

fn settings(config: &Config, me: Name, own: Vec<String>) -> anyhow::Result<Settings> {
    let cluster = &config.cluster;
    let route = route::RouteConfig {
        parents: parent(config).into_iter().collect(),
        origins: cluster.origins.iter().map(|url| base(url)).collect(),
    };
    let has_registry = !cluster.redis.is_empty() && cluster.mode == Mode::Registry;
    Ok(Settings {
        me,
        roles: config.roles()?,
        secret: cluster.secret.as_str().into(),
        is_alone: !has_registry && route.is_empty() && cluster.coworkers.is_empty(),
        route,
        coworkers: cluster.coworkers.clone(),
        linger: Duration::from_millis(u64::try_from(cluster.linger_ms).unwrap_or(0)),
        own,
    })
}

/// `host:port` is another weir's HTTP address; `rtmp://host:port` is a server that speaks RTMP alone.
fn base(text: &str) -> String {
    let text = text.trim_end_matches('/');
    if text.is_empty() || SplitUrl::new(text).is_some() {
        text.to_owned()
    } else {
        format!("http://{text}")
    }
}

fn record(config: &Config, me: &Name, addresses: &Addresses) -> anyhow::Result<NodeRecord> {
    let name = |text: &String| (!text.is_empty()).then(|| Name::new(text)).transpose();
    let boot = ids::random_bytes().context("the system gives no randomness")?;
    let mut advertised = advertised(config)?;
    if advertised.is_empty() {
        advertised = listening(addresses);
    }
    Ok(NodeRecord {
        id: me.clone(),
        boot: u64::from_be_bytes(boot),
        roles: config.roles()?,
        region: name(&config.node.region)?,
        isp: name(&config.node.isp)?,
        addresses: advertised,
        capacity: config.node.capacity.record(),
        load: Load::default(),
        parent: parent(config),
        draining: false,
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// The addresses that the configuration names.
pub(super) fn advertised(config: &Config) -> anyhow::Result<Vec<Address>> {
    let all = config.node.advertise.iter();
    let all = all.map(config::Advertise::addresses);
    Ok(all.collect::<Result<Vec<_>, _>>()?.concat())
}

fn parent(config: &Config) -> Option<String> {
    Some(base(&config.cluster.parent)).filter(|parent| !parent.is_empty())
}

/// What the registry calls what is spoken at a door; none for one that it does not know of.
const fn spoken(door: DoorKind) -> Option<Scheme> {
    match door {
        DoorKind::Rtmp => Some(Scheme::Rtmp),
        DoorKind::Rtmps => Some(Scheme::Rtmps),
        DoorKind::Http => Some(Scheme::Http),
        DoorKind::Https => Some(Scheme::Https),
        // Neither clients nor nodes have anything to do there.
        DoorKind::Admin | DoorKind::Pictures => None,
    }
}

/// Where this node listens, for everybody; an address of the machine where it listens on all of them.
fn listening(addresses: &Addresses) -> Vec<Address> {
    let mut all = Vec::new();
    for door in DoorKind::ALL {
        let (Some(mut address), Some(protocol)) = (addresses.first(door), spoken(door)) else {
            continue;
        };
        if address.ip().is_unspecified() {
            address.set_ip(outward_ip());
        }
        for scope in [Scope::Public, Scope::Internal] {
            all.push(Address {
                protocol,
                scope,
                isp: None,
                url: format!("{}://{address}", door.name()),
            });
        }
    }
    all
}

/// The address this machine would speak to others from. Nothing is sent.
fn outward_ip() -> IpAddr {
    let found = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    found.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

/// Under which `host:port` this node may meet itself.
fn own_authorities(advertised: &[Address], addresses: &Addresses) -> Vec<String> {
    let advertised = advertised
        .iter()
        .filter_map(|address| Some(SplitUrl::new(&address.url)?.authority.to_owned()));
    let bound = addresses.iter().map(|bound| {
        let mut address = bound.address;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        address.to_string()
    });
    let mut own: Vec<String> = advertised.chain(bound).collect();
    own.sort();
    own.dedup();
    own
}

/// Says every two seconds what this node bears.
pub(super) fn report_load(joined: &Joined, services: &Services) {
    let load = keep_reporting(joined.cluster.clone(), services.clone());
    services.core.tasks.spawn("load", load);
}

async fn keep_reporting(cluster: Cluster, services: Services) {
    let hub = services.core.hub.clone();
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut every = tokio::time::interval(LOAD_EVERY);
    // The first comes at once, and what was done in no time is no load.
    every.tick().await;
    let mut before = Sample::take(&hub);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = services.core.shutdown.stopping() => return,
        }
        let now = Sample::take(&hub);
        let passed_us = u64::try_from(now.at_us - before.at_us).unwrap_or(0).max(1);
        let served = remaining(&services);
        let load = Load {
            out_kbps: (now.sent_bytes - before.sent_bytes).saturating_mul(8_000) / passed_us,
            cpu_permille: now.cpu_us.saturating_sub(before.cpu_us) * 1000 / passed_us / cores,
            connections: hub.clients().len() as u64,
            publishers: served.publishers,
            viewers: served.viewers,
        };
        before = now;
        cluster.with(|member, _| member.set_load(load));
    }
}

/// What this node fetches from others, for the metrics.
pub(super) fn edge_facts(services: &Services) -> EdgeFacts {
    let edge = services.hls.edge();
    let counters = edge.counters();
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    EdgeFacts {
        pulls: services.node.pulls(),
        hls_viewers: services.core.hub.audience().uncounted(),
        cache_bytes: read(&counters.bytes),
        cache_hits: read(&counters.hits),
        cache_misses: read(&counters.misses),
        cache_joined: read(&counters.joined),
        cache_evictions: read(&counters.evictions),
    }
}

/// Totals at one moment.
struct Sample {
    at_us: i64,
    sent_bytes: u64,
    cpu_us: u64,
}

impl Sample {
    fn take(hub: &Hub) -> Self {
        let sent = hub.counters().protocols().map(|(_, _, sent, _)| sent);
        let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let whole_us = u64::try_from(usage.tv_sec).unwrap_or(0) * 1_000_000;
        Self {
            at_us: hub.clock().now_us(),
            sent_bytes: sent.sum(),
            cpu_us: whole_us + u64::try_from(usage.tv_nsec).unwrap_or(0) / 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_serve::front::{Bound, Transport};

    use super::*;

    #[test]
    fn a_node_says_where_it_listens() {
        let bound = |door, address: &str| Bound {
            door,
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
        };
        let addresses = Addresses::from_iter([
            bound(DoorKind::Rtmp, "127.0.0.1:1935"),
            bound(DoorKind::Http, "[::1]:8080"),
        ]);
        let mut config = Config::default();
        config.node.name = "my node!".into();
        let me = identity(&config).unwrap();
        assert_eq!(me.as_str(), "my-node-");
        let record = record(&config, &me, &addresses).unwrap();
        let urls: Vec<_> = record.addresses.iter().map(|a| a.url.as_str()).collect();
        let expected = ["rtmp://127.0.0.1:1935", "http://[::1]:8080"];
        assert_eq!(urls, [expected[0], expected[0], expected[1], expected[1]]);
        record.check().unwrap();
    }

    #[test]
    fn other_nodes_are_http_where_nothing_is_said() {
        assert_eq!(base("10.0.0.1:8080"), "http://10.0.0.1:8080");
        assert_eq!(base("rtmp://srs:1935/"), "rtmp://srs:1935");
        assert_eq!(base(""), "");
    }
}
