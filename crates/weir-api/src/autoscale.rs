//! How many nodes each pool should have, as JSON and as metrics, for those who start and stop machines.
//!
//! Open like `/metrics`, and says no more than it: an autoscaler that had to prove itself would have to
//! hold the admin token, with which it could do everything else too.

use axum::Json;
use axum::extract::State as Extract;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use prometheus_client::registry::Registry;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use weir_base::Code;
use weir_cluster::scale::Decision;

use crate::asked::PathParts;
use crate::families::Gauges;
use crate::guard::at_admin_door;
use crate::refused::{NotThere, Refused};
use crate::schemas::PoolDecisionSchema;
use crate::state::State;

/// What is known of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PoolFacts {
    /// Its name.
    pub pool: String,
    /// The role of its nodes.
    pub role: &'static str,
    /// Their region; `None` for all regions together.
    pub region: Option<String>,
    /// How many nodes it should have, has, and why.
    #[serde(flatten)]
    #[schema(value_type = PoolDecisionSchema)]
    pub decision: Decision,
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// Who starts and stops them: `none`, `webhook`, `exec` or `process`.
    pub provider: &'static str,
    /// Whether this node is the one that acts.
    pub leader: bool,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
struct Pools {
    /// In the order of the configuration.
    pools: Vec<PoolFacts>,
}

/// Where operators have a listener of their own, autoscalers ask there, as who reads the metrics does.
pub(crate) fn routes(state: &State) -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(pools))
        .routes(routes!(pool))
        .route_layer(from_fn_with_state(state.clone(), at_admin_door))
}

/// How many nodes each pool should have
#[utoipa::path(get, path = "/api/v1/autoscale", tag = "cluster", responses(
    (status = 200, description = "The pools", body = Pools),
    NotThere,
))]
async fn pools(Extract(state): Extract<State>) -> Response {
    fresh(Json(Pools {
        pools: state.facts.pools(),
    }))
}

/// How many nodes a pool should have
#[utoipa::path(get, path = "/api/v1/autoscale/{pool}", tag = "cluster",
    params(("pool" = String, Path, description = "The pool's name", example = "edges")),
    responses((status = 200, description = "The pool", body = PoolFacts), NotThere),
)]
async fn pool(
    Extract(state): Extract<State>,
    PathParts(name): PathParts<String>,
) -> Result<Response, Refused> {
    let found = state
        .facts
        .pools()
        .into_iter()
        .find(|facts| facts.pool == name);
    let missing = || {
        Refused::new(
            Code::NotFound,
            format!("there is no pool {name:?} in scale.pools"),
        )
    };
    found.map(|facts| fresh(Json(facts))).ok_or_else(missing)
}

fn fresh<T: Serialize>(body: Json<T>) -> Response {
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (no_store, body).into_response()
}

/// The pools' metrics: `weir_pool_desired_nodes` and `weir_pool_current_nodes`, by pool.
pub(crate) struct PoolGauges {
    desired: Gauges,
    current: Gauges,
}

impl PoolGauges {
    /// Names them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (desired, current) = (Gauges::default(), Gauges::default());
        registry.register(
            "weir_pool_desired_nodes",
            "Nodes that a pool should have",
            desired.clone(),
        );
        registry.register(
            "weir_pool_current_nodes",
            "Nodes of a pool that take work",
            current.clone(),
        );
        Self { desired, current }
    }

    /// Sets them, as the node of this name sees the pools.
    pub(crate) fn fill(&self, node: &str, pools: &[PoolFacts]) {
        for facts in pools {
            let labels = vec![("node", node.to_owned()), ("pool", facts.pool.clone())];
            let decision = &facts.decision;
            let desired = self.desired.get_or_create(&labels);
            desired.set(i64::from(decision.desired));
            let current = self.current.get_or_create(&labels);
            current.set(i64::from(decision.current));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use prometheus_client::encoding::text::encode;
    use weir_cluster::fill::Dimension;

    use super::*;

    pub(crate) fn facts() -> PoolFacts {
        PoolFacts {
            pool: "edges".into(),
            role: "edge",
            region: None,
            decision: Decision {
                desired: 3,
                current: 2,
                booting: 0,
                leaving: 0,
                reason: "needs 3 nodes at 60 % for bandwidth".into(),
                needed: 3,
                wanted: 3,
                by: Dimension::Bandwidth,
                held_by: None,
                dry_run: false,
            },
            min: 1,
            max: 5,
            provider: "none",
            leader: false,
        }
    }

    #[test]
    fn the_numbers_stand_at_the_top_where_autoscalers_look_for_them() {
        let json = serde_json::to_value(facts()).unwrap();
        assert_eq!(
            (&json["desired"], &json["current"], &json["reason"]),
            (
                &3.into(),
                &2.into(),
                &"needs 3 nodes at 60 % for bandwidth".into()
            )
        );
        assert_eq!(json.get("held_by"), None);
    }

    #[test]
    fn the_gauges_carry_the_pool_and_who_says_so() {
        let mut registry = Registry::default();
        PoolGauges::new(&mut registry).fill("n1", &[facts()]);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(
            text.contains(r#"weir_pool_desired_nodes{node="n1",pool="edges"} 3"#),
            "{text}"
        );
        assert!(text.contains(r#"weir_pool_current_nodes{node="n1",pool="edges"} 2"#));
    }
}
