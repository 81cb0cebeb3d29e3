//! What review comes to: how old the oldest is, who decides how much, how often two disagree.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use utoipa::ToSchema;
use weir_account::Right;
use weir_base::rfc3339;
use weir_review::{Alarm, alarm_of};

use super::reviewer;
use super::shown::named;
use crate::acts::names_of;
use crate::caller::Caller;
use crate::refused::Refused;
use crate::state::State;
use crate::stored::StoreAway;

/// Over which time reviewers' rates are counted.
const HOUR_MS: i64 = 3_600_000;
/// Over which time second looks are.
const MONTH_MS: i64 = 30 * 24 * HOUR_MS;

/// What review comes to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewNumbers)]
pub(super) struct NumbersSeen {
    /// Items that wait, with those that somebody has.
    waiting: i64,
    /// Of them, those that somebody has.
    claimed: i64,
    /// Of them, those for who leads.
    escalated: i64,
    /// Pictures in them.
    pictures: i64,
    /// How long the oldest stretch waits that any reviewer may decide; null where none does.
    oldest_age_ms: Option<i64>,
    /// `none`; `late`: something waits for 30 seconds; `very_late`: for two minutes.
    alarm: &'static str,
    /// Who decided something within the last hour.
    reviewers: Vec<ReviewerSeen>,
    /// Second looks within 30 days.
    second_looks: i64,
    /// Of them, those that came to another end than the first.
    disagreements: i64,
    /// How reviewers did with test pictures; of who does not lead, nobody's.
    tests: Vec<ScoreSeen>,
    /// Why no pictures are taken on this node; null where they are.
    off: Option<String>,
}

/// What one reviewer did within the last hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reviewer)]
pub(super) struct ReviewerSeen {
    /// What the account is called; null where it is gone.
    name: Option<String>,
    items: i64,
    /// Pictures in them.
    pictures: i64,
    /// Items with which something was wrong.
    acted: i64,
    /// When the last one was (RFC 3339).
    last_at: String,
}

/// How one reviewer did with test pictures within 30 days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestScore)]
pub(super) struct ScoreSeen {
    /// What the account is called; null where it is gone.
    name: Option<String>,
    /// Those that they decided.
    shown: i64,
    /// Bad ones that they passed.
    missed: i64,
    /// Right ones of which they said that something is wrong.
    wronged: i64,
}

/// What review comes to, in numbers
#[utoipa::path(get, path = "/api/v1/review/numbers", tag = "review", operation_id = "review_numbers",
    responses(StoreAway, (status = 200, description = "The numbers", body = NumbersSeen)),
)]
pub(super) async fn numbers(
    Extract(state): Extract<State>,
    caller: Caller,
) -> Result<Json<NumbersSeen>, Refused> {
    let store = state.store()?;
    let (review, now_ms) = (store.review(), store.now_ms());
    let apps = state.reviewers().apps_of(&caller);
    let waits = review.numbers(apps.as_deref()).await?;
    let mut reviewers = review.by_reviewer(now_ms - HOUR_MS).await?;
    if apps.is_some() {
        let me = reviewer(&caller);
        reviewers.retain(|one| one.decided_by == me);
    }
    let scores = match caller.rights.has(Right::ReviewLead) {
        true => review.gold_scores(now_ms - MONTH_MS).await?,
        false => Vec::new(),
    };
    let (second_looks, disagreements) = review.disagreement(now_ms - MONTH_MS).await?;
    let ids = reviewers.iter().map(|one| &one.decided_by);
    let ids = ids.chain(scores.iter().map(|one| &one.decided_by));
    let ids = ids.filter_map(|id| id.parse().ok());
    let names = names_of(&state, ids).await;
    let tests = scores.into_iter().map(|one| ScoreSeen {
        name: named(&names, &one.decided_by),
        shown: one.shown,
        missed: one.missed,
        wronged: one.wronged,
    });
    let tests = tests.collect();
    let age_ms = (waits.oldest_ms > 0).then_some((now_ms - waits.oldest_ms).max(0));
    let reviewers = reviewers.into_iter().map(|one| ReviewerSeen {
        name: named(&names, &one.decided_by),
        items: one.items,
        pictures: one.pictures,
        acted: one.acted,
        last_at: rfc3339(one.last_ms),
    });
    Ok(Json(NumbersSeen {
        waiting: waits.waiting,
        claimed: waits.claimed,
        escalated: waits.escalated,
        pictures: waits.pictures,
        oldest_age_ms: age_ms,
        alarm: age_ms.map_or(Alarm::None, alarm_of).name(),
        reviewers: reviewers.collect(),
        second_looks,
        disagreements,
        tests,
        off: state.snapshots.why_off(),
    }))
}
