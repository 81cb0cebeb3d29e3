//! A real redis-server: the script says what the table says, and a cluster lives through its death.
#![cfg(feature = "redis")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so and stops"
)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use weir_base::{Clock, Tasks};
use weir_cluster::lease::{Event, Gate};
use weir_cluster::local::LocalStore;
use weir_cluster::member::Config;
use weir_cluster::record::{Capacity, Load};
use weir_cluster::redis::Redis;
use weir_cluster::run::Cluster;
use weir_cluster::store::Store;
use weir_cluster::table::{Answer, Held, Op};
use weir_cluster::{Member, Name, NodeRecord, Role, StreamName, StreamRecord};

const TTL_MS: i64 = 6_000;

/// A server that forgets everything when it goes.
struct Server {
    child: Option<Child>,
    port: u16,
    dir: tempfile::TempDir,
}

impl Server {
    /// `None` where there is none to run.
    fn start() -> Option<Self> {
        let Some(program) = program() else {
            let required = std::env::var("WEIR_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "missing: redis-server");
            eprintln!("passed over, missing: redis-server");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Self {
            child: None,
            port,
            dir: tempfile::tempdir().unwrap(),
        };
        server.run(&program);
        Some(server)
    }

    fn run(&mut self, program: &PathBuf) {
        let mut command = Command::new(program);
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]);
        command.args(["--appendonly", "no", "--requirepass", "geheim"]);
        let child = command
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
    }

    fn restart(&mut self) {
        self.run(&program().unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn redis(&self, ttl_ms: i64) -> Redis {
        let url = format!("redis://:geheim@127.0.0.1:{}", self.port);
        let cluster = Name::new("test").unwrap();
        Redis::new(&url, &cluster, ttl_ms, 10_000, Clock::real()).unwrap()
    }

    async fn ready(&self) {
        for _ in 0..100 {
            if self.redis(TTL_MS).everything().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server did not come up");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("WEIR_REDIS_SERVER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join("redis-server"));
    named.or_else(|| found.find(|file| file.is_file()))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn stream(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

fn claim(key: &str, node: &str, boot: u64, claim: u64, over: u64, seen: u64) -> Op {
    let record = StreamRecord {
        key: stream(key),
        node: name(node),
        boot,
        claim,
        epoch: 0,
        since_ms: -5,
        over,
    };
    Op::Claim { record, over, seen }
}

fn held(key: &str, boot: u64, claim: u64, epoch: u64) -> Held {
    Held {
        key: stream(key),
        boot,
        claim,
        epoch,
    }
}

fn epoch(answer: &Answer) -> u64 {
    match answer {
        Answer::Yours(epoch) => *epoch,
        other => panic!("{other:?}"),
    }
}

/// The life of a lease, told to a store; what it answers with epochs as their rank.
async fn story(store: &dyn Store, ttl_ms: i64) -> Vec<Answer> {
    const BIG: u64 = u64::MAX;
    let mut told = Vec::new();
    let mut epochs = Vec::new();
    macro_rules! tell {
        ($op:expr) => {{
            let answer = store.leases(vec![$op]).await.unwrap().remove(0);
            match &answer {
                Answer::Yours(epoch) => epochs.push(*epoch),
                Answer::Theirs(record) => epochs.push(record.epoch),
                Answer::Nobody => (),
            }
            told.push(answer.clone());
            answer
        }};
    }
    let first = epoch(&tell!(claim("a", "n1", BIG, 1, 0, 0)));
    // Asked again, and by others.
    assert_eq!(epoch(&tell!(claim("a", "n1", BIG, 1, 0, 0))), first);
    tell!(claim("a", "n2", 2, 1, 0, 0));
    tell!(claim("a", "n2", 2, 1, first - 1, 0));
    // Renewed by its own, not by an old epoch nor by another life.
    tell!(Op::Renew(held("a", BIG, 1, first)));
    tell!(Op::Renew(held("a", BIG, 1, first - 1)));
    tell!(Op::Renew(held("a", BIG - 1, 1, first)));
    tell!(Op::Look(held("a", BIG, 1, first)));
    // Released by its own claim alone.
    tell!(Op::Release(held("a", BIG, 2, first)));
    // Taken over by who names the epoch; the old one finds that out.
    let second = epoch(&tell!(claim("a", "n2", 2, 1, first, 0)));
    assert!(second > first);
    tell!(Op::Renew(held("a", BIG, 1, first)));
    tell!(Op::Release(held("a", BIG, 1, first)));
    // A node's new life takes what its old one held.
    let third = epoch(&tell!(claim("a", "n2", 3, 1, 0, second + 1_000_000)));
    assert!(
        third > second + 1_000_000,
        "an epoch heard of is never given again"
    );
    // Not the other way round: a claim of an earlier publisher was long on its way.
    tell!(claim("a", "n2", 3, 7, 0, 0));
    tell!(claim("a", "n2", 3, 1, 0, 0));
    tell!(Op::Release(held("a", 3, 7, 0)));
    tell!(Op::Look(held("a", 3, 1, third)));
    tell!(Op::Renew(held("a", 3, 1, third)));
    // Ends by itself.
    tell!(claim("b", "n1", 1, 9, 0, 0));
    tokio::time::sleep(Duration::from_millis(u64::try_from(ttl_ms).unwrap() + 50)).await;
    tell!(Op::Look(held("b", 1, 9, 0)));
    epochs.sort_unstable();
    epochs.dedup();
    let rank = |epoch: u64| epochs.binary_search(&epoch).unwrap() as u64;
    for answer in &mut told {
        match answer {
            Answer::Yours(epoch) => *epoch = rank(*epoch),
            Answer::Theirs(record) => (record.epoch, record.over) = (rank(record.epoch), 0),
            Answer::Nobody => (),
        }
    }
    told
}

#[tokio::test]
async fn redis_answers_as_the_table_does() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let local = story(&LocalStore::new(Clock::real(), 300, 300), 300).await;
    let redis = story(&server.redis(300), 300).await;
    assert_eq!(local, redis);
}

#[tokio::test]
async fn everything_is_found_again_in_pages() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let redis = server.redis(TTL_MS);
    for batch in 0..9 {
        let ops = (0..250)
            .map(|n| claim(&format!("live/{batch}-{n}"), "n1", 1, n + 1, 0, 0))
            .collect();
        redis.leases(ops).await.unwrap();
    }
    redis.register(record("n1", 1)).await.unwrap();
    redis.register(record("n2", 2)).await.unwrap();
    let (nodes, streams) = redis.everything().await.unwrap();
    assert_eq!((nodes.len(), streams.len()), (2, 2_250));
    let one = redis.find(stream("live/8-249")).await.unwrap().unwrap();
    assert_eq!(
        (one.node.as_str(), one.claim, one.since_ms),
        ("n1", 250, -5)
    );
    redis.unregister(name("n1")).await.unwrap();
    assert_eq!(redis.everything().await.unwrap().0.len(), 1);
}

struct Running {
    cluster: Cluster,
    events: mpsc::Receiver<Event>,
    tasks: Tasks,
    stop: oneshot::Sender<()>,
}

fn record(id: &str, boot: u64) -> NodeRecord {
    NodeRecord {
        id: name(id),
        boot,
        roles: [Role::Origin].into_iter().collect(),
        region: None,
        isp: None,
        addresses: Vec::new(),
        capacity: Capacity::default(),
        load: Load::default(),
        draining: false,
        version: String::new(),
    }
}

fn run(server: &Server, id: &str, boot: u64) -> Running {
    let clock = Clock::real();
    let redis = Arc::new(server.redis(TTL_MS));
    let member = Member::new(Config::default(), record(id, boot), clock.now_us()).unwrap();
    let (stop, stopped) = oneshot::channel();
    let tasks = Tasks::new();
    let until = async move { drop(stopped.await) };
    let (cluster, events) = Cluster::start(member, redis.clone(), redis, clock, &tasks, until);
    Running {
        cluster,
        events,
        tasks,
        stop,
    }
}

impl Running {
    fn publish(&self, key: &str) -> Gate {
        self.cluster
            .with(|member, now_us| member.publish(stream(key), 0, 0, now_us))
            .unwrap()
    }

    fn is_open(&self, gate: &Gate) -> bool {
        self.cluster.with(|_, now_us| gate.is_open(now_us))
    }

    async fn event(&mut self) -> Event {
        let event = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await;
        event.unwrap().unwrap()
    }

    fn owner(&self, key: &str) -> Option<String> {
        self.cluster
            .with(|member, _| Some(member.view().owner(&stream(key))?.node.to_string()))
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..400 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 20 s: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_live_stays_live_while_redis_is_gone_and_all_is_announced_when_it_comes_back_empty()
{
    let Some(mut server) = Server::start() else {
        return;
    };
    server.ready().await;
    let (mut a, mut b, c) = (
        run(&server, "a", 1),
        run(&server, "b", 2),
        run(&server, "c", 3),
    );
    let live = a.publish("live/one");
    assert!(matches!(a.event().await, Event::Owned(record) if record.epoch > 0));
    assert!(a.is_open(&live));
    until("everybody knows the owner", || {
        [&b, &c]
            .iter()
            .all(|n| n.owner("live/one").as_deref() == Some("a"))
    })
    .await;
    // Nobody else gets it.
    b.publish("live/one");
    assert!(matches!(b.event().await, Event::Refused { by, .. } if by.node.as_str() == "a"));

    server.kill();
    let fresh = b.publish("live/two");
    assert!(matches!(b.event().await, Event::Unconfirmed(_)));
    assert!(b.is_open(&fresh));
    for _ in 0..80 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(a.is_open(&live), "what is live stays live");
        assert!(b.is_open(&fresh));
    }
    assert!(matches!(a.event().await, Event::Unconfirmed(_)));
    let status = a.cluster.with(|member, now_us| member.status(now_us));
    assert_eq!(
        (status.store, status.bus, status.unconfirmed),
        (false, false, 1)
    );
    assert_eq!(
        c.owner("live/one").as_deref(),
        Some("a"),
        "the last view is kept"
    );

    server.restart();
    assert!(matches!(a.event().await, Event::Owned(_)));
    assert!(matches!(b.event().await, Event::Owned(_)));
    until("all is known again", || {
        let all = [&a, &b, &c];
        all.iter().all(|n| {
            n.owner("live/one").as_deref() == Some("a")
                && n.owner("live/two").as_deref() == Some("b")
        })
    })
    .await;
    assert!(a.is_open(&live) && b.is_open(&fresh));

    // Who leaves takes its streams along at once.
    a.stop.send(()).unwrap();
    until("a has gone", || {
        b.owner("live/one").is_none() && c.cluster.with(|m, _| m.view().len()) == 2
    })
    .await;
    for node in [b, c] {
        let _ = node.stop.send(());
        drop(node.events);
        tokio::time::timeout(Duration::from_secs(5), node.tasks.join())
            .await
            .unwrap();
    }
    assert!(
        server
            .redis(TTL_MS)
            .everything()
            .await
            .unwrap()
            .1
            .is_empty(),
        "nothing is left behind"
    );
    tokio::time::timeout(Duration::from_secs(5), a.tasks.join())
        .await
        .unwrap();
}
