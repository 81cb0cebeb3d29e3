//! What the scaler's tests share, and the whole of it: a real cluster in one process, a real command
//! for a provider, and a node that is drained over HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use weir_base::{Clock, Shutdown, Tasks};
use weir_cluster::fill::Cost;
use weir_cluster::local::{LocalBus, LocalStore};
use weir_cluster::member;
use weir_cluster::record::{Address, Scheme, Scope};
use weir_cluster::run::Cluster;
use weir_cluster::{Member, Name, NodeRecord, Role};
use weir_testkit::builders::node_record;

use crate::config::Scale;
use crate::order::{Action, Order};
use crate::{Parts, Scaler};

/// An order for one more edge.
pub(super) fn order() -> Order {
    Order {
        version: 1,
        id: "n1-0-1".into(),
        action: Action::Grow,
        pool: "edges".into(),
        role: "edge",
        region: None,
        current: 1,
        booting: 0,
        desired: 2,
        count: 1,
        node: None,
        reason: "needs 2 nodes at 60 % for cpu".into(),
        leader: Name::new("n1").unwrap(),
    }
}

/// The keys of `[scale]`.
pub(super) fn scale(text: &str) -> Scale {
    toml::from_str(text).unwrap()
}

/// Nodes of one cluster, and what the provider was told.
struct House {
    dir: tempfile::TempDir,
    clock: Clock,
    store: Arc<LocalStore>,
    bus: Arc<LocalBus>,
    tasks: Tasks,
    shutdown: Shutdown,
}

impl House {
    fn new() -> Self {
        let clock = Clock::real();
        Self {
            dir: tempfile::tempdir().unwrap(),
            store: Arc::new(LocalStore::new(clock.clone(), 6_000, 10_000)),
            clock,
            bus: Arc::default(),
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        }
    }

    fn node(&self, id: &str, role: Role, http: &str) -> Cluster {
        let record = NodeRecord {
            boot: 7,
            addresses: vec![Address {
                protocol: Scheme::Http,
                scope: Scope::Internal,
                isp: None,
                url: http.to_owned(),
            }],
            ..node_record(id, &[role])
        };
        let now_us = self.clock.now_us();
        let member = Member::new(member::MemberConfig::default(), record, now_us).unwrap();
        let stop = self.shutdown.clone();
        let (cluster, mut events) = Cluster::start(
            member,
            self.store.clone(),
            self.bus.clone(),
            self.clock.clone(),
            &self.tasks,
            async move { stop.stopping().await },
        );
        self.tasks.spawn(
            "events",
            async move { while events.recv().await.is_some() {} },
        );
        cluster
    }

    /// A dispatcher that scales; with the handle that ends it.
    fn scaler(&self, id: &str, pool: &str) -> (Scaler, Shutdown) {
        let text = format!(
            "provider = \"exec\"\ninterval_ms = 100\nexec = [\"/bin/sh\", \"-c\", \
             \"cat >> {0}; echo >> {0}\"]\n[[pools]]\nname = \"edges\"\n{pool}",
            self.orders_file().display()
        );
        let settings = scale(&text);
        let data = self.dir.path().join(id);
        std::fs::create_dir(&data).unwrap();
        let shutdown = Shutdown::new();
        let scaler = Scaler::start(Parts {
            settings: &settings,
            child_args: Vec::new(),
            child_drain_ms: 0,
            data,
            cluster: self.node(id, Role::Dispatcher, "http://127.0.0.1:1"),
            authorize: Arc::new(|target| format!("proof for {target}")),
            pending: Box::new(|_, _| Cost::default()),
            clock: self.clock.clone(),
            tasks: &self.tasks,
            shutdown: &shutdown,
        });
        (scaler.unwrap(), shutdown)
    }

    fn orders_file(&self) -> std::path::PathBuf {
        self.dir.path().join("orders")
    }

    fn orders(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.orders_file()).unwrap_or_default();
        let whole = text.lines().filter(|line| !line.is_empty());
        whole
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn log(&self, id: &str) -> String {
        read(&self.dir.path().join(id).join("scale.log"))
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1_500 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within fifteen seconds: {what}");
}

fn leads(scaler: &Scaler) -> bool {
    scaler.pools().iter().any(|facts| facts.leads)
}

#[tokio::test]
async fn one_acts_all_answer_and_another_takes_over() {
    let house = House::new();
    let pool = "min = 2\nboot_ms = 3600000";
    let (first, first_ends) = house.scaler("d1", pool);
    until("the first leads", || leads(&first)).await;
    until("nodes are ordered", || house.orders().len() == 1).await;
    let order = &house.orders()[0];
    assert_eq!(
        (&order["action"], &order["count"]),
        (&"grow".into(), &2.into())
    );

    let (second, second_ends) = house.scaler("d2", pool);
    until("the second knows too", || {
        second
            .pools()
            .iter()
            .any(|facts| facts.decision.desired == 2)
    })
    .await;
    assert!(!leads(&second));
    assert_eq!(house.orders().len(), 1, "an order is given once");

    first_ends.drain();
    until("the second leads", || leads(&second)).await;
    assert!(!leads(&first));
    assert!(
        house.log("d1").contains("leads_no_more"),
        "{}",
        house.log("d1")
    );
    first_ends.stop();
    second_ends.stop();
    house.shutdown.stop();
    house.tasks.join().await;
}

/// A node that drains when it is told to, and writes down what it was told.
async fn edge(house: &House) -> Arc<Mutex<Vec<String>>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cluster = house.node("e1", Role::Edge, &url);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (heard, stop) = (told.clone(), house.shutdown.clone());
    house.tasks.spawn("edge", async move {
        loop {
            let mut socket = tokio::select! {
                accepted = listener.accept() => accepted.unwrap().0,
                () = stop.stopping() => return,
            };
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0);
            }
            heard.lock().push(String::from_utf8(request).unwrap());
            cluster.with(|member, now_us| member.set_draining(true, now_us));
            let body = r#"{"draining":true,"by":"scaler"}"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            socket
                .write_all(format!("{head}{body}").as_bytes())
                .await
                .unwrap();
        }
    });
    told
}

#[tokio::test]
async fn a_node_too_many_is_drained_and_then_removed() {
    let house = House::new();
    let told = edge(&house).await;
    let (scaler, ends) = house.scaler("d1", "min = 0\ncooldown_down_ms = 300");
    until("it is removed", || !house.orders().is_empty()).await;
    let order = &house.orders()[0];
    assert_eq!(
        (&order["action"], &order["node"], &order["desired"]),
        (&"shrink".into(), &"e1".into(), &0.into())
    );
    let requests = told.lock().clone();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let request = &requests[0];
    assert!(
        request.starts_with("POST /api/v1/drain HTTP/1.1"),
        "{request}"
    );
    assert!(request.contains("proof for /api/v1/drain"), "{request}");
    assert!(
        request.contains(r#""by":"scaler""#) && request.contains(r#""boot":7"#),
        "{request}"
    );
    until("it is written down", || {
        house.log("d1").contains("\"done\"")
    })
    .await;
    for what in ["leads", "drain", "drains", "empty"] {
        assert!(
            house.log("d1").contains(&format!("\"what\":\"{what}\"")),
            "{what}"
        );
    }
    assert!(leads(&scaler));
    ends.stop();
    house.shutdown.stop();
    house.tasks.join().await;
}

#[tokio::test]
async fn without_a_provider_nobody_leads_and_everybody_answers() {
    let house = House::new();
    let settings = scale("[[pools]]\nname = \"edges\"");
    let scaler = Scaler::start(Parts {
        settings: &settings,
        child_args: Vec::new(),
        child_drain_ms: 0,
        data: house.dir.path().to_owned(),
        cluster: house.node("d1", Role::Dispatcher, "http://127.0.0.1:1"),
        authorize: Arc::new(|_| String::new()),
        pending: Box::new(|_, _| Cost::default()),
        clock: house.clock.clone(),
        tasks: &house.tasks,
        shutdown: &house.shutdown,
    });
    let scaler = scaler.unwrap();
    until("it answers", || !scaler.pools().is_empty()).await;
    let facts = scaler.pools().remove(0);
    assert_eq!((facts.decision.desired, facts.decision.current), (1, 0));
    assert_eq!((facts.provider, facts.leads), ("none", false));
    assert_eq!(house.log("."), "");
    house.shutdown.stop();
    house.tasks.join().await;
}
