//! Recordings as the API shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weir_base::rfc3339;
use weir_store::Id;
use weir_store::recordings::{RecordingState, StoredRecording};

use super::waiting;
use crate::keeping::HoleFacts;
use crate::refused::Refused;
use crate::state::State;

/// A broadcast that can be watched again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingSeen {
    id: String,
    app: String,
    /// The stream's name in its app.
    stream: String,
    /// The channel's name; null where the stream is no channel's.
    channel: Option<String>,
    /// The channel's when it began, until somebody says otherwise; the stream's name where there is no channel.
    title: String,
    /// It stands in the channel's public list.
    published: bool,
    /// It is played nowhere: `owner` or `moderator` says who said so; empty for nobody.
    hidden: &'static str,
    /// `recording`, `ready`, `failed` (nothing of it can be played) or `deleting`.
    state: &'static str,
    /// Nobody and nothing takes it away.
    held: bool,
    /// When it began (RFC 3339).
    started_at: String,
    /// When it ended; null while it goes on.
    ended_at: Option<String>,
    /// When it is taken away; null for never, or where that is not known yet.
    expires_at: Option<String>,
    duration_ms: i64,
    /// Bytes of it.
    bytes: i64,
    /// Of these, the ones that are in the store.
    stored_bytes: i64,
    /// The node that records it, or did last; empty where none has it any more.
    node: String,
    holes: Vec<HoleSeen>,
    /// The path of its playlist.
    url: String,
    /// The path of its picture; null where it has none.
    poster: Option<String>,
}

/// Where nothing was recorded.
#[derive(Debug, Serialize, ToSchema)]
struct HoleSeen {
    /// From when on (RFC 3339).
    at: String,
    duration_ms: i64,
    /// `slow`: the disk did not keep up; `full`, `failed`: what the disk said; `origin`: another origin had to take the
    /// stream over; `other`.
    cause: String,
}

/// Some recordings, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordingsSeen {
    pub(crate) items: Vec<RecordingSeen>,
    /// `after` of the next page; null for none.
    pub(crate) next: Option<String>,
}

/// A hole as its row has it.
#[derive(Deserialize)]
struct HoleStored {
    at_ms: i64,
    duration_ms: i64,
    cause: String,
}

/// One recording; what goes on here is as it is now.
pub(crate) async fn seen(state: &State, row: StoredRecording) -> Result<RecordingSeen, Refused> {
    let all = seen_all(state, vec![row]).await?;
    all.into_iter()
        .next()
        .ok_or_else(|| weir_store::StoreError::Missing("recording").into())
}

/// Some recordings; what goes on here is as it is now.
pub(crate) async fn seen_all(
    state: &State,
    rows: Vec<StoredRecording>,
) -> Result<Vec<RecordingSeen>, Refused> {
    let ids = rows.iter().filter_map(|row| row.channel_id.parse().ok());
    let ids: Vec<Id> = ids.collect();
    let names = state.store()?.channels().names_of(&ids).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let channel: Option<Id> = row.channel_id.parse().ok();
        let channel = channel.and_then(|id| names.get(&id).cloned());
        let now = match (&state.recordings, row.state) {
            (Some(kept), RecordingState::Recording) => {
                let (kept, id) = (kept.clone(), row.id);
                waiting(move || kept.find(id)).await.ok().flatten()
            }
            _ => None,
        };
        let mut item = RecordingSeen::new(row, channel);
        if let Some(now) = now {
            item.duration_ms = item.duration_ms.max(now.duration_ms);
            item.bytes = item.bytes.max(i64::try_from(now.bytes).unwrap_or(i64::MAX));
            item.holes = now.holes.into_iter().map(HoleSeen::from).collect();
        }
        items.push(item);
    }
    Ok(items)
}

impl RecordingSeen {
    fn new(row: StoredRecording, channel: Option<String>) -> Self {
        let holes: Vec<HoleStored> = serde_json::from_str(&row.holes).unwrap_or_default();
        let hole = |hole: HoleStored| HoleSeen {
            at: rfc3339(hole.at_ms),
            duration_ms: hole.duration_ms,
            cause: hole.cause,
        };
        let time = |ms: i64| (ms > 0).then(|| rfc3339(ms));
        Self {
            url: format!("/r/{}/index.m3u8", row.id),
            id: row.id.to_string(),
            app: row.app,
            stream: row.stream,
            channel,
            title: row.title,
            published: row.is_published,
            hidden: row.hidden.name(),
            state: row.state.name(),
            held: row.is_held,
            started_at: rfc3339(row.started_ms),
            ended_at: time(row.ended_ms),
            expires_at: time(row.expires_ms),
            duration_ms: row.duration_ms,
            bytes: row.bytes,
            stored_bytes: row.stored_bytes,
            node: row.node,
            holes: holes.into_iter().map(hole).collect(),
            poster: (!row.poster.is_empty()).then(|| format!("/r/{}/poster.jpg", row.poster)),
        }
    }
}

impl From<HoleFacts> for HoleSeen {
    fn from(hole: HoleFacts) -> Self {
        Self {
            at: rfc3339(hole.at_ms),
            duration_ms: hole.duration_ms,
            cause: hole.cause,
        }
    }
}
