//! All that is known of an account, for its owner to take along.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AccountsAway, BySession, refused};
use crate::refused::Refused;
use crate::state::State;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(export))
}

/// Take one's data along
///
/// All that is known of the account, its sessions and keys. No secret is in it.
#[utoipa::path(get, path = "/api/v1/me/export", tag = "accounts", operation_id = "me_export",
    responses((status = 200, description = "All of it", body = Object), AccountsAway),
)]
async fn export(BySession(own): BySession) -> Result<Response, Refused> {
    let data = own.service.export(&own.account).await.map_err(refused)?;
    let fixed = HeaderValue::from_static;
    let headers = [
        (header::CACHE_CONTROL, fixed("no-store")),
        (
            header::CONTENT_DISPOSITION,
            fixed("attachment; filename=\"account.json\""),
        ),
    ];
    Ok((headers, Json(data)).into_response())
}
