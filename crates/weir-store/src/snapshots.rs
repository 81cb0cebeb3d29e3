//! Pictures of live streams: a row for each, and the objects that rows name. What goes takes its object along first,
//! so that a row is there for each object that is left.

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id, upper};
use crate::module::Module;
use crate::objects::{Class, Key};
use crate::store::Store;

/// Rows that are removed at once.
const AT_ONCE: i64 = 200;

/// A row of `snapshots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The channel's owner; empty where the stream is no channel's.
    pub user_id: String,
    /// Sorts by when it was kept.
    pub id: Id,
    /// Empty likewise.
    pub channel_id: String,
    /// Of which app.
    pub app: String,
    /// The stream's whole name.
    pub stream: String,
    /// Id of the broadcast, or empty.
    pub session: String,
    /// Why it was taken: `first`, `interval`, `end` or `asked`.
    pub reason: String,
    /// Why the keyframe cannot be decoded; empty where there is a picture.
    pub fault: String,
    /// The picture's key among the assets, or empty.
    pub object: String,
    /// Of its bytes, or empty.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// When the keyframe was captured, milliseconds since 1970.
    pub taken_ms: i64,
}

struct SnapshotRow {
    user_id: String,
    id: String,
    channel_id: String,
    app: String,
    stream: String,
    session: String,
    reason: String,
    fault: String,
    object: String,
    sha256: String,
    bytes: i64,
    width: i64,
    height: i64,
    taken_ms: i64,
}
row!(SnapshotRow {
    user_id,
    id,
    channel_id,
    app,
    stream,
    session,
    reason,
    fault,
    object,
    sha256,
    bytes,
    width,
    height,
    taken_ms
});

/// The columns of [`SnapshotRow`].
macro_rules! columns {
    () => {
        "user_id, id, channel_id, app, stream, session, reason, fault, object, sha256, bytes, width, height, taken_ms"
    };
}

impl Store {
    /// Pictures of live streams.
    pub fn snapshots(&self) -> Snapshots<'_> {
        Snapshots {
            store: self,
            db: self.db(Module::Events),
        }
    }
}

/// Asks and changes pictures, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Snapshots<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Snapshots<'_> {
    /// Writes a row, behind its object.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn write(&self, new: &Snapshot) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO snapshots (user_id, id, channel_id, app, stream, session, reason, fault, object, sha256, \
             bytes, width, height, taken_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(new.user_id.clone())
        .bind(new.id.to_string())
        .bind(new.channel_id.clone())
        .bind(new.app.clone())
        .bind(new.stream.clone())
        .bind(new.session.clone())
        .bind(new.reason.clone())
        .bind(new.fault.clone())
        .bind(new.object.clone())
        .bind(new.sha256.clone())
        .bind(new.bytes)
        .bind(new.width)
        .bind(new.height)
        .bind(new.taken_ms)
        .execute(self.db.write())
        .await?;
        Ok(())
    }

    /// At most `limit` rows older than `before`, the newest first; of `stream` alone, by its whole name, where it is
    /// not empty.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        stream: &str,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Snapshot>, StoreError> {
        const OF_ONE: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE stream = $3 AND id < $1 ORDER BY id DESC LIMIT $2"
        );
        const OF_ALL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE id < $1 ORDER BY id DESC LIMIT $2"
        );
        let is_one = !stream.is_empty();
        let sql = if is_one { OF_ONE } else { OF_ALL };
        let mut rows = sqlx::query_as::<_, SnapshotRow>(sql)
            .bind(upper(before))
            .bind(i64::from(limit));
        if is_one {
            rows = rows.bind(stream.to_owned());
        }
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Snapshot::try_from).collect()
    }

    /// At most `limit` rows behind `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn after(&self, after: Id, limit: u32) -> Result<Vec<Snapshot>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE id > $1 ORDER BY id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, SnapshotRow>(SQL)
            .bind(after.to_string())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(Snapshot::try_from).collect()
    }

    /// The newest picture of a stream, by its whole name.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is none.
    pub async fn newest(&self, stream: &str) -> Result<Snapshot, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE stream = $1 AND fault = '' ORDER BY id DESC LIMIT 1"
        );
        let row = sqlx::query_as::<_, SnapshotRow>(SQL).bind(stream.to_owned());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("picture"))?.try_into()
    }

    /// The picture of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: Id) -> Result<Snapshot, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM snapshots WHERE id = $1");
        let row = sqlx::query_as::<_, SnapshotRow>(SQL).bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("picture"))?.try_into()
    }

    /// Removes some of a stream's pictures beyond the newest `keep`. Says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone.
    pub async fn keep_newest(&self, stream: &str, keep: u32) -> Result<bool, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE stream = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"
        );
        let rows = sqlx::query_as::<_, SnapshotRow>(SQL)
            .bind(stream.to_owned())
            .bind(AT_ONCE)
            .bind(i64::from(keep));
        self.remove(rows.fetch_all(self.db.fresh()).await?).await
    }

    /// Removes some of the pictures from before `at_ms`, the oldest first. Says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone.
    pub async fn prune(&self, at_ms: i64) -> Result<bool, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE id < $1 ORDER BY id LIMIT $2"
        );
        // Ids sort by the time that they begin with.
        let rows = sqlx::query_as::<_, SnapshotRow>(SQL)
            .bind(Id::first_of(at_ms).to_string())
            .bind(AT_ONCE);
        self.remove(rows.fetch_all(self.db.fresh()).await?).await
    }

    /// Removes some of the pictures of an account's channels. Says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone.
    pub(crate) async fn remove_of(&self, user_id: Id) -> Result<bool, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM snapshots WHERE user_id = $1 ORDER BY id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, SnapshotRow>(SQL)
            .bind(user_id.to_string())
            .bind(AT_ONCE);
        self.remove(rows.fetch_all(self.db.fresh()).await?).await
    }

    async fn remove(&self, rows: Vec<SnapshotRow>) -> Result<bool, StoreError> {
        let has_more = i64::try_from(rows.len()).is_ok_and(|rows| rows >= AT_ONCE);
        let assets = self.store.objects(Class::Assets);
        for row in rows {
            if let Ok(key) = Key::new(&row.object) {
                assets.delete(&key).await?;
            }
            sqlx::query("DELETE FROM snapshots WHERE user_id = $1 AND id = $2")
                .bind(row.user_id)
                .bind(row.id)
                .execute(self.db.write())
                .await?;
        }
        Ok(has_more)
    }
}

impl TryFrom<SnapshotRow> for Snapshot {
    type Error = StoreError;

    fn try_from(row: SnapshotRow) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.user_id,
            id: id::stored(&row.id)?,
            channel_id: row.channel_id,
            app: row.app,
            stream: row.stream,
            session: row.session,
            reason: row.reason,
            fault: row.fault,
            object: row.object,
            sha256: row.sha256,
            bytes: row.bytes,
            width: row.width,
            height: row.height,
            taken_ms: row.taken_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_base::Clock;

    use super::*;
    use crate::Config;

    async fn kept(store: &Store, stream: &str, fault: &str) -> Snapshot {
        let id = store.next_id().unwrap();
        let object = match fault {
            "" => format!("s/{id}.jpg"),
            _ => String::new(),
        };
        if let Ok(key) = Key::new(&object) {
            let assets = store.objects(Class::Assets);
            assets.put(&key, Bytes::from_static(b"jpeg")).await.unwrap();
        }
        let new = Snapshot {
            user_id: String::new(),
            id,
            channel_id: String::new(),
            app: "live".to_owned(),
            stream: stream.to_owned(),
            session: String::new(),
            reason: "interval".to_owned(),
            fault: fault.to_owned(),
            object,
            sha256: String::new(),
            bytes: 4,
            width: 640,
            height: 360,
            taken_ms: store.now_ms(),
        };
        store.snapshots().write(&new).await.unwrap();
        new
    }

    async fn is_stored(store: &Store, one: &Snapshot) -> bool {
        let key = Key::new(&one.object).unwrap();
        store.objects(Class::Assets).whole(&key, 10).await.is_ok()
    }

    #[tokio::test]
    async fn pictures_are_listed_by_time_and_go_with_their_objects_by_count_and_by_age() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(1_700_000_000_000_000);
        let store = Store::open(&Config::default(), dir.path(), clock.clone())
            .await
            .unwrap();
        let mut all = Vec::new();
        for _ in 0..5 {
            all.push(kept(&store, "live/a", "").await);
            clock.advance_us(1_000_000);
        }
        let other = kept(&store, "live/b", "").await;
        let broken = kept(&store, "live/a", "no keyframe").await;
        let shots = store.snapshots();
        assert_eq!(shots.newest("live/a").await.unwrap(), all[4]);
        assert!(shots.newest("live/c").await.is_err());
        assert_eq!(shots.by_id(other.id).await.unwrap(), other);
        let page = shots.list("live/a", None, 2).await.unwrap();
        assert_eq!(page, [broken, all[4].clone()]);
        let page = shots.list("live/a", Some(all[1].id), 9).await.unwrap();
        assert_eq!(page, [all[0].clone()]);
        assert_eq!(shots.list("", None, 9).await.unwrap().len(), 7);

        assert!(!shots.keep_newest("live/a", 4).await.unwrap());
        assert_eq!(shots.list("live/a", None, 9).await.unwrap().len(), 4);
        assert!(!is_stored(&store, &all[1]).await && is_stored(&store, &all[2]).await);
        assert!(is_stored(&store, &other).await, "another stream's");

        assert!(!shots.prune(all[4].taken_ms).await.unwrap());
        assert!(!is_stored(&store, &all[3]).await && is_stored(&store, &all[4]).await);
        assert_eq!(shots.list("live/a", None, 9).await.unwrap().len(), 2);
    }
}
