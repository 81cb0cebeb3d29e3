//! Asking any of several nodes: the one that answered last, else the next, until one does it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use serde::Serialize;
use weir_base::Code;
use weir_base::urls::sealed;

use crate::http::{BodyLimits, WholeAnswer};
use crate::node::{NodeClient, NodeRequest, refusal_in};

/// Says where the nodes are: scheme, host and port of each.
pub type FindNodes = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// What is asked of any of them.
#[derive(Debug, Clone)]
pub struct WalkRequest {
    /// Path and query.
    pub target: String,
    /// JSON to send; empty where there is none.
    pub json: String,
    /// Bytes to send that are no JSON; without either it is a GET.
    pub bytes: Bytes,
    /// How long one node may take for the head of its answer, and between two pieces of it.
    pub timeout: Duration,
    /// Bytes of an answer.
    pub max_bytes: usize,
}

impl WalkRequest {
    /// Something to be told at `path`, in JSON that the proof covers.
    ///
    /// # Errors
    /// What no JSON can say.
    pub fn tell(
        path: &str,
        told: &impl Serialize,
        timeout: Duration,
        max_bytes: usize,
    ) -> serde_json::Result<Self> {
        let json = serde_json::to_string(told)?;
        Ok(Self {
            target: sealed(path, json.as_bytes()),
            json,
            bytes: Bytes::new(),
            timeout,
            max_bytes,
        })
    }

    /// Bytes to be sent to `path`, which the proof covers.
    pub fn send(path: &str, bytes: Bytes, timeout: Duration, max_bytes: usize) -> Self {
        Self {
            target: sealed(path, &bytes),
            json: String::new(),
            bytes,
            timeout,
            max_bytes,
        }
    }
}

/// Why none did it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// No node is known.
    #[error("no api node is known: is one running, and cluster.secret the same there?")]
    Nobody,
    /// The last one says that there is no such thing.
    #[error("{0}")]
    Missing(String),
    /// What the last one said.
    #[error("{0}")]
    Refused(String),
}

/// Any of several nodes that do the same.
pub struct AnyNode {
    client: NodeClient,
    find: FindNodes,
    last: Mutex<Option<Arc<str>>>,
}

impl AnyNode {
    /// Of those that `find` says, asked by `client`.
    pub fn new(client: NodeClient, find: FindNodes) -> Self {
        Self {
            client,
            find,
            last: Mutex::default(),
        }
    }

    /// Asks one after the other until one answers with a status of success.
    ///
    /// # Errors
    /// [`Unserved`].
    pub async fn ask(&self, request: &WalkRequest) -> Result<WholeAnswer, Unserved> {
        let mut outcome = Err(Unserved::Nobody);
        for base in self.in_order() {
            outcome = self.ask_one(&base, request).await;
            if outcome.is_ok() {
                *self.last.lock() = Some(base.into());
                break;
            }
        }
        outcome
    }

    fn in_order(&self) -> Vec<String> {
        let mut nodes = (self.find)();
        nodes.sort();
        nodes.dedup();
        let last = self.last.lock().clone();
        if let Some(at) = last.and_then(|last| nodes.iter().position(|node| **node == *last)) {
            nodes.rotate_left(at);
        }
        nodes
    }

    async fn ask_one(&self, base: &str, asked: &WalkRequest) -> Result<WholeAnswer, Unserved> {
        let request = NodeRequest {
            base,
            method: match asked.json.is_empty() && asked.bytes.is_empty() {
                true => Method::GET,
                false => Method::POST,
            },
            target: &asked.target,
            headers: HeaderMap::new(),
            head_timeout: asked.timeout,
        };
        let limits = BodyLimits {
            max_bytes: asked.max_bytes,
            piece_timeout: asked.timeout,
        };
        let answer = match (asked.json.is_empty(), asked.bytes.is_empty()) {
            (true, true) => self.client.fetch(request, limits).await,
            (false, _) => self.client.post(request, asked.json.clone(), limits).await,
            (true, false) => {
                let bytes = asked.bytes.clone();
                self.client.post_bytes(request, bytes, limits).await
            }
        };
        let answer = answer.map_err(|refusal| Unserved::Refused(refusal.to_string()))?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(answer),
            status => {
                let refusal = refusal_in(base, status, &answer.headers, &answer.body);
                let words = format!("{base}: {refusal}");
                Err(match refusal.code {
                    Code::NotFound => Unserved::Missing(words),
                    _ => Unserved::Refused(words),
                })
            }
        }
    }
}

impl std::fmt::Debug for AnyNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyNode")
    }
}
