//! This node among others: what it owns, what it pulls from them, and what it hands on to them.
//!
//! Decisions are `weir-cluster`'s; here they meet sockets and the hub. A node alone goes through the
//! same doors: it owns what is published to it and pulls nothing.

mod ask;
pub(crate) mod fetch;
mod gone;
mod leases;
mod origins;
mod pull;
mod push;
mod relay_pull;
mod remote_admission;
mod seek;
mod srs;
mod successor;
mod uplink;
mod whereabouts;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use weir_base::{Code, LogLimit, Refusal, StreamName};
use weir_cluster::lease::Event;
use weir_cluster::route::{self, Router};
use weir_cluster::run::Cluster;
use weir_cluster::store::Store;
use weir_cluster::{LeaseKey, Name, Role, Roles};
use weir_link::dial::Dialer;
use weir_link::http::HttpClient;
use weir_link::node::NodeClient;
use weir_link::proof;

use leases::Leases;
use pull::Pulls;

use crate::core::Core;

pub(crate) use leases::LeaseShare;
pub(crate) use origins::PublishIntent;
pub(crate) use remote_admission::{Admits, Passed};
pub(crate) use uplink::Uplink;

/// How this node behaves towards others.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its id.
    pub me: Name,
    /// What it does.
    pub roles: Roles,
    /// What nodes prove themselves with; empty where there are no others.
    pub secret: Arc<str>,
    /// Nobody else is to be expected: no registry, no lists.
    pub is_alone: bool,
    /// The edge or local origin above this one, and origins for clusters without a registry.
    pub route: route::RouteConfig,
    /// `host:port` of other origins' APIs, asked for streams that are not here.
    pub coworkers: Vec<String>,
    /// How long a pull outlives its last viewer.
    pub linger: Duration,
    /// This node's own RTMP and HTTP addresses as `host:port`: never redirected to.
    pub own: Vec<String>,
}

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    core: Core,
    settings: Settings,
    cluster: Cluster,
    store: Arc<dyn Store>,
    /// What asks other nodes in the name of this one.
    client: NodeClient,
    router: Mutex<Router>,
    leases: Leases,
    pulls: Pulls,
    fates: gone::Fates,
    /// Coworkers that do not answer may be asked for each viewer of nothing.
    coworker_log: LogLimit<String>,
    admitted: remote_admission::RememberedGrants,
    /// Streams that other nodes hand on to this one, and which node does.
    handed_on: Mutex<HashMap<LeaseKey, Arc<Name>>>,
    /// Placements of publishes so far: the dice of the next one.
    placements: std::sync::atomic::AtomicU64,
}

impl Node {
    /// A node of `cluster`; `events` is what happens to its leases.
    pub fn start(
        core: Core,
        settings: Settings,
        cluster: Cluster,
        store: Arc<dyn Store>,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        let leases = Leases::new(cluster.clone());
        let clients = core.hub.clients().clone();
        core.tasks
            .spawn("leases", leases.clone().hear(events, clients));
        let router = Router::new(settings.me.clone(), settings.route.clone());
        let http = HttpClient::new(
            Dialer::to_nodes(),
            core.hub.clock().clone(),
            core.tasks.clone(),
            core.shutdown.clone(),
        );
        let client = NodeClient::new(http, settings.me.as_str(), settings.secret.clone());
        Self(Arc::new(Inner {
            core,
            settings,
            cluster,
            store,
            client,
            router: Mutex::new(router),
            leases,
            pulls: Pulls::default(),
            fates: gone::Fates::default(),
            coworker_log: LogLimit::default(),
            admitted: remote_admission::RememberedGrants::default(),
            handed_on: Mutex::default(),
            placements: std::sync::atomic::AtomicU64::new(0),
        }))
    }

    /// What it shares with the rest of the server.
    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The cluster it is in.
    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }

    /// What it shares with the other nodes.
    pub(crate) fn registry(&self) -> Arc<dyn Store> {
        self.0.store.clone()
    }

    /// Which node asks for `target` (path and query), by its proof.
    ///
    /// # Errors
    /// 1001 without a proof, 1004 with a wrong one.
    pub fn asker(&self, target: &str, authorization: Option<&str>) -> Result<Name, Refusal> {
        let node = proof::asker(&self.0.settings.secret, target, authorization)?;
        Name::new(&node).map_err(|error| Refusal::new(Code::AuthBadSignature, error.to_string()))
    }

    /// What asks other nodes in the name of this one; its kept connections are this node's own.
    pub(crate) fn client(&self) -> &NodeClient {
        &self.0.client
    }

    /// Streams pulled from others now.
    pub fn pulls(&self) -> usize {
        self.0.pulls.len()
    }

    /// Remembers which node hands a stream on to this one, for as long as the guard lives.
    pub(crate) fn handed_on(&self, name: &StreamName, from: &Name) -> Option<HandedOn> {
        let key = LeaseKey::of(name).ok()?;
        let from = Arc::new(from.clone());
        let mut handed_on = self.0.handed_on.lock();
        handed_on.insert(key.clone(), from.clone());
        Some(HandedOn {
            node: self.clone(),
            key,
            from,
        })
    }

    /// Whether it owns streams.
    pub(crate) fn is_origin(&self) -> bool {
        self.0.settings.roles.has(Role::Origin)
    }

    /// Whether it serves streams of others.
    pub(crate) fn is_edge(&self) -> bool {
        self.0.settings.roles.has(Role::Edge)
    }
}

/// See [`Node::handed_on`].
pub(crate) struct HandedOn {
    node: Node,
    key: LeaseKey,
    from: Arc<Name>,
}

impl Drop for HandedOn {
    fn drop(&mut self) {
        let mut handed_on = self.node.0.handed_on.lock();
        // Another connection may hand it on by now.
        let now = handed_on.get(&self.key);
        if now.is_some_and(|from| Arc::ptr_eq(from, &self.from)) {
            handed_on.remove(&self.key);
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.0.settings.me)
    }
}

/// The address that a relayed stream is listed with where the other node's is not known.
const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// Bytes of a request's target that names a stream to another node.
fn target(
    prefix: &str,
    name: &weir_base::StreamName,
    suffix: &str,
    pairs: &[(&str, &str)],
) -> String {
    let mut target = String::from(prefix);
    for part in name.app().split('/').chain([name.stream()]) {
        target.push('/');
        let part = percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC);
        target.extend(part);
    }
    target.push_str(suffix);
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !name.vhost().is_empty() {
        query.append_pair("vhost", name.vhost());
    }
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&query);
    }
    target
}

/// A stream on a server that speaks RTMP alone: `rtmp://host:port/app/stream?vhost=…`.
fn rtmp_url(base: &str, name: &weir_base::StreamName) -> String {
    format!("{base}{}", target("", name, "", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_the_stream_and_nothing_else() {
        let name = weir_base::StreamName::new("v", "a/b", "x y").unwrap();
        let pairs = [("via", "e1,e2"), ("over", "")];
        assert_eq!(
            target("/relay", &name, "", &pairs),
            "/relay/a/b/x%20y?vhost=v&via=e1%2Ce2"
        );
        let name = weir_base::StreamName::new("", "live", "x").unwrap();
        assert_eq!(target("", &name, ".weir", &[]), "/live/x.weir");
    }
}
