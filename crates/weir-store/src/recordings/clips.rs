//! Clips: stretches of recordings with a name, a row each.

use super::Recordings;
use crate::error::StoreError;
use crate::id::{self, Id};

/// Clips of one recording at most.
pub const MAX_CLIPS: u32 = 1000;

/// A row of `recording_clips`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClip {
    /// Its name for ever.
    pub id: Id,
    /// What it is of.
    pub recording: Id,
    /// From when on, milliseconds since 1970.
    pub from_ms: i64,
    /// Up to when, milliseconds since 1970.
    pub to_ms: i64,
    /// What people call it; may be empty.
    pub title: String,
    /// When it was made, milliseconds since 1970.
    pub made_ms: i64,
}

struct ClipRow {
    id: String,
    recording: String,
    from_ms: i64,
    to_ms: i64,
    title: String,
    made_ms: i64,
}
row!(ClipRow {
    id,
    recording,
    from_ms,
    to_ms,
    title,
    made_ms
});

impl Recordings<'_> {
    /// Clips of a recording, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn clips(&self, recording: Id) -> Result<Vec<StoredClip>, StoreError> {
        let rows = sqlx::query_as::<_, ClipRow>(
            "SELECT id, recording, from_ms, to_ms, title, made_ms FROM recording_clips WHERE recording = $1 \
             ORDER BY id DESC LIMIT $2",
        )
        .bind(recording.to_string())
        .bind(i64::from(MAX_CLIPS))
        .fetch_all(self.db.fresh())
        .await?;
        rows.into_iter().map(StoredClip::try_from).collect()
    }

    /// The clip with this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn clip(&self, id: Id) -> Result<StoredClip, StoreError> {
        let row = sqlx::query_as::<_, ClipRow>(
            "SELECT id, recording, from_ms, to_ms, title, made_ms FROM recording_clips WHERE id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(self.db.fresh())
        .await?;
        row.ok_or(StoreError::Missing("clip"))?.try_into()
    }

    /// Makes one.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where the recording has [`MAX_CLIPS`].
    pub async fn add_clip(&self, clip: &StoredClip) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM recording_clips WHERE recording = $1")
                .bind(clip.recording.to_string())
                .fetch_one(&mut *writing)
                .await?;
        if count >= i64::from(MAX_CLIPS) {
            let words = format!("a recording has {MAX_CLIPS} clips at most");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO recording_clips (id, recording, from_ms, to_ms, title, made_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(clip.id.to_string())
        .bind(clip.recording.to_string())
        .bind(clip.from_ms)
        .bind(clip.to_ms)
        .bind(clip.title.clone())
        .bind(clip.made_ms)
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Takes one of a recording away.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where the recording has none of this id.
    pub async fn remove_clip(&self, recording: Id, id: Id) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM recording_clips WHERE id = $1 AND recording = $2")
            .bind(id.to_string())
            .bind(recording.to_string())
            .execute(self.db.write())
            .await?;
        match gone.rows_affected() {
            0 => Err(StoreError::Missing("clip")),
            _ => Ok(()),
        }
    }
}

impl TryFrom<ClipRow> for StoredClip {
    type Error = StoreError;

    fn try_from(row: ClipRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            recording: id::stored(&row.recording)?,
            from_ms: row.from_ms,
            to_ms: row.to_ms,
            title: row.title,
            made_ms: row.made_ms,
        })
    }
}
