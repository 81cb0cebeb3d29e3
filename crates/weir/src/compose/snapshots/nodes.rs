//! Other nodes that have to do with pictures: those that keep them for an origin, and those that own the streams whose
//! pictures somebody wants of an api node.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use weir_api::{ShotKept, ShotWanted, TakesElsewhere, TakingElsewhere};
use weir_base::urls::sealed;
use weir_base::{Code, StreamName};
use weir_cluster::record::Scope;
use weir_cluster::run::Cluster;
use weir_cluster::{LeaseKey, Scheme};
use weir_link::http::BodyLimits;
use weir_link::node::{NodeClient, NodeRequest, refusal_in};
use weir_link::walk::{AnyNode, WalkRequest};
use weir_serve::Core;
use weir_snap::{
    Caption, KEEP_PATH, Keep, Keeping, Kept, NotTaken, Picture, TAKE_PATH, put_picture,
};

use super::workers::why_none;
use crate::compose::cluster::Joined;
use crate::compose::happenings::{any_api_node, node_client};

/// For an api node to keep a picture.
const KEEP_TIMEOUT: Duration = Duration::from_secs(5);
/// For the owner of a stream to have a picture taken: as long as it lets somebody wait who asks it, and a little more.
const TAKE_TIMEOUT: Duration = Duration::from_secs(16);
/// Bytes of an answer.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Api nodes keep what was made of this node's shots.
pub(super) struct PictureKeepers(AnyNode);

impl PictureKeepers {
    pub(super) fn new(joined: &Joined, core: &Core) -> Self {
        Self(any_api_node(joined, core))
    }
}

impl Keep for PictureKeepers {
    fn keep<'a>(&'a self, caption: Caption, picture: Result<Picture, String>) -> Keeping<'a> {
        Box::pin(async move {
            let picture = picture.as_ref().map_err(String::as_str);
            let large = || "the picture is larger than any that is sent".to_owned();
            let body = put_picture(&caption, picture).ok_or_else(large)?;
            let request = WalkRequest::send(KEEP_PATH, body, KEEP_TIMEOUT, MAX_ANSWER_BYTES);
            let answer = self.0.ask(&request).await;
            let answer = answer.map_err(|unserved| unserved.to_string())?;
            kept(&answer.body)
        })
    }
}

fn kept(body: &[u8]) -> Result<Kept, String> {
    let odd = "an api node answers what is no picture's id";
    let said: ShotKept = serde_json::from_slice(body).map_err(|_| odd.to_owned())?;
    let id = said.id.parse().map_err(|_| odd.to_owned())?;
    Ok(Kept {
        id,
        fault: said.fault,
    })
}

/// Who owns the cluster's streams.
pub(super) struct OwnersElsewhere {
    cluster: Cluster,
    client: NodeClient,
}

impl OwnersElsewhere {
    pub(super) fn new(joined: &Joined, core: &Core) -> Self {
        Self {
            cluster: joined.cluster.clone(),
            client: node_client(joined, core),
        }
    }

    /// Where the stream's owner is reached by other nodes.
    fn owner(&self, name: &StreamName) -> Option<String> {
        let key = LeaseKey::of(name).ok()?;
        let http = [Scheme::Http, Scheme::Https];
        self.cluster.with(|member, _| {
            let view = member.view();
            let node = view.find(&view.owner(&key)?.node)?;
            let address = node
                .record
                .as_ref()?
                .address(&http, Scope::Internal, None)?;
            Some(address.url.clone())
        })
    }

    async fn ask(&self, base: &str, wanted: &ShotWanted) -> Result<Kept, NotTaken> {
        let away = |words: String| NotTaken::Away(words);
        let json = serde_json::to_string(wanted).map_err(|error| away(error.to_string()))?;
        let target = sealed(TAKE_PATH, json.as_bytes());
        let request = NodeRequest {
            base,
            method: Method::POST,
            target: &target,
            headers: HeaderMap::new(),
            head_timeout: TAKE_TIMEOUT,
        };
        let limits = BodyLimits {
            max_bytes: MAX_ANSWER_BYTES,
            piece_timeout: TAKE_TIMEOUT,
        };
        let answer = self.client.post(request, json, limits).await;
        let answer = answer.map_err(|refusal| away(refusal.to_string()))?;
        if answer.status == StatusCode::OK {
            return kept(&answer.body).map_err(away);
        }
        let refusal = refusal_in(base, answer.status, &answer.headers, &answer.body);
        Err(match refusal.code {
            Code::NotLive => NotTaken::NotLive,
            Code::Unprocessable => NotTaken::Undecodable(refusal.detail.into_owned()),
            _ => away(refusal.to_string()),
        })
    }
}

impl TakesElsewhere for OwnersElsewhere {
    fn take(&self, name: StreamName) -> TakingElsewhere<'_> {
        Box::pin(async move {
            let base = self.owner(&name).ok_or(NotTaken::NotLive)?;
            let wanted = ShotWanted {
                vhost: name.vhost().to_owned(),
                app: name.app().to_owned(),
                stream: name.stream().to_owned(),
            };
            Ok(self.ask(&base, &wanted).await?.id)
        })
    }

    fn why_off(&self) -> Option<String> {
        why_none(&self.cluster)
    }
}

impl std::fmt::Debug for OwnersElsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnersElsewhere")
    }
}
