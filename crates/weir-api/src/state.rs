//! What the API is given, and what its handlers share. No handler is known here.

use std::sync::Arc;

use parking_lot::Mutex;
use weir_base::Shutdown;
use weir_cluster::run::Cluster;
use weir_hub::Hub;

use crate::addresses::PublicAddresses;
use crate::apps::AppFacts;
use crate::autoscale::PoolFacts;
use crate::dispatch::dispatcher::Dispatcher;
use crate::edge::EdgeFacts;

/// What the API works with.
pub struct Config {
    /// The streams.
    pub hub: Hub,
    /// The two stages of the end: draining is not ready.
    pub shutdown: Shutdown,
    /// The token of the admin API.
    pub admin_token: String,
    /// This node's name, in metrics.
    pub node: String,
    /// The version of the binary.
    pub version: &'static str,
    /// Where the public reaches what is no HTTP.
    pub addresses: PublicAddresses,
    /// This node among others.
    pub cluster: ClusterApi,
    /// What the parts know that the API does not see.
    pub facts: Arc<dyn Facts>,
}

/// What the API asks of parts it does not know: the gate, the scaler, the delivery.
pub trait Facts: Send + Sync {
    /// What is known of an app.
    fn app(&self, app: &str) -> AppFacts;

    /// How many nodes each pool should have.
    fn pools(&self) -> Vec<PoolFacts>;

    /// What this node fetches from others.
    fn edge(&self) -> EdgeFacts;
}

/// Tells nodes of the cluster from everybody else.
pub trait NodeProof: Send + Sync {
    /// Whether this value of `Authorization` proves that a node asks for this path and query.
    fn is_node(&self, target: &str, authorization: Option<&str>) -> bool;
}

/// What the API knows of the cluster.
pub struct ClusterApi {
    /// This node in it.
    pub cluster: Cluster,
    /// The cluster's name.
    pub name: String,
    /// Who says where clients go.
    pub dispatcher: Arc<Dispatcher>,
    /// Who is a node of it.
    pub proof: Arc<dyn NodeProof>,
}

/// What every handler has: the configuration, and who had this node drain.
#[derive(Clone)]
pub(crate) struct State(Arc<Inner>);

struct Inner {
    config: Config,
    drained_by: Mutex<Option<String>>,
}

impl std::ops::Deref for State {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0.config
    }
}

impl State {
    pub(crate) fn new(config: Config) -> Self {
        Self(Arc::new(Inner {
            config,
            drained_by: Mutex::default(),
        }))
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.cluster.dispatcher
    }

    /// Who had this node drain first, where it said so.
    pub(crate) fn drained_by(&self) -> &Mutex<Option<String>> {
        &self.0.drained_by
    }
}
