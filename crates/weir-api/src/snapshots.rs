//! Pictures of live streams: the newest, a list by time, and one taken now. A stream that anybody may watch may be
//! seen by anybody while it is live; all else is for who looks after streams, and for the channel's own people.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_account::Right;
use weir_base::{Code, StreamName, rfc3339};
use weir_cluster::LeaseKey;
use weir_snap::NotTaken;
use weir_store::StoreError;
use weir_store::channels::{Channel, Visibility};
use weir_store::objects::{Class, Key, Stored};
use weir_store::snapshots::Snapshot;

use crate::acts::{Acted, Actor};
use crate::asked::{Etag, Page, PageParams, PathParts, QueryParts};
use crate::caller::Caller;
use crate::channels::helps_with;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;
use crate::stored::{StoreAway, behind};

mod sheet;

pub(crate) use sheet::SnapshotSheet;

/// Pictures on one page, when nobody says.
const PAGE: u32 = 50;
/// The name of the newest one.
const LATEST: &str = "latest";
/// Where a picture says when it was taken.
const TAKEN_AT: http::HeaderName = http::HeaderName::from_static("x-weir-taken-at");
/// Milliseconds after which who came at a busy moment may try again.
const AGAIN_MS: u64 = 5_000;

/// Which pictures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct SnapshotsAsked {
    /// Of this stream alone, by its whole name, such as `live/demo`.
    #[param(required = false, nullable = false)]
    stream: String,
}

/// A picture, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
struct SnapshotSeen {
    id: String,
    app: String,
    /// The stream's whole name.
    stream: String,
    /// The broadcast it is of; null where that was not known yet.
    session: Option<String>,
    /// `first`, `interval`, `end` or `asked`.
    reason: String,
    /// When the keyframe was captured (RFC 3339).
    taken_at: String,
    /// How long ago that was, by the server's clock.
    age_ms: i64,
    /// The JPEG; null where there is none.
    url: Option<String>,
    width: i64,
    height: i64,
    bytes: i64,
    /// Why the keyframe cannot be decoded; null where there is a picture.
    undecodable: Option<String>,
}

/// Some pictures, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct SnapshotsSeen {
    items: Vec<SnapshotSeen>,
    /// For `?after=`, where there is more.
    next: Option<String>,
    /// Why this node takes none; null where it does.
    off: Option<String>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(take))
}

pub(crate) fn public_routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(picture))
}

/// Pictures of live streams, newest first
#[utoipa::path(get, path = "/api/v1/snapshots", tag = "snapshots", operation_id = "snapshots_list",
    params(SnapshotsAsked, PageParams), responses(
    StoreAway,
    (status = 200, description = "Some of them", body = SnapshotsSeen),
))]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<SnapshotsAsked>,
    page: Page,
) -> Result<Json<SnapshotsSeen>, Refused> {
    let limit = page.limit(PAGE);
    let store = state.store()?;
    let shots = store.snapshots();
    let rows = shots.list(&asked.stream, behind(&page)?, limit + 1).await?;
    let (rows, next) = Page::full(rows, limit, |row| row.id.to_string());
    let now_ms = store.now_ms();
    Ok(Json(SnapshotsSeen {
        items: rows.into_iter().map(|row| seen(row, now_ms)).collect(),
        next,
        off: state.snapshots.why_off(),
    }))
}

/// Take a picture now
///
/// Of the newest keyframe that is here. It is kept as the others are.
#[utoipa::path(post, path = "/api/v1/snapshots/{*name}", tag = "snapshots", operation_id = "snapshot_take",
    params(("name" = String, Path, example = "live/demo",
        description = "`{app}/{stream}`, the app with all its levels; a virtual host in front as `{vhost}:`")),
    responses(
        (status = 201, description = "The picture", body = SnapshotSeen),
        NotThere,
        (status = 422, description = "There is no picture of it: it has sound alone, or cannot be decoded",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No pictures are taken here, or too many at this moment",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn take(
    Extract(state): Extract<State>,
    actor: Actor,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let taken = match (own(&state, &name), &state.snapshots.elsewhere) {
        (Some(stream), _) => match &state.snapshots.taken {
            Ok(snapper) => snapper.take(stream).await,
            Err(why) => return Err(Refused::new(Code::Unavailable, *why)),
        },
        (None, Some(elsewhere)) => match parsed(&name) {
            Some(stream) => elsewhere.take(stream).await,
            None => Err(NotTaken::NotLive),
        },
        (None, None) => Err(NotTaken::NotLive),
    };
    let id = taken.map_err(|why| not_taken(&name, &why))?;
    let row = store.snapshots().by_id(id).await?;
    let after = json!({ "stream": row.stream, "sha256": row.sha256 });
    let id = row.id.to_string();
    let act = Acted::plain("snapshot.take", &id).now(after);
    actor.did(&state, act).await?;
    let now_ms = store.now_ms();
    Ok((StatusCode::CREATED, Json(seen(row, now_ms))).into_response())
}

/// A picture of a live stream, as JPEG
///
/// `latest.jpg` is the newest one, which changes; `{id}.jpg` is one of the list, which never does.
#[utoipa::path(get, path = "/api/v1/snapshots/{*name}", tag = "snapshots", operation_id = "snapshot",
    params(("name" = String, Path, example = "live/demo/latest.jpg",
        description = "`{app}/{stream}/latest.jpg`, or `{app}/{stream}/{id}.jpg`")),
    responses(
        StoreAway,
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>),
        (status = 401, description = "What is shown is nobody's",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
    ),
)]
async fn picture(
    Extract(state): Extract<State>,
    caller: Option<Caller>,
    PathParts(path): PathParts<String>,
    asked: HeaderMap,
) -> Result<Response, Refused> {
    let store = state.store()?;
    let not_there = || Refused::new(Code::NotFound, format!("there is no picture {path}"));
    let (stream, file) = path.rsplit_once('/').ok_or_else(not_there)?;
    let name = file.strip_suffix(".jpg").ok_or_else(not_there)?;
    let is_latest = name == LATEST;
    let row = match is_latest {
        true => store.snapshots().newest(stream).await,
        false => {
            let id = name.parse().map_err(|_| not_there())?;
            store.snapshots().by_id(id).await
        }
    };
    let row = match row {
        Ok(row) if row.stream == stream && row.fault.is_empty() => row,
        Ok(_) => return Err(not_there()),
        Err(StoreError::Missing(_)) => return Err(none_yet(&state, caller.as_ref(), &path)),
        Err(error) => return Err(error.into()),
    };
    let is_public = is_latest && is_for_all(&state, &row).await?;
    if !is_public && !is_for(&state, caller.as_ref(), &row).await? {
        return Err(not_there());
    }
    let key = Key::new(&row.object).map_err(|_| not_there())?;
    let stored = Stored {
        bytes: u64::try_from(row.bytes).unwrap_or(0),
        sha256: row.sha256.clone(),
    };
    let bytes = store.objects(Class::Assets).get(&key, &stored).await?;
    let mut response = Etag::of(row.id.to_string()).answer(&asked, bytes);
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::CONTENT_TYPE, fixed("image/jpeg"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    let cache = match is_latest {
        true => "no-cache",
        false => "private, max-age=31536000, immutable",
    };
    headers.insert(header::CACHE_CONTROL, fixed(cache));
    if let Ok(at) = HeaderValue::from_str(&rfc3339(row.taken_ms)) {
        headers.insert(TAKEN_AT, at);
    }
    Ok(response)
}

/// Where there is no picture: who may know of all hears why.
fn none_yet(state: &State, caller: Option<&Caller>, path: &str) -> Refused {
    let may_know = caller.is_some_and(|caller| caller.rights.has(Right::SnapshotsRead));
    let why = state.snapshots.why_off().filter(|_| may_know);
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    Refused::new(Code::NotFound, format!("there is no picture {path}{why}"))
}

/// Why there is no picture of a stream now.
pub(crate) fn not_taken(name: &str, why: &NotTaken) -> Refused {
    match why {
        NotTaken::NotLive => Refused::new(Code::NotLive, format!("{name} is not live here")),
        NotTaken::SoundAlone | NotTaken::Undecodable(_) => {
            Refused::new(Code::Unprocessable, format!("{name}: {why}"))
        }
        NotTaken::TooEarly | NotTaken::Away(_) => {
            Refused::new(Code::Unavailable, format!("{name}: {why}")).retry_after_ms(AGAIN_MS)
        }
    }
}

/// A stream's name out of its whole name.
fn parsed(name: &str) -> Option<StreamName> {
    let (vhost, path) = name.split_once(':').unwrap_or(("", name));
    let (app, stream) = path.rsplit_once('/')?;
    StreamName::new(vhost, app, stream).ok()
}

/// The name of a live stream of this node's own; of one that another node owns the picture is taken there.
fn own(state: &State, name: &str) -> Option<StreamName> {
    let mut all = state.hub.streams().into_iter();
    let found = all.find(|stream| {
        let is_own = stream.publisher().is_some_and(|one| !one.is_replaceable);
        stream.is_live() && is_own && stream.name.to_string() == name
    });
    found.map(|stream| stream.name.clone())
}

/// Whether a stream is live anywhere.
fn is_live(state: &State, name: &str) -> bool {
    let owned = || {
        let key = LeaseKey::of(&parsed(name)?).ok()?;
        let cluster = &state.cluster.cluster;
        cluster.with(|member, _| member.view().owner(&key).map(|_| ()))
    };
    let mut here = state.hub.streams().into_iter();
    here.any(|stream| stream.is_live() && stream.name.to_string() == name) || owned().is_some()
}

/// Whether anybody may see it: the stream is live, and anybody may watch it.
async fn is_for_all(state: &State, row: &Snapshot) -> Result<bool, Refused> {
    let is_open = is_live(state, &row.stream) && state.facts.app(&row.app).play == "open";
    let channel = channel_of(state, row).await?;
    Ok(is_open && channel.is_none_or(|channel| channel.visibility == Visibility::Public))
}

/// Whether it is for who asks: they look after all streams, or it is their channel's.
async fn is_for(state: &State, caller: Option<&Caller>, row: &Snapshot) -> Result<bool, Refused> {
    let Some(caller) = caller else {
        return Ok(false);
    };
    if caller.rights.has(Right::SnapshotsRead) {
        return Ok(true);
    }
    if caller.rights.has(Right::ReviewWork) {
        let apps = state.reviewers().apps_of(caller).unwrap_or_default();
        if apps.contains(&row.app) {
            return Ok(true);
        }
    }
    let channel = channel_of(state, row).await?;
    // One from before the channel was there is not its people's.
    match channel.filter(|channel| channel.id.to_string() == row.channel_id) {
        Some(channel) => helps_with(state.store()?, caller, &channel).await,
        None => Ok(false),
    }
}

/// The channel whose stream it is now.
async fn channel_of(state: &State, row: &Snapshot) -> Result<Option<Channel>, Refused> {
    let name = row.stream.strip_prefix(row.app.as_str());
    let Some(name) = name.and_then(|rest| rest.strip_prefix('/')) else {
        return Ok(None);
    };
    match state.store()?.channels().by_name(name).await {
        Ok(channel) => Ok(Some(channel).filter(|channel| channel.app == row.app)),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn seen(row: Snapshot, now_ms: i64) -> SnapshotSeen {
    let is_there = row.fault.is_empty();
    let url = format!("/api/v1/snapshots/{}/{}.jpg", row.stream, row.id);
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    SnapshotSeen {
        id: row.id.to_string(),
        app: row.app,
        session: text(row.session),
        reason: row.reason,
        taken_at: rfc3339(row.taken_ms),
        age_ms: now_ms - row.taken_ms,
        url: is_there.then_some(url),
        width: row.width,
        height: row.height,
        bytes: row.bytes,
        undecodable: text(row.fault),
        stream: row.stream,
    }
}
