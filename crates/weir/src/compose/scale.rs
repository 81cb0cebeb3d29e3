//! The scaler among the parts: what it is given, and what the API is told of it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use weir_api::{Dispatcher, PoolFacts};
use weir_scale::{Parts, PoolState, Scaler};
use weir_serve::Core;

use super::cluster::{self, Joined};
use crate::config::{Config, Sources};

/// Starts it, with this program for children.
pub(super) fn start(
    config: &Config,
    sources: &Sources,
    data: &Path,
    joined: &Joined,
    dispatcher: &Arc<Dispatcher>,
    core: &Core,
) -> anyhow::Result<Scaler> {
    let clock = core.hub.clock();
    Scaler::start(Parts {
        settings: &config.scale,
        child_args: serve_args(sources),
        child_drain_ms: config.node.drain_ms,
        data: data.to_owned(),
        cluster: joined.cluster.clone(),
        authorize: cluster::authorize(&joined.node),
        pending: cluster::pending(dispatcher, clock.clone()),
        clock: clock.clone(),
        tasks: &core.tasks,
        shutdown: &core.shutdown,
    })
}

/// What each pool should have, for the API.
pub(super) fn facts(scaler: &Scaler) -> Vec<PoolFacts> {
    let fact = |pool: PoolState| PoolFacts {
        pool: pool.name,
        role: pool.role.name(),
        region: pool.region.as_ref().map(ToString::to_string),
        decision: pool.decision,
        min: pool.min,
        max: pool.max,
        provider: pool.provider,
        leader: pool.leads,
    };
    scaler.pools().into_iter().map(fact).collect()
}

/// `serve` with the same configuration.
fn serve_args(sources: &Sources) -> Vec<OsString> {
    let mut args = vec![OsString::from("serve")];
    if let Some(file) = &sources.file {
        args.extend(["--config".into(), file.clone().into_os_string()]);
    }
    for setting in &sources.set {
        args.extend(["--set".into(), setting.into()]);
    }
    args
}

#[cfg(test)]
mod tests {
    use weir_cluster::Name;
    use weir_scale::{ChildNode, child_settings};

    use super::*;

    #[test]
    fn a_child_is_a_node_of_its_own_by_settings_that_the_configuration_takes() {
        let text = "[scale.process]\nports = \"18300-18303\"\nset = [\"log.filter=debug\"]\n\
             [[scale.pools]]\nname = \"edges\"\n[scale.pools.capacity]\nout_kbps = 7";
        let parent: Config = toml::from_str(text).unwrap();
        let node = Name::new("auto-n1-1").unwrap();
        let child = ChildNode {
            slot: 1,
            node: &node,
            pool: "edges",
            role: "edge",
            region: None,
        };
        let set = child_settings(&parent.scale, &child).unwrap();
        let mut sources = Sources {
            set,
            ..Sources::default()
        };
        sources.set.extend([
            "cluster.redis=redis://h".to_owned(),
            "cluster.secret=0123456789abcdef".to_owned(),
        ]);
        let config = crate::config::load(&sources).unwrap();
        assert_eq!(config.node.id, "auto-n1-1");
        assert_eq!(config.roles, ["edge"]);
        assert_eq!(config.rtmp.listen.0[0].port(), 18_302);
        assert_eq!(config.http.listen.0[0].port(), 18_303);
        assert_eq!(config.node.advertise.len(), 2);
        assert_eq!(config.node.capacity.out_kbps, 7);
        assert_eq!(config.log.filter, "debug", "the operator's settings win");
        assert!(config.scale.pools.is_empty());
    }
}
