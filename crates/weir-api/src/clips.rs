//! Clips: stretches of recordings with a name and a link of their own.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, Id, rfc3339};

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::channels::ChannelHelp;
use crate::keeping::{ClipFacts, NewClip, Recordings};
use crate::recordings::{open, waiting};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::id_of;

/// Letters of a title at most.
const MAX_TITLE: usize = 200;

/// This node does not have the recording.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
struct NotKeptHere(Problem);

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

impl From<ClipFacts> for ClipSeen {
    fn from(facts: ClipFacts) -> Self {
        Self {
            url: format!("/r/{}/index.m3u8", facts.id),
            file_url: format!("/r/{}.mp4", facts.id),
            id: facts.id.to_string(),
            recording: facts.recording.to_string(),
            from_ms: facts.from_ms,
            to_ms: facts.to_ms,
            title: facts.title,
            created_at: rfc3339(facts.made_ms),
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
    responses(NotKeptHere, (status = 200, description = "All of them", body = ClipsSeen), NotThere),
)]
async fn list(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<Json<ClipsSeen>, Refused> {
    let id = find(&state, &actor, &text, ChannelHelp::Moderates).await?;
    let clips = ask(&state, move |kept| Ok(kept.clips(id))).await?;
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
        NotKeptHere,
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
    let id = find(&state, &actor, &text, ChannelHelp::Edits).await?;
    let made = ask(&state, move |kept| kept.make_clip(id, new)).await?;
    let clip = made.map_err(|refused| Refused::new(refused.code, refused.detail))?;
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
    responses(NotKeptHere, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((recording, text)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let recording = find(&state, &actor, &recording, ChannelHelp::Edits).await?;
    let id = id_of(&text)?;
    let found = ask(&state, move |kept| {
        let its = kept.clips(recording);
        Ok(its.into_iter().find(|clip| clip.id == id))
    });
    let clip = found.await?;
    let clip = clip.ok_or_else(|| Refused::new(Code::NotFound, "there is no such clip"))?;
    ask(&state, move |kept| kept.remove_clip(id)).await?;
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

/// The recording of this id, for somebody who helps so with its channel or looks after all; it is on this node.
async fn find(
    state: &State,
    actor: &Actor,
    text: &str,
    wanted: ChannelHelp,
) -> Result<Id, Refused> {
    let id = open(state, &actor.caller, text, wanted).await?.id;
    let known = ask(state, move |kept| kept.find(id)).await?;
    let words = "another node keeps this recording: ask that for its clips";
    known.ok_or_else(|| Refused::new(Code::Unavailable, words))?;
    Ok(id)
}

/// Asks who keeps the recordings, on a thread that may wait for the disk.
async fn ask<T: Send + 'static>(
    state: &State,
    work: impl FnOnce(&dyn Recordings) -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let kept = state.recordings.clone();
    let words = "this node keeps no recordings";
    let kept = kept.ok_or_else(|| Refused::new(Code::Unavailable, words))?;
    waiting(move || work(&*kept)).await.map_err(|error| {
        tracing::error!("clips cannot be read: {error}");
        Refused::from(Code::Storage)
    })
}
