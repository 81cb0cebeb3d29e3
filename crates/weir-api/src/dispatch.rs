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
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
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

use crate::any_site;
use crate::asked::{PathParts, read_json};
use crate::caller::Caller;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::{ClientIp, State};
use weir_account::Right;

/// What is answered.
#[derive(Debug, Serialize, ToSchema)]
struct Places {
    /// Where to go, best first.
    places: Vec<Place>,
    /// Where the client is thought to be.
    whereabouts: Where,
}

/// Where the client is thought to be.
#[derive(Debug, Serialize, ToSchema)]
struct Where {
    #[schema(value_type = Option<String>)]
    region: Option<Name>,
    #[schema(value_type = Option<String>)]
    isp: Option<Name>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    any_site::open(
        OpenApiRouter::new()
            .routes(routes!(dispatch).map(|methods| methods.options(any_site::preflight_post))),
    )
}

/// Where to publish, play or chat
///
/// Anybody may ask for himself, from any site, with any content type. Who asks for another `ip` has the right
/// `cluster.read`.
#[utoipa::path(post, path = "/api/v1/dispatch/{purpose}", tag = "places",
    params(("purpose" = String, Path, description = "`publish`, `play` or `chat`", example = "play",
        pattern = "^(publish|play|chat)$")),
    request_body = DispatchRequest,
    responses(
        (status = 200, description = "Places, best first", body = Places),
        (status = 401, description = "`ip` is another address than the client's", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "The credentials do not allow it, or the app is none of the operator's",
            body = Problem, content_type = "application/problem+json"),
        NotThere,
        (status = 503, description = "All nodes are full; `next_best` may be tried later", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
async fn dispatch(
    Extract(state): Extract<State>,
    PathParts(purpose): PathParts<String>,
    client: Option<Extension<ClientIp>>,
    caller: Result<Option<Caller>, Refused>,
    body: Bytes,
) -> Response {
    let purpose = match purpose.as_str() {
        "publish" => Purpose::Publish,
        "play" => Purpose::Play,
        "chat" => Purpose::Chat,
        _ => {
            let words = "places are given for publish, play and chat";
            return Refused::new(Code::NotFound, words).into_response();
        }
    };
    let client = client.map(|Extension(ClientIp(ip))| ip);
    let wanted = match wanted(&state, purpose, client, caller, &body) {
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
            let mut response = axum::Json(Places {
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
    let place = next_best.and_then(|place| serde_json::to_value(place).ok());
    let good_for_ms = state.dispatcher().rules().good_for_ms;
    let after_ms = u64::try_from(good_for_ms).unwrap_or(0) + 1;
    let full = Refused::from(refusal).next_best(place);
    refused(state, full.retry_after_ms(after_ms))
}

/// Counted and logged once, here.
pub(crate) fn refused(state: &State, refused: impl Into<Refused>) -> Response {
    let refused = refused.into();
    state.hub.counters().code(refused.code(), Protocol::Api);
    let code = refused.code().number();
    tracing::info!(code, "refused a place: {}", refused.detail());
    refused.into_response()
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
    client: Option<IpAddr>,
    caller: Result<Option<Caller>, Refused>,
    body: &[u8],
) -> Result<CheckedRequest, Refused> {
    check_role(state)?;
    let request = read_json::<DispatchRequest>(body)?;
    if request.ip.is_some() && request.ip != client {
        let caller = caller?.ok_or_else(|| {
            let words = "ip is another address than yours: that takes the admin token";
            Refused::new(Code::SignedOut, words)
        })?;
        caller.require(Right::ClusterRead)?;
    }
    Ok(resolve(state, request, purpose, client)?)
}

/// Checks a request and finds out where its client is.
pub(crate) fn resolve(
    state: &State,
    request: DispatchRequest,
    purpose: Purpose,
    client: Option<IpAddr>,
) -> Result<CheckedRequest, Refusal> {
    let dispatcher = state.dispatcher();
    let mut wanted = request.check(purpose, &dispatcher.rules().vhosts)?;
    wanted.ip = wanted.ip.or(client);
    wanted.whereabouts = dispatcher.locate(wanted.whereabouts, wanted.ip);
    Ok(wanted)
}
