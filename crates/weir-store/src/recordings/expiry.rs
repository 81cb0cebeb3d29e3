//! Recordings whose time is over, and what keeps some of them all the same: clips, what people look at, and a hold.

use super::{RecordingRow, Recordings, StoredRecording, all, columns};
use crate::error::StoreError;
use crate::id::Id;

/// A recording whose time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// It.
    pub row: StoredRecording,
    /// Clips that are of it.
    pub clips: i64,
    /// Items of review that wait for somebody and that are of its stream and its time.
    pub cases: i64,
}

impl Expiring {
    /// Nothing keeps it.
    pub const fn goes(&self) -> bool {
        !self.row.is_held && self.clips == 0 && self.cases == 0
    }
}

struct ExpiringRow {
    clips: i64,
    cases: i64,
    row: RecordingRow,
}
row!(ExpiringRow { clips, cases }, row);

/// Clips of the row `r`.
macro_rules! clips {
    () => {
        "FROM recording_clips c WHERE c.recording = r.id"
    };
}

/// What waits in review of the stream and the time of the row `r`. The stream's whole name is written as
/// [`weir_base::StreamName`] shows it.
macro_rules! cases {
    () => {
        "FROM review_items i WHERE i.is_waiting = 1 AND i.stream = \
         (CASE WHEN r.vhost = '' THEN '' ELSE r.vhost || ':' END) || r.app || '/' || r.stream \
         AND i.begun_ms <= r.ended_ms AND i.until_ms >= r.started_ms"
    };
}

impl Recordings<'_> {
    /// At most `limit` whose time is over at `now_ms` and that nothing keeps, the longest over first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn expired(
        &self,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<StoredRecording>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM recordings r WHERE r.expires_ms > 0 AND r.expires_ms <= $1 AND r.held = 0 \
             AND r.state IN ('ready', 'failed') AND NOT EXISTS (SELECT 1 ",
            clips!(),
            ") AND NOT EXISTS (SELECT 1 ",
            cases!(),
            ") ORDER BY r.expires_ms, r.id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, RecordingRow>(SQL).bind(now_ms);
        let rows = rows.bind(i64::from(limit)).fetch_all(self.db.fresh());
        all(rows.await?)
    }

    /// At most `limit` whose time is over at `at_ms`, with what keeps them, behind `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn expiring(
        &self,
        at_ms: i64,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Expiring>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            ", (SELECT COUNT(*) ",
            clips!(),
            ") AS clips, (SELECT COUNT(*) ",
            cases!(),
            ") AS cases FROM recordings r WHERE r.expires_ms > 0 AND r.expires_ms <= $1 \
             AND r.state IN ('ready', 'failed') AND r.id > $2 ORDER BY r.id LIMIT $3"
        );
        let rows = sqlx::query_as::<_, ExpiringRow>(SQL)
            .bind(at_ms)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::from(limit))
            .fetch_all(self.db.fresh())
            .await?;
        let expiring = |ExpiringRow { clips, cases, row }| {
            Ok(Expiring {
                row: row.try_into()?,
                clips,
                cases,
            })
        };
        rows.into_iter().map(expiring).collect()
    }

    /// How many items of review wait that are of the stream and the time of a recording.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn cases(&self, id: Id) -> Result<i64, StoreError> {
        const SQL: &str = concat!(
            "SELECT (SELECT COUNT(*) ",
            cases!(),
            ") FROM recordings r WHERE r.id = $1"
        );
        let found = sqlx::query_scalar::<_, i64>(SQL).bind(id.to_string());
        Ok(found.fetch_optional(self.db.fresh()).await?.unwrap_or(0))
    }
}
