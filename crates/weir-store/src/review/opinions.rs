//! What a machine says of a picture before people look.

use super::Review;
use crate::error::StoreError;

/// A machine's opinion of a picture that people have not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Opinion<'a> {
    /// The item that it is in.
    pub item_id: &'a str,
    /// Of the snapshot that it is about.
    pub picture_id: &'a str,
    /// In whose name it counts as approved, where nothing is wrong with it.
    pub by: &'a str,
}

impl Review<'_> {
    /// Nothing is wrong with a picture: it counts as folded, and where that was all there is to look at, the item is
    /// decided. Nothing changes where somebody looks already, or a viewer reported it.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn machine_passes(&self, of: &Opinion<'_>) -> Result<bool, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let passed = sqlx::query(
            "UPDATE review_items SET pictures = pictures - 1, folded = folded + 1 WHERE id = $1 AND is_waiting = 1 \
             AND kind = 'live' AND claim_until_ms <= $2 AND pictures > 0 AND reports = 0",
        )
        .bind(of.item_id.to_owned())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        if passed.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE review_pictures SET is_folded = 1 WHERE item_id = $1 AND id = $2")
            .bind(of.item_id.to_owned())
            .bind(of.picture_id.to_owned())
            .execute(&mut *writing)
            .await?;
        sqlx::query(
            "UPDATE review_items SET is_waiting = 0, open_key = id, verdict = 'ok', decided_by = $2, decided_ms = $3 \
             WHERE id = $1 AND pictures = 0",
        )
        .bind(of.item_id.to_owned())
        .bind(of.by.to_owned())
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(true)
    }

    /// People look at an item without waiting any longer; with these marks too, and as if it were so much older.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn people_look(
        &self,
        item_id: &str,
        marks: i64,
        head_ms: i64,
        note: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE review_items SET held_ms = 0, marks = marks | $2, \
             note = CASE WHEN note = '' THEN $4 ELSE note END, \
             head_ms = CASE WHEN $3 > head_ms THEN $3 ELSE head_ms END, \
             due_ms = since_ms - CASE WHEN $3 > head_ms THEN $3 ELSE head_ms END \
             WHERE id = $1 AND is_waiting = 1",
        )
        .bind(item_id.to_owned())
        .bind(marks)
        .bind(head_ms)
        .bind(note.to_owned())
        .execute(self.db.write())
        .await?;
        Ok(())
    }
}
