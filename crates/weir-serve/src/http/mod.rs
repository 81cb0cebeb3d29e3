//! HTTP: media, and WebSockets of other services, answered the same whichever head was read; everything
//! else goes to the service the binary hands in.

mod crowd;
pub mod head;
mod live;
mod media;
pub mod paced;
pub mod request;
pub mod response;
pub mod route;
pub mod rules;
pub mod service;
pub mod upgrade;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use weir_hub::Protocol;

pub(crate) use self::crowd::{Crowd, CrowdPlace};
use self::route::{Resource, Route, route};
use self::rules::Misfit;
use self::upgrade::SocketService;
use crate::admission::Admission;
use crate::core::Core;
use crate::hls::Hls;
use crate::ingest::Ingest;

/// What a connection to the HTTP port needs. Clones share it.
#[derive(Clone)]
pub struct HttpServer {
    pub(crate) core: Core,
    pub(crate) admission: Admission,
    pub(crate) hls: Hls,
    pub(crate) ingest: Ingest,
    /// What is no media and speaks over WebSockets.
    pub(crate) sockets: Arc<[Arc<dyn SocketService>]>,
    /// Everything else.
    pub(crate) api: Arc<dyn service::ApiService>,
    /// Those whose request heads are waited for, and those whose bodies are.
    pub(crate) heads: Crowd,
    pub(crate) bodies: Crowd,
    /// Connections come in by the operators' door.
    pub(crate) is_for_operators: bool,
    /// Whoever comes here wants a picture, or is in the wrong place.
    pub(crate) is_for_pictures: bool,
}

impl HttpServer {
    /// What stands at a raw path.
    pub(crate) fn resource(&self, path: &str) -> Resource {
        if path == "*" {
            return Resource::Server;
        }
        if self.is_for_pictures {
            // The API service answers for pictures; what the path of another thing is, is not asked here.
            return Resource::Other;
        }
        let level = path.trim_start_matches('/').split('/').next();
        let service = self
            .sockets
            .iter()
            .find(|service| level == Some(service.level()));
        match (service, route(path)) {
            (Some(service), _) => Resource::Socket(service.clone()),
            (None, Route::Other) => Resource::Other,
            (None, route) => Resource::Media(route),
        }
    }

    /// Counts and logs a request that breaks HTTP's rules.
    pub(crate) fn misfit(&self, misfit: &Misfit, client: SocketAddr) {
        let refusal = misfit.refusal();
        let what = "an HTTP connection";
        self.core
            .refused(&refusal, Protocol::HttpFlv, what, client.ip());
    }

    /// The client's address, when whoever spoke HTTP to us is `speaker` (the socket's peer, or whom a
    /// PROXY header named): what it says in X-Forwarded-For if it is a trusted proxy, else its own.
    pub(crate) fn client_of(&self, speaker: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let config = self.core.config.load();
        let header = request::forwarded_for(headers).unwrap_or_default();
        let mut found = speaker;
        // From the right: each proxy appended who spoke to it. The first that is not trusted is the
        // client; what stands left of it, or of something unreadable, is anybody's word.
        for part in header.rsplit(',') {
            if !config.proxy.trusts(found.ip()) {
                break;
            }
            let part = part.trim();
            let address = part
                .parse()
                .or_else(|_| part.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0)));
            match address {
                Ok(address) => found = address,
                Err(_) => break,
            }
        }
        found
    }
}
