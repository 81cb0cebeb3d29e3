//! The API's description of itself (OpenAPI 3.1), made from the routes: `GET /api/v1/openapi.json`.
//!
//! What holds for every operation is said once here: how refusals look, and which of them follow from a body,
//! from parameters, and from the right that an operation takes.

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;

use crate::asked::Etag;
use crate::caller::SESSION_COOKIE;
use crate::refused::{FieldError, MEDIA_TYPE, Problem, Refused};
use crate::state::State;
use weir_account::{AccountRole, DoorOf, Right};

/// A bearer token: of a session, an API key, or the operator's.
pub(crate) const TOKEN_SCHEME: &str = "token";
/// The site's cookie.
pub(crate) const SESSION_SCHEME: &str = "session";
/// A node's proof.
pub(crate) const NODE_SCHEME: &str = "node";
/// Which right an operation takes.
pub(crate) const RIGHT: &str = "x-weir-right";
/// Where a parameter says that slashes in it part levels of the path.
const LEVELS: &str = "x-weir-levels";

/// The document as it is served.
#[derive(Debug)]
pub(crate) struct Document {
    bytes: Bytes,
    etag: Etag,
}

impl Document {
    /// Of all routes.
    pub(crate) fn new(routes: &OpenApi, version: &str) -> Self {
        let bytes = Bytes::from(finished(routes, version).to_string());
        Self {
            etag: Etag::of(&bytes),
            bytes,
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(document))
}

/// This document
///
/// OpenAPI 3.1. People read it at `/docs`.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "about", responses(
    (status = 200, description = "The document", body = Object),
    (status = 304, description = "It is the one that If-None-Match names"),
))]
async fn document(Extract(state): Extract<State>, asked: HeaderMap) -> Result<Response, Refused> {
    let document = state.document().ok_or(Code::Unavailable)?;
    let fixed = HeaderValue::from_static;
    let headers = [
        (header::CONTENT_TYPE, fixed("application/json")),
        (header::CACHE_CONTROL, fixed("no-cache")),
        // The document holds no secret, and tools on other sites read it.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*")),
    ];
    let answer = (headers, document.bytes.clone()).into_response();
    Ok(document.etag.answer(&asked, answer))
}

/// Each operation of a document, with its method.
pub(crate) fn operations(
    openapi: &mut OpenApi,
) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    openapi.paths.paths.values_mut().flat_map(|item| {
        let all = [
            (HttpMethod::Get, item.get.as_mut()),
            (HttpMethod::Put, item.put.as_mut()),
            (HttpMethod::Post, item.post.as_mut()),
            (HttpMethod::Delete, item.delete.as_mut()),
            (HttpMethod::Patch, item.patch.as_mut()),
        ];
        all.into_iter()
            .filter_map(|(method, operation)| Some((method, operation?)))
    })
}

fn finished(routes: &OpenApi, version: &str) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    document["info"] = json!({
        "title": "weir", "version": version,
        "description": ABOUT,
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["tags"] = TAGS
        .iter()
        .map(|(name, words)| json!({ "name": name, "description": words }))
        .collect();
    if let Some(paths) = document["paths"].as_object_mut() {
        *paths = std::mem::take(paths).into_iter().map(levelled).collect();
        for item in paths.values_mut() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                finish(method, operation);
            }
        }
    }
    let components = &mut document["components"];
    components["securitySchemes"] = schemes();
    for (status, name, words) in REFUSALS {
        components["responses"][name] = match status {
            // The listener refuses these, for media as for the API.
            414 | 431 => json!({
                "description": words,
                "content": { "application/json": { "schema": { "type": "object" } } },
            }),
            _ => json!({
                "description": words,
                "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
            }),
        };
    }
    for (name, schema) in [
        ("Problem", Problem::schema()),
        ("FieldError", FieldError::schema()),
    ] {
        components["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
    document["x-weir-codes"] = codes();
    document["x-weir-rights"] = rights();
    document
}

/// A rest of a path is one parameter, however many levels it has: what says so is ours, as OpenAPI has no word for it.
fn levelled((path, mut item): (String, Value)) -> (String, Value) {
    if let Some((_, rest)) = path.split_once("{*") {
        let name = rest.split('}').next().unwrap_or_default();
        let operations = item.as_object_mut().into_iter().flatten();
        let parameters = operations.flat_map(|(_, operation)| {
            let parameters = operation["parameters"].as_array_mut();
            parameters.into_iter().flatten()
        });
        for parameter in parameters.filter(|parameter| parameter["name"] == name) {
            parameter[LEVELS] = json!(true);
        }
    }
    (path.replace("{*", "{"), item)
}

/// What every refusal of a status means; an operation's own words go before these.
const REFUSALS: [(u16, &str, &str); 11] = [
    (400, "BadRequest", "The request cannot be read"),
    (401, "SignedOut", "No credentials, or wrong ones"),
    (
        403,
        "Forbidden",
        "The credentials do not have the right that this takes",
    ),
    (
        404,
        "NotFound",
        "There is no such thing here; where the operator's listener is another, nothing of this",
    ),
    (
        409,
        "Conflict",
        "A request with the same Idempotency-Key is being answered",
    ),
    (413, "TooLarge", "The body is too large"),
    (
        414,
        "AddressTooLong",
        "The address is longer than 8 KiB; said before it is known what is asked, as plain JSON",
    ),
    (415, "WrongMediaType", "The body is no JSON"),
    (
        422,
        "Unprocessable",
        "A field makes no sense, or is not known",
    ),
    (
        429,
        "RateLimited",
        "Too many requests: Retry-After says when",
    ),
    (
        431,
        "HeadTooLarge",
        "More or longer headers than are read here; said before it is known what is asked, as plain JSON",
    ),
];

const ABOUT: &str = "Streams, who publishes and watches them, and the nodes that carry them.\n\n\
    Refusals are `application/problem+json` (RFC 9457) with a stable `code` and what to do next. Lists have pages: \
    `limit` and `after`, which is what the page before called `next`. A POST with an `Idempotency-Key` is done once. \
    `RateLimit-Policy` and `RateLimit` tell how often one may ask.";

const TAGS: [(&str, &str); 13] = [
    ("about", "What this server is"),
    ("accounts", "Who somebody is, and what they may do"),
    ("streams", "What is live, and who is there"),
    ("snapshots", "Pictures of what is live"),
    (
        "channels",
        "Places to broadcast at, their keys, and who follows them",
    ),
    ("pages", "What the site says of itself"),
    ("bans", "Who or what may not, and what is said against it"),
    ("events", "What happened, and who is told of it"),
    ("recordings", "What can be watched again"),
    ("chat", "What is said, and gifts"),
    ("places", "Where to publish and play"),
    ("cluster", "Nodes, and servers of other makes"),
    ("srs", "In the shape that users of SRS know"),
];

/// Adds to an operation the refusals that follow from what it takes.
fn finish(method: &str, operation: &mut Value) {
    let has = |key: &str| operation.get(key).is_some_and(|value| !value.is_null());
    let (asks, guarded) = (has("parameters"), has("security"));
    let body = has("requestBody");
    let door = operation[RIGHT].as_str().and_then(Right::from_name);
    let elsewhere = door.is_some_and(|right| right.door() == DoorOf::Admin);
    // What a key may be refused for.
    let keyed = guarded && method == "post";
    let follows = |status: u16| match status {
        400 => asks || body || keyed,
        401 | 403 => guarded,
        404 => elsewhere,
        409 => keyed,
        413 | 422 => body || keyed,
        415 => body,
        414 | 431 => asks,
        _ => true,
    };
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, name, _) in REFUSALS.iter().filter(|(status, ..)| follows(*status)) {
        let said = json!({ "$ref": format!("#/components/responses/{name}") });
        responses.entry(status.to_string()).or_insert(said);
    }
}

fn schemes() -> Value {
    json!({
        TOKEN_SCHEME: {
            "type": "http", "scheme": "bearer",
            "description": "The token of a session, an API key, or the operator's admin token. \
                            The admin token may be sent as the password of HTTP Basic too.",
        },
        SESSION_SCHEME: {
            "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
            "description": "What a browser has when it is signed in. Changes have to come from the site's own pages.",
        },
        NODE_SCHEME: {
            "type": "apiKey", "in": "header", "name": "Authorization",
            "description": "How nodes of one cluster prove themselves.",
        },
    })
}

/// The code table, for whoever meets a code.
fn codes() -> Value {
    let row = |code: &Code| {
        let entry = code.entry();
        json!({
            "code": entry.number, "name": entry.name, "fault": entry.fault.name(),
            "status": (entry.http > 0).then_some(entry.http),
            "message": entry.message, "advice": entry.advice,
        })
    };
    Code::ALL.iter().map(row).collect()
}

/// Which roles have which right.
fn rights() -> Value {
    let roles = |right: &Right| {
        let have = AccountRole::ALL.into_iter();
        let have = have.filter(|role| role.rights().has(*right));
        have.map(AccountRole::name).collect::<Vec<_>>()
    };
    Right::ALL
        .iter()
        .map(|right| (right.name(), roles(right)))
        .map(|(name, roles)| (name.to_owned(), json!(roles)))
        .collect::<Map<_, _>>()
        .into()
}
