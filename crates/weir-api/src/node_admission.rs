//! `GET /api/v1/nodes/admission`: what admission is to know, for nodes without a store.

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::follow::Source as _;
use weir_admit::snapshot::Position;
use weir_base::Code;

use crate::asked::QueryParts;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Bytes of a store's life as another node names it: an id.
const MAX_SERIES_BYTES: usize = 64;

/// What the asking node knows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// The store's life that it goes by; left out by a node that knows nothing.
    #[param(max_length = 64)]
    series: Option<String>,
    /// The newest change of it that it knows.
    version: Option<u64>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(admission))
}

/// What admission is to know
///
/// For nodes of the cluster: all of it, or what changed since what they know.
#[utoipa::path(get, path = "/api/v1/nodes/admission", tag = "cluster", operation_id = "node_admission",
    params(Since),
    responses(
        (status = 200, description = "weir's own: a snapshot, or what changed", content_type = "application/gzip"),
        (status = 204, description = "Nothing has changed"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn admission(
    Extract(state): Extract<State>,
    QueryParts(since): QueryParts<Since>,
) -> Result<Response, Refused> {
    let source = state.admission.as_ref().ok_or_else(|| {
        let words = "this node has no store: ask one with the role api";
        Refused::new(Code::Unavailable, words)
    })?;
    let position = match (since.series, since.version) {
        (Some(series), Some(version)) if series.len() <= MAX_SERIES_BYTES => Some(Position {
            series: series.into(),
            version,
        }),
        (None, None) => None,
        _ => {
            let words = "series and version come together";
            return Err(Refused::field(Code::BadRequest, "series", words));
        }
    };
    let fetched = source.fetch(position).await.map_err(|error| {
        tracing::warn!("what admission is to know cannot be read: {error}");
        Refused::new(Code::Unavailable, "the store does not answer now")
    })?;
    let Some(bytes) = fetched else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let kind = HeaderValue::from_static("application/gzip");
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}
