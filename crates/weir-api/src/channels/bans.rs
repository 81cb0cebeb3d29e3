//! `/api/v1/channels/{name}/bans`: whom a channel's moderators keep from watching it, and what those say against it.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountRole, Right};
use weir_base::Code;
use weir_store::bans::{Ban, NewBan, SubjectKind};
use weir_store::channels::{Channel, MemberRole};
use weir_store::{Store, StoreError};

use super::doors::{Wish, open};
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, Page, PageParams, PathParts};
use crate::bans::shown::{
    AppealDecision, AppealList, AppealShown, BanList, BanShown, check_words, network,
};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind, id_of};

/// Bans or appeals on one page, when nobody says.
const PAGE: u32 = 50;
/// Bits of the prefix of a banned IPv4 network at least: one provider's customers in one place, and not everybody.
const MIN_V4_PREFIX: u8 = 16;
/// The same of an IPv6 network.
const MIN_V6_PREFIX: u8 = 32;

/// A ban to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "account": "eve", "reason": "Insults" }))]
struct ChannelBanWish {
    /// An account, by its name. One of `account` and `network` is said.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    account: Option<String>,
    /// An address, or a network of at least /16 (IPv4) or /32 (IPv6).
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    network: Option<String>,
    /// What the banned are told.
    #[schema(max_length = 500)]
    reason: String,
    /// When it ends, milliseconds since 1970; left out: when somebody lifts it.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    expires_ms: Option<i64>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, ban))
        .routes(routes!(lift))
        .routes(routes!(appeals))
        .routes(routes!(decide))
}

/// Bans on a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/bans", tag = "bans", operation_id = "channel_ban_list",
    params(("name" = String, Path, description = "The channel"), PageParams),
    responses(
        StoreAway,
        (status = 200, description = "The bans, with those that ended", body = BanList),
        NotThere,
    ),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
    page: Page,
) -> Result<Json<BanList>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Moderate).await?;
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let bans = store.bans();
    let bans = bans.list(Some(channel.id), before, limit + 1).await?;
    let (bans, next) = Page::full(bans, limit, |ban| ban.id.to_string());
    Ok(Json(BanList::new(&state, bans, next).await?))
}

/// Keep somebody from watching a channel
///
/// Who watches is sent away within seconds: by address whoever it is, by account where they watch signed in. The
/// channel's owner, its team and the site's staff cannot be banned from it by name.
#[utoipa::path(post, path = "/api/v1/channels/{name}/bans", tag = "bans", operation_id = "channel_ban",
    params(("name" = String, Path, description = "The channel")),
    request_body = ChannelBanWish,
    responses(
        StoreAway,
        (status = 201, description = "The ban", body = BanShown),
        NotThere,
        (status = 409, description = "The channel has as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn ban(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<ChannelBanWish>,
) -> Result<(StatusCode, Json<BanShown>), Refused> {
    let store = state.store()?;
    check_words("reason", &wish.reason)?;
    if wish.expires_ms.is_some_and(|at_ms| at_ms <= store.now_ms()) {
        let words = "this is in the past";
        return Err(Refused::field(Code::Unprocessable, "expires_ms", words));
    }
    let channel = open(store, Some(&actor.caller), &name, Wish::Moderate).await?;
    let (kind, subject) = wish.subject(store, &channel).await?;
    let by_user = actor.user();
    let new = NewBan {
        channel: Some(&channel),
        kind,
        subject: &subject,
        stops: "play",
        reason: &wish.reason,
        by_user: &by_user,
        expires_ms: wish.expires_ms.unwrap_or(0),
    };
    let made = store.bans().create(&new).await?;
    let after = json!({ "channel": channel.name, "kind": kind.name(), "subject": subject, "reason": wish.reason });
    let id = made.id.to_string();
    let act = Acted::plain("channel.ban", &id).now(after);
    actor.did_to(&state, &channel, act).await?;
    let shown = BanShown::new(&state, made).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Lift a ban on a channel
#[utoipa::path(delete, path = "/api/v1/channels/{name}/bans/{id}", tag = "bans", operation_id = "channel_ban_lift",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The ban"),
    ),
    responses(StoreAway, (status = 204, description = "It is lifted"), NotThere),
)]
async fn lift(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Moderate).await?;
    let ban = of_channel(store, &channel, &id).await?;
    store.bans().lift(ban.id, &actor.user()).await?;
    let before = json!({ "channel": channel.name, "subject": ban.subject, "reason": ban.reason });
    let act = Acted::plain("channel.unban", &id).was(before);
    actor.did_to(&state, &channel, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Appeals against bans on a channel
#[utoipa::path(get, path = "/api/v1/channels/{name}/appeals", tag = "bans", operation_id = "channel_appeals",
    params(("name" = String, Path, description = "The channel"), PageParams),
    responses(StoreAway, (status = 200, description = "Those that nobody decided", body = AppealList), NotThere),
)]
async fn appeals(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
    page: Page,
) -> Result<Json<AppealList>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Moderate).await?;
    let (after, limit) = (behind(&page)?, page.limit(PAGE));
    let found = store.bans();
    let found = found.open_appeals(Some(channel.id), after, limit + 1);
    let (found, next) = Page::full(found.await?, limit, |one| one.id.to_string());
    Ok(Json(AppealList::new(&state, found, next).await?))
}

/// Decide an appeal against a ban on a channel
#[utoipa::path(post, path = "/api/v1/channels/{name}/bans/{ban}/appeals/{id}", tag = "bans",
    operation_id = "channel_appeal_decide",
    params(
        ("name" = String, Path, description = "The channel"),
        ("ban" = String, Path, description = "The ban"),
        ("id" = String, Path, description = "The appeal"),
    ),
    request_body = AppealDecision,
    responses(StoreAway, (status = 200, description = "It is decided", body = AppealShown), NotThere),
)]
async fn decide(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, ban, id)): PathParts<(String, String, String)>,
    JsonBody(decision): JsonBody<AppealDecision>,
) -> Result<Json<AppealShown>, Refused> {
    let store = state.store()?;
    decision.check()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Moderate).await?;
    let ban = of_channel(store, &channel, &ban).await?;
    let (by_user, appeal) = (actor.user(), id_of(&id)?);
    let (granted, answer) = (decision.granted, &decision.answer);
    let decided = store.bans();
    let decided = decided.decide(&ban, appeal, granted, answer, &by_user);
    let decided = decided.await?;
    let after = json!({ "ban": ban.id.to_string(), "granted": granted, "answer": answer });
    let act = Acted::plain("channel.appeal", &id).now(after);
    actor.did_to(&state, &channel, act).await?;
    Ok(Json(AppealShown::new(&state, decided).await?))
}

/// The ban of this id, where it is on this channel: another's is not there.
async fn of_channel(store: &Store, channel: &Channel, id: &str) -> Result<Ban, Refused> {
    let ban = store.bans().by_id(id_of(id)?).await?;
    if ban.channel_id != Some(channel.id) {
        return Err(StoreError::Missing("ban").into());
    }
    Ok(ban)
}

impl ChannelBanWish {
    async fn subject(
        &self,
        store: &Store,
        channel: &Channel,
    ) -> Result<(SubjectKind, String), Refused> {
        let wrong = |field, words: &str| Err(Refused::field(Code::Unprocessable, field, words));
        match (&self.account, &self.network) {
            (Some(name), None) => {
                let login = weir_account::name::folded_login(name);
                let account = match store.accounts().by_login(&login).await {
                    Ok(account) => account,
                    Err(StoreError::Missing(_)) => {
                        return wrong("account", "there is no such account");
                    }
                    Err(error) => return Err(error.into()),
                };
                let id = account.user_id;
                let role = AccountRole::from_name(&account.role);
                let is_staff = role.is_some_and(|role| role.rights().has(Right::ChannelsModerate));
                let role = store.channels().role_in(channel, id).await?;
                let helps = role.is_some_and(|role| role != MemberRole::Guest);
                if is_staff || helps || id == channel.user_id {
                    let words = "the owner, the team and the site's staff are not banned here";
                    return wrong("account", words);
                }
                Ok((SubjectKind::Account, id.to_string()))
            }
            (None, Some(text)) => {
                let network = network(text)?;
                let length = network
                    .rsplit_once('/')
                    .map(|(_, length)| length.parse::<u8>());
                let least = match network.contains(':') {
                    true => MIN_V6_PREFIX,
                    false => MIN_V4_PREFIX,
                };
                match length {
                    Some(Ok(length)) if length >= least => Ok((SubjectKind::Network, network)),
                    _ => wrong("network", "this is more than one channel may shut out"),
                }
            }
            _ => wrong("body", "say one of account and network"),
        }
    }
}
