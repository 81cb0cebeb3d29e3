//! `POST` and `GET /api/v1/clusters`: another origin, of SRS or without a registry, asks whether a
//! stream is here or known here. The wire forms are `weir_cluster::coworker`'s.
//!
//! Only what this node itself knows is answered: coworkers are not asked on behalf of a coworker, so
//! that questions do not go in circles. SRS sends no credentials, so that nobody needs any.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::{RawQuery, State as Extract};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_cluster::coworker::{self, DEFAULT_VHOST, Origin, Query};
use weir_cluster::record::Scope;
use weir_cluster::{NodeRecord, Scheme};

use crate::manager::{self, host_and_port};
use crate::refused::Refused;
use crate::state::{ClientIp, State};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get_coworker, post_coworker))
}

/// Where a stream is, for an origin of SRS
///
/// SRS's own question and answer. Its body is not read.
#[utoipa::path(post, path = "/api/v1/clusters", tag = "srs",
    params(
        ("app" = String, Query, description = "All levels of the app", example = "live"),
        ("stream" = String, Query, description = "The stream's name", example = "livestream"),
        ("vhost" = Option<String>, Query, description = "Nothing, or `__defaultVhost__`, for the default one"),
        ("ip" = Option<String>, Query, description = "The host of the client's tcUrl"),
        ("coworker" = Option<String>, Query, description = "How the asker calls this node"),
    ),
    responses((status = 200, description = "Where it is; `origin` is null where nobody has it", body = Object)),
)]
async fn post_coworker(
    state: Extract<State>,
    query: RawQuery,
    client: Option<Extension<ClientIp>>,
) -> Result<Response, Refused> {
    answer(state, query, client).await
}

/// The same, for people with a browser
#[utoipa::path(get, path = "/api/v1/clusters", tag = "srs",
    params(
        ("app" = String, Query, description = "All levels of the app", example = "live"),
        ("stream" = String, Query, description = "The stream's name", example = "livestream"),
        ("vhost" = Option<String>, Query, description = "Nothing, or `__defaultVhost__`, for the default one"),
        ("ip" = Option<String>, Query, description = "The host of the client's tcUrl"),
        ("coworker" = Option<String>, Query, description = "How the asker calls this node"),
    ),
    responses((status = 200, description = "Where it is; `origin` is null where nobody has it", body = Object)),
)]
async fn get_coworker(
    state: Extract<State>,
    query: RawQuery,
    client: Option<Extension<ClientIp>>,
) -> Result<Response, Refused> {
    answer(state, query, client).await
}

/// Answers a coworker.
async fn answer(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
    caller: Option<Extension<ClientIp>>,
) -> Result<Response, Refused> {
    let query = query.unwrap_or_default();
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
    let query = Query::from_pairs(pairs).ok_or_else(|| {
        let words = "a coworker names app and stream";
        Refused::new(Code::ProtocolError, words)
    })?;
    let caller = caller.map(|Extension(ClientIp(ip))| ip);
    let origin = find(&state, &query, caller);
    let mut response = coworker::answer(&query, origin.as_ref()).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    crate::dispatch::no_store(&mut response);
    Ok(response)
}

/// Where the stream is; a name that cannot be one is nowhere.
fn find(state: &State, query: &Query, caller: Option<IpAddr>) -> Option<Origin> {
    let key = manager::name(state, &query.vhost, &query.app, &query.stream);
    let (name, key) = key.ok()?;
    let vhost = if query.vhost.is_empty() {
        DEFAULT_VHOST.to_owned()
    } else {
        query.vhost.clone()
    };
    if let Some(owner) = manager::owner(state, &name, &key) {
        return of_node(state, query, &owner, vhost);
    }
    let reported = manager::reported(state, &key)?;
    let several = || {
        let cluster = &state.cluster.cluster;
        cluster.with(|member, _| member.view().has_several_servers(&reported.ip))
    };
    if reported.protocol != "rtmp" || leads_back(&reported.ip, caller, several) {
        return None;
    }
    Some(Origin {
        ip: reported.ip,
        port: reported.port,
        vhost,
        api: String::new(),
        routers: vec![query.coworker.clone()],
        http: None,
    })
}

fn of_node(state: &State, query: &Query, owner: &manager::Owner, vhost: String) -> Option<Origin> {
    // The answer goes on to players, as a redirect.
    let address = |scope| owner.node.address(&[Scheme::Rtmp], scope, None);
    let address = address(Scope::Public).or(address(Scope::Internal))?;
    let (_, host, port) = host_and_port(&address.url)?;
    // As the asker calls this node, so that it can tell a circle.
    let my_api = if query.coworker.is_empty() {
        let cluster = &state.cluster.cluster;
        cluster.with(|member, _| api(member.record()))
    } else {
        query.coworker.clone()
    };
    let owner_api = if owner.is_me {
        my_api.clone()
    } else {
        api(&owner.node)
    };
    let mut routers = vec![owner_api.clone(), my_api];
    routers.dedup();
    Some(Origin {
        ip: host.to_owned(),
        port,
        vhost,
        api: owner_api,
        routers,
        http: media(&owner.node),
    })
}

/// Where a node serves media over HTTP: players are sent there.
fn media(node: &NodeRecord) -> Option<String> {
    let spoken = [Scheme::Http, Scheme::Https];
    let address = |scope| node.address(&spoken, scope, None);
    let address = address(Scope::Public).or(address(Scope::Internal))?;
    Some(address.url.clone())
}

/// `host:port` of a node's API; empty when it has none.
fn api(node: &NodeRecord) -> String {
    let address = |scope| node.address(&[Scheme::Http], scope, None);
    let address = address(Scope::Internal).or(address(Scope::Public));
    let place = address.and_then(|address| host_and_port(&address.url));
    place.map_or_else(String::new, |(_, host, port)| {
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    })
}

/// Whether a report most likely names the asker itself, which would not ask if it had the stream: then
/// the report is out of date. On the loopback all have one address, and where several servers share
/// one it tells nothing either.
fn leads_back(host: &str, caller: Option<IpAddr>, several: impl FnOnce() -> bool) -> bool {
    let Some(caller) = caller.map(|ip| ip.to_canonical()) else {
        return false;
    };
    let same = host
        .parse::<IpAddr>()
        .is_ok_and(|ip| ip.to_canonical() == caller);
    same && !caller.is_loopback() && !several()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_asker_itself_is_not_its_answer() {
        let from = |ip: &str| Some(ip.parse().unwrap());
        assert!(leads_back("10.0.0.5", from("10.0.0.5"), || false));
        assert!(leads_back("10.0.0.5", from("::ffff:10.0.0.5"), || false));
        assert!(!leads_back("10.0.0.5", from("10.0.0.5"), || true));
        assert!(!leads_back("10.0.0.6", from("10.0.0.5"), || false));
        assert!(!leads_back("127.0.0.1", from("127.0.0.1"), || false));
        assert!(!leads_back("origin-1", from("10.0.0.5"), || false));
    }
}
