//! Signing in and out, and where one is signed in.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::{AccountError, PasswordProof, SessionKind, SignedIn};
use weir_base::Code;

use super::views::{AccountView, SessionView};
use super::{AccountsAway, Own, Visitor, done, refused};
use crate::asked::{JsonBody, PathParts, QueryParts, read_json};
use crate::caller::{SESSION_COOKIE, cookie};
use crate::refused::{NotThere, Problem, Refused};
use crate::same_site;
use crate::state::State;

/// What somebody shows who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "login": "ann", "password": "correct horse" }))]
struct SignInOrder {
    /// A name or an address.
    login: String,
    #[schema(format = Password)]
    password: String,
    /// A code of the second factor, or one that stands in for it.
    #[serde(default)]
    code: String,
    /// How the session is shown; both when nothing is said.
    #[serde(default)]
    kind: WantedKind,
}

/// A link to sign in by.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "wl_AAAA" }))]
struct LinkOrder {
    /// What stands behind `token=`.
    token: String,
    /// How the session is shown; both when nothing is said.
    #[serde(default)]
    kind: WantedKind,
}

/// How a session is shown.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WantedKind {
    /// By a cookie: for browsers.
    Cookie,
    /// By a token: for programs.
    Token,
    /// By either.
    #[default]
    Both,
}

/// What renews a session.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "refresh": "wr_AAAA" }))]
struct RefreshOrder {
    /// The refresh token; left out where the cookie is to be renewed.
    refresh: Option<String>,
}

/// Somebody who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedInView {
    account: AccountView,
    session: SessionView,
    /// To be sent as `Authorization: Bearer TOKEN`; not there where only the cookie was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    token: Option<String>,
    /// Until when the token is good, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    token_expires_ms: Option<i64>,
    /// Renews the token, once: shown a second time it ends the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    refresh: Option<String>,
}

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct SessionList {
    items: Vec<SessionView>,
    /// Always null: an account has few sessions.
    next: Option<String>,
}

/// Which sessions end.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
struct EndParams {
    /// `this` (as when nothing is said), `others` or `all`.
    #[param(required = false, nullable = false, inline)]
    which: Option<WhichSessions>,
}

/// Which sessions end.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WhichSessions {
    /// The one that asks.
    This,
    /// All but that.
    Others,
    /// All of them.
    All,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(sign_in))
        .routes(routes!(by_link))
        .routes(routes!(refresh))
}

pub(super) fn own_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, sign_out))
        .routes(routes!(end))
}

/// Sign in
///
/// A name that is nobody's is refused like a wrong password. The answer sets the cookie.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "accounts", operation_id = "session_begin",
    request_body = SignInOrder,
    responses(
        (status = 201, description = "Signed in", body = SignedInView),
        (status = 401, description = "The name, the password or the code is wrong, or a code is needed",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn sign_in(
    visitor: Visitor,
    JsonBody(order): JsonBody<SignInOrder>,
) -> Result<Response, Refused> {
    let shown = PasswordProof {
        login: &order.login,
        password: &order.password,
        code: &order.code,
    };
    let signed_in = visitor
        .service
        .sign_in(shown, order.kind.into(), &visitor.client)
        .await;
    visitor.let_in(signed_in, StatusCode::CREATED)
}

/// Sign in by a link
///
/// Such as an admin makes, or the server prints at its first start.
#[utoipa::path(post, path = "/api/v1/sessions/link", tag = "accounts", operation_id = "session_by_link",
    request_body = LinkOrder,
    responses(
        (status = 201, description = "Signed in", body = SignedInView),
        (status = 401, description = "The link is not good, or not any more",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn by_link(
    visitor: Visitor,
    JsonBody(order): JsonBody<LinkOrder>,
) -> Result<Response, Refused> {
    let signed_in = visitor
        .service
        .sign_in_by_link(&order.token, order.kind.into(), &visitor.client)
        .await;
    visitor.let_in(signed_in, StatusCode::CREATED)
}

/// Renew a session
///
/// By its refresh token, which is good once, or by its cookie, which is replaced.
#[utoipa::path(post, path = "/api/v1/sessions/refresh", tag = "accounts", operation_id = "session_refresh",
    request_body(content = Option<RefreshOrder>, description = "Left out where the cookie is to be renewed"),
    responses(
        (status = 200, description = "Renewed", body = SignedInView),
        (status = 401, description = "The token is not good, or not any more",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or another site's page asks",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn refresh(
    visitor: Visitor,
    head: Parts,
    body: axum::body::Bytes,
) -> Result<Response, Refused> {
    let order = match body.as_ref() {
        [] => RefreshOrder::default(),
        json => read_json::<Option<RefreshOrder>>(json)?.unwrap_or_default(),
    };
    let shown = match order.refresh {
        Some(shown) => shown,
        None => {
            same_site::must_be_own(&head)?;
            cookie(&head.headers).ok_or(Code::SignedOut)?
        }
    };
    let renewed = visitor.service.refresh(&shown, &visitor.client).await;
    visitor.let_in(renewed, StatusCode::OK)
}

/// Where one is signed in
#[utoipa::path(get, path = "/api/v1/sessions", tag = "accounts", operation_id = "session_list",
    responses((status = 200, description = "The sessions, the latest use first", body = SessionList), AccountsAway),
)]
async fn list(own: Own) -> Result<Json<SessionList>, Refused> {
    let sessions = own.service.sessions(own.account.user_id).await;
    let sessions = sessions.map_err(refused)?;
    let view = |session| SessionView::new(session, own.session);
    Ok(Json(SessionList {
        items: sessions.iter().map(view).collect(),
        next: None,
    }))
}

/// Sign out
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "accounts", operation_id = "session_end",
    params(EndParams),
    responses((status = 204, description = "Signed out"), NotThere, AccountsAway),
)]
async fn sign_out(
    own: Own,
    visitor: Visitor,
    QueryParts(asked): QueryParts<EndParams>,
) -> Result<Response, Refused> {
    let user_id = own.account.user_id;
    let which = asked.which.unwrap_or(WhichSessions::This);
    match (which, own.session) {
        (WhichSessions::This, None) => {
            let words = "an API key has no session: say which=all or which=others";
            return Err(Refused::new(Code::NotFound, words));
        }
        (WhichSessions::This, Some(id)) => own.service.end_session(user_id, id).await,
        (WhichSessions::Others, this) => own.service.end_other_sessions(user_id, this).await,
        (WhichSessions::All, _) => own.service.end_other_sessions(user_id, None).await,
    }
    .map_err(refused)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if !matches!(which, WhichSessions::Others) {
        visitor.set_cookie(&mut response, "", 0);
    }
    Ok(response)
}

/// End one session
#[utoipa::path(delete, path = "/api/v1/me/sessions/{id}", tag = "accounts", operation_id = "session_end_one",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is over"), NotThere, AccountsAway),
)]
async fn end(own: Own, PathParts(id): PathParts<weir_store::Id>) -> Result<StatusCode, Refused> {
    let ended = own.service.end_session(own.account.user_id, id).await;
    done(ended, StatusCode::NO_CONTENT)
}

impl Visitor {
    /// Answers whoever has just signed in, or renewed it: the one way in which a session is handed out.
    pub(super) fn let_in(
        &self,
        signed_in: Result<SignedIn, AccountError>,
        status: StatusCode,
    ) -> Result<Response, Refused> {
        let SignedIn {
            account,
            session,
            cookie,
            token,
        } = signed_in.map_err(refused)?;
        let view = SignedInView {
            account: AccountView::from(&account),
            session: SessionView::new(&session, Some(session.id)),
            token_expires_ms: token.as_ref().map(|token| token.expires_ms),
            refresh: token.as_ref().map(|token| token.refresh.clone()),
            token: token.map(|token| token.access),
        };
        let mut response = (status, Json(view)).into_response();
        let fixed = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, fixed);
        if let Some(cookie) = cookie {
            let hours = self.service.config().session_hours;
            self.set_cookie(&mut response, &cookie, u64::from(hours) * 3600);
        }
        Ok(response)
    }

    /// `Lax`: a link from elsewhere finds people signed in, and a form from elsewhere does not.
    fn set_cookie(&self, response: &mut Response, value: &str, max_age_s: u64) {
        self.set_cookie_named(response, (SESSION_COOKIE, "/"), value, max_age_s);
    }

    pub(super) fn set_cookie_named(
        &self,
        response: &mut Response,
        (name, path): (&str, &str),
        value: &str,
        max_age_s: u64,
    ) {
        let site = self.service.config().site_url.as_str();
        // A page over TLS says so itself; where only a proxy knows, the settings do.
        let is_secure = [site, self.origin.as_str()]
            .into_iter()
            .any(|url| url.starts_with("https://"));
        let secure = if is_secure { "; Secure" } else { "" };
        let line = format!(
            "{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"
        );
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
}

impl From<WantedKind> for SessionKind {
    fn from(kind: WantedKind) -> Self {
        match kind {
            WantedKind::Cookie => Self::Cookie,
            WantedKind::Token => Self::Token,
            WantedKind::Both => Self::Both,
        }
    }
}
