//! Recordings that people begin and end while a broadcast goes on.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, StreamName};
use weir_store::StoreError;
use weir_store::broadcasts::BroadcastFilter;
use weir_store::channels::{Channel, Visibility};
use weir_store::recordings::{RecordingNow, RecordingState};

use super::seen::{RecordingSeen, seen};
use super::{did, manages, open};
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::channels::{ChannelHelp, help_with};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Which stream is to be recorded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "app": "live", "stream": "demo" }))]
struct RecordingWish {
    app: String,
    /// Its name in its app.
    stream: String,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(begin))
        .routes(routes!(stop))
}

/// Record a live stream from now on
///
/// Whatever its address, its app and the settings say. Its node hears of it within a second; it begins with the oldest
/// segment that is still there, and ends with the broadcast or by `stop`. Where the stream ends meanwhile it is `failed`.
#[utoipa::path(post, path = "/api/v1/recordings", tag = "recordings", operation_id = "recording_begin",
    request_body = RecordingWish,
    responses(
        StoreAway,
        (status = 201, description = "It begins", body = RecordingSeen),
        NotThere,
        (status = 409, description = "It is recorded already",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn begin(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<RecordingWish>,
) -> Result<(StatusCode, Json<RecordingSeen>), Refused> {
    let name = StreamName::new("", &wish.app, &wish.stream)
        .map_err(|refusal| Refused::new(Code::Unprocessable, refusal.to_string()))?;
    let not_live = || Refused::new(Code::NotLive, format!("{name} is not live"));
    let store = state.store()?;
    let channel = match store.channels().by_name(name.stream()).await {
        Ok(channel) => Some(channel).filter(|channel| channel.app == name.app()),
        Err(StoreError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if !manages(&actor.caller) {
        let help = match &channel {
            Some(channel) => help_with(store, &actor.caller, channel).await?,
            None => ChannelHelp::None,
        };
        if help < ChannelHelp::Edits {
            return Err(not_live());
        }
    }
    let whole = name.to_string();
    let filter = BroadcastFilter {
        stream: Some(&whole),
        is_live: Some(true),
        ..BroadcastFilter::default()
    };
    let live = store.broadcasts().list(filter, None, 1).await?;
    let broadcast = live.into_iter().next().ok_or_else(not_live)?;
    let now_ms = store.now_ms();
    let wanted = RecordingNow {
        id: store.next_id()?,
        node: broadcast.node,
        ..wanted(&name, channel.as_ref(), now_ms)
    };
    let row = store.recordings().ask(&wanted).await?;
    let id = row.id.to_string();
    let act = Acted::plain("recording.begin", &id).now(json!({ "stream": whole }));
    did(&state, &actor, &row, act).await?;
    Ok((StatusCode::CREATED, Json(seen(&state, row).await?)))
}

/// End a recording
///
/// The broadcast goes on, and nothing but `POST /api/v1/recordings` records more of it.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/stop", tag = "recordings", operation_id = "recording_stop",
    params(("id" = String, Path, description = "Its id")),
    responses(
        StoreAway,
        (status = 202, description = "Its node hears of it within a second"),
        NotThere,
        (status = 409, description = "It is over",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn stop(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let row = open(&state, &actor.caller, &text, ChannelHelp::Edits).await?;
    if !state.store()?.recordings().stop(&row).await? {
        return Err(Refused::new(Code::Conflict, "it is over"));
    }
    let act = Acted::plain("recording.stop", &text);
    did(&state, &actor, &row, act).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A recording of this stream that nobody has begun yet.
fn wanted(name: &StreamName, channel: Option<&Channel>, now_ms: i64) -> RecordingNow {
    let of = |text: fn(&Channel) -> String| channel.map(text).unwrap_or_default();
    RecordingNow {
        user_id: of(|channel| channel.user_id.to_string()),
        id: weir_store::Id::first_of(now_ms),
        channel_id: of(|channel| channel.id.to_string()),
        vhost: String::new(),
        app: name.app().to_owned(),
        stream: name.stream().to_owned(),
        title: channel.map_or_else(|| name.stream().to_owned(), |channel| channel.title.clone()),
        is_published: channel.is_none_or(|channel| channel.visibility == Visibility::Public),
        state: RecordingState::Recording,
        expires_ms: 0,
        node: String::new(),
        owned_ms: 0,
        started_ms: now_ms,
        ended_ms: 0,
        from_ms: 0,
        to_ms: 0,
        duration_ms: 0,
        bytes: 0,
        stored_bytes: 0,
        holes: "[]".to_owned(),
        has_poster: false,
        told_ms: 0,
    }
}
