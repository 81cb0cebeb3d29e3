//! `[cluster]`: which cluster a node belongs to, and how it finds the others.

use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_base::section::{Senseless, in_range, sensible};

use crate::lease::Outage;
use crate::name::Name;

/// Bytes of a secret that nobody guesses.
const MIN_SECRET_BYTES: usize = 16;
/// The longest linger that makes sense, milliseconds.
const MAX_LINGER_MS: i64 = 60 * 60 * 1000;

section! {
    /// The cluster this node belongs to.
    pub ClusterConfig {
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
        /// Api nodes, where no registry names them: they say who may publish and play, and write down what happens.
        restart api: Vec<String> = Vec::new(),
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
pub enum Mode {
    /// By the registry.
    Registry,
    /// By the lists of the configuration and by asking coworkers.
    Static,
}

impl ClusterConfig {
    /// Whether anybody else is named: a registry, origins, or a parent.
    pub const fn has_others(&self) -> bool {
        !(self.redis.is_empty() && self.origins.is_empty() && self.parent.is_empty())
    }

    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        Name::new(&self.name)
            .map_err(|error| Senseless(format!("cluster.name: {:?}: {error}", self.name)))?;
        in_range("cluster.linger_ms", self.linger_ms, 0..=MAX_LINGER_MS)?;
        let is_secret = self.secret.len() >= MIN_SECRET_BYTES;
        sensible(is_secret || !self.has_others(), || {
            format!(
                "cluster.secret is missing or shorter than {MIN_SECRET_BYTES} bytes: nodes prove themselves with it"
            )
        })
    }
}
