//! What people and rules change of recordings: words, whether they are listed, and that they go.

use super::tell::tell;
use super::{HiddenBy, RecordingNow, RecordingState, Recordings, StoredRecording};
use crate::db::Writing;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::mark::{Thing, mark};

/// Rows that go at once.
const AT_ONCE: i64 = 500;
/// How long it is known of a recording that it is gone: nodes that were away for longer are told by their operator.
const GONE_KEPT_MS: i64 = 400 * 24 * 3_600_000;

/// What is to be changed of a recording; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordingEdit<'a> {
    /// As it is shown.
    pub title: Option<&'a str>,
    /// It stands in the channel's list.
    pub is_published: Option<bool>,
    /// Who says that it is played nowhere.
    pub hidden: Option<HiddenBy>,
    /// Nobody and nothing takes it away.
    pub is_held: Option<bool>,
    /// When it is taken away, milliseconds since 1970; 0: never.
    pub expires_ms: Option<i64>,
}

impl Recordings<'_> {
    /// Says something else of a recording that is at its version.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not any more, or is gone.
    pub async fn edit(
        &self,
        one: &StoredRecording,
        edit: &RecordingEdit<'_>,
    ) -> Result<StoredRecording, StoreError> {
        let flag = |new: Option<bool>, old: bool| i64::from(new.unwrap_or(old));
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE recordings SET title = $4, published = $5, held = $6, expires_ms = $7, hidden = $8, version = version + 1 \
             WHERE user_id = $1 AND id = $2 AND version = $3",
        )
        .bind(one.user_id.clone())
        .bind(one.id.to_string())
        .bind(one.version)
        .bind(edit.title.unwrap_or(&one.title).to_owned())
        .bind(flag(edit.is_published, one.is_published))
        .bind(flag(edit.is_held, one.is_held))
        .bind(edit.expires_ms.unwrap_or(one.expires_ms))
        .bind(edit.hidden.unwrap_or(one.hidden).name())
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the recording"));
        }
        self.mark_channel(&mut writing, one).await?;
        writing.commit().await?;
        self.by_id(one.id).await
    }

    /// Its channel's page tells of it.
    async fn mark_channel(
        &self,
        writing: &mut Writing,
        one: &StoredRecording,
    ) -> Result<(), StoreError> {
        match (one.user_id.parse(), one.channel_id.parse()) {
            (Ok(user_id), Ok(channel_id)) => {
                let channel = Thing::Channel(user_id, channel_id);
                mark(writing, &channel, self.store.now_ms()).await
            }
            _ => Ok(()),
        }
    }

    /// A node shall begin to record a stream: until it tells of it, it is this.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where one of this stream goes on.
    pub async fn ask(&self, wanted: &RecordingNow) -> Result<StoredRecording, StoreError> {
        let mut writing = self.db.begin().await?;
        let going_on: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM recordings WHERE app = $1 AND stream = $2 AND vhost = $3 AND state = 'recording'",
        )
        .bind(wanted.app.clone())
        .bind(wanted.stream.clone())
        .bind(wanted.vhost.clone())
        .fetch_one(&mut *writing)
        .await?;
        if going_on > 0 {
            return Err(StoreError::Taken("a recording of this stream"));
        }
        // What no node has told is older than all that one tells.
        let asked = RecordingNow {
            told_ms: 0,
            state: RecordingState::Recording,
            ..wanted.clone()
        };
        tell(&mut writing, &asked).await?;
        writing.commit().await?;
        self.by_id(wanted.id).await
    }

    /// Its node shall stop. Says whether it goes on at all.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn stop(&self, one: &StoredRecording) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "UPDATE recordings SET stop_ms = $3 WHERE user_id = $1 AND id = $2 AND state = 'recording'",
        )
        .bind(one.user_id.clone())
        .bind(one.id.to_string())
        .bind(self.store.now_ms())
        .execute(self.db.write())
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Has a recording taken away that is over and that nobody holds: from now on it is not there for anybody. Says
    /// whether it goes.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn delete(&self, one: &StoredRecording) -> Result<bool, StoreError> {
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE recordings SET state = 'deleting', version = version + 1 \
             WHERE user_id = $1 AND id = $2 AND state <> 'recording' AND held = 0",
        )
        .bind(one.user_id.clone())
        .bind(one.id.to_string())
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        self.mark_channel(&mut writing, one).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// A node has nothing any more of a recording that is being taken away.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn left(&self, node: &str, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        sqlx::query(
            "DELETE FROM recording_parts WHERE id = $1 AND node = $2 AND EXISTS (SELECT 1 FROM recordings r \
             WHERE r.id = $1 AND r.state = 'deleting')",
        )
        .bind(id.to_string())
        .bind(node.to_owned())
        .execute(&mut *writing)
        .await?;
        sqlx::query(
            "UPDATE recordings SET node = '' WHERE id = $1 AND state = 'deleting' \
             AND user_id IN (SELECT user_id FROM recording_owners WHERE id = $1) \
             AND NOT EXISTS (SELECT 1 FROM recording_parts p WHERE p.id = $1)",
        )
        .bind(id.to_string())
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// All of it is gone: so is its row, and nobody brings it back.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn gone(&self, one: &StoredRecording) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        sqlx::query("DELETE FROM recordings WHERE user_id = $1 AND id = $2")
            .bind(one.user_id.clone())
            .bind(one.id.to_string())
            .execute(&mut *writing)
            .await?;
        sqlx::query("DELETE FROM recording_parts WHERE id = $1")
            .bind(one.id.to_string())
            .execute(&mut *writing)
            .await?;
        sqlx::query("DELETE FROM recording_clips WHERE recording = $1")
            .bind(one.id.to_string())
            .execute(&mut *writing)
            .await?;
        sqlx::query("UPDATE recording_owners SET user_id = '', gone_ms = $2 WHERE id = $1")
            .bind(one.id.to_string())
            .bind(self.store.now_ms())
            .execute(&mut *writing)
            .await?;
        sqlx::query("DELETE FROM recording_owners WHERE gone_ms > 0 AND gone_ms < $1")
            .bind(self.store.now_ms() - GONE_KEPT_MS)
            .execute(&mut *writing)
            .await?;
        Ok(writing.commit().await?)
    }

    /// The recordings of an account go with it, as nobody's; what is held stays, as nobody's too.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is done by then is done.
    pub(crate) async fn remove_of(&self, user_id: Id) -> Result<(), StoreError> {
        loop {
            let mut writing = self.db.begin().await?;
            let some = sqlx::query_scalar::<_, String>(
                "SELECT id FROM recordings WHERE user_id = $1 ORDER BY id LIMIT $2",
            )
            .bind(user_id.to_string())
            .bind(AT_ONCE)
            .fetch_all(&mut *writing)
            .await?;
            if some.is_empty() {
                break;
            }
            for id in some {
                disown(&mut writing, user_id, id::stored(&id)?).await?;
            }
            writing.commit().await?;
        }
        sqlx::query("UPDATE recording_owners SET user_id = '' WHERE user_id = $1")
            .bind(user_id.to_string())
            .execute(self.db.write())
            .await?;
        Ok(())
    }
}

/// Its row is made anew: where rows are distributed by their user none can be given to another.
async fn disown(writing: &mut Writing, user_id: Id, id: Id) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO recordings (user_id, id, channel_id, vhost, app, stream, title, published, state, stop_ms, held, \
         expires_ms, node, started_ms, ended_ms, duration_ms, bytes, stored_bytes, holes, poster, told_ms, version) \
         SELECT '', id, '', vhost, app, stream, '', 0, CASE WHEN held = 1 THEN state ELSE 'deleting' END, stop_ms, \
         held, expires_ms, node, started_ms, ended_ms, duration_ms, bytes, stored_bytes, holes, '', told_ms, \
         version + 1 FROM recordings WHERE user_id = $1 AND id = $2",
    )
    .bind(user_id.to_string())
    .bind(id.to_string())
    .execute(&mut **writing)
    .await?;
    sqlx::query("DELETE FROM recordings WHERE user_id = $1 AND id = $2")
        .bind(user_id.to_string())
        .bind(id.to_string())
        .execute(&mut **writing)
        .await?;
    sqlx::query("UPDATE recording_owners SET user_id = '' WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut **writing)
        .await?;
    Ok(())
}
