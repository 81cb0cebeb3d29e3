//! Where admission learns what the store says of apps, channels, keys and bans: on a node with a store from that,
//! on others from an api node, and so within seconds of each change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::Notify;
use weir_admit::follow::{Fetched, Follower, Source};
use weir_admit::snapshot::Position;
use weir_api::{AdmissionSource, Happenings};
use weir_cluster::run::Cluster;
use weir_link::http::BodyLimits;
use weir_link::node::{NodeClient, NodeRequest, refusal_in};
use weir_serve::Core;

use super::cluster::Joined;
use super::gate::Entrance;
use super::happenings::{api_nodes, node_client};

/// What this node knew when it ended, in the data folder: a restart begins with it.
const COPY_FILE: &str = "admission.snapshot";
/// Of an answer: a million keys are some 70 MB.
const MAX_SNAPSHOT_BYTES: usize = 256 * 1024 * 1024;
/// For the head of an answer; a whole snapshot of a large site is made first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Has the gate follow the store: this node's own, or that of the api nodes of its cluster. Gives what this node
/// tells others from.
pub(super) fn follow(
    data: &Path,
    entrance: &Entrance,
    joined: &Joined,
    happenings: Option<&Happenings>,
    core: &Core,
) -> anyhow::Result<Option<Arc<AdmissionSource>>> {
    let clock = core.hub.clock().clone();
    let own = happenings.map(|own| Arc::new(AdmissionSource::new(own.store.clone(), clock)));
    let source: Arc<dyn Source> = match &own {
        Some(own) => own.clone(),
        // Alone and without a store there is nobody to ask.
        None if joined.node.settings().is_alone => return Ok(None),
        None => Arc::new(ApiNodes {
            client: node_client(joined, core),
            cluster: joined.cluster.clone(),
        }),
    };
    let file = data.join(COPY_FILE);
    let rulebook = entrance.gate().rulebook().clone();
    let follower = Follower::open(rulebook, &file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let stopping = core.shutdown.clone();
    let until = async move { stopping.stopping().await };
    let follow = follower.run(source, Arc::new(Notify::new()), until);
    core.tasks.spawn("admission follower", follow);
    Ok(own)
}

/// The api nodes of the cluster, over HTTP.
struct ApiNodes {
    client: NodeClient,
    cluster: Cluster,
}

impl ApiNodes {
    async fn ask(&self, base: &str, target: &str) -> Result<Option<Vec<u8>>, String> {
        let request = NodeRequest {
            base,
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
            head_timeout: ANSWER_TIMEOUT,
        };
        let limits = BodyLimits {
            max_bytes: MAX_SNAPSHOT_BYTES,
            piece_timeout: ANSWER_TIMEOUT,
        };
        let answer = self.client.fetch(request, limits).await;
        let answer = answer.map_err(|refusal| refusal.to_string())?;
        match answer.status {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK => Ok(Some(answer.body.to_vec())),
            status => {
                let refusal = refusal_in(base, status, &answer.headers, &answer.body);
                Err(format!("{base}: {refusal}"))
            }
        }
    }
}

impl Source for ApiNodes {
    fn fetch(&self, since: Option<Position>) -> Fetched<'_> {
        Box::pin(async move {
            let target = match since {
                None => "/api/v1/nodes/admission".to_owned(),
                Some(Position { series, version }) => {
                    format!("/api/v1/nodes/admission?series={series}&version={version}")
                }
            };
            let mut nodes = api_nodes(&self.cluster);
            nodes.sort();
            let mut outcome = Err("no api node is known".to_owned());
            for base in nodes {
                outcome = self.ask(&base, &target).await;
                if outcome.is_ok() {
                    break;
                }
            }
            outcome
        })
    }
}
