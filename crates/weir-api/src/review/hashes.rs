//! Pictures that are known to be bad: whatever looks like one of them is looked at first.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weir_base::{Code, rfc3339};
use weir_review::Pdq;
use weir_store::review::KnownHash;

use super::shown::label_of;
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, Page, PageParams, PathParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Hashes on one page, when nobody says.
const PAGE: u32 = 100;

/// A picture that is known to be bad.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "hash": "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22", "label": "ad for a casino"
}))]
pub(super) struct HashWish {
    /// Its PDQ hash: 64 hexadecimal digits.
    #[schema(min_length = 64, max_length = 64)]
    hash: String,
    /// What reviewers are told.
    #[schema(max_length = 60)]
    label: String,
}

/// A picture that is known to be bad.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnownPicture)]
pub(super) struct HashSeen {
    hash: String,
    label: String,
    /// When it was added (RFC 3339).
    added_at: String,
}

/// Some of them, by their hashes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HashesSeen {
    items: Vec<HashSeen>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

impl From<KnownHash> for HashSeen {
    fn from(row: KnownHash) -> Self {
        Self {
            hash: row.hash,
            label: row.label,
            added_at: rfc3339(row.added_ms),
        }
    }
}

/// Pictures that are known to be bad
#[utoipa::path(get, path = "/api/v1/review/hashes", tag = "review", operation_id = "review_hash_list",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = HashesSeen)),
)]
pub(super) async fn list(
    Extract(state): Extract<State>,
    page: Page,
) -> Result<Json<HashesSeen>, Refused> {
    let limit = page.limit(PAGE);
    let after = page.after().unwrap_or_default();
    let rows = state.store()?.review().known(after, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.hash.clone());
    let items = rows.into_iter().map(HashSeen::from).collect();
    Ok(Json(HashesSeen { items, next }))
}

/// Add a picture that is known to be bad
///
/// By its hash. It counts within five seconds; one that is there gets another label.
#[utoipa::path(post, path = "/api/v1/review/hashes", tag = "review", operation_id = "review_hash_add",
    request_body = HashWish,
    responses(
        StoreAway,
        (status = 204, description = "It is known"),
        (status = 409, description = "There are as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn add(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<HashWish>,
) -> Result<StatusCode, Refused> {
    let hash: Result<Pdq, _> = wish.hash.parse();
    let hash = hash
        .map_err(|no| Refused::field(Code::Unprocessable, "hash", no.to_string()))?
        .to_string();
    let label = label_of(&wish.label)?;
    let by_user = actor.user();
    state.store()?.review().know(&hash, label, &by_user).await?;
    let act = Acted::plain("review.hash_add", &hash).now(json!({ "label": label }));
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove one of them
#[utoipa::path(delete, path = "/api/v1/review/hashes/{hash}", tag = "review", operation_id = "review_hash_remove",
    params(("hash" = String, Path, description = "Its PDQ hash")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
pub(super) async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let there_is_none = |_| Refused::new(Code::NotFound, "there is no such hash");
    let hash = text.parse::<Pdq>().map_err(there_is_none)?.to_string();
    state.store()?.review().unknow(&hash).await?;
    actor
        .did(&state, Acted::plain("review.hash_remove", &hash))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
