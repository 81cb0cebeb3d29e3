//! `GET /go/{app}/{stream}.flv`, `.m3u8`, `.ts`: one URL for players that know nothing of the cluster,
//! answered with a redirect to the node that is best for them.
//!
//! A WebSocket cannot follow a redirect, so there is no such form for WS-FLV and SLSP: their clients
//! ask the dispatcher.

use axum::extract::{DefaultBodyLimit, Path, RawQuery, State as Extract};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use weir_base::http_field::host_name;
use weir_base::{Code, Refusal};
use weir_cluster::Role;
use weir_cluster::place::Purpose;

use crate::any_site;
use crate::dispatch::{self, DispatchRequest, Form, Outcome};
use crate::state::{ClientIp, State};

/// Forms that a player can be redirected to.
const FORMS: [Form; 3] = [Form::HttpFlv, Form::Hls, Form::HttpTs];

/// No part of the API: players follow it.
pub(crate) fn routes() -> Router<State> {
    let methods = get(redirect).options(any_site::preflight);
    Router::new()
        .route("/go/{*path}", methods)
        .layer(DefaultBodyLimit::max(dispatch::MAX_BYTES))
        .route_layer(map_response(any_site::readable))
}

/// `GET` and `HEAD /go/{app}/{stream}{ending}`.
async fn redirect(
    Extract(state): Extract<State>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    uri: Uri,
    caller: Option<Extension<ClientIp>>,
    headers: HeaderMap,
) -> Response {
    let cluster = &state.cluster.cluster;
    let elsewhere = cluster.with(|member, _| {
        let asked_here = member.record().roles.has(Role::Dispatcher);
        (!asked_here).then(|| dispatch::another(member.view()))
    });
    if let Some(other) = elsewhere {
        return match other {
            Some(base) => {
                let target = uri.path_and_query().map_or("", |target| target.as_str());
                found(&format!("{}{target}", base.trim_end_matches('/')))
            }
            None => {
                let words = "this node is no dispatcher, and knows none";
                dispatch::refused(&state, Refusal::new(Code::NotFound, words))
            }
        };
    }
    let query = query.unwrap_or_default();
    let host = uri.host().or_else(|| {
        let host = headers.get(header::HOST)?;
        host.to_str().ok()
    });
    let wanted = request(&path, &query, host, &state).and_then(|request| {
        let caller = caller.map(|Extension(ClientIp(ip))| ip);
        dispatch::resolve(&state, request, Purpose::Play, caller)
    });
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(refusal) => {
            state.dispatcher().count(Purpose::Play, Outcome::Refused);
            return dispatch::refused(&state, refusal);
        }
    };
    match dispatch::decide(&state, &wanted) {
        Ok(places) => match places.first() {
            Some(place) => found(&place.url),
            None => dispatch::refused(&state, Code::Overloaded),
        },
        Err(no_room) => dispatch::full(&state, no_room),
    }
}

/// The virtual host may be in the query, or in the name the player called this node by.
fn request(
    path: &str,
    query: &str,
    host: Option<&str>,
    state: &State,
) -> Result<DispatchRequest, Refusal> {
    let asked = FORMS
        .iter()
        .find_map(|form| Some((form.path().read(path)?, *form)));
    let Some(((app, stream), form)) = asked else {
        let words = "what can be followed is /go/{app}/{stream}.flv, .m3u8 and .ts";
        return Err(Refusal::new(Code::NotFound, words));
    };
    let said = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "vhost" || name == "domain")
        .map(|(_, value)| value.into_owned());
    let host = host.map(host_name);
    let rules = state.dispatcher().rules();
    let vhosts = [said, host.map(str::to_owned)];
    let vhost = vhosts
        .into_iter()
        .flatten()
        .map(|name| dispatch::known_vhost(&name, &rules.vhosts))
        .find(|name| !name.is_empty());
    let vhost = vhost.unwrap_or_default();
    Ok(DispatchRequest::to_play(app, stream, &vhost, form, query))
}

fn found(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return crate::refused::Refused::from(Code::NotFound).into_response();
    };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    dispatch::no_store(&mut response);
    response
}
