//! HTTP requests from this node to another, over a connection each.

use std::time::Duration;

use bytes::Bytes;
use weir_base::{Code, Refusal};
use weir_link::dial::Dialer;
use weir_link::http::{Answer, Body, BodyLimits, HttpClient};
use weir_link::node::{NodeClient, NodeRequest};

use super::Node;

pub(super) use weir_link::node::{refusal_in, refusal_of};

/// For the head of an answer that need not wait for anything, and between two pieces of its body.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks, and gives the answer whatever its status.
///
/// # Errors
/// 5002 when the node cannot be reached or does not answer in time.
pub(super) async fn ask(node: &Node, request: NodeRequest<'_>) -> Result<Answer, Refusal> {
    client(node).send(request).await
}

/// What asks other nodes in the name of this one; its kept connections are its own.
pub(super) fn client(node: &Node) -> NodeClient {
    let core = node.core();
    let http = HttpClient::new(
        Dialer::to_nodes(),
        core.hub.clock().clone(),
        core.tasks.clone(),
        core.shutdown.clone(),
    );
    let settings = node.settings();
    NodeClient::new(http, settings.me.as_str(), settings.secret.clone())
}

/// A whole body of at most `limit_bytes`.
///
/// # Errors
/// 5002 when it breaks, stands still, or is longer.
pub(super) async fn read_all(body: Body, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let limits = BodyLimits {
        max_bytes: limit_bytes,
        piece_timeout: HEAD_TIMEOUT,
    };
    let read = body.read_all(limits).await;
    read.map_err(|error| Refusal::new(Code::OriginUnreachable, error.to_string()))
}
