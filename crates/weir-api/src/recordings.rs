//! Broadcasts that can be watched again, wherever they were recorded: which there are, what is said of them, and taking
//! one away. Who looks after all of them may, and a channel's own people with theirs.

use std::io;

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::Right;
use weir_base::{Code, rfc3339};
use weir_store::StoreError;
use weir_store::recordings::{
    HiddenBy, RecordingEdit, RecordingFilter, RecordingState, StoredRecording,
};

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::channels::{ChannelHelp, MAX_TITLE_CHARS, help_with, line};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, account_of, behind, id_of};

mod begin;
mod expiring;
pub(crate) mod seen;
mod sheet;

pub(crate) use sheet::RecordingSheet;

use seen::{RecordingSeen, RecordingsSeen, seen, seen_all};

/// Recordings in one answer, where nobody says.
pub(crate) const PAGE: u32 = 50;

/// Which recordings.
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
    /// Of this channel alone, by its name.
    #[param(required = false, nullable = false)]
    channel: String,
    /// In this state alone: `recording`, `ready`, `failed` or `deleting`. Left out: all but those that are being taken
    /// away.
    #[param(required = false, nullable = false)]
    state: String,
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

/// What is to be changed of a recording; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "title": "Finals, day one", "published": true }))]
struct RecordingChange {
    #[schema(max_length = 140)]
    title: Option<String>,
    /// It stands in the channel's public list. Who has its address and may play the stream may play it all the same.
    published: Option<bool>,
    /// It is played nowhere, and stands in no public list, though it is kept: nodes refuse it (2010) within seconds. What
    /// somebody hid who looks after all recordings, its owner does not show again.
    hidden: Option<bool>,
    /// Nobody and nothing takes it away; for who looks after all recordings.
    held: Option<bool>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one, edit, remove))
        .merge(begin::routes())
        .merge(expiring::routes())
}

/// Recordings of all nodes, newest first
///
/// All of them for who looks after recordings; else those of one's own channels, or of `channel` if one helps with it.
#[utoipa::path(get, path = "/api/v1/recordings", tag = "recordings", operation_id = "recording_list",
    params(RecordingsAsked, PageParams),
    responses(StoreAway, (status = 200, description = "Some of them", body = RecordingsSeen), NotThere),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Caller,
    QueryParts(asked): QueryParts<RecordingsAsked>,
    page: Page,
) -> Result<Json<RecordingsSeen>, Refused> {
    let store = state.store()?;
    let some = |text: &'_ String| Some(text.clone()).filter(|text| !text.is_empty());
    let (mut user_id, mut channel_id) = (None, None);
    if let Some(name) = some(&asked.channel) {
        let channel = store.channels().by_name(&name).await?;
        if !manages(&caller) && help_with(store, &caller, &channel).await? < ChannelHelp::Moderates
        {
            return Err(StoreError::Missing("channel").into());
        }
        user_id = Some(channel.user_id.to_string());
        channel_id = Some(channel.id.to_string());
    } else if !manages(&caller) {
        user_id = Some(account_of(&caller)?.to_string());
    }
    let wanted = some(&asked.state).map(|name| {
        let words = "this is none of recording, ready, failed and deleting";
        RecordingState::from_name(&name)
            .ok_or_else(|| Refused::field(Code::BadRequest, "state", words))
    });
    let (app, stream) = (some(&asked.app), some(&asked.stream));
    let filter = RecordingFilter {
        user_id: user_id.as_deref(),
        channel_id: channel_id.as_deref(),
        vhost: None,
        app: app.as_deref(),
        stream: stream.as_deref(),
        state: wanted.transpose()?,
        is_public: false,
    };
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let rows = store.recordings().list(filter, before, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.to_string());
    let items = seen_all(&state, rows).await?;
    Ok(Json(RecordingsSeen { items, next }))
}

/// One recording
#[utoipa::path(get, path = "/api/v1/recordings/{id}", tag = "recordings", operation_id = "recording",
    params(("id" = String, Path, description = "Its id")),
    responses(StoreAway, (status = 200, description = "The recording", body = RecordingSeen), NotThere),
)]
async fn one(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(text): PathParts<String>,
) -> Result<Response, Refused> {
    let row = open(&state, &caller, &text, ChannelHelp::Moderates).await?;
    answer(&state, row).await
}

/// Say something else of a recording
#[utoipa::path(patch, path = "/api/v1/recordings/{id}", tag = "recordings", operation_id = "recording_edit",
    params(("id" = String, Path, description = "Its id")),
    request_body = RecordingChange,
    responses(
        StoreAway,
        (status = 200, description = "The recording", body = RecordingSeen),
        NotThere,
        (status = 412, description = "It was changed meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn edit(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
    asked: HeaderMap,
    JsonBody(change): JsonBody<RecordingChange>,
) -> Result<Response, Refused> {
    if let Some(title) = &change.title {
        line("title", title, MAX_TITLE_CHARS)?;
        if title.trim().is_empty() {
            return Err(Refused::field(
                Code::Unprocessable,
                "title",
                "a title says something",
            ));
        }
    }
    if change.held.is_some() {
        actor.caller.require(Right::RecordingsManage)?;
    }
    let row = open(&state, &actor.caller, &text, ChannelHelp::Edits).await?;
    Etag::of(row.version.to_string()).admits(&asked)?;
    let edit = RecordingEdit {
        title: change.title.as_deref(),
        is_published: change.published,
        hidden: hiding(&actor.caller, &row, change.hidden)?,
        is_held: change.held,
        expires_ms: None,
    };
    let changed = state.store()?.recordings().edit(&row, &edit).await?;
    let shown = |row: &StoredRecording| json!({ "title": row.title, "published": row.is_published, "hidden": row.hidden.name(), "held": row.is_held });
    let act = Acted {
        action: "recording.edit",
        object: &text,
        before: shown(&row),
        after: shown(&changed),
    };
    did(&state, &actor, &row, act).await?;
    answer(&state, changed).await
}

/// Take a recording away
///
/// From the answer on it is in no list, and within seconds it is played nowhere; its files go meanwhile. One that goes
/// on is not taken away: end the broadcast, or the recording, first. One that has clips is not either, unless `clips=true`
/// says that they go with it. One of which something waits in review is taken away by those alone who look after all
/// recordings.
#[utoipa::path(delete, path = "/api/v1/recordings/{id}", tag = "recordings", operation_id = "recording_remove",
    params(("id" = String, Path, description = "Its id"), Removing),
    responses(
        StoreAway,
        (status = 204, description = "It goes"),
        NotThere,
        (status = 409, description = "It goes on, is held, has clips, or waits in review",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
    QueryParts(removing): QueryParts<Removing>,
) -> Result<StatusCode, Refused> {
    let row = open(&state, &actor.caller, &text, ChannelHelp::Owns).await?;
    let clips = state.store()?.recordings().clips(row.id).await?.len();
    if clips > 0 && !removing.clips {
        let words = format!("{clips} clips are of it: take them away first, or say clips=true");
        return Err(Refused::new(Code::Conflict, words));
    }
    let cases = state.store()?.recordings().cases(row.id).await?;
    if cases > 0 && !manages(&actor.caller) {
        let words = "what was broadcast then waits to be looked at: it is taken away afterwards";
        return Err(Refused::new(Code::Conflict, words));
    }
    if !state.store()?.recordings().delete(&row).await? {
        let words = match row.is_held {
            true => "it is held: nobody takes it away until that is over",
            false => "it goes on: end the broadcast, or the recording, first",
        };
        return Err(Refused::new(Code::Conflict, words));
    }
    // What this node has of it goes with the answer; other nodes hear of it with their next report.
    if let Some(kept) = &state.recordings {
        let (kept, id) = (kept.clone(), row.id);
        if let Err(error) = waiting(move || kept.remove(id)).await {
            tracing::warn!(recording = %row.id, "it is not wholly gone from here yet: {error}");
        }
    }
    let before =
        json!({ "app": row.app, "stream": row.stream, "started_at": rfc3339(row.started_ms) });
    let act = Acted {
        action: "recording.delete",
        object: &text,
        before,
        after: Value::Null,
    };
    did(&state, &actor, &row, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who hides it then: whoever asks, or nobody. `None` where it stays as it is.
fn hiding(
    caller: &Caller,
    row: &StoredRecording,
    asked: Option<bool>,
) -> Result<Option<HiddenBy>, Refused> {
    let Some(is_hidden) = asked else {
        return Ok(None);
    };
    let own = caller.account.map(|id| id.to_string());
    let is_owner = own.as_deref() == Some(row.user_id.as_str());
    let by = match manages(caller) && !is_owner {
        true => HiddenBy::Moderator,
        false => HiddenBy::Owner,
    };
    match (is_hidden, row.hidden) {
        (false, HiddenBy::Moderator) if !manages(caller) => Err(Refused::new(
            Code::Forbidden,
            "somebody who looks after all recordings has hidden it",
        )),
        (true, HiddenBy::Moderator) => Ok(None),
        (true, _) => Ok(Some(by)),
        (false, _) => Ok(Some(HiddenBy::Nobody)),
    }
}

/// Whether somebody looks after all recordings.
fn manages(caller: &Caller) -> bool {
    caller.rights.has(Right::RecordingsManage)
}

/// The recording of this id, for somebody who helps so with its channel, or looks after all.
pub(crate) async fn open(
    state: &State,
    caller: &Caller,
    id: &str,
    wanted: ChannelHelp,
) -> Result<StoredRecording, Refused> {
    let row = state.store()?.recordings().by_id(id_of(id)?).await?;
    if manages(caller) {
        return Ok(row);
    }
    let not_there = || StoreError::Missing("recording").into();
    let (Ok(user_id), Ok(channel_id)) = (row.user_id.parse(), row.channel_id.parse()) else {
        return Err(not_there());
    };
    let channel = state.store()?.channels().by_id(user_id, channel_id).await?;
    let help = help_with(state.store()?, caller, &channel).await?;
    if help < ChannelHelp::Moderates || row.state == RecordingState::Deleting {
        return Err(not_there());
    }
    match help >= wanted {
        true => Ok(row),
        false => Err(Refused::new(
            Code::Forbidden,
            "this is somebody else's channel",
        )),
    }
}

/// Written down where somebody did it who looks after all recordings.
async fn did(
    state: &State,
    actor: &Actor,
    row: &StoredRecording,
    act: Acted<'_>,
) -> Result<(), Refused> {
    let own = actor.caller.account.map(|id| id.to_string());
    if !manages(&actor.caller) || own.as_deref() == Some(row.user_id.as_str()) {
        return Ok(());
    }
    actor.did(state, act).await
}

/// With the tag of what people said of it: how long it lasts may change all the same.
async fn answer(state: &State, row: StoredRecording) -> Result<Response, Refused> {
    let version = row.version.to_string();
    let shown = seen(state, row).await?;
    Ok(Etag::of(version).on(Json(shown)))
}

/// Work that a disk may hold up, on a thread that may wait.
pub(crate) async fn waiting<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).and_then(|done| done)
}
