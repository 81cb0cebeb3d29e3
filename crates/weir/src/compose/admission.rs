//! Where admission learns what the store says of apps, channels, keys and bans: on a node with a store from that,
//! on others from an api node, and so within seconds of each change.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::StatusCode;
use weir_admit::follow::{Fetched, Follower, Source};
use weir_admit::snapshot::Position;
use weir_api::{AdmissionSource, Happenings};
use weir_link::walk::{AnyNode, WalkRequest};
use weir_serve::Core;

use super::cluster::Joined;
use super::gate::Entrance;
use super::happenings::any_api_node;

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
    (happenings, secret): (Option<&Happenings>, &str),
    core: &Core,
) -> anyhow::Result<Option<Arc<AdmissionSource>>> {
    let clock = core.hub.clock().clone();
    let own =
        happenings.map(|own| Arc::new(AdmissionSource::new(own.store.clone(), clock, secret)));
    let told = own.as_ref().map(|own| own.told()).unwrap_or_default();
    let source: Arc<dyn Source> = match &own {
        Some(own) => own.clone(),
        // Alone and without a store there is nobody to ask.
        None if joined.node.settings().is_alone => return Ok(None),
        None => Arc::new(ApiNodes(any_api_node(joined, core))),
    };
    let file = data.join(COPY_FILE);
    let rulebook = entrance.gate().rulebook().clone();
    let follower = Follower::open(rulebook, &file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let stopping = core.shutdown.clone();
    let until = async move { stopping.stopping().await };
    let follow = follower.run(source, told, until);
    core.tasks.spawn("admission follower", follow);
    Ok(own)
}

/// The api nodes of the cluster, over HTTP.
struct ApiNodes(AnyNode);

impl Source for ApiNodes {
    fn fetch(&self, since: Option<Position>) -> Fetched<'_> {
        Box::pin(async move {
            let target = match since {
                None => "/api/v1/nodes/admission".to_owned(),
                Some(Position { series, version }) => {
                    format!("/api/v1/nodes/admission?series={series}&version={version}")
                }
            };
            let request = WalkRequest {
                target,
                json: String::new(),
                bytes: bytes::Bytes::new(),
                timeout: ANSWER_TIMEOUT,
                max_bytes: MAX_SNAPSHOT_BYTES,
            };
            let answer = self.0.ask(&request).await;
            let answer = answer.map_err(|error| error.to_string())?;
            Ok(match answer.status {
                StatusCode::NO_CONTENT => None,
                _ => Some(answer.body.to_vec()),
            })
        })
    }
}
