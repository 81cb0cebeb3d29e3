//! The order in which content changes, and what it looks like now, for whoever keeps a copy in memory: the
//! admission snapshot, whole and as what changed since.
//!
//! Each thing has one row with the number of its newest change, so a reader that was away for long reads each
//! thing once. What a thing is now may be newer than its number says: then it comes again under a newer one.

use crate::apps::{App, Category};
use crate::bans::Ban;
use crate::channels::{Channel, StreamKey};
use crate::db::Db;
use crate::error::StoreError;
use crate::id::{self, Id};
use crate::module::Module;
use crate::pages::SitePage;
use crate::store::Store;

/// What something is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// An app is this.
    App(App),
    /// There is no app of this name any more.
    AppGone(String),
    /// A channel is this.
    Channel(Box<Channel>),
    /// There is no channel of this id any more, and none of its keys opens anything.
    ChannelGone(Id),
    /// A stream key is this; one that was revoked stays for a while.
    Key(StreamKey),
    /// There is no stream key of this hash any more.
    KeyGone(String),
    /// A ban is this.
    Ban(Ban),
    /// The ban of this id is lifted.
    BanGone(Id),
    /// Somebody had leave to watch a channel, and has not since then.
    LeaveGone {
        /// Of which channel.
        channel_id: Id,
        /// Who.
        account: Id,
        /// When it ended, milliseconds since 1970.
        at_ms: i64,
    },
    /// A page of the site's own is this.
    Page(Box<SitePage>),
    /// There is no page of this id any more.
    PageGone(Id),
    /// A category of channels is called this.
    Category(Category),
    /// There is no category of this name any more.
    CategoryGone(String),
}

/// Milliseconds for which it is known that somebody's leave to watch ended: longer than what was given out is good.
const LEAVES_KEPT_MS: i64 = 24 * 3_600_000;
/// Milliseconds for which it is known of a thing that it is gone. Whoever was away for longer reads all of it.
pub const GONE_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// Where a copy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Which life of the database numbers the changes: another one after it was restored from a backup.
    pub series: String,
    /// The newest change that is in the copy.
    pub seq: i64,
}

/// What changed between two positions.
#[derive(Debug, Clone)]
pub struct ContentDelta {
    /// Where it leads to.
    pub to: Position,
    /// In order.
    pub changes: Vec<Changed>,
    /// Whether there is more behind it.
    pub has_more: bool,
}

/// The last of the kinds in [`Whole`].
const LAST_KIND: usize = 6;

/// Where a reader of all of it stands: which kind, and behind which of it.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    kind: usize,
    user_id: String,
    id: String,
    is_over: bool,
}

struct ChangeRow {
    kind: String,
    id: String,
    user_id: String,
    seq: i64,
    at_ms: i64,
}
row!(ChangeRow {
    kind,
    id,
    user_id,
    seq,
    at_ms
});

struct ClockRow {
    series: String,
    seq: i64,
}
row!(ClockRow { series, seq });

impl Store {
    /// For whoever keeps a copy of channels, keys, apps and bans.
    pub fn content_changes(&self) -> ContentChanges<'_> {
        ContentChanges {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Reads what changed, some at a time, and all there is for whoever begins.
#[derive(Debug, Clone, Copy)]
pub struct ContentChanges<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl ContentChanges<'_> {
    /// Where the database stands: to be asked before all of it is read.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn position(&self) -> Result<Position, StoreError> {
        if let Some(told) = self.told().await? {
            return Ok(told);
        }
        sqlx::query(
            "INSERT INTO content_clock (one, seq, series) VALUES (1, 0, $1) \
             ON CONFLICT (one) DO UPDATE SET series = excluded.series WHERE content_clock.series = ''",
        )
        .bind(self.store.next_id()?.to_string())
        .execute(self.db.write())
        .await?;
        self.told()
            .await?
            .ok_or(StoreError::Missing("number of the newest change"))
    }

    /// Where it stands, once it has said of which life it is.
    async fn told(&self) -> Result<Option<Position>, StoreError> {
        let row = sqlx::query_as::<_, ClockRow>(
            "SELECT series, seq FROM content_clock WHERE one = 1 AND series <> ''",
        );
        Ok(row
            .fetch_optional(self.db.fresh())
            .await?
            .map(Position::from))
    }

    /// At most `limit` things that changed after `since`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where `since` is of another life of the database: read all of it then.
    pub async fn since(&self, since: &Position, limit: u32) -> Result<ContentDelta, StoreError> {
        let now = self.position().await?;
        if now.series != since.series || since.seq > now.seq {
            return Err(StoreError::Changed("the database"));
        }
        let rows = sqlx::query_as::<_, ChangeRow>(
            "SELECT kind, id, user_id, seq, at_ms FROM content_changes WHERE seq > $1 AND seq <= $2 \
             ORDER BY seq LIMIT $3",
        )
        .bind(since.seq)
        .bind(now.seq)
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        let has_more = u32::try_from(rows.len()).is_ok_and(|read| read >= limit);
        let mut to = now;
        if has_more && let Some(last) = rows.last() {
            to.seq = last.seq;
        }
        let mut changes = Vec::with_capacity(rows.len());
        for row in rows {
            changes.extend(self.now(row).await?);
        }
        Ok(ContentDelta {
            to,
            changes,
            has_more,
        })
    }

    /// Forgets what went more than [`GONE_KEPT_MS`] ago, and leaves to watch that nobody can have any more; how
    /// many rows that was.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn forget(&self) -> Result<u64, StoreError> {
        let now_ms = self.store.now_ms();
        let forgotten = sqlx::query(
            "DELETE FROM content_changes WHERE (kind = 'leave' AND at_ms < $1) OR (at_ms < $2 AND ( \
             (kind = 'app' AND NOT EXISTS (SELECT 1 FROM apps a WHERE a.name = content_changes.id)) OR \
             (kind = 'channel' AND NOT EXISTS (SELECT 1 FROM channels c \
             WHERE c.user_id = content_changes.user_id AND c.id = content_changes.id)) OR \
             (kind = 'key' AND NOT EXISTS (SELECT 1 FROM stream_keys k \
             WHERE k.user_id = content_changes.user_id AND k.key_hash = content_changes.id)) OR \
             (kind = 'page' AND NOT EXISTS (SELECT 1 FROM pages p WHERE p.id = content_changes.id)) OR \
             (kind = 'category' AND NOT EXISTS (SELECT 1 FROM categories g WHERE g.name = content_changes.id)) OR \
             (kind = 'ban' AND NOT EXISTS (SELECT 1 FROM bans b \
             WHERE b.id = content_changes.id AND b.lifted_ms = 0))))",
        )
        .bind(now_ms - LEAVES_KEPT_MS)
        .bind(now_ms - GONE_KEPT_MS)
        .execute(self.db.write())
        .await?;
        Ok(forgotten.rows_affected())
    }

    /// Begins another life of the database, as what was restored from a backup has one: the numbers that copies
    /// stand at may mean other changes now.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn begin_anew(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE content_clock SET series = ''")
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// The next of all there is, at most `limit`; none when all was read. Apps come first, then channels, keys,
    /// bans, leaves that ended, pages and categories.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn next(&self, whole: &mut Whole, limit: u32) -> Result<Vec<Changed>, StoreError> {
        while !whole.is_over {
            let found = match whole.kind {
                0 => self.apps_behind(whole, limit).await?,
                1 => self.channels_behind(whole, limit).await?,
                2 => self.keys_behind(whole, limit).await?,
                3 => self.bans_behind(whole, limit).await?,
                4 => self.leaves_behind(whole, limit).await?,
                5 => self.pages_behind(whole, limit).await?,
                _ => self.categories_behind(whole, limit).await?,
            };
            if !found.is_empty() {
                return Ok(found);
            }
            whole.is_over = whole.kind == LAST_KIND;
            *whole = Whole {
                kind: whole.kind + 1,
                is_over: whole.is_over,
                ..Whole::default()
            };
        }
        Ok(Vec::new())
    }

    /// What something is now; none for a kind of thing that only a newer release knows.
    async fn now(&self, row: ChangeRow) -> Result<Option<Changed>, StoreError> {
        let user_id = || id::stored(&row.user_id);
        Ok(Some(match row.kind.as_str() {
            "app" => match gone(self.store.apps().by_name(&row.id).await)? {
                Some(app) => Changed::App(app),
                None => Changed::AppGone(row.id),
            },
            "channel" => {
                let id = id::stored(&row.id)?;
                match gone(self.store.channels().by_id(user_id()?, id).await)? {
                    Some(channel) => Changed::Channel(Box::new(channel)),
                    None => Changed::ChannelGone(id),
                }
            }
            "key" => {
                let channels = self.store.channels();
                match gone(channels.key_by_hash(user_id()?, &row.id).await)? {
                    Some(key) => Changed::Key(key),
                    None => Changed::KeyGone(row.id),
                }
            }
            "ban" => {
                let id = id::stored(&row.id)?;
                match gone(self.store.bans().by_id(id).await)? {
                    Some(ban) if ban.lifted_ms == 0 => Changed::Ban(ban),
                    _ => Changed::BanGone(id),
                }
            }
            "leave" => row.leave()?,
            "page" => {
                let id = id::stored(&row.id)?;
                match gone(self.store.pages().by_id(id).await)? {
                    Some(page) => Changed::Page(Box::new(page)),
                    None => Changed::PageGone(id),
                }
            }
            "category" => match gone(self.store.apps().category(&row.id).await)? {
                Some(category) => Changed::Category(category),
                None => Changed::CategoryGone(row.id),
            },
            other => {
                tracing::debug!("a change of a newer release is passed over: {other:?}");
                return Ok(None);
            }
        }))
    }

    async fn apps_behind(&self, whole: &mut Whole, limit: u32) -> Result<Vec<Changed>, StoreError> {
        let apps = self.store.apps().list(&whole.id, limit).await?;
        if let Some(last) = apps.last() {
            last.name.clone_into(&mut whole.id);
        }
        Ok(apps.into_iter().map(Changed::App).collect())
    }

    async fn channels_behind(
        &self,
        whole: &mut Whole,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let channels = self.store.channels();
        let found = channels.all(&whole.user_id, &whole.id, limit).await?;
        if let Some(last) = found.last() {
            whole.user_id = last.user_id.to_string();
            whole.id = last.id.to_string();
        }
        let boxed = |channel| Changed::Channel(Box::new(channel));
        Ok(found.into_iter().map(boxed).collect())
    }

    async fn keys_behind(&self, whole: &mut Whole, limit: u32) -> Result<Vec<Changed>, StoreError> {
        let channels = self.store.channels();
        let keys = channels.all_keys(&whole.user_id, &whole.id, limit).await?;
        if let Some(last) = keys.last() {
            whole.user_id = last.user_id.to_string();
            whole.id.clone_from(&last.key_hash);
        }
        Ok(keys.into_iter().map(Changed::Key).collect())
    }

    async fn pages_behind(
        &self,
        whole: &mut Whole,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let pages = self.store.pages().behind(&whole.id, limit).await?;
        if let Some(last) = pages.last() {
            whole.id = last.id.to_string();
        }
        let boxed = |page| Changed::Page(Box::new(page));
        Ok(pages.into_iter().map(boxed).collect())
    }

    async fn categories_behind(
        &self,
        whole: &mut Whole,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let found = self
            .store
            .apps()
            .categories_behind(&whole.id, limit)
            .await?;
        if let Some(last) = found.last() {
            last.name.clone_into(&mut whole.id);
        }
        Ok(found.into_iter().map(Changed::Category).collect())
    }

    async fn bans_behind(&self, whole: &mut Whole, limit: u32) -> Result<Vec<Changed>, StoreError> {
        let bans = self.store.bans().standing_behind(&whole.id, limit).await?;
        if let Some(last) = bans.last() {
            whole.id = last.id.to_string();
        }
        Ok(bans.into_iter().map(Changed::Ban).collect())
    }
}

impl ContentChanges<'_> {
    async fn leaves_behind(
        &self,
        whole: &mut Whole,
        limit: u32,
    ) -> Result<Vec<Changed>, StoreError> {
        let rows = sqlx::query_as::<_, ChangeRow>(
            "SELECT kind, id, user_id, seq, at_ms FROM content_changes WHERE kind = 'leave' AND id > $1 \
             ORDER BY id LIMIT $2",
        )
        .bind(whole.id.clone())
        .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        if let Some(last) = rows.last() {
            last.id.clone_into(&mut whole.id);
        }
        rows.iter().map(ChangeRow::leave).collect()
    }
}

impl ChangeRow {
    fn leave(&self) -> Result<Changed, StoreError> {
        let damaged = || StoreError::Damaged(format!("a leave in a row of changes: {:?}", self.id));
        let (channel_id, account) = self.id.split_once(' ').ok_or_else(damaged)?;
        Ok(Changed::LeaveGone {
            channel_id: id::stored(channel_id)?,
            account: id::stored(account)?,
            at_ms: self.at_ms,
        })
    }
}

/// What is not there is `None`.
fn gone<T>(found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<ClockRow> for Position {
    fn from(row: ClockRow) -> Self {
        Self {
            series: row.series,
            seq: row.seq,
        }
    }
}
