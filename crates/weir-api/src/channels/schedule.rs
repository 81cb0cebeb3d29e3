//! `/api/v1/channels/{name}/schedule`: broadcasts that are to come.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_store::channels::{ScheduledBroadcast, Timing};

use super::doors::{Wish, open};
use super::{MAX_ABOUT_BYTES, MAX_TITLE_CHARS, line};
use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Broadcasts told at once: the next ones.
const NEXT: u32 = 100;
/// Milliseconds that a broadcast stays in the list after its beginning.
const SHOWN_FOR_MS: i64 = 12 * 3_600_000;
/// The last millisecond that a calendar with four digits for the year knows.
const MAX_TIME_MS: i64 = 253_402_300_799_999;

/// A broadcast to be announced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Finals", "starts_ms": 1_800_000_000_000_i64 }))]
struct BroadcastWish {
    #[schema(max_length = 140)]
    title: String,
    /// In Markdown.
    #[serde(default)]
    description: String,
    /// Milliseconds since 1970.
    starts_ms: i64,
    /// Milliseconds since 1970; left out where nobody knows.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    ends_ms: Option<i64>,
}

/// A broadcast that is to come.
#[derive(Debug, Serialize, ToSchema)]
struct ComingBroadcast {
    id: String,
    title: String,
    /// In Markdown.
    description: String,
    starts_ms: i64,
    ends_ms: Option<i64>,
}

/// What is to come on a channel.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelSchedule {
    /// The next first.
    items: Vec<ComingBroadcast>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(announce))
        .routes(routes!(change, cancel))
}

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What is to come on a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/schedule", tag = "channels", operation_id = "schedule",
    params(("name" = String, Path, description = "The channel")),
    responses(
        StoreAway,
        (status = 200, description = "The next broadcasts", body = ChannelSchedule),
        (status = 401, description = "The credentials are nobody's, or no longer",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(name): PathParts<String>,
) -> Result<Json<ChannelSchedule>, Refused> {
    let store = state.store()?;
    let channel = open(store, caller.as_ref(), &name, Wish::See).await?;
    let from_ms = store.now_ms() - SHOWN_FOR_MS;
    let next = store.channels().scheduled(&channel, from_ms, NEXT).await?;
    Ok(Json(ChannelSchedule {
        items: next.into_iter().map(ComingBroadcast::from).collect(),
    }))
}

/// Announce a broadcast
#[utoipa::path(post, path = "/api/v1/channels/{name}/schedule", tag = "channels", operation_id = "schedule_add",
    params(("name" = String, Path, description = "The channel")),
    request_body = BroadcastWish,
    responses(
        StoreAway,
        (status = 201, description = "It is announced", body = ComingBroadcast),
        NotThere,
        (status = 409, description = "There are as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn announce(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<BroadcastWish>,
) -> Result<(StatusCode, Json<ComingBroadcast>), Refused> {
    let timing = wish.checked()?;
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    let made = store.channels().schedule(&channel, &timing).await?;
    let act = Acted::plain("schedule.add", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Say something else of a broadcast
#[utoipa::path(put, path = "/api/v1/channels/{name}/schedule/{id}", tag = "channels",
    operation_id = "schedule_change",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The broadcast"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant"),
    ),
    request_body = BroadcastWish,
    responses(
        StoreAway,
        (status = 200, description = "It is announced so", body = ComingBroadcast),
        NotThere,
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
    asked: HeaderMap,
    JsonBody(wish): JsonBody<BroadcastWish>,
) -> Result<Response, Refused> {
    let timing = wish.checked()?;
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    let old = store
        .channels()
        .scheduled_one(&channel, id_of(&id)?)
        .await?;
    tag(&old).admits(&asked)?;
    let channels = store.channels();
    let changed = channels.reschedule(&channel, old.id, old.version, &timing);
    let changed = changed.await?;
    let act = Acted::plain("schedule.change", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    let tag = tag(&changed);
    Ok(tag.on(Json(ComingBroadcast::from(changed))))
}

/// Take a broadcast back
#[utoipa::path(delete, path = "/api/v1/channels/{name}/schedule/{id}", tag = "channels",
    operation_id = "schedule_remove",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The broadcast"),
    ),
    responses(StoreAway, (status = 204, description = "It is announced no more"), NotThere),
)]
async fn cancel(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    store.channels().unschedule(&channel, id_of(&id)?).await?;
    let act = Acted::plain("schedule.remove", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tag(one: &ScheduledBroadcast) -> Etag {
    Etag::of(format!("{} {}", one.id, one.version))
}

impl BroadcastWish {
    fn checked(&self) -> Result<Timing<'_>, Refused> {
        let wrong = |field, words: &str| Err(Refused::field(Code::Unprocessable, field, words));
        line("title", &self.title, MAX_TITLE_CHARS)?;
        if self.title.trim().is_empty() {
            return wrong("title", "a broadcast has a title");
        }
        if self.description.len() > MAX_ABOUT_BYTES || self.description.contains('\0') {
            return wrong("description", "this is longer than is taken here");
        }
        if !(1..=MAX_TIME_MS).contains(&self.starts_ms) {
            return wrong("starts_ms", "this is no time, in milliseconds since 1970");
        }
        let ends_ms = self.ends_ms.unwrap_or(0);
        if self.ends_ms.is_some() && !(self.starts_ms..=MAX_TIME_MS).contains(&ends_ms) {
            return wrong("ends_ms", "a broadcast ends after it begins");
        }
        Ok(Timing {
            title: &self.title,
            description: &self.description,
            starts_ms: self.starts_ms,
            ends_ms,
        })
    }
}

impl From<ScheduledBroadcast> for ComingBroadcast {
    fn from(one: ScheduledBroadcast) -> Self {
        Self {
            id: one.id.to_string(),
            title: one.title,
            description: one.description,
            starts_ms: one.starts_ms,
            ends_ms: (one.ends_ms != 0).then_some(one.ends_ms),
        }
    }
}
