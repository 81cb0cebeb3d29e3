//! Is it alive, is it ready, what is it.

use axum::Json;
use axum::extract::State as Extract;
use http::StatusCode;
use serde_json::{Value, json};

use crate::State;

/// The process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// New clients are welcome: 200, or 503 while draining.
pub(crate) async fn ready(Extract(state): Extract<State>) -> (StatusCode, &'static str) {
    if state.shutdown.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// The version, also in the envelope that SRS users know.
pub(crate) async fn versions(Extract(state): Extract<State>) -> Json<Value> {
    let mut numbers = state
        .version
        .split(['.', '-', '+'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    Json(json!({
        "code": 0,
        "server": state.node,
        "data": { "name": "weir", "major": next(), "minor": next(), "revision": next(), "version": state.version },
    }))
}
