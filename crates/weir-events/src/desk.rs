//! Where a node's reports go: to the recorder of the same process, or to an api node over HTTP.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use weir_link::walk::{AnyNode, Unserved, WalkRequest};

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

/// Over HTTP, to one of the api nodes.
pub struct RemoteDesk(AnyNode);

impl RemoteDesk {
    /// Reports go to one of these `nodes`.
    pub const fn new(nodes: AnyNode) -> Self {
        Self(nodes)
    }
}

impl Desk for RemoteDesk {
    fn take<'a>(&'a self, report: &'a Report) -> DeskAnswer<'a> {
        Box::pin(async move {
            let json = serde_json::to_string(report)
                .map_err(|error| DeskError::Refused(error.to_string()))?;
            let request = WalkRequest {
                target: target(json.as_bytes()),
                json,
                timeout: ANSWER_TIMEOUT,
                max_bytes: MAX_REPLY_BYTES,
            };
            let answer = self.0.ask(&request).await.map_err(|error| match error {
                Unserved::Nobody => DeskError::Nobody,
                Unserved::Refused(words) => DeskError::Refused(words),
            })?;
            serde_json::from_slice(&answer.body).map_err(|error| {
                DeskError::Refused(format!("an api node answers what is no reply: {error}"))
            })
        })
    }
}

impl std::fmt::Debug for RemoteDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteDesk")
    }
}
