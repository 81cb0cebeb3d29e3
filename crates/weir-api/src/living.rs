//! What is live, on this node and on others.

use std::collections::HashMap;

use weir_cluster::run::Cluster;
use weir_hub::Hub;

/// All streams without a virtual host that are live, by app and name, with the viewers that are known of here.
pub(crate) fn all_live(hub: &Hub, cluster: &Cluster) -> HashMap<(String, String), u32> {
    let mut live: HashMap<(String, String), u32> = cluster.with(|member, _| {
        let owned = member.view().nodes().flat_map(|node| node.owns());
        let name = |key: &str| {
            let path = match key.split_once(':') {
                None => key,
                Some(("", path)) => path,
                Some(_) => return None,
            };
            let (app, name) = path.rsplit_once('/')?;
            Some(((app.to_owned(), name.to_owned()), 0))
        };
        owned
            .filter_map(|stream| name(stream.key.as_str()))
            .collect()
    });
    for stream in hub.streams() {
        let name = &stream.name;
        if stream.is_live() && name.vhost().is_empty() {
            let key = (name.app().to_owned(), name.stream().to_owned());
            live.insert(key, stream.all_viewers());
        }
    }
    live
}
