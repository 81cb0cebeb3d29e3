//! Tokens for chat, and the keys by which gateways verify them.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AccountsAway, Own, refused, service};
use crate::refused::Refused;
use crate::state::State;

/// A token for chat.
#[derive(Debug, Serialize, ToSchema)]
struct ChatTokenView {
    /// A JSON Web Token with `sub`, `name`, `display_name`, `role`, for the audience `chat`.
    token: String,
    /// Milliseconds since 1970.
    expires_ms: i64,
}

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(chat))
}

pub(super) fn key_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(keys))
}

/// Get a token for chat
///
/// Short-lived and signed: a gateway verifies it by itself, with the keys of `/api/v1/tokens/keys`. The site's cookie
/// is good for it.
#[utoipa::path(post, path = "/api/v1/tokens/chat", tag = "accounts", operation_id = "token_chat",
    responses((status = 200, description = "The token", body = ChatTokenView), AccountsAway),
)]
async fn chat(own: Own) -> Result<Json<ChatTokenView>, Refused> {
    let token = own.service.chat_token(&own.account).map_err(refused)?;
    Ok(Json(ChatTokenView {
        token: token.token,
        expires_ms: token.expires_ms,
    }))
}

/// The keys of chat tokens
///
/// A JWK set (RFC 7517) with an Ed25519 key (RFC 8037).
#[utoipa::path(get, path = "/api/v1/tokens/keys", tag = "accounts", operation_id = "token_keys",
    responses((status = 200, description = "The keys", body = Object), AccountsAway),
)]
async fn keys(Extract(state): Extract<State>) -> Result<Response, Refused> {
    let keys = service(&state)?.chat_keys();
    let kept = HeaderValue::from_static("public, max-age=300");
    Ok(([(header::CACHE_CONTROL, kept)], Json(keys)).into_response())
}
