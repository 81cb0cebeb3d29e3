//! Pictures of live streams between nodes: a worker decodes a keyframe that an origin sends, an api node keeps the
//! picture that comes of it, and asks an origin for one when somebody wants it now.

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, State as Extract};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Uri, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::urls::sealed;
use weir_base::{Code, StreamName};
use weir_snap::{
    Keep as _, MAX_CARRIED_BYTES, MAX_SHOT_BYTES, Unread, put_answer, read_picture, read_shot,
};

use crate::asked::{check_digest, read_json};
use crate::caller::{Caller, Means};
use crate::refused::{NotThere, Problem, Refused};
use crate::snapshots::not_taken;
use crate::state::State;
use crate::stored::StoreAway;

/// Where an answer says who gives it: the same proof as of who asks, over the id and the answer's digest.
pub const ANSWER_PROOF: http::HeaderName = http::HeaderName::from_static("x-weir-answer-proof");
/// Milliseconds after which a node whose keyframe was one too many may try again.
const AGAIN_MS: u64 = 1_000;

/// What an answer's proof is over.
pub fn answer_target(id: &str, answer: &[u8]) -> String {
    sealed(&format!("/answers/{id}"), answer)
}

/// Of which stream a picture is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShotWanted {
    /// Virtual host, often none.
    pub vhost: String,
    /// All levels of the app.
    pub app: String,
    /// What stands behind the app.
    pub stream: String,
}

/// A picture that is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShotKept {
    /// Of its row, as lists of pictures have it.
    pub id: String,
    /// Why the keyframe cannot be decoded; empty where there is a picture.
    pub fault: String,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(develop))
        .routes(routes!(keep))
        .layer(DefaultBodyLimit::max(MAX_CARRIED_BYTES))
        .routes(routes!(take))
}

/// Decode a keyframe
///
/// For nodes of the cluster, at nodes with the role `worker`: the proof is over the address, which holds the body's
/// digest. The answer is proved in `X-Weir-Answer-Proof`.
#[utoipa::path(post, path = "/api/v1/nodes/shots", tag = "cluster", operation_id = "node_shot_develop",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "weir's own: a keyframe"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        (status = 200, description = "weir's own: the picture, or why there is none", body = Vec<u8>,
            content_type = "application/octet-stream"),
        (status = 503, description = "No keyframes are decoded here, or too many at this moment",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn develop(
    Extract(state): Extract<State>,
    caller: Caller,
    uri: Uri,
    body: Body,
) -> Result<Response, Refused> {
    of_node(&caller)?;
    let off = || Refused::new(Code::Unavailable, "this node has not the role worker");
    let lent = state.snapshots.lent.as_ref().ok_or_else(off)?;
    // Before its body is read: what is one too many takes no memory.
    let place = lent.place();
    state.snapshots.tally.lend(place.is_some());
    let busy = || Refused::new(Code::Unavailable, "too many keyframes are being decoded");
    let _place = place.ok_or_else(|| busy().retry_after_ms(AGAIN_MS))?;
    let body = to_bytes(body, MAX_SHOT_BYTES).await;
    let body = body.map_err(|error| Refused::new(Code::TooLarge, error.to_string()))?;
    check_digest(&uri, &body)?;
    let (id, shot) = read_shot(body).map_err(unread)?;
    let developed = lent.develop().develop(shot).await;
    let large = || Refused::new(Code::Unprocessable, "the picture is larger than any");
    let answer = put_answer(&id, developed.as_ref()).ok_or_else(large)?;
    let proof = state.cluster.proof.prove(&answer_target(&id, &answer));
    let mut response = octets(answer);
    if let Ok(proof) = HeaderValue::from_str(&proof) {
        response.headers_mut().insert(ANSWER_PROOF, proof);
    }
    Ok(response)
}

/// Keep a picture
///
/// For nodes of the cluster, at nodes with the store.
#[utoipa::path(post, path = "/api/v1/nodes/snapshots", tag = "cluster", operation_id = "node_snapshot_keep",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "weir's own: a picture"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        StoreAway,
        (status = 200, description = "It is kept", body = ShotKept),
    ),
)]
async fn keep(
    Extract(state): Extract<State>,
    caller: Caller,
    uri: Uri,
    body: Bytes,
) -> Result<Json<ShotKept>, Refused> {
    of_node(&caller)?;
    check_digest(&uri, &body)?;
    let off = || Refused::new(Code::Unavailable, "this node keeps no pictures");
    let album = state.snapshots.album.as_ref().ok_or_else(off)?;
    let (caption, picture) = read_picture(body).map_err(unread)?;
    let kept = album.keep(caption, picture).await;
    let kept = kept.map_err(|why| Refused::new(Code::Unavailable, why))?;
    Ok(Json(ShotKept {
        id: kept.id.to_string(),
        fault: kept.fault,
    }))
}

/// Take a picture of a node's own stream
///
/// For nodes of the cluster, at the node that owns the stream.
#[utoipa::path(post, path = "/api/v1/nodes/snapshots/take", tag = "cluster", operation_id = "node_snapshot_take",
    request_body(content = Object, description = "weir's own: which stream"),
    params(("sha256" = String, Query, description = "SHA-256 of the body, hexadecimal")),
    responses(
        (status = 200, description = "It is kept", body = ShotKept),
        NotThere,
        (status = 422, description = "There is no picture of it: it has sound alone, or cannot be decoded",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "No pictures are taken here, or too many at this moment",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn take(
    Extract(state): Extract<State>,
    caller: Caller,
    uri: Uri,
    body: Bytes,
) -> Result<Json<ShotKept>, Refused> {
    of_node(&caller)?;
    check_digest(&uri, &body)?;
    let wanted: ShotWanted = read_json(&body)?;
    let off = |why: &&'static str| Refused::new(Code::Unavailable, *why);
    let snapper = state.snapshots.taken.as_ref().map_err(off)?;
    let name = StreamName::new(&wanted.vhost, &wanted.app, &wanted.stream);
    let odd = |_| Refused::new(Code::Unprocessable, "no stream can be called that");
    let name = name.map_err(odd)?;
    let taken = snapper.take(name.clone()).await;
    let id = taken.map_err(|why| not_taken(&name.to_string(), &why))?;
    Ok(Json(ShotKept {
        id: id.to_string(),
        fault: String::new(),
    }))
}

/// Who has the right is not yet a node.
fn of_node(caller: &Caller) -> Result<(), Refused> {
    match caller.means {
        Means::Node => Ok(()),
        _ => Err(Refused::new(
            Code::Forbidden,
            "only nodes of the cluster send pictures",
        )),
    }
}

fn unread(unread: Unread) -> Refused {
    Refused::field(Code::Unprocessable, "body", unread.to_string())
}

fn octets(bytes: Bytes) -> Response {
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}
