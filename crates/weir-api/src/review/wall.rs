//! The wall: the newest picture of every live stream, claimed by nobody. To have a look at what is on, and to be quicker
//! than the queue.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_account::Right;
use weir_base::{Code, rfc3339};
use weir_review::{CLAIM_MS, MAX_HELD};
use weir_store::StoreError;
use weir_store::review::{Claiming, Growth, NewPicture};
use weir_store::snapshots::Snapshot;

use super::claims::{ClaimSeen, new_claim};
use super::reviewer;
use super::shown::ItemSeen;
use crate::asked::{JsonBody, Page, PageParams};
use crate::caller::Caller;
use crate::living::{Living, all_live};
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Streams on one page, when nobody says.
const PAGE: u32 = 20;

/// A live stream and its newest picture.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WallTile)]
pub(super) struct TileSeen {
    /// The stream's whole name.
    stream: String,
    app: String,
    /// Who watches it, on all nodes.
    viewers: u32,
    /// Since when it is live (RFC 3339).
    since_at: String,
    /// The JPEG; null where there is none.
    url: Option<String>,
    /// When it was captured (RFC 3339); null where there is none.
    taken_at: Option<String>,
    /// How long ago that was, by the server's clock.
    age_ms: Option<i64>,
}

/// Some of what is live, by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Wall)]
pub(super) struct WallSeen {
    items: Vec<TileSeen>,
    /// For `?after=`, where there is more.
    next: Option<String>,
    /// Live streams that one may see.
    live: usize,
    /// Why no pictures are taken; null where they are.
    off: Option<String>,
}

/// The newest picture of every live stream
///
/// By the streams' names, so that a stream stays where it is. Read from memory: it may be asked for each second.
#[utoipa::path(get, path = "/api/v1/review/wall", tag = "review", operation_id = "review_wall",
    params(PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = WallSeen)),
)]
pub(super) async fn wall(
    Extract(state): Extract<State>,
    caller: Caller,
    page: Page,
) -> Result<Json<WallSeen>, Refused> {
    let limit = page.limit(PAGE);
    let store = state.store()?;
    let happenings = state.happenings()?;
    let apps = state.reviewers().apps_of(&caller);
    let sees = |app: &str| {
        apps.as_ref()
            .is_none_or(|apps| apps.iter().any(|one| one == app))
    };
    let live = all_live(
        &state.hub,
        &state.cluster.cluster,
        &happenings.elsewhere.now(),
    );
    let mut live: Vec<_> = live.into_iter().filter(|((app, _), _)| sees(app)).collect();
    live.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let count = live.len();
    if let Some(after) = page.after() {
        let (app, name) = after
            .rsplit_once('/')
            .ok_or_else(|| Refused::field(Code::BadRequest, "after", "this is a stream's name"))?;
        live.retain(|((of, stream), _)| (of.as_str(), stream.as_str()) > (app, name));
    }
    live.truncate(limit as usize + 1);
    let (live, next) = Page::full(live, limit, |((app, stream), _)| format!("{app}/{stream}"));
    let now_ms = store.now_ms();
    let items = live
        .into_iter()
        .map(|((app, stream), living)| tile(&state, (app, stream), living, now_ms))
        .collect();
    Ok(Json(WallSeen {
        items,
        next,
        live: count,
        off: state.snapshots.why_off(),
    }))
}

/// Which stream.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "stream": "live/demo" }))]
pub(super) struct WallClaimWish {
    /// Its whole name.
    stream: String,
}

/// Claim a stream of the wall
///
/// Whoever sees something there need not wait for the queue: what waits of the stream is claimed, or else a stretch
/// begins with its newest picture. Nothing is claimed where somebody else may decide it alone.
#[utoipa::path(post, path = "/api/v1/review/wall/claims", tag = "review", operation_id = "review_wall_claim",
    request_body = WallClaimWish,
    responses(
        StoreAway,
        (status = 201, description = "The stretch", body = ClaimSeen),
        NotThere,
    ),
)]
pub(super) async fn claim(
    Extract(state): Extract<State>,
    caller: Caller,
    JsonBody(wish): JsonBody<WallClaimWish>,
) -> Result<(StatusCode, Json<ClaimSeen>), Refused> {
    let review = state.store()?.review();
    let newest = newest_of(&state, &caller, &wish.stream).await?;
    let (claim, me) = (new_claim()?, reviewer(&caller));
    let wanted = Claiming {
        reviewer: &me,
        claim: &claim,
        good_for_ms: CLAIM_MS,
        is_lead: caller.rights.has(Right::ReviewLead),
        count: 1,
        most_held: MAX_HELD,
        apps: None,
    };
    let mut item = review.claim_of(&wanted, &wish.stream).await?;
    if item.is_none() {
        begun(&state, &newest).await?;
        item = review.claim_of(&wanted, &wish.stream).await?;
    }
    let items: Vec<_> = item.into_iter().collect();
    let seen = ClaimSeen {
        claim,
        good_for_ms: CLAIM_MS,
        items: ItemSeen::all(&state, items).await?,
    };
    Ok((StatusCode::CREATED, Json(seen)))
}

/// The newest picture of a stream that whoever asks may see.
async fn newest_of(state: &State, caller: &Caller, stream: &str) -> Result<Snapshot, Refused> {
    let row = state.store()?.snapshots().newest(stream).await?;
    let apps = state.reviewers().apps_of(caller);
    match apps.is_none_or(|apps| apps.contains(&row.app)) {
        true => Ok(row),
        false => Err(StoreError::Missing("picture").into()),
    }
}

/// A stretch with this picture, for people to look at.
async fn begun(state: &State, row: &Snapshot) -> Result<(), Refused> {
    let store = state.store()?;
    let id = row.id.to_string();
    let new = NewPicture {
        growth: Growth {
            stream: &row.stream,
            app: &row.app,
            channel_id: &row.channel_id,
            user_id: &row.user_id,
            session: &row.session,
            at_ms: row.taken_ms,
            head_ms: 0,
            hold_ms: 0,
            marks: 0,
        },
        id: &id,
        object: &row.object,
        sha256: &row.sha256,
        bytes: row.bytes,
        width: row.width,
        height: row.height,
        hash: "",
        quality: 0,
        fault: "",
        known_as: "",
    };
    store.review().take(&new).await?;
    Ok(())
}

fn tile(state: &State, (app, name): (String, String), living: Living, now_ms: i64) -> TileSeen {
    let album = state.snapshots.album.as_ref();
    let newest = album.and_then(|album| album.newest(&app, &name));
    let stream = format!("{app}/{name}");
    let url = newest.map(|(id, _)| format!("/api/v1/snapshots/{stream}/{id}.jpg"));
    let taken_ms = newest.map(|(_, taken_ms)| taken_ms);
    TileSeen {
        viewers: living.viewers,
        since_at: rfc3339(living.since_ms),
        url,
        taken_at: taken_ms.map(rfc3339),
        age_ms: taken_ms.map(|taken_ms| (now_ms - taken_ms).max(0)),
        stream,
        app,
    }
}
