//! Clips: stretches of recordings with a name and a link of their own.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, rfc3339};
use weir_store::StoreError;
use weir_store::recordings::StoredClip;

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::channels::ChannelHelp;
use crate::keeping::NewClip;
use crate::recordings::open;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Letters of a title at most.
const MAX_TITLE: usize = 200;

/// A clip as it is told of.
#[derive(Debug, Serialize, ToSchema)]
struct ClipSeen {
    id: String,
    /// The id of what it is of.
    recording: String,
    /// Where it begins, Unix milliseconds: where a segment does.
    from_ms: i64,
    /// Where it ends, Unix milliseconds: where a segment does.
    to_ms: i64,
    title: String,
    /// When it was made (RFC 3339).
    created_at: String,
    /// The path of its playlist: whoever may play the stream may play this, and nothing beside it.
    url: String,
    /// The path of it as an MP4 file.
    file_url: String,
}

/// Clips, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct ClipsSeen {
    items: Vec<ClipSeen>,
}

impl From<StoredClip> for ClipSeen {
    fn from(clip: StoredClip) -> Self {
        Self {
            url: format!("/r/{}/index.m3u8", clip.id),
            file_url: format!("/r/{}.mp4", clip.id),
            id: clip.id.to_string(),
            recording: clip.recording.to_string(),
            from_ms: clip.from_ms,
            to_ms: clip.to_ms,
            title: clip.title,
            created_at: rfc3339(clip.made_ms),
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(remove))
}

/// Clips of a recording, newest first
#[utoipa::path(get, path = "/api/v1/recordings/{id}/clips", tag = "recordings", operation_id = "clips_list",
    params(("id" = String, Path, description = "The recording's id")),
    responses(StoreAway, (status = 200, description = "All of them", body = ClipsSeen), NotThere),
)]
async fn list(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<Json<ClipsSeen>, Refused> {
    let row = open(&state, &actor.caller, &text, ChannelHelp::Moderates).await?;
    let clips = state.store()?.recordings().clips(row.id).await?;
    let items = clips.into_iter().map(ClipSeen::from).collect();
    Ok(Json(ClipsSeen { items }))
}

/// Make a clip of a recording
///
/// It begins and ends where segments do, and takes no room. It may be made while the broadcast goes on. What it is of
/// is not taken away while it is there, unless who takes it away says so.
#[utoipa::path(post, path = "/api/v1/recordings/{id}/clips", tag = "recordings", operation_id = "clip_create",
    params(("id" = String, Path, description = "The recording's id")), request_body = NewClip,
    responses(
        StoreAway,
        (status = 201, description = "The clip", body = ClipSeen),
        NotThere,
        (status = 409, description = "The recording has 1000 clips",
            body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "Nothing was recorded then",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field makes no sense",
            body = Problem, content_type = "application/problem+json"),
        (status = 425, description = "It is not recorded up to then yet",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
    JsonBody(mut new): JsonBody<NewClip>,
) -> Result<(StatusCode, Json<ClipSeen>), Refused> {
    let wrong = |field, words: &str| Refused::field(Code::Unprocessable, field, words);
    if new.to_ms <= new.from_ms {
        return Err(wrong("to_ms", "it ends before it begins"));
    }
    new.title = new.title.trim().to_owned();
    let is_plain = !new.title.chars().any(char::is_control);
    if !is_plain || new.title.chars().count() > MAX_TITLE {
        return Err(wrong(
            "title",
            "a title has 200 letters at most, on one line",
        ));
    }
    let row = open(&state, &actor.caller, &text, ChannelHelp::Edits).await?;
    let nobody = || Refused::new(Code::Unavailable, "this node finds no recordings");
    let kept = state.recordings.clone().ok_or_else(nobody)?;
    let cut = kept.cut(row.id, new.from_ms, new.to_ms).await;
    let (from_ms, to_ms) = cut.map_err(|refused| Refused::new(refused.code, refused.detail))?;
    let store = state.store()?;
    let clip = StoredClip {
        id: store.next_id()?,
        recording: row.id,
        from_ms,
        to_ms,
        title: new.title,
        made_ms: store.now_ms(),
    };
    match store.recordings().add_clip(&clip).await {
        Err(StoreError::Bound(words)) => return Err(Refused::new(Code::Conflict, words)),
        added => added?,
    }
    let told = json!({
        "recording": text, "from_ms": clip.from_ms, "to_ms": clip.to_ms, "title": clip.title,
    });
    let act = Acted {
        action: "clip.create",
        object: &clip.id.to_string(),
        before: Value::Null,
        after: told,
    };
    actor.did(&state, act).await?;
    Ok((StatusCode::CREATED, Json(clip.into())))
}

/// Take a clip away
///
/// What it is of stays.
#[utoipa::path(delete, path = "/api/v1/recordings/{id}/clips/{clip}", tag = "recordings", operation_id = "clip_remove",
    params(
        ("id" = String, Path, description = "The recording's id"),
        ("clip" = String, Path, description = "The clip's id"),
    ),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((recording, text)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let row = open(&state, &actor.caller, &recording, ChannelHelp::Edits).await?;
    let (store, id) = (state.store()?, id_of(&text)?);
    let clip = store.recordings().clip(id).await?;
    store.recordings().remove_clip(row.id, id).await?;
    let before = json!({ "recording": clip.recording.to_string(), "title": clip.title });
    let act = Acted {
        action: "clip.delete",
        object: &text,
        before,
        after: Value::Null,
    };
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}
