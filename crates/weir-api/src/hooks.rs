//! Hooks: who is told of events over HTTP, what was delivered, and what was given up. Theirs are the operator's.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, rfc3339};
use weir_hook::{Dialect, HookFields, Secret};
use weir_store::Id;
use weir_store::hooks::{Delivery, DeliveryState, Endpoint, EndpointFields};

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, JsonBody, PathParts, QueryParts, at_most};
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::id_of;

/// Whose hooks these are: the operator's.
const OPERATOR: &str = "";
/// Things in one answer, where nobody says.
const DEFAULT_ITEMS: u32 = 50;
/// Things in one answer at most.
const MAX_ITEMS: u32 = 200;
/// How long deliveries are signed with the old secret too, milliseconds: a day to tell all receivers.
const ROTATION_MS: i64 = 24 * 3_600_000;

/// A hook as it is made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://example.net/weir", "app": "live", "types": ["stream.started", "stream.ended"] }))]
struct NewHook {
    /// Where events are sent to.
    url: String,
    /// Of this app's streams alone; empty for all.
    #[serde(default)]
    app: String,
    /// Types of events; none for all.
    #[serde(default)]
    types: Vec<String>,
    /// `standard` (Standard Webhooks), `srs` or `tencent`.
    #[serde(default = "standard")]
    dialect: String,
    /// A secret that the receiver has already: `whsec_` and base64 of 24 to 64 bytes. None: one is made.
    #[serde(default)]
    #[schema(nullable = false, required = false)]
    secret: Option<String>,
}

/// What becomes of a hook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "state": "paused" }))]
struct HookChange {
    /// Where events are sent to.
    #[schema(nullable = false, required = false)]
    url: Option<String>,
    /// Of this app's streams alone; empty for all.
    #[schema(nullable = false, required = false)]
    app: Option<String>,
    /// Types of events; empty for all.
    #[schema(nullable = false, required = false)]
    types: Option<Vec<String>>,
    /// `standard`, `srs` or `tencent`.
    #[schema(nullable = false, required = false)]
    dialect: Option<String>,
    /// `active`, or `paused`: what happens meanwhile waits.
    #[schema(nullable = false, required = false)]
    state: Option<String>,
}

/// Who is told of what.
#[derive(Debug, Serialize, ToSchema)]
struct HookSeen {
    id: String,
    url: String,
    app: String,
    types: Vec<String>,
    dialect: String,
    /// `active` or `paused`.
    state: String,
    /// When it was made (RFC 3339).
    created_at: String,
}

/// A hook, with the secret that is shown this once.
#[derive(Debug, Serialize, ToSchema)]
struct HookMade {
    #[serde(flatten)]
    hook: HookSeen,
    /// Deliveries are signed with it: keep it where the receiver is.
    secret: String,
}

/// Some hooks, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct HooksSeen {
    items: Vec<HookSeen>,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

/// What a receiver was told, and how it went.
#[derive(Debug, Serialize, ToSchema)]
struct DeliverySeen {
    /// `webhook-id`, the same at each try.
    id: String,
    /// The event's type.
    r#type: String,
    /// The event's stream.
    stream: String,
    /// `waiting`, `delivered` or `dead`.
    state: &'static str,
    tries: i64,
    /// When it is tried next, for one that waits (RFC 3339).
    next_at: Option<String>,
    /// Status of the last answer; null for none.
    status: Option<i64>,
    /// Of the last answer, or why there is none.
    words: String,
    /// As the log shows it.
    event: Value,
}

/// Some deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveriesSeen {
    items: Vec<DeliverySeen>,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ListAsked {
    /// Things in the answer.
    #[param(minimum = 1, maximum = 200, required = false, nullable = false)]
    limit: Option<u32>,
    /// `next` of the answer before; none for the first.
    #[param(required = false, nullable = false)]
    after: Option<String>,
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct DeliveriesAsked {
    /// `waiting`, `delivered` or `dead`; none for all.
    #[param(required = false, nullable = false)]
    state: Option<String>,
    /// Things in the answer.
    #[param(minimum = 1, maximum = 200, required = false, nullable = false)]
    limit: Option<u32>,
    /// `next` of the answer before; none for the newest.
    #[param(required = false, nullable = false)]
    after: Option<String>,
}

fn standard() -> String {
    Dialect::Standard.name().to_owned()
}

impl From<Endpoint> for HookSeen {
    fn from(hook: Endpoint) -> Self {
        Self {
            id: hook.id.to_string(),
            url: hook.url,
            app: hook.app,
            types: hook.types,
            dialect: hook.dialect,
            state: hook.state,
            created_at: rfc3339(hook.created_ms),
        }
    }
}

impl From<Delivery> for DeliverySeen {
    fn from(one: Delivery) -> Self {
        let waits = one.state == DeliveryState::Waiting;
        Self {
            id: one.id.to_string(),
            r#type: one.kind,
            stream: one.stream,
            state: one.state.name(),
            tries: one.tries,
            next_at: waits.then(|| rfc3339(one.next_ms)),
            status: (one.status > 0).then_some(one.status),
            words: one.words,
            event: serde_json::from_str(&one.event).unwrap_or_default(),
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, change, remove))
        .routes(routes!(rotate))
        .routes(routes!(deliveries))
        .routes(routes!(again))
}

/// Hooks, oldest first
#[utoipa::path(get, path = "/api/v1/hooks", tag = "events", operation_id = "hooks_list", params(ListAsked),
    responses(
        (status = 200, description = "Some of them", body = HooksSeen),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<ListAsked>,
) -> Result<Json<HooksSeen>, Refused> {
    let (limit, after) = part(asked.limit, asked.after.as_deref())?;
    let store = &state.happenings()?.store;
    let rows = store.hooks().list(OPERATOR, after, limit + 1).await;
    let (rows, next) = at_most(rows?, limit, |row| row.id.to_string());
    let items = rows.into_iter().map(HookSeen::from).collect();
    Ok(Json(HooksSeen { items, next }))
}

/// Have a receiver told of events
///
/// The answer has the secret that deliveries are signed with, this once.
#[utoipa::path(post, path = "/api/v1/hooks", tag = "events", operation_id = "hook_create", request_body = NewHook,
    responses(
        (status = 201, description = "From the next event on", body = HookMade),
        (status = 409, description = "There are too many hooks", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn create(
    Extract(state): Extract<State>,
    actor: Actor,
    JsonBody(new): JsonBody<NewHook>,
) -> Result<Response, Refused> {
    let fields = HookFields {
        app: &new.app,
        url: &new.url,
        types: &new.types,
        dialect: &new.dialect,
    };
    check(&fields)?;
    let secret = match &new.secret {
        Some(text) => Secret::parse(text)
            .map_err(|fault| Refused::field(Code::Unprocessable, "secret", fault.to_string()))?,
        None => Secret::make().map_err(|_| Refused::from(Code::Unavailable))?,
    };
    let store = &state.happenings()?.store;
    let fields = EndpointFields {
        app: fields.app,
        url: fields.url,
        types: fields.types,
        dialect: fields.dialect,
        state: "active",
    };
    let made = store
        .hooks()
        .create(OPERATOR, fields, &secret.reveal())
        .await;
    let made = made?;
    let act = Acted {
        action: "hook.create",
        object: &made.id.to_string(),
        before: Value::Null,
        after: told(&made),
    };
    actor.did(&state, act).await?;
    let tag = tag(&made);
    let body = HookMade {
        hook: made.into(),
        secret: secret.reveal(),
    };
    Ok(tag.on((StatusCode::CREATED, Json(body))))
}

/// One hook
#[utoipa::path(get, path = "/api/v1/hooks/{id}", tag = "events", operation_id = "hook",
    params(("id" = String, Path, description = "The hook's id")), responses(
        (status = 200, description = "The hook", body = HookSeen),
        (status = 304, description = "It is the version that If-None-Match names"),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn one(
    Extract(state): Extract<State>,
    headers: HeaderMap,
    PathParts(text): PathParts<String>,
) -> Result<Response, Refused> {
    let hook = find(&state, &text).await?;
    let tag = tag(&hook);
    Ok(tag.answer(&headers, Json(HookSeen::from(hook))))
}

/// Change a hook
#[utoipa::path(patch, path = "/api/v1/hooks/{id}", tag = "events", operation_id = "hook_change",
    request_body = HookChange,
    params(
        ("id" = String, Path, description = "The hook's id"),
        ("If-Match" = Option<String>, Header, description = "The tag of the version that is meant"),
    ),
    responses(
        (status = 200, description = "As it is now", body = HookSeen),
        (status = 412, description = "Somebody changed it meanwhile", body = Problem,
            content_type = "application/problem+json"),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn change(
    Extract(state): Extract<State>,
    actor: Actor,
    headers: HeaderMap,
    PathParts(text): PathParts<String>,
    JsonBody(change): JsonBody<HookChange>,
) -> Result<Response, Refused> {
    let old = find(&state, &text).await?;
    tag(&old).admits(&headers)?;
    let fields = HookFields {
        app: change.app.as_ref().unwrap_or(&old.app),
        url: change.url.as_ref().unwrap_or(&old.url),
        types: change.types.as_ref().unwrap_or(&old.types),
        dialect: change.dialect.as_ref().unwrap_or(&old.dialect),
    };
    check(&fields)?;
    let wanted = change.state.as_ref().unwrap_or(&old.state);
    if !["active", "paused"].contains(&wanted.as_str()) {
        let words = "is one of active and paused";
        return Err(Refused::field(Code::Unprocessable, "state", words));
    }
    let fields = EndpointFields {
        app: fields.app,
        url: fields.url,
        types: fields.types,
        dialect: fields.dialect,
        state: wanted,
    };
    let happenings = state.happenings()?;
    let hooks = happenings.store.hooks();
    let new = hooks.change((OPERATOR, old.id), old.version, fields).await;
    let new = new?;
    happenings.dispatcher.poke();
    let act = Acted {
        action: "hook.change",
        object: &new.id.to_string(),
        before: told(&old),
        after: told(&new),
    };
    actor.did(&state, act).await?;
    let tag = tag(&new);
    Ok(tag.on(Json(HookSeen::from(new))))
}

/// Remove a hook, with all that waits for it
#[utoipa::path(delete, path = "/api/v1/hooks/{id}", tag = "events", operation_id = "hook_remove",
    params(("id" = String, Path, description = "The hook's id")), responses(
        (status = 204, description = "It is gone"),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn remove(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<StatusCode, Refused> {
    let old = find(&state, &text).await?;
    let hooks = state.happenings()?.store.hooks();
    hooks.remove(OPERATOR, old.id).await?;
    let act = Acted {
        action: "hook.remove",
        object: &old.id.to_string(),
        before: told(&old),
        after: Value::Null,
    };
    actor.did(&state, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a hook another secret
///
/// Deliveries are signed with the old one too for a day.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/secret", tag = "events", operation_id = "hook_rotate",
    params(("id" = String, Path, description = "The hook's id")), responses(
        (status = 200, description = "The new secret, this once", body = HookMade),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn rotate(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(text): PathParts<String>,
) -> Result<Json<HookMade>, Refused> {
    let old = find(&state, &text).await?;
    let secret = Secret::make().map_err(|_| Refused::from(Code::Unavailable))?;
    let store = &state.happenings()?.store;
    let until_ms = store.now_ms() + ROTATION_MS;
    let rotated = store
        .hooks()
        .rotate((OPERATOR, old.id), &secret.reveal(), until_ms)
        .await?;
    let act = Acted {
        action: "hook.rotate",
        object: &old.id.to_string(),
        before: Value::Null,
        after: Value::Null,
    };
    actor.did(&state, act).await?;
    Ok(Json(HookMade {
        hook: rotated.into(),
        secret: secret.reveal(),
    }))
}

/// What a receiver was told, newest first
#[utoipa::path(get, path = "/api/v1/hooks/{id}/deliveries", tag = "events", operation_id = "hook_deliveries",
    params(("id" = String, Path, description = "The hook's id"), DeliveriesAsked), responses(
        (status = 200, description = "Some of it", body = DeliveriesSeen),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn deliveries(
    Extract(state): Extract<State>,
    PathParts(text): PathParts<String>,
    QueryParts(asked): QueryParts<DeliveriesAsked>,
) -> Result<Json<DeliveriesSeen>, Refused> {
    let (limit, before) = part(asked.limit, asked.after.as_deref())?;
    let wanted = asked.state.as_deref().map(|name| {
        let words = "is one of waiting, delivered and dead";
        DeliveryState::from_name(name)
            .ok_or_else(|| Refused::field(Code::BadRequest, "state", words))
    });
    let wanted = wanted.transpose()?;
    let hook = find(&state, &text).await?;
    let hooks = state.happenings()?.store.hooks();
    let key = (OPERATOR, hook.id);
    let rows = hooks.deliveries(key, wanted, before, limit + 1).await;
    let (rows, next) = at_most(rows?, limit, |row| row.id.to_string());
    let items = rows.into_iter().map(DeliverySeen::from).collect();
    Ok(Json(DeliveriesSeen { items, next }))
}

/// Send a delivery again
///
/// One that was delivered, or that was given up. It goes before those of its stream that wait.
#[utoipa::path(post, path = "/api/v1/hooks/{id}/deliveries/{delivery}/again", tag = "events",
    operation_id = "hook_deliver_again",
    params(
        ("id" = String, Path, description = "The hook's id"),
        ("delivery" = String, Path, description = "The delivery's id"),
    ),
    responses(
        (status = 202, description = "It is tried"),
        NotThere,
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn again(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((hook, delivery)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let (hook, delivery) = (id_of(&hook)?, id_of(&delivery)?);
    let happenings = state.happenings()?;
    let hooks = happenings.store.hooks();
    let sent = hooks.again((OPERATOR, hook), delivery).await;
    sent?;
    happenings.dispatcher.poke();
    let act = Acted {
        action: "hook.again",
        object: &hook.to_string(),
        before: Value::Null,
        after: json!({ "delivery": delivery }),
    };
    actor.did(&state, act).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn find(state: &State, text: &str) -> Result<Endpoint, Refused> {
    let hooks = state.happenings()?.store.hooks();
    Ok(hooks.one(OPERATOR, id_of(text)?).await?)
}

fn check(fields: &HookFields<'_>) -> Result<(), Refused> {
    fields
        .check()
        .map_err(|fault| Refused::field(Code::Unprocessable, fault.field, fault.words))
}

fn tag(hook: &Endpoint) -> Etag {
    Etag::of(format!("{} {}", hook.id, hook.version))
}

/// A hook as the audit log has it: without its secrets.
fn told(hook: &Endpoint) -> Value {
    json!({
        "url": hook.url, "app": hook.app, "types": hook.types, "dialect": hook.dialect, "state": hook.state,
    })
}

fn part(limit: Option<u32>, after: Option<&str>) -> Result<(u32, Option<Id>), Refused> {
    let limit = limit.unwrap_or(DEFAULT_ITEMS);
    if !(1..=MAX_ITEMS).contains(&limit) {
        let words = format!("a page has from 1 to {MAX_ITEMS} things");
        return Err(Refused::field(Code::BadRequest, "limit", words));
    }
    let after = after.map(|text| {
        let words = "this is not what a page before called `next`";
        text.parse()
            .map_err(|_| Refused::field(Code::BadRequest, "after", words))
    });
    Ok((limit, after.transpose()?))
}
