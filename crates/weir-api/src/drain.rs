//! `POST /api/v1/drain`: this node takes nobody new and moves those it has. It goes on running: whoever
//! stops it looks at `GET /api/v1/drain` until nobody is left.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_cluster::drain::Remaining;

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, read_json};
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Characters of a name of who drains, and of an order: more is cut.
const MAX_BY_CHARS: usize = 64;

/// Who asks, as far as it says; a person need say nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "by": "the autoscaler" }))]
struct DrainOrder {
    /// Who asks.
    by: Option<String>,
    /// Which order of theirs this is, for the log.
    order: Option<String>,
    /// The life of the node that is meant: a node that was restarted since is not.
    boot: Option<u64>,
}

/// How far a drain is.
#[derive(Debug, Serialize, ToSchema)]
struct DrainProgress {
    /// It has begun.
    draining: bool,
    /// Who asked first, where it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    by: Option<String>,
    /// Publishers still here.
    publishers: u64,
    /// Viewers still here; other nodes' pulls not counted.
    viewers: u64,
    /// Nobody is left whom stopping the process would hurt.
    empty: bool,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(look, begin))
}

/// Empty this node
///
/// It takes nobody new and moves those it has; once more is no harm. Whoever stops the process looks until
/// `empty`. `If-Match` with the tag of `GET`, or `boot`, names the life of the node that is meant.
#[utoipa::path(post, path = "/api/v1/drain", tag = "cluster", operation_id = "drain_begin",
    request_body(content = Option<DrainOrder>, description = "May be left out"),
    params(("If-Match" = Option<String>, Header, description = "The tag of the life that is meant")),
    responses(
        (status = 200, description = "How far it is", body = DrainProgress),
        (status = 409, description = "Another life of this node was meant by `boot`",
            content((DrainProgress = "application/json"), (Problem = "application/problem+json"))),
        (status = 412, description = "Another life of this node was meant by `If-Match`",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn begin(
    Extract(state): Extract<State>,
    actor: Actor,
    asked: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let order = match body.as_ref() {
        [] => DrainOrder::default(),
        json => read_json::<Option<DrainOrder>>(json)?.unwrap_or_default(),
    };
    let boot = boot(&state);
    life(boot).admits(&asked)?;
    if order.boot.is_some_and(|meant| meant != boot) {
        return Ok((StatusCode::CONFLICT, Json(progress(&state))).into_response());
    }
    if !state.shutdown.is_draining() {
        let short = |words: String| words.chars().take(MAX_BY_CHARS).collect::<String>();
        let (by, order) = (order.by.map(short), order.order.map(short));
        tracing::info!(?by, ?order, "told to drain");
        *state.drained_by().lock() = by;
    }
    state.shutdown.drain();
    let node = state.node.clone();
    actor.did(&state, Acted::plain("node.drain", &node)).await?;
    Ok(Json(progress(&state)).into_response())
}

/// How far it is
#[utoipa::path(get, path = "/api/v1/drain", tag = "cluster", operation_id = "drain_progress",
    responses((status = 200, description = "How far it is", body = DrainProgress)),
)]
async fn look(Extract(state): Extract<State>) -> Response {
    life(boot(&state)).on(Json(progress(&state)))
}

/// Drawn at each start of the process.
fn boot(state: &State) -> u64 {
    state.cluster.cluster.with(|member, _| member.record().boot)
}

fn life(boot: u64) -> Etag {
    Etag::of(boot.to_be_bytes())
}

fn progress(state: &State) -> DrainProgress {
    let served = state.hub.headcount();
    let remaining = Remaining {
        publishers: served.publishers + served.handed_on,
        viewers: served.viewers,
    };
    DrainProgress {
        draining: state.shutdown.is_draining(),
        by: state.drained_by().lock().clone(),
        publishers: remaining.publishers,
        viewers: remaining.viewers,
        empty: remaining.is_nobody(),
    }
}
