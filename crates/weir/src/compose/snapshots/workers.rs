//! Keyframes of a cluster's origins are decoded by nodes with the role `worker`: by the one that has the fewest of this
//! node, else by the next. Where nobody takes one there is no picture, and that is counted: nothing waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use weir_api::{ANSWER_PROOF, answer_target};
use weir_base::urls::sealed;
use weir_base::{Clock, ids};
use weir_cluster::record::Scope;
use weir_cluster::run::Cluster;
use weir_cluster::view::Health;
use weir_cluster::{Role, Scheme};
use weir_link::http::{BodyLimits, WholeAnswer};
use weir_link::node::{NodeClient, NodeRequest, refusal_in};
use weir_link::proof;
use weir_serve::Core;
use weir_snap::{
    DEVELOP_PATH, Develop, Developing, MAX_CARRIED_BYTES, Picture, Shot, Spoilt, put_shot,
    read_answer,
};

use crate::compose::cluster::Joined;
use crate::compose::happenings::node_client;

/// For a worker's answer, which may have to start a decoder first.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Workers that one keyframe is offered to.
const OFFERS: usize = 3;
/// Microseconds for which a worker that failed is asked after all others.
const REST_US: i64 = 3_000_000;
/// Of an id.
const ID_BYTES: usize = 16;

/// The workers of the cluster, as an origin uses them.
pub(super) struct Workers {
    cluster: Cluster,
    client: NodeClient,
    secret: Arc<str>,
    clock: Clock,
    standing: Mutex<HashMap<String, Standing>>,
}

/// How a worker does.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// Keyframes of this node that are with it.
    at_work: usize,
    rests_until_us: i64,
}

/// A worker that can be asked.
struct Worker {
    id: String,
    url: String,
}

impl Workers {
    pub(super) fn new(joined: &Joined, core: &Core) -> Self {
        Self {
            cluster: joined.cluster.clone(),
            client: node_client(joined, core),
            secret: joined.node.settings().secret.clone(),
            clock: core.hub.clock().clone(),
            standing: Mutex::default(),
        }
    }

    /// Whom to ask, the best first.
    fn in_order(&self) -> Vec<Worker> {
        let now_us = self.clock.now_us();
        let mut workers = workers(&self.cluster);
        let mut standing = self.standing.lock();
        standing.retain(|id, _| workers.iter().any(|worker| worker.id == *id));
        workers.sort_by_key(|worker| {
            let one = standing.get(&worker.id).copied().unwrap_or_default();
            (one.rests_until_us > now_us, one.at_work, worker.id.clone())
        });
        workers.truncate(OFFERS);
        workers
    }

    async fn offer(&self, worker: &Worker, id: &str, body: &Bytes) -> Offered {
        let place = |change: fn(&mut Standing)| {
            change(self.standing.lock().entry(worker.id.clone()).or_default());
        };
        place(|one| one.at_work += 1);
        let answer = self.ask(worker, id, body).await;
        place(|one| one.at_work = one.at_work.saturating_sub(1));
        if answer.is_err() {
            let until_us = self.clock.now_us() + REST_US;
            let mut standing = self.standing.lock();
            standing
                .entry(worker.id.clone())
                .or_default()
                .rests_until_us = until_us;
        }
        answer
    }

    async fn ask(&self, worker: &Worker, id: &str, body: &Bytes) -> Offered {
        let target = sealed(DEVELOP_PATH, body);
        let request = NodeRequest {
            base: &worker.url,
            method: Method::POST,
            target: &target,
            headers: HeaderMap::new(),
            head_timeout: ANSWER_TIMEOUT,
        };
        let limits = BodyLimits {
            max_bytes: MAX_CARRIED_BYTES,
            piece_timeout: ANSWER_TIMEOUT,
        };
        let asked = self.client.post_bytes(request, body.clone(), limits).await;
        let answer = asked.map_err(|refusal| refusal.to_string())?;
        if answer.status != StatusCode::OK {
            let refusal = refusal_in(&worker.url, answer.status, &answer.headers, &answer.body);
            return Err(format!("{}: {refusal}", worker.id));
        }
        self.is_proved(worker, id, &answer)?;
        read_answer(answer.body, id).map_err(|unread| format!("{}: {unread}", worker.id))
    }

    /// Whoever listens where a worker should shows no picture of its own.
    fn is_proved(&self, worker: &Worker, id: &str, answer: &WholeAnswer) -> Result<(), String> {
        let proof = answer.headers.get(ANSWER_PROOF);
        let proof = proof.and_then(|value| value.to_str().ok());
        let target = answer_target(id, &answer.body);
        match proof::asker(&self.secret, &target, proof) {
            Ok(node) if node == worker.id => Ok(()),
            Ok(node) => Err(format!("{node} answers where {} should", worker.id)),
            Err(refusal) => Err(format!(
                "{} does not prove its answer: {refusal}",
                worker.id
            )),
        }
    }
}

/// What a worker made of a keyframe, or why it says nothing of it.
type Offered = Result<Result<Picture, Spoilt>, String>;

impl Develop for Workers {
    fn develop(&self, shot: Shot) -> Developing<'_> {
        Box::pin(async move {
            let id = ids::random_bytes::<ID_BYTES>();
            let id = id.map_err(|error| Spoilt::Away(error.to_string()))?;
            let id = ids::hex(&id);
            // Hiding by a keyframe that nobody takes must not pay.
            let large =
                || Spoilt::Undecodable("its keyframe is larger than any that is sent".into());
            let body = put_shot(&id, &shot).ok_or_else(large)?;
            let mut why = why_none(&self.cluster).unwrap_or_default();
            for worker in self.in_order() {
                match self.offer(&worker, &id, &body).await {
                    Ok(Err(Spoilt::Away(words))) => why = format!("{}: {words}", worker.id),
                    Ok(developed) => return developed,
                    Err(words) => why = words,
                }
                tracing::debug!(stream = %shot.name, "a keyframe is not taken: {why}");
            }
            Err(Spoilt::Away(why))
        })
    }

    fn why_off(&self) -> Option<String> {
        // Each picture that would be due is counted.
        None
    }
}

/// Why nobody decodes; none where somebody does.
pub(super) fn why_none(cluster: &Cluster) -> Option<String> {
    let words =
        "no node with the role worker is known: they decode keyframes of a cluster's origins";
    workers(cluster).is_empty().then(|| words.to_owned())
}

/// Those that take work.
fn workers(cluster: &Cluster) -> Vec<Worker> {
    let http = [Scheme::Http, Scheme::Https];
    cluster.with(|member, _| {
        let nodes = member.view().with_role(Role::Worker, None, None);
        let taking = nodes.filter(|node| node.health == Health::Alive);
        let found = taking.filter_map(|node| {
            let record = node.record.as_ref().filter(|record| !record.draining)?;
            let address = record.address(&http, Scope::Internal, None)?;
            Some(Worker {
                id: record.id.to_string(),
                url: address.url.clone(),
            })
        });
        found.collect()
    })
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Workers")
    }
}
