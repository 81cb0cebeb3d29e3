//! ACL, TLS, Sentinel and Cluster, each with real servers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use weir_base::Clock;
use weir_cluster::lease::Event;
use weir_cluster::local::LocalStore;
use weir_cluster::redis::Redis;
use weir_cluster::store::Store;

use crate::nodes::{Running, run, until};
use crate::server::{PASSWORD, Server, TTL_MS, free_port, program, ready, redis};
use crate::story::story;

/// All that a user of weir's must be allowed.
const RIGHTS: [&str; 20] = [
    "on",
    ">geheim",
    "~weir:{test}:*",
    "&weir:{test}:*",
    "-@all",
    "+evalsha",
    "+script|load",
    "+time",
    "+get",
    "+mget",
    "+set",
    "+del",
    "+pexpire",
    "+zadd",
    "+zrem",
    "+zrange",
    "+zscore",
    "+zcard",
    "+zremrangebyscore",
    "+publish",
];

/// The life of a lease is the same there, and two nodes hear each other.
async fn works(url: &str) {
    let local = story(&LocalStore::new(Clock::real(), 300, 300), 300).await;
    assert_eq!(local, story(&redis(url, 300), 300).await);
    let (mut a, b) = (
        run(redis(url, TTL_MS), "a", 1),
        run(redis(url, TTL_MS), "b", 2),
    );
    a.publish("live/one");
    assert!(matches!(a.event().await, Event::Owned(record) if record.epoch > 0));
    until("b hears of it", || {
        b.owner("live/one").as_deref() == Some("a")
    })
    .await;
    b.report("live/far", "10.0.0.5", 60_000);
    until("a hears of it", || a.reported("live/far").is_some()).await;
    a.end().await;
    b.end().await;
    let (nodes, streams) = redis(url, TTL_MS).everything().await.unwrap();
    assert_eq!((nodes.len(), streams.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_no_more_rights_than_the_documented_ones_is_enough() {
    let Some(server) = Server::start() else {
        return;
    };
    server.ready().await;
    let answer = server.cli(&[&["acl", "setuser", "weir"], &RIGHTS[..], &["+subscribe"]].concat());
    assert_eq!(answer.trim(), "OK");
    works(&format!(
        "redis://weir:{PASSWORD}@127.0.0.1:{}/0",
        server.port
    ))
    .await;
}

/// Files of a CA and of certificates by it.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "a CA of ones own");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        for (name, host) in [("server", "127.0.0.1"), ("other", "elsewhere.example")] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            std::fs::write(dir.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self(dir)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn server(&self, name: &str, clients: &str, more: &[&str]) -> Option<Server> {
        let port = free_port();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut args: Vec<_> = [
            ("--port", "0".to_owned()),
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", text(self.path(&format!("{name}.pem")))),
            ("--tls-key-file", text(self.path(&format!("{name}.key")))),
            ("--tls-ca-cert-file", text(self.path("ca.pem"))),
            ("--tls-auth-clients", clients.to_owned()),
            ("--requirepass", PASSWORD.to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Server::run_with(port, args)
    }
}

fn show(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_works_with_a_ca_of_ones_own_and_with_certificates_of_nodes() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certificates = Certificates::new();
    let Some(server) = certificates.server("server", "no", &[]) else {
        return;
    };
    let ca = certificates.path("ca.pem");
    let at = |server: &Server| format!("rediss://:{PASSWORD}@127.0.0.1:{}", server.port);
    let url = format!("{}?ca={}", at(&server), show(&ca));
    ready(&url).await;
    works(&url).await;

    let strict = certificates.server("server", "yes", &[]).unwrap();
    let (cert, key) = (
        certificates.path("server.pem"),
        certificates.path("server.key"),
    );
    let (cert, key) = (show(&cert), show(&key));
    let url = format!("{}?ca={}&cert={cert}&key={key}", at(&strict), show(&ca));
    ready(&url).await;
    works(&url).await;
}

#[tokio::test]
async fn what_is_wrong_with_tls_is_said_in_words() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certificates = Certificates::new();
    let Some(server) = certificates.server("server", "no", &[]) else {
        return;
    };
    let other = certificates.server("other", "no", &[]).unwrap();
    let strict = certificates.server("server", "yes", &[]).unwrap();
    let ca = certificates.path("ca.pem");
    let at =
        |scheme: &str, server: &Server| format!("{scheme}://:{PASSWORD}@127.0.0.1:{}", server.port);
    let trusting = |server| format!("{}?ca={}", at("rediss", server), show(&ca));
    ready(&trusting(&server)).await;
    let cases = [
        (at("rediss", &server), "nobody who is trusted"),
        (trusting(&other), "another name"),
        (trusting(&strict), "wants a certificate"),
        (at("redis", &server), "use rediss://"),
    ];
    for (url, words) in cases {
        let lines = crate::words::logged(&url).await;
        assert_eq!(lines.len(), 1, "{url}: {lines:#?}");
        assert!(lines[0].contains(words), "{url}: {}", lines[0]);
    }
    let missing = Redis::new(
        "rediss://h?ca=/nowhere/ca.pem",
        &crate::nodes::name("test"),
        1,
        1,
        Clock::real(),
    );
    assert!(missing.unwrap_err().to_string().contains("/nowhere/ca.pem"));
}

/// A master, a replica of it, and three Sentinels that see to them.
struct Watched {
    master: Server,
    replica: Server,
    sentinels: Vec<Server>,
}

impl Watched {
    fn start() -> Option<Self> {
        let auth = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
        let master = Server::with(&auth)?;
        let of = master.port.to_string();
        let replica = Server::with(&[&auth[..], &["--replicaof", "127.0.0.1", &of]].concat())?;
        let sentinel = |_| {
            let port = free_port();
            let file = std::env::temp_dir()
                .join(format!("weir-sentinel-{}-{port}.conf", std::process::id()));
            let text = format!(
                "port {port}\nbind 127.0.0.1\nrequirepass wache\nsentinel sentinel-pass wache\n\
                 sentinel monitor schule 127.0.0.1 {of} 2\nsentinel auth-pass schule {PASSWORD}\n\
                 sentinel down-after-milliseconds schule 700\nsentinel failover-timeout schule 3000\n"
            );
            std::fs::write(&file, text).unwrap();
            Server::run_with(port, vec![show(&file).to_owned(), "--sentinel".to_owned()])
        };
        let sentinels = (0..3).map(sentinel).collect::<Option<_>>()?;
        Some(Self {
            master,
            replica,
            sentinels,
        })
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self
            .sentinels
            .iter()
            .map(|s| format!("127.0.0.1:{}", s.port))
            .collect();
        let hosts = hosts.join(",");
        format!("redis+sentinel://:{PASSWORD}@{hosts}/schule?sentinel_password=wache")
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for sentinel in &self.sentinels {
            let name = format!(
                "weir-sentinel-{}-{}.conf",
                std::process::id(),
                sentinel.port
            );
            let _ = std::fs::remove_file(std::env::temp_dir().join(name));
        }
    }
}

/// A node owns a stream, its server dies, another takes over: the stream goes on all the while, and
/// nobody else gets it. How long the store had not confirmed it, milliseconds.
async fn lives_through(what: &str, url: &str, mut kill: impl FnMut()) {
    let (mut a, mut b) = (
        run(redis(url, TTL_MS), "a", 1),
        run(redis(url, TTL_MS), "b", 2),
    );
    let live = a.publish("live/one");
    assert!(matches!(a.event().await, Event::Owned(_)));
    until("b hears of it", || {
        b.owner("live/one").as_deref() == Some("a")
    })
    .await;
    // Long enough for a replica to know it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    kill();
    let well =
        |node: &Running| node.status().store && node.status().bus && node.status().unconfirmed == 0;
    let (mut doubt_ms, mut quiet) = (0, 0);
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(a.is_open(&live), "what is live stays live");
        let status = a.status();
        doubt_ms = doubt_ms.max(status.store_down_ms.unwrap_or(0));
        quiet = if well(&a) && well(&b) && doubt_ms > 0 {
            quiet + 1
        } else {
            0
        };
        if quiet >= 60 {
            break;
        }
    }
    println!("{what}: the store was away for {doubt_ms} ms");
    assert!(
        quiet >= 60,
        "{what}: not well again: {:?} {:?}",
        a.status(),
        b.status()
    );
    b.publish("live/one");
    loop {
        match b.event().await {
            Event::Refused { by, .. } => {
                assert_eq!(by.node.as_str(), "a");
                break;
            }
            Event::Unconfirmed(_) => (),
            other => panic!("{other:?}"),
        }
    }
    until("b hears of more", || {
        b.owner("live/one").as_deref() == Some("a") && b.status().nodes == 2
    })
    .await;
    a.end().await;
    b.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_failover_costs_no_stream_and_no_owner() {
    let Some(mut watched) = Watched::start() else {
        return;
    };
    let url = watched.url();
    ready(&url).await;
    for _ in 0..200 {
        let knows = |s: &Server| {
            let mut cli = Command::new(program("redis-cli").unwrap());
            let port = s.port.to_string();
            cli.args([
                "-p",
                &port,
                "--no-auth-warning",
                "-a",
                "wache",
                "sentinel",
                "master",
                "schule",
            ]);
            let text = cli.stderr(Stdio::null()).output().unwrap().stdout;
            let text = String::from_utf8(text).unwrap();
            let value = |name: &str| {
                text.lines()
                    .skip_while(|l| *l != name)
                    .nth(1)
                    .map(str::to_owned)
            };
            value("num-slaves").as_deref() == Some("1")
                && value("num-other-sentinels").as_deref() == Some("2")
        };
        if watched.sentinels.iter().all(knows) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    works(&url).await;
    lives_through("sentinel", &url, || watched.master.kill()).await;
    assert!(watched.replica.cli(&["role"]).starts_with("master"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_cluster_works_and_a_failover_in_it_costs_no_stream() {
    let mut servers = Vec::new();
    for _ in 0..6 {
        let bus = free_port().to_string();
        let args = [
            "--requirepass",
            PASSWORD,
            "--masterauth",
            PASSWORD,
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1000",
            "--cluster-port",
            &bus,
        ];
        let Some(server) = Server::with(&args) else {
            return;
        };
        servers.push(server);
    }
    let hosts: Vec<_> = servers
        .iter()
        .map(|s| format!("127.0.0.1:{}", s.port))
        .collect();
    for server in &servers {
        for _ in 0..100 {
            if server.cli(&["ping"]).starts_with("PONG") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut create = Command::new(program("redis-cli").unwrap());
    create
        .args(["--no-auth-warning", "-a", PASSWORD, "--cluster", "create"])
        .args(&hosts);
    create.args(["--cluster-replicas", "1", "--cluster-yes"]);
    let made = create.output().unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stdout)
    );
    // One seed that is none, and not all of the others.
    let url = format!(
        "redis+cluster://:{PASSWORD}@127.0.0.1:1,{}",
        hosts[1..].join(",")
    );
    ready(&url).await;
    works(&url).await;
    // All keys are in one slot: its master dies.
    let slot: i64 = servers[0]
        .cli(&["cluster", "keyslot", "weir:{test}:leases"])
        .trim()
        .parse()
        .unwrap();
    let holder = usize::try_from(slot / 5461).unwrap().min(2);
    // Only a replica that has caught up takes over.
    for _ in 0..200 {
        if servers[holder].cli(&["wait", "1", "100"]).trim() == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    lives_through("cluster", &url, || servers[holder].kill()).await;
}
