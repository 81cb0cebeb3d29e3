//! Pictures and reports as they come in: each into the open stretch of its stream, or into what was approved last.

use super::{Review, ReviewPicture};
use crate::db::Writing;
use crate::error::StoreError;

/// Pictures of one item that people look at: of more another stretch begins.
pub const MAX_PICTURES: i64 = 60;
/// Pictures that are folded into one item: of more people look at one again.
const MAX_FOLDED: i64 = 500;
/// Milliseconds for which one reporter's word on a stream is not heard again.
const SAID_MS: i64 = 10 * 60_000;
/// Milliseconds for which it is known who said what.
const REPORTS_KEPT_MS: i64 = 24 * 3_600_000;

/// A stretch that grows, or begins.
#[derive(Debug, Clone, Copy)]
pub struct Growth<'a> {
    /// The stream's whole name.
    pub stream: &'a str,
    /// Of which app.
    pub app: &'a str,
    /// Empty where the stream is no channel's.
    pub channel_id: &'a str,
    /// The channel's owner, or empty.
    pub user_id: &'a str,
    /// Id of a broadcast, or empty.
    pub session: &'a str,
    /// When what came was captured, milliseconds since 1970.
    pub at_ms: i64,
    /// How much older than it is it counts as, milliseconds.
    pub head_ms: i64,
    /// A stretch that begins is given to nobody for so long, milliseconds.
    pub hold_ms: i64,
    /// Bits: why it is risky.
    pub marks: i64,
}

/// A picture that came.
#[derive(Debug, Clone, Copy)]
pub struct NewPicture<'a> {
    /// Whose it is.
    pub growth: Growth<'a>,
    /// Of the snapshot.
    pub id: &'a str,
    /// Its key among the assets, or empty.
    pub object: &'a str,
    /// Of its bytes, or empty.
    pub sha256: &'a str,
    /// Bytes of the file.
    pub bytes: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// PDQ in hex, or empty.
    pub hash: &'a str,
    /// Of the hash, 0 to 100.
    pub quality: i64,
    /// Why it cannot be decoded, or empty.
    pub fault: &'a str,
    /// The label of the known picture that it is near to, or empty.
    pub known_as: &'a str,
}

/// A viewer's word on a stream.
#[derive(Debug, Clone, Copy)]
pub struct NewReport<'a> {
    /// Whose it is.
    pub growth: Growth<'a>,
    /// An account, or a digest of a network.
    pub reporter: &'a str,
    /// As a word.
    pub reason: &'a str,
    /// Who watches it now.
    pub viewers: i64,
}

/// What was approved last of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approved {
    /// Into which what is near to it is folded; empty where nothing was approved.
    pub item_id: String,
    /// PDQ in hex of its newest picture; empty where nothing may be folded into it.
    pub hash: String,
    /// When, milliseconds since 1970.
    pub approved_ms: i64,
    /// How often it was approved.
    pub looks: i64,
}
row!(Approved {
    item_id,
    hash,
    approved_ms,
    looks
});

impl Review<'_> {
    /// What was approved last of a stream; nothing where nobody ever did.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn approved(&self, stream: &str) -> Result<Approved, StoreError> {
        let row = sqlx::query_as::<_, Approved>(
            "SELECT item_id, hash, approved_ms, looks FROM review_streams WHERE stream = $1",
        );
        let row = row.bind(stream.to_owned()).fetch_optional(self.db.fresh());
        Ok(row.await?.unwrap_or_default())
    }

    /// Adds a picture for people to look at. Gives the id of its item.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn take(&self, new: &NewPicture<'_>) -> Result<String, StoreError> {
        let mut writing = self.db.begin().await?;
        let item = self.grow(&mut writing, &new.growth, 1, (0, 0)).await?;
        insert_picture(&mut writing, &new.row(item.clone(), false)).await?;
        writing.commit().await?;
        Ok(item)
    }

    /// Adds a picture to what was approved. False where that takes no more: then people look at it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn fold(&self, new: &NewPicture<'_>, into: &str) -> Result<bool, StoreError> {
        let mut writing = self.db.begin().await?;
        let grown = sqlx::query(
            "UPDATE review_items SET folded = folded + 1, until_ms = $2 \
             WHERE id = $1 AND verdict = 'ok' AND folded < $3",
        )
        .bind(into.to_owned())
        .bind(new.growth.at_ms)
        .bind(MAX_FOLDED)
        .execute(&mut *writing)
        .await?;
        if grown.rows_affected() == 0 {
            return Ok(false);
        }
        insert_picture(&mut writing, &new.row(into.to_owned(), true)).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// How many said something of a stream within a day.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn reports_of(&self, stream: &str) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar::<_, i64>(
            "SELECT COUNT(*) FROM review_reports WHERE stream = $1 AND at_ms > $2",
        )
        .bind(stream.to_owned())
        .bind(self.store.now_ms() - REPORTS_KEPT_MS);
        Ok(count.fetch_one(self.db.fresh()).await?)
    }

    /// Hears a viewer. False where they said so a moment ago.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn report(&self, new: &NewReport<'_>) -> Result<bool, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let heard = sqlx::query(
            "INSERT INTO review_reports (stream, reporter, reason, at_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (stream, reporter) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms \
             WHERE review_reports.at_ms < $5",
        )
        .bind(new.growth.stream.to_owned())
        .bind(new.reporter.to_owned())
        .bind(new.reason.to_owned())
        .bind(now_ms)
        .bind(now_ms - SAID_MS)
        .execute(&mut *writing)
        .await?;
        if heard.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("DELETE FROM review_reports WHERE at_ms < $1")
            .bind(now_ms - REPORTS_KEPT_MS)
            .execute(&mut *writing)
            .await?;
        self.grow(&mut writing, &new.growth, 0, (1, new.viewers))
            .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// Adds to the open stretch of a stream, or begins one.
    async fn grow(
        &self,
        writing: &mut Writing,
        by: &Growth<'_>,
        pictures: i64,
        reports: (i64, i64),
    ) -> Result<String, StoreError> {
        if let Some(id) = self.grown(writing, by, pictures, reports).await? {
            return Ok(id);
        }
        // It is full: it waits as it is, and another begins.
        sqlx::query("UPDATE review_items SET open_key = id WHERE open_key = $1")
            .bind(by.stream.to_owned())
            .execute(&mut **writing)
            .await?;
        let begun = self.grown(writing, by, pictures, reports).await?;
        begun.ok_or_else(|| StoreError::Fault("a stretch of a stream did not begin".to_owned()))
    }

    async fn grown(
        &self,
        writing: &mut Writing,
        by: &Growth<'_>,
        pictures: i64,
        (reports, viewers): (i64, i64),
    ) -> Result<Option<String>, StoreError> {
        let now_ms = self.store.now_ms();
        let id = self.store.next_id()?.to_string();
        let held_ms = if by.hold_ms > 0 {
            now_ms + by.hold_ms
        } else {
            0
        };
        Ok(sqlx::query_scalar::<_, String>(
            "INSERT INTO review_items (id, open_key, kind, is_waiting, stream, app, channel_id, user_id, session, \
             head_ms, due_ms, since_ms, begun_ms, until_ms, held_ms, pictures, folded, reports, viewers, marks, note, \
             parent_id, ban_id, appeal_id, not_by, for_lead, claimed_by, claim, claim_until_ms, verdict, reason, \
             decided_by, decided_ms, agrees) \
             VALUES ($1, $2, 'live', 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, 0, $13, $14, $15, '', \
             '', '', '', '', 0, '', '', 0, '', '', '', 0, -1) \
             ON CONFLICT (open_key) DO UPDATE SET \
             pictures = review_items.pictures + excluded.pictures, \
             reports = review_items.reports + excluded.reports, \
             viewers = CASE WHEN excluded.viewers > review_items.viewers THEN excluded.viewers \
             ELSE review_items.viewers END, \
             head_ms = CASE WHEN excluded.head_ms > review_items.head_ms THEN excluded.head_ms \
             ELSE review_items.head_ms END, \
             due_ms = review_items.since_ms - CASE WHEN excluded.head_ms > review_items.head_ms \
             THEN excluded.head_ms ELSE review_items.head_ms END, \
             until_ms = excluded.until_ms, \
             session = CASE WHEN excluded.session = '' THEN review_items.session ELSE excluded.session END, \
             marks = review_items.marks | excluded.marks \
             WHERE review_items.pictures < $16 OR excluded.pictures = 0 \
             RETURNING id",
        )
        .bind(id)
        .bind(by.stream.to_owned())
        .bind(by.app.to_owned())
        .bind(by.channel_id.to_owned())
        .bind(by.user_id.to_owned())
        .bind(by.session.to_owned())
        .bind(by.head_ms)
        .bind(now_ms - by.head_ms)
        .bind(now_ms)
        .bind(by.at_ms)
        .bind(held_ms)
        .bind(pictures)
        .bind(reports)
        .bind(viewers)
        .bind(by.marks)
        .bind(MAX_PICTURES)
        .fetch_optional(&mut **writing)
        .await?)
    }
}

impl NewPicture<'_> {
    fn row(&self, item_id: String, is_folded: bool) -> ReviewPicture {
        ReviewPicture {
            item_id,
            id: self.id.to_owned(),
            object: self.object.to_owned(),
            sha256: self.sha256.to_owned(),
            bytes: self.bytes,
            width: self.width,
            height: self.height,
            hash: self.hash.to_owned(),
            quality: self.quality,
            fault: self.fault.to_owned(),
            known_as: self.known_as.to_owned(),
            is_folded: is_folded.into(),
            taken_ms: self.growth.at_ms,
        }
    }
}

pub(super) async fn insert_picture(
    writing: &mut Writing,
    new: &ReviewPicture,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO review_pictures (item_id, id, object, sha256, bytes, width, height, hash, quality, fault, \
         known_as, is_folded, taken_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(new.item_id.clone())
    .bind(new.id.clone())
    .bind(new.object.clone())
    .bind(new.sha256.clone())
    .bind(new.bytes)
    .bind(new.width)
    .bind(new.height)
    .bind(new.hash.clone())
    .bind(new.quality)
    .bind(new.fault.clone())
    .bind(new.known_as.clone())
    .bind(new.is_folded)
    .bind(new.taken_ms)
    .execute(&mut **writing)
    .await?;
    Ok(())
}
