//! Verdicts, and taking one back.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_account::Right;
use weir_base::Code;
use weir_review::{CLAIM_MS, LEAST_QUALITY, MAX_CLAIM, MAX_HELD, Marks, UNDO_MS, Verdict};
use weir_store::StoreError;
use weir_store::review::{Claiming, Deciding, ReviewItem};

use super::acts::{self, Given};
use super::claims::new_claim;
use super::shown::ItemSeen;
use super::{gold, reviewer};
use crate::acts::Actor;
use crate::asked::{JsonBody, PathParts};
use crate::bans::shown::check_words;
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Hours that a ban may last where it is said how long: ten years.
const MAX_BAN_HOURS: i64 = 10 * 365 * 24;
const HOUR_MS: i64 = 3_600_000;
/// How long those may ban who see some apps alone.
const LONGEST_BAN_MS: i64 = 24 * HOUR_MS;

/// What becomes of some items.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "claim": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "items": ["019f0000-0000-7000-8000-000000000000"],
    "verdict": "ban", "reason": "Somebody else's film", "hours": 24
}))]
pub(super) struct DecisionWish {
    /// By which they are whose verdict it is.
    #[schema(max_length = 64)]
    claim: String,
    /// Their ids.
    #[schema(min_items = 1, max_items = 40)]
    items: Vec<String>,
    /// `ok`; `warn`: it goes on; `end`: the broadcast ends; `ban`: and its publisher may not for a while; `escalate`:
    /// somebody who leads says. Of an appeal `ok` lifts the ban, and all others leave it.
    verdict: String,
    /// What whoever it hits is told. Left out for `ok` alone.
    #[serde(default)]
    #[schema(max_length = 500)]
    reason: String,
    /// How long a ban lasts; left out: until somebody lifts it.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 87600)]
    hours: Option<i64>,
}

/// Bytes of a claim's name at most, with room for longer ones.
const MAX_CLAIM_NAME_BYTES: usize = 64;

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionsSeen {
    decided: Vec<DecisionSeen>,
    /// Ids of those that the claim is not on any more: nothing was done to them.
    lost: Vec<String>,
    /// Milliseconds for which it can be taken back.
    undo_ms: i64,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecisionSeen {
    item: String,
    /// Somebody else looks at it again.
    second_look: bool,
    /// The ban that came of it.
    ban: Option<String>,
}

/// What was taken back, for whoever did to decide again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UndoneSeen {
    /// Names the claim on it.
    claim: String,
    good_for_ms: i64,
    item: ItemSeen,
}

/// Decide items of a claim
///
/// A broadcast that ends is over within a second, wherever it lives. What the claim is not on any more is left as it
/// is.
#[utoipa::path(post, path = "/api/v1/review/decisions", tag = "review", operation_id = "review_decide",
    request_body = DecisionWish,
    responses(StoreAway, (status = 200, description = "What became of them", body = DecisionsSeen)),
)]
pub(super) async fn decide(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<DecisionWish>,
) -> Result<Json<DecisionsSeen>, Refused> {
    let given = wish.check()?;
    within_rights(&actor.caller, given)?;
    let review = state.store()?.review();
    let me = reviewer(&actor.caller);
    let by = Deciding {
        reviewer: &me,
        claim: &wish.claim,
        verdict: given.verdict.name(),
        reason: &wish.reason,
        least_quality: LEAST_QUALITY.into(),
    };
    let (mut decided, mut lost) = (Vec::new(), Vec::new());
    let mut tests = Vec::new();
    for item in review.held(&me, &wish.claim, &wish.items).await? {
        let done = match given.verdict {
            _ if item.kind == "gold" => {
                tests.push(item.id.clone());
                judged(&state, &item.id, &by).await?
            }
            Verdict::Escalate => escalated(&state, &actor, item, &by).await?,
            _ => decided_by(&state, &actor, &item.id, (&by, given)).await?,
        };
        decided.extend(done);
    }
    if given.verdict == Verdict::Ok {
        let real = decided.iter().filter(|one| !tests.contains(&one.item));
        let ids: Vec<_> = real.map(|one| one.item.clone()).collect();
        acts::passed(&state, &actor, &ids).await?;
    }
    for id in wish.items {
        if !decided.iter().any(|one: &DecisionSeen| one.item == id) {
            lost.push(id);
        }
    }
    Ok(Json(DecisionsSeen {
        decided,
        lost,
        undo_ms: UNDO_MS,
    }))
}

/// Whoever sees some apps alone bans nobody for longer than a day: it counts in all of them.
fn within_rights(caller: &Caller, given: Given<'_>) -> Result<(), Refused> {
    let is_long = given.ban_ms.is_none_or(|ms| ms > LONGEST_BAN_MS);
    if caller.rights.has(Right::ReviewAct) || given.verdict != Verdict::Ban || !is_long {
        return Ok(());
    }
    let words = "a ban of more than a day takes the right review.act: hand it on instead";
    Err(Refused::new(Code::Forbidden, words))
}

/// A test picture: nothing comes of it but a line in the reviewer's numbers.
async fn judged(
    state: &State,
    id: &str,
    by: &Deciding<'_>,
) -> Result<Option<DecisionSeen>, Refused> {
    match state.store()?.review().decide(id, by).await? {
        Some(item) => Ok(Some(gold::judged(state, &item, by.verdict).await?)),
        None => Ok(None),
    }
}

/// Decides one. Where what it asks for cannot be done, the verdict is taken back, to be given again.
async fn decided_by(
    state: &State,
    actor: &Actor,
    id: &str,
    (by, given): (&Deciding<'_>, Given<'_>),
) -> Result<Option<DecisionSeen>, Refused> {
    let review = state.store()?.review();
    let Some(item) = review.decide(id, by).await? else {
        return Ok(None);
    };
    match acts::follow(state, actor, &item, given).await {
        Ok(done) => Ok(Some(done)),
        Err(refused) => {
            let again = claiming(by.reviewer, by.claim);
            review.undo(id, &again, UNDO_MS).await?;
            Err(refused)
        }
    }
}

/// One item, as it is claimed again by whoever decided it.
const fn claiming<'a>(reviewer: &'a str, claim: &'a str) -> Claiming<'a> {
    Claiming {
        reviewer,
        claim,
        good_for_ms: CLAIM_MS,
        is_lead: false,
        count: 1,
        most_held: MAX_HELD,
        apps: None,
    }
}

async fn escalated(
    state: &State,
    actor: &Actor,
    item: ReviewItem,
    by: &Deciding<'_>,
) -> Result<Option<DecisionSeen>, Refused> {
    let review = state.store()?.review();
    let mark = Marks::ESCALATED.bits();
    if !review.escalate(&item.id, by, mark).await? {
        return Ok(None);
    }
    acts::written(state, actor, &item, Verdict::Escalate, by.reason, None).await?;
    Ok(Some(DecisionSeen::new(item.id, false, None)))
}

/// Take a verdict back
///
/// One's own, within ten seconds. A ban that came of it is lifted; what has ended stays ended. The item is claimed by
/// whoever takes it back.
#[utoipa::path(post, path = "/api/v1/review/items/{id}/undo", tag = "review", operation_id = "review_undo",
    params(("id" = String, Path, description = "The item")),
    responses(
        StoreAway,
        (status = 200, description = "It is to be decided again", body = UndoneSeen),
        NotThere,
        (status = 409, description = "It is too late, or was somebody else's",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn undo(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<Json<UndoneSeen>, Refused> {
    let store = state.store()?;
    let id = id_of(&id)?.to_string();
    let claim = new_claim()?;
    let me = reviewer(&actor.caller);
    let again = claiming(&me, &claim);
    let before = store.review().undo(&id, &again, UNDO_MS).await?;
    let before = before.ok_or_else(|| {
        let words = "it cannot be taken back any more, or was somebody else's verdict";
        Refused::new(Code::Conflict, words)
    })?;
    if before.kind == "live"
        && let Ok(ban) = before.ban_id.parse()
    {
        match store.bans().lift(ban, &actor.user()).await {
            Ok(_) | Err(StoreError::Missing(_)) => acts::heard(&state).await,
            Err(error) => return Err(error.into()),
        }
    }
    if before.kind != "gold" {
        acts::undone(&state, &actor, &before).await?;
    }
    let item = store.review().by_id(&id).await?;
    let item = ItemSeen::whole(&state, item).await?;
    Ok(Json(UndoneSeen {
        claim,
        good_for_ms: CLAIM_MS,
        item,
    }))
}

impl DecisionWish {
    fn check(&self) -> Result<Given<'_>, Refused> {
        let wrong = |field, words: &str| Refused::field(Code::Unprocessable, field, words);
        let verdict = Verdict::from_name(&self.verdict)
            .ok_or_else(|| wrong("verdict", "this is ok, warn, end, ban or escalate"))?;
        if self.items.is_empty() || self.items.len() > MAX_CLAIM as usize {
            let words = format!("from 1 to {MAX_CLAIM} items");
            return Err(wrong("items", &words));
        }
        if self.claim.len() > MAX_CLAIM_NAME_BYTES {
            return Err(wrong("claim", "no claim is called so"));
        }
        match verdict.takes_reason() {
            true => check_words("reason", &self.reason)?,
            false if self.reason.is_empty() => {}
            false => return Err(wrong("reason", "nothing is wrong with it: leave this out")),
        }
        let hours = self.hours.filter(|_| verdict == Verdict::Ban);
        if hours != self.hours || hours.is_some_and(|hours| !(1..=MAX_BAN_HOURS).contains(&hours)) {
            let words =
                format!("a ban lasts from 1 to {MAX_BAN_HOURS} hours, and nothing else does");
            return Err(wrong("hours", &words));
        }
        Ok(Given {
            verdict,
            reason: &self.reason,
            ban_ms: hours.map(|hours| hours * HOUR_MS),
        })
    }
}

impl DecisionSeen {
    pub(super) const fn new(item: String, second_look: bool, ban: Option<String>) -> Self {
        Self {
            item,
            second_look,
            ban,
        }
    }
}
