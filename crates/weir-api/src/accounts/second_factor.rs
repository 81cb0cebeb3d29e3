//! The second factor of one's own account: offered, taken, taken away.

use axum::Json;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AccountsAway, BySession, done, refused};
use crate::asked::JsonBody;
use crate::refused::{Problem, Refused};
use crate::state::State;

/// The password, once more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse" }))]
struct OfferOrder {
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
}

/// A second factor that is not there yet.
#[derive(Debug, Serialize, ToSchema)]
struct OfferView {
    /// For typing into a program, in base32.
    secret: String,
    /// For a picture that a telephone reads.
    uri: String,
    /// To be sent back with a code, within a quarter of an hour.
    offer: String,
}

/// An offer that is taken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "offer": "c2VhbGVk", "code": "287082" }))]
struct EnrollOrder {
    /// As it was answered.
    offer: String,
    /// What the program shows now.
    #[schema(example = "287082")]
    code: String,
}

/// A second factor that is there from now on.
#[derive(Debug, Serialize, ToSchema)]
struct EnrolledView {
    /// Each stands in for the telephone once. Said this once.
    recovery_codes: Vec<String>,
}

/// A second factor to be taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse", "code": "287082" }))]
struct RemoveOrder {
    #[serde(default)]
    #[schema(format = Password)]
    password: String,
    /// What the program shows now, or a code that stands in for it.
    code: String,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(offer, enroll, remove))
}

/// Begin to add a second factor
///
/// Nothing changes until a code is shown.
#[utoipa::path(post, path = "/api/v1/me/totp", tag = "accounts", operation_id = "totp_offer",
    request_body = OfferOrder,
    responses(
        (status = 200, description = "What to put into a program", body = OfferView),
        (status = 409, description = "There is one already",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn offer(
    BySession(own): BySession,
    JsonBody(order): JsonBody<OfferOrder>,
) -> Result<Json<OfferView>, Refused> {
    let offered = own
        .service
        .offer_totp(&own.account, &order.password, &own.client)
        .await;
    let offered = offered.map_err(refused)?;
    Ok(Json(OfferView {
        secret: offered.secret,
        uri: offered.uri,
        offer: offered.offer,
    }))
}

/// Add a second factor
#[utoipa::path(put, path = "/api/v1/me/totp", tag = "accounts", operation_id = "totp_add",
    request_body = EnrollOrder,
    responses(
        (status = 200, description = "A code is asked for from now on", body = EnrolledView),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn enroll(
    BySession(own): BySession,
    JsonBody(order): JsonBody<EnrollOrder>,
) -> Result<Json<EnrolledView>, Refused> {
    let enrolled = own
        .service
        .enroll_totp(&own.account, &order.offer, &order.code)
        .await;
    let recovery_codes = enrolled.map_err(refused)?.recovery_codes;
    Ok(Json(EnrolledView { recovery_codes }))
}

/// Take the second factor away
#[utoipa::path(delete, path = "/api/v1/me/totp", tag = "accounts", operation_id = "totp_remove",
    request_body = RemoveOrder,
    responses(
        (status = 204, description = "No code is asked for any more"),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn remove(
    BySession(own): BySession,
    JsonBody(order): JsonBody<RemoveOrder>,
) -> Result<StatusCode, Refused> {
    let removed = own
        .service
        .remove_totp(&own.account, &order.password, &order.code, &own.client)
        .await;
    done(removed, StatusCode::NO_CONTENT)
}
