//! What of a recording other nodes are given: all that is known of it, and bytes of its blocks.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use weir_base::{Code, Refusal};
use weir_record::block::{BlockName, MAX_BLOCK_BYTES};
use weir_record::{Recording, manifest};

use super::asked::HlsRequest;
use super::replay::blocking;
use crate::reply::{Body, full};

/// It is kept by nobody between.
const NODES_CACHING: HeaderValue = HeaderValue::from_static("no-store");

/// All that is known of a recording.
pub(super) async fn view_for_nodes(recording: Arc<Recording>) -> Result<Response<Body>, Refusal> {
    let told = blocking(move || {
        let view = recording.view()?;
        manifest::encode(&view).map_err(std::io::Error::other)
    });
    Ok(for_nodes(told.await?.into()))
}

/// Bytes of a block of it.
pub(super) async fn block_for_nodes(
    recording: Arc<Recording>,
    name: BlockName,
    asked: &HlsRequest<'_>,
) -> Result<Response<Body>, Refusal> {
    let place = place(asked)?;
    let found = blocking(move || {
        let view = recording.view()?;
        let block = view.blocks.iter().find(|block| block.name == name);
        recording.read(block.ok_or(std::io::ErrorKind::NotFound)?, place)
    });
    Ok(for_nodes(found.await?))
}

fn for_nodes(bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NODES_CACHING);
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    response
}

/// `?from=` and `?to=`, bytes of a block.
fn place(asked: &HlsRequest<'_>) -> Result<std::ops::Range<u32>, Refusal> {
    let at = |name: &'static str| {
        let at: Option<u32> = asked.parameter(name).and_then(|text| text.parse().ok());
        at.filter(|at| (*at as usize) <= MAX_BLOCK_BYTES)
            .ok_or_else(|| {
                Refusal::new(
                    Code::ProtocolError,
                    format!("{name} is no place in a block"),
                )
            })
    };
    let (from, to) = (at("from")?, at("to")?);
    match from <= to {
        true => Ok(from..to),
        false => Err(Refusal::new(Code::ProtocolError, "from is behind to")),
    }
}
