//! `GET /api/v1/nodes/recordings/{id}`: where a recording is, for nodes that play it and have no store.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_store::recordings::{HiddenBy, RecordingState, StoredRecording};
use weir_store::{Store, StoreError};

use crate::asked::PathParts;
use crate::refused::{NotThere, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Where a recording is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordingPlace {
    /// Virtual host of the stream, often none.
    pub vhost: String,
    /// App of the stream.
    pub app: String,
    /// Name of the stream in its app.
    pub stream: String,
    /// The node that records it, or did last; empty where none has it any more.
    pub node: String,
    /// All nodes that have parts of it: its stream moved between them.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// When it ended, Unix milliseconds; 0: it goes on.
    pub ended_ms: i64,
    /// Bytes of it that are in the store.
    pub stored_bytes: i64,
    /// It is played nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// It is of a clip that was asked for; left out where a recording was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipPlace>,
}

/// What of a recording a clip is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClipPlace {
    /// The recording's id.
    pub recording: String,
    /// From when on, Unix milliseconds.
    pub from_ms: i64,
    /// Up to when, Unix milliseconds.
    pub to_ms: i64,
}

impl RecordingPlace {
    /// What the store knows of a recording, or of that of a clip; `None` where there is none, or it is being taken away.
    ///
    /// # Errors
    /// As the store.
    pub async fn find(store: &Store, id: weir_store::Id) -> Result<Option<Self>, StoreError> {
        let recordings = store.recordings();
        match recordings.by_id(id).await {
            Err(StoreError::Missing(_)) => {}
            row => return Self::of(store, row?).await,
        }
        let clip = match recordings.clip(id).await {
            Err(StoreError::Missing(_)) => return Ok(None),
            clip => clip?,
        };
        let place = match recordings.by_id(clip.recording).await {
            Err(StoreError::Missing(_)) => return Ok(None),
            row => Self::of(store, row?).await?,
        };
        Ok(place.map(|place| Self {
            clip: Some(ClipPlace {
                recording: clip.recording.to_string(),
                from_ms: clip.from_ms,
                to_ms: clip.to_ms,
            }),
            ..place
        }))
    }

    async fn of(store: &Store, row: StoredRecording) -> Result<Option<Self>, StoreError> {
        if row.state == RecordingState::Deleting {
            return Ok(None);
        }
        let parts = store.recordings().parts(row.id).await?;
        Ok(Some(Self {
            vhost: row.vhost,
            app: row.app,
            stream: row.stream,
            node: row.node,
            nodes: parts.into_iter().map(|part| part.node).collect(),
            ended_ms: row.ended_ms,
            stored_bytes: row.stored_bytes,
            hidden: row.hidden != HiddenBy::Nobody,
            clip: None,
        }))
    }

    /// The nodes that have parts of it.
    pub fn nodes(&self) -> impl Iterator<Item = &String> {
        // An api node of an older release knows of one alone.
        let known = self.nodes.iter();
        let alone = [&self.node].into_iter();
        let alone = alone.filter(|node| self.nodes.is_empty() && !node.is_empty());
        known.chain(alone)
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(place))
}

/// Where a recording is
///
/// For nodes of the cluster that are asked to play it.
#[utoipa::path(get, path = "/api/v1/nodes/recordings/{id}", tag = "cluster", operation_id = "node_recording",
    params(("id" = String, Path, description = "Its id")),
    responses(
        StoreAway,
        (status = 200, description = "Where it is", body = RecordingPlace),
        NotThere,
    ),
)]
async fn place(
    Extract(state): Extract<State>,
    PathParts(text): PathParts<String>,
) -> Result<Json<RecordingPlace>, Refused> {
    let found = RecordingPlace::find(state.store()?, id_of(&text)?).await?;
    let found = found.ok_or(StoreError::Missing("recording"))?;
    Ok(Json(found))
}
