//! API keys of one's own account.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::NewKey;
use weir_store::Id;

use super::views::ApiKeyView;
use super::{AccountsAway, BySession, refused};
use crate::asked::{JsonBody, PathParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "label": "my bot", "scopes": ["chat.join"] }))]
struct KeyOrder {
    /// What to call it, in 50 characters.
    label: String,
    /// What it may do: names of rights, of those that its owner has.
    scopes: Vec<String>,
    /// Until when it is good, milliseconds since 1970; left out for ever.
    #[serde(default)]
    #[schema(nullable = false)]
    expires_ms: Option<i64>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeKey {
    #[serde(flatten)]
    about: ApiKeyView,
    /// To be sent as `Authorization: Bearer KEY`. Said this once.
    key: String,
}

/// An account's keys.
#[derive(Debug, Serialize, ToSchema)]
struct KeyList {
    items: Vec<ApiKeyView>,
    /// Always null: an account has few keys.
    next: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(revoke))
}

/// One's API keys
#[utoipa::path(get, path = "/api/v1/me/keys", tag = "accounts", operation_id = "api_key_list",
    responses((status = 200, description = "The keys, oldest first", body = KeyList), AccountsAway),
)]
async fn list(BySession(own): BySession) -> Result<Json<KeyList>, Refused> {
    let keys = own.service.api_keys(own.account.user_id).await;
    Ok(Json(KeyList {
        items: keys
            .map_err(refused)?
            .iter()
            .map(ApiKeyView::from)
            .collect(),
        next: None,
    }))
}

/// Make an API key
#[utoipa::path(post, path = "/api/v1/me/keys", tag = "accounts", operation_id = "api_key_make",
    request_body = KeyOrder,
    responses(
        (status = 201, description = "The key, this once", body = MadeKey),
        (status = 409, description = "The account has as many keys as it may",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn make(
    BySession(own): BySession,
    JsonBody(order): JsonBody<KeyOrder>,
) -> Result<Response, Refused> {
    let asked = NewKey {
        label: order.label,
        scopes: order.scopes,
        expires_ms: order.expires_ms,
    };
    let made = own.service.make_api_key(&own.account, &asked).await;
    let (about, key) = made.map_err(refused)?;
    let about = ApiKeyView::from(&about);
    Ok((StatusCode::CREATED, Json(MadeKey { about, key })).into_response())
}

/// Take an API key back
#[utoipa::path(delete, path = "/api/v1/me/keys/{id}", tag = "accounts", operation_id = "api_key_revoke",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is good no more"), NotThere, AccountsAway),
)]
async fn revoke(
    BySession(own): BySession,
    PathParts(id): PathParts<Id>,
) -> Result<StatusCode, Refused> {
    let revoked = own.service.revoke_api_key(own.account.user_id, id).await;
    revoked.map(|()| StatusCode::NO_CONTENT).map_err(refused)
}
