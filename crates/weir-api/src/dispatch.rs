//! `POST /api/v1/dispatch/{publish,play,chat}`: tells a client which node to use.
//!
//! Anybody may ask for himself, from any site: a browser asks before it publishes. Who asks for
//! somebody else's address shows the admin token, because answers tell what is where.

mod config;
pub(crate) mod dispatcher;
mod form;
mod request;

use std::net::IpAddr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use weir_base::{Code, Refusal};
use weir_cluster::Name;
use weir_cluster::Role;
use weir_cluster::place::Purpose;
use weir_hub::Protocol;

pub use config::DispatchConfig;
pub use dispatcher::{DispatchRules, DispatchStrategy, Dispatcher};
pub(crate) use dispatcher::{NoRoom, Outcome, Place, another};
pub(crate) use form::Form;
pub(crate) use request::{CheckedRequest, DispatchRequest, MAX_BYTES, known_vhost};

use crate::admin;
use crate::refused::Refused;
use crate::state::State;

/// The client's address as the listener understands it (trusted proxies are believed): to be put into
/// each request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub IpAddr);

/// What is answered.
#[derive(Debug, Serialize)]
struct Answer {
    places: Vec<Place>,
    whereabouts: Where,
}

/// Where the client is thought to be.
#[derive(Debug, Serialize)]
struct Where {
    region: Option<Name>,
    isp: Option<Name>,
}

/// `POST /api/v1/dispatch/{purpose}`.
pub(crate) async fn ask(
    Extract(state): Extract<State>,
    Path(purpose): Path<String>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let purpose = match purpose.as_str() {
        "publish" => Purpose::Publish,
        "play" => Purpose::Play,
        "chat" => Purpose::Chat,
        _ => {
            let words = "places are given for publish, play and chat";
            return Refused(Refusal::new(Code::NotFound, words)).into_response();
        }
    };
    let wanted = match wanted(&state, purpose, caller, &headers, &body) {
        Ok(wanted) => wanted,
        Err(refusal) => {
            state.dispatcher().count(purpose, Outcome::Refused);
            return refused(&state, refusal);
        }
    };
    match decide(&state, &wanted) {
        Ok(places) => {
            let whereabouts = Where {
                region: wanted.whereabouts.region,
                isp: wanted.whereabouts.isp,
            };
            let mut response = axum::Json(Answer {
                places,
                whereabouts,
            })
            .into_response();
            no_store(&mut response);
            response
        }
        Err(no_room) => full(&state, no_room),
    }
}

/// The decision, with the cluster as this node sees it.
pub(crate) fn decide(state: &State, wanted: &CheckedRequest) -> Result<Vec<Place>, NoRoom> {
    let cluster = &state.cluster.cluster;
    cluster.with(|member, now_us| state.dispatcher().decide(member, wanted, now_us))
}

/// 5001, and whom to try later.
pub(crate) fn full(state: &State, no_room: NoRoom) -> Response {
    let NoRoom { refusal, next_best } = no_room;
    let mut body = serde_json::to_value(&refusal).unwrap_or_default();
    if let (Some(place), Some(object)) = (next_best, body.as_object_mut()) {
        let place = serde_json::to_value(place).unwrap_or_default();
        object.insert("next_best".to_owned(), place);
    }
    let seconds = state.dispatcher().rules().good_for_ms.max(0) / 1000 + 1;
    let mut response = refused(state, refusal);
    *response.body_mut() = body.to_string().into();
    let headers = response.headers_mut();
    // The refusal alone was shorter.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Counted and logged once, here.
pub(crate) fn refused(state: &State, refusal: Refusal) -> Response {
    state.hub.counters().code(refusal.code, Protocol::Api);
    let code = refusal.code.number();
    tracing::info!(code, "refused a place: {}", refusal.detail);
    Refused(refusal).into_response()
}

pub(crate) fn no_store(response: &mut Response) {
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
}

/// 3001 where this node is no dispatcher, naming one.
fn check_role(state: &State) -> Result<(), Refusal> {
    state.cluster.cluster.with(|member, _| {
        if member.record().roles.has(Role::Dispatcher) {
            return Ok(());
        }
        let other = another(member.view()).map_or_else(String::new, |url| format!(": ask {url}"));
        let words = format!("this node is no dispatcher{other}");
        Err(Refusal::new(Code::NotFound, words))
    })
}

fn wanted(
    state: &State,
    purpose: Purpose,
    caller: Option<Extension<Caller>>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<CheckedRequest, Refusal> {
    check_role(state)?;
    let request = DispatchRequest::read(body)?;
    let caller = caller.map(|Extension(Caller(ip))| ip);
    if request.ip.is_some() && request.ip != caller && !admin::is_admin(state, headers) {
        let words = "ip is another address than yours: that takes the admin token";
        return Err(Refusal::new(Code::AuthMissing, words));
    }
    resolve(state, request, purpose, caller)
}

/// Checks a request and finds out where its client is.
pub(crate) fn resolve(
    state: &State,
    request: DispatchRequest,
    purpose: Purpose,
    caller: Option<IpAddr>,
) -> Result<CheckedRequest, Refusal> {
    let dispatcher = state.dispatcher();
    let mut wanted = request.check(purpose, &dispatcher.rules().vhosts)?;
    wanted.ip = wanted.ip.or(caller);
    wanted.whereabouts = dispatcher.locate(wanted.whereabouts, wanted.ip);
    Ok(wanted)
}
