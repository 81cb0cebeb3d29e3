//! Apps as JSON: what a page must know before it publishes or plays.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::any_site;
use crate::asked::PathParts;
use crate::state::State;

/// What anybody may know of an app.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "app": "live", "publish": "key", "play": "open", "max_kbps": null, "keyframe_ms": 2000, "encoders": [],
}))]
pub struct AppFacts {
    /// Its name.
    pub app: String,
    /// Who may publish: `open` or `key`.
    pub publish: &'static str,
    /// Who may play: `open` or `signed`.
    pub play: &'static str,
    /// The most a publisher may send, kilobits per second.
    pub max_kbps: Option<u32>,
    /// Wished milliseconds between keyframes.
    pub keyframe_ms: u32,
    /// Which encoder to use on which device; the first that fits counts.
    pub encoders: Vec<EncoderRule>,
}

/// One line of the list of hand-tested devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EncoderRule {
    /// Glob over user agent, platform, model and GPU.
    #[serde(rename = "match")]
    pub matches: String,
    /// Which encoder.
    #[serde(default)]
    pub prefer: Prefer,
    /// Codecs not to use: `h264`, `hevc`, `av1`, `vp9`.
    #[serde(default)]
    pub avoid: Vec<String>,
}

/// Hardware or software.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The device's own encoder.
    Hardware,
    /// The browser's.
    Software,
    /// What the browser finds best.
    #[default]
    Auto,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    any_site::open(
        OpenApiRouter::new()
            .routes(routes!(app).map(|methods| methods.options(any_site::preflight))),
    )
}

/// What a page must know before it publishes or plays
///
/// The same is said of an app that nobody has set up. Pages of every site may ask.
#[utoipa::path(get, path = "/api/v1/apps/{*app}", tag = "places",
    params(("app" = String, Path, description = "All levels of the app", example = "live")),
    responses((status = 200, description = "The app", body = AppFacts)),
)]
async fn app(Extract(state): Extract<State>, PathParts(app): PathParts<String>) -> Json<AppFacts> {
    Json(state.facts.app(&app))
}
