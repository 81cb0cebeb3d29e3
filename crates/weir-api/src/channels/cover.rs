//! The picture of a channel.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_image::Kind;
use weir_store::channels::{Channel, ChannelEdit};

use super::doors::{Wish, open};
use super::{ChannelShown, known_live, tag};
use crate::asked::PathParts;
use crate::caller::Caller;
use crate::pictures::{self, NoPicture, PictureFile};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(put, remove))
        .layer(pictures::body_limit())
}

/// Set a channel's picture
///
/// The file itself is the body. It is made anew in a few sizes of 16 to 9; nothing else of it is kept.
#[utoipa::path(put, path = "/api/v1/channels/{name}/cover", tag = "channels", operation_id = "channel_cover",
    params(("name" = String, Path, description = "The channel")),
    request_body(content = PictureFile, content_type = "image/*"),
    responses(
        StoreAway,
        (status = 200, description = "The channel as it is now", body = ChannelShown),
        NotThere,
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
        NoPicture,
    ),
)]
async fn put(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
    file: PictureFile,
) -> Result<Response, Refused> {
    let channel = open(state.store()?, Some(&caller), &name, Wish::Edit).await?;
    let whose = format!("channel {}", channel.id);
    let id = pictures::keep(&state, &whose, Kind::Cover, file).await?;
    replace(&state, channel, &id).await
}

/// Remove a channel's picture
#[utoipa::path(delete, path = "/api/v1/channels/{name}/cover", tag = "channels",
    operation_id = "channel_cover_remove",
    params(("name" = String, Path, description = "The channel")),
    responses(
        StoreAway,
        (status = 200, description = "The channel as it is now", body = ChannelShown),
        NotThere,
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refused> {
    let channel = open(state.store()?, Some(&caller), &name, Wish::Edit).await?;
    replace(&state, channel, "").await
}

/// Names another picture, and removes the one that nothing names then.
async fn replace(state: &State, channel: Channel, id: &str) -> Result<Response, Refused> {
    let edit = ChannelEdit {
        cover: Some(id),
        ..ChannelEdit::default()
    };
    let place = (channel.user_id, channel.id);
    let channels = state.store()?.channels();
    let changed = channels.edit(place, channel.version, &edit).await;
    let before = channel.cover.as_str();
    if before != id {
        let unnamed = if changed.is_ok() { before } else { id };
        pictures::forget(state, Kind::Cover, unnamed).await;
    }
    let changed = changed?;
    let tag = tag(&changed);
    Ok(tag.on(Json(ChannelShown::new(changed, &known_live(state)))))
}
