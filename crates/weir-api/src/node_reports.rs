//! `POST /api/v1/nodes/report`: nodes that own streams tell what happens to them; they prove who they are.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use http::Uri;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_events::Report;

use crate::asked::{check_digest, read_json};
use crate::caller::{Caller, Means};
use crate::refused::{Problem, Refused};
use crate::state::State;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(report))
        .layer(axum::extract::DefaultBodyLimit::max(
            weir_events::MAX_REPORT_BYTES,
        ))
}

/// Tell what happens to a node's streams
///
/// For nodes of the cluster: the proof is over the address, which holds the body's digest.
#[utoipa::path(post, path = "/api/v1/nodes/report", tag = "cluster", operation_id = "node_report",
    request_body(content = Object, description = "weir's own: a report of its node"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        (status = 200, description = "It is written down; what the node shall do", body = Object),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn report(
    Extract(state): Extract<State>,
    caller: Caller,
    uri: Uri,
    body: Bytes,
) -> Result<Json<weir_events::Reply>, Refused> {
    // Who has the right is not yet a node: a report is taken in the name of the one who proves it.
    if caller.means != Means::Node {
        let words = "only nodes of the cluster report";
        return Err(Refused::new(Code::Forbidden, words));
    }
    check_digest(&uri, &body)?;
    let report: Report = read_json(&body)?;
    let recorder = &state.happenings()?.recorder;
    let reply = recorder.take(&caller.name, &report).await;
    Ok(Json(reply?))
}
