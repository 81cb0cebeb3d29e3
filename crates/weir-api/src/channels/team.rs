//! `/api/v1/channels/{name}/team`: who helps with a channel, and `/api/v1/me/teams`: with which one helps.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_store::channels::{Member, MemberRole};
use weir_store::{Id, StoreError};

use super::doors::{Wish, open};
use super::{ChannelShown, known_live};
use crate::acts::{Acted, Actor, names_of};
use crate::asked::{JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, id_of};

/// Who is to help, and as what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "account": "bob", "role": "moderator" }))]
struct MemberWish {
    /// The account's name.
    account: String,
    /// `editor`: changes what is said of the channel, its schedule and its keys. `moderator`: bans from it. `guest`:
    /// watches it, also where it is private.
    role: String,
}

/// Somebody who helps.
#[derive(Debug, Serialize, ToSchema)]
struct TeamMember {
    /// Id of the account.
    id: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    /// `editor`, `moderator` or `guest`.
    role: &'static str,
    since_ms: i64,
}

/// Who helps with a channel.
#[derive(Debug, Serialize, ToSchema)]
struct Team {
    /// In the order in which they came.
    items: Vec<TeamMember>,
}

/// A channel that one helps with.
#[derive(Debug, Serialize, ToSchema)]
struct HelpedChannel {
    #[serde(flatten)]
    channel: ChannelShown,
    /// `editor`, `moderator` or `guest`.
    role: &'static str,
}

/// Channels that one helps with.
#[derive(Debug, Serialize, ToSchema)]
struct OwnTeams {
    items: Vec<HelpedChannel>,
}

/// What its owner may.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(set))
}

/// What who helps may.
pub(crate) fn help_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(remove))
        .routes(routes!(own))
}

/// Who helps with a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/team", tag = "channels", operation_id = "team",
    params(("name" = String, Path, description = "The channel")),
    responses(StoreAway, (status = 200, description = "The team", body = Team), NotThere),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
) -> Result<Json<Team>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Help).await?;
    let members = store.channels().members(&channel).await?;
    let names = names_of(&state, members.iter().map(|member| member.user_id)).await;
    let shown = |member: Member| TeamMember {
        id: member.user_id.to_string(),
        name: names.get(&member.user_id).cloned(),
        role: member.role.name(),
        since_ms: member.since_ms,
    };
    Ok(Json(Team {
        items: members.into_iter().map(shown).collect(),
    }))
}

/// Have somebody help with a channel
///
/// Who does already gets the other role.
#[utoipa::path(put, path = "/api/v1/channels/{name}/team", tag = "channels", operation_id = "team_set",
    params(("name" = String, Path, description = "The channel")),
    request_body = MemberWish,
    responses(
        StoreAway,
        (status = 200, description = "They help", body = TeamMember),
        NotThere,
        (status = 409, description = "The team has as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<MemberWish>,
) -> Result<Json<TeamMember>, Refused> {
    let wrong = |field, words: &str| Refused::field(Code::Unprocessable, field, words);
    let role = match wish.role.as_str() {
        "editor" => MemberRole::Editor,
        "moderator" => MemberRole::Moderator,
        "guest" => MemberRole::Guest,
        _ => return Err(wrong("role", "one is editor, moderator or guest")),
    };
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Own).await?;
    let login = weir_account::name::folded_login(&wish.account);
    let account = match store.accounts().by_login(&login).await {
        Ok(account) => account,
        Err(StoreError::Missing(_)) => return Err(wrong("account", "there is no such account")),
        Err(error) => return Err(error.into()),
    };
    if account.user_id == channel.user_id {
        return Err(wrong("account", "the channel is theirs"));
    }
    let member = account.user_id;
    store.channels().set_member(&channel, member, role).await?;
    let after = json!({ "account": member.to_string(), "role": role.name() });
    let act = Acted::plain("channel.team", &channel.name).now(after);
    actor.did_to(&state, &channel, act).await?;
    Ok(Json(TeamMember {
        id: member.to_string(),
        name: Some(account.name),
        role: role.name(),
        since_ms: store.now_ms(),
    }))
}

/// Let somebody go out of the team
///
/// Its owner lets anybody go; everybody may go by themselves.
#[utoipa::path(delete, path = "/api/v1/channels/{name}/team/{id}", tag = "channels", operation_id = "team_remove",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The account's id"),
    ),
    responses(StoreAway, (status = 204, description = "They help no more"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let member = id_of(&id)?;
    let wish = match actor.caller.account == Some(member) {
        true => Wish::See,
        false => Wish::Own,
    };
    let channel = open(store, Some(&actor.caller), &name, wish).await?;
    store.channels().remove_member(&channel, member).await?;
    let act = Acted::plain("channel.team", &channel.name).was(json!({ "account": id }));
    actor.did_to(&state, &channel, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Channels that I help with
#[utoipa::path(get, path = "/api/v1/me/teams", tag = "channels", operation_id = "own_teams",
    responses(StoreAway, (status = 200, description = "The channels", body = OwnTeams)),
)]
async fn own(Extract(state): Extract<State>, caller: Caller) -> Result<Json<OwnTeams>, Refused> {
    let store = state.store()?;
    let account = account_of(&caller)?;
    let live = known_live(&state);
    let places = store.channels().teams_of(account).await?;
    let mut channels = store.channels().by_ids(&places).await?;
    let roles = store.channels().roles_in(&places, account).await?;
    // One that is not there went while this list was read.
    let helped = |(_, id): (Id, Id)| {
        Some(HelpedChannel {
            channel: ChannelShown::new(channels.remove(&id)?, &live),
            role: roles.get(&id)?.name(),
        })
    };
    Ok(Json(OwnTeams {
        items: places.into_iter().filter_map(helped).collect(),
    }))
}
