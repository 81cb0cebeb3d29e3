//! One's own account: read, changed, removed.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::ProfileChange;
use weir_image::Kind;
use weir_store::accounts::Account;

use super::views::{AccountView, tag};
use super::{AccountsAway, BySession, Own, done, refused};
use crate::asked::JsonBody;
use crate::pictures;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "display_name": "Ann the Great" }))]
struct ProfileOrder {
    /// What they want to be called, in 50 characters; empty for the name.
    #[serde(default)]
    #[schema(nullable = false)]
    display_name: Option<String>,
    /// What they say of themselves, in 1000 characters.
    #[serde(default)]
    #[schema(nullable = false)]
    about: Option<String>,
    /// `en`, `zh`, or empty for what the browser asks for.
    #[serde(default)]
    #[schema(nullable = false)]
    language: Option<String>,
}

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse", "new_password": "another horse" }))]
struct PasswordOrder {
    /// The one until now; left out where there is none yet.
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
    /// 8 to 1024 bytes.
    #[schema(format = Password)]
    new_password: String,
}

/// Another address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse", "email": "ann@example.org" }))]
struct EmailOrder {
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
    email: String,
}

/// The password, once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse" }))]
struct Farewell {
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(look, change, remove))
        .routes(routes!(change_password))
        .routes(routes!(change_email, send_proof))
}

/// One's own account
#[utoipa::path(get, path = "/api/v1/me", tag = "accounts", operation_id = "me",
    responses((status = 200, description = "Who asks", body = AccountView), AccountsAway),
)]
async fn look(own: Own) -> Response {
    view(&own.account)
}

/// Change one's profile
#[utoipa::path(patch, path = "/api/v1/me", tag = "accounts", operation_id = "me_change",
    request_body = ProfileOrder,
    params(("If-Match" = Option<String>, Header, description = "The tag of the version that is meant")),
    responses(
        (status = 200, description = "As it is now", body = AccountView),
        (status = 412, description = "It was changed since it was read",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn change(
    own: Own,
    asked: HeaderMap,
    JsonBody(order): JsonBody<ProfileOrder>,
) -> Result<Response, Refused> {
    tag(&own.account).admits(&asked)?;
    let change = ProfileChange {
        display_name: order.display_name,
        about: order.about,
        language: order.language,
    };
    let changed = own.service.change_profile(own.account, change).await;
    Ok(view(&changed.map_err(refused)?))
}

/// Remove one's account
///
/// For good, with all that belongs to it. Its name stays taken.
#[utoipa::path(delete, path = "/api/v1/me", tag = "accounts", operation_id = "me_remove",
    request_body = Farewell,
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "It is the first admin's",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn remove(
    Extract(state): Extract<State>,
    BySession(own): BySession,
    JsonBody(farewell): JsonBody<Farewell>,
) -> Result<StatusCode, Refused> {
    let removed = own
        .service
        .remove(&own.account, &farewell.password, &own.client);
    removed.await.map_err(refused)?;
    pictures::forget(&state, Kind::Avatar, &own.account.avatar).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's password
///
/// All other sessions end.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "accounts", operation_id = "me_password",
    request_body = PasswordOrder,
    responses(
        (status = 204, description = "It is good from now on"),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn change_password(
    BySession(own): BySession,
    JsonBody(order): JsonBody<PasswordOrder>,
) -> Result<StatusCode, Refused> {
    let Own {
        service,
        account,
        session,
        client,
    } = own;
    let changed = service.change_password(
        account,
        session,
        &order.password,
        &order.new_password,
        &client,
    );
    done(changed.await, StatusCode::NO_CONTENT)
}

/// Change one's address
///
/// A letter goes to the new one; following its link puts it in the old one's place.
#[utoipa::path(put, path = "/api/v1/me/email", tag = "accounts", operation_id = "me_email",
    request_body = EmailOrder,
    responses((status = 202, description = "A letter is sent"), AccountsAway),
)]
async fn change_email(
    BySession(own): BySession,
    JsonBody(order): JsonBody<EmailOrder>,
) -> Result<StatusCode, Refused> {
    let sent = own
        .service
        .change_email(&own.account, &order.password, &order.email, &own.client);
    done(sent.await, StatusCode::ACCEPTED)
}

/// Send the letter once more that proves one's address
#[utoipa::path(post, path = "/api/v1/me/email", tag = "accounts", operation_id = "me_email_proof",
    responses(
        (status = 202, description = "A letter is sent"),
        (status = 409, description = "There is no address that waits to be proved",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn send_proof(BySession(own): BySession) -> Result<StatusCode, Refused> {
    let sent = own
        .service
        .send_proof_again(&own.account, &own.client)
        .await;
    done(sent, StatusCode::ACCEPTED)
}

pub(super) fn view(account: &Account) -> Response {
    tag(account).on(Json(AccountView::from(account)))
}
