//! What the cluster is made of: nodes with their ports and settings. Starts nothing.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// Where everything listens.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Its id, its folder and the prefix of its log lines.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) role: &'static str,
    /// Where it pretends to stand.
    pub(super) region: &'static str,
    /// In whose network it pretends to stand.
    pub(super) isp: &'static str,
    /// The node it pulls from and pushes to.
    pub(super) parent: Option<&'static str>,
    /// HTTP port.
    pub(super) http: u16,
    /// RTMP port; 0 for none.
    pub(super) rtmp: u16,
}

impl Node {
    /// `http://host:port`.
    pub(super) fn http_url(&self) -> String {
        format!("http://{HOST}:{}", self.http)
    }

    /// `rtmp://host:port`, where it speaks RTMP.
    pub(super) fn rtmp_url(&self) -> Option<String> {
        (self.rtmp != 0).then(|| format!("rtmp://{HOST}:{}", self.rtmp))
    }
}

/// The whole cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// In the order in which they are started.
    pub(super) nodes: Vec<Node>,
    /// The Redis to start, or `None` where one runs already.
    pub(super) redis_port: Option<u16>,
    /// Where Redis is.
    pub(super) redis_url: String,
}

/// Name, role, region, ISP, parent. Two edges of one region share a pull: the second asks the first.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);
const NODES: [Row; 6] = [
    ("dispatcher", "dispatcher", "eu", "", None),
    ("origin-1", "origin", "eu", "", None),
    ("origin-2", "origin", "ap", "", None),
    ("edge-eu-1", "edge", "eu", "isp-a", None),
    ("edge-eu-2", "edge", "eu", "isp-a", Some("edge-eu-1")),
    ("edge-ap-1", "edge", "ap", "isp-b", None),
];
/// What each node is said to bear, kilobits per second: some two hundred viewers.
const OUT_KBPS: u64 = 500_000;
/// Ports a cluster takes at most: two for each node, and Redis.
const PORTS: usize = NODES.len() * 2 + 1;

impl Plan {
    /// With these ports, of which there are enough; `redis` is a URL of one that runs.
    pub(super) fn new(ports: &[u16], redis: Option<&str>) -> anyhow::Result<Self> {
        let mut ports = ports.iter().copied();
        let mut next = || ports.next().context("too few ports");
        let mut nodes = Vec::new();
        for (name, role, region, isp, parent) in NODES {
            let http = next()?;
            let rtmp = if role == "dispatcher" { 0 } else { next()? };
            nodes.push(Node {
                name,
                role,
                region,
                isp,
                parent,
                http,
                rtmp,
            });
        }
        let redis_port = if redis.is_none() { Some(next()?) } else { None };
        let redis_url = match (redis, redis_port) {
            (Some(url), _) => url.to_owned(),
            (None, port) => format!("redis://{HOST}:{}", port.unwrap_or_default()),
        };
        Ok(Self {
            nodes,
            redis_port,
            redis_url,
        })
    }

    /// The node of this name.
    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The first node with this role.
    pub(super) fn first(&self, role: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.role == role)
    }

    /// What `--set` is given for a node. SharedSecrets are not among them: command lines are for all to read.
    pub(super) fn settings(&self, node: &Node) -> Vec<String> {
        let quoted = |urls: &[String]| {
            let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
            format!("[{}]", urls.join(", "))
        };
        let mut advertise: Vec<String> = node.rtmp_url().into_iter().collect();
        advertise.push(node.http_url());
        let rtmp = node.rtmp_url().map(|_| format!("{HOST}:{}", node.rtmp));
        let mut settings = vec![
            format!("roles={}", quoted(&[node.role.to_owned()])),
            format!("node.id={}", node.name),
            format!("node.name={}", node.name),
            format!("node.region={}", node.region),
            format!("node.isp={}", node.isp),
            format!("node.advertise={}", quoted(&advertise)),
            format!("http.listen={HOST}:{}", node.http),
            format!("rtmp.listen={}", rtmp.unwrap_or_default()),
            "cluster.name=dev".to_owned(),
            format!("cluster.redis={}", self.redis_url),
            // Whoever tries this comes from here, and shall stand somewhere.
            "dispatch.networks=[\"127.0.0.0/8 eu isp-a\"]".to_owned(),
            // A laptop's loopback knows no limit; with one, the picture shows how full a node is.
            format!("node.capacity.out_kbps={OUT_KBPS}"),
        ];
        if let Some(parent) = node.parent.and_then(|name| self.node(name)) {
            settings.push(format!("cluster.parent={}", parent.http_url()));
        }
        settings
    }
}

/// As many ports as a cluster takes: those from `base` on, or free ones.
///
/// # Errors
/// When one of those asked for is taken.
pub(super) fn ports(base: Option<u16>) -> anyhow::Result<Vec<u16>> {
    // All are held until the last is found, so that none is found twice.
    let mut held = Vec::new();
    for at in 0..PORTS {
        let wanted = match base {
            Some(base) => u16::try_from(at)
                .ok()
                .and_then(|at| base.checked_add(at))
                .with_context(|| format!("--base-port {base}: there are no {PORTS} ports above"))?,
            None => 0,
        };
        let listener = TcpListener::bind((HOST, wanted)).with_context(|| {
            format!("port {wanted} cannot be had: leave out --base-port for free ones")
        })?;
        held.push(listener);
    }
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Sources, load};

    fn plan() -> Plan {
        let ports: Vec<u16> = (7000..7000 + PORTS as u16).collect();
        Plan::new(&ports, None).unwrap()
    }

    #[test]
    fn every_node_starts_with_settings_that_serve_knows() {
        let plan = plan();
        for node in &plan.nodes {
            let mut set = plan.settings(node);
            set.push("cluster.secret=dev-0123456789abcdef".to_owned());
            let sources = Sources {
                set,
                ..Sources::default()
            };
            load(&sources).unwrap_or_else(|error| panic!("{}: {error:#}", node.name));
        }
    }

    #[test]
    fn the_sample_configurations_are_understood() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
        let shared = std::fs::read_to_string(folder.join("systemd/cluster.env")).unwrap();
        let environment: Vec<_> = shared
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(environment.len(), 3);
        for role in ["origin", "edge", "dispatcher"] {
            let sources = Sources {
                file: Some(folder.join(format!("cluster/{role}.toml"))),
                environment: environment.clone(),
                set: Vec::new(),
            };
            let config = load(&sources).unwrap_or_else(|error| panic!("{role}: {error:#}"));
            assert_eq!(config.roles, [role]);
        }
    }

    #[test]
    fn no_two_listeners_share_a_port() {
        let plan = plan();
        let mut seen = BTreeSet::new();
        let mut ports: Vec<u16> = plan.redis_port.into_iter().collect();
        for node in &plan.nodes {
            ports.extend([node.http, node.rtmp].iter().filter(|port| **port != 0));
        }
        assert!(ports.iter().all(|port| seen.insert(*port)), "{ports:?}");
    }

    #[test]
    fn a_local_origin_is_the_parent_of_another_edge_of_its_region() {
        let plan = plan();
        let child = plan
            .nodes
            .iter()
            .find(|node| node.parent.is_some())
            .unwrap();
        let parent = plan.node(child.parent.unwrap()).unwrap();
        assert_eq!((child.role, parent.role), ("edge", "edge"));
        assert_eq!(child.region, parent.region);
        assert!(
            plan.settings(child)
                .contains(&format!("cluster.parent={}", parent.http_url()))
        );
    }

    #[test]
    fn a_redis_that_runs_is_not_started() {
        let ports = ports(None).unwrap();
        let plan = Plan::new(&ports, Some("redis://h:1")).unwrap();
        assert_eq!(
            (plan.redis_port, plan.redis_url.as_str()),
            (None, "redis://h:1")
        );
    }

    #[test]
    fn free_ports_are_all_different() {
        let ports = ports(None).unwrap();
        let different: BTreeSet<_> = ports.iter().collect();
        assert_eq!((ports.len(), different.len()), (PORTS, PORTS));
    }

    #[test]
    fn a_base_port_that_is_taken_is_named() {
        let taken = TcpListener::bind((HOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = ports(Some(port)).unwrap_err().to_string();
        assert!(error.contains(&port.to_string()), "{error}");
    }
}
