//! Other people's accounts, for staff: found, suspended, given roles; invites and links.

use axum::Json;
use axum::extract::{FromRequestParts, State as Extract};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountChange, AccountRole, AccountService, InviteOffer};
use weir_base::Code;
use weir_store::Id;
use weir_store::accounts::Account;

use super::views::{AccountView, InviteView, SessionView, tag};
use super::{AccountsAway, refused, service};
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, Page, PageParams, PathParts, QueryParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// Accounts on a page when nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// Somebody of the staff, or the operator.
struct Staff {
    actor: Actor,
    service: AccountService,
    /// None for the operator.
    by: Option<Account>,
}

/// Which accounts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct AccountQuery {
    /// How a name or an address begins.
    #[param(required = false, nullable = false)]
    q: Option<String>,
}

/// Accounts.
#[derive(Debug, Serialize, ToSchema)]
struct AccountList {
    items: Vec<AccountView>,
    /// What `after` is on the next page.
    next: Option<String>,
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "suspended": true, "reason": "spam" }))]
struct AccountOrder {
    /// `viewer`, `broadcaster`, `moderator` or `admin`; only admins give roles.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false)]
    role: Option<AccountRole>,
    /// Shuts its owner out at once, or lets them in again.
    #[serde(default)]
    #[schema(nullable = false)]
    suspended: Option<bool>,
    /// Why, in words that its owner reads.
    #[serde(default)]
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// Where an account is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct AccountSessions {
    items: Vec<SessionView>,
}

/// A link to sign in by.
#[derive(Debug, Serialize, ToSchema)]
struct LinkView {
    /// For its owner alone: good once, for a day.
    link: String,
}

/// An invite to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "broadcaster", "uses": 10, "hours": 72 }))]
struct InviteOrder {
    /// What those may do who come by it.
    #[schema(value_type = String)]
    role: AccountRole,
    /// How many may come.
    #[schema(minimum = 1, maximum = 10_000)]
    uses: u32,
    /// For how many hours it is good.
    #[schema(minimum = 1, maximum = 8784)]
    hours: u32,
}

/// An invite that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeInvite {
    #[serde(flatten)]
    about: InviteView,
    /// To be given on. Said this once.
    invite: String,
}

/// Invites that are still good.
#[derive(Debug, Serialize, ToSchema)]
struct InviteList {
    items: Vec<InviteView>,
    /// What `after` is on the next page.
    next: Option<String>,
}

pub(super) fn moderate_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(look, change))
        .routes(routes!(sessions))
        .routes(routes!(end_session))
}

pub(super) fn manage_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(make_link))
        .routes(routes!(invites, invite))
        .routes(routes!(revoke_invite))
}

/// Accounts
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", operation_id = "account_list",
    params(AccountQuery, PageParams),
    responses((status = 200, description = "Accounts, oldest first; by `q`, by name", body = AccountList), AccountsAway),
)]
async fn list(
    staff: Staff,
    QueryParts(asked): QueryParts<AccountQuery>,
    page: Page,
) -> Result<Json<AccountList>, Refused> {
    let limit = page.limit(DEFAULT_LIMIT);
    // One more tells whether there is a next page.
    let most = limit + 1;
    let found: Vec<(String, Account)> = match asked.q.as_deref().unwrap_or_default() {
        "" => {
            let after = after(&page)?;
            let found = staff.service.list(after, most).await.map_err(refused)?;
            let keyed = found
                .into_iter()
                .map(|account| (account.user_id.to_string(), account));
            keyed.collect()
        }
        start => {
            let after = page.after().unwrap_or_default();
            let found = staff.service.search(start, after, most).await;
            found.map_err(refused)?
        }
    };
    let (found, next) = Page::full(found, limit, |(key, _)| key.clone());
    let items = found.iter().map(|(_, account)| AccountView::from(account));
    Ok(Json(AccountList {
        items: items.collect(),
        next,
    }))
}

/// One account
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "accounts", operation_id = "account",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The account", body = AccountView), NotThere, AccountsAway),
)]
async fn look(staff: Staff, PathParts(id): PathParts<Id>) -> Result<Response, Refused> {
    Ok(view(&staff.service.account(id).await.map_err(refused)?))
}

/// Change an account
///
/// Moderators reach those below them, admins everybody but themselves.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", tag = "accounts", operation_id = "account_change",
    params(("id" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant")),
    request_body = AccountOrder,
    responses(
        (status = 200, description = "As it is now", body = AccountView),
        NotThere,
        (status = 412, description = "It was changed since it was read",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn change(
    Extract(state): Extract<State>,
    staff: Staff,
    PathParts(id): PathParts<Id>,
    asked: HeaderMap,
    JsonBody(order): JsonBody<AccountOrder>,
) -> Result<Response, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    tag(&account).admits(&asked)?;
    let before = told(&account);
    let change = AccountChange {
        role: order.role,
        suspended: order.suspended,
        reason: order.reason,
    };
    let changed = staff
        .service
        .change_account(staff.by.as_ref(), account, change)
        .await;
    let changed = changed.map_err(refused)?;
    let (id, after) = (changed.user_id.to_string(), told(&changed));
    let act = Acted::plain("account.change", &id).was(before).now(after);
    staff.actor.did(&state, act).await?;
    Ok(view(&changed))
}

/// Make a link to sign in by
///
/// For somebody who lost all else. The one before is good no more.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/link", tag = "accounts", operation_id = "account_link",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The link", body = LinkView), NotThere, AccountsAway),
)]
async fn make_link(
    Extract(state): Extract<State>,
    staff: Staff,
    PathParts(id): PathParts<Id>,
) -> Result<Json<LinkView>, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    let link = staff.service.make_link(&account).await.map_err(refused)?;
    let id = id.to_string();
    let act = Acted::plain("account.link", &id);
    staff.actor.did(&state, act).await?;
    Ok(Json(LinkView { link }))
}

/// Invites
#[utoipa::path(get, path = "/api/v1/invites", tag = "accounts", operation_id = "invite_list",
    params(PageParams),
    responses((status = 200, description = "Those that are still good, oldest first", body = InviteList), AccountsAway),
)]
async fn invites(staff: Staff, page: Page) -> Result<Json<InviteList>, Refused> {
    let limit = page.limit(DEFAULT_LIMIT);
    let found = staff
        .service
        .invites(after(&page)?, limit + 1)
        .await
        .map_err(refused)?;
    let (found, next) = Page::full(found, limit, |invite| invite.id.to_string());
    Ok(Json(InviteList {
        items: found.iter().map(InviteView::from).collect(),
        next,
    }))
}

/// Make an invite
#[utoipa::path(post, path = "/api/v1/invites", tag = "accounts", operation_id = "invite_make",
    request_body = InviteOrder,
    responses((status = 201, description = "The invite, this once", body = MadeInvite), AccountsAway),
)]
async fn invite(
    Extract(state): Extract<State>,
    staff: Staff,
    JsonBody(order): JsonBody<InviteOrder>,
) -> Result<Response, Refused> {
    let offer = InviteOffer {
        role: order.role,
        uses: order.uses,
        hours: order.hours,
    };
    let made = staff.service.invite(staff.by.as_ref(), &offer).await;
    let (about, invite) = made.map_err(refused)?;
    let id = about.id.to_string();
    let after = json!({ "role": about.role, "uses": about.uses_left });
    let act = Acted::plain("invite.create", &id).now(after);
    staff.actor.did(&state, act).await?;
    let about = InviteView::from(&about);
    Ok((StatusCode::CREATED, Json(MadeInvite { about, invite })).into_response())
}

/// Take an invite back
#[utoipa::path(delete, path = "/api/v1/invites/{id}", tag = "accounts", operation_id = "invite_revoke",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Nobody comes by it any more"), NotThere, AccountsAway),
)]
async fn revoke_invite(
    Extract(state): Extract<State>,
    staff: Staff,
    PathParts(id): PathParts<Id>,
) -> Result<StatusCode, Refused> {
    let revoked = staff.service.revoke_invite(id).await;
    revoked.map_err(refused)?;
    let id = id.to_string();
    let act = Acted::plain("invite.revoke", &id);
    staff.actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an account is signed in
#[utoipa::path(get, path = "/api/v1/accounts/{id}/sessions", tag = "accounts", operation_id = "account_sessions",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Its sessions", body = AccountSessions), NotThere, AccountsAway),
)]
async fn sessions(
    staff: Staff,
    PathParts(id): PathParts<Id>,
) -> Result<Json<AccountSessions>, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    let found = staff.service.sessions(account.user_id).await;
    let found = found.map_err(refused)?;
    let current = staff.actor.caller.session;
    let items = found
        .iter()
        .map(|session| SessionView::new(session, current));
    Ok(Json(AccountSessions {
        items: items.collect(),
    }))
}

/// Sign an account out somewhere
///
/// Moderators reach those below them, admins everybody but themselves.
#[utoipa::path(delete, path = "/api/v1/accounts/{id}/sessions/{session}", tag = "accounts",
    operation_id = "account_session_end",
    params(
        ("id" = String, Path, description = "The account's id"),
        ("session" = String, Path, description = "The session's id"),
    ),
    responses((status = 204, description = "It is signed out there"), NotThere, AccountsAway),
)]
async fn end_session(
    Extract(state): Extract<State>,
    staff: Staff,
    PathParts((id, session)): PathParts<(Id, Id)>,
) -> Result<StatusCode, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    let may = staff.service.may_act_on(staff.by.as_ref(), &account);
    may.map_err(refused)?;
    let ended = staff.service.end_session(id, session).await;
    ended.map_err(refused)?;
    let id = id.to_string();
    let before = json!({ "session": session.to_string() });
    let act = Acted::plain("account.sign_out", &id).was(before);
    staff.actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl FromRequestParts<State> for Staff {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let actor = Actor::from_request_parts(head, state).await?;
        let service = service(state)?.clone();
        let by = match actor.caller.account {
            Some(id) => Some(service.account(id).await.map_err(refused)?),
            None => None,
        };
        Ok(Self { actor, service, by })
    }
}

/// What an id's page begins behind.
fn after(page: &Page) -> Result<Option<Id>, Refused> {
    let after = page.after().map(str::parse).transpose();
    after.map_err(|_| {
        let words = "this is not what a page before called `next`";
        Refused::field(Code::BadRequest, "after", words)
    })
}

/// An account as the audit log has it.
fn told(account: &Account) -> Value {
    json!({ "role": account.role, "state": account.state, "reason": account.state_reason })
}

fn view(account: &Account) -> Response {
    tag(account).on(Json(AccountView::from(account)))
}
