//! Where a node's reports go: to the recorder of the same process, or to an api node over HTTP.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use parking_lot::Mutex;
use weir_link::http::BodyLimits;
use weir_link::node::{NodeClient, NodeRequest, refusal_in};

use crate::report::{Reply, Report, target};

/// How long an api node may take to write a report down.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a reply: the ids of all streams that a node may hold.
const MAX_REPLY_BYTES: usize = 2 * 1024 * 1024;

/// Why a report was not taken: it is sent again, the same.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No node of the cluster writes down what happens.
    #[error("no api node is known: is one running, and cluster.secret the same there?")]
    Nobody,
    /// The one that was asked does not.
    #[error("{0}")]
    Refused(String),
}

/// What a desk says, after a while.
pub type DeskAnswer<'a> = Pin<Box<dyn Future<Output = Result<Reply, DeskError>> + Send + 'a>>;

/// Takes reports.
pub trait Desk: Send + Sync + 'static {
    /// Writes a report down.
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a>;
}

/// Says where the api nodes of a cluster are: scheme, host and port of each.
pub type FindDesks = Box<dyn Fn() -> Vec<String> + Send + Sync>;

/// Over HTTP, to one of the api nodes: the one that answered last, else the next.
pub struct RemoteDesk {
    client: NodeClient,
    find: FindDesks,
    last: Mutex<Option<Arc<str>>>,
}

impl RemoteDesk {
    /// Reports go in the name of this `client`.
    pub fn new(client: NodeClient, find: FindDesks) -> Self {
        Self {
            client,
            find,
            last: Mutex::default(),
        }
    }

    async fn send(&self, base: &str, json: &str) -> Result<Reply, DeskError> {
        let target = target(json.as_bytes());
        let request = NodeRequest {
            base,
            method: Method::POST,
            target: &target,
            headers: HeaderMap::new(),
            head_timeout: ANSWER_TIMEOUT,
        };
        let limits = BodyLimits {
            max_bytes: MAX_REPLY_BYTES,
            piece_timeout: ANSWER_TIMEOUT,
        };
        let answer = self.client.post(request, json.to_owned(), limits).await;
        let answer = answer.map_err(|refusal| DeskError::Refused(refusal.to_string()))?;
        if !answer.status.is_success() {
            let refusal = refusal_in(base, answer.status, &answer.headers, &answer.body);
            return Err(DeskError::Refused(format!("{base}: {refusal}")));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            DeskError::Refused(format!("{base} answers what is no reply: {error}"))
        })
    }
}

impl Desk for RemoteDesk {
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a> {
        Box::pin(async move {
            let json = serde_json::to_string(report)
                .map_err(|error| DeskError::Refused(error.to_string()))?;
            let mut desks = (self.find)();
            desks.sort();
            let last = self.last.lock().clone();
            if let Some(at) = last.and_then(|last| desks.iter().position(|desk| **desk == *last)) {
                desks.rotate_left(at);
            }
            let mut outcome = Err(DeskError::Nobody);
            for desk in desks {
                outcome = self.send(&desk, &json).await;
                if outcome.is_ok() {
                    *self.last.lock() = Some(desk.into());
                    break;
                }
            }
            outcome
        })
    }
}

impl std::fmt::Debug for RemoteDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteDesk")
    }
}
