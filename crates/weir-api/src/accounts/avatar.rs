//! The picture of one's own account.

use axum::extract::State as Extract;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_image::Kind;

use super::me::view;
use super::views::AccountView;
use super::{AccountsAway, Own, refused};
use crate::pictures::{self, NoPicture, PictureFile};
use crate::refused::{Problem, Refused};
use crate::state::State;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(put, remove))
        .layer(pictures::body_limit())
}

/// Set one's picture
///
/// The file itself is the body. It is made anew in a few square sizes; nothing else of it is kept.
#[utoipa::path(put, path = "/api/v1/me/avatar", tag = "accounts", operation_id = "me_avatar",
    request_body(content = PictureFile, content_type = "image/*"),
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        NoPicture,
        AccountsAway,
    ),
)]
async fn put(
    Extract(state): Extract<State>,
    own: Own,
    file: PictureFile,
) -> Result<Response, Refused> {
    let whose = format!("account {}", own.account.user_id);
    let id = pictures::keep(&state, &whose, Kind::Avatar, file).await?;
    replace(&state, own, id).await
}

/// Remove one's picture
#[utoipa::path(delete, path = "/api/v1/me/avatar", tag = "accounts", operation_id = "me_avatar_remove",
    responses(
        (status = 200, description = "The account as it is now", body = AccountView),
        (status = 412, description = "The account was changed at the same moment",
            body = Problem, content_type = "application/problem+json"),
        AccountsAway,
    ),
)]
async fn remove(Extract(state): Extract<State>, own: Own) -> Result<Response, Refused> {
    replace(&state, own, String::new()).await
}

/// Names another picture, and removes the one that nothing names then.
async fn replace(state: &State, own: Own, id: String) -> Result<Response, Refused> {
    let before = own.account.avatar.clone();
    let changed = own.service.change_avatar(own.account, id.clone()).await;
    let unnamed = if changed.is_ok() { &before } else { &id };
    if before != id {
        pictures::forget(state, Kind::Avatar, unnamed).await;
    }
    Ok(view(&changed.map_err(refused)?))
}
