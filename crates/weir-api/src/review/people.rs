//! Accounts that look at live streams of some apps, whatever their role is: their own company's people, or another's. They
//! see those apps' streams in review, and nothing else that moderators see.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use weir_account::Right;
use weir_base::{Code, StreamName, rfc3339};
use weir_store::StoreError;

use super::shown::named;
use crate::acts::{Acted, Actor, names_of};
use crate::asked::{JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Apps that one of them may see.
const MAX_APPS: usize = 50;

/// What whoever asks may do in review.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewSelf)]
pub(super) struct SelfSeen {
    /// Apps whose streams one sees; null: all.
    apps: Option<Vec<String>>,
    /// Decides what others hand on, and runs the banks.
    leads: bool,
    /// Sees streams of all apps, and the rest of the console.
    moderates: bool,
}

/// Whose streams somebody may look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "apps": ["live", "school"] }))]
pub(super) struct PersonWish {
    /// Names of apps, all levels of each.
    #[schema(min_items = 1, max_items = 50)]
    apps: Vec<String>,
}

/// Somebody who looks at streams of some apps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewPerson)]
pub(super) struct PersonSeen {
    /// The account.
    id: String,
    /// What it is called; null where it is gone.
    name: Option<String>,
    apps: Vec<String>,
    /// Since when (RFC 3339).
    since_at: String,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewPeople)]
pub(super) struct PeopleSeen {
    items: Vec<PersonSeen>,
}

/// Whether an app may be called so.
fn is_app(app: &str) -> bool {
    StreamName::new("", app, "a").is_ok_and(|name| name.app() == app)
}

/// What one may do in review
#[utoipa::path(get, path = "/api/v1/review/self", tag = "review", operation_id = "review_self",
    responses((status = 200, description = "What one may", body = SelfSeen)),
)]
pub(super) async fn own(Extract(state): Extract<State>, caller: Caller) -> Json<SelfSeen> {
    Json(SelfSeen {
        apps: state.reviewers().apps_of(&caller),
        leads: caller.rights.has(Right::ReviewLead),
        moderates: caller.rights.has(Right::ReviewAct),
    })
}

/// Who looks at streams of some apps
#[utoipa::path(get, path = "/api/v1/review/people", tag = "review", operation_id = "review_people",
    responses(StoreAway, (status = 200, description = "All of them", body = PeopleSeen)),
)]
pub(super) async fn list(Extract(state): Extract<State>) -> Result<Json<PeopleSeen>, Refused> {
    let people = state.store()?.review().people().await?;
    let ids = people.iter().filter_map(|one| one.user_id.parse().ok());
    let names = names_of(&state, ids).await;
    let items = people.into_iter().map(|one| PersonSeen {
        name: named(&names, &one.user_id),
        id: one.user_id,
        apps: one.apps,
        since_at: rfc3339(one.given_ms),
    });
    let items = items.collect();
    Ok(Json(PeopleSeen { items }))
}

/// Have an account look at streams of some apps
///
/// Whatever its role is. It counts within two seconds.
#[utoipa::path(put, path = "/api/v1/review/people/{id}", tag = "review", operation_id = "review_person_put",
    params(("id" = String, Path, description = "The account")),
    request_body = PersonWish,
    responses(
        StoreAway,
        (status = 204, description = "It may"),
        NotThere,
        (status = 409, description = "There are as many people as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn put(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
    JsonBody(wish): JsonBody<PersonWish>,
) -> Result<StatusCode, Refused> {
    let wrong = |words: String| Refused::field(Code::Unprocessable, "apps", words);
    if wish.apps.is_empty() || wish.apps.len() > MAX_APPS {
        return Err(wrong(format!("from 1 to {MAX_APPS} apps")));
    }
    if let Some(odd) = wish.apps.iter().find(|app| !is_app(app)) {
        return Err(wrong(format!("no app is called {odd:?}")));
    }
    let id = id_of(&id)?;
    let store = state.store()?;
    if names_of(&state, [id]).await.is_empty() {
        return Err(StoreError::Missing("account").into());
    }
    let review = store.review();
    review.let_look(id, &wish.apps, &actor.user()).await?;
    state.reviewers().forget();
    let id = id.to_string();
    let act = Acted::plain("review.person_put", &id).now(json!({ "apps": wish.apps }));
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Have an account look no more
#[utoipa::path(delete, path = "/api/v1/review/people/{id}", tag = "review", operation_id = "review_person_remove",
    params(("id" = String, Path, description = "The account")),
    responses(StoreAway, (status = 204, description = "It may not"), NotThere),
)]
pub(super) async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(id): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let id = id_of(&id)?;
    state.store()?.review().let_look_no_more(id).await?;
    state.reviewers().forget();
    let act = id.to_string();
    actor
        .did(&state, Acted::plain("review.person_remove", &act))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
