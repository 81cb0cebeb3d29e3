//! A router over a node of a cluster whose other nodes are told of, not run.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_admit::Publicity;
use weir_api::{
    AccountRole, AdminDoor, ApiConfig, AppFacts, Caller, ClientIp, ClusterApi, Config, Credentials,
    DispatchRules, DispatchStrategy, Dispatcher, EdgeFacts, Facts, Identify, Means, NodeProof,
    PoolFacts, PublicAddress, PublicAddresses, Setting, Snapshots, router,
};
use weir_base::{Clock, Refusal, Shutdown, StreamName, Tasks};
use weir_cluster::fill::Dimension;
use weir_cluster::geo::CidrTable;
use weir_cluster::lease::Unreachable;
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::member::{self, Member};
use weir_cluster::message::{self, Message};
use weir_cluster::record::{Address, Capacity, Scope};
use weir_cluster::run::Cluster;
use weir_cluster::scale::Decision;
use weir_cluster::store::{Everything, Store, Waiting};
use weir_cluster::table::{LeaseReply, Op};
use weir_cluster::{LeaseKey, Name, NodeRecord, Role, Scheme, StreamRecord};
use weir_hub::Hub;
use weir_testkit::builders::{hub_config, node_record};

pub(crate) const TOKEN: &str = "the admin token";
/// What a node of the cluster sends in these tests, followed by what it asks for.
pub(crate) const NODE: &str = "Weir-Node n9:";

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) cluster: Cluster,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) hub: Hub,
    pub(crate) shutdown: Shutdown,
}

pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn stream(text: &str) -> LeaseKey {
    LeaseKey::new(text).unwrap()
}

pub(crate) fn rules() -> DispatchRules {
    let table = "10.1.0.0/16 cn telecom\n10.2.0.0/16 cn cernet\n10.3.0.0/16 eu acme";
    DispatchRules {
        locator: Box::new(CidrTable::parse(table).unwrap()),
        strategy: DispatchStrategy::TwoChoices,
        good_for_ms: 4_000,
        play_kbps: 2_000,
        publish_kbps: 2_000,
        vhosts: vec!["school.example".into()],
    }
}

/// A node with RTMP and HTTP on `{id}.example`, and for nodes on `{id}.internal`.
pub(crate) fn record(id: &str, roles: &[Role], region: Option<&str>) -> NodeRecord {
    let mut addresses = Vec::new();
    for (scope, host) in [(Scope::Public, "example"), (Scope::Internal, "internal")] {
        let mut add = |protocol, url| {
            addresses.push(Address {
                protocol,
                scope,
                isp: None,
                url,
            });
        };
        add(Scheme::Rtmp, format!("rtmp://{id}.{host}:1935"));
        add(Scheme::Http, format!("http://{id}.{host}:8080"));
    }
    NodeRecord {
        boot: 7,
        region: region.map(name),
        addresses,
        capacity: Capacity {
            out_kbps: 100_000,
            connections: 100,
            ..Capacity::default()
        },
        version: "0.1.0".into(),
        ..node_record(id, roles)
    }
}

impl World {
    /// Around a node of this description.
    pub(crate) fn new(me: NodeRecord) -> Self {
        let clock = Clock::real();
        let store = Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000));
        Self::with_store(me, clock, store)
    }

    /// The same with other settings of the API.
    pub(crate) fn set(me: NodeRecord, set: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::real();
        let store = Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000));
        Self::with_config(me, clock, store, set)
    }

    pub(crate) fn with_store(me: NodeRecord, clock: Clock, store: Arc<dyn Store>) -> Self {
        Self::with_config(me, clock, store, |_| ())
    }

    fn with_config(
        me: NodeRecord,
        clock: Clock,
        store: Arc<dyn Store>,
        set: impl FnOnce(&mut Config),
    ) -> Self {
        let member = Member::new(member::MemberConfig::default(), me, clock.now_us()).unwrap();
        let tasks = Tasks::new();
        let bus = Arc::new(LocalBus::default());
        let never = std::future::pending();
        let (cluster, mut events) =
            Cluster::start(member, store, bus, clock.clone(), &tasks, never);
        tasks.spawn(
            "events",
            async move { while events.recv().await.is_some() {} },
        );
        let hub = Hub::new(hub_config(), clock);
        let shutdown = Shutdown::new();
        let dispatcher = Arc::new(Dispatcher::new(rules()));
        let mut config = Config {
            hub: hub.clone(),
            shutdown: shutdown.clone(),
            api: ApiConfig::default(),
            admin_token: TOKEN.into(),
            identify: Arc::new(Outside),
            accounts: None,
            pictures: weir_image::PictureMaker::new("weir".into()),
            snapshots: Snapshots::off("this is a test"),
            has_picture_door: false,
            store: None,
            site: None,
            admission: None,
            consult: None,
            has_admin_door: false,
            cors_origins: Vec::new(),
            node: "d1".into(),
            version: "0.1.0",
            addresses: PublicAddresses {
                rtmp: Some(PublicAddress {
                    host: Some("live.example.net".into()),
                    port: 1936,
                }),
                rtmps: None,
                pictures: None,
            },
            cluster: ClusterApi {
                cluster: cluster.clone(),
                name: "weir".into(),
                dispatcher: dispatcher.clone(),
                proof: Arc::new(Outside),
            },
            happenings: None,
            chat: None,
            gifts: None,
            recordings: None,
            gold_one_in: 0,
            facts: Arc::new(Outside),
        };
        set(&mut config);
        Self {
            router: router(config),
            cluster,
            dispatcher,
            hub,
            shutdown,
        }
    }

    /// Another node says who it is.
    pub(crate) fn hears(&self, record: NodeRecord) {
        let id = record.id.clone();
        self.hears_word(
            &id,
            1,
            message::Body::Hello {
                record: record.into(),
            },
        );
    }

    /// Another node owns a stream.
    pub(crate) fn hears_owned(&self, id: &str, seq: u64, key: &str) {
        let record = StreamRecord {
            key: stream(key),
            node: name(id),
            boot: 7,
            claim: seq,
            epoch: seq,
            since_ms: 5,
            over: 0,
        };
        self.hears_word(&name(id), seq, message::Body::Owns { stream: record });
    }

    pub(crate) fn hears_word(&self, from: &Name, seq: u64, body: message::Body) {
        let message = Message {
            from: from.clone(),
            boot: 7,
            seq,
            body,
        };
        self.cluster
            .with(|member, now_us| member.message(&message, now_us));
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
        Answered {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// From 10.3.0.1, who has no token.
    pub(crate) async fn get(&self, target: &str) -> Answered {
        self.ask(request("GET", target, "10.3.0.1", "")).await
    }

    /// With the token.
    pub(crate) async fn get_admin(&self, target: &str) -> Answered {
        self.ask(with_token(request("GET", target, "10.3.0.1", "")))
            .await
    }

    /// `POST /api/v1/dispatch/{purpose}`.
    pub(crate) async fn dispatch(&self, purpose: &str, from: &str, wish: Value) -> Answered {
        let target = format!("/api/v1/dispatch/{purpose}");
        self.ask(request("POST", &target, from, &wish.to_string()))
            .await
    }
}

pub(crate) fn request(method: &str, target: &str, from: &str, body: &str) -> Request<Body> {
    let client: IpAddr = from.parse().unwrap();
    Request::builder()
        .method(method)
        .uri(target)
        .extension(ClientIp(client))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn with_token(request: Request<Body>) -> Request<Body> {
    with_bearer(request, TOKEN)
}

/// With another token: [`Outside`] knows the name of each role.
pub(crate) fn with_bearer(mut request: Request<Body>, token: &str) -> Request<Body> {
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, value);
    request
}

/// As it comes by the operators' listener.
pub(crate) fn by_admin_door(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(AdminDoor);
    request
}

/// Nodes named, in order.
pub(crate) fn nodes(answered: &Answered) -> Vec<String> {
    let json = answered.json();
    let places = json["places"].as_array().cloned().unwrap_or_default();
    let nodes = places
        .iter()
        .map(|p| p["node"].as_str().unwrap().to_owned());
    nodes.collect()
}

pub(crate) fn live() -> Value {
    json!({ "app": "live", "stream": "a" })
}

/// The parts that the API asks.
pub(crate) struct Outside;

impl Facts for Outside {
    fn app(&self, app: &str) -> AppFacts {
        AppFacts {
            app: app.to_owned(),
            publish: "open",
            play: "open",
            max_kbps: None,
            keyframe_ms: 2_000,
            encoders: Vec::new(),
        }
    }

    /// Streams are called after whom they are for.
    fn publicity(&self, name: &StreamName) -> Publicity {
        match name.stream() {
            "private" => Publicity::Hidden,
            "unlisted" => Publicity::Named,
            _ => Publicity::Listed,
        }
    }

    fn pools(&self) -> Vec<PoolFacts> {
        vec![pool()]
    }

    fn edge(&self) -> EdgeFacts {
        EdgeFacts::default()
    }

    fn settings(&self) -> Vec<Setting> {
        vec![Setting {
            name: "http.listen".into(),
            value: json!("0.0.0.0:8080"),
            meaning: "Where HTTP is.",
            needs_restart: true,
            is_set: false,
        }]
    }
}

/// Tokens and cookies are the names of roles.
impl Identify for Outside {
    fn identify<'a>(
        &'a self,
        credentials: &'a Credentials,
    ) -> Waiting<'a, Result<Option<Caller>, Refusal>> {
        let (word, means) = match credentials {
            Credentials::Cookie(word) => (word, Means::Cookie),
            Credentials::Token(word) => (word, Means::Token),
        };
        let caller = AccountRole::from_name(word).map(|role| Caller {
            account: None,
            session: None,
            name: word.clone(),
            means,
            rights: role.rights(),
        });
        Box::pin(std::future::ready(Ok(caller)))
    }
}

impl NodeProof for Outside {
    fn node(&self, target: &str, authorization: Option<&str>) -> Option<String> {
        let asked = authorization.and_then(|proof| proof.strip_prefix(NODE));
        (asked == Some(target)).then(|| "n9".to_owned())
    }

    fn prove(&self, _: &str) -> String {
        String::new()
    }
}

/// A pool that needs one node more.
fn pool() -> PoolFacts {
    PoolFacts {
        pool: "edges".into(),
        role: "edge",
        region: None,
        decision: Decision {
            desired: 3,
            current: 2,
            booting: 0,
            leaving: 0,
            reason: "needs 3 nodes at 60 % for bandwidth".into(),
            needed: 3,
            wanted: 3,
            by: Dimension::Bandwidth,
            held_by: None,
            dry_run: false,
        },
        min: 1,
        max: 5,
        provider: "none",
        leader: false,
    }
}

/// A store that nobody reaches.
pub(crate) struct Away;

impl Store for Away {
    fn leases(&self, _: Vec<Op>) -> Waiting<'_, Result<Vec<LeaseReply>, Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }

    fn find(&self, _: LeaseKey) -> Waiting<'_, Result<Option<StreamRecord>, Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }

    fn register(&self, _: NodeRecord) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }

    fn unregister(&self, _: Name) -> Waiting<'_, Result<(), Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }

    fn everything(&self) -> Waiting<'_, Result<Everything, Unreachable>> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }
}
