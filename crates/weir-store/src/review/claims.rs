//! Who has what: a claim is a lease of some items, given in their order, renewed by whoever has it, and gone by
//! itself. What is claimed takes no more pictures: a verdict is on what was shown.

use sqlx::AssertSqlSafe;

use super::{Review, ReviewItem, item_columns};
use crate::db::{Writing, list};
use crate::error::StoreError;

/// Times that somebody looks again for what others did not take first.
const ROUNDS: usize = 4;

/// Somebody who wants something to look at.
#[derive(Debug, Clone, Copy)]
pub struct Claiming<'a> {
    /// Who.
    pub reviewer: &'a str,
    /// A name for the claim that nobody guesses.
    pub claim: &'a str,
    /// Milliseconds that it is good for.
    pub good_for_ms: i64,
    /// Also what is for those who lead.
    pub is_lead: bool,
    /// Items at most.
    pub count: u32,
    /// Items that one may have at once.
    pub most_held: u32,
    /// Of these apps alone; none said: of all.
    pub apps: Option<&'a [String]>,
}

/// A verdict.
#[derive(Debug, Clone, Copy)]
pub struct Deciding<'a> {
    /// Whose.
    pub reviewer: &'a str,
    /// By which claim.
    pub claim: &'a str,
    /// As a word; `ok` is the one that approves.
    pub verdict: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Pictures are folded into one whose hash has this quality.
    pub least_quality: i64,
}

impl Review<'_> {
    /// Gives somebody the next items that nobody has. What another has, or may not be theirs, is passed over.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn claim(&self, asked: &Claiming<'_>) -> Result<Vec<ReviewItem>, StoreError> {
        let held = sqlx::query_scalar::<_, i64>(
            "SELECT COUNT(*) FROM review_items WHERE claimed_by = $1 AND claim_until_ms > $2 AND is_waiting = 1",
        )
        .bind(asked.reviewer.to_owned())
        .bind(self.store.now_ms())
        .fetch_one(self.db.fresh())
        .await?;
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        let room = (asked.most_held as usize).saturating_sub(held);
        let wanted = room.min(asked.count as usize);
        let mut got = Vec::with_capacity(wanted);
        for _ in 0..ROUNDS {
            let free = self.free(asked, wanted - got.len()).await?;
            if free.is_empty() {
                break;
            }
            for id in free {
                got.extend(self.take_free(asked, &id).await?);
            }
        }
        Ok(got)
    }

    async fn free(&self, asked: &Claiming<'_>, most: usize) -> Result<Vec<String>, StoreError> {
        let (apps, given) = of_apps(asked.apps, 5);
        let sql = format!(
            "SELECT id FROM review_items WHERE is_waiting = 1 AND claim_until_ms <= $1 AND held_ms <= $1 \
             AND not_by <> $2 AND for_lead <= $3 AND kind <> 'gold'{apps} ORDER BY due_ms, id LIMIT $4"
        );
        // Only the numbers of the places are not written here.
        let mut rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
            .bind(self.store.now_ms())
            .bind(asked.reviewer.to_owned())
            .bind(i64::from(asked.is_lead))
            .bind(i64::try_from(most).unwrap_or(0));
        for app in given {
            rows = rows.bind(app.clone());
        }
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// The item, if it is still free: who comes second finds that it is not.
    async fn take_free(
        &self,
        asked: &Claiming<'_>,
        id: &str,
    ) -> Result<Option<ReviewItem>, StoreError> {
        const SQL: &str = concat!(
            "UPDATE review_items SET claimed_by = $2, claim = $3, claim_until_ms = $4, open_key = id \
             WHERE id = $1 AND is_waiting = 1 AND claim_until_ms <= $5 AND held_ms <= $5 RETURNING ",
            item_columns!()
        );
        let now_ms = self.store.now_ms();
        let row = sqlx::query_as::<_, ReviewItem>(SQL)
            .bind(id.to_owned())
            .bind(asked.reviewer.to_owned())
            .bind(asked.claim.to_owned())
            .bind(now_ms + asked.good_for_ms)
            .bind(now_ms);
        Ok(row.fetch_optional(self.db.write()).await?)
    }

    /// Gives somebody the most urgent item of one stream, if nobody has it; a machine that is asked first is not waited
    /// for. None where there is none, or it may not be theirs.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn claim_of(
        &self,
        asked: &Claiming<'_>,
        stream: &str,
    ) -> Result<Option<ReviewItem>, StoreError> {
        const SQL: &str = concat!(
            "UPDATE review_items SET claimed_by = $2, claim = $3, claim_until_ms = $4, open_key = id \
             WHERE is_waiting = 1 AND claim_until_ms <= $5 AND id = (SELECT id FROM review_items \
             WHERE stream = $1 AND is_waiting = 1 AND kind = 'live' AND claim_until_ms <= $5 AND not_by <> $2 \
             AND for_lead <= $6 ORDER BY due_ms, id LIMIT 1) RETURNING ",
            item_columns!()
        );
        let now_ms = self.store.now_ms();
        let row = sqlx::query_as::<_, ReviewItem>(SQL)
            .bind(stream.to_owned())
            .bind(asked.reviewer.to_owned())
            .bind(asked.claim.to_owned())
            .bind(now_ms + asked.good_for_ms)
            .bind(now_ms)
            .bind(i64::from(asked.is_lead));
        Ok(row.fetch_optional(self.db.write()).await?)
    }

    /// Has a claim last longer. Gives the ids of what it still is on: what ran out is somebody else's to take.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn renew(
        &self,
        reviewer: &str,
        claim: &str,
        good_for_ms: i64,
    ) -> Result<Vec<String>, StoreError> {
        let now_ms = self.store.now_ms();
        let rows = sqlx::query_scalar::<_, String>(
            "UPDATE review_items SET claim_until_ms = $3 WHERE claimed_by = $1 AND claim = $2 \
             AND is_waiting = 1 AND claim_until_ms > $4 RETURNING id",
        )
        .bind(reviewer.to_owned())
        .bind(claim.to_owned())
        .bind(now_ms + good_for_ms)
        .bind(now_ms);
        Ok(rows.fetch_all(self.db.write()).await?)
    }

    /// Gives back what a claim is on. It is as old as it was.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn release(&self, reviewer: &str, claim: &str) -> Result<u64, StoreError> {
        let released = sqlx::query(
            "UPDATE review_items SET claim_until_ms = 0, claim = '' \
             WHERE claimed_by = $1 AND claim = $2 AND is_waiting = 1",
        )
        .bind(reviewer.to_owned())
        .bind(claim.to_owned());
        Ok(released.execute(self.db.write()).await?.rows_affected())
    }

    /// Decides an item that somebody has. None where they have it no more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn decide(
        &self,
        id: &str,
        by: &Deciding<'_>,
    ) -> Result<Option<ReviewItem>, StoreError> {
        const SQL: &str = concat!(
            "UPDATE review_items SET is_waiting = 0, verdict = $4, reason = $5, decided_by = $2, decided_ms = $6 \
             WHERE id = $1 AND claimed_by = $2 AND claim = $3 AND claim_until_ms > $6 AND is_waiting = 1 RETURNING ",
            item_columns!()
        );
        let mut writing = self.db.begin().await?;
        let row = sqlx::query_as::<_, ReviewItem>(SQL)
            .bind(id.to_owned())
            .bind(by.reviewer.to_owned())
            .bind(by.claim.to_owned())
            .bind(by.verdict.to_owned())
            .bind(by.reason.to_owned())
            .bind(self.store.now_ms());
        let Some(item) = row.fetch_optional(&mut *writing).await? else {
            return Ok(None);
        };
        if item.kind == "live" {
            match by.verdict {
                "ok" => self.approve(&mut writing, &item, by.least_quality).await?,
                _ => forget_approved(&mut writing, &item.stream).await?,
            }
        }
        writing.commit().await?;
        Ok(Some(item))
    }

    /// From now on what is near to its newest picture is folded into it.
    async fn approve(
        &self,
        writing: &mut Writing,
        item: &ReviewItem,
        least_quality: i64,
    ) -> Result<(), StoreError> {
        let hash = sqlx::query_scalar::<_, String>(
            "SELECT hash FROM review_pictures WHERE item_id = $1 AND is_folded = 0 AND hash <> '' \
             AND quality >= $2 AND known_as = '' ORDER BY taken_ms DESC LIMIT 1",
        )
        .bind(item.id.clone())
        .bind(least_quality)
        .fetch_optional(&mut **writing)
        .await?;
        sqlx::query(
            "INSERT INTO review_streams (stream, item_id, hash, approved_ms, looks) VALUES ($1, $2, $3, $4, 1) \
             ON CONFLICT (stream) DO UPDATE SET item_id = excluded.item_id, hash = excluded.hash, \
             approved_ms = excluded.approved_ms, looks = review_streams.looks + 1",
        )
        .bind(item.stream.clone())
        .bind(item.id.clone())
        .bind(hash.unwrap_or_default())
        .bind(item.decided_ms)
        .execute(&mut **writing)
        .await?;
        Ok(())
    }

    /// Takes back what somebody decided within the last `within_ms`: it is theirs to decide again, by another claim.
    /// Gives it as it was; none where it is too late, or was another's.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn undo(
        &self,
        id: &str,
        by: &Claiming<'_>,
        within_ms: i64,
    ) -> Result<Option<ReviewItem>, StoreError> {
        let now_ms = self.store.now_ms();
        let before = self.by_id(id).await?;
        let mut writing = self.db.begin().await?;
        let undone = sqlx::query(
            "UPDATE review_items SET is_waiting = 1, verdict = '', reason = '', decided_by = '', decided_ms = 0, \
             ban_id = CASE WHEN kind = 'live' THEN '' ELSE ban_id END, agrees = -1, claimed_by = $2, claim = $3, \
             claim_until_ms = $4 WHERE id = $1 AND is_waiting = 0 AND decided_by = $2 AND decided_ms > $5",
        )
        .bind(id.to_owned())
        .bind(by.reviewer.to_owned())
        .bind(by.claim.to_owned())
        .bind(now_ms + by.good_for_ms)
        .bind(now_ms - within_ms)
        .execute(&mut *writing)
        .await?;
        if undone.rows_affected() == 0 {
            return Ok(None);
        }
        for sql in [
            "DELETE FROM review_items WHERE parent_id = $1 AND kind = 'second' AND is_waiting = 1",
            "UPDATE review_streams SET hash = '', looks = CASE WHEN looks > 0 THEN looks - 1 ELSE 0 END \
             WHERE item_id = $1",
        ] {
            let done = sqlx::query(sql).bind(id.to_owned());
            done.execute(&mut *writing).await?;
        }
        // What was folded into it meanwhile is looked at with it.
        sqlx::query("UPDATE review_pictures SET is_folded = 0 WHERE item_id = $1")
            .bind(id.to_owned())
            .execute(&mut *writing)
            .await?;
        sqlx::query(
            "UPDATE review_items SET pictures = pictures + folded, folded = 0 WHERE id = $1",
        )
        .bind(id.to_owned())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(Some(before))
    }

    /// Hands an item that somebody has on to those who lead, but not to themselves. False where they have it no more.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn escalate(
        &self,
        id: &str,
        by: &Deciding<'_>,
        mark: i64,
    ) -> Result<bool, StoreError> {
        let now_ms = self.store.now_ms();
        let handed = sqlx::query(
            "UPDATE review_items SET for_lead = 1, not_by = $2, note = $4, marks = marks | $5, claimed_by = '', \
             claim = '', claim_until_ms = 0 \
             WHERE id = $1 AND claimed_by = $2 AND claim = $3 AND claim_until_ms > $6 AND is_waiting = 1",
        )
        .bind(id.to_owned())
        .bind(by.reviewer.to_owned())
        .bind(by.claim.to_owned())
        .bind(by.reason.to_owned())
        .bind(mark)
        .bind(now_ms);
        Ok(handed.execute(self.db.write()).await?.rows_affected() == 1)
    }

    /// Which of these items somebody has by a claim.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn held(
        &self,
        reviewer: &str,
        claim: &str,
        ids: &[String],
    ) -> Result<Vec<ReviewItem>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            concat!(
                "SELECT ",
                item_columns!(),
                " FROM review_items WHERE claimed_by = $1 AND claim = $2 AND claim_until_ms > $3 \
                 AND is_waiting = 1 AND id IN {}"
            ),
            list(3, ids.len())
        );
        // Only the numbers of the places are not written here.
        let mut rows = sqlx::query_as::<_, ReviewItem>(AssertSqlSafe(sql))
            .bind(reviewer.to_owned())
            .bind(claim.to_owned())
            .bind(self.store.now_ms());
        for id in ids {
            rows = rows.bind(id.clone());
        }
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }
}

/// A condition on the apps of items, with places from `first` on, and what stands there. Who sees no app sees nothing.
pub(super) fn of_apps(apps: Option<&[String]>, first: usize) -> (String, &[String]) {
    match apps {
        None => (String::new(), &[]),
        Some([]) => (" AND 1 = 0".to_owned(), &[]),
        Some(apps) => (format!(" AND app IN {}", list(first - 1, apps.len())), apps),
    }
}

/// Nothing of a stream is folded any more.
async fn forget_approved(writing: &mut Writing, stream: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE review_streams SET hash = '' WHERE stream = $1")
        .bind(stream.to_owned())
        .execute(&mut **writing)
        .await?;
    Ok(())
}
