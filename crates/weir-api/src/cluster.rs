//! The cluster as this node sees it: `GET /api/v1/cluster`, and how this node stands in it.

use std::collections::BinaryHeap;

use axum::Json;
use axum::extract::State as Extract;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_cluster::fill::{Cost, Dimension, worst};
use weir_cluster::member::Status;
use weir_cluster::record::{Address, Capacity, Load, Roles};
use weir_cluster::view::{Health, Node, View};
use weir_cluster::{LeaseKey, Name};

use crate::asked::QueryParts;
use crate::families::{Counters, Gauges};
use crate::schemas::{NodeAddressSchema, NodeCapacitySchema, NodeLoadSchema, StandingSchema};
use crate::state::State;

/// Streams in one answer; `after` asks for the next ones.
const STREAMS_LISTED: usize = 500;
/// Carriers named of one stream: more than a page can draw.
const CARRIERS_LISTED: usize = 100;

/// The cluster, as one node sees it.
#[derive(Debug, Serialize, ToSchema)]
struct Seen {
    /// The id of the node that answers.
    #[schema(value_type = String)]
    me: Name,
    /// The cluster's name.
    cluster: String,
    /// How this node stands in it.
    #[schema(value_type = StandingSchema)]
    status: Status,
    /// All nodes, by id.
    nodes: Vec<SeenNode>,
    /// Streams by name, some hundred at a time.
    streams: Vec<SeenStream>,
    /// How many there are.
    streams_total: usize,
    /// Ask again with `?after=` this for more streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false, required = false)]
    next: Option<LeaseKey>,
}

/// A node, as it describes itself and is seen.
#[derive(Debug, Serialize, ToSchema)]
struct SeenNode {
    #[schema(value_type = String)]
    id: Name,
    /// `origin`, `edge`, `dispatcher`, `chat`, `worker`, `api`.
    #[schema(value_type = Vec<String>)]
    roles: Roles,
    #[schema(value_type = Option<String>)]
    region: Option<Name>,
    #[schema(value_type = Option<String>)]
    isp: Option<Name>,
    version: String,
    /// The node above it, as a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    parent: Option<String>,
    /// It takes no new work.
    draining: bool,
    /// `alive` or `late`.
    health: &'static str,
    #[schema(value_type = Vec<NodeAddressSchema>)]
    addresses: Vec<Address>,
    #[schema(value_type = NodeCapacitySchema)]
    capacity: Capacity,
    #[schema(value_type = NodeLoadSchema)]
    load: Load,
    /// How full it is, in thousandths.
    fullness_permille: u64,
    /// Of what: `bandwidth`, `cpu` or `connections`.
    #[schema(value_type = String)]
    fullness_of: Dimension,
    /// Streams whose lease it holds.
    owns: usize,
    /// Streams it has, and can serve.
    carries: usize,
}

/// A stream somewhere in the cluster.
#[derive(Debug, Serialize, ToSchema)]
struct SeenStream {
    #[schema(value_type = String, example = "live/demo")]
    key: LeaseKey,
    /// The node that holds its lease.
    #[schema(value_type = String)]
    owner: Name,
    /// Which claim of the lease it is.
    epoch: u64,
    since_ms: i64,
    /// Nodes that have it; the first hundred.
    #[schema(value_type = Vec<String>)]
    carriers: Vec<Name>,
}

/// Which streams.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct StreamsAfter {
    /// `next` of the answer before.
    #[param(required = false)]
    after: String,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(cluster))
}

/// Nodes, streams, and how this node stands among them
#[utoipa::path(get, path = "/api/v1/cluster", tag = "cluster", params(StreamsAfter), responses(
    (status = 200, description = "The cluster as this node sees it", body = Seen),
))]
async fn cluster(
    Extract(state): Extract<State>,
    QueryParts(page): QueryParts<StreamsAfter>,
) -> Json<Seen> {
    let cluster = &state.cluster;
    Json(cluster.cluster.with(|member, now_us| {
        let view = member.view();
        let mut nodes: Vec<_> = view.nodes().filter_map(node).collect();
        nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let (streams, next) = streams(view, &page.after);
        Seen {
            me: member.record().id.clone(),
            cluster: cluster.name.clone(),
            status: member.status(now_us),
            nodes,
            streams,
            streams_total: view.stream_count(),
            next,
        }
    }))
}

/// One that has said who it is.
fn node(node: &Node) -> Option<SeenNode> {
    let record = node.record.as_ref()?;
    let (permille, of) = worst(&record.load, &record.capacity, Cost::default());
    Some(SeenNode {
        id: node.id.clone(),
        roles: record.roles,
        region: record.region.clone(),
        isp: record.isp.clone(),
        version: record.version.clone(),
        parent: record.parent.clone(),
        draining: record.draining,
        health: match node.health {
            Health::Alive => "alive",
            Health::Late => "late",
        },
        addresses: record.addresses.clone(),
        capacity: record.capacity,
        load: record.load,
        fullness_permille: permille,
        fullness_of: of,
        owns: node.owns().count(),
        carries: node.carries().count(),
    })
}

/// Owned streams by name, those after `after`, and where the next page begins.
fn streams(view: &View, after: &str) -> (Vec<SeenStream>, Option<LeaseKey>) {
    // The first by name of maybe a million, without sorting or holding them all.
    let mut first: BinaryHeap<&LeaseKey> = BinaryHeap::with_capacity(STREAMS_LISTED + 2);
    for record in view.nodes().flat_map(Node::owns) {
        let key = &record.key;
        let is_late = first.len() > STREAMS_LISTED && first.peek().is_some_and(|last| key >= *last);
        // One that two nodes claim is listed once, with whom the view believes.
        let is_believed = || {
            view.owner(key)
                .is_some_and(|owner| owner.node == record.node)
        };
        if key.as_str() > after && !is_late && is_believed() {
            first.push(key);
            if first.len() > STREAMS_LISTED + 1 {
                first.pop();
            }
        }
    }
    let mut keys = first.into_sorted_vec();
    let more = keys.len() > STREAMS_LISTED;
    keys.truncate(STREAMS_LISTED);
    let next = keys.last().filter(|_| more).map(|key| (*key).clone());
    let listed = keys.into_iter().filter_map(|key| {
        let owner = view.owner(key)?;
        let carriers = view.carriers(key).take(CARRIERS_LISTED);
        Some(SeenStream {
            key: key.clone(),
            owner: owner.node.clone(),
            epoch: owner.epoch,
            since_ms: owner.since_ms,
            carriers: carriers.map(|node| node.id.clone()).collect(),
        })
    });
    (listed.collect(), next)
}

/// The metrics of the cluster and of the dispatcher.
pub(crate) struct ClusterSheet {
    store_up: Gauges,
    bus_up: Gauges,
    nodes: Gauges,
    owned: Gauges,
    unconfirmed: Gauges,
    asks: Counters,
}

impl ClusterSheet {
    /// Names them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let mut gauge = |name: &str, help: &str| {
            let family = Gauges::default();
            registry.register(name, help, family.clone());
            family
        };
        let store_up = gauge("weir_cluster_store_up", "1 while the registry answers");
        let bus_up = gauge(
            "weir_cluster_bus_up",
            "1 while this node hears itself on the bus",
        );
        let nodes = gauge(
            "weir_cluster_nodes",
            "Nodes that this node knows, itself included",
        );
        let owned = gauge(
            "weir_cluster_streams_owned",
            "Streams of this node that the registry has confirmed",
        );
        let unconfirmed = gauge(
            "weir_cluster_streams_unconfirmed",
            "Streams of this node that the registry has not confirmed",
        );
        let asks = Counters::default();
        let help = "Clients that asked where to go, by what became of it";
        registry.register("weir_dispatch", help, asks.clone());
        Self {
            store_up,
            bus_up,
            nodes,
            owned,
            unconfirmed,
            asks,
        }
    }

    /// Sets them, as of now.
    pub(crate) fn fill(&self, state: &State) {
        let cluster = &state.cluster.cluster;
        let status = cluster.with(|member, now_us| member.status(now_us));
        self.set(&state.node, &status);
        for (purpose, outcome, count) in state.dispatcher().counts() {
            let labels = vec![
                ("node", state.node.clone()),
                ("purpose", purpose.to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            self.asks.get_or_create(&labels).inc_by(count);
        }
    }

    fn set(&self, node: &str, status: &Status) {
        let labels = vec![("node", node.to_owned())];
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let all = [
            (&self.store_up, i64::from(status.store)),
            (&self.bus_up, i64::from(status.bus)),
            (&self.nodes, count(status.nodes)),
            (&self.owned, count(status.owned)),
            (&self.unconfirmed, count(status.unconfirmed)),
        ];
        for (gauge, value) in all {
            gauge.get_or_create(&labels).set(value);
        }
    }

    #[cfg(test)]
    pub(crate) fn fill_any(&self) {
        let status = Status {
            store: true,
            store_down_ms: None,
            bus: true,
            bus_down_ms: None,
            owned: 1,
            unconfirmed: 1,
            nodes: 1,
            doubting: false,
        };
        self.set("n1", &status);
        self.asks.get_or_create(&Vec::new()).inc();
    }
}
