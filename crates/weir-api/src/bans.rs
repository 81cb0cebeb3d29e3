//! `/api/v1/bans` and `/api/v1/appeals`: who or what may not, everywhere, and what they say against it.

pub(crate) mod shown;

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_store::Store;
use weir_store::bans::{NewBan, SubjectKind};

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, Page, PageParams, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind, id_of};
use shown::{AppealDecision, AppealList, AppealShown, BanList, BanShown, check_words, network};

/// Bans or appeals on one page, when nobody says.
const PAGE: u32 = 50;
/// Bans that one account is told of.
const OWN: u32 = 20;

/// A ban to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "account": "eve", "stops": "publish", "reason": "Somebody else's film" }))]
struct BanWish {
    /// An account, by its name. One of `account`, `stream` and `network` is said.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    account: Option<String>,
    /// A stream, as `app/name`.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    stream: Option<String>,
    /// An address or a network, as `192.0.2.0/24`.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    network: Option<String>,
    /// `publish`, `play` or `both`.
    #[serde(default = "both")]
    stops: String,
    /// What the banned are told.
    #[schema(max_length = 500)]
    reason: String,
    /// When it ends, milliseconds since 1970; left out: when somebody lifts it.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    expires_ms: Option<i64>,
}

/// What is said against a ban.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "ban": "019f0000-0000-7000-8000-000000000000", "words": "The film is mine." }))]
struct AppealWish {
    /// Id of the ban.
    ban: String,
    #[schema(max_length = 500)]
    words: String,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, ban))
        .routes(routes!(lift))
        .routes(routes!(appeals))
        .routes(routes!(decide))
}

/// What the banned may ask.
pub(crate) fn own_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(own))
        .routes(routes!(appeal))
}

/// Bans
#[utoipa::path(get, path = "/api/v1/bans", tag = "bans", operation_id = "ban_list", params(PageParams),
    responses(StoreAway, (status = 200, description = "The bans, with those that ended", body = BanList)),
)]
async fn list(Extract(state): Extract<State>, page: Page) -> Result<Json<BanList>, Refused> {
    let store = state.store()?;
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let bans = store.bans().list(None, before, limit + 1).await?;
    let (bans, next) = Page::full(bans, limit, |ban| ban.id.to_string());
    Ok(Json(BanList::new(&state, bans, next).await?))
}

/// Ban an account, a stream or a network
///
/// Who publishes or plays is ended within seconds where the app ends rights that end.
#[utoipa::path(post, path = "/api/v1/bans", tag = "bans", operation_id = "ban",
    request_body = BanWish,
    responses(StoreAway, (status = 201, description = "The ban", body = BanShown)),
)]
async fn ban(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<BanWish>,
) -> Result<(StatusCode, Json<BanShown>), Refused> {
    let store = state.store()?;
    let wrong = |field, words: &str| Refused::field(Code::Unprocessable, field, words);
    if !["publish", "play", "both"].contains(&wish.stops.as_str()) {
        return Err(wrong("stops", "a ban stops publish, play or both"));
    }
    check_words("reason", &wish.reason)?;
    let expires_ms = wish.expires_ms.unwrap_or(0);
    if wish.expires_ms.is_some_and(|at_ms| at_ms <= store.now_ms()) {
        return Err(wrong("expires_ms", "this is in the past"));
    }
    let (kind, subject) = wish.subject(store).await?;
    let by_user = actor.user();
    let new = NewBan {
        channel: None,
        kind,
        subject: &subject,
        stops: &wish.stops,
        reason: &wish.reason,
        by_user: &by_user,
        expires_ms,
    };
    let made = store.bans().create(&new).await?;
    let after = json!({
        "kind": kind.name(), "subject": subject, "stops": wish.stops, "reason": wish.reason,
        "expires_ms": wish.expires_ms,
    });
    let id = made.id.to_string();
    actor
        .did(&state, Acted::plain("ban.create", &id).now(after))
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(BanShown::new(&state, made).await?),
    ))
}

/// Lift a ban
#[utoipa::path(delete, path = "/api/v1/bans/{id}", tag = "bans", operation_id = "ban_lift",
    params(("id" = String, Path, description = "The ban")),
    responses(StoreAway, (status = 204, description = "It is lifted"), NotThere),
)]
async fn lift(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let ban = store.bans().by_id(id_of(&id)?).await?;
    let by_user = actor.user();
    store.bans().lift(ban.id, &by_user).await?;
    let before = json!({ "subject": ban.subject, "reason": ban.reason });
    actor
        .did(
            &state,
            Acted::plain("ban.lift", &ban.id.to_string()).was(before),
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bans on my account
#[utoipa::path(get, path = "/api/v1/me/bans", tag = "bans", operation_id = "ban_own",
    responses(StoreAway, (status = 200, description = "Those that stand", body = BanList)),
)]
async fn own(Extract(state): Extract<State>, caller: Caller) -> Result<Json<BanList>, Refused> {
    let store = state.store()?;
    let account = account_of(&caller)?;
    let (bans, subject) = (store.bans(), account.to_string());
    let bans = bans.against(SubjectKind::Account, &subject, OWN).await?;
    Ok(Json(BanList::told(&state, bans, account).await?))
}

/// Appeal against a ban on my account
///
/// Once for each ban, be it of the site or of one channel.
#[utoipa::path(post, path = "/api/v1/me/appeals", tag = "bans", operation_id = "appeal",
    request_body = AppealWish,
    responses(
        StoreAway,
        (status = 201, description = "It is heard", body = AppealShown),
        NotThere,
        (status = 409, description = "It was made before",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn appeal(
    Extract(state): Extract<State>,
    caller: Caller,
    JsonBody(wish): JsonBody<AppealWish>,
) -> Result<(StatusCode, Json<AppealShown>), Refused> {
    let store = state.store()?;
    let account = account_of(&caller)?;
    check_words("words", &wish.words)?;
    let ban = store.bans().by_id(id_of(&wish.ban)?).await?;
    // Somebody else's ban is not there.
    if ban.kind != SubjectKind::Account || ban.subject != account.to_string() {
        return Err(weir_store::StoreError::Missing("ban").into());
    }
    let made = store.bans().appeal(account, &ban, &wish.words).await?;
    crate::review::appealed(&state, ban.id, made.id, &wish.words).await?;
    let shown = AppealShown::new(&state, made).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// Appeals that nobody decided
#[utoipa::path(get, path = "/api/v1/appeals", tag = "bans", operation_id = "appeal_list", params(PageParams),
    responses(StoreAway, (status = 200, description = "The appeals", body = AppealList)),
)]
async fn appeals(Extract(state): Extract<State>, page: Page) -> Result<Json<AppealList>, Refused> {
    let store = state.store()?;
    let (after, limit) = (behind(&page)?, page.limit(PAGE));
    let open = store.bans().open_appeals(None, after, limit + 1).await?;
    let (open, next) = Page::full(open, limit, |one| one.id.to_string());
    Ok(Json(AppealList::new(&state, open, next).await?))
}

/// Decide an appeal
#[utoipa::path(post, path = "/api/v1/bans/{ban}/appeals/{id}", tag = "bans", operation_id = "appeal_decide",
    params(
        ("ban" = String, Path, description = "The ban"),
        ("id" = String, Path, description = "The appeal"),
    ),
    request_body = AppealDecision,
    responses(StoreAway, (status = 200, description = "It is decided", body = AppealShown), NotThere),
)]
async fn decide(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((ban, id)): PathParts<(String, String)>,
    JsonBody(decision): JsonBody<AppealDecision>,
) -> Result<Json<AppealShown>, Refused> {
    let store = state.store()?;
    decision.check()?;
    let ban = store.bans().by_id(id_of(&ban)?).await?;
    let by_user = actor.user();
    let decided = store
        .bans()
        .decide(
            &ban,
            id_of(&id)?,
            decision.granted,
            &decision.answer,
            &by_user,
        )
        .await?;
    let after = json!({ "appeal": decided.id.to_string(), "granted": decision.granted, "answer": decision.answer });
    actor
        .did(
            &state,
            Acted::plain("appeal.decide", &ban.id.to_string()).now(after),
        )
        .await?;
    Ok(Json(AppealShown::new(&state, decided).await?))
}

fn both() -> String {
    "both".to_owned()
}

impl BanWish {
    /// Whom or what it is to hit, as admission compares it.
    async fn subject(&self, store: &Store) -> Result<(SubjectKind, String), Refused> {
        let wrong = |field, words: &str| Refused::field(Code::Unprocessable, field, words);
        match (&self.account, &self.stream, &self.network) {
            (Some(name), None, None) => {
                let login = weir_account::name::folded_login(name);
                match store.accounts().by_login(&login).await {
                    Ok(account) => Ok((SubjectKind::Account, account.user_id.to_string())),
                    Err(weir_store::StoreError::Missing(_)) => {
                        Err(wrong("account", "there is no such account"))
                    }
                    Err(error) => Err(error.into()),
                }
            }
            (None, Some(stream), None) => {
                let parts = stream.rsplit_once('/');
                let name = parts.map(|(app, name)| weir_base::StreamName::new("", app, name));
                match name {
                    Some(Ok(_)) => Ok((SubjectKind::Stream, stream.clone())),
                    _ => Err(wrong("stream", "this is no stream: write app/name")),
                }
            }
            (None, None, Some(text)) => Ok((SubjectKind::Network, network(text)?)),
            _ => Err(wrong("body", "say one of account, stream and network")),
        }
    }
}
