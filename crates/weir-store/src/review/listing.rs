//! What waits, what was decided, and what it all comes to in numbers.

use sqlx::AssertSqlSafe;

use super::claims::of_apps;
use super::{Review, ReviewItem, item_columns};
use crate::error::StoreError;
use crate::id::Id;

/// Reviewers that are told apart in the numbers.
pub(super) const MAX_REVIEWERS: i64 = 200;

/// Which items a list has.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemFilter<'a> {
    /// Of this stream alone.
    pub stream: Option<&'a str>,
    /// Those that wait, or those that are decided.
    pub is_waiting: Option<bool>,
    /// Decided by this reviewer alone.
    pub decided_by: Option<&'a str>,
    /// Of these apps alone; none said: of all.
    pub apps: Option<&'a [String]>,
    /// With a picture that is near to the known one of this label.
    pub known_as: Option<&'a str>,
}

/// What it all comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewNumbers {
    /// Items that wait, with those that somebody has.
    pub waiting: i64,
    /// Of them, those that somebody has.
    pub claimed: i64,
    /// Of them, those for who leads.
    pub escalated: i64,
    /// Pictures in them.
    pub pictures: i64,
    /// Since when the oldest stretch waits that any reviewer may decide, milliseconds since 1970; 0: none does.
    pub oldest_ms: i64,
}
row!(ReviewNumbers {
    waiting,
    claimed,
    escalated,
    pictures,
    oldest_ms
});

/// What one reviewer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewerNumbers {
    /// Who.
    pub decided_by: String,
    /// Decided ones, of every kind.
    pub items: i64,
    /// Pictures in them.
    pub pictures: i64,
    /// Items that were not `ok`.
    pub acted: i64,
    /// When the last one was, milliseconds since 1970.
    pub last_ms: i64,
}
row!(ReviewerNumbers {
    decided_by,
    items,
    pictures,
    acted,
    last_ms
});

impl Review<'_> {
    /// At most `limit` items older than `before`, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        filter: ItemFilter<'_>,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<ReviewItem>, StoreError> {
        let mut sql = String::from(concat!(
            "SELECT ",
            item_columns!(),
            " FROM review_items WHERE id < $1 AND kind <> 'gold'"
        ));
        let mut given = vec![before.map_or_else(|| "~".to_owned(), |id| id.to_string())];
        let wanted = [("stream", filter.stream), ("decided_by", filter.decided_by)];
        for (column, value) in wanted {
            if let Some(value) = value {
                given.push(value.to_owned());
                sql.push_str(&format!(" AND {column} = ${}", given.len()));
            }
        }
        if let Some(label) = filter.known_as {
            given.push(label.to_owned());
            let place = given.len();
            sql.push_str(&format!(
                " AND id IN (SELECT item_id FROM review_pictures WHERE known_as = ${place})"
            ));
        }
        let (apps, of) = of_apps(filter.apps, given.len() + 1);
        sql.push_str(&apps);
        given.extend_from_slice(of);
        sql.push_str(match filter.is_waiting {
            None => "",
            Some(true) => " AND is_waiting = 1",
            Some(false) => " AND is_waiting = 0",
        });
        sql.push_str(&format!(" ORDER BY id DESC LIMIT ${}", given.len() + 1));
        // Only the names of columns and the numbers of places are not written here as one.
        let mut rows = sqlx::query_as::<_, ReviewItem>(AssertSqlSafe(sql));
        for value in given {
            rows = rows.bind(value);
        }
        let rows = rows.bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// What waits, in numbers; of these apps alone where some are said.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn numbers(&self, apps: Option<&[String]>) -> Result<ReviewNumbers, StoreError> {
        let (of_those, given) = of_apps(apps, 2);
        let sql = format!(
            "SELECT COUNT(*) AS waiting, \
             CAST(COALESCE(SUM(CASE WHEN claim_until_ms > $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS claimed, \
             CAST(COALESCE(SUM(for_lead), 0) AS BIGINT) AS escalated, \
             CAST(COALESCE(SUM(pictures), 0) AS BIGINT) AS pictures, \
             CAST(COALESCE(MIN(CASE WHEN kind = 'live' AND for_lead = 0 THEN since_ms END), 0) AS BIGINT) AS oldest_ms \
             FROM review_items WHERE is_waiting = 1 AND kind <> 'gold'{of_those}",
        );
        // Only the numbers of the places are not written here.
        let mut row = sqlx::query_as::<_, ReviewNumbers>(AssertSqlSafe(sql));
        row = row.bind(self.store.now_ms());
        for app in given {
            row = row.bind(app.clone());
        }
        Ok(row.fetch_one(self.db.fresh()).await?)
    }

    /// What each reviewer decided since then.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn by_reviewer(&self, since_ms: i64) -> Result<Vec<ReviewerNumbers>, StoreError> {
        let rows = sqlx::query_as::<_, ReviewerNumbers>(
            "SELECT decided_by, COUNT(*) AS items, CAST(SUM(pictures) AS BIGINT) AS pictures, \
             CAST(SUM(CASE WHEN verdict = 'ok' THEN 0 ELSE 1 END) AS BIGINT) AS acted, \
             CAST(MAX(decided_ms) AS BIGINT) AS last_ms FROM review_items WHERE decided_ms > $1 \
             AND is_waiting = 0 AND kind <> 'gold' GROUP BY decided_by ORDER BY decided_by LIMIT $2",
        )
        .bind(since_ms)
        .bind(MAX_REVIEWERS);
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Second looks since then, and how many of them came to another end than the first.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn disagreement(&self, since_ms: i64) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query_as::<_, (i64, i64)>(
            "SELECT COUNT(*), CAST(COALESCE(SUM(1 - agrees), 0) AS BIGINT) FROM review_items \
             WHERE decided_ms > $1 AND kind = 'second' AND agrees >= 0",
        );
        Ok(row.bind(since_ms).fetch_one(self.db.fresh()).await?)
    }
}
