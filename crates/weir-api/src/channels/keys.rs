//! `/api/v1/channels/{name}/keys`: the secrets that a channel is published with. Each is shown once.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_admit::KeyDigest;
use weir_base::{Code, ids};
use weir_store::channels::{NewStreamKey, StreamKey};

use super::doors::{Wish, open};
use crate::acts::{Acted, Actor};
use crate::asked::{JsonBody, PathParts};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, id_of};

/// Bytes of a key that nobody can guess.
const KEY_BYTES: usize = 20;
/// Characters of what somebody calls a key.
const MAX_LABEL_CHARS: usize = 60;
/// Seconds that the old key of a rotation is good when nobody says: time to change an encoder.
const GRACE_S: u32 = 3_600;
/// Seconds that it may be good at most.
const MAX_GRACE_S: u32 = 7 * 24 * 3_600;

/// A key to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = KeyWish, example = json!({ "label": "OBS at home" }))]
struct KeyWish {
    /// What to call it.
    #[schema(max_length = 60)]
    label: String,
}

/// How an old key ends.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "grace_s": 3600 }))]
struct Rotation {
    /// Seconds that the old key is good beside the new one; an hour when nobody says.
    #[schema(minimum = 0, maximum = 604_800, nullable = false, required = false)]
    grace_s: Option<u32>,
}

/// A key as it is shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "key": "5f0c6a1e9d", "id": "019f0000-0000-7000-8000-000000000000", "stream": "live/ann",
}))]
struct FreshKey {
    /// For `rtmp://HOST/{app}/{name}?key=`; it is not shown again.
    key: String,
    /// What it is known by from now on.
    id: String,
    /// What it publishes.
    stream: String,
}

/// A key as it is listed.
#[derive(Debug, Serialize, ToSchema)]
struct ListedKey {
    id: String,
    /// What its owner calls it.
    label: String,
    /// The key that it came for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    replaces: Option<String>,
    created_ms: i64,
    /// When it ends.
    expires_ms: Option<i64>,
    /// When it was taken back.
    revoked_ms: Option<i64>,
    /// When it was last published with.
    used_ms: Option<i64>,
    /// From where.
    used_address: Option<String>,
}

/// The keys of a channel.
#[derive(Debug, Serialize, ToSchema)]
struct StreamKeyList {
    /// The newest first.
    items: Vec<ListedKey>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(rotate))
        .routes(routes!(revoke))
}

/// The keys of a channel
///
/// With those that ended within a month, and where each was last used from.
#[utoipa::path(get, path = "/api/v1/channels/{name}/keys", tag = "channels", operation_id = "key_list",
    params(("name" = String, Path, description = "The channel")),
    responses(StoreAway, (status = 200, description = "The keys", body = StreamKeyList), NotThere),
)]
async fn list(
    Extract(state): Extract<State>,
    caller: Caller,
    PathParts(name): PathParts<String>,
) -> Result<Json<StreamKeyList>, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&caller), &name, Wish::Edit).await?;
    let keys = store.channels().keys(&channel).await?;
    Ok(Json(StreamKeyList {
        items: keys.into_iter().map(ListedKey::from).collect(),
    }))
}

/// Make a key
///
/// It is shown in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/channels/{name}/keys", tag = "channels", operation_id = "key_add",
    params(("name" = String, Path, description = "The channel")),
    request_body = KeyWish,
    responses(
        StoreAway,
        (status = 201, description = "The key", body = FreshKey),
        NotThere,
        (status = 409, description = "The channel has as many as may be",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn add(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
    JsonBody(wish): JsonBody<KeyWish>,
) -> Result<(StatusCode, Json<FreshKey>), Refused> {
    if wish.label.chars().count() > MAX_LABEL_CHARS || wish.label.chars().any(char::is_control) {
        let words = format!("a label has at most {MAX_LABEL_CHARS} characters in one line");
        return Err(Refused::field(Code::Unprocessable, "label", words));
    }
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    let (key, key_hash) = fresh()?;
    let new = NewStreamKey {
        key_hash: &key_hash,
        label: &wish.label,
    };
    let made = store.channels().add_key(&channel, &new).await?;
    let act = Acted::plain("key.create", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    let stream = format!("{}/{}", channel.app, channel.name);
    Ok((StatusCode::CREATED, Json(FreshKey::new(key, &made, stream))))
}

/// Put a new key in the place of one
///
/// Both are good for `grace_s`, so that an encoder can be changed without an interruption.
#[utoipa::path(post, path = "/api/v1/channels/{name}/keys/{id}/rotate", tag = "channels", operation_id = "key_rotate",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The key that is to end"),
    ),
    request_body = Rotation,
    responses(
        StoreAway,
        (status = 201, description = "The new key", body = FreshKey),
        NotThere,
        (status = 412, description = "The key has ended, or was replaced before",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn rotate(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
    JsonBody(rotation): JsonBody<Rotation>,
) -> Result<(StatusCode, Json<FreshKey>), Refused> {
    let grace_s = rotation.grace_s.unwrap_or(GRACE_S);
    if grace_s > MAX_GRACE_S {
        let words = format!("the old key may be good for {MAX_GRACE_S} seconds at most");
        return Err(Refused::field(Code::Unprocessable, "grace_s", words));
    }
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    let (key, key_hash) = fresh()?;
    let new = NewStreamKey {
        key_hash: &key_hash,
        label: "",
    };
    let grace_ms = i64::from(grace_s) * 1_000;
    let made = store
        .channels()
        .rotate_key(&channel, id_of(&id)?, &new, grace_ms)
        .await?;
    let act = Acted::plain("key.rotate", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    let stream = format!("{}/{}", channel.app, channel.name);
    Ok((StatusCode::CREATED, Json(FreshKey::new(key, &made, stream))))
}

/// Take a key back
///
/// At once, also for somebody who publishes with it where the app ends rights that end.
#[utoipa::path(delete, path = "/api/v1/channels/{name}/keys/{id}", tag = "channels", operation_id = "key_revoke",
    params(
        ("name" = String, Path, description = "The channel"),
        ("id" = String, Path, description = "The key"),
    ),
    responses(StoreAway, (status = 204, description = "It is good no more"), NotThere),
)]
async fn revoke(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts((name, id)): PathParts<(String, String)>,
) -> Result<StatusCode, Refused> {
    let store = state.store()?;
    let channel = open(store, Some(&actor.caller), &name, Wish::Edit).await?;
    store.channels().revoke_key(&channel, id_of(&id)?).await?;
    let act = Acted::plain("key.revoke", &channel.name);
    actor.did_to(&state, &channel, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A key and what is kept of it.
fn fresh() -> Result<(String, String), Refused> {
    let bytes = ids::random_bytes::<KEY_BYTES>().map_err(|error| {
        tracing::error!("the system has no randomness: {error}");
        Refused::from(Code::Storage)
    })?;
    let key = ids::hex(&bytes);
    let hash = ids::hex(&KeyDigest::of(&key).0);
    Ok((key, hash))
}

impl FreshKey {
    fn new(key: String, made: &StreamKey, stream: String) -> Self {
        Self {
            key,
            id: made.id.to_string(),
            stream,
        }
    }
}

impl From<StreamKey> for ListedKey {
    fn from(key: StreamKey) -> Self {
        let when = |ms: i64| (ms != 0).then_some(ms);
        Self {
            id: key.id.to_string(),
            label: key.label,
            replaces: key.replaces.map(|id| id.to_string()),
            created_ms: key.created_ms,
            expires_ms: when(key.expires_ms),
            revoked_ms: when(key.revoked_ms),
            used_ms: when(key.used_ms),
            used_address: (!key.used_address.is_empty()).then_some(key.used_address),
        }
    }
}
