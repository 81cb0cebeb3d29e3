//! `/api/v1/chat/filter`: words and links that are not said in a room, or anywhere.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_chat::GroupName;
use weir_chat::filter::{TERM_CHARS, TERMS};
use weir_store::chat_filters::ChatFilter;

use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, QueryParts};
use crate::refused::{Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Of which room.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct FilterAsked {
    /// The group; `r:0`: everywhere.
    #[param(required = true, example = "r:live/demo")]
    group: String,
}

/// What is not said.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "words": ["scam", "casino*", "~傻瓜"], "links": false }))]
struct FilterTerms {
    /// Words, found however they are written. `*` at an end: words that go on there too; `~` in front, of Chinese ones:
    /// what sounds the same too, and the sound in letters.
    #[schema(max_items = 5000)]
    words: Vec<String>,
    /// Links may be posted.
    #[serde(default = "yes")]
    #[schema(default = true)]
    links: bool,
}

const fn yes() -> bool {
    true
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// What is not said in a room
#[utoipa::path(get, path = "/api/v1/chat/filter", tag = "chat", operation_id = "chat_filter",
    params(FilterAsked),
    responses(StoreAway, (status = 200, description = "It; nothing where nobody said anything", body = FilterTerms)),
)]
async fn show(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<FilterAsked>,
) -> Result<Json<FilterTerms>, Refused> {
    let group = group(&asked)?;
    let found = state.store()?.chat_filters().of(group.as_str()).await?;
    Ok(Json(found.map_or(
        FilterTerms {
            words: Vec::new(),
            links: true,
        },
        FilterTerms::from,
    )))
}

/// Say what is not said in a room
///
/// All of it anew; nodes with a store and a gateway know within two seconds. Who says such a word is refused with 209;
/// moderators are not.
#[utoipa::path(put, path = "/api/v1/chat/filter", tag = "chat", operation_id = "chat_filter_set",
    params(FilterAsked), request_body = FilterTerms,
    responses(
        StoreAway,
        (status = 200, description = "It is this now", body = FilterTerms),
        (status = 409, description = "As many rooms as may be have words of their own",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set(
    Extract(state): Extract<State>,
    actor: Actor,
    QueryParts(asked): QueryParts<FilterAsked>,
    JsonBody(terms): JsonBody<FilterTerms>,
) -> Result<Json<FilterTerms>, Refused> {
    let group = group(&asked)?;
    terms.check()?;
    let words = terms.words.join("\n");
    let filters = state.store()?.chat_filters();
    filters.set(group.as_str(), &words, !terms.links).await?;
    let now = json!({ "words": terms.words.len(), "links": terms.links });
    let acted = Acted::plain("chat.filter", group.as_str()).now(now);
    actor.did(&state, acted).await?;
    Ok(Json(terms))
}

fn group(asked: &FilterAsked) -> Result<GroupName, Refused> {
    let wrong = |denied: weir_chat::Denied| {
        Refused::field(Code::BadRequest, "group", denied.words.into_owned())
    };
    GroupName::new(&asked.group).map_err(wrong)
}

impl FilterTerms {
    fn check(&self) -> Result<(), Refused> {
        let wrong = |words: String| Err(Refused::field(Code::Unprocessable, "words", words));
        if self.words.len() > TERMS {
            return wrong(format!("at most {TERMS} words"));
        }
        let is_term = |word: &str| {
            !word.trim().is_empty()
                && word.chars().count() <= TERM_CHARS
                && !word.chars().any(char::is_control)
        };
        match self.words.iter().find(|word| !is_term(word)) {
            Some(word) => wrong(format!(
                "{word:?} is no word of 1 to {TERM_CHARS} characters"
            )),
            None => Ok(()),
        }
    }
}

impl From<ChatFilter> for FilterTerms {
    fn from(row: ChatFilter) -> Self {
        Self {
            words: row.words.lines().map(str::to_owned).collect(),
            links: row.no_links == 0,
        }
    }
}
