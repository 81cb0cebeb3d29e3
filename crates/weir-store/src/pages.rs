//! Pages of the site's own: notices, help, words about categories. What a page may say, and who may say it, is
//! decided above.

use crate::db::{Db, Writing};
use crate::error::StoreError;
use crate::id::{self, Id, upper};
use crate::mark::{Thing, mark};
use crate::module::Module;
use crate::store::Store;

/// Pages of an instance.
const PAGES: i64 = 5_000;
/// Versions of one page that are kept, the newest.
const VERSIONS: i64 = 200;

/// A row of `pages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitePage {
    /// Its own id.
    pub id: Id,
    /// `notice`, `help` or `category`.
    pub kind: String,
    /// In URLs.
    pub slug: String,
    /// What it says.
    pub text: PageText,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last changed, milliseconds since 1970.
    pub changed_ms: i64,
    /// How often it was changed.
    pub version: i64,
}

/// What a page says, where and from when on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageText {
    /// In English.
    pub title: String,
    /// In Chinese, or empty.
    pub title_zh: String,
    /// Markdown, in English.
    pub body: String,
    /// Markdown, in Chinese, or empty.
    pub body_zh: String,
    /// In lists, lowest first.
    pub place: i64,
    /// From when on it is shown, milliseconds since 1970; 0: it is a draft.
    pub publish_ms: i64,
}

/// A row of `page_versions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageVersion {
    /// Which it was.
    pub version: i64,
    /// As [`PageText::title`].
    pub title: String,
    /// As [`PageText::title_zh`].
    pub title_zh: String,
    /// As [`PageText::body`].
    pub body: String,
    /// As [`PageText::body_zh`].
    pub body_zh: String,
    /// As [`PageText::publish_ms`].
    pub publish_ms: i64,
    /// Who wrote it: an account's id, or empty.
    pub by_user: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}
row!(PageVersion {
    version,
    title,
    title_zh,
    body,
    body_zh,
    publish_ms,
    by_user,
    at_ms
});

struct PageRow {
    id: String,
    kind: String,
    slug: String,
    title: String,
    title_zh: String,
    body: String,
    body_zh: String,
    place: i64,
    publish_ms: i64,
    created_ms: i64,
    changed_ms: i64,
    version: i64,
}
row!(PageRow {
    id,
    kind,
    slug,
    title,
    title_zh,
    body,
    body_zh,
    place,
    publish_ms,
    created_ms,
    changed_ms,
    version
});

/// The columns of [`PageRow`].
macro_rules! columns {
    () => {
        "id, kind, slug, title, title_zh, body, body_zh, place, publish_ms, created_ms, changed_ms, version"
    };
}

impl Store {
    /// Pages of the site's own.
    pub fn pages(&self) -> Pages<'_> {
        Pages {
            store: self,
            db: self.db(Module::Content),
        }
    }
}

/// Asks and changes pages, one call for each thing that happens.
#[derive(Debug, Clone, Copy)]
pub struct Pages<'a> {
    store: &'a Store,
    db: &'a Db,
}

impl Pages<'_> {
    /// Makes a page.
    ///
    /// # Errors
    /// [`StoreError::Taken`] where there is one of this kind and name, [`StoreError::Bound`] where there are as many
    /// as may be.
    pub async fn create(
        &self,
        (kind, slug): (&str, &str),
        text: &PageText,
        by_user: &str,
    ) -> Result<SitePage, StoreError> {
        let id = self.store.next_id()?;
        let now_ms = self.store.now_ms();
        let mut writing = self.db.begin().await?;
        let made = sqlx::query(
            "INSERT INTO pages (id, kind, slug, title, title_zh, body, body_zh, place, publish_ms, created_ms, \
             changed_ms, version) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 1 \
             WHERE (SELECT COUNT(*) FROM pages) < $11",
        )
        .bind(id.to_string())
        .bind(kind.to_owned())
        .bind(slug.to_owned())
        .bind(text.title.clone())
        .bind(text.title_zh.clone())
        .bind(text.body.clone())
        .bind(text.body_zh.clone())
        .bind(text.place)
        .bind(text.publish_ms)
        .bind(now_ms)
        .bind(PAGES)
        .execute(&mut *writing)
        .await
        .map_err(|error| StoreError::from(error).taken("a page of this kind and name"))?;
        if made.rows_affected() == 0 {
            let words = format!("there may be {PAGES} pages: take one away first");
            return Err(StoreError::Bound(words));
        }
        let page = SitePage {
            id,
            kind: kind.to_owned(),
            slug: slug.to_owned(),
            text: text.clone(),
            created_ms: now_ms,
            changed_ms: now_ms,
            version: 1,
        };
        self.keep_version(&mut writing, &page, by_user).await?;
        writing.commit().await?;
        Ok(page)
    }

    /// Says something else on a page that is at `version`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where it is not at `version` any more, or is gone.
    pub async fn edit(
        &self,
        page: &SitePage,
        text: &PageText,
        by_user: &str,
    ) -> Result<SitePage, StoreError> {
        let after = SitePage {
            text: text.clone(),
            changed_ms: self.store.now_ms(),
            version: page.version + 1,
            ..page.clone()
        };
        let mut writing = self.db.begin().await?;
        let changed = sqlx::query(
            "UPDATE pages SET title = $3, title_zh = $4, body = $5, body_zh = $6, place = $7, publish_ms = $8, \
             changed_ms = $9, version = version + 1 WHERE id = $1 AND version = $2",
        )
        .bind(page.id.to_string())
        .bind(page.version)
        .bind(text.title.clone())
        .bind(text.title_zh.clone())
        .bind(text.body.clone())
        .bind(text.body_zh.clone())
        .bind(text.place)
        .bind(text.publish_ms)
        .bind(after.changed_ms)
        .execute(&mut *writing)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Changed("the page"));
        }
        self.keep_version(&mut writing, &after, by_user).await?;
        writing.commit().await?;
        Ok(after)
    }

    /// Takes a page away, with what it was.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove(&self, id: Id) -> Result<(), StoreError> {
        let mut writing = self.db.begin().await?;
        let gone = sqlx::query("DELETE FROM pages WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Missing("page"));
        }
        sqlx::query("DELETE FROM page_versions WHERE page_id = $1")
            .bind(id.to_string())
            .execute(&mut *writing)
            .await?;
        mark(&mut writing, &Thing::Page(id), self.store.now_ms()).await?;
        writing.commit().await.map_err(StoreError::from)
    }

    /// The page of this id.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn by_id(&self, id: Id) -> Result<SitePage, StoreError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM pages WHERE id = $1");
        let row = sqlx::query_as::<_, PageRow>(SQL).bind(id.to_string());
        let row = row.fetch_optional(self.db.fresh()).await?;
        row.ok_or(StoreError::Missing("page"))?.try_into()
    }

    /// At most `limit` pages older than `before`, drafts too, the newest first; of `kind` alone where it is said.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn list(
        &self,
        kind: &str,
        before: Option<Id>,
        limit: u32,
    ) -> Result<Vec<SitePage>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM pages WHERE id < $1 AND ($2 = '' OR kind = $2) ORDER BY id DESC LIMIT $3"
        );
        let rows = sqlx::query_as::<_, PageRow>(SQL)
            .bind(upper(before))
            .bind(kind.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(SitePage::try_from).collect()
    }

    /// At most `limit` pages behind the one of this id, for who reads all of them.
    pub(crate) async fn behind(&self, id: &str, limit: u32) -> Result<Vec<SitePage>, StoreError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM pages WHERE id > $1 ORDER BY id LIMIT $2"
        );
        let rows = sqlx::query_as::<_, PageRow>(SQL)
            .bind(id.to_owned())
            .bind(i64::from(limit));
        let rows = rows.fetch_all(self.db.fresh()).await?;
        rows.into_iter().map(SitePage::try_from).collect()
    }

    /// What a page was, the newest first: at most `limit` versions older than `before`.
    ///
    /// # Errors
    /// [`StoreError::Away`].
    pub async fn versions(
        &self,
        id: Id,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<PageVersion>, StoreError> {
        let rows = sqlx::query_as::<_, PageVersion>(
            "SELECT version, title, title_zh, body, body_zh, publish_ms, by_user, at_ms FROM page_versions \
             WHERE page_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3",
        )
        .bind(id.to_string())
        .bind(before.unwrap_or(i64::MAX))
        .bind(i64::from(limit));
        Ok(rows.fetch_all(self.db.fresh()).await?)
    }

    /// Writes a version down, forgets those that are too old, and tells who keeps a copy; the last act of a
    /// transaction.
    async fn keep_version(
        &self,
        writing: &mut Writing,
        page: &SitePage,
        by_user: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO page_versions (page_id, version, title, title_zh, body, body_zh, publish_ms, by_user, \
             at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(page.id.to_string())
        .bind(page.version)
        .bind(page.text.title.clone())
        .bind(page.text.title_zh.clone())
        .bind(page.text.body.clone())
        .bind(page.text.body_zh.clone())
        .bind(page.text.publish_ms)
        .bind(by_user.to_owned())
        .bind(page.changed_ms)
        .execute(&mut **writing)
        .await?;
        sqlx::query("DELETE FROM page_versions WHERE page_id = $1 AND version <= $2")
            .bind(page.id.to_string())
            .bind(page.version - VERSIONS)
            .execute(&mut **writing)
            .await?;
        mark(writing, &Thing::Page(page.id), self.store.now_ms()).await
    }
}

impl TryFrom<PageRow> for SitePage {
    type Error = StoreError;

    fn try_from(row: PageRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::stored(&row.id)?,
            kind: row.kind,
            slug: row.slug,
            text: PageText {
                title: row.title,
                title_zh: row.title_zh,
                body: row.body,
                body_zh: row.body_zh,
                place: row.place,
                publish_ms: row.publish_ms,
            },
            created_ms: row.created_ms,
            changed_ms: row.changed_ms,
            version: row.version,
        })
    }
}
