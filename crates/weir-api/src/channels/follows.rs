//! Following a channel: `/api/v1/channels/{name}/follow`, and what somebody follows.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_store::channels::{Follower, Visibility};

use super::doors::{Wish, open, standing};
use super::{ChannelShown, known_live};
use crate::acts::names_of;
use crate::asked::{Page, PageParams, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind};

/// Channels on one page of what somebody follows.
const PAGE: u32 = 50;

/// What somebody follows.
#[derive(Debug, Serialize, ToSchema)]
struct Following {
    /// What was followed last comes first.
    items: Vec<ChannelShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// Somebody who follows.
#[derive(Debug, Serialize, ToSchema)]
struct FollowerShown {
    /// Id of the account.
    id: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    since_ms: i64,
}

/// Who follows a channel.
#[derive(Debug, Serialize, ToSchema)]
struct FollowerList {
    /// The newest first.
    items: Vec<FollowerShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What its owner and its editors may ask.
pub(crate) fn team_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(followers))
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(follow, leave))
        .routes(routes!(following))
}

/// Follow a channel
///
/// Once more is no harm.
#[utoipa::path(put, path = "/api/v1/channels/{name}/follow", tag = "channels", operation_id = "follow",
    params(("name" = String, Path, description = "The channel")),
    responses(
        StoreAway,
        (status = 204, description = "It is followed"),
        NotThere,
        (status = 409, description = "They follow as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn follow(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::See).await?;
    store
        .channels()
        .follow(account_of(&caller)?, &channel)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follow a channel no more
#[utoipa::path(delete, path = "/api/v1/channels/{name}/follow", tag = "channels", operation_id = "unfollow",
    params(("name" = String, Path, description = "The channel")),
    responses(StoreAway, (status = 204, description = "It is not followed"), NotThere),
)]
async fn leave(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::See).await?;
    store
        .channels()
        .unfollow(account_of(&caller)?, &channel)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What I follow
#[utoipa::path(get, path = "/api/v1/me/following", tag = "channels", operation_id = "following",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "The channels", body = Following)),
)]
async fn following(
    Extract(state): Extract<State>,
    caller: Caller,
    page: Page,
) -> Result<Json<Following>, Refused> {
    let store = state.store()?;
    let account = account_of(&caller)?;
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let follows = store.channels().follows(account, before, limit + 1).await?;
    let (follows, next) = Page::full(follows, limit, |follow| follow.id.to_string());
    let live = known_live(&state);
    let places: Vec<_> = follows
        .iter()
        .map(|follow| (follow.owner_id, follow.channel_id))
        .collect();
    let mut channels = store.channels().by_ids(&places).await?;
    let mut items = Vec::with_capacity(follows.len());
    for follow in follows {
        // One that is not there went while this list was read.
        let Some(channel) = channels.remove(&follow.channel_id) else {
            continue;
        };
        // What has become private is not there for who only follows it.
        let is_seen = channel.visibility != Visibility::Private
            || standing(store, Some(&caller), &channel)
                .await?
                .sees(&channel);
        if is_seen {
            items.push(ChannelShown::new(channel, &live));
        }
    }
    Ok(Json(Following { items, next }))
}

/// Who follows a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/followers", tag = "channels", operation_id = "followers",
    params(("name" = String, Path, description = "The channel"), PageParams),
    responses(StoreAway, (status = 200, description = "They", body = FollowerList), NotThere),
)]
async fn followers(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
    page: Page,
) -> Result<Json<FollowerList>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Edit).await?;
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let found = store.channels();
    let found = found.followers(channel.id, before, limit + 1).await?;
    let (found, next) = Page::full(found, limit, |one| one.id.to_string());
    let names = names_of(&state, found.iter().map(|one| one.user_id)).await;
    let shown = |one: Follower| FollowerShown {
        id: one.user_id.to_string(),
        name: names.get(&one.user_id).cloned(),
        since_ms: one.id.at_ms(),
    };
    Ok(Json(FollowerList {
        items: found.into_iter().map(shown).collect(),
        next,
    }))
}
