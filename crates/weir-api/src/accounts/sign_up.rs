//! Making an account, and the links of letters: what nobody has to be signed in for.

use axum::Json;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::SignUp;

use super::views::{AccountView, tag};
use super::{AccountsAway, Visitor, done, refused};
use crate::asked::JsonBody;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// What somebody says who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Ann", "email": "ann@example.net", "password": "correct horse" }))]
struct SignUpOrder {
    /// 2 to 32 letters and digits of any script; `-`, `_` and `.` between them.
    name: String,
    /// Where mail goes.
    email: String,
    /// 8 to 1024 bytes.
    #[schema(format = Password)]
    password: String,
    /// An invite's code, where signing up takes one.
    #[serde(default)]
    invite: String,
}

/// The token of a letter's link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "wl_AAAA" }))]
struct LinkToken {
    /// What stands behind `token=`.
    token: String,
}

/// Who forgot a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "login": "ann@example.net" }))]
struct Forgotten {
    /// A name or an address.
    login: String,
}

/// A new password by a letter's link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "wl_AAAA", "new_password": "another horse" }))]
struct NewPassword {
    /// What stands behind `token=`.
    token: String,
    /// 8 to 1024 bytes.
    #[schema(format = Password)]
    new_password: String,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(prove))
        .routes(routes!(ask_reset))
        .routes(routes!(reset))
}

/// Make an account
///
/// A letter goes to the address; following its link proves it.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", operation_id = "account_make",
    request_body = SignUpOrder,
    responses(
        (status = 201, description = "It is there", body = AccountView),
        (status = 401, description = "The invite is none, or used up",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Signing up here is closed, or takes an invite",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The name or the address is somebody's, or the name looks like somebody's",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn sign_up(
    visitor: Visitor,
    JsonBody(order): JsonBody<SignUpOrder>,
) -> Result<Response, Refused> {
    let asked = SignUp {
        name: order.name,
        email: order.email,
        password: order.password,
        invite: order.invite,
    };
    let made = visitor.service.sign_up(&asked, &visitor.client).await;
    let made = made.map_err(refused)?;
    let mut response = tag(&made).on((StatusCode::CREATED, Json(AccountView::from(&made))));
    let place = HeaderValue::from_static("/api/v1/me");
    response.headers_mut().insert(header::LOCATION, place);
    Ok(response)
}

/// Prove an address
///
/// By the token of a letter's link.
#[utoipa::path(post, path = "/api/v1/accounts/prove", tag = "accounts", operation_id = "account_prove",
    request_body = LinkToken,
    responses(
        (status = 204, description = "The address is theirs from now on"),
        (status = 401, description = "The link is not good, or not any more",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another account has the address by now",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn prove(
    visitor: Visitor,
    JsonBody(link): JsonBody<LinkToken>,
) -> Result<StatusCode, Refused> {
    let proved = visitor.service.prove_email(&link.token).await;
    done(proved, StatusCode::NO_CONTENT)
}

/// Ask for a new password
///
/// A letter is sent where there is such an account; the answer is the same where there is none.
#[utoipa::path(post, path = "/api/v1/accounts/reset", tag = "accounts", operation_id = "account_ask_reset",
    request_body = Forgotten,
    responses((status = 202, description = "A letter is sent, if there is such an account"), AccountsAway),
)]
async fn ask_reset(
    visitor: Visitor,
    JsonBody(forgotten): JsonBody<Forgotten>,
) -> Result<StatusCode, Refused> {
    let asked = visitor
        .service
        .ask_reset(&forgotten.login, &visitor.client)
        .await;
    done(asked, StatusCode::ACCEPTED)
}

/// Set a new password
///
/// By the token of a letter's link. All sessions end.
#[utoipa::path(put, path = "/api/v1/accounts/reset", tag = "accounts", operation_id = "account_reset",
    request_body = NewPassword,
    responses(
        (status = 204, description = "The new password is good from now on"),
        (status = 401, description = "The link is not good, or not any more",
            body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another account has the address by now",
            body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn reset(
    visitor: Visitor,
    JsonBody(new): JsonBody<NewPassword>,
) -> Result<StatusCode, Refused> {
    let reset = visitor.service.reset(&new.token, &new.new_password).await;
    done(reset, StatusCode::NO_CONTENT)
}
