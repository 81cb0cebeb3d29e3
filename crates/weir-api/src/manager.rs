//! The stream manager over HTTP, for parts that are not weir: `POST /api/v1/streams/report` says where
//! a stream is, `GET /api/v1/streams/locate` asks.
//!
//! What weir's own nodes have is in the registry and need not be reported. A report made to any node is
//! known to all and kept in the registry until it ends: who reports goes on doing so, to any of them.

use axum::Json;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::urls::SplitUrl;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::record::{Scope, StreamRecord};
use weir_cluster::report::{Reported, StreamReport};
use weir_cluster::{LeaseKey, Name, NodeRecord, Scheme, Whereabouts};

use crate::asked::{JsonBody, QueryParts};
use crate::dispatch::known_vhost;
use crate::refused::{NotThere, Problem, Refused};
use crate::state::State;

/// How long a report is good when it does not say, milliseconds.
const DEFAULT_TTL_MS: i64 = 30_000;

/// The body of a report.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "app": "live", "stream": "demo", "ip": "192.0.2.7", "port": 1935 }))]
struct Report {
    /// All levels of the app.
    app: String,
    /// The stream's name.
    stream: String,
    /// A virtual host; empty for the default one.
    #[serde(default)]
    vhost: String,
    /// The server: an address or a host's name.
    ip: String,
    port: u16,
    /// What is spoken there.
    #[serde(default = "rtmp")]
    protocol: String,
    /// How long this is good, milliseconds. 0 ends it.
    #[serde(default = "default_ttl_ms")]
    ttl_ms: i64,
}

/// A report was taken.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// 0.
    code: u16,
    /// How long it is good.
    ttl_ms: i64,
}

fn rtmp() -> String {
    "rtmp".to_owned()
}

const fn default_ttl_ms() -> i64 {
    DEFAULT_TTL_MS
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(report))
        .routes(routes!(locate))
}

/// Say where a stream is on a server of another make
///
/// All nodes then know it until it ends: whoever reports goes on doing so, to any of them.
#[utoipa::path(post, path = "/api/v1/streams/report", tag = "cluster", request_body = Report, responses(
    (status = 200, description = "All nodes know it", body = Taken),
    (status = 404, description = "It cannot be a stream's name", body = Problem,
        content_type = "application/problem+json"),
    (status = 429, description = "Too many reports, or too many requests", body = Problem,
        content_type = "application/problem+json"),
))]
async fn report(
    Extract(state): Extract<State>,
    JsonBody(report): JsonBody<Report>,
) -> Result<Json<Taken>, Refused> {
    let (_, key) = name(&state, &report.vhost, &report.app, &report.stream)?;
    let ttl_ms = report.ttl_ms;
    let report = StreamReport {
        key,
        ip: report.ip,
        port: report.port,
        protocol: report.protocol,
        ttl_ms,
    };
    let cluster = &state.cluster.cluster;
    cluster.with(|member, now_us| member.report(report, now_us))?;
    Ok(Json(Taken { code: 0, ttl_ms }))
}

/// Which stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// All levels of the app.
    app: String,
    /// The stream's name.
    stream: String,
    /// A virtual host; empty for the default one.
    #[serde(default)]
    #[param(required = false)]
    vhost: String,
}

/// Where it is.
#[derive(Debug, Serialize, ToSchema)]
struct Located {
    /// 0.
    code: u16,
    vhost: String,
    app: String,
    stream: String,
    /// Who says so: `registry`, `here` or `report`.
    source: &'static str,
    /// The weir node that has it.
    #[schema(value_type = Option<String>)]
    node: Option<Name>,
    ip: String,
    port: u16,
    protocol: String,
    /// All addresses by which other servers reach that node.
    urls: Vec<String>,
    epoch: Option<u64>,
    since_ms: Option<i64>,
}

/// Ask where a stream is
#[utoipa::path(get, path = "/api/v1/streams/locate", tag = "cluster", params(Which), responses(
    (status = 200, description = "Where it is", body = Located),
    NotThere,
))]
async fn locate(
    Extract(state): Extract<State>,
    QueryParts(which): QueryParts<Which>,
) -> Result<Response, Refused> {
    let (name, key) = name(&state, &which.vhost, &which.app, &which.stream)?;
    let located = |source, host, port, protocol| Located {
        code: 0,
        vhost: name.vhost().to_owned(),
        app: name.app().to_owned(),
        stream: name.stream().to_owned(),
        source,
        node: None,
        ip: host,
        port,
        protocol,
        urls: Vec::new(),
        epoch: None,
        since_ms: None,
    };
    if let Some(owner) = owner(&state, &name, &key) {
        let schemes = [Scheme::Rtmp, Scheme::Http, Scheme::Https];
        let inside = owner.node.address(&schemes, Scope::Internal, None);
        let address = inside.or(owner.node.address(&schemes, Scope::Public, None));
        let place = address.and_then(|address| host_and_port(&address.url));
        if let Some((scheme, host, port)) = place {
            let scheme = scheme.to_owned();
            let addresses = owner.node.addresses.iter();
            let inside = addresses.filter(|a| a.scope == Scope::Internal && a.isp.is_none());
            let found = Located {
                node: Some(owner.node.id.clone()),
                urls: inside.map(|address| address.url.clone()).collect(),
                epoch: owner.lease.as_ref().map(|lease| lease.epoch),
                since_ms: owner.lease.as_ref().map(|lease| lease.since_ms),
                ..located(owner.source, host.to_owned(), port, scheme)
            };
            return Ok(Json(found).into_response());
        }
    }
    if let Some(reported) = reported(&state, &key) {
        let (host, port, protocol) = (reported.ip, reported.port, reported.protocol);
        return Ok(Json(located("report", host, port, protocol)).into_response());
    }
    let words = format!("nobody has {name}, as far as this node knows");
    Err(Refused::new(Code::NotLive, words))
}

/// Where a stream was last said to be, on a server that is not weir.
pub(crate) fn reported(state: &State, key: &LeaseKey) -> Option<Reported> {
    let cluster = &state.cluster.cluster;
    cluster.with(
        |member, now_us| match member.view().whereabouts(key, now_us) {
            Whereabouts::Reported(reported) => Some(reported.clone()),
            _ => None,
        },
    )
}

/// A weir node that has a stream from its publisher.
pub(crate) struct Owner {
    /// As the node described itself last.
    pub(crate) node: NodeRecord,
    /// `registry`, or `here` where there is none that knows.
    pub(crate) source: &'static str,
    /// The registry's entry; `None` where the node carries the stream without one.
    pub(crate) lease: Option<StreamRecord>,
    /// It is this node.
    pub(crate) is_me: bool,
}

/// Who has a stream: this node by its own lease, whoever the view names, or this node because its hub
/// has the publisher.
pub(crate) fn owner(state: &State, name: &StreamName, key: &LeaseKey) -> Option<Owner> {
    // What came over the relay is somebody else's.
    let live = state.hub.find_live(name).ok();
    let publisher = live.and_then(|stream| stream.publisher());
    let is_here = publisher.is_some_and(|publisher| !publisher.is_node);
    state.cluster.cluster.with(|member, now_us| {
        // A lease that the store has not confirmed yet goes before what others say of the name.
        let holds = member.leases().phase(key).is_some();
        let whereabouts = member.view().whereabouts(key, now_us);
        if let Whereabouts::Node { lease, record } = whereabouts
            && !holds
        {
            return Some(Owner {
                node: record?.clone(),
                source: "registry",
                lease: Some(lease.clone()),
                is_me: false,
            });
        }
        let lease = match whereabouts {
            Whereabouts::Here(lease) => Some(lease.clone()),
            _ => None,
        };
        (holds || is_here).then(|| Owner {
            node: member.record().clone(),
            source: if holds { "registry" } else { "here" },
            lease,
            is_me: true,
        })
    })
}

/// A stream's name in the hub and in the registry.
pub(crate) fn name(
    state: &State,
    vhost: &str,
    app: &str,
    stream: &str,
) -> Result<(StreamName, LeaseKey), Refusal> {
    let vhost = known_vhost(vhost, &state.dispatcher().rules().vhosts);
    let name = StreamName::new(&vhost, app, stream)?;
    let key = LeaseKey::of(&name)?;
    Ok((name, key))
}

/// Scheme, host and port of an address; the port is the usual one where it is not said.
pub(crate) fn host_and_port(url: &str) -> Option<(&str, &str, u16)> {
    let url = SplitUrl::new(url)?;
    let usual = match url.scheme {
        "rtmp" => 1935,
        "http" => 80,
        "https" | "rtmps" => 443,
        _ => return None,
    };
    let (host, port) = url.host_and_port()?;
    Some((url.scheme, host, port.unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        assert_eq!(host_and_port("rtmp://h"), Some(("rtmp", "h", 1935)));
        assert_eq!(host_and_port("http://h:8/p"), Some(("http", "h", 8)));
        assert_eq!(host_and_port("rtmp://[::1]:5"), Some(("rtmp", "::1", 5)));
        assert_eq!(host_and_port("https://[::1]"), Some(("https", "::1", 443)));
        for bad in [
            "",
            "h:1",
            "gopher://h",
            "http://",
            "rtmp://h:x",
            "rtmp://h:99999",
        ] {
            assert_eq!(host_and_port(bad), None, "{bad}");
        }
    }
}
