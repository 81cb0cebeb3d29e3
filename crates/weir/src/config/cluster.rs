//! `roles` and what `[node]` says to the others.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use weir_base::urls::SplitUrl;
use weir_cluster::name::Name;
use weir_cluster::record::{self, Role, Roles, Scheme, Scope};

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
    [
        Role::Origin,
        Role::Edge,
        Role::Dispatcher,
        Role::Chat,
        Role::Api,
    ]
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
        self.cluster.check()?;
        for advertised in &self.node.advertise {
            advertised.addresses()?;
        }
        anyhow::ensure!(
            !(roles.has(Role::Origin) && roles.has(Role::Worker) && self.cluster.has_others()),
            "roles has origin and worker: in a cluster nothing is decoded beside live streams, so give worker to \
             another process"
        );
        anyhow::ensure!(
            roles.has(Role::Origin) || self.cluster.has_others(),
            "roles has no origin, and neither cluster.redis, cluster.origins nor cluster.parent says where streams are"
        );
        Ok(())
    }
}

fn name(key: &str, text: &str) -> anyhow::Result<Name> {
    Name::new(text).map_err(|error| anyhow::anyhow!("{key}: {text:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    /// Shows R58.
    #[test]
    fn an_origin_of_a_cluster_is_no_worker_and_a_node_alone_may_be() {
        let mut config = Config {
            roles: ["origin", "api", "worker"].map(str::to_owned).to_vec(),
            ..Config::default()
        };
        config.check_cluster().unwrap();
        config.cluster.redis = "redis://redis:6379".into();
        config.cluster.secret = "a secret of the test cluster".into();
        let refused = config.check_cluster().unwrap_err().to_string();
        assert!(
            refused.contains("give worker to another process"),
            "{refused}"
        );
        config.roles.retain(|role| role != "origin");
        config.check_cluster().unwrap();
    }
}
