//! Recordings in rows: what nodes tell of them, and what people say. Whose media it is stands in its own blocks;
//! these rows are for lists, for what is to go, and for whom a node shall stop or take away.

mod change;
mod clips;
mod expiry;
mod hidden;
mod parts;
mod tell;

use sqlx::AssertSqlSafe;

use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id, upper};
use crate::module::Module;
use crate::store::Store;

pub use change::RecordingEdit;
pub use clips::{MAX_CLIPS, StoredClip};
pub use expiry::Expiring;
pub use hidden::HiddenBy;
pub use parts::{RecordingPart, RecordingSum};
pub use tell::{RecordingNow, Telling};

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordingState {
    /// The broadcast goes on.
    Recording,
    /// It is over.
    Ready,
    /// It is over, and nothing of it can be played.
    Failed,
    /// It is being taken away.
    Deleting,
}

impl RecordingState {
    /// As a word of rows and of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleting => "deleting",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Recording, Self::Ready, Self::Failed, Self::Deleting];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// A row of `recordings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecording {
    /// The channel's owner; empty where the stream is no channel's.
    pub user_id: String,
    /// Its name for ever.
    pub id: Id,
    /// Empty likewise.
    pub channel_id: String,
    /// Virtual host of the stream, often none.
    pub vhost: String,
    /// Of which app.
    pub app: String,
    /// The stream's name in its app.
    pub stream: String,
    /// As it is shown.
    pub title: String,
    /// It stands in the channel's list.
    pub is_published: bool,
    /// Who says that it is played nowhere.
    pub hidden: HiddenBy,
    /// Where it stands.
    pub state: RecordingState,
    /// Since when its node shall stop, milliseconds since 1970; 0: it need not.
    pub stop_ms: i64,
    /// Nobody and nothing takes it away.
    pub is_held: bool,
    /// When it is taken away, milliseconds since 1970; 0: never.
    pub expires_ms: i64,
    /// Who records it, or did last.
    pub node: String,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; 0: it goes on.
    pub ended_ms: i64,
    /// Milliseconds that it lasts.
    pub duration_ms: i64,
    /// Bytes of it.
    pub bytes: i64,
    /// Of these, the ones among the objects.
    pub stored_bytes: i64,
    /// JSON: where nothing was recorded.
    pub holes: String,
    /// Id of its picture, or empty.
    pub poster: String,
    /// When a node told of it last, milliseconds since 1970; 0: none has begun it yet.
    pub told_ms: i64,
    /// How often people changed it.
    pub version: i64,
}

/// Which recordings a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordingFilter<'a> {
    /// Of this account's channels alone.
    pub user_id: Option<&'a str>,
    /// Of this channel alone.
    pub channel_id: Option<&'a str>,
    /// Of this virtual host alone; empty for streams of none.
    pub vhost: Option<&'a str>,
    /// Of this app alone.
    pub app: Option<&'a str>,
    /// Of this stream of an app alone.
    pub stream: Option<&'a str>,
    /// In this state alone; else all but those that are being taken away.
    pub state: Option<RecordingState>,
    /// Those that stand in their channel's list, and can be played.
    pub is_public: bool,
}

struct RecordingRow {
    user_id: String,
    id: String,
    channel_id: String,
    vhost: String,
    app: String,
    stream: String,
    title: String,
    published: i64,
    hidden: String,
    state: String,
    stop_ms: i64,
    held: i64,
    expires_ms: i64,
    node: String,
    started_ms: i64,
    ended_ms: i64,
    duration_ms: i64,
    bytes: i64,
    stored_bytes: i64,
    holes: String,
    poster: String,
    told_ms: i64,
    version: i64,
}
row!(RecordingRow {
    user_id,
    id,
    channel_id,
    vhost,
    app,
    stream,
    title,
    published,
    hidden,
    state,
    stop_ms,
    held,
    expires_ms,
    node,
    started_ms,
    ended_ms,
    duration_ms,
    bytes,
    stored_bytes,
    holes,
    poster,
    told_ms,
    version
});

/// The columns of [`RecordingRow`].
macro_rules! columns {
    () => {
        "user_id, id, channel_id, vhost, app, stream, title, published, hidden, state, stop_ms, held, \
         expires_ms, node, started_ms, ended_ms, duration_ms, bytes, stored_bytes, holes, poster, told_ms, version"
    };
}
use columns;

impl Store {
    /// Rows of recordings.
    pub fn recordings(&self) -> Recordings<'_> {
        Recordings {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes what is known of recordings.
#[derive(Debug, Clone, Copy)]
pub struct Recordings<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Recordings<'_> {
    /// The recording with this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: Id) -> Result<StoredRecording, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM recordings WHERE id = $1 AND user_id IN (SELECT user_id FROM recording_owners WHERE id = $1)"
        );
        let row = sqlx::query_as::<_, RecordingRow>(SQL).bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("recording"))?.try_into()
    }

    /// At most `limit` recordings older than `before`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        filter: RecordingFilter<'_>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<StoredRecording>, StoreError> {
        let mut sql = String::from(concat!(
            "SELECT ",
            columns!(),
            " FROM recordings WHERE id < $1"
        ));
        let mut given = vec![upper(before)];
        let wanted = [
            ("user_id", filter.user_id),
            ("channel_id", filter.channel_id),
            ("vhost", filter.vhost),
            ("app", filter.app),
            ("stream", filter.stream),
            ("state", filter.state.map(RecordingState::name)),
        ];
        for (column, value) in wanted {
            if let Some(value) = value {
                given.push(value.to_owned());
                sql.push_str(&format!(" AND {column} = ${}", given.len()));
            }
        }
        if filter.state.is_none() {
            sql.push_str(" AND state <> 'deleting'");
        }
        if filter.is_public {
            sql.push_str(" AND published = 1 AND hidden = '' AND state IN ('recording', 'ready')");
        }
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", given.len() + 1));
        let mut query = sqlx::query_as::<_, RecordingRow>(AssertSqlSafe(sql));
        for value in given {
            query = query.bind(value);
        }
        let rows = query.bind(i64::from(limit)).fetch_all(self.db.fresh());
        all(rows.await?)
    }

    /// What a node shall begin, stop and take away.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn ordered(&self, node: &str) -> Result<Vec<StoredRecording>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM recordings WHERE (state = 'deleting' AND EXISTS \
             (SELECT 1 FROM recording_parts p WHERE p.id = recordings.id AND p.node = $1)) \
             OR (node = $1 AND state = 'recording' AND (stop_ms > 0 OR told_ms = 0)) ORDER BY id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, RecordingRow>(SQL)
            .bind(node.to_owned())
            .bind(ORDERS_AT_ONCE);
        all(rows.fetch_all(self.db.fresh()).await?)
    }

    /// At most `limit` that go on and of which nothing was told since `since_ms`, the longest silent first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn unheard(
        &self,
        since_ms: i64,
        limit: u32,
    ) -> Result<Vec<StoredRecording>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM recordings WHERE state = 'recording' AND told_ms < $1 AND started_ms < $1 ORDER BY told_ms, id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, RecordingRow>(SQL).bind(since_ms);
        let rows = rows.bind(i64::from(limit));
        all(rows.fetch_all(self.db.fresh()).await?)
    }

    /// At most `limit` that are being taken away, behind `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn deleting(
        &self,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<StoredRecording>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM recordings WHERE state = 'deleting' AND id > $1 ORDER BY id LIMIT $2"
        );
        let after = after.map_or_else(String::new, |id| id.to_string());
        let rows = sqlx::query_as::<_, RecordingRow>(SQL).bind(after);
        let rows = rows.bind(i64::from(limit));
        all(rows.fetch_all(self.db.fresh()).await?)
    }
}

/// Orders that a node gets at once; the rest comes with its next report.
const ORDERS_AT_ONCE: i64 = 500;

fn all(rows: Vec<RecordingRow>) -> Result<Vec<StoredRecording>, StoreError> {
    rows.into_iter().map(StoredRecording::try_from).collect()
}

impl TryFrom<RecordingRow> for StoredRecording {
    type Error = StoreError;

    fn try_from(row: RecordingRow) -> Result<Self, StoreError> {
        let state = RecordingState::from_name(&row.state);
        let damaged = || StoreError::Damaged(format!("the state of a recording: {:?}", row.state));
        Ok(Self {
            state: state.ok_or_else(damaged)?,
            user_id: row.user_id,
            id: id::stored(&row.id)?,
            channel_id: row.channel_id,
            vhost: row.vhost,
            app: row.app,
            stream: row.stream,
            title: row.title,
            is_published: row.published != 0,
            hidden: HiddenBy::from_name(&row.hidden),
            stop_ms: row.stop_ms,
            is_held: row.held != 0,
            expires_ms: row.expires_ms,
            node: row.node,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
            duration_ms: row.duration_ms,
            bytes: row.bytes,
            stored_bytes: row.stored_bytes,
            holes: row.holes,
            poster: row.poster,
            told_ms: row.told_ms,
            version: row.version,
        })
    }
}
