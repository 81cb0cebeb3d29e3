//! Test pictures: those who lead add them with the right verdict, they come among what reviewers claim, and what is said
//! of them counts for the reviewer alone.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use weir_base::{Code, ids, rfc3339};
use weir_image::{Encoding, Kind};
use weir_review::agree;
use weir_store::StoreError;
use weir_store::objects::{Class, Key, Stored};
use weir_store::review::{Claiming, GoldPicture, ReviewItem};

use super::decisions::DecisionSeen;
use super::items::jpeg;
use super::shown::label_of;
use crate::acts::{Acted, Actor};
use crate::asked::{Page, PageParams, PathParts, QueryParts};
use crate::pictures::{NoPicture, PictureFile, refused};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Test pictures on one page, when nobody says.
const PAGE: u32 = 100;
/// Pixels across of the size that is kept: as of pictures of streams.
const WIDTH: u32 = 640;

/// What a test picture is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct GoldWish {
    /// `ok`: nothing is wrong with it; `bad`: something is.
    verdict: String,
    /// What it is called to those who lead.
    label: String,
}

/// A test picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestPicture)]
pub(super) struct GoldSeen {
    id: String,
    /// `ok` or `bad`.
    verdict: String,
    label: String,
    /// The JPEG.
    url: String,
    /// When it was added (RFC 3339).
    added_at: String,
}

/// Some of them, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestPictures)]
pub(super) struct GoldsSeen {
    items: Vec<GoldSeen>,
    /// For `?after=`, where there is more.
    next: Option<String>,
    /// One is shown for so many items that are claimed; 0: none is.
    one_in: u32,
}

impl From<GoldPicture> for GoldSeen {
    fn from(row: GoldPicture) -> Self {
        Self {
            url: format!("/api/v1/review/gold/{}", row.id),
            id: row.id,
            verdict: row.verdict,
            label: row.label,
            added_at: rfc3339(row.added_ms),
        }
    }
}

/// Test pictures
#[utoipa::path(get, path = "/api/v1/review/gold", tag = "review", operation_id = "review_gold_list",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = GoldsSeen)),
)]
pub(super) async fn list(
    Extract(state): Extract<State>,
    page: Page,
) -> Result<Json<GoldsSeen>, Refused> {
    let limit = page.limit(PAGE);
    let after = page.after().unwrap_or_default();
    let rows = state.store()?.review().golds(after, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.clone());
    let items = rows.into_iter().map(GoldSeen::from).collect();
    let one_in = state.gold_one_in;
    Ok(Json(GoldsSeen {
        items,
        next,
        one_in,
    }))
}

/// Add a test picture
///
/// The file itself is the body. It is made anew in the size of streams' pictures; nothing else of it is kept.
#[utoipa::path(post, path = "/api/v1/review/gold", tag = "review", operation_id = "review_gold_add",
    params(GoldWish),
    request_body(content = PictureFile, content_type = "image/*"),
    responses(
        StoreAway,
        (status = 201, description = "The test picture", body = GoldSeen),
        (status = 409, description = "There are as many as may be",
            body = Problem, content_type = "application/problem+json"),
        NoPicture,
    ),
)]
pub(super) async fn add(
    Extract(state): Extract<State>,
    actor: Actor,
    QueryParts(wish): QueryParts<GoldWish>,
    file: PictureFile,
) -> Result<(StatusCode, Json<GoldSeen>), Refused> {
    if !["ok", "bad"].contains(&wish.verdict.as_str()) {
        return Err(Refused::field(
            Code::Unprocessable,
            "verdict",
            "this is ok or bad",
        ));
    }
    let label = label_of(&wish.label)?;
    let store = state.store()?;
    let made = state.pictures.make(file.0, Kind::Cover).await;
    let mut made = made.map_err(refused)?.into_iter();
    let made = made.find(|one| one.slot.width == WIDTH && one.encoding == Encoding::Jpeg);
    let made = made.ok_or_else(|| Refused::from(Code::Unavailable))?;
    let stored = Stored::of(&made.bytes);
    let id = store.next_id()?.to_string();
    let row = GoldPicture {
        object: format!("g/{id}.jpg"),
        sha256: stored.sha256,
        bytes: i64::try_from(stored.bytes).unwrap_or(i64::MAX),
        width: made.slot.width.into(),
        height: made.slot.height.into(),
        verdict: wish.verdict,
        label: label.to_owned(),
        added_ms: store.now_ms(),
        id,
    };
    let key = Key::new(&row.object).map_err(|error| StoreError::Fault(error.to_string()))?;
    let assets = store.objects(Class::Assets);
    assets.put(&key, made.bytes).await?;
    if let Err(error) = store.review().add_gold(&row, &actor.user()).await {
        // Nothing would name it any more.
        let _ = assets.delete(&key).await;
        return Err(error.into());
    }
    let after = json!({ "verdict": row.verdict, "label": row.label, "sha256": row.sha256 });
    let act = Acted::plain("review.gold_add", &row.id).now(after);
    actor.did(&state, act).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// A test picture, as JPEG
#[utoipa::path(get, path = "/api/v1/review/gold/{id}", tag = "review", operation_id = "review_gold_picture",
    params(("id" = String, Path, description = "Its id")),
    responses(
        StoreAway,
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>),
        NotThere,
    ),
)]
pub(super) async fn picture(
    Extract(state): Extract<State>,
    PathParts(id): PathParts<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let id = id_of(&id)?.to_string();
    let row = state.store()?.review().gold(&id).await?;
    jpeg(&state, (&id, &row.object), (row.bytes, row.sha256), &asked).await
}

/// Remove a test picture
///
/// What was said of it still counts.
#[utoipa::path(delete, path = "/api/v1/review/gold/{id}", tag = "review", operation_id = "review_gold_remove",
    params(("id" = String, Path, description = "Its id")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
pub(super) async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let row = store.review().remove_gold(&id_of(&id)?.to_string()).await?;
    if let Ok(key) = Key::new(&row.object) {
        store.objects(Class::Assets).delete(&key).await?;
    }
    let act = Acted::plain("review.gold_remove", &row.id);
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts one among what somebody has claimed, as often as the settings say.
pub(super) async fn mixed_in(
    state: &State,
    by: &Claiming<'_>,
    mut items: Vec<ReviewItem>,
) -> Result<Vec<ReviewItem>, Refused> {
    let one_in = u64::from(state.gold_one_in);
    // Nobody can foretell it; where there is no randomness there is none.
    let lot = || ids::random_bytes::<8>().map(u64::from_be_bytes);
    let (Ok(first), Ok(second)) = (lot(), lot()) else {
        return Ok(items);
    };
    let claimed = items.len() as u64;
    if one_in == 0 || claimed == 0 || first % one_in >= claimed {
        return Ok(items);
    }
    let review = state.store()?.review();
    if let Some(gold) = review.show_gold(by, &items, second).await? {
        let at = usize::try_from(second % (claimed + 1)).unwrap_or(0);
        items.insert(at, gold);
    }
    Ok(items)
}

/// Writes down what somebody says of one. Nothing else comes of it.
pub(super) async fn judged(
    state: &State,
    item: &ReviewItem,
    verdict: &str,
) -> Result<DecisionSeen, Refused> {
    let review = state.store()?.review();
    match review.gold(&item.parent_id).await {
        Ok(gold) => {
            let agrees = agree(&gold.verdict, verdict);
            review.compared(&item.id, agrees).await?;
        }
        // It was taken away meanwhile: nobody knows what would have been right.
        Err(StoreError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(DecisionSeen::new(item.id.clone(), false, None))
}
