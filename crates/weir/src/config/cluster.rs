//! `roles`, `[cluster]` and what `[node]` says to the others.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_base::urls::SplitUrl;
use weir_cluster::lease::Outage;
use weir_cluster::name::Name;
use weir_cluster::record::{self, Role, Roles, Scheme, Scope};

/// Bytes of a secret that nobody guesses.
const MIN_SECRET_BYTES: usize = 16;
/// The longest linger that makes sense, milliseconds.
const MAX_LINGER_MS: i64 = 60 * 60 * 1000;

section! {
    /// The cluster this node belongs to.
    pub(crate) Cluster {
        /// Clusters of different names share a Redis without seeing each other.
        restart name: String = "weir".into(),
        /// How owners are found.
        restart mode: Mode = Mode::Registry,
        /// The registry; in this process when empty.
        restart redis: String = String::new(),
        /// What nodes prove themselves to each other with.
        restart secret: String = String::new(),
        /// Origins that edges use where no registry names one.
        restart origins: Vec<String> = Vec::new(),
        /// Other origins' HTTP APIs, asked for streams that are not here.
        restart coworkers: Vec<String> = Vec::new(),
        /// The edge or local origin that this edge pulls from and pushes to.
        restart parent: String = String::new(),
        /// Milliseconds a pull outlives its last viewer.
        restart linger_ms: i64 = 10_000,
        /// What happens to live streams when the registry is away.
        restart outage: Outage = Outage::Serve,
    }
}

/// How owners are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// By the registry.
    Registry,
    /// By the lists of the configuration and by asking coworkers.
    Static,
}

/// One address of this node: a URL, or one with whom it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Advertise {
    /// For everybody.
    Url(String),
    /// For clients, for nodes, or for clients of one ISP.
    For {
        /// Scheme, host and port.
        url: String,
        /// For clients or for nodes; both when it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<Scope>,
        /// For clients of this ISP alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        isp: Option<String>,
    },
}

impl Advertise {
    /// As the registry has it: one address, or one for each scope.
    pub(crate) fn addresses(&self) -> anyhow::Result<Vec<record::Address>> {
        let (url, scope, isp) = match self {
            Self::Url(url) => (url, None, None),
            Self::For { url, scope, isp } => (url, *scope, isp.as_deref()),
        };
        let protocol = match SplitUrl::new(url).map(|url| url.scheme) {
            Some("rtmp") => Scheme::Rtmp,
            Some("rtmps") => Scheme::Rtmps,
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => anyhow::bail!(
                "node.advertise: {url:?} is not rtmp://, rtmps://, http:// or https:// with a host"
            ),
        };
        let isp = isp
            .map(|isp| name("node.advertise: isp", isp))
            .transpose()?;
        let scopes = scope.map_or(vec![Scope::Public, Scope::Internal], |scope| vec![scope]);
        let address = |scope| record::Address {
            protocol,
            scope,
            isp: isp.clone(),
            url: url.trim_end_matches('/').to_owned(),
        };
        Ok(scopes.into_iter().map(address).collect())
    }
}

/// All roles a node alone needs.
pub(super) fn default_roles() -> Vec<String> {
    [Role::Origin, Role::Edge, Role::Dispatcher]
        .map(|role| role.name().to_owned())
        .to_vec()
}

impl super::Config {
    /// The roles, known ones alone.
    pub(crate) fn roles(&self) -> anyhow::Result<Roles> {
        let roles = self.roles.iter().map(|name| {
            Role::from_name(name).with_context(|| {
                let known = Role::ALL.map(Role::name).join(", ");
                format!("roles: {name:?} is none of {known}")
            })
        });
        roles.collect()
    }

    pub(super) fn check_cluster(&self) -> anyhow::Result<()> {
        let roles = self.roles()?;
        anyhow::ensure!(
            roles.iter().next().is_some(),
            "roles is empty: a node without a role does nothing"
        );
        for (key, text) in [
            ("node.region", &self.node.region),
            ("node.isp", &self.node.isp),
        ] {
            if !text.is_empty() {
                name(key, text)?;
            }
        }
        if !self.node.id.is_empty() {
            name("node.id", &self.node.id)?;
        }
        name("cluster.name", &self.cluster.name)?;
        for advertised in &self.node.advertise {
            advertised.addresses()?;
        }
        anyhow::ensure!(
            (0..=MAX_LINGER_MS).contains(&self.cluster.linger_ms),
            "cluster.linger_ms is {}: it has to be from 0 to {MAX_LINGER_MS}",
            self.cluster.linger_ms
        );
        let has_others = !(self.cluster.redis.is_empty()
            && self.cluster.origins.is_empty()
            && self.cluster.parent.is_empty());
        anyhow::ensure!(
            !has_others || self.cluster.secret.len() >= MIN_SECRET_BYTES,
            "cluster.secret is missing or shorter than {MIN_SECRET_BYTES} bytes: nodes prove themselves with it"
        );
        anyhow::ensure!(
            roles.has(Role::Origin) || has_others,
            "roles has no origin, and neither cluster.redis, cluster.origins nor cluster.parent says where streams are"
        );
        Ok(())
    }
}

fn name(key: &str, text: &str) -> anyhow::Result<Name> {
    Name::new(text).map_err(|error| anyhow::anyhow!("{key}: {text:?}: {error}"))
}
