//! `GET /api/v1/audit`: who did what, to what, from where.

use axum::Json;
use axum::extract::State as Extract;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::{Code, rfc3339};
use weir_store::audit::{AuditEntry, AuditFilter};

use crate::asked::{QueryParts, at_most};
use crate::refused::{Problem, Refused};
use crate::state::State;

/// Acts in one answer, where nobody says.
const DEFAULT_ACTS: u32 = 50;
/// Acts in one answer at most.
const MAX_ACTS: u32 = 200;

/// Which acts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct AuditAsked {
    /// Of this account alone.
    #[param(required = false, nullable = false)]
    actor: Option<String>,
    /// To this alone.
    #[param(required = false, nullable = false)]
    object: Option<String>,
    /// Of this kind alone, such as `hook.create`.
    #[param(required = false, nullable = false)]
    action: Option<String>,
    /// Acts in the answer.
    #[param(minimum = 1, maximum = 200, required = false, nullable = false)]
    limit: Option<u32>,
    /// `next` of the answer before; none for the newest.
    #[param(required = false, nullable = false)]
    after: Option<String>,
}

/// What somebody with a right did.
#[derive(Debug, Serialize, ToSchema)]
struct ActSeen {
    id: String,
    /// Account; null where it has none.
    actor: Option<String>,
    /// As the actor was called then.
    name: String,
    /// Such as `hook.create`.
    action: String,
    /// What it was done to.
    object: String,
    /// How it was.
    before: Value,
    /// How it is.
    after: Value,
    /// From where.
    address: String,
    /// When (RFC 3339).
    at: String,
}

/// Some acts, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct ActsSeen {
    items: Vec<ActSeen>,
    /// `after` of the next page; null for none.
    next: Option<String>,
}

impl From<AuditEntry> for ActSeen {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            actor: (!entry.actor.is_empty()).then_some(entry.actor),
            name: entry.name,
            action: entry.action,
            object: entry.object,
            before: serde_json::from_str(&entry.before).unwrap_or_default(),
            after: serde_json::from_str(&entry.after).unwrap_or_default(),
            address: entry.address,
            at: rfc3339(entry.at_ms),
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who did what, newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "events", operation_id = "audit_list", params(AuditAsked),
    responses(
        (status = 200, description = "Some of it", body = ActsSeen),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
async fn list(
    Extract(state): Extract<State>,
    QueryParts(asked): QueryParts<AuditAsked>,
) -> Result<Json<ActsSeen>, Refused> {
    let limit = asked.limit.unwrap_or(DEFAULT_ACTS);
    if !(1..=MAX_ACTS).contains(&limit) {
        let words = format!("a page has from 1 to {MAX_ACTS} things");
        return Err(Refused::field(Code::BadRequest, "limit", words));
    }
    let before = asked.after.as_deref().map(|text| {
        let words = "this is not what a page before called `next`";
        text.parse()
            .map_err(|_| Refused::field(Code::BadRequest, "after", words))
    });
    let before = before.transpose()?;
    let filter = AuditFilter {
        actor: asked.actor.as_deref(),
        object: asked.object.as_deref(),
        action: asked.action.as_deref(),
    };
    let store = &state.happenings()?.store;
    let rows = store.audit().list(filter, before, limit + 1).await;
    let (rows, next) = at_most(rows?, limit, |row| row.id.to_string());
    let items = rows.into_iter().map(ActSeen::from).collect();
    Ok(Json(ActsSeen { items, next }))
}
