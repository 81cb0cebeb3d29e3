//! Control-plane HTTP: the API, the metrics and the pages.
//!
//! Never touches media or protocols: it asks the hub and answers in JSON. The media paths of the
//! same port are served before a request comes here.

mod addresses;
mod admin;
mod any_site;
mod apps;
mod autoscale;
mod cluster;
mod coworkers;
mod dispatch;
mod drain;
mod edge;
mod embedded;
mod families;
mod go;
mod health;
mod manager;
mod metrics;
mod pages;
mod refused;
mod rejected;
mod sdk;
mod state;
mod streams;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};

use state::State;

pub use addresses::{PublicAddress, PublicAddresses};
pub use apps::{AppFacts, EncoderRule, Prefer};
pub use autoscale::PoolFacts;
pub use dispatch::{Caller, DispatchConfig, DispatchRules, DispatchStrategy, Dispatcher};
pub use edge::EdgeFacts;
pub use metrics::METRIC_NAMES;
pub use state::{ClusterApi, Config, Facts, NodeProof};

/// Everything that is not media.
pub fn router(config: Config) -> Router {
    let state = State::new(config);
    let admin = Router::new()
        .route("/api/v1/streams", get(streams::list))
        .route("/api/v1/streams/{*name}", get(streams::one))
        .route("/api/v1/clients", get(streams::clients))
        .route("/api/v1/clients/{id}", delete(streams::kick))
        .route("/api/v1/cluster", get(cluster::seen))
        .route_layer(axum::middleware::from_fn_with_state(
            state.clone(),
            admin::require_token,
        ));
    // Servers that are not weir say where streams are, and ask.
    let parts = Router::new()
        .route("/api/v1/streams/report", post(manager::report))
        .route("/api/v1/streams/locate", get(manager::locate))
        .route("/api/v1/drain", get(drain::look).post(drain::begin))
        .route_layer(axum::middleware::from_fn_with_state(
            state.clone(),
            manager::require_part,
        ))
        .layer(DefaultBodyLimit::max(dispatch::MAX_BYTES));
    let places = Router::new()
        .route(
            "/api/v1/dispatch/{purpose}",
            post(dispatch::ask).options(any_site::preflight_post),
        )
        .route(
            "/go/{*path}",
            get(go::redirect).options(any_site::preflight),
        )
        .layer(DefaultBodyLimit::max(dispatch::MAX_BYTES))
        .route_layer(axum::middleware::map_response(any_site::readable));
    // Publishers on other sites' pages ask these too; what is live here is not for any page to know.
    let public = Router::new()
        .route(
            "/api/v1/apps/{*app}",
            get(apps::one).options(any_site::preflight),
        )
        .route(
            "/api/v1/addresses",
            get(addresses::public).options(any_site::preflight),
        )
        .route(
            "/api/v1/versions",
            get(health::versions).options(any_site::preflight),
        )
        .route("/sdk/{*path}", get(sdk::file).options(any_site::preflight))
        .route_layer(axum::middleware::map_response(any_site::readable));
    Router::new()
        .merge(admin)
        .merge(parts)
        .merge(places)
        .merge(autoscale::routes())
        .merge(public)
        .route(
            weir_cluster::coworker::PATH,
            get(coworkers::answer).post(coworkers::answer),
        )
        .route("/api/v1/live", get(streams::live))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .fallback(pages::page)
        .layer(axum::middleware::map_response(rejected::with_code))
        .with_state(state)
}
