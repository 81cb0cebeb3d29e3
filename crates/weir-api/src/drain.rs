//! `POST /api/v1/drain`: this node takes nobody new and moves those it has. It goes on running: whoever
//! stops it looks at `GET /api/v1/drain` until nobody is left.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use weir_base::{Code, Refusal};
use weir_cluster::drain::Remaining;

use crate::refused::Refused;
use crate::state::State;

/// Bytes of a name of who drains: more is cut.
const MAX_BY_CHARS: usize = 64;

/// Who asks, as far as it says; a person need say nothing.
#[derive(Debug, Default, Deserialize)]
struct Order {
    #[serde(default)]
    by: Option<String>,
    /// The life of the node that is meant: a node that was restarted since is not.
    #[serde(default)]
    boot: Option<u64>,
}

/// How far a drain is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    draining: bool,
    /// Who asked first, where it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Publishers still here.
    publishers: u64,
    /// Viewers still here; other nodes' pulls not counted.
    viewers: u64,
    /// Nobody is left whom stopping the process would hurt.
    empty: bool,
}

/// Begins to drain; once more is no harm. 409 where another life of this node is meant.
pub(crate) async fn begin(Extract(state): Extract<State>, body: Bytes) -> Response {
    let order = match body.as_ref() {
        [] => Order::default(),
        json => match serde_json::from_slice(json) {
            Ok(order) => order,
            Err(error) => {
                let words = format!("the body is not {{\"by\":…,\"boot\":…}}: {error}");
                return Refused(Refusal::new(Code::ProtocolError, words)).into_response();
            }
        },
    };
    let boot = state.cluster.cluster.with(|member, _| member.record().boot);
    if order.boot.is_some_and(|meant| meant != boot) {
        return (StatusCode::CONFLICT, Json(progress(&state))).into_response();
    }
    if !state.shutdown.is_draining() {
        let by = order.by.map(|by| by.chars().take(MAX_BY_CHARS).collect());
        *state.drained_by().lock() = by;
    }
    state.shutdown.drain();
    Json(progress(&state)).into_response()
}

/// How far it is.
pub(crate) async fn look(Extract(state): Extract<State>) -> Json<Progress> {
    Json(progress(&state))
}

fn progress(state: &State) -> Progress {
    let served = state.hub.headcount();
    let remaining = Remaining {
        publishers: served.publishers + served.handed_on,
        viewers: served.viewers,
    };
    Progress {
        draining: state.shutdown.is_draining(),
        by: state.drained_by().lock().clone(),
        publishers: remaining.publishers,
        viewers: remaining.viewers,
        empty: remaining.is_nobody(),
    }
}
