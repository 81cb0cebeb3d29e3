//! `/api/v1/categories`: what channels may be about.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_store::apps::Category;

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Characters of a category's name, as a channel says it.
const MAX_NAME_CHARS: usize = 40;
/// Characters of its title.
const MAX_TITLE_CHARS: usize = 80;
/// Where in a list something may stand.
const PLACES: std::ops::RangeInclusive<i64> = 0..=1_000_000;

/// What a category is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Games", "title_zh": "游戏", "place": 10 }))]
struct CategoryWish {
    /// In English.
    #[schema(max_length = 80)]
    title: String,
    /// In Chinese; left out: as in English.
    #[serde(default)]
    #[schema(max_length = 80)]
    title_zh: String,
    /// In lists, lowest first.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    place: i64,
}

/// What channels may be about.
#[derive(Debug, Serialize, ToSchema)]
struct CategoryShown {
    /// In addresses, and as a channel says it.
    name: String,
    /// In English.
    title: String,
    /// In Chinese.
    title_zh: String,
    place: i64,
}

/// Categories.
#[derive(Debug, Serialize, ToSchema)]
struct CategoryList {
    /// In their order.
    items: Vec<CategoryShown>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(set, remove))
}

/// What anybody may ask.
pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What channels may be about
#[utoipa::path(get, path = "/api/v1/categories", tag = "channels", operation_id = "category_list",
    responses(StoreAway, (status = 200, description = "The categories", body = CategoryList)),
)]
async fn list(Extract(state): Extract<State>) -> Result<Json<CategoryList>, Refused> {
    let found = state.store()?.apps().categories().await?;
    Ok(Json(CategoryList {
        items: found.into_iter().map(CategoryShown::from).collect(),
    }))
}

/// Make a category, or call it something else
#[utoipa::path(put, path = "/api/v1/categories/{name}", tag = "channels", operation_id = "category_set",
    params(("name" = String, Path, description = "In addresses: letters, digits and `-`")),
    request_body = CategoryWish,
    responses(
        StoreAway,
        (status = 200, description = "It is this now", body = CategoryShown),
        (status = 409, description = "There are as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<CategoryWish>,
) -> Result<Json<CategoryShown>, Refused> {
    let category = wish.checked(&name)?;
    state.store()?.apps().set_category(&category).await?;
    let after =
        json!({ "title": category.title, "title_zh": category.title_zh, "place": category.place });
    actor
        .did(&state, Acted::plain("category.set", &name).now(after))
        .await?;
    Ok(Json(category.into()))
}

/// Take a category away
///
/// Channels that name it keep the name.
#[utoipa::path(delete, path = "/api/v1/categories/{name}", tag = "channels", operation_id = "category_remove",
    params(("name" = String, Path, description = "The category")),
    responses(StoreAway, (status = 204, description = "It is gone"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    state.store()?.apps().remove_category(&name).await?;
    actor
        .did(&state, Acted::plain("category.remove", &name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl CategoryWish {
    fn checked(self, name: &str) -> Result<Category, Refused> {
        let wrong = |field: &str, words: String| Refused::field(Code::Unprocessable, field, words);
        let is_name = |c: char| c.is_alphanumeric() || c == '-';
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || !name.chars().all(is_name) {
            let words = format!("at most {MAX_NAME_CHARS} letters, digits and -");
            return Err(wrong("name", words));
        }
        let is_line = |text: &str| {
            text.chars().count() <= MAX_TITLE_CHARS && !text.chars().any(char::is_control)
        };
        for (field, text) in [("title", &self.title), ("title_zh", &self.title_zh)] {
            if !is_line(text) {
                let words = format!("this has at most {MAX_TITLE_CHARS} characters in one line");
                return Err(wrong(field, words));
            }
        }
        if self.title.trim().is_empty() {
            return Err(wrong("title", "a category has a title".to_owned()));
        }
        if !PLACES.contains(&self.place) {
            let words = format!("from {} to {}", PLACES.start(), PLACES.end());
            return Err(wrong("place", words));
        }
        let title_zh = match self.title_zh.trim() {
            "" => self.title.clone(),
            _ => self.title_zh,
        };
        Ok(Category {
            name: name.to_owned(),
            title: self.title,
            title_zh,
            place: self.place,
        })
    }
}

impl From<Category> for CategoryShown {
    fn from(category: Category) -> Self {
        Self {
            name: category.name,
            title: category.title,
            title_zh: category.title_zh,
            place: category.place,
        }
    }
}
