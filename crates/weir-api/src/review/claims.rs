//! Claims: the next items for one reviewer, for as long as the reviewer's page says that it is there.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_account::Right;
use weir_base::{Code, ids};
use weir_review::{CLAIM_MS, MAX_CLAIM, MAX_HELD};
use weir_store::review::Claiming;

use super::shown::ItemSeen;
use super::{gold, reviewer};
use crate::asked::{JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// How many are wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "count": 20 }))]
pub(super) struct ClaimWish {
    /// Items.
    #[schema(minimum = 1, maximum = 40)]
    count: u32,
}

/// Items that are one reviewer's for a while.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClaimSeen {
    /// Names the claim: renew it, decide by it, release it.
    pub(super) claim: String,
    /// Milliseconds that it is good for from now on.
    pub(super) good_for_ms: i64,
    /// The most urgent first; none where nothing waits, or one has as many as may be.
    pub(super) items: Vec<ItemSeen>,
}

/// What is left of a claim.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClaimKept {
    good_for_ms: i64,
    /// Ids of the items that it is still on.
    items: Vec<String>,
}

/// Claim the next items
///
/// Nobody else gets them until the claim runs out, is released, or they are decided. A stretch that is claimed takes
/// no more pictures: a verdict is on what was shown.
#[utoipa::path(post, path = "/api/v1/review/claims", tag = "review", operation_id = "review_claim",
    request_body = ClaimWish,
    responses(StoreAway, (status = 201, description = "The items", body = ClaimSeen)),
)]
pub(super) async fn claim(
    Extract(state): Extract<State>,
    caller: Caller,
    JsonBody(wish): JsonBody<ClaimWish>,
) -> Result<(StatusCode, Json<ClaimSeen>), Refused> {
    let store = state.store()?;
    if !(1..=MAX_CLAIM).contains(&wish.count) {
        let words = format!("from 1 to {MAX_CLAIM}");
        return Err(Refused::field(Code::Unprocessable, "count", words));
    }
    let claim = new_claim()?;
    let (review, me) = (store.review(), reviewer(&caller));
    let apps = state.reviewers().apps_of(&caller);
    let wanted = Claiming {
        reviewer: &me,
        claim: &claim,
        good_for_ms: CLAIM_MS,
        is_lead: caller.rights.has(Right::ReviewLead),
        count: wish.count,
        most_held: MAX_HELD,
        apps: apps.as_deref(),
    };
    let claimed = review.claim(&wanted).await?;
    let claimed = gold::mixed_in(&state, &wanted, claimed).await?;
    let items = ItemSeen::all(&state, claimed).await?;
    let seen = ClaimSeen {
        claim,
        good_for_ms: CLAIM_MS,
        items,
    };
    Ok((StatusCode::CREATED, Json(seen)))
}

/// Keep a claim
#[utoipa::path(put, path = "/api/v1/review/claims/{claim}", tag = "review", operation_id = "review_renew",
    params(("claim" = String, Path, description = "As it was given")),
    responses(StoreAway, (status = 200, description = "What it is still on", body = ClaimKept), NotThere),
)]
pub(super) async fn renew(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(claim): PathParts<String>,
) -> Result<Json<ClaimKept>, Refused> {
    let review = state.store()?.review();
    let items = review.renew(&reviewer(&caller), &claim, CLAIM_MS).await?;
    if items.is_empty() {
        let words = "there is no such claim of yours, or it ran out, or all of it is decided";
        return Err(Refused::new(Code::NotFound, words));
    }
    Ok(Json(ClaimKept {
        good_for_ms: CLAIM_MS,
        items,
    }))
}

/// Give a claim back
///
/// What it is on waits for somebody else, and is as old as it was.
#[utoipa::path(delete, path = "/api/v1/review/claims/{claim}", tag = "review", operation_id = "review_release",
    params(("claim" = String, Path, description = "As it was given")),
    responses(StoreAway, (status = 204, description = "Nothing is left of it")),
)]
pub(super) async fn release(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(claim): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let review = state.store()?.review();
    review.release(&reviewer(&caller), &claim).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A name for a claim that nobody guesses.
pub(super) fn new_claim() -> Result<String, Refused> {
    let random = ids::random_bytes::<16>();
    let random = random.map_err(|_| Refused::from(Code::Unavailable))?;
    Ok(ids::hex(&random))
}
