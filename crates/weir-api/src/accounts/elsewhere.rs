//! Signing in by a provider elsewhere (OpenID Connect), and who one is there.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{OidcArrival, OidcDeparture, OidcErrand, OidcReturn};
use weir_store::Id;
use weir_store::accounts::LinkedIdentity;

use super::sessions::{SignedInView, WantedKind};
use super::{AccountsAway, BySession, Visitor, done, refused, service};
use crate::asked::{JsonBody, PathParts};
use crate::caller::cookie_named;
use crate::refused::{NotThere, Problem, Refused};
use crate::same_site;
use crate::state::State;

/// What a browser keeps while it is at a provider, and for which paths.
const JOURNEY_COOKIE: (&str, &str) = ("weir_journey", "/api/v1");

/// Somebody who can say who one is.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderView {
    /// In requests.
    #[schema(example = "school")]
    name: String,
    /// For people.
    title: String,
}

/// Who can say who one is.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderList {
    /// In the order of the settings.
    items: Vec<ProviderView>,
    /// Always null: there are few.
    next: Option<String>,
}

/// By whom somebody wants to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "school" }))]
struct DepartureWish {
    provider: String,
}

/// With whom an account is to be linked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "school", "password": "correct horse" }))]
struct LinkWish {
    provider: String,
    /// Left out where the account has none.
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

/// Where a browser goes.
#[derive(Debug, Serialize, ToSchema)]
struct DepartureView {
    /// At the provider, which sends it back to `/account/oidc/{provider}` with `state` and `code`.
    url: String,
}

/// What a provider sent back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "school", "state": "in.AAAA", "code": "AAAA" }))]
struct ReturnOrder {
    provider: String,
    state: String,
    /// To be exchanged; left out where it says no.
    #[serde(default)]
    code: String,
    /// How it calls itself (RFC 9207).
    #[serde(default)]
    iss: String,
    /// Why it says no.
    #[serde(default)]
    error: String,
    /// How the session is shown; both when nothing is said.
    #[serde(default)]
    kind: WantedKind,
}

/// What was missing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "rest": "c2VhbGVk", "name": "ann" }))]
struct RestOrder {
    /// As it was answered.
    rest: String,
    /// Of a new account.
    #[serde(default)]
    name: String,
    /// Of the second factor, or one that stands in for it.
    #[serde(default)]
    code: String,
    /// How the session is shown; both when nothing is said.
    #[serde(default)]
    kind: WantedKind,
}

/// What is missing to sign in.
#[derive(Debug, Serialize, ToSchema)]
struct MissingView {
    /// `name` of a new account, or `code` of the second factor.
    missing: &'static str,
    /// To be sent with it, within ten minutes.
    rest: String,
    /// What the new account might be called; empty where nothing is known.
    name: String,
}

/// Who one is at a provider.
#[derive(Debug, Serialize, ToSchema)]
struct IdentityView {
    id: String,
    /// The provider's name in the settings.
    provider: String,
    /// A name or an address there.
    label: String,
    /// Milliseconds since 1970.
    created_ms: i64,
    /// When it last signed in, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    used_ms: Option<i64>,
}

/// Who one is elsewhere.
#[derive(Debug, Serialize, ToSchema)]
struct IdentityList {
    items: Vec<IdentityView>,
    /// Always null: an account has few.
    next: Option<String>,
}

/// The password, once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse" }))]
struct UnlinkOrder {
    /// Left out where the account has none.
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, link))
        .routes(routes!(depart_to_link))
        .routes(routes!(unlink))
}

pub(super) fn open_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(providers))
        .routes(routes!(depart))
        .routes(routes!(arrive))
        .routes(routes!(arrive_with))
}

/// Who can say who one is
#[utoipa::path(get, path = "/api/v1/providers", tag = "accounts", operation_id = "provider_list",
    responses((status = 200, description = "The providers", body = ProviderList), AccountsAway),
)]
async fn providers(Extract(state): Extract<State>) -> Result<Json<ProviderList>, Refused> {
    let providers = service(&state)?.config().oidc.iter();
    let view = |provider: &weir_account::OidcProvider| ProviderView {
        name: provider.name.clone(),
        title: provider.title().to_owned(),
    };
    Ok(Json(ProviderList {
        items: providers.map(view).collect(),
        next: None,
    }))
}

/// Begin to sign in by a provider
///
/// For pages of this site: what the browser keeps meanwhile is a cookie.
#[utoipa::path(post, path = "/api/v1/sessions/oidc/offer", tag = "accounts", operation_id = "session_oidc_offer",
    request_body = DepartureWish,
    responses(
        (status = 200, description = "Where the browser goes", body = DepartureView),
        (status = 403, description = "Another site's page asks", body = Problem,
            content_type = "application/problem+json"),
        NotThere,
        AccountsAway,
    ),
)]
async fn depart(
    visitor: Visitor,
    head: Parts,
    JsonBody(wish): JsonBody<DepartureWish>,
) -> Result<Response, Refused> {
    same_site::must_be_own(&head)?;
    let departure = visitor
        .service
        .depart(&wish.provider, OidcErrand::SignIn, &visitor.client)
        .await;
    Ok(visitor.sent_off(departure.map_err(refused)?))
}

/// Begin to link one's account with a provider
#[utoipa::path(post, path = "/api/v1/me/identities/offer", tag = "accounts", operation_id = "identity_offer",
    request_body = LinkWish,
    responses((status = 200, description = "Where the browser goes", body = DepartureView), NotThere, AccountsAway),
)]
async fn depart_to_link(
    BySession(own): BySession,
    visitor: Visitor,
    JsonBody(wish): JsonBody<LinkWish>,
) -> Result<Response, Refused> {
    let errand = OidcErrand::Link {
        account: &own.account,
        password: &wish.password,
    };
    let departure = own
        .service
        .depart(&wish.provider, errand, &own.client)
        .await;
    Ok(visitor.sent_off(departure.map_err(refused)?))
}

/// Sign in by a provider
///
/// With the cookie of its beginning. Who is new gets an account, where the site takes anybody.
#[utoipa::path(post, path = "/api/v1/sessions/oidc", tag = "accounts", operation_id = "session_by_oidc",
    request_body = ReturnOrder,
    responses(
        (status = 201, description = "Signed in", body = SignedInView),
        (status = 202, description = "Something is missing yet", body = MissingView),
        (status = 401, description = "The journey is over, or began in another browser",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The provider says no or is not believed, nobody new is taken, or the account is \
            suspended", body = Problem, content_type = "application/problem+json"),
        NotThere,
        AccountsAway,
    ),
)]
async fn arrive(
    visitor: Visitor,
    headers: HeaderMap,
    JsonBody(order): JsonBody<ReturnOrder>,
) -> Result<Response, Refused> {
    let journey = journey(&headers);
    let arrived = visitor
        .service
        .arrive(order.back(&journey), order.kind.into(), &visitor.client)
        .await;
    let mut response = match arrived.map_err(refused)? {
        OidcArrival::SignedIn(signed_in) => visitor.let_in(Ok(*signed_in), StatusCode::CREATED)?,
        OidcArrival::Missing(missing) => {
            let view = MissingView {
                missing: if missing.is_code { "code" } else { "name" },
                rest: missing.rest,
                name: missing.name,
            };
            let mut response = (StatusCode::ACCEPTED, Json(view)).into_response();
            crate::dispatch::no_store(&mut response);
            response
        }
    };
    visitor.set_cookie_named(&mut response, JOURNEY_COOKIE, "", 0);
    Ok(response)
}

/// Say what was missing to sign in by a provider
#[utoipa::path(post, path = "/api/v1/sessions/oidc/rest", tag = "accounts", operation_id = "session_oidc_rest",
    request_body = RestOrder,
    responses(
        (status = 201, description = "Signed in", body = SignedInView),
        (status = 401, description = "It is too old or was taken, or the code is wrong or missing",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or nobody new is taken",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or one that looks like it",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
        AccountsAway,
    ),
)]
async fn arrive_with(
    visitor: Visitor,
    JsonBody(order): JsonBody<RestOrder>,
) -> Result<Response, Refused> {
    let said = (order.name.as_str(), order.code.as_str());
    let signed_in = visitor
        .service
        .arrive_with(&order.rest, said, order.kind.into(), &visitor.client)
        .await;
    visitor.let_in(signed_in, StatusCode::CREATED)
}

/// Who one is elsewhere
#[utoipa::path(get, path = "/api/v1/me/identities", tag = "accounts", operation_id = "identity_list",
    responses((status = 200, description = "The identities, oldest first", body = IdentityList), AccountsAway),
)]
async fn list(BySession(own): BySession) -> Result<Json<IdentityList>, Refused> {
    let identities = own.service.identities(own.account.user_id).await;
    let identities = identities.map_err(refused)?;
    Ok(Json(IdentityList {
        items: identities.into_iter().map(IdentityView::from).collect(),
        next: None,
    }))
}

/// Link one's account with a provider
///
/// With the cookie of its beginning: it signs in from now on.
#[utoipa::path(post, path = "/api/v1/me/identities", tag = "accounts", operation_id = "identity_add",
    request_body = ReturnOrder,
    responses(
        (status = 201, description = "It signs in from now on", body = IdentityView),
        (status = 401, description = "The journey is over, or began in another browser or for another account",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The provider says no, or is not believed",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is another account's, or there are too many",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
        AccountsAway,
    ),
)]
async fn link(
    BySession(own): BySession,
    visitor: Visitor,
    headers: HeaderMap,
    JsonBody(order): JsonBody<ReturnOrder>,
) -> Result<Response, Refused> {
    let journey = journey(&headers);
    let linked = own
        .service
        .link(&own.account, order.back(&journey), &own.client)
        .await;
    let view = IdentityView::from(linked.map_err(refused)?);
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    visitor.set_cookie_named(&mut response, JOURNEY_COOKIE, "", 0);
    Ok(response)
}

/// Unlink one's account from a provider
///
/// Where nothing else signs it in it stays.
#[utoipa::path(delete, path = "/api/v1/me/identities/{id}", tag = "accounts", operation_id = "identity_remove",
    params(("id" = String, Path, description = "Its id")),
    request_body = UnlinkOrder,
    responses(
        (status = 204, description = "It signs in no more"),
        NotThere,
        (status = 409, description = "Nothing else signs the account in",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn unlink(
    BySession(own): BySession,
    PathParts(id): PathParts<Id>,
    JsonBody(order): JsonBody<UnlinkOrder>,
) -> Result<StatusCode, Refused> {
    let unlinked = own
        .service
        .unlink(&own.account, id, &order.password, &own.client)
        .await;
    done(unlinked, StatusCode::NO_CONTENT)
}

/// What the browser kept; empty where it kept nothing.
fn journey(headers: &HeaderMap) -> String {
    cookie_named(headers, JOURNEY_COOKIE.0).unwrap_or_default()
}

impl Visitor {
    /// Sends a browser to a provider, with what it keeps meanwhile.
    fn sent_off(&self, departure: OidcDeparture) -> Response {
        let OidcDeparture {
            url,
            journey,
            seconds,
        } = departure;
        let mut response = Json(DepartureView { url }).into_response();
        crate::dispatch::no_store(&mut response);
        self.set_cookie_named(&mut response, JOURNEY_COOKIE, &journey, seconds);
        response
    }
}

impl ReturnOrder {
    fn back<'a>(&'a self, journey: &'a str) -> OidcReturn<'a> {
        OidcReturn {
            provider: &self.provider,
            journey,
            state: &self.state,
            code: &self.code,
            issuer: &self.iss,
            error: &self.error,
        }
    }
}

impl From<LinkedIdentity> for IdentityView {
    fn from(identity: LinkedIdentity) -> Self {
        Self {
            id: identity.id.to_string(),
            provider: identity.provider,
            label: identity.label,
            created_ms: identity.created_ms,
            used_ms: (identity.used_ms > 0).then_some(identity.used_ms),
        }
    }
}
