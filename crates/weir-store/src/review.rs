//! What people look at of live streams: stretches of time with pictures inside, who has them, what became of them.
//! How risky something is, what is near to what, and what a verdict does is decided above.

mod bank;
mod cases;
mod claims;
mod gold;
mod intake;
mod listing;
mod opinions;
mod people;

pub use bank::{KnownHash, MAX_HASHES};
pub use claims::{Claiming, Deciding};
pub use gold::{GoldPicture, GoldScore, MAX_GOLD};
pub use intake::{Approved, Growth, MAX_PICTURES, NewPicture, NewReport};
pub use listing::{ItemFilter, ReviewNumbers, ReviewerNumbers};
pub use opinions::Opinion;
pub use people::{MAX_PEOPLE, ReviewPerson};

use sqlx::AssertSqlSafe;

use crate::db::{Db, IDS_AT_ONCE, list};
use crate::error::StoreError;
use crate::module::Module;
use crate::store::Store;

/// A row of `review_items`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    /// Sorts by when it was begun.
    pub id: String,
    /// `live`, `second`, `appeal` or `gold`.
    pub kind: String,
    /// 1: somebody should look at it.
    pub is_waiting: i64,
    /// The stream's whole name.
    pub stream: String,
    /// Of which app.
    pub app: String,
    /// Empty where the stream is no channel's.
    pub channel_id: String,
    /// The channel's owner, or empty.
    pub user_id: String,
    /// Id of a broadcast, or empty.
    pub session: String,
    /// Since when somebody should look at it, milliseconds since 1970.
    pub since_ms: i64,
    /// When its first picture was captured, milliseconds since 1970.
    pub begun_ms: i64,
    /// And its last.
    pub until_ms: i64,
    /// Pictures that people look at.
    pub pictures: i64,
    /// Pictures that are near to what was approved.
    pub folded: i64,
    /// By viewers.
    pub reports: i64,
    /// At once, when it was reported.
    pub viewers: i64,
    /// Bits: why it is risky.
    pub marks: i64,
    /// Words of whoever handed it on, or empty.
    pub note: String,
    /// The item that it is a second look at, or the test picture that it is; or empty.
    pub parent_id: String,
    /// The ban that came of it, or that is appealed against; or empty.
    pub ban_id: String,
    /// The appeal that it is, or empty.
    pub appeal_id: String,
    /// 1: for those who lead.
    pub for_lead: i64,
    /// Who had it last, or empty.
    pub claimed_by: String,
    /// Until when, milliseconds since 1970.
    pub claim_until_ms: i64,
    /// Empty: none yet.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub decided_by: String,
    /// When, milliseconds since 1970; 0: it was not.
    pub decided_ms: i64,
    /// Of a second look, whether it agrees with the first: 1 or 0; -1 where there is nothing to agree with.
    pub agrees: i64,
}
row!(ReviewItem {
    id,
    kind,
    is_waiting,
    stream,
    app,
    channel_id,
    user_id,
    session,
    since_ms,
    begun_ms,
    until_ms,
    pictures,
    folded,
    reports,
    viewers,
    marks,
    note,
    parent_id,
    ban_id,
    appeal_id,
    for_lead,
    claimed_by,
    claim_until_ms,
    verdict,
    reason,
    decided_by,
    decided_ms,
    agrees
});

/// A row of `review_pictures`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPicture {
    /// Of which item.
    pub item_id: String,
    /// Of the snapshot.
    pub id: String,
    /// Its key among the assets, or empty.
    pub object: String,
    /// Of its bytes, or empty.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// PDQ in hex, or empty.
    pub hash: String,
    /// Of the hash, 0 to 100.
    pub quality: i64,
    /// Why it cannot be decoded, or empty.
    pub fault: String,
    /// The label of the known picture that it is near to, or empty.
    pub known_as: String,
    /// 1: it is near to what was approved.
    pub is_folded: i64,
    /// When it was captured, milliseconds since 1970.
    pub taken_ms: i64,
}
row!(ReviewPicture {
    item_id,
    id,
    object,
    sha256,
    bytes,
    width,
    height,
    hash,
    quality,
    fault,
    known_as,
    is_folded,
    taken_ms
});

/// The columns of [`ReviewItem`].
macro_rules! item_columns {
    () => {
        "id, kind, is_waiting, stream, app, channel_id, user_id, session, since_ms, begun_ms, until_ms, pictures, \
         folded, reports, viewers, marks, note, parent_id, ban_id, appeal_id, for_lead, claimed_by, claim_until_ms, \
         verdict, reason, decided_by, decided_ms, agrees"
    };
}

/// The columns of [`ReviewPicture`].
macro_rules! picture_columns {
    () => {
        "item_id, id, object, sha256, bytes, width, height, hash, quality, fault, known_as, is_folded, taken_ms"
    };
}

use item_columns;

impl Store {
    /// What people look at of live streams.
    pub fn review(&self) -> Review<'_> {
        Review {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes it, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Review<'_> {
    /// The item of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: &str) -> Result<ReviewItem, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            item_columns!(),
            " FROM review_items WHERE id = $1"
        );
        let row = sqlx::query_as::<_, ReviewItem>(SQL).bind(id.to_owned());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("item"))
    }

    /// The pictures inside an item, by when they were captured.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn pictures(&self, item_id: &str) -> Result<Vec<ReviewPicture>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            picture_columns!(),
            " FROM review_pictures WHERE item_id = $1 ORDER BY taken_ms, id"
        );
        let rows = sqlx::query_as::<_, ReviewPicture>(SQL).bind(item_id.to_owned());
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Some pictures of each of these items: what is near to a known one first, then the newest; by when they were
    /// captured.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn some_pictures(
        &self,
        item_ids: &[String],
        each: u32,
    ) -> Result<Vec<ReviewPicture>, StoreError> {
        let mut found = Vec::new();
        for ids in item_ids.chunks(IDS_AT_ONCE) {
            let sql = format!(
                concat!(
                    "SELECT ",
                    picture_columns!(),
                    " FROM (SELECT ",
                    picture_columns!(),
                    ", ROW_NUMBER() OVER (PARTITION BY item_id ORDER BY known_as DESC, is_folded, id DESC) AS place \
                     FROM review_pictures WHERE item_id IN {}) ranked WHERE place <= $1 ORDER BY item_id, taken_ms, id"
                ),
                list(1, ids.len())
            );
            // Only the numbers of the places are not written here.
            let mut rows = sqlx::query_as::<_, ReviewPicture>(AssertSqlSafe(sql));
            rows = rows.bind(i64::from(each));
            for id in ids {
                rows = rows.bind(id.clone());
            }
            found.extend(rows.fetch_all(self.db.fresh()).await?);
        }
        Ok(found)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn picture(&self, item_id: &str, id: &str) -> Result<ReviewPicture, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            picture_columns!(),
            " FROM review_pictures WHERE item_id = $1 AND id = $2"
        );
        let row = sqlx::query_as::<_, ReviewPicture>(SQL)
            .bind(item_id.to_owned())
            .bind(id.to_owned());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("picture"))
    }
}
