//! `GET /api/v1/addresses`: where encoders and players that speak RTMP reach this node. A page knows the
//! address it came from; the port of another protocol it cannot guess.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::any_site;
use crate::state::State;

/// How the public reaches what is no HTTP; none where it is not listened for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({ "rtmp": { "host": null, "port": 1935 }, "rtmps": null, "pictures": null }))]
pub struct PublicAddresses {
    /// RTMP in the clear.
    pub rtmp: Option<PublicAddress>,
    /// RTMP behind TLS.
    pub rtmps: Option<PublicAddress>,
    /// What stands before `/i/` of a picture's address: `https://img.example`, or `:8090` for that port of the name
    /// by which a page was reached, without TLS. None where pictures are served with everything else.
    pub pictures: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PublicAddress {
    /// Name or address; none where any leads here that HTTP was reached by. IPv6 without brackets.
    pub host: Option<String>,
    /// TCP.
    pub port: u16,
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    any_site::open(
        OpenApiRouter::new()
            .routes(routes!(addresses).map(|methods| methods.options(any_site::preflight))),
    )
}

/// Where RTMP is spoken
///
/// As the operator says it (`node.advertise`), else as it is listened for. Pages of every site may ask.
#[utoipa::path(get, path = "/api/v1/addresses", tag = "places", responses(
    (status = 200, description = "The addresses", body = PublicAddresses),
))]
async fn addresses(Extract(state): Extract<State>) -> Json<PublicAddresses> {
    Json(state.addresses.clone())
}
