//! Other people's accounts, for staff: found, suspended, given roles; invites and links.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountChange, AccountRole, AccountService, InviteOffer};
use weir_base::Code;
use weir_store::Id;
use weir_store::accounts::Account;

use super::views::{AccountView, InviteView, tag};
use super::{AccountsAway, refused, service};
use crate::asked::{JsonBody, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// Accounts on a page when nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// Somebody of the staff, or the operator.
struct Staff {
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
    let (found, next) = page.full(found, limit);
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
    staff: Staff,
    PathParts(id): PathParts<Id>,
    asked: HeaderMap,
    JsonBody(order): JsonBody<AccountOrder>,
) -> Result<Response, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    tag(&account).admits(&asked)?;
    let change = AccountChange {
        role: order.role,
        suspended: order.suspended,
        reason: order.reason,
    };
    let changed = staff
        .service
        .change_account(staff.by.as_ref(), account, change)
        .await;
    Ok(view(&changed.map_err(refused)?))
}

/// Make a link to sign in by
///
/// For somebody who lost all else. The one before is good no more.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/link", tag = "accounts", operation_id = "account_link",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The link", body = LinkView), NotThere, AccountsAway),
)]
async fn make_link(staff: Staff, PathParts(id): PathParts<Id>) -> Result<Json<LinkView>, Refused> {
    let account = staff.service.account(id).await.map_err(refused)?;
    let link = staff.service.make_link(&account).await.map_err(refused)?;
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
    let keyed = found
        .into_iter()
        .map(|invite| (invite.id.to_string(), invite));
    let (found, next) = page.full(keyed.collect(), limit);
    Ok(Json(InviteList {
        items: found
            .iter()
            .map(|(_, invite)| InviteView::from(invite))
            .collect(),
        next,
    }))
}

/// Make an invite
#[utoipa::path(post, path = "/api/v1/invites", tag = "accounts", operation_id = "invite_make",
    request_body = InviteOrder,
    responses((status = 201, description = "The invite, this once", body = MadeInvite), AccountsAway),
)]
async fn invite(staff: Staff, JsonBody(order): JsonBody<InviteOrder>) -> Result<Response, Refused> {
    let offer = InviteOffer {
        role: order.role,
        uses: order.uses,
        hours: order.hours,
    };
    let made = staff.service.invite(staff.by.as_ref(), &offer).await;
    let (about, invite) = made.map_err(refused)?;
    let about = InviteView::from(&about);
    Ok((StatusCode::CREATED, Json(MadeInvite { about, invite })).into_response())
}

/// Take an invite back
#[utoipa::path(delete, path = "/api/v1/invites/{id}", tag = "accounts", operation_id = "invite_revoke",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Nobody comes by it any more"), NotThere, AccountsAway),
)]
async fn revoke_invite(staff: Staff, PathParts(id): PathParts<Id>) -> Result<StatusCode, Refused> {
    let revoked = staff.service.revoke_invite(id).await;
    revoked.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}

impl FromRequestParts<State> for Staff {
    type Rejection = Refused;

    async fn from_request_parts(head: &mut Parts, state: &State) -> Result<Self, Refused> {
        let caller = <Caller as FromRequestParts<State>>::from_request_parts(head, state).await?;
        let service = service(state)?.clone();
        let by = match caller.account {
            Some(id) => Some(service.account(id).await.map_err(refused)?),
            None => None,
        };
        Ok(Self { service, by })
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

fn view(account: &Account) -> Response {
    let mut response = Json(AccountView::from(account)).into_response();
    tag(account).name(&mut response);
    response
}
