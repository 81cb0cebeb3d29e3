//! What waits and what was decided, without claiming it; and the pictures.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_base::Code;
use weir_store::StoreError;
use weir_store::objects::{Class, Key, Stored};
use weir_store::review::{ItemFilter, ReviewItem};

use super::reviewer;
use super::shown::ItemSeen;
use crate::asked::{Etag, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind, id_of};

/// Items on one page, when nobody says.
const PAGE: u32 = 50;

/// Which items.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ItemsAsked {
    /// `waiting` or `decided`; both where nobody says.
    #[param(required = false, nullable = false)]
    state: Option<String>,
    /// Of this stream alone, by its whole name, such as `live/demo`.
    #[param(required = false, nullable = false)]
    stream: Option<String>,
    /// Decided by whoever asks.
    #[param(required = false, nullable = false)]
    mine: Option<bool>,
    /// With a picture that is near to the known one of this label.
    #[param(required = false, nullable = false)]
    known_as: Option<String>,
}

/// Some items, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemsSeen {
    items: Vec<ItemSeen>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What waits and what was decided, newest first
#[utoipa::path(get, path = "/api/v1/review/items", tag = "review", operation_id = "review_list",
    params(ItemsAsked, PageParams),
    responses(StoreAway, (status = 200, description = "Some of it", body = ItemsSeen)),
)]
pub(super) async fn list(
    Extract(state): Extract<State>,
    caller: Caller,
    QueryParts(asked): QueryParts<ItemsAsked>,
    page: Page,
) -> Result<Json<ItemsSeen>, Refused> {
    let limit = page.limit(PAGE);
    let me = reviewer(&caller);
    let apps = state.reviewers().apps_of(&caller);
    let filter = ItemFilter {
        stream: asked.stream.as_deref(),
        is_waiting: match asked.state.as_deref() {
            None => None,
            Some("waiting") => Some(true),
            Some("decided") => Some(false),
            Some(_) => {
                let words = "an item is waiting or decided";
                return Err(Refused::field(Code::BadRequest, "state", words));
            }
        },
        decided_by: asked.mine.unwrap_or(false).then_some(me.as_str()),
        apps: apps.as_deref(),
        known_as: asked.known_as.as_deref(),
    };
    let review = state.store()?.review();
    let rows = review.list(filter, behind(&page)?, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.clone());
    let items = ItemSeen::all(&state, rows).await?;
    Ok(Json(ItemsSeen { items, next }))
}

/// One item, with all of its pictures in the order of time
#[utoipa::path(get, path = "/api/v1/review/items/{id}", tag = "review", operation_id = "review_item",
    params(("id" = String, Path, description = "Its id")),
    responses(StoreAway, (status = 200, description = "The item", body = ItemSeen), NotThere),
)]
pub(super) async fn one(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(id): PathParts<String>,
) -> Result<Json<ItemSeen>, Refused> {
    let id = id_of(&id)?.to_string();
    let item = state.store()?.review().by_id(&id).await?;
    may_see(&state, &caller, &item)?;
    Ok(Json(ItemSeen::whole(&state, item).await?))
}

/// A picture inside an item, as JPEG
#[utoipa::path(get, path = "/api/v1/review/items/{id}/pictures/{picture}", tag = "review",
    operation_id = "review_picture",
    params(
        ("id" = String, Path, description = "The item"),
        ("picture" = String, Path, description = "The picture"),
    ),
    responses(
        StoreAway,
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>),
        NotThere,
    ),
)]
pub(super) async fn picture(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts((item, id)): PathParts<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let (item, id) = (id_of(&item)?.to_string(), id_of(&id)?.to_string());
    let row = store.review().picture(&item, &id).await?;
    may_see(&state, &caller, &store.review().by_id(&item).await?)?;
    jpeg(&state, (&id, &row.object), (row.bytes, row.sha256), &asked).await
}

/// Who sees some apps alone is not told that there is more.
pub(super) fn may_see(state: &State, caller: &Caller, item: &ReviewItem) -> Result<(), Refused> {
    let apps = state.reviewers().apps_of(caller);
    // What is nobody's but theirs is shown to nobody else.
    let is_own = item.kind != "gold" || item.claimed_by == reviewer(caller);
    match apps.is_none_or(|apps| apps.contains(&item.app)) && is_own {
        true => Ok(()),
        false => Err(StoreError::Missing("item").into()),
    }
}

/// A picture out of the store.
pub(super) async fn jpeg(
    state: &State,
    (id, object): (&str, &str),
    (bytes, sha256): (i64, String),
    asked: &HeaderMap,
) -> Result<Response, Refused> {
    let key = Key::new(object)
        .map_err(|_| Refused::new(Code::NotFound, "there is no picture of this keyframe"))?;
    let stored = Stored {
        bytes: u64::try_from(bytes).unwrap_or(0),
        sha256,
    };
    let assets = state.store()?.objects(Class::Assets);
    let bytes = assets.get(&key, &stored).await?;
    let mut response = Etag::of(id).answer(asked, bytes);
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed("image/jpeg"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    // One's own browser shows it again on the next page; nobody between keeps it.
    headers.insert(
        header::CACHE_CONTROL,
        fixed("private, max-age=3600, immutable"),
    );
    Ok(response)
}
