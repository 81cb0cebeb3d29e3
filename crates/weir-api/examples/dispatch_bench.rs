//! Answers of the dispatcher in a second of one core, JSON in and JSON out: 500 nodes in 5 regions and
//! 8 ISPs, 100,000 streams. `cargo run --release -p weir-api --example dispatch_bench`
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot go on says so and stops"
)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Body;
use http::Request;
use tower::ServiceExt as _;
use weir_admit::Publicity;
use weir_api::{
    ApiConfig, AppFacts, ClientIp, ClusterApi, Config, DispatchRules, DispatchStrategy, Dispatcher,
    EdgeFacts, Facts, NoAccounts, NodeProof, PoolFacts, PublicAddresses, router,
};
use weir_base::{Clock, Shutdown, StreamName, Tasks};
use weir_cluster::geo::CidrTable;
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::member::{self, Member};
use weir_cluster::message::{self, Message};
use weir_cluster::record::{Address, Capacity, Load, Scope};
use weir_cluster::run::Cluster;
use weir_cluster::{LeaseKey, Name, NodeRecord, Role, Scheme, StreamRecord};
use weir_hub::Hub;
use weir_image::PictureMaker;
use weir_testkit::builders::{hub_config, node_record};

const NODES: u64 = 500;
const STREAMS: u64 = 100_000;
/// Each batch is asked within the time that nodes stay alive without a beat.
const ASKS: u64 = 20_000;
const BATCHES: u64 = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // A manual clock: the nodes here do not beat, and time would make them late.
    let clock = Clock::manual(0);
    let me = record("d", u64::MAX, &[Role::Dispatcher]);
    let member = Member::new(member::MemberConfig::default(), me, 0).unwrap();
    let tasks = Tasks::new();
    let store = Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000));
    let bus = Arc::new(LocalBus::default());
    let (cluster, _events) = Cluster::start(
        member,
        store,
        bus,
        clock.clone(),
        &tasks,
        std::future::pending(),
    );
    for n in 0..NODES {
        tell(&cluster, n);
    }
    let lines: Vec<_> = (0..250)
        .map(|n| format!("10.{n}.0.0/16 r{} isp{}", n % 5, n % 8))
        .collect();
    let dispatcher = Dispatcher::new(DispatchRules {
        locator: Box::new(CidrTable::parse(&lines.join("\n")).unwrap()),
        strategy: DispatchStrategy::TwoChoices,
        good_for_ms: 4_000,
        play_kbps: 2_000,
        publish_kbps: 2_000,
        vhosts: Vec::new(),
    });
    let router = router(Config {
        hub: Hub::new(hub_config(), clock.clone()),
        shutdown: Shutdown::new(),
        // All questions of this bench come from a handful of addresses.
        api: ApiConfig {
            asks_per_minute: 0,
            ..ApiConfig::default()
        },
        admin_token: "token".into(),
        identify: Arc::new(NoAccounts),
        accounts: None,
        store: None,
        site: None,
        pictures: PictureMaker::new("weir".into()),
        has_picture_door: false,
        admission: None,
        consult: None,
        has_admin_door: false,
        cors_origins: Vec::new(),
        node: "d".into(),
        version: "0",
        addresses: PublicAddresses::default(),
        cluster: ClusterApi {
            cluster,
            name: "weir".into(),
            dispatcher: Arc::new(dispatcher),
            proof: Arc::new(Outside),
        },
        happenings: None,
        chat: None,
        gifts: None,
        recordings: None,
        gold_one_in: 0,
        snapshots: weir_api::Snapshots::off("this is a measurement"),
        facts: Arc::new(Outside),
    });
    let (mut best, mut placed) = (0, 0_u64);
    for batch in 0..BATCHES {
        let real = Clock::real();
        for n in 0..ASKS {
            // Half of the asks are for the hundred streams that everybody watches.
            let dice = (batch * ASKS + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let stream = dice / 2 % if dice.is_multiple_of(2) { 100 } else { STREAMS };
            let [.., a, b, c] = dice.to_be_bytes();
            let body = format!(
                r#"{{"app":"live","stream":"s{stream}","protocols":["http-flv","hls"],"query":"key=abcdef"}}"#
            );
            let request = Request::post("/api/v1/dispatch/play")
                .extension(ClientIp(IpAddr::V4(Ipv4Addr::new(10, a % 250, b, c))))
                .body(Body::from(body))
                .unwrap();
            let answered = router.clone().oneshot(request).await.unwrap();
            placed += u64::from(answered.status().is_success());
        }
        let took_us = real.now_us().max(1);
        best = best.max(ASKS * 1_000_000 / took_us.unsigned_abs());
        clock.advance_us(50_000);
    }
    println!(
        "{best} answers per CPU-second of 3 places each, {NODES} nodes, {STREAMS} streams; {placed} of {} placed",
        ASKS * BATCHES
    );
}

fn record(id: &str, n: u64, roles: &[Role]) -> NodeRecord {
    let name = |text: String| Some(Name::new(&text).unwrap());
    let address = |protocol, url| Address {
        protocol,
        scope: Scope::Public,
        isp: None,
        url,
    };
    NodeRecord {
        region: name(format!("r{}", n % 5)),
        isp: name(format!("isp{}", n / 5 % 8)),
        addresses: vec![
            address(Scheme::Rtmp, format!("rtmp://n{n}.example:1935")),
            address(Scheme::Http, format!("http://n{n}.example:8080")),
            address(Scheme::Https, format!("https://n{n}.example")),
        ],
        capacity: Capacity {
            out_kbps: 10_000_000,
            cpu_permille: 900,
            connections: 50_000,
        },
        load: Load {
            out_kbps: 20_000 * (n % 400),
            ..Load::default()
        },
        ..node_record(id, roles)
    }
}

fn tell(cluster: &Cluster, n: u64) {
    let is_edge = !n.is_multiple_of(10);
    let role = if is_edge { Role::Edge } else { Role::Origin };
    let record = record(&format!("n{n}"), n, &[role]);
    let (from, mut seq) = (record.id.clone(), 0);
    let mut tell = |body| {
        seq += 1;
        let message = Message {
            from: from.clone(),
            boot: 1,
            seq,
            body,
        };
        cluster.with(|member, now_us| member.message(&message, now_us));
    };
    tell(message::Body::Hello {
        record: Box::new(record),
    });
    let key = |stream: u64| LeaseKey::new(&format!("live/s{stream}")).unwrap();
    if is_edge {
        // Every edge carries half of the popular hundred and two hundred others.
        for stream in (n % 2..100).step_by(2).chain(n * 199..n * 199 + 200) {
            tell(message::Body::Carries { key: key(stream) });
        }
        return;
    }
    for stream in (n / 10..STREAMS).step_by(50) {
        let stream = StreamRecord {
            key: key(stream),
            node: from.clone(),
            boot: 1,
            claim: stream,
            epoch: stream + 1,
            since_ms: 0,
            over: 0,
        };
        tell(message::Body::Owns { stream });
    }
}

/// The parts that the API asks.
struct Outside;

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

    fn publicity(&self, _: &StreamName) -> Publicity {
        Publicity::Listed
    }

    fn pools(&self) -> Vec<PoolFacts> {
        Vec::new()
    }

    fn edge(&self) -> EdgeFacts {
        EdgeFacts::default()
    }

    fn settings(&self) -> Vec<weir_api::Setting> {
        Vec::new()
    }
}

impl NodeProof for Outside {
    fn node(&self, _: &str, _: Option<&str>) -> Option<String> {
        None
    }

    fn prove(&self, _: &str) -> String {
        String::new()
    }
}
