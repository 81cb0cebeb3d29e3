//! `/api/v1/apps` for operators: what each app takes. It counts before what the node's file says of the app.
//!
//! Secrets of keys go in and never out: one that is made here is shown in the answer that makes it.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::{AppRules, Auth};
use weir_base::sign::SigningKey;
use weir_base::{Code, ids};
use weir_store::StoreError;
use weir_store::apps::{App, AppTerms};

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, Page, PageParams, PathParts};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::StoreAway;

/// Apps on one page, when nobody says.
const PAGE: u32 = 50;
/// Random bytes of a key's secret that is made here.
const SECRET_BYTES: usize = 32;
/// Seconds in an hour.
const HOUR_S: i64 = 3_600;
/// Hours that can be said: a hundred years.
const MAX_HOURS: i64 = 100 * 366 * 24;

/// What an app shall take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "rules": { "publish": "key", "max_streams": 20, "priority": "high", "keys": [{ "id": "k1" }] },
    "retention_hours": 72, "recording_hours": null,
}))]
struct AppWish {
    /// As `[apps.NAME]` of the configuration file has it. A key of `keys` without a secret keeps the one that it
    /// has; one that is new gets one.
    #[schema(value_type = Object)]
    rules: Map<String, Value>,
    /// How long its recordings are kept; left out: as the instance says.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 878_400)]
    retention_hours: Option<i64>,
    /// Hours of recordings that it may keep; left out: no bound.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 878_400)]
    recording_hours: Option<i64>,
}

/// What an app takes.
#[derive(Debug, Serialize, ToSchema)]
struct AppTermsShown {
    /// Its name, all levels.
    app: String,
    /// As `[apps.NAME]` of the configuration file has it, without the secrets of its keys.
    #[schema(value_type = Object)]
    rules: Map<String, Value>,
    retention_hours: Option<i64>,
    recording_hours: Option<i64>,
    /// Its `jwks_url` was read, and keys were found there.
    has_key_set: bool,
    created_ms: i64,
    changed_ms: i64,
}

/// What an app takes from now on.
#[derive(Debug, Serialize, ToSchema)]
struct AppSet {
    #[serde(flatten)]
    terms: AppTermsShown,
    /// Secrets of keys that are new. Said this once.
    made: Vec<MadeSecret>,
}

/// A secret that was made for a key.
#[derive(Debug, Serialize, ToSchema)]
struct MadeSecret {
    /// Of the key.
    id: String,
    secret: String,
}

/// Apps.
#[derive(Debug, Serialize, ToSchema)]
struct AppTermsList {
    /// By name.
    items: Vec<AppTermsShown>,
    /// For `?after=`, where there is more.
    next: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set, remove))
}

/// What each app takes
#[utoipa::path(get, path = "/api/v1/apps", tag = "places", operation_id = "app_list", params(PageParams),
    responses(StoreAway, (status = 200, description = "Apps that something is said of here", body = AppTermsList)),
)]
async fn list(Extract(state): Extract<State>, page: Page) -> Result<Json<AppTermsList>, Refused> {
    let limit = page.limit(PAGE);
    let after = page.after().unwrap_or_default();
    let apps = state.store()?.apps().list(after, limit + 1).await?;
    let (apps, next) = Page::full(apps, limit, |app| app.name.clone());
    let items = apps.into_iter().map(AppTermsShown::from);
    Ok(Json(AppTermsList {
        items: items.collect(),
        next,
    }))
}

/// Say what an app takes
///
/// All of it: what is left out is as the node's file says. Nodes go by it within a second.
#[utoipa::path(put, path = "/api/v1/apps/{*app}", tag = "places", operation_id = "app_set",
    params(
        ("app" = String, Path, description = "All levels of the app", example = "live"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant"),
    ),
    request_body = AppWish,
    responses(
        StoreAway,
        (status = 200, description = "It takes this now", body = AppSet),
        (status = 201, description = "Something is said of it for the first time", body = AppSet),
        (status = 412, description = "Somebody else changed it meanwhile",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn set(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    asked: HeaderMap,
    JsonBody(wish): JsonBody<AppWish>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    weir_base::StreamName::new("", &name, "x")
        .map_err(|refusal| Refused::field(Code::Unprocessable, "app", refusal.detail))?;
    let old = match store.apps().by_name(&name).await {
        Ok(app) => Some(app),
        Err(StoreError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(old) = &old {
        tag(old).admits(&asked)?;
    }
    let (rules, key_set_url, made) = wish.checked(&name, old.as_ref())?;
    let terms = AppTerms {
        rules: &rules,
        key_set_url: &key_set_url,
        retention_s: seconds("retention_hours", wish.retention_hours)?,
        recording_s: seconds("recording_hours", wish.recording_hours)?,
    };
    let (status, app) = match &old {
        Some(old) => {
            let edited = store.apps().edit(&name, old.version, &terms).await?;
            (StatusCode::OK, edited)
        }
        None => (
            StatusCode::CREATED,
            store.apps().create(&name, &terms).await?,
        ),
    };
    let (tag, before) = (tag(&app), old.map_or(Value::Null, told));
    let act = Acted::plain("app.set", &name)
        .was(before)
        .now(told(app.clone()));
    actor.did(&state, act).await?;
    let terms = app.into();
    Ok(tag.on((status, Json(AppSet { terms, made }))))
}

/// Say nothing of an app any more
///
/// What the node's file says counts again.
#[utoipa::path(delete, path = "/api/v1/apps/{*app}", tag = "places", operation_id = "app_remove",
    params(("app" = String, Path, description = "All levels of the app", example = "live")),
    responses(StoreAway, (status = 204, description = "The file counts"), NotThere),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let old = store.apps().by_name(&name).await?;
    store.apps().remove(&name).await?;
    let act = Acted::plain("app.remove", &name).was(told(old));
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tag(app: &App) -> Etag {
    Etag::of(format!("{} {}", app.name, app.version))
}

/// An app as the audit log has it: without its secrets.
fn told(app: App) -> Value {
    serde_json::to_value(AppTermsShown::from(app)).unwrap_or_default()
}

fn seconds(field: &str, hours: Option<i64>) -> Result<i64, Refused> {
    match hours {
        None => Ok(0),
        Some(hours) if (1..=MAX_HOURS).contains(&hours) => Ok(hours * HOUR_S),
        Some(_) => {
            let words = format!("from 1 to {MAX_HOURS} hours, or nothing");
            Err(Refused::field(Code::Unprocessable, field, words))
        }
    }
}

impl AppWish {
    /// The rules as they are kept, where the app's key set is, and the secrets that were made for them.
    fn checked(
        &self,
        name: &str,
        old: Option<&App>,
    ) -> Result<(String, String, Vec<MadeSecret>), Refused> {
        let wrong = |words: String| Refused::field(Code::Unprocessable, "rules", words);
        let mut rules = self.rules.clone();
        let old = old.map(|app| parsed(&app.rules)).unwrap_or_default();
        let made = fill_secrets(&mut rules, &old)?;
        // Nothing that is not said: what the file says counts there.
        rules.retain(|_, value| !value.is_null());
        let parsed: AppRules = serde_json::from_value(rules.clone().into())
            .map_err(|error| wrong(error.to_string()))?;
        // Whether the file has keys is not known here, so that it may is believed.
        let auth = Auth {
            keys: vec![SigningKey {
                id: String::new(),
                secret: String::new(),
            }],
            ..Auth::default()
        };
        parsed
            .check(name, &auth)
            .map_err(|error| wrong(error.to_string()))?;
        Ok((Value::from(rules).to_string(), parsed.jwks_url, made))
    }
}

/// Puts a secret into each key that has none: the one of the same id until now, else one that is made.
fn fill_secrets(
    rules: &mut Map<String, Value>,
    old: &Map<String, Value>,
) -> Result<Vec<MadeSecret>, Refused> {
    let before = old.get("keys").and_then(Value::as_array);
    let known = |id: &Value, opens: Option<&Value>| {
        let mut keys = before.into_iter().flatten();
        let same = keys.find(|key| key.get("id") == Some(id) && key.get("opens") == opens);
        same.and_then(|key| key.get("secret")).cloned()
    };
    let keys = rules.get_mut("keys").and_then(Value::as_array_mut);
    let mut made = Vec::new();
    for key in keys.into_iter().flatten().filter_map(Value::as_object_mut) {
        let has = |field: &str| {
            key.get(field)
                .and_then(Value::as_str)
                .is_some_and(|text| !text.is_empty())
        };
        if has("secret") || has("public_key") {
            continue;
        }
        let id = key.get("id").cloned().unwrap_or_else(|| json!(""));
        let secret = match known(&id, key.get("opens")) {
            Some(secret) => secret,
            None => {
                let secret = fresh_secret()?;
                made.push(MadeSecret {
                    id: id.as_str().unwrap_or_default().to_owned(),
                    secret: secret.clone(),
                });
                secret.into()
            }
        };
        key.insert("secret".to_owned(), secret);
    }
    Ok(made)
}

fn fresh_secret() -> Result<String, Refused> {
    let bytes = ids::random_bytes::<SECRET_BYTES>().map_err(|error| {
        tracing::error!("the system has no randomness: {error}");
        Refused::from(Code::Storage)
    })?;
    Ok(ids::hex(&bytes))
}

fn parsed(rules: &str) -> Map<String, Value> {
    serde_json::from_str(rules).unwrap_or_default()
}

impl From<App> for AppTermsShown {
    fn from(app: App) -> Self {
        let hours = |seconds: i64| (seconds != 0).then_some(seconds / HOUR_S);
        let mut rules = parsed(&app.rules);
        let keys = rules.get_mut("keys").and_then(Value::as_array_mut);
        for key in keys.into_iter().flatten().filter_map(Value::as_object_mut) {
            key.remove("secret");
        }
        Self {
            app: app.name,
            rules,
            retention_hours: hours(app.retention_s),
            recording_hours: hours(app.recording_s),
            has_key_set: !app.key_set.is_empty(),
            created_ms: app.created_ms,
            changed_ms: app.changed_ms,
        }
    }
}
