//! What nodes tell of recordings. The same again changes nothing, and what is gone does not come back.

use super::parts::{RecordingSum, tell_part};
use super::{RecordingState, Recordings};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::Id;

/// What a node says of what it has of a recording now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingNow {
    /// The channel's owner; empty where the stream is no channel's. Of one that is known already it stays.
    pub user_id: String,
    /// Its name for ever.
    pub id: Id,
    /// Empty likewise; stays likewise.
    pub channel_id: String,
    /// Virtual host of the stream, often none.
    pub vhost: String,
    /// Of which app.
    pub app: String,
    /// The stream's name in its app.
    pub stream: String,
    /// As it is shown, until somebody says otherwise.
    pub title: String,
    /// It stands in the channel's list, until somebody says otherwise.
    pub is_published: bool,
    /// Where it stands; never deleting.
    pub state: RecordingState,
    /// Milliseconds since 1970 at which it is taken away, by the rules of when it ended; 0: never.
    pub expires_ms: i64,
    /// Who tells.
    pub node: String,
    /// Since when it owned the stream, the last time, milliseconds since 1970; 0: it never did.
    pub owned_ms: i64,
    /// When it began there, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; 0: it goes on.
    pub ended_ms: i64,
    /// What it has is of the time from here, milliseconds since 1970.
    pub from_ms: i64,
    /// Up to here.
    pub to_ms: i64,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: i64,
    /// Of these, the ones among the objects.
    pub stored_bytes: i64,
    /// JSON: where nothing was recorded.
    pub holes: String,
    /// A picture of it is kept.
    pub has_poster: bool,
    /// When it was so, milliseconds since 1970: what is told later counts.
    pub told_ms: i64,
}

/// What became of what was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// It stands in its row, or something newer does: this is what all nodes together have.
    Written(RecordingSum),
    /// The recording was taken away: whoever has something of it takes that away, too.
    Gone,
}

impl Recordings<'_> {
    /// Writes down what nodes tell, all or nothing, and says of each what became of it.
    ///
    /// # Errors
    /// [`StoreError::is_passing`] where the same again may pass.
    pub async fn tell(&self, told: &[RecordingNow]) -> Result<Vec<Telling>, StoreError> {
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let mut writing = self.db.begin().await?;
        let mut outcomes = Vec::with_capacity(told.len());
        for one in told {
            outcomes.push(tell(&mut writing, one).await?);
        }
        writing.commit().await?;
        Ok(outcomes)
    }
}

pub(super) async fn tell(
    writing: &mut Writing,
    told: &RecordingNow,
) -> Result<Telling, StoreError> {
    let id = told.id.to_string();
    let Some(user_id) = owner(writing, &id, &told.user_id).await? else {
        return Ok(Telling::Gone);
    };
    let is_own = user_id == told.user_id;
    let channel_id = if is_own {
        told.channel_id.clone()
    } else {
        String::new()
    };
    // What somebody asks for and no node has begun is nobody's part.
    let sum = match told.told_ms {
        0 => asked(told),
        _ => tell_part(writing, told).await?,
    };
    let expires_ms = match sum.state {
        RecordingState::Recording => 0,
        _ => told.expires_ms,
    };
    sqlx::query(
        "INSERT INTO recordings (user_id, id, channel_id, vhost, app, stream, title, published, state, stop_ms, held, \
         expires_ms, node, started_ms, ended_ms, duration_ms, bytes, stored_bytes, holes, poster, told_ms, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, $10, $11, $12, $13, $14, $15, $16, $17, $19, $18, 1) \
         ON CONFLICT (user_id, id) DO UPDATE SET \
         state = CASE WHEN recordings.state = 'deleting' THEN recordings.state ELSE excluded.state END, \
         expires_ms = CASE WHEN recordings.expires_ms > 0 THEN recordings.expires_ms ELSE excluded.expires_ms END, \
         node = excluded.node, started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, \
         duration_ms = excluded.duration_ms, bytes = excluded.bytes, stored_bytes = excluded.stored_bytes, \
         holes = excluded.holes, \
         poster = CASE WHEN excluded.poster = '' THEN recordings.poster ELSE excluded.poster END, \
         told_ms = excluded.told_ms WHERE recordings.told_ms <= excluded.told_ms OR excluded.told_ms > 0",
    )
    .bind(user_id)
    .bind(id)
    .bind(channel_id)
    .bind(told.vhost.clone())
    .bind(told.app.clone())
    .bind(told.stream.clone())
    .bind(told.title.clone())
    .bind(i64::from(told.is_published))
    .bind(sum.state.name())
    .bind(expires_ms)
    .bind(sum.node.clone())
    .bind(sum.started_ms)
    .bind(sum.ended_ms)
    .bind(sum.duration_ms)
    .bind(sum.bytes)
    .bind(sum.stored_bytes)
    .bind(sum.holes.clone())
    .bind(sum.told_ms)
    .bind(if told.has_poster { told.id.to_string() } else { String::new() })
    .execute(&mut **writing)
    .await?;
    Ok(Telling::Written(sum))
}

fn asked(told: &RecordingNow) -> RecordingSum {
    RecordingSum {
        state: told.state,
        node: told.node.clone(),
        nodes: 0,
        started_ms: told.started_ms,
        ended_ms: told.ended_ms,
        duration_ms: told.duration_ms,
        bytes: told.bytes,
        stored_bytes: told.stored_bytes,
        holes: told.holes.clone(),
        told_ms: 0,
    }
}

/// Whose a recording is: the owner's row decides, and one that was told of keeps the owner it had first. `None` where it
/// was taken away.
async fn owner(writing: &mut Writing, id: &str, told: &str) -> Result<Option<String>, StoreError> {
    sqlx::query(
        "INSERT INTO recording_owners (id, user_id, gone_ms) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_owned())
    .bind(told.to_owned())
    .execute(&mut **writing)
    .await?;
    let (user_id, gone_ms): (String, i64) =
        sqlx::query_as("SELECT user_id, gone_ms FROM recording_owners WHERE id = $1")
            .bind(id.to_owned())
            .fetch_one(&mut **writing)
            .await?;
    Ok((gone_ms == 0).then_some(user_id))
}
