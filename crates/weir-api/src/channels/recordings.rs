//! `/api/v1/channels/{name}/recordings`: past broadcasts that anybody may find who may see the channel.

use axum::Json;
use axum::extract::State as Extract;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_store::recordings::RecordingFilter;

use super::doors::{Wish, open};
use crate::asked::{Page, PageParams, PathParts};
use crate::caller::Caller;
use crate::recordings::PAGE;
use crate::recordings::seen::{RecordingsSeen, seen_all};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind};

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A channel's recordings, newest first
///
/// Those that are published, the one that goes on among them.
#[utoipa::path(get, path = "/api/v1/channels/{name}/recordings", tag = "channels", operation_id = "channel_recordings",
    params(("name" = String, Path, description = "The channel"), PageParams),
    responses(
        StoreAway,
        (status = 200, description = "Some of them", body = RecordingsSeen),
        (status = 401, description = "The credentials are nobody's, or no longer",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(name): PathParts<String>,
    page: Page,
) -> Result<Json<RecordingsSeen>, Refused> {
    let store = state.store()?;
    let channel = open(store, caller.as_ref(), &name, Wish::See).await?;
    let (user_id, channel_id) = (channel.user_id.to_string(), channel.id.to_string());
    let filter = RecordingFilter {
        user_id: Some(&user_id),
        channel_id: Some(&channel_id),
        is_public: true,
        ..RecordingFilter::default()
    };
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let rows = store.recordings().list(filter, before, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.to_string());
    let items = seen_all(&state, rows).await?;
    Ok(Json(RecordingsSeen { items, next }))
}
