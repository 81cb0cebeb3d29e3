//! Accounts that may look at live streams of some apps, whatever their role is.

use super::Review;
use crate::error::StoreError;
use crate::id::Id;

/// People that one site has.
pub const MAX_PEOPLE: i64 = 2_000;

/// A row of `review_people`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPerson {
    /// The account.
    pub user_id: String,
    /// Names of the apps whose streams they see.
    pub apps: Vec<String>,
    /// Since when, milliseconds since 1970.
    pub given_ms: i64,
}

struct PersonRow {
    user_id: String,
    apps: String,
    given_ms: i64,
}
row!(PersonRow {
    user_id,
    apps,
    given_ms
});

impl Review<'_> {
    /// Has an account look at streams of these apps, and of no others.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many people as may be.
    pub async fn let_look(
        &self,
        user_id: Id,
        apps: &[String],
        by_user: &str,
    ) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM review_people");
        if count.fetch_one(&mut *writing).await? >= MAX_PEOPLE {
            let words = format!("{MAX_PEOPLE} people look already: take one away first");
            return Err(StoreError::Bound(words));
        }
        sqlx::query(
            "INSERT INTO review_people (user_id, apps, by_user, given_ms) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id) DO UPDATE SET apps = excluded.apps, by_user = excluded.by_user, \
             given_ms = excluded.given_ms",
        )
        .bind(user_id.to_string())
        .bind(apps.join("\n"))
        .bind(by_user.to_owned())
        .bind(self.store.now_ms())
        .execute(&mut *writing)
        .await?;
        Ok(writing.commit().await?)
    }

    /// Has an account look no more.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn let_look_no_more(&self, user_id: Id) -> Result<(), StoreError> {
        let gone = sqlx::query("DELETE FROM review_people WHERE user_id = $1");
        let gone = gone.bind(user_id.to_string()).execute(self.db.write());
        match gone.await?.rows_affected() {
            0 => Err(StoreError::Missing("reviewer")),
            _ => Ok(()),
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn people(&self) -> Result<Vec<ReviewPerson>, StoreError> {
        let rows = sqlx::query_as::<_, PersonRow>(
            "SELECT user_id, apps, given_ms FROM review_people ORDER BY user_id LIMIT $1",
        );
        let rows = rows.bind(MAX_PEOPLE).fetch_all(self.db.fresh()).await?;
        let people = rows.into_iter().map(|row| ReviewPerson {
            user_id: row.user_id,
            apps: row.apps.lines().map(str::to_owned).collect(),
            given_ms: row.given_ms,
        });
        Ok(people.collect())
    }
}
