//! Rows of apps and of categories. What an app's rules may say is decided above.

pub mod key_sets;

use crate::db::Db;
use crate::error::StoreError;
use crate::mark::{Thing, mark};
use crate::module::Module;
use crate::store::Store;

/// Categories of an instance: a menu that somebody reads.
const CATEGORIES: i64 = 500;

/// A row of `apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// All levels.
    pub name: String,
    /// JSON: what admission goes by. Empty where it is sealed by a key that is not here: then nobody knows what the
    /// app takes.
    pub rules: String,
    /// Keys that are kept up to date from an address, as they were read last; empty for none.
    pub key_set: String,
    /// Seconds that its recordings are kept; 0: as the instance says.
    pub retention_s: i64,
    /// Seconds of recordings that it may keep; 0: no bound.
    pub recording_s: i64,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed, milliseconds since 1970.
    pub changed_ms: i64,
    /// How often it was changed.
    pub version: i64,
}
row!(App {
    name,
    rules,
    key_set,
    retention_s,
    recording_s,
    created_ms,
    changed_ms,
    version
});

/// What is said of an app.
#[derive(Debug, Clone, Copy)]
pub struct AppTerms<'a> {
    /// As [`App::rules`].
    pub rules: &'a str,
    /// Where its [`App::key_set`] is read; empty for none.
    pub key_set_url: &'a str,
    /// As [`App::retention_s`].
    pub retention_s: i64,
    /// As [`App::recording_s`].
    pub recording_s: i64,
}

/// A row of `categories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// In URLs.
    pub name: String,
    /// In English.
    pub title: String,
    /// In Chinese.
    pub title_zh: String,
    /// In lists, lowest first.
    pub place: i64,
}
row!(Category {
    name,
    title,
    title_zh,
    place
});

/// The columns of [`App`].
macro_rules! columns {
    () => {
        "name, rules, COALESCE((SELECT k.body FROM app_key_sets k WHERE k.app = apps.name), '') AS key_set, \
         retention_s, recording_s, created_ms, changed_ms, version"
    };
}

impl Store {
    /// Tenants, and what channels are about.
    pub fn apps(&self) -> Apps<'_> {
        Apps {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes apps and categories, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Apps<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Apps<'_> {
    /// Makes an app.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where there is one of this name.
    pub async fn create(&self, name: &str, terms: &AppTerms<'_>) -> Result<App, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO apps (name, rules, retention_s, recording_s, created_ms, changed_ms, version) \
             VALUES ($1, $2, $3, $4, $5, $5, 1)",
        )
        .bind(name)
        .bind(self.store.0.sealing.close(terms.rules, &rules_of(name))?)
        .bind(terms.retention_s)
        .bind(terms.recording_s)
        .bind(now_ms)
        .execute(&mut *writing)
        .await
        .map_err(|error| StoreError::from(error).taken("the app"))?;
        key_sets::set_url(&mut writing, name, terms.key_set_url).await?;
        mark(&mut writing, &Thing::App(name.to_owned()), now_ms).await?;
        writing.commit().await?;
        self.by_name(name).await
    }

    /// Says something else of an app that is at `version`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, or is gone.
    pub async fn edit(
        &self,
        name: &str,
        version: i64,
        terms: &AppTerms<'_>,
    ) -> Result<App, StoreError> {
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE apps SET rules = $3, retention_s = $4, recording_s = $5, changed_ms = $6, version = version + 1 \
             WHERE name = $1 AND version = $2",
        )
        .bind(name)
        .bind(version)
        .bind(self.store.0.sealing.close(terms.rules, &rules_of(name))?)
        .bind(terms.retention_s)
        .bind(terms.recording_s)
        .bind(now_ms)
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the app"));
        }
        key_sets::set_url(&mut writing, name, terms.key_set_url).await?;
        mark(&mut writing, &Thing::App(name.to_owned()), now_ms).await?;
        writing.commit().await?;
        self.by_name(name).await
    }

    /// Takes an app away: what the file says of it counts again.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM apps WHERE name = $1")
            .bind(name)
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("app"));
        }
        key_sets::set_url(&mut writing, name, "").await?;
        let thing = Thing::App(name.to_owned());
        mark(&mut writing, &thing, self.store.now_ms()).await?;
        writing.commit().await?;
        Ok(())
    }

    /// The app of this name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_name(&self, name: &str) -> Result<App, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM apps WHERE name = $1");
        let row = sqlx::query_as::<_, App>(SQL).bind(name.to_owned());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.map(|app| self.opened(app))
            .ok_or(StoreError::Missing("app"))
    }

    /// At most `limit` apps behind `after`, by name.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(&self, after: &str, limit: u32) -> Result<Vec<App>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM apps WHERE name > $1 ORDER BY name LIMIT $2"
        );
        let rows = sqlx::query_as::<_, App>(SQL)
            .bind(after.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        Ok(rows.into_iter().map(|app| self.opened(app)).collect())
    }

    /// With its rules as they were said.
    fn opened(&self, app: App) -> App {
        let rules = self.store.0.sealing.open(&app.rules, &rules_of(&app.name));
        let rules = rules.unwrap_or_else(|| {
            let app = &app.name;
            tracing::error!(
                app,
                "no key here opens what is said of an app: it takes nobody"
            );
            String::new()
        });
        App { rules, ..app }
    }

    /// Makes a category, or says something else of it.
    ///
    /// # Errors
    /// [`StoreError::Bound`] where there are as many as may be.
    pub async fn set_category(&self, category: &Category) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let set = sqlx::query(
            "INSERT INTO categories (name, title, title_zh, place) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM categories WHERE name <> $1) < $5 \
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, title_zh = excluded.title_zh, \
             place = excluded.place",
        )
        .bind(category.name.clone())
        .bind(category.title.clone())
        .bind(category.title_zh.clone())
        .bind(category.place)
        .bind(CATEGORIES)
        .execute(&mut *writing)
        .await?;
        if set.rows_affected() == 0 {
            let words = format!("there may be {CATEGORIES} categories: take one away first");
            return Err(StoreError::Bound(words));
        }
        let thing = Thing::Category(category.name.clone());
        mark(&mut writing, &thing, self.store.now_ms()).await?;
        Ok(writing.commit().await?)
    }

    /// Takes a category away. Channels that name it keep the name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_category(&self, name: &str) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM categories WHERE name = $1")
            .bind(name.to_owned())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("category"));
        }
        let thing = Thing::Category(name.to_owned());
        mark(&mut writing, &thing, self.store.now_ms()).await?;
        Ok(writing.commit().await?)
    }

    /// The category of this name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn category(&self, name: &str) -> Result<Category, StoreError> {
        let row = sqlx::query_as::<_, Category>(
            "SELECT name, title, title_zh, place FROM categories WHERE name = $1",
        )
        .bind(name.to_owned());
        let found = row.fetch_optional(self.db.fresh()).await?;
        found.ok_or(StoreError::Missing("category"))
    }

    /// Categories whose names stand behind `after`, by name.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn categories_behind(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Category>, StoreError> {
        let rows = sqlx::query_as::<_, Category>(
            "SELECT name, title, title_zh, place FROM categories WHERE name > $1 ORDER BY name LIMIT $2",
        )
        .bind(after.to_owned())
        .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// All categories, in their order.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn categories(&self) -> Result<Vec<Category>, StoreError> {
        let rows = sqlx::query_as::<_, Category>(
            "SELECT name, title, title_zh, place FROM categories ORDER BY place, name LIMIT $1",
        )
        .bind(CATEGORIES);
        Ok(rows.fetch_all(self.db.lagging()).await?)
    }
}

/// To whom the rules of an app are sealed.
pub(crate) fn rules_of(app: &str) -> String {
    format!("rules of {app}")
}
