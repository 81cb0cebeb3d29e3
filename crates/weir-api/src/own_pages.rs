//! `/api/v1/pages`: what the site says of itself, in Markdown. Drafts are for all who may edit; what the public
//! sees takes the right to publish. How a page will look is asked in `preview`.

mod preview;

use axum::Json;
use axum::extract::{DefaultBodyLimit, State as Extract};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::Right;
use weir_base::Code;
use weir_site::PageKind;
use weir_store::pages::{PageText, PageVersion, SitePage};

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind, id_of};

/// Pages in one list, when nobody says; bodies are long.
const PAGE: u32 = 20;
/// Versions in one list.
const VERSIONS: u32 = 20;
/// What is said of a kind that is none.
const NO_KIND: &str = "a page is a notice, help or about a category";
/// Characters of a title.
const MAX_TITLE_CHARS: usize = 140;
/// Characters of a name in an address.
const MAX_SLUG_CHARS: usize = 80;
/// Bytes of a text, in each language.
const MAX_TEXT_BYTES: usize = 48 * 1024;
/// Bytes of a request's body: two texts, each byte of them escaped in JSON at worst.
const MAX_BODY_BYTES: usize = 4 * MAX_TEXT_BYTES;
/// The last millisecond that a calendar with four digits for the year knows.
const MAX_TIME_MS: i64 = 253_402_300_799_999;

/// A page to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "notice", "slug": "open-day", "title": "Open day", "body": "On **Sunday**." }))]
struct OwnPageWish {
    /// `notice`, `help` or `category`.
    kind: String,
    /// In its address: `a` to `z`, digits and `-`; of a category its name.
    #[schema(min_length = 1, max_length = 80)]
    slug: String,
    /// In English.
    #[schema(max_length = 140)]
    title: String,
    /// In Chinese; empty: the English one is shown.
    #[serde(default)]
    #[schema(max_length = 140)]
    title_zh: String,
    /// Markdown, in English.
    #[serde(default)]
    body: String,
    /// Markdown, in Chinese; empty: the English one is shown.
    #[serde(default)]
    body_zh: String,
    /// In lists, lowest first.
    #[serde(default)]
    place: i64,
    /// From when on everybody sees it, milliseconds since 1970; 0: it is a draft.
    #[serde(default)]
    publish_ms: i64,
}

/// What a page says; in a change, what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "title": "Open day", "publish_ms": 1_800_000_000_000_i64 }))]
struct OwnPageText {
    /// In English.
    #[schema(max_length = 140, nullable = false, required = false)]
    title: Option<String>,
    /// In Chinese; empty: the English one is shown.
    #[schema(max_length = 140, nullable = false, required = false)]
    title_zh: Option<String>,
    /// Markdown, in English.
    #[schema(nullable = false, required = false)]
    body: Option<String>,
    /// Markdown, in Chinese; empty: the English one is shown.
    #[schema(nullable = false, required = false)]
    body_zh: Option<String>,
    /// In lists, lowest first.
    #[schema(nullable = false, required = false)]
    place: Option<i64>,
    /// From when on everybody sees it, milliseconds since 1970; 0: it is a draft.
    #[schema(nullable = false, required = false)]
    publish_ms: Option<i64>,
}

/// A page of the site's own.
#[derive(Debug, Serialize, ToSchema)]
struct OwnPage {
    id: String,
    /// `notice`, `help` or `category`.
    kind: String,
    slug: String,
    /// Where it is read.
    #[schema(example = "/notices/open-day")]
    path: String,
    title: String,
    title_zh: String,
    /// In Markdown.
    body: String,
    /// In Markdown.
    body_zh: String,
    place: i64,
    /// Milliseconds since 1970; 0: a draft.
    publish_ms: i64,
    created_ms: i64,
    changed_ms: i64,
    version: i64,
}

/// Pages of the site's own.
#[derive(Debug, Serialize, ToSchema)]
struct OwnPageList {
    /// The newest first.
    items: Vec<OwnPage>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

/// What a page was.
#[derive(Debug, Serialize, ToSchema)]
struct OwnPageVersion {
    version: i64,
    title: String,
    title_zh: String,
    body: String,
    body_zh: String,
    publish_ms: i64,
    /// Id of the account that wrote it; empty for the operator.
    by: String,
    at_ms: i64,
}

/// What a page was, the newest version first.
#[derive(Debug, Serialize, ToSchema)]
struct OwnPageHistory {
    items: Vec<OwnPageVersion>,
}

/// What a list is narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct OfKind {
    /// `notice`, `help` or `category`.
    #[param(required = false, nullable = false)]
    kind: String,
}

/// Which versions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct Older {
    /// Older than this one.
    #[param(required = false, nullable = false)]
    before: Option<i64>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, edit, remove))
        .routes(routes!(history))
        .merge(preview::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Pages of the site's own
#[utoipa::path(get, path = "/api/v1/pages", tag = "pages", operation_id = "page_list",
    params(OfKind, PageParams),
    responses(StoreAway, (status = 200, description = "The pages, drafts too", body = OwnPageList)),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(of): QueryParts<OfKind>,
    page: Page,
) -> Result<Json<OwnPageList>, Refused> {
    if !of.kind.is_empty() {
        let wrong = || Refused::field(Code::BadRequest, "kind", NO_KIND);
        PageKind::from_name(&of.kind).ok_or_else(wrong)?;
    }
    let store = state.store()?;
    let (before, limit) = (behind(&page)?, page.limit(PAGE));
    let pages = store.pages().list(&of.kind, before, limit + 1).await?;
    let (pages, next) = Page::full(pages, limit, |one| one.id.to_string());
    Ok(Json(OwnPageList {
        items: pages.into_iter().map(OwnPage::from).collect(),
        next,
    }))
}

/// Make a page
#[utoipa::path(post, path = "/api/v1/pages", tag = "pages", operation_id = "page_create",
    request_body = OwnPageWish,
    responses(
        StoreAway,
        (status = 201, description = "The page", body = OwnPage),
        (status = 409, description = "There is one of this kind and name",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(wish): JsonBody<OwnPageWish>,
) -> Result<Response, Refused> {
    let kind = kind(&wish.kind)?;
    slug(kind, &wish.slug)?;
    let text = OwnPageText {
        title: Some(wish.title),
        title_zh: Some(wish.title_zh),
        body: Some(wish.body),
        body_zh: Some(wish.body_zh),
        place: Some(wish.place),
        publish_ms: Some(wish.publish_ms),
    };
    let text = text.over(PageText::default())?;
    may(&actor.caller, 0, text.publish_ms)?;
    let store = state.store()?;
    let by = actor.user();
    let place = (kind.name(), wish.slug.as_str());
    let made = store.pages().create(place, &text, &by).await?;
    let id = made.id.to_string();
    let act = Acted::plain("page.create", &id).now(told(&made));
    actor.did(&state, act).await?;
    let tag = tag(&made);
    Ok(tag.on((StatusCode::CREATED, Json(OwnPage::from(made)))))
}

/// A page, as it is written
#[utoipa::path(get, path = "/api/v1/pages/{id}", tag = "pages", operation_id = "page",
    params(("id" = String, Path, description = "The page")),
    responses(
        StoreAway,
        (status = 200, description = "The page", body = OwnPage),
        (status = 304, description = "It is the one that If-None-Match names"),
        NotThere,
    ),
)]
async fn show(
    Extract(state): Extract<State>,
    PathParts(id): PathParts<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let page = state.store()?.pages().by_id(id_of(&id)?).await?;
    Ok(tag(&page).answer(&asked, Json(OwnPage::from(page))))
}

/// Change a page
///
/// With `publish_ms` it is published now or later, or a draft again.
#[utoipa::path(patch, path = "/api/v1/pages/{id}", tag = "pages", operation_id = "page_edit",
    params(
        ("id" = String, Path, description = "The page"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant"),
    ),
    request_body = OwnPageText,
    responses(
        StoreAway,
        (status = 200, description = "The page as it is now", body = OwnPage),
        NotThere,
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn edit(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
    asked: HeaderMap,
    JsonBody(change): JsonBody<OwnPageText>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let page = store.pages().by_id(id_of(&id)?).await?;
    tag(&page).admits(&asked)?;
    let text = change.over(page.text.clone())?;
    may(&actor.caller, page.text.publish_ms, text.publish_ms)?;
    let by = actor.user();
    let changed = store.pages().edit(&page, &text, &by).await?;
    let id = page.id.to_string();
    let act = Acted::plain("page.edit", &id).was(told(&page));
    actor.did(&state, act.now(told(&changed))).await?;
    let tag = tag(&changed);
    Ok(tag.on(Json(OwnPage::from(changed))))
}

/// Take a page away
///
/// With what it was.
#[utoipa::path(delete, path = "/api/v1/pages/{id}", tag = "pages", operation_id = "page_remove",
    params(("id" = String, Path, description = "The page")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let page = store.pages().by_id(id_of(&id)?).await?;
    may(&actor.caller, page.text.publish_ms, 0)?;
    store.pages().remove(page.id).await?;
    let id = page.id.to_string();
    let act = Acted::plain("page.remove", &id).was(told(&page));
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a page was
#[utoipa::path(get, path = "/api/v1/pages/{id}/versions", tag = "pages", operation_id = "page_versions",
    params(("id" = String, Path, description = "The page"), Older),
    responses(StoreAway, (status = 200, description = "The newest first", body = OwnPageHistory), NotThere),
)]
async fn history(
    Extract(state): Extract<State>,
    PathParts(id): PathParts<String>,
    QueryParts(older): QueryParts<Older>,
) -> Result<Json<OwnPageHistory>, Refused> {
    let pages = state.store()?.pages();
    let page = pages.by_id(id_of(&id)?).await?;
    let versions = pages.versions(page.id, older.before, VERSIONS).await?;
    Ok(Json(OwnPageHistory {
        items: versions.into_iter().map(OwnPageVersion::from).collect(),
    }))
}

/// What the public sees, or will see, is changed by those who may publish.
fn may(caller: &Caller, before_ms: i64, after_ms: i64) -> Result<(), Refused> {
    match before_ms != 0 || after_ms != 0 {
        true => caller.require(Right::PagesPublish),
        false => Ok(()),
    }
}

fn tag(page: &SitePage) -> Etag {
    Etag::of(format!("{} {}", page.id, page.version))
}

fn kind(name: &str) -> Result<PageKind, Refused> {
    PageKind::from_name(name).ok_or_else(|| Refused::field(Code::Unprocessable, "kind", NO_KIND))
}

fn slug(kind: PageKind, slug: &str) -> Result<(), Refused> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_word = |c: char| !c.is_control() && c != '/';
    let fits = match kind {
        PageKind::Category => slug.chars().all(is_word),
        PageKind::Notice | PageKind::Help => slug.chars().all(is_plain),
    };
    if fits && (1..=MAX_SLUG_CHARS).contains(&slug.chars().count()) {
        return Ok(());
    }
    let words = format!("this is 1 to {MAX_SLUG_CHARS} of a to z, 0 to 9 and -");
    Err(Refused::field(Code::Unprocessable, "slug", words))
}

/// A page as the audit log has it: the history has what it said, there stands who showed what to whom.
fn told(page: &SitePage) -> Value {
    json!({
        "kind": page.kind, "slug": page.slug, "version": page.version, "publish_ms": page.text.publish_ms,
    })
}

impl OwnPageText {
    /// What a page says after this change.
    fn over(self, text: PageText) -> Result<PageText, Refused> {
        let text = self.written(text)?;
        if text.title.trim().is_empty() {
            let words = "a page has a title";
            return Err(Refused::field(Code::Unprocessable, "title", words));
        }
        Ok(text)
    }

    /// The same, where it may have no title yet.
    fn written(self, mut text: PageText) -> Result<PageText, Refused> {
        let wrong = |field, words: String| Err(Refused::field(Code::Unprocessable, field, words));
        for (field, line) in [("title", &self.title), ("title_zh", &self.title_zh)] {
            let is_long = |line: &String| line.chars().count() > MAX_TITLE_CHARS;
            if line
                .as_ref()
                .is_some_and(|line| is_long(line) || line.chars().any(char::is_control))
            {
                let words = format!("this has at most {MAX_TITLE_CHARS} characters in one line");
                return wrong(field, words);
            }
        }
        for (field, body) in [("body", &self.body), ("body_zh", &self.body_zh)] {
            let is_wrong = |body: &String| body.len() > MAX_TEXT_BYTES || body.contains('\0');
            if body.as_ref().is_some_and(is_wrong) {
                return wrong(
                    field,
                    format!("this is text of at most {MAX_TEXT_BYTES} bytes"),
                );
            }
        }
        let set = |to: &mut String, from: Option<String>| {
            if let Some(from) = from {
                *to = from;
            }
        };
        set(&mut text.title, self.title);
        set(&mut text.title_zh, self.title_zh);
        set(&mut text.body, self.body);
        set(&mut text.body_zh, self.body_zh);
        text.place = self.place.unwrap_or(text.place);
        text.publish_ms = self.publish_ms.unwrap_or(text.publish_ms);
        if !(0..=MAX_TIME_MS).contains(&text.publish_ms) {
            let words = "this is no time, in milliseconds since 1970".to_owned();
            return wrong("publish_ms", words);
        }
        Ok(text)
    }
}

impl From<SitePage> for OwnPage {
    fn from(page: SitePage) -> Self {
        let kind = PageKind::from_name(&page.kind);
        let path = kind.map(|kind| match kind {
            PageKind::Category => weir_site::Target::Category(page.slug.clone()).path(),
            kind => weir_site::Target::Page(kind, page.slug.clone()).path(),
        });
        Self {
            id: page.id.to_string(),
            path: path.unwrap_or_default(),
            kind: page.kind,
            slug: page.slug,
            title: page.text.title,
            title_zh: page.text.title_zh,
            body: page.text.body,
            body_zh: page.text.body_zh,
            place: page.text.place,
            publish_ms: page.text.publish_ms,
            created_ms: page.created_ms,
            changed_ms: page.changed_ms,
            version: page.version,
        }
    }
}

impl From<PageVersion> for OwnPageVersion {
    fn from(version: PageVersion) -> Self {
        Self {
            version: version.version,
            title: version.title,
            title_zh: version.title_zh,
            body: version.body,
            body_zh: version.body_zh,
            publish_ms: version.publish_ms,
            by: version.by_user,
            at_ms: version.at_ms,
        }
    }
}
