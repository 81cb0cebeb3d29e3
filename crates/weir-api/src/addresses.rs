//! `GET /api/v1/addresses`: where encoders and players that speak RTMP reach this node. A page knows the
//! address it came from; the port of another protocol it cannot guess.

use axum::Json;
use axum::extract::State as Extract;
use serde::Serialize;

use crate::state::State;

/// How the public reaches what is no HTTP; none where it is not listened for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PublicAddresses {
    /// RTMP in the clear.
    pub rtmp: Option<PublicAddress>,
    /// RTMP behind TLS.
    pub rtmps: Option<PublicAddress>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicAddress {
    /// Name or address; none where any leads here that HTTP was reached by. IPv6 without brackets.
    pub host: Option<String>,
    /// TCP.
    pub port: u16,
}

/// For everybody.
pub(crate) async fn public(Extract(state): Extract<State>) -> Json<PublicAddresses> {
    Json(state.addresses.clone())
}
