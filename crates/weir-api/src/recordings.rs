//! Recordings that this node keeps: which there are, and taking one away.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, IntoResponses, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, Id, StreamName, rfc3339};

use crate::acts::{Acted, Actor};
use crate::asked::{Page, PageParams, PathParts, QueryParts};
use crate::clips::Clips;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{behind, id_of};

/// Recordings in one answer, where nobody says.
const PAGE: u32 = 50;

/// Who keeps recordings. All of it may ask a disk: it is called on threads that may wait.
pub trait Recordings: Clips + Send + Sync {
    /// Those of an app and a stream of it, where these are not empty, that are older than `before`; the newest
    /// first.
    ///
    /// # Errors
    /// The disk's.
    fn list(
        &self,
        app: &str,
        stream: &str,
        before: Option<Id>,
        limit: usize,
    ) -> io::Result<Vec<RecordingFacts>>;

    /// One of them.
    ///
    /// # Errors
    /// The disk's.
    fn find(&self, id: Id) -> io::Result<Option<RecordingFacts>>;

    /// Takes one away, for good.
    ///
    /// # Errors
    /// `ResourceBusy` while the broadcast goes on; the disk's.
    fn remove(&self, id: Id) -> io::Result<()>;

    /// From when to when a stream is recorded that is live, Unix milliseconds. Asks no disk.
    fn reach(&self, name: &StreamName) -> Option<(i64, i64)>;
}

/// What is known of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFacts {
    /// Its name for ever.
    pub id: Id,
    /// App of the stream.
    pub app: String,
    /// Name of the stream in its app.
    pub stream: String,
    /// When it began, Unix milliseconds.
    pub started_ms: i64,
    /// When it ended, Unix milliseconds; `None` while it goes on.
    pub ended_ms: Option<i64>,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it on the disk.
    pub bytes: u64,
    /// What is missing in it.
    pub holes: Vec<HoleFacts>,
}

/// Where nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoleFacts {
    /// From when on, Unix milliseconds.
    pub at_ms: i64,
    /// For how long, milliseconds.
    pub duration_ms: i64,
    /// Why, as a word.
    pub cause: &'static str,
}

/// This node keeps no recordings.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
#[expect(dead_code, reason = "only the document is made of it")]
pub(crate) struct NoneKept(Problem);

/// Of which stream.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct RecordingsAsked {
    /// Of this app alone.
    #[param(required = false, nullable = false)]
    app: String,
    /// Of this stream of the app alone, such as `demo`.
    #[param(required = false, nullable = false)]
    stream: String,
}

/// What goes with it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct Removing {
    /// Its clips too.
    #[param(required = false, nullable = false)]
    clips: bool,
}

/// A broadcast that can be watched again.
#[derive(Debug, Serialize, ToSchema)]
struct RecordingSeen {
    id: String,
    app: String,
    stream: String,
    /// `recording` or `ready`.
    state: &'static str,
    /// When it began (RFC 3339).
    started_at: String,
    /// When it ended; null while it goes on.
    ended_at: Option<String>,
    duration_ms: i64,
    /// Bytes of it on the disk.
    bytes: u64,
    holes: Vec<HoleSeen>,
    /// The path of its playlist.
    url: String,
}

/// Where nothing was recorded.
#[derive(Debug, Serialize, ToSchema)]
struct HoleSeen {
    /// From when on (RFC 3339).
    at: String,
    duration_ms: i64,
    /// `slow`: the disk did not keep up; `full`, `failed`: what the disk said; `other`.
    cause: &'static str,
}

/// Some recordings, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct RecordingsSeen {
    items: Vec<RecordingSeen>,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

impl From<RecordingFacts> for RecordingSeen {
    fn from(facts: RecordingFacts) -> Self {
        let hole = |hole: HoleFacts| HoleSeen {
            at: rfc3339(hole.at_ms),
            duration_ms: hole.duration_ms,
            cause: hole.cause,
        };
        Self {
            url: format!("/r/{}/index.m3u8", facts.id),
            id: facts.id.to_string(),
            app: facts.app,
            stream: facts.stream,
            state: if facts.ended_ms.is_some() {
                "ready"
            } else {
                "recording"
            },
            started_at: rfc3339(facts.started_ms),
            ended_at: facts.ended_ms.map(rfc3339),
            duration_ms: facts.duration_ms,
            bytes: facts.bytes,
            holes: facts.holes.into_iter().map(hole).collect(),
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one, remove))
}

/// Recordings of this node, newest first
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", operation_id = "recording_list",
    params(RecordingsAsked, PageParams),
    responses(NoneKept, (status = 200, description = "Some of them", body = RecordingsSeen)),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<RecordingsAsked>,
    page: Page,
) -> Result<Json<RecordingsSeen>, Refused> {
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let rows = ask(&state, move |kept| {
        kept.list(&asked.app, &asked.stream, before, limit as usize + 1)
    });
    let (rows, next) = Page::full(rows.await?, limit, |row| row.id.to_string());
    let items = rows.into_iter().map(RecordingSeen::from).collect();
    Ok(Json(RecordingsSeen { items, next }))
}

/// One recording
#[utoipa::path(get, path = "/api/v1/recordings/{id}", tag = "recordings", operation_id = "recording",
    params(("id" = String, Path, description = "Its id")),
    responses(NoneKept, (status = 200, description = "The recording", body = RecordingSeen), NotThere),
)]
async fn one(
    Extract(state): Extract<State>,
    PathParts(text): PathParts<String>,
) -> Result<Json<RecordingSeen>, Refused> {
    Ok(Json(find(&state, id_of(&text)?).await?.into()))
}

/// Take a recording away
///
/// Its files are gone with the answer. One that goes on is not taken away: end the broadcast first. One that has clips
/// is not either, unless `clips=true` says that they go with it.
#[utoipa::path(delete, path = "/api/v1/recordings/{id}", tag = "recordings", operation_id = "recording_remove",
    params(("id" = String, Path, description = "Its id"), Removing),
    responses(
        NoneKept,
        (status = 204, description = "It is gone"),
        NotThere,
        (status = 409, description = "The broadcast goes on, or it has clips",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
    QueryParts(removing): QueryParts<Removing>,
) -> Result<StatusCode, Refused> {
    let id = id_of(&text)?;
    let facts = find(&state, id).await?;
    let clips = ask(&state, move |kept| Ok(kept.clips(id))).await?.len();
    if clips > 0 && !removing.clips {
        let words = format!("{clips} clips are of it: take them away first, or say clips=true");
        return Err(Refused::new(Code::Conflict, words));
    }
    ask(&state, move |kept| kept.remove(id)).await?;
    let before = json!({ "app": facts.app, "stream": facts.stream, "started_at": rfc3339(facts.started_ms) });
    let act = Acted {
        action: "recording.delete",
        object: &text,
        before,
        after: Value::Null,
    };
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn find(state: &State, id: Id) -> Result<RecordingFacts, Refused> {
    let found = ask(state, move |kept| kept.find(id)).await?;
    found.ok_or_else(|| Refused::new(Code::NotFound, "there is no such recording"))
}

/// Asks who keeps the recordings, on a thread that may wait for the disk.
pub(crate) async fn ask<T: Send + 'static>(
    state: &State,
    work: impl FnOnce(&dyn Recordings) -> io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let kept: Option<Arc<dyn Recordings>> = state.recordings.clone();
    let words = "this node keeps no recordings";
    let kept = kept.ok_or_else(|| Refused::new(Code::Unavailable, words))?;
    let done = tokio::task::spawn_blocking(move || work(&*kept)).await;
    done.map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(|error| {
            if error.kind() == io::ErrorKind::ResourceBusy {
                return Refused::new(Code::Conflict, "the broadcast goes on: end it first");
            }
            tracing::error!("recordings cannot be read: {error}");
            Refused::from(Code::Storage)
        })
}
