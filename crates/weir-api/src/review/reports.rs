//! What viewers say of a stream: each once in ten minutes. It is looked at the sooner, the more say so and watch it.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weir_base::Code;
use weir_base::network::network_of;
use weir_review::{Intake, Reported};
use weir_store::broadcasts::BroadcastFilter;
use weir_store::objects::Stored;
use weir_store::review::ItemFilter;

use crate::asked::{Client, JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// What the path of a report ends with.
const ENDING: &str = "/reports";
/// What may be wrong with a stream.
const REASONS: [&str; 7] = [
    "sexual",
    "violence",
    "hate",
    "self_harm",
    "copyright",
    "spam",
    "other",
];
/// Digits of a digest that tell networks apart for a day.
const REPORTER_DIGITS: usize = 32;

/// What is wrong with a stream.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "violence" }))]
pub(super) struct ReportWish {
    /// `sexual`, `violence`, `hate`, `self_harm`, `copyright`, `spam` or `other`.
    reason: String,
}

/// That it was heard.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportHeard {
    /// Whether it counts: who said so a moment ago is heard once.
    counted: bool,
}

/// Report a live stream
///
/// People look at it soon. Whoever reports need not be known.
#[utoipa::path(post, path = "/api/v1/streams/{*name}", tag = "review", operation_id = "stream_report",
    params(("name" = String, Path, example = "live/demo/reports", description = "`{app}/{stream}/reports`")),
    request_body = ReportWish,
    responses(
        StoreAway,
        (status = 202, description = "It is heard", body = ReportHeard),
        (status = 401, description = "What is shown is nobody's",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
pub(super) async fn report(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    client: Client,
    PathParts(path): PathParts<String>,
    JsonBody(wish): JsonBody<ReportWish>,
) -> Result<(StatusCode, Json<ReportHeard>), Refused> {
    let store = state.store()?;
    let not_there = || Refused::new(Code::NotFound, format!("nothing lives at {path}"));
    let stream = path.strip_suffix(ENDING).ok_or_else(not_there)?;
    if !REASONS.contains(&wish.reason.as_str()) {
        let words = format!("this is one of {}", REASONS.join(", "));
        return Err(Refused::field(Code::Unprocessable, "reason", words));
    }
    let of_stream = BroadcastFilter {
        stream: Some(stream),
        is_live: Some(true),
        ..BroadcastFilter::default()
    };
    let live = store.broadcasts().list(of_stream, None, 1).await?;
    let live = live
        .into_iter()
        .next()
        .ok_or_else(|| Refused::new(Code::NotLive, format!("{stream} is not live")))?;
    let reporter = match caller.as_ref().and_then(|caller| caller.account) {
        Some(account) => account.to_string(),
        None => {
            let told_apart = format!("{stream} {}", network_of(client.0));
            let digest = Stored::of(told_apart.as_bytes()).sha256;
            digest.chars().take(REPORTER_DIGITS).collect()
        }
    };
    let here = state.hub.streams().into_iter();
    let viewers = here
        .filter(|one| one.name.to_string() == stream)
        .map(|one| one.people())
        .max();
    let said = Reported {
        stream,
        app: &live.app,
        channel_id: &live.channel_id,
        user_id: &live.user_id,
        reporter: &reporter,
        reason: &wish.reason,
        viewers: viewers.unwrap_or(0),
    };
    let counted = Intake::hear(store, &said).await?;
    if counted {
        told(&state, &said).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(ReportHeard { counted })))
}

/// For whoever follows events.
async fn told(state: &State, said: &Reported<'_>) -> Result<(), Refused> {
    let open = ItemFilter {
        stream: Some(said.stream),
        is_waiting: Some(true),
        ..ItemFilter::default()
    };
    let items = state.store()?.review().list(open, None, 1).await?;
    let Some(item) = items.into_iter().next() else {
        return Ok(());
    };
    let data = json!({ "item": item.id, "reason": said.reason, "reports": item.reports, "viewers": said.viewers });
    super::acts::told(state, &item, "review.reported", data.to_string()).await
}
