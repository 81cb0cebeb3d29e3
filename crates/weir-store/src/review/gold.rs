//! Test pictures: of each the right verdict is known. One that is shown is an item like any other to whoever has it, and
//! none to anybody else; what is said of it counts for the reviewer alone.

use sqlx::AssertSqlSafe;

use super::claims::{Claiming, of_apps};
use super::intake::insert_picture;
use super::{Review, ReviewItem, ReviewPicture, item_columns};
use crate::error::StoreError;

/// Test pictures that a site has.
pub const MAX_GOLD: i64 = 1_000;
/// Streams among which one is chosen whose name it has.
const NAMES: i64 = 50;

/// A row of `review_gold`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldPicture {
    /// Sorts by when it was added.
    pub id: String,
    /// Its key among the assets.
    pub object: String,
    /// Of its bytes.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: i64,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// `ok`: nothing is wrong with it; `bad`: something is.
    pub verdict: String,
    /// What it is called to those who lead.
    pub label: String,
    /// When it was added, milliseconds since 1970.
    pub added_ms: i64,
}
row!(GoldPicture {
    id,
    object,
    sha256,
    bytes,
    width,
    height,
    verdict,
    label,
    added_ms
});

/// How one reviewer did with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldScore {
    /// Who.
    pub decided_by: String,
    /// Those that they decided.
    pub shown: i64,
    /// Bad ones that they passed.
    pub missed: i64,
    /// Right ones of which they said that something is wrong.
    pub wronged: i64,
}
row!(GoldScore {
    decided_by,
    shown,
    missed,
    wronged
});

/// The columns of [`GoldPicture`].
macro_rules! gold_columns {
    () => {
        "id, object, sha256, bytes, width, height, verdict, label, added_ms"
    };
}

impl Review<'_> {
    /// Adds one.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many as may be.
    pub async fn add_gold(&self, new: &GoldPicture, by_user: &str) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM review_gold");
        if count.fetch_one(&mut *writing).await? >= MAX_GOLD {
            let words = format!("there are {MAX_GOLD} test pictures: remove one first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO review_gold (id, object, sha256, bytes, width, height, verdict, label, by_user, added_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.id.clone())
        .bind(new.object.clone())
        .bind(new.sha256.clone())
        .bind(new.bytes)
        .bind(new.width)
        .bind(new.height)
        .bind(new.verdict.clone())
        .bind(new.label.clone())
        .bind(by_user.to_owned())
        .bind(new.added_ms)
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Removes one, and gives it. What was said of it stays.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_gold(&self, id: &str) -> Result<GoldPicture, StoreError> {
        let gone = sqlx::query_as::<_, GoldPicture>(concat!(
            "DELETE FROM review_gold WHERE id = $1 RETURNING ",
            gold_columns!()
        ));
        let gone = gone.bind(id.to_owned()).fetch_optional(self.db.write());
        gone.await?.ok_or(StoreError::Missing("test picture"))
    }

    /// The test picture of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn gold(&self, id: &str) -> Result<GoldPicture, StoreError> {
        let row = sqlx::query_as::<_, GoldPicture>(concat!(
            "SELECT ",
            gold_columns!(),
            " FROM review_gold WHERE id = $1"
        ));
        let row = row.bind(id.to_owned()).fetch_optional(self.db.fresh());
        row.await?.ok_or(StoreError::Missing("test picture"))
    }

    /// At most `limit` of them behind `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn golds(&self, after: &str, limit: u32) -> Result<Vec<GoldPicture>, StoreError> {
        let rows = sqlx::query_as::<_, GoldPicture>(concat!(
            "SELECT ",
            gold_columns!(),
            " FROM review_gold WHERE id > $1 ORDER BY id LIMIT $2"
        ));
        let rows = rows.bind(after.to_owned()).bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Puts one among what somebody has just claimed, under the name of a stream that is none of these if there is
    /// another; `lot` says which. None where there are no test pictures, or no stream to call it by.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn show_gold(
        &self,
        by: &Claiming<'_>,
        among: &[ReviewItem],
        lot: u64,
    ) -> Result<Option<ReviewItem>, StoreError> {
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM review_gold");
        let count = count.fetch_one(self.db.fresh()).await?;
        let Some(at) = u64::try_from(count)
            .ok()
            .and_then(|count| lot.checked_rem(count))
        else {
            return Ok(None);
        };
        let gold = sqlx::query_as::<_, GoldPicture>(concat!(
            "SELECT ",
            gold_columns!(),
            " FROM review_gold ORDER BY id LIMIT 1 OFFSET $1"
        ));
        let gold = gold.bind(i64::try_from(at).unwrap_or(0));
        let (Some(gold), Some((stream, app))) = (
            gold.fetch_optional(self.db.fresh()).await?,
            self.name_for_gold(by, among).await?,
        ) else {
            return Ok(None);
        };
        let id = self.store.next_id()?.to_string();
        let item = self.insert_gold(&id, &gold, by, (&stream, &app));
        Ok(Some(item.await?))
    }

    async fn name_for_gold(
        &self,
        by: &Claiming<'_>,
        among: &[ReviewItem],
    ) -> Result<Option<(String, String)>, StoreError> {
        let (apps, given) = of_apps(by.apps, 2);
        let sql = format!(
            "SELECT stream, app FROM review_items WHERE kind = 'live'{apps} ORDER BY id DESC LIMIT $1"
        );
        // Only the numbers of the places are not written here.
        let mut rows = sqlx::query_as::<_, (String, String)>(AssertSqlSafe(sql)).bind(NAMES);
        for app in given {
            rows = rows.bind(app.clone());
        }
        let names = rows.fetch_all(self.db.fresh()).await?;
        let is_other = |stream: &str| among.iter().all(|item| item.stream != stream);
        let other = names.iter().find(|(stream, _)| is_other(stream));
        Ok(other.or(names.first()).cloned())
    }

    async fn insert_gold(
        &self,
        id: &str,
        gold: &GoldPicture,
        by: &Claiming<'_>,
        (stream, app): (&str, &str),
    ) -> Result<ReviewItem, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let item = sqlx::query_as::<_, ReviewItem>(concat!(
            "INSERT INTO review_items (id, open_key, kind, is_waiting, stream, app, channel_id, user_id, session, \
             head_ms, due_ms, since_ms, begun_ms, until_ms, held_ms, pictures, folded, reports, viewers, marks, note, \
             parent_id, ban_id, appeal_id, not_by, for_lead, claimed_by, claim, claim_until_ms, verdict, reason, \
             decided_by, decided_ms, agrees) \
             VALUES ($1, $1, 'gold', 1, $2, $3, '', '', '', 0, $4, $4, $4, $4, 0, 1, 0, 0, 0, 0, '', $5, '', '', '', \
             0, $6, $7, $8, '', '', '', 0, -1) RETURNING ",
            item_columns!()
        ))
        .bind(id.to_owned())
        .bind(stream.to_owned())
        .bind(app.to_owned())
        .bind(now_ms)
        .bind(gold.id.clone())
        .bind(by.reviewer.to_owned())
        .bind(by.claim.to_owned())
        .bind(now_ms + by.good_for_ms)
        .fetch_one(&mut *writing)
        .await?;
        let picture = ReviewPicture {
            item_id: id.to_owned(),
            id: id.to_owned(),
            object: gold.object.clone(),
            sha256: gold.sha256.clone(),
            bytes: gold.bytes,
            width: gold.width,
            height: gold.height,
            hash: String::new(),
            quality: 0,
            fault: String::new(),
            known_as: String::new(),
            is_folded: 0,
            taken_ms: now_ms,
        };
        insert_picture(&mut writing, &picture).await?;
        writing.commit().await?;
        Ok(item)
    }

    /// How reviewers did with them since then.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn gold_scores(&self, since_ms: i64) -> Result<Vec<GoldScore>, StoreError> {
        let rows = sqlx::query_as::<_, GoldScore>(
            "SELECT decided_by, COUNT(*) AS shown, \
             CAST(SUM(CASE WHEN agrees = 0 AND verdict = 'ok' THEN 1 ELSE 0 END) AS BIGINT) AS missed, \
             CAST(SUM(CASE WHEN agrees = 0 AND verdict <> 'ok' THEN 1 ELSE 0 END) AS BIGINT) AS wronged \
             FROM review_items WHERE decided_ms > $1 AND kind = 'gold' AND is_waiting = 0 \
             GROUP BY decided_by ORDER BY decided_by LIMIT $2",
        );
        let rows = rows.bind(since_ms).bind(super::listing::MAX_REVIEWERS);
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }
}
