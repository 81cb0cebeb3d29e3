//! From where a request comes.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::state::ClientIp;

/// The address that a request comes from; 0.0.0.0 where nobody says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = head.extensions.get::<ClientIp>().map(|ip| ip.0);
        Ok(Self(known.unwrap_or(Ipv4Addr::UNSPECIFIED.into())))
    }
}
