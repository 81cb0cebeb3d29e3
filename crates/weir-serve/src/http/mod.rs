//! The HTTP port: media by our own hands, everything else by the service the binary hands in.

pub mod connection;
pub mod head;
pub mod live;
pub mod route;
pub mod service;
pub mod web_socket;

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
    /// Everything that is not media.
    pub(crate) api: service::ApiService,
}
