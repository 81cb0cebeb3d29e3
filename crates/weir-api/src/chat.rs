//! Chat from the site's own service: posting in any group, and reading what was posted.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use utoipa::{IntoParams, IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_chat::desk::{Ordered, Wanted, publish_ordered};
use weir_chat::{Denied, Deny, GroupName, House, Lane};

use crate::asked::{JsonBody, QueryParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// Posts in one answer, where nobody says.
const PAGE: usize = 50;

/// This node has no chat gateway.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
struct NoChat(Problem);

/// In whose name something is posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PostAuthor {
    /// The user's id.
    user: String,
    /// As others see it.
    name: String,
}

/// What is posted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "group": "r:live/demo", "kind": "gift", "data": { "id": "rocket", "n": 1 }, "key": "order-7" }))]
struct PostWanted {
    /// Where: `r:` and a room's name, `u:` and a user's id, `r:0` for everybody.
    group: String,
    /// What it is: a word of small letters, digits, dots and dashes.
    kind: String,
    /// `hi`: numbered, kept and recovered; `lo`: may be left out where there is too much. Without it the kind decides:
    /// `chat`, `like` and `enter` are `lo`, everything else is `hi`.
    #[serde(default)]
    lane: Option<String>,
    /// Any JSON.
    data: Value,
    /// Names the post: the same name again is the same post, for five minutes.
    #[serde(default)]
    key: Option<String>,
    /// In whose name; nobody's without it.
    #[serde(default)]
    from: Option<PostAuthor>,
    /// Sent again to who comes back, until it says that it has it. For the `hi` lane.
    #[serde(default)]
    receipt: bool,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
struct PostPlaced {
    /// Its name for ever.
    id: String,
    /// Its place in the `hi` lane; null in the `lo` lane.
    offset: Option<u64>,
    /// The group's numbering.
    epoch: String,
    /// The same was posted before.
    again: bool,
    /// There was too much in the `lo` lane: nobody got it.
    shed: bool,
}

/// Which posts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct HistoryAsked {
    /// Of this group.
    #[param(required = true, example = "r:live/demo")]
    group: String,
    /// Behind this place of the `hi` lane, oldest first; without it the latest of both lanes.
    #[param(required = false, nullable = false)]
    since: Option<u64>,
    /// So many at most, up to 100.
    #[param(required = false, nullable = false, minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// What a group remembers.
#[derive(Debug, Serialize, ToSchema)]
struct HistorySeen {
    /// The place of the latest post of the `hi` lane.
    offset: u64,
    /// The group's numbering.
    epoch: String,
    /// People here now, connections counted.
    online: u32,
    /// As they were pushed (docs/ref/chat.md).
    items: Vec<Value>,
}

pub(crate) fn publish_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(publish))
}

pub(crate) fn read_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(history))
}

/// Post in a group
///
/// In the name of the site or of a user; no room's mode and no user's measure hold it up.
#[utoipa::path(post, path = "/api/v1/chat/publish", tag = "chat", operation_id = "chat_publish",
    request_body = PostWanted,
    responses(NoChat, (status = 200, description = "It has its place", body = PostPlaced)),
)]
async fn publish(
    Extract(state): Extract<State>,
    JsonBody(wanted): JsonBody<PostWanted>,
) -> Result<Json<PostPlaced>, Refused> {
    let house = house(&state)?;
    let group = GroupName::new(&wanted.group).map_err(refused)?;
    let lane = match wanted.lane.as_deref() {
        None => None,
        Some("hi") => Some(Lane::Hi),
        Some("lo") => Some(Lane::Lo),
        Some(_) => return Err(Refused::new(Code::Unprocessable, "lane is hi or lo")),
    };
    let body = wanted.data.to_string();
    let ordered = Ordered {
        wanted: Wanted {
            kind: &wanted.kind,
            body: &body,
            once: wanted.key.as_deref(),
        },
        lane,
        from: wanted
            .from
            .as_ref()
            .map(|from| (from.user.as_str().into(), from.name.as_str())),
        wants_receipt: wanted.receipt,
    };
    let (answer, answered) = oneshot::channel();
    let answer = Box::new(move |result| drop(answer.send(result)));
    publish_ordered(&house, &group, &ordered, answer).map_err(refused)?;
    let away = |_| Refused::new(Code::Unavailable, "the post got no place");
    let placed = answered.await.map_err(away)?.map_err(refused)?;
    let placed = placed.ok_or_else(|| Refused::from(Code::Unavailable))?;
    Ok(Json(PostPlaced {
        id: placed.post.id.to_string(),
        offset: placed.post.offset,
        epoch: placed.epoch.to_string(),
        again: placed.is_again,
        shed: placed.is_shed,
    }))
}

/// What was posted in a group
///
/// As far as this node remembers it.
#[utoipa::path(get, path = "/api/v1/chat/history", tag = "chat", operation_id = "chat_history",
    params(HistoryAsked),
    responses(
        NoChat,
        (status = 200, description = "Some of it", body = HistorySeen),
        NotThere,
        (status = 409, description = "Some of it is not remembered any more",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn history(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<HistoryAsked>,
) -> Result<Json<HistorySeen>, Refused> {
    let house = house(&state)?;
    let wrong = |denied: Denied| Refused::new(Code::BadRequest, denied.words);
    let group = GroupName::new(&asked.group).map_err(wrong)?;
    let none = || Refused::new(Code::NotFound, "nothing was ever posted there");
    let room = house.find(&group).ok_or_else(none)?;
    if asked.since.is_some_and(|since| !room.has_all_behind(since)) {
        return Err(refused(Deny::Unrecoverable.into()));
    }
    let (posts, offset) = room.page(asked.since, asked.limit.unwrap_or(PAGE));
    let items = posts.iter().map(|post| post.line(room.group()));
    let items = items.filter_map(|line| serde_json::from_str(&line).ok());
    Ok(Json(HistorySeen {
        offset,
        epoch: room.epoch().to_string(),
        online: room.people(0).0,
        items: items.collect(),
    }))
}

fn house(state: &State) -> Result<Arc<House>, Refused> {
    let words = "this node has no chat gateway";
    let house = state.chat.clone();
    house.ok_or_else(|| Refused::new(Code::Unavailable, words))
}

/// What chat calls a refusal, as the API does.
fn refused(denied: Denied) -> Refused {
    let code = match denied.why {
        Deny::Internal | Deny::Unavailable => Code::Unavailable,
        Deny::Limit | Deny::Rate => Code::RateLimited,
        Deny::Unrecoverable => Code::Conflict,
        Deny::TooLong => Code::TooLarge,
        _ => Code::Unprocessable,
    };
    Refused::new(code, denied.words)
}
