//! What the API is given, and what its handlers share. No handler is known here.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use parking_lot::Mutex;
use weir_account::AccountService;
use weir_admit::Publicity;
use weir_admit::consult::Consult;
use weir_base::{Shutdown, StreamName};
use weir_chat::House;
use weir_cluster::run::Cluster;
use weir_gift::Till;
use weir_hub::Hub;
use weir_image::PictureMaker;
use weir_store::Store;

use crate::addresses::PublicAddresses;
use crate::admission_feed::AdmissionSource;
use crate::apps::AppFacts;
use crate::autoscale::PoolFacts;
use crate::caller::Identify;
use crate::config::ApiConfig;
use crate::dispatch::dispatcher::Dispatcher;
use crate::edge::EdgeFacts;
use crate::happenings::Happenings;
use crate::keeping::Recordings;
use crate::limiter::Limiter;
use crate::openapi::Document;
use crate::replies::{MemoryReplies, Replies, StoredReplies};
use crate::reviewers::Reviewers;
use crate::settings::Setting;
use crate::shots::Snapshots;
use crate::site_keeper::SiteKeeper;

/// What the API works with.
pub struct Config {
    /// The streams.
    pub hub: Hub,
    /// The two stages of the end: draining is not ready.
    pub shutdown: Shutdown,
    /// The settings of `[api]`.
    pub api: ApiConfig,
    /// The token of the admin API.
    pub admin_token: String,
    /// Who knows accounts.
    pub identify: Arc<dyn Identify>,
    /// The accounts, where this node keeps them.
    pub accounts: Option<AccountService>,
    /// What outlives the process, where this node opens it.
    pub store: Option<Store>,
    /// The public pages, where this node has what they tell.
    pub site: Option<Arc<SiteKeeper>>,
    /// What admission is to know, for nodes without a store.
    pub admission: Option<Arc<AdmissionSource>>,
    /// Who answers what admission asks, for nodes without a store.
    pub consult: Option<Arc<dyn Consult>>,
    /// Operators have a listener of their own: what is theirs is answered there alone, to requests with
    /// [`AdminDoor`].
    pub has_admin_door: bool,
    /// Who makes pictures anew that people send.
    pub pictures: PictureMaker,
    /// Who takes pictures of live streams.
    pub snapshots: Snapshots,
    /// Pictures have a listener of their own: requests with [`PictureDoor`] get them, and nothing else.
    pub has_picture_door: bool,
    /// Sites whose pages may use the API; `*` for every one.
    pub cors_origins: Vec<String>,
    /// This node's name, in metrics.
    pub node: String,
    /// The version of the binary.
    pub version: &'static str,
    /// Where the public reaches what is no HTTP.
    pub addresses: PublicAddresses,
    /// This node among others.
    pub cluster: ClusterApi,
    /// What happened, on a node that has the store.
    pub happenings: Option<Happenings>,
    /// The groups of this node's chat gateway.
    pub chat: Option<Arc<House>>,
    /// Where gifts are paid, on a node that has the store.
    pub gifts: Option<Till>,
    /// Who keeps recordings here.
    pub recordings: Option<Arc<dyn Recordings>>,
    /// One test picture comes among so many items that reviewers claim; 0: none does.
    pub gold_one_in: u32,
    /// What the parts know that the API does not see.
    pub facts: Arc<dyn Facts>,
}

/// The client's address as the listener understands it (trusted proxies are believed): to be put into
/// each request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub IpAddr);

/// Stands in the extensions of a request that came by the operators' listener.
#[derive(Debug, Clone, Copy)]
pub struct AdminDoor;

/// Stands in the extensions of a request that came by the pictures' listener.
#[derive(Debug, Clone, Copy)]
pub struct PictureDoor;

/// What the API asks of parts it does not know: the gate, the scaler, the delivery.
pub trait Facts: Send + Sync {
    /// What is known of an app.
    fn app(&self, app: &str) -> AppFacts;

    /// To whom it is told that a stream is there.
    fn publicity(&self, name: &StreamName) -> Publicity;

    /// How many nodes each pool should have.
    fn pools(&self) -> Vec<PoolFacts>;

    /// What this node fetches from others.
    fn edge(&self) -> EdgeFacts;

    /// With which settings it runs, without secrets.
    fn settings(&self) -> Vec<Setting>;
}

/// Tells nodes of the cluster from everybody else.
pub trait NodeProof: Send + Sync {
    /// The id of the node that this value of `Authorization` proves to ask for this path and query.
    fn node(&self, target: &str, authorization: Option<&str>) -> Option<String>;

    /// What proves to another node that this one answers it.
    fn prove(&self, target: &str) -> String;
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

/// What every handler has: the configuration, and what the API itself remembers.
#[derive(Clone)]
pub(crate) struct State(Arc<Inner>);

struct Inner {
    config: Config,
    drained_by: Mutex<Option<String>>,
    limiter: Limiter,
    replies: Box<dyn Replies>,
    reviewers: Reviewers,
    document: OnceLock<Document>,
    page_policy: OnceLock<HeaderValue>,
}

impl std::ops::Deref for State {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0.config
    }
}

impl State {
    pub(crate) fn new(config: Config) -> Self {
        let replies: Box<dyn Replies> = match (&config.store, &config.accounts) {
            (Some(store), Some(accounts)) => {
                Box::new(StoredReplies::new(store.clone(), accounts.clone()))
            }
            _ => Box::new(MemoryReplies::default()),
        };
        Self(Arc::new(Inner {
            limiter: Limiter::new(&config.api, config.hub.clock().clone()),
            page_policy: OnceLock::new(),
            config,
            drained_by: Mutex::default(),
            replies,
            reviewers: Reviewers::default(),
            document: OnceLock::new(),
        }))
    }

    /// How often clients have asked.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// Answers to requests that may be sent again.
    pub(crate) fn replies(&self) -> &dyn Replies {
        self.0.replies.as_ref()
    }

    /// Who looks at live streams of some apps.
    pub(crate) fn reviewers(&self) -> &Reviewers {
        &self.0.reviewers
    }

    /// The API's description of itself; there from the first request on.
    pub(crate) fn document(&self) -> Option<&Document> {
        self.0.document.get()
    }

    /// By which public pages run: the same for all, so it is made once.
    pub(crate) fn page_policy(&self, make: impl FnOnce() -> HeaderValue) -> HeaderValue {
        self.0.page_policy.get_or_init(make).clone()
    }

    /// Keeps it, once all routes are known.
    pub(crate) fn describe(&self, document: Document) {
        let _ = self.0.document.set(document);
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.cluster.dispatcher
    }

    /// Who had this node drain first, where it said so.
    pub(crate) fn drained_by(&self) -> &Mutex<Option<String>> {
        &self.0.drained_by
    }
}
