//! Broadcasts: each publish from its beginning to its end, and the heartbeat of the app that answers for one.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, rfc3339};
use weir_store::broadcasts::{Broadcast, BroadcastFilter};

use crate::asked::{PathParts, QueryParts, at_most};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::id_of;
use weir_account::Right;

/// Broadcasts in one answer, where nobody says.
const DEFAULT_BROADCASTS: u32 = 50;
/// Broadcasts in one answer at most.
const MAX_BROADCASTS: u32 = 200;

/// Which broadcasts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct BroadcastsAsked {
    /// Of this app alone.
    #[param(required = false, nullable = false)]
    app: Option<String>,
    /// Of this stream alone, by its whole name, such as `live/demo`.
    #[param(required = false, nullable = false)]
    stream: Option<String>,
    /// Those that live, or those that are over; none for all.
    #[param(required = false, nullable = false)]
    live: Option<bool>,
    /// Broadcasts in the answer.
    #[param(minimum = 1, maximum = 200, required = false, nullable = false)]
    limit: Option<u32>,
    /// `next` of the answer before; none for the newest.
    #[param(required = false, nullable = false)]
    after: Option<String>,
}

/// One publish, from its beginning to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BroadcastSeen {
    /// The session of its events.
    id: String,
    app: String,
    /// The stream's whole name.
    stream: String,
    /// The node that owned it.
    node: String,
    /// How it was published.
    protocol: String,
    /// From where.
    address: String,
    /// When it began (RFC 3339).
    started_at: String,
    /// When it ended; null while it lives.
    ended_at: Option<String>,
    /// Why it ended, as a code of the registry.
    cause: Option<i64>,
    /// The code's name.
    cause_name: Option<&'static str>,
    /// Most viewers at once, known at its end.
    viewers_max: i64,
    /// Bytes from the publisher, known at its end.
    bytes_in: i64,
    /// Bytes to viewers, known at its end.
    bytes_out: i64,
    /// Its app has to send a heartbeat so often, milliseconds; 0: it need not.
    heartbeat_ms: i64,
}

/// Some broadcasts, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct BroadcastsSeen {
    items: Vec<BroadcastSeen>,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

impl From<Broadcast> for BroadcastSeen {
    fn from(one: Broadcast) -> Self {
        let is_over = one.ended_ms > 0;
        let code = u16::try_from(one.cause).ok().and_then(Code::from_number);
        Self {
            id: one.id.to_string(),
            app: one.app,
            stream: one.stream,
            node: one.node,
            protocol: one.protocol,
            address: one.address,
            started_at: rfc3339(one.started_ms),
            ended_at: is_over.then(|| rfc3339(one.ended_ms)),
            cause: is_over.then_some(one.cause),
            cause_name: code.map(Code::name),
            viewers_max: one.viewers_max,
            bytes_in: one.bytes_in,
            bytes_out: one.bytes_out,
            heartbeat_ms: one.heartbeat_ms,
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
}

pub(crate) fn heartbeat_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(heartbeat))
}

/// Broadcasts, newest first
#[utoipa::path(get, path = "/api/v1/broadcasts", tag = "events", operation_id = "broadcasts_list",
    params(BroadcastsAsked), responses(
    (status = 200, description = "Some of them", body = BroadcastsSeen),
    (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
))]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<BroadcastsAsked>,
) -> Result<Json<BroadcastsSeen>, Refused> {
    let limit = asked.limit.unwrap_or(DEFAULT_BROADCASTS);
    if !(1..=MAX_BROADCASTS).contains(&limit) {
        let words = format!("a page has from 1 to {MAX_BROADCASTS} things");
        return Err(Refused::field(Code::BadRequest, "limit", words));
    }
    let before = asked.after.as_deref().map(|text| {
        let words = "this is not what a page before called `next`";
        text.parse()
            .map_err(|_| Refused::field(Code::BadRequest, "after", words))
    });
    let before = before.transpose()?;
    let filter = BroadcastFilter {
        user_id: None,
        stream: asked.stream.as_deref(),
        app: asked.app.as_deref(),
        is_live: asked.live,
    };
    let store = &state.happenings()?.store;
    let rows = store.broadcasts().list(filter, before, limit + 1).await;
    let (rows, next) = at_most(rows?, limit, |row| row.id.to_string());
    let items = rows.into_iter().map(BroadcastSeen::from).collect();
    Ok(Json(BroadcastsSeen { items, next }))
}

/// One broadcast
#[utoipa::path(get, path = "/api/v1/broadcasts/{id}", tag = "events", operation_id = "broadcast",
    params(("id" = String, Path, description = "The session of its events")), responses(
    (status = 200, description = "The broadcast", body = BroadcastSeen),
    NotThere,
    (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
))]
async fn one(
    Extract(state): Extract<State>,
    PathParts(text): PathParts<String>,
) -> Result<Json<BroadcastSeen>, Refused> {
    let store = &state.happenings()?.store;
    let row = store.broadcasts().by_id(id_of(&text)?).await;
    Ok(Json(row?.into()))
}

/// Say that the app is there
///
/// Where its app has `heartbeat_ms`, a broadcast that is not spoken for in time is ended with 4012.
#[utoipa::path(post, path = "/api/v1/sessions/{id}/heartbeat", tag = "events", operation_id = "broadcast_heartbeat",
    params(("id" = String, Path, description = "The session of the broadcast's events")), responses(
    (status = 204, description = "It goes on"),
    NotThere,
    (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
))]
async fn heartbeat(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(text): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let id = id_of(&text)?;
    let store = &state.happenings()?.store;
    if !caller.rights.has(Right::EventsRead) {
        // Another's broadcast is as good as none.
        let row = store.broadcasts().by_id(id).await?;
        let own = caller.account.map(|id| id.to_string());
        if own.as_deref() != Some(row.user_id.as_str()) {
            return Err(Refused::new(
                Code::NotFound,
                "there is no such live broadcast",
            ));
        }
    }
    let heard = store.broadcasts().heard(id, store.now_ms()).await;
    heard?;
    Ok(StatusCode::NO_CONTENT)
}
