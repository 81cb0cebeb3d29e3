//! Items that come of other items: second looks and appeals, with the same pictures; what is kept of them as proof,
//! and until when.

use super::{Review, ReviewItem, ReviewPicture};
use crate::error::StoreError;
use crate::id::Id;
use crate::objects::{Class, Key};

/// Pictures of an item that are kept as proof, the newest ones.
const MAX_PROOFS: usize = 20;
/// Bytes of a picture that is kept as proof: as of each that is taken.
const MAX_PROOF_BYTES: u64 = 1024 * 1024;
/// Items that are forgotten at once.
const AT_ONCE: i64 = 100;

impl Review<'_> {
    /// Has somebody else look at a decided item again, blind, with the same pictures. Gives the id of the new item.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn second_look(&self, of: &ReviewItem) -> Result<String, StoreError> {
        self.again(of, "second", "", "").await
    }

    /// Has somebody else decide an appeal against the ban that came of an item. None where no item led to it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn appeal(
        &self,
        ban_id: Id,
        appeal_id: Id,
        words: &str,
    ) -> Result<Option<String>, StoreError> {
        let id = sqlx::query_scalar::<_, String>(
            "SELECT id FROM review_items WHERE ban_id = $1 AND kind = 'live' AND is_waiting = 0 LIMIT 1",
        );
        let id = id.bind(ban_id.to_string()).fetch_optional(self.db.fresh());
        let Some(id) = id.await? else {
            return Ok(None);
        };
        let of = self.by_id(&id).await?;
        let appeal = appeal_id.to_string();
        Ok(Some(self.again(&of, "appeal", &appeal, words).await?))
    }

    async fn again(
        &self,
        of: &ReviewItem,
        kind: &str,
        appeal_id: &str,
        note: &str,
    ) -> Result<String, StoreError> {
        let now_ms = self.store.now_ms();
        let id = self.store.next_id()?.to_string();
        let mut writing = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO review_items (id, open_key, kind, is_waiting, stream, app, channel_id, user_id, session, \
             head_ms, due_ms, since_ms, begun_ms, until_ms, held_ms, pictures, folded, reports, viewers, marks, note, \
             parent_id, ban_id, appeal_id, not_by, for_lead, claimed_by, claim, claim_until_ms, verdict, reason, \
             decided_by, decided_ms, agrees) \
             SELECT $1, $1, $2, 1, stream, app, channel_id, user_id, session, 0, $3, $3, begun_ms, until_ms, 0, \
             pictures, folded, reports, viewers, marks, $4, id, ban_id, $5, decided_by, 0, '', '', 0, '', '', '', 0, \
             -1 FROM review_items WHERE id = $6",
        )
        .bind(id.clone())
        .bind(kind.to_owned())
        .bind(now_ms)
        .bind(note.to_owned())
        .bind(appeal_id.to_owned())
        .bind(of.id.clone())
        .execute(&mut *writing)
        .await?;
        sqlx::query(
            "INSERT INTO review_pictures (item_id, id, object, sha256, bytes, width, height, hash, quality, fault, \
             known_as, is_folded, taken_ms) SELECT $1, id, object, sha256, bytes, width, height, hash, quality, \
             fault, known_as, is_folded, taken_ms FROM review_pictures WHERE item_id = $2",
        )
        .bind(id.clone())
        .bind(of.id.clone())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(id)
    }

    /// Which ban came of an item.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn led_to_ban(&self, id: &str, ban_id: Id) -> Result<(), StoreError> {
        sqlx::query("UPDATE review_items SET ban_id = $2 WHERE id = $1")
            .bind(id.to_owned())
            .bind(ban_id.to_string())
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Whether a second look came to the same end as the first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn compared(&self, id: &str, agrees: bool) -> Result<(), StoreError> {
        sqlx::query("UPDATE review_items SET agrees = $2 WHERE id = $1")
            .bind(id.to_owned())
            .bind(i64::from(agrees))
            .execute(self.db.write())
            .await?;
        Ok(())
    }

    /// Keeps the newest pictures of an item apart from those that go by age, so that an appeal has them. One that is
    /// gone already is left as it is.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn keep_proofs(&self, item_id: &str) -> Result<(), StoreError> {
        let assets = self.store.objects(Class::Assets);
        let pictures = self.pictures(item_id).await?;
        for picture in pictures.iter().rev().take(MAX_PROOFS) {
            let Ok(from) = Key::new(&picture.object) else {
                continue;
            };
            let object = format!("v/{item_id}/{}.jpg", picture.id);
            if picture.object == object {
                continue;
            }
            let bytes = match assets.whole(&from, MAX_PROOF_BYTES).await {
                Ok(bytes) => bytes,
                Err(StoreError::Missing(_)) => continue,
                Err(error) => return Err(error),
            };
            let to = Key::new(&object).map_err(|error| StoreError::Fault(error.to_string()))?;
            assets.put(&to, bytes).await?;
            sqlx::query("UPDATE review_pictures SET object = $3 WHERE item_id = $1 AND id = $2")
                .bind(item_id.to_owned())
                .bind(picture.id.clone())
                .bind(object)
                .execute(self.db.write())
                .await?;
        }
        Ok(())
    }

    /// Forgets some of what was decided before `at_ms`, with its proofs; of stretches that were right, and of those
    /// that nobody looked at, some from before `plain_ms`. Says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone.
    pub async fn prune(&self, at_ms: i64, plain_ms: i64) -> Result<bool, StoreError> {
        let mut has_more = false;
        for (sql, before_ms) in [
            (
                "SELECT id FROM review_items WHERE is_waiting = 0 AND decided_ms < $1 ORDER BY decided_ms LIMIT $2",
                at_ms,
            ),
            (
                "SELECT id FROM review_items WHERE is_waiting = 0 AND decided_ms < $1 AND verdict = 'ok' \
                 AND kind = 'live' ORDER BY decided_ms LIMIT $2",
                plain_ms,
            ),
            (
                "SELECT id FROM review_items WHERE is_waiting = 1 AND kind IN ('live', 'gold') AND id < $1 \
                 ORDER BY id LIMIT $2",
                plain_ms,
            ),
        ] {
            let rows = sqlx::query_scalar::<_, String>(sql);
            let rows = match sql.contains("id < $1") {
                // Ids sort by the time that they begin with.
                true => rows.bind(Id::first_of(before_ms).to_string()),
                false => rows.bind(before_ms),
            };
            let ids = rows.bind(AT_ONCE).fetch_all(self.db.fresh()).await?;
            has_more |= self.forget(ids).await?;
        }
        Ok(has_more)
    }

    /// Forgets some of what there is of an account's channels. Says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError::Away`]: what is gone by then is gone.
    pub(crate) async fn remove_of(&self, user_id: Id) -> Result<bool, StoreError> {
        let ids = sqlx::query_scalar::<_, String>(
            "SELECT id FROM review_items WHERE user_id = $1 ORDER BY id LIMIT $2",
        )
        .bind(user_id.to_string())
        .bind(AT_ONCE);
        self.forget(ids.fetch_all(self.db.fresh()).await?).await
    }

    async fn forget(&self, ids: Vec<String>) -> Result<bool, StoreError> {
        let has_more = i64::try_from(ids.len()).is_ok_and(|rows| rows >= AT_ONCE);
        for id in ids {
            for picture in self.pictures(&id).await? {
                self.forget_proof(&picture).await?;
            }
            let mut writing = self.db.begin().await?;
            for sql in [
                "DELETE FROM review_pictures WHERE item_id = $1",
                "DELETE FROM review_streams WHERE item_id = $1",
                "DELETE FROM review_items WHERE id = $1",
            ] {
                let done = sqlx::query(sql).bind(id.clone());
                done.execute(&mut *writing).await?;
            }
            writing.commit().await?;
        }
        Ok(has_more)
    }

    /// What was kept for this item goes; what is the snapshot's goes with it.
    async fn forget_proof(&self, picture: &ReviewPicture) -> Result<(), StoreError> {
        let own = format!("v/{}/", picture.item_id);
        if let (true, Ok(key)) = (picture.object.starts_with(&own), Key::new(&picture.object)) {
            self.store.objects(Class::Assets).delete(&key).await?;
        }
        Ok(())
    }
}
