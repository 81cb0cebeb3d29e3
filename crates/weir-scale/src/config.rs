//! `[scale]`: how many nodes there shall be, and who starts and stops them.

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_cluster::Name;
use weir_cluster::record::{self, Role};
use weir_cluster::scale::Policy;

/// The longest duration that can be set: a day. Longer ones are a unit mistaken.
const MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// Pools: a role in a region each.
const MAX_POOLS: usize = 64;
/// Nodes of one pool, as many as a view holds.
const MAX_NODES: u32 = 4_096;
/// Bytes of a secret that nobody guesses.
const MIN_SECRET_BYTES: usize = 16;

section! {
    /// Scaling.
    pub Scale {
        /// Who starts and stops nodes.
        restart provider: ProviderKind = ProviderKind::None,
        /// Say what would be done, and do nothing.
        restart dry_run: bool = false,
        /// Milliseconds between two looks at the pools.
        restart interval_ms: i64 = 5_000,
        /// Milliseconds a webhook or a command may take.
        restart timeout_ms: i64 = 30_000,
        /// Milliseconds a node that shall go may drain.
        restart drain_ms: i64 = 600_000,
        /// Where orders are posted.
        restart webhook_url: String = String::new(),
        /// What posts are signed with.
        restart webhook_secret: String = String::new(),
        /// The command that gets orders, and its arguments.
        restart exec: Vec<String> = Vec::new(),
        /// Nodes of this machine.
        section process: Children = Children::default(),
        /// The pools.
        restart pools: Vec<Pool> = Vec::new(),
    }
}

/// Who starts and stops nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Somebody who reads the metrics or asks the API.
    None,
    /// Whoever takes the posted orders.
    Webhook,
    /// A command.
    Exec,
    /// This process, as its children.
    Process,
}

impl ProviderKind {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Webhook => "webhook",
            Self::Exec => "exec",
            Self::Process => "process",
        }
    }
}

section! {
    /// Nodes that are children of this process.
    pub Children {
        /// Where they listen, and what others reach them by.
        restart host: String = "127.0.0.1".into(),
        /// Ports they may take, two each.
        restart ports: Ports = Ports { first: 18_100, last: 18_199 },
        /// More arguments of `weir serve`.
        restart args: Vec<String> = Vec::new(),
        /// More settings, as with `--set`.
        restart set: Vec<String> = Vec::new(),
    }
}

/// A range of ports, both ends included; written `18100-18199`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl Ports {
    /// How many pairs of ports there are.
    pub fn pairs(self) -> u16 {
        self.last.saturating_sub(self.first).saturating_add(1) / 2
    }

    /// The lower port of a pair.
    pub fn pair(self, at: u16) -> Option<(u16, u16)> {
        let low = self.first.checked_add(at.checked_mul(2)?)?;
        let high = low.checked_add(1)?;
        (high <= self.last).then_some((low, high))
    }
}

impl Serialize for Ports {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}-{}", self.first, self.last))
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ends = text.split_once('-');
        let ports = ends.and_then(|(first, last)| {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (0 < first && first < last).then_some(Self { first, last })
        });
        ports.ok_or_else(|| serde::de::Error::custom("not a range of ports, such as 18100-18199"))
    }
}

section! {
    /// What a node can bear; 0 for what does not limit it.
    pub CapacityConfig {
        /// Outgoing kilobits per second.
        restart out_kbps: u64 = 0,
        /// CPU, in thousandths of the whole machine.
        restart cpu_permille: u64 = 1000,
        /// Open connections.
        restart connections: u64 = 0,
    }
}

impl CapacityConfig {
    /// As the registry has it.
    pub const fn record(&self) -> record::Capacity {
        record::Capacity {
            out_kbps: self.out_kbps,
            cpu_permille: self.cpu_permille,
            connections: self.connections,
        }
    }
}

section! {
    /// One pool: nodes of one role, in one region or in all.
    pub Pool {
        /// Its name, in metrics and in the API.
        restart name: String = String::new(),
        /// The role of its nodes.
        restart role: String = "edge".into(),
        /// Their region; empty for all regions together.
        restart region: String = String::new(),
        /// Never fewer nodes.
        restart min: u32 = 1,
        /// Never more nodes.
        restart max: u32 = 10,
        /// How full nodes should be, in hundredths.
        restart target_percent: u64 = 60,
        /// Nodes added at once, at most.
        restart step_up: u32 = 2,
        /// Nodes removed at once, at most.
        restart step_down: u32 = 1,
        /// Milliseconds between two additions.
        restart cooldown_up_ms: i64 = 30_000,
        /// Milliseconds without a change, and without more load, before a removal.
        restart cooldown_down_ms: i64 = 300_000,
        /// Milliseconds a new node takes until it serves.
        restart boot_ms: i64 = 60_000,
        /// Node-hours a day; 0 for no bound.
        restart budget_node_hours: u64 = 0,
        /// What a node can bear, where there is none to look at.
        restart capacity: CapacityConfig = CapacityConfig::default(),
    }
}

impl Pool {
    /// As the decision understands it.
    ///
    /// # Errors
    /// When there is no such role, or the region is no name.
    pub fn policy(&self, dry_run: bool) -> anyhow::Result<Policy> {
        let key = format!("scale.pools: {:?}", self.name);
        let role = Role::from_name(&self.role)
            .with_context(|| format!("{key}: there is no role {:?}", self.role))?;
        let region = (!self.region.is_empty())
            .then(|| Name::new(&self.region))
            .transpose()
            .with_context(|| format!("{key}: region {:?}", self.region))?;
        Ok(Policy {
            role,
            region,
            min: self.min,
            max: self.max,
            target_permille: self.target_percent.saturating_mul(10),
            step_up: self.step_up,
            step_down: self.step_down,
            cooldown_up_ms: self.cooldown_up_ms,
            cooldown_down_ms: self.cooldown_down_ms,
            boot_ms: self.boot_ms,
            budget_node_hours: (self.budget_node_hours > 0).then_some(self.budget_node_hours),
            node_capacity: self.capacity.record(),
            dry_run,
        })
    }

    fn check(&self) -> anyhow::Result<()> {
        Name::new(&self.name).with_context(|| format!("scale.pools: name {:?}", self.name))?;
        let key = format!("scale.pools: {:?}", self.name);
        self.policy(false)?;
        ensure!(
            self.min <= self.max && (1..=MAX_NODES).contains(&self.max),
            "{key}: min is {} and max is {}: min may not be above max, nor max above {MAX_NODES}",
            self.min,
            self.max
        );
        ensure!(
            (1..=100).contains(&self.target_percent),
            "{key}: target_percent is {}: it has to be from 1 to 100",
            self.target_percent
        );
        ensure!(
            self.step_up > 0 && self.step_down > 0,
            "{key}: a step of 0 nodes leads nowhere; set min and max to the same number instead"
        );
        for (name, value) in [
            ("cooldown_up_ms", self.cooldown_up_ms),
            ("cooldown_down_ms", self.cooldown_down_ms),
            ("boot_ms", self.boot_ms),
        ] {
            ensure!(
                (0..=MAX_MS).contains(&value),
                "{key}: {name} is {value}: it has to be from 0 to {MAX_MS}"
            );
        }
        Ok(())
    }
}

impl Scale {
    /// What only sense can refuse. Children of this process find each other by a registry.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self, has_registry: bool) -> anyhow::Result<()> {
        ensure!(
            self.pools.len() <= MAX_POOLS,
            "scale.pools has more than {MAX_POOLS} pools"
        );
        for (key, value, least) in [
            ("scale.interval_ms", self.interval_ms, 100),
            ("scale.timeout_ms", self.timeout_ms, 100),
            ("scale.drain_ms", self.drain_ms, 0),
        ] {
            ensure!(
                (least..=MAX_MS).contains(&value),
                "{key} is {value}: it has to be from {least} to {MAX_MS}"
            );
        }
        for (at, pool) in self.pools.iter().enumerate() {
            pool.check()?;
            for other in self.pools.iter().skip(at + 1) {
                ensure!(
                    other.name != pool.name,
                    "scale.pools: two pools have the name {:?}",
                    pool.name
                );
                let apart = other.role != pool.role
                    || !(other.region.is_empty()
                        || pool.region.is_empty()
                        || other.region == pool.region);
                ensure!(
                    apart,
                    "scale.pools: {:?} and {:?} would have the same nodes",
                    pool.name,
                    other.name
                );
            }
        }
        self.check_provider(has_registry)
    }

    fn check_provider(&self, has_registry: bool) -> anyhow::Result<()> {
        match self.provider {
            ProviderKind::None => {}
            ProviderKind::Webhook => {
                let url = &self.webhook_url;
                ensure!(
                    url.starts_with("http://") || url.starts_with("https://"),
                    "scale.webhook_url is {url:?}: it has to begin with http:// or https://"
                );
                ensure!(
                    self.webhook_secret.len() >= MIN_SECRET_BYTES,
                    "scale.webhook_secret is missing or shorter than {MIN_SECRET_BYTES} bytes: orders are signed with it"
                );
            }
            ProviderKind::Exec => ensure!(
                self.exec.first().is_some_and(|program| !program.is_empty()),
                "scale.exec is empty: name the command and its arguments as a list"
            ),
            ProviderKind::Process => ensure!(
                has_registry,
                "scale.provider is \"process\" but cluster.redis is empty: the nodes it starts could not find each other"
            ),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let scale: Scale = toml::from_str(text).unwrap();
        match scale.check(false) {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_pool_needs_a_name_and_little_else() {
        assert_eq!(refusal("[[pools]]\nname = \"edges\""), "");
        assert!(refusal("[[pools]]").contains("name"));
        let unknown = "[[pools]]\nname = \"edges\"\ntargte = 5";
        assert!(toml::from_str::<Scale>(unknown).is_err());
    }

    #[test]
    fn senseless_pools_are_refused_with_their_name() {
        for (line, word) in [
            ("role = \"edgy\"", "edgy"),
            ("region = \"a b\"", "region"),
            ("min = 3\nmax = 2", "min is 3"),
            ("max = 5000", "max is 5000"),
            ("target_percent = 0", "target_percent"),
            ("step_up = 0", "step"),
            ("boot_ms = -1", "boot_ms"),
        ] {
            let refusal = refusal(&format!("[[pools]]\nname = \"edges\"\n{line}"));
            assert!(
                refusal.contains(word) && refusal.contains("edges"),
                "{line}: {refusal:?}"
            );
        }
    }

    #[test]
    fn no_node_may_be_in_two_pools() {
        let two = |a: &str, b: &str| {
            refusal(&format!(
                "[[pools]]\nname = \"a\"\n{a}\n[[pools]]\nname = \"b\"\n{b}"
            ))
        };
        assert_eq!(two("region = \"eu\"", "region = \"us\""), "");
        assert_eq!(two("role = \"origin\"", ""), "");
        assert!(two("region = \"eu\"", "").contains("the same nodes"));
        assert!(two("", "").contains("the same nodes"));
    }

    #[test]
    fn a_provider_needs_what_it_works_with() {
        for (text, word) in [
            ("provider = \"webhook\"", "webhook_url"),
            (
                "provider = \"webhook\"\nwebhook_url = \"https://h/\"",
                "webhook_secret",
            ),
            ("provider = \"exec\"", "scale.exec"),
            ("provider = \"process\"", "cluster.redis"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(word), "{text}: {refusal:?}");
        }
        assert!(toml::from_str::<Scale>("provider = \"magic\"").is_err());
    }

    #[test]
    fn ports_come_in_pairs() {
        let ports = |text: &str| {
            let text = format!("[process]\nports = \"{text}\"");
            toml::from_str::<Scale>(&text).map(|scale| scale.process.ports)
        };
        let three = ports("100-102").unwrap();
        assert_eq!(three.pairs(), 1);
        assert_eq!((three.pair(0), three.pair(1)), (Some((100, 101)), None));
        for bad in ["", "7", "9-7", "0-9", "1-70000", "a-b"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
