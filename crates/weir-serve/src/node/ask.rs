//! HTTP requests from this node to another: how long an answer may take, and how long it may be.

use std::time::Duration;

use bytes::Bytes;
use weir_base::{Code, Refusal};
use weir_link::http::{Body, BodyLimits};

pub(super) use weir_link::node::{refusal_in, refusal_of};

/// For the head of an answer that need not wait for anything, and between two pieces of its body.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(3);

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
