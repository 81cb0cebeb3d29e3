//! Where a node's reports go: to the recorder of the same process, or to an api node over HTTP.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use weir_link::walk::{AnyNode, Unserved, WalkRequest};

use crate::report::{PATH, Reply, Report};

/// How long an api node may take to write a report down.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of a reply: the ids of all streams that a node may hold.
const MAX_REPLY_BYTES: usize = 2 * 1024 * 1024;

/// What a desk says, after a while. What was not taken is sent again, the same.
pub type DeskAnswer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Unserved>> + Send + 'a>>;

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
            let request = WalkRequest::tell(PATH, report, ANSWER_TIMEOUT, MAX_REPLY_BYTES)
                .map_err(|error| Unserved::Refused(error.to_string()))?;
            let answer = self.0.ask(&request).await?;
            serde_json::from_slice(&answer.body).map_err(|error| {
                Unserved::Refused(format!("an api node answers what is no reply: {error}"))
            })
        })
    }
}

impl std::fmt::Debug for RemoteDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteDesk")
    }
}
