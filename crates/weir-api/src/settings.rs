//! `GET /api/v1/settings`: with which settings this node runs.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::State;

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Setting {
    /// Dotted, as in the file.
    #[schema(example = "http.listen")]
    pub name: String,
    /// As it is; `"***"` where it is a secret.
    pub value: Value,
    /// What it means, and in which unit.
    pub meaning: &'static str,
    /// A change of it waits for the next start.
    pub needs_restart: bool,
    /// Somebody has said something else than what it is by itself.
    pub is_set: bool,
}

/// The settings of a node.
#[derive(Debug, Serialize, ToSchema)]
struct SettingList {
    /// The name of the node.
    node: String,
    version: &'static str,
    items: Vec<Setting>,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The settings of this node
///
/// As they are in force, without secrets. They are changed in its file.
#[utoipa::path(get, path = "/api/v1/settings", tag = "cluster", operation_id = "settings",
    responses((status = 200, description = "The settings", body = SettingList)),
)]
async fn list(Extract(state): Extract<State>) -> Json<SettingList> {
    Json(SettingList {
        node: state.node.clone(),
        version: state.version,
        items: state.facts.settings(),
    })
}
