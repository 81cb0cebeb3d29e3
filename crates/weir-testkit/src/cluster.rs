//! A cluster of `weir serve` processes, each on ports that it keeps: any of them can be killed, stand
//! still, come back, or be reached through a link.

use std::ops::Index;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::get;
use crate::link::Link;
use crate::ports;
use crate::process::Signal;
use crate::redis::Redis;
use crate::server::{Options, Server};
use crate::tools::Tool;
use crate::wait::until;

/// Seconds nodes may take to do what they are told.
const PATIENCE_S: u64 = 20;
/// Seconds after which nothing may be left of what is over: a term, a linger time and two heartbeats,
/// on a busy machine.
const LEFT_S: u64 = 30;
/// What nodes prove themselves to each other with.
pub const SECRET: &str = "a secret of the test cluster";
/// Milliseconds a pull outlives its last viewer in these clusters.
pub const LINGER_MS: u64 = 1000;

/// A node that is to be started.
#[derive(Debug, Clone)]
pub struct Node {
    id: String,
    http: u16,
    rtmp: u16,
    settings: Vec<String>,
    redis: Option<String>,
    ahead_s: Option<i64>,
}

impl Node {
    /// With these roles; its ports are known from here on.
    pub fn new(id: &str, roles: &[&str]) -> Self {
        let node = Self {
            id: id.to_owned(),
            http: ports::reserve(),
            rtmp: ports::reserve(),
            settings: Vec::new(),
            redis: None,
            ahead_s: None,
        };
        let settings = [
            format!("roles={roles:?}"),
            format!("node.id={id}"),
            format!("node.name={id}"),
            format!("http.listen={}", node.http_address()),
            format!("rtmp.listen={}", node.rtmp_address()),
            "auth.publish=open".to_owned(),
            format!("cluster.linger_ms={LINGER_MS}"),
            // Where streams go shall not hang on what else this machine does just now.
            "node.capacity.cpu_permille=0".to_owned(),
        ];
        Self {
            settings: settings.to_vec(),
            ..node
        }
    }

    /// Owns streams, and faces nobody.
    pub fn origin(id: &str) -> Self {
        Self::new(id, &["origin"])
    }

    /// Faces users, and owns nothing.
    pub fn edge(id: &str) -> Self {
        Self::new(id, &["edge"])
    }

    /// `--set` for each.
    #[must_use]
    pub fn set(mut self, settings: &[&str]) -> Self {
        self.settings
            .extend(settings.iter().map(|setting| (*setting).to_owned()));
        self
    }

    /// Where it stands.
    #[must_use]
    pub fn region(self, region: &str) -> Self {
        self.set(&[&format!("node.region={region}")])
    }

    /// Pulls from `parent` and pushes to it.
    #[must_use]
    pub fn below(self, parent: &Self) -> Self {
        self.set(&[&format!("cluster.parent=http://{}", parent.http_address())])
    }

    /// Other nodes reach it through the link alone; clients as ever.
    #[must_use]
    pub fn reached_through(self, link: &Link) -> Self {
        let advertise = format!(
            "node.advertise=[\"rtmp://{}\", {{ url = \"http://{}\", scope = \"public\" }}, \
             {{ url = \"http://{}\", scope = \"internal\" }}]",
            self.rtmp_address(),
            self.http_address(),
            link.address()
        );
        self.set(&[&advertise])
    }

    /// Reaches Redis through the link.
    #[must_use]
    pub fn registry_through(mut self, link: &Link) -> Self {
        self.redis = Some(Redis::url_at(&link.address()));
        self
    }

    /// Its wall clock is ahead of the machine's. Needs [`Tool::Libfaketime`].
    #[must_use]
    pub fn clock_ahead_s(mut self, ahead_s: i64) -> Self {
        self.ahead_s = Some(ahead_s);
        self
    }

    /// `host:port` of HTTP.
    pub fn http_address(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    /// `host:port` of RTMP.
    pub fn rtmp_address(&self) -> String {
        format!("127.0.0.1:{}", self.rtmp)
    }
}

/// Running nodes and, mostly, their Redis.
#[derive(Debug)]
pub struct Cluster {
    /// The registry; `None` in static clusters.
    pub redis: Option<Redis>,
    binary: PathBuf,
    members: Vec<Member>,
    scripts: TempDir,
}

#[derive(Debug)]
struct Member {
    node: Node,
    server: Option<Server>,
}

impl Cluster {
    /// Nodes of `binary` with a Redis; all of them know all others.
    pub fn start(binary: &Path, nodes: Vec<Node>) -> Self {
        Self::start_with(binary, Redis::start(), nodes)
    }

    /// The same with a Redis that runs.
    pub fn start_with(binary: &Path, redis: Redis, nodes: Vec<Node>) -> Self {
        let cluster = Self::start_all(binary, Some(redis), nodes);
        cluster.wait_joined();
        cluster
    }

    /// Nodes without a registry, as their settings lead them to each other.
    pub fn start_static(binary: &Path, nodes: Vec<Node>) -> Self {
        Self::start_all(binary, None, nodes)
    }

    fn start_all(binary: &Path, redis: Option<Redis>, nodes: Vec<Node>) -> Self {
        let members = nodes.into_iter().map(|node| Member { node, server: None });
        let mut cluster = Self {
            redis,
            binary: binary.to_owned(),
            members: members.collect(),
            scripts: tempfile::tempdir().expect("a directory"),
        };
        for at in 0..cluster.members.len() {
            cluster.start_member(at);
        }
        cluster
    }

    fn start_member(&mut self, at: usize) {
        let node = &self.members[at].node;
        let binary = match node.ahead_s {
            Some(ahead_s) => self.with_clock(&node.id, ahead_s),
            None => self.binary.clone(),
        };
        let redis = match (&node.redis, &self.redis) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(redis)) => Some(redis.url()),
            (None, None) => None,
        };
        let mut options = Options::new(&binary).set(&[&format!("cluster.secret={SECRET}")]);
        match redis {
            Some(url) => options = options.set(&[&format!("cluster.redis={url}")]),
            None => options = options.set(&["cluster.mode=static"]),
        }
        let settings: Vec<&str> = node.settings.iter().map(String::as_str).collect();
        let server = options.set(&settings).start();
        self.members[at].server = Some(server);
    }

    /// A script that starts the binary with a wall clock of its own.
    fn with_clock(&self, id: &str, ahead_s: i64) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let library = Tool::Libfaketime.path().expect("libfaketime");
        let path = self.scripts.path().join(id);
        let text = format!(
            "#!/bin/sh\nexport LD_PRELOAD='{}' FAKETIME='{ahead_s:+}' FAKETIME_DONT_FAKE_MONOTONIC=1\nexec '{}' \"$@\"\n",
            library.display(),
            self.binary.display()
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// Every running node sees all running nodes, and is well.
    pub fn wait_joined(&self) {
        let expected = self.running().count();
        for (id, server) in self.running() {
            until(&format!("{id} sees {expected} nodes"), PATIENCE_S, || {
                let seen = server.api("GET", "cluster").json();
                let nodes = seen["nodes"].as_array()?.clone();
                let alive = nodes.iter().filter(|node| node["health"] == "alive");
                (alive.count() == expected && nodes.len() == expected).then_some(())
            });
        }
    }

    /// The nodes that run, by id.
    pub fn running(&self) -> impl Iterator<Item = (&str, &Server)> {
        let all = self.members.iter();
        all.filter_map(|member| Some((member.node.id.as_str(), member.server.as_ref()?)))
    }

    /// Ends a node without a word.
    pub fn kill(&mut self, id: &str) {
        let mut server = self.take(id);
        server.signal(Signal::KILL);
        server.wait_exit(PATIENCE_S);
    }

    /// Takes a node out; it ends when it is dropped.
    pub fn take(&mut self, id: &str) -> Server {
        let at = self.place(id);
        let server = self.members[at].server.take();
        server.unwrap_or_else(|| panic!("{id} does not run"))
    }

    /// Starts a node that ended, with an empty disk.
    pub fn restart(&mut self, id: &str) {
        let at = self.place(id);
        assert!(self.members[at].server.is_none(), "{id} runs");
        self.start_member(at);
    }

    /// A node stands still: its sockets stay open, and nothing is done.
    pub fn pause(&self, id: &str) {
        self[id].signal(Signal::STOP);
    }

    /// The end of [`Self::pause`].
    pub fn resume(&self, id: &str) {
        self[id].signal(Signal::CONT);
    }

    /// Owner and epoch of a stream as the node `from` sees it.
    pub fn owner(&self, from: &str, stream: &str) -> Option<(String, u64)> {
        let seen = self[from].api("GET", "cluster").json();
        let streams = seen["streams"].as_array()?;
        let found = streams.iter().find(|one| one["key"] == stream)?;
        let owner = found["owner"].as_str()?.to_owned();
        Some((owner, found["epoch"].as_u64()?))
    }

    /// Waits until the node `from` sees an owner of the stream.
    pub fn wait_owner(&self, from: &str, stream: &str) -> (String, u64) {
        until(
            &format!("{from} sees who owns {stream}"),
            PATIENCE_S,
            || self.owner(from, stream),
        )
    }

    /// Streams that a node pulls.
    pub fn pulls(&self, id: &str) -> usize {
        let pulled = self[id].clients("publisher", "relay");
        pulled.len()
    }

    /// Redis' keys, those of the nodes and the counter left out.
    pub fn leases(&self) -> Vec<String> {
        let redis = self.redis.as_ref().expect("a cluster with Redis");
        let mut keys = redis.keys("weir:*");
        keys.retain(|key| {
            let rest = key.rsplit_once("}:").map_or(key.as_str(), |(_, rest)| rest);
            !(rest.starts_with("node:") || rest == "nodes" || rest == "epoch")
        });
        keys
    }

    /// Waits until nothing is left of streams, clients, pulls and leases on all nodes that run, and
    /// looks whether any of them fell over something.
    pub fn assert_nothing_left(&self) {
        for (id, server) in self.running() {
            until(&format!("nothing is left on {id}"), LEFT_S, || {
                let left = left_on(server);
                left.is_empty().then_some(())
            });
            let log = server.log();
            assert!(!log.contains("panicked"), "{id}:\n{log}");
        }
        if self.redis.is_some() {
            until("no leases are left", LEFT_S, || {
                self.leases().is_empty().then_some(())
            });
        }
    }

    fn place(&self, id: &str) -> usize {
        let at = self.members.iter().position(|member| member.node.id == id);
        at.unwrap_or_else(|| panic!("no node {id}"))
    }
}

impl Index<&str> for Cluster {
    type Output = Server;

    fn index(&self, id: &str) -> &Server {
        let server = self.members[self.place(id)].server.as_ref();
        server.unwrap_or_else(|| panic!("{id} does not run"))
    }
}

/// Resident memory of a node, bytes.
pub fn resident_bytes(server: &Server) -> f64 {
    metric(server, "weir_resident_bytes").expect("weir_resident_bytes")
}

/// A metric without labels, or the sum over all labels.
pub fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = get(&server.http("metrics")).text();
    let lines = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

fn left_on(server: &Server) -> Vec<Value> {
    let mut left = Vec::new();
    let listed = |path: &str, name: &str| {
        let answer = server.api("GET", path).json();
        answer[name].as_array().cloned().unwrap_or_default()
    };
    left.extend(listed("clients", "clients"));
    left.extend(listed("streams", "streams"));
    left.extend(listed("cluster", "streams"));
    left
}
