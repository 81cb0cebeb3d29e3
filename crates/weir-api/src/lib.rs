//! Control-plane HTTP: the API, the metrics and the pages.
//!
//! Never touches media or protocols: it asks the hub and answers in JSON. The media paths of the
//! same port are served before a request comes here.

mod admin;
mod apps;
mod autoscale;
mod cluster;
mod coworkers;
mod dispatch;
mod drain;
mod edge;
mod families;
mod go;
mod health;
mod manager;
mod metrics;
mod pages;
mod rejected;
mod streams;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::{HeaderValue, StatusCode, header};
use weir_base::{Code, Refusal, Shutdown};
use weir_hub::Hub;

pub use apps::{AppFacts, EncoderRule, Prefer};
pub use autoscale::PoolFacts;
pub use cluster::{ClusterApi, NodeProof};
pub use dispatch::{Caller, DispatchRules, DispatchStrategy, Dispatcher};
pub use edge::EdgeFacts;
pub use metrics::METRIC_NAMES;

/// What the API works with.
pub struct Config {
    /// The streams.
    pub hub: Hub,
    /// The two stages of the end: draining is not ready.
    pub shutdown: Shutdown,
    /// The token of the admin API.
    pub admin_token: String,
    /// This node's name, in metrics.
    pub node: String,
    /// The version of the binary.
    pub version: &'static str,
    /// This node among others.
    pub cluster: ClusterApi,
    /// What the parts know that the API does not see.
    pub facts: Arc<dyn Facts>,
}

/// What the API asks of parts it does not know: the gate, the scaler, the delivery.
pub trait Facts: Send + Sync {
    /// What is known of an app.
    fn app(&self, app: &str) -> AppFacts;

    /// How many nodes each pool should have.
    fn pools(&self) -> Vec<PoolFacts>;

    /// What this node fetches from others.
    fn edge(&self) -> EdgeFacts;
}

#[derive(Clone)]
struct State(Arc<Inner>);

struct Inner {
    config: Config,
    drained_by: drain::DrainedBy,
}

impl std::ops::Deref for State {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.0.config
    }
}

impl State {
    fn new(config: Config) -> Self {
        Self(Arc::new(Inner {
            config,
            drained_by: drain::DrainedBy::default(),
        }))
    }

    fn dispatcher(&self) -> &Dispatcher {
        &self.cluster.dispatcher
    }

    fn drained_by(&self) -> &drain::DrainedBy {
        &self.0.drained_by
    }
}

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
            post(dispatch::ask).options(dispatch::preflight),
        )
        .route("/go/{*path}", get(go::redirect))
        .layer(DefaultBodyLimit::max(dispatch::MAX_BYTES))
        .route_layer(axum::middleware::map_response(for_any_site));
    // Publishers on other sites' pages ask these too; what is live here is not for any page to know.
    let public = Router::new()
        .route("/api/v1/apps/{*app}", get(apps::one))
        .route("/api/v1/versions", get(health::versions))
        .route_layer(axum::middleware::map_response(for_any_site));
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

async fn for_any_site(mut response: Response) -> Response {
    let anybody = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    response
}

/// A refusal as an answer.
struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self(code.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.code.entry().http).unwrap_or(StatusCode::BAD_REQUEST);
        let location = self.0.location.as_deref();
        let location = location.and_then(|url| HeaderValue::from_str(url).ok());
        let mut response = (status, axum::Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = location {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
