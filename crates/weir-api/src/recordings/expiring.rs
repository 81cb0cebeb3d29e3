//! Which recordings go by time, and what keeps others.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::Right;
use weir_base::{Code, rfc3339};
use weir_store::recordings::Expiring;

use super::PAGE;
use super::seen::{RecordingSeen, seen_all};
use crate::asked::{Page, PageParams, QueryParts};
use crate::caller::Caller;
use crate::refused::Refused;
use crate::state::State;
use crate::stored::{StoreAway, behind};

/// Hours that may be looked ahead: two years.
const MAX_AHEAD_H: u32 = 17_520;

/// At which time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ExpiringAsked {
    /// As it will be in so many hours, should nobody change anything; 17520 at most.
    #[param(required = false, maximum = 17520)]
    in_hours: u32,
}

/// What keeps a recording whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Pin {
    /// Somebody who looks after all recordings holds it.
    Held,
    /// Clips are of it.
    Clips,
    /// Something of its stream and its time waits in review.
    Review,
}

/// A recording whose time is over.
#[derive(Debug, Serialize, ToSchema)]
struct ExpiringSeen {
    recording: RecordingSeen,
    /// Since when (RFC 3339).
    since: String,
    /// Hours for which it was to be kept, from its end.
    kept_hours: i64,
    /// What keeps it all the same; where this is empty, it goes.
    kept_by: Vec<Pin>,
    /// Clips that are of it.
    clips: i64,
    /// Items that wait in review and are of its stream and its time.
    cases: i64,
}

/// Some of them, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct ExpiringList {
    items: Vec<ExpiringSeen>,
    /// Of those on this page that go.
    going: usize,
    /// Bytes of these.
    going_bytes: i64,
    /// Milliseconds that these last.
    going_ms: i64,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(expiring))
}

/// Recordings whose time is over, oldest first
///
/// Those that nothing keeps go within seconds, so that there are few of them now; `in_hours` shows what is to come. For who
/// looks after all recordings. Nothing is changed.
#[utoipa::path(get, path = "/api/v1/recordings/expiring", tag = "recordings", operation_id = "recordings_expiring",
    params(ExpiringAsked, PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = ExpiringList)),
)]
async fn expiring(
    Extract(state): Extract<State>,
    caller: Caller,
    QueryParts(asked): QueryParts<ExpiringAsked>,
    page: Page,
) -> Result<Json<ExpiringList>, Refused> {
    let store = state.store()?;
    caller.require(Right::RecordingsManage)?;
    if asked.in_hours > MAX_AHEAD_H {
        let words = format!("at most {MAX_AHEAD_H} hours ahead are looked at");
        return Err(Refused::field(Code::BadRequest, "in_hours", words));
    }
    let hours = i64::from(asked.in_hours);
    let (after, limit) = (behind(&page)?, page.limit(PAGE));
    let at_ms = store.now_ms().saturating_add(hours * 3_600_000);
    let found = store.recordings().expiring(at_ms, after, limit + 1).await?;
    let (found, next) = Page::full(found, limit, |one| one.row.id.to_string());
    let going = || found.iter().filter(|one| one.goes());
    let (count, going_bytes) = (going().count(), going().map(|one| one.row.bytes).sum());
    let going_ms = going().map(|one| one.row.duration_ms).sum();
    let rows = found.iter().map(|one| one.row.clone()).collect();
    let shown = seen_all(&state, rows).await?;
    let items = found.iter().zip(shown);
    Ok(Json(ExpiringList {
        items: items.map(|(one, shown)| told(one, shown)).collect(),
        going: count,
        going_bytes,
        going_ms,
        next,
    }))
}

fn told(one: &Expiring, recording: RecordingSeen) -> ExpiringSeen {
    let pins = [
        (one.row.is_held, Pin::Held),
        (one.clips > 0, Pin::Clips),
        (one.cases > 0, Pin::Review),
    ];
    let kept_by = pins.into_iter().filter(|(is_so, _)| *is_so);
    ExpiringSeen {
        recording,
        since: rfc3339(one.row.expires_ms),
        kept_hours: (one.row.expires_ms - one.row.ended_ms) / 3_600_000,
        kept_by: kept_by.map(|(_, pin)| pin).collect(),
        clips: one.clips,
        cases: one.cases,
    }
}
