//! What is live, on this node and on others.

use std::collections::HashMap;

use weir_cluster::run::Cluster;
use weir_hub::Hub;

use crate::elsewhere::SeenStreams;

/// What is known here of a live stream, wherever it lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Living {
    /// People on all nodes, as far as these say it.
    pub(crate) viewers: u32,
    /// When its publisher came, milliseconds since 1970.
    pub(crate) since_ms: i64,
}

/// All streams without a virtual host that are live, by app and name.
pub(crate) fn all_live(
    hub: &Hub,
    cluster: &Cluster,
    elsewhere: &SeenStreams,
) -> HashMap<(String, String), Living> {
    let mut live: HashMap<(String, String), Living> = cluster.with(|member, _| {
        let owned = member.view().nodes().flat_map(|node| node.owns());
        let name = |key: &str| {
            let path = match key.split_once(':') {
                None => key,
                Some(("", path)) => path,
                Some(_) => return None,
            };
            let (app, name) = path.rsplit_once('/')?;
            Some((app.to_owned(), name.to_owned()))
        };
        let living = |since_ms| Living {
            viewers: 0,
            since_ms,
        };
        owned
            .filter_map(|stream| Some((name(stream.key.as_str())?, living(stream.since_ms))))
            .collect()
    });
    let clock = hub.clock();
    let (now_us, now_ms) = (clock.now_us(), clock.wall_us() / 1_000);
    for stream in hub.streams() {
        let name = &stream.name;
        if stream.is_live() && name.vhost().is_empty() {
            let key = (name.app().to_owned(), name.stream().to_owned());
            let publisher = stream.publisher();
            let for_us = publisher.map_or(0, |publisher| now_us - publisher.since_us);
            let living = Living {
                viewers: stream.people(),
                since_ms: now_ms - for_us / 1_000,
            };
            live.insert(key, living);
        }
    }
    for ((app, stream), living) in &mut live {
        if let Some(others) = elsewhere.get(&format!("{app}/{stream}")) {
            living.viewers = living.viewers.saturating_add(others.viewers);
        }
    }
    live
}
