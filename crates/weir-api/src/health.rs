//! Is it alive, is it ready, what is it.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use weir_cluster::member::Status;

use crate::any_site;
use crate::state::State;

/// The version, in the envelope that SRS users know.
#[derive(Debug, Serialize, ToSchema)]
struct Versions {
    /// 0: SRS's word for success.
    code: u16,
    /// The node.
    server: String,
    /// What it is.
    data: Version,
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "weir", "major": 0, "minor": 1, "revision": 0, "version": "0.1.0" }))]
struct Version {
    name: &'static str,
    major: u32,
    minor: u32,
    revision: u32,
    version: &'static str,
}

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// New clients are welcome: 200, or 503 while draining. A registry that is away takes nobody out of
/// service, since all nodes would go at once; it is said on further lines, as is a database that is away.
pub(crate) async fn ready(Extract(state): Extract<State>) -> (StatusCode, String) {
    let (status, word) = if state.shutdown.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    };
    let mut text = format!("{word}\n");
    let cluster = &state.cluster.cluster;
    let standing = cluster.with(|member, now_us| member.status(now_us));
    for line in troubles(&standing) {
        text.push_str(&line);
        text.push('\n');
    }
    let now_ms = state.hub.clock().wall_ms();
    let kept = state.recordings.iter().map(|kept| kept.keeping());
    for line in kept.flat_map(|facts| facts.troubles(now_ms)) {
        text.push_str(&line);
        text.push('\n');
    }
    if let Some(away_ms) = state.store.as_ref().and_then(|store| store.away_ms()) {
        let seconds = away_ms / 1000;
        text.push_str(&format!(
            "database: no answer for {seconds} s; watching and publishing by what is known go on, \
             accounts and channels cannot be read\n"
        ));
    }
    if let Some(bytes) = state.store.as_ref().and_then(|store| store.low_bytes()) {
        let mib = bytes / 1024 / 1024;
        text.push_str(&format!(
            "disk: {mib} MiB are left where the database is; what was committed stays, changes are refused while \
             there is no room\n"
        ));
    }
    (status, text)
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    any_site::open(
        OpenApiRouter::new()
            .routes(routes!(versions).map(|methods| methods.options(any_site::preflight))),
    )
}

/// Name and version
///
/// In the envelope that users of SRS know. Pages of every site may ask.
#[utoipa::path(get, path = "/api/v1/versions", tag = "about", responses(
    (status = 200, description = "What runs here", body = Versions),
))]
async fn versions(Extract(state): Extract<State>) -> Json<Versions> {
    let mut numbers = state
        .version
        .split(['.', '-', '+'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    Json(Versions {
        code: 0,
        server: state.node.clone(),
        data: Version {
            name: "weir",
            major: next(),
            minor: next(),
            revision: next(),
            version: state.version,
        },
    })
}

/// How this node stands in the cluster, in lines for people; none when all is well.
fn troubles(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(down_ms) = status.store_down_ms {
        let (seconds, kept) = (down_ms / 1000, status.unconfirmed);
        lines.push(format!(
            "store: unreachable for {seconds} s at least; what is live stays live ({kept} streams unconfirmed), \
             new streams are taken here and announced when it is back"
        ));
    }
    if let Some(down_ms) = status.bus_down_ms {
        let seconds = down_ms / 1000;
        lines.push(format!(
            "bus: this node has not heard itself for {seconds} s at least; it sees the others as they were"
        ));
    }
    if status.doubting {
        lines.push(
            "view: half of the nodes fell silent at once, which is not believed yet".to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_since_when() {
        let well = Status {
            store: true,
            store_down_ms: None,
            bus: true,
            bus_down_ms: None,
            owned: 2,
            unconfirmed: 0,
            nodes: 3,
            doubting: false,
        };
        assert!(troubles(&well).is_empty());
        let ill = Status {
            store: false,
            store_down_ms: Some(7_900),
            bus: false,
            bus_down_ms: Some(9_100),
            unconfirmed: 2,
            ..well
        };
        let lines = troubles(&ill);
        assert!(
            lines[0].starts_with("store: unreachable for 7 s at least;")
                && lines[0].contains("2 streams")
        );
        assert!(lines[1].contains("for 9 s"));
    }
}
