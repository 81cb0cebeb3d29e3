//! Binds every listener first, so that a wrong address fails before anything runs, then serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use weir_hub::{Gatekeeper, Protocol};

use crate::admission::Admission;
use crate::config::Config;
use crate::core::Core;
use crate::front::listen;
use crate::front::tls::{Certificate, TlsError};
use crate::hls::Hls;
use crate::http::service::ApiService;
use crate::http::{HttpServer, connection};
use crate::ingest::{Ingest, rtmp};
use crate::node::Node;

/// How often the hub looks for silent publishers: they and their viewers are told within the second.
const SWEEP_EVERY: Duration = Duration::from_millis(200);
/// How often the certificate's files are looked at.
const CERTIFICATE_EVERY: Duration = Duration::from_secs(60);

/// Why the server cannot start. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be had.
    #[error(transparent)]
    Bind(#[from] std::io::Error),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// TLS addresses without a certificate.
    #[error("an address for TLS is set but no certificate: set tls.cert and tls.key")]
    NoCertificate,
}

/// What a server does, each part made of those below it. Clones share them.
#[derive(Clone)]
pub struct Services {
    /// What all of them share.
    pub core: Core,
    /// This node among others.
    pub node: Node,
    /// May it, and where.
    pub admission: Admission,
    /// HLS over HTTP.
    pub hls: Hls,
    /// Publishers' protocols.
    pub ingest: Ingest,
}

impl Services {
    /// The services of `node`, with `gate` deciding who may use them.
    pub fn new(core: Core, node: Node, gate: Arc<dyn Gatekeeper>) -> Self {
        let admission = Admission::new(core.clone(), gate, node.clone());
        Self {
            hls: Hls::new(core.clone(), admission.clone(), node.clone()),
            ingest: Ingest::new(core.clone(), node.clone(), admission.clone()),
            core,
            node,
            admission,
        }
    }
}

/// Bound listeners, ready to serve.
#[derive(Debug)]
pub struct Server {
    rtmp: Vec<TcpListener>,
    rtmps: Vec<TcpListener>,
    http: Vec<TcpListener>,
    https: Vec<TcpListener>,
    certificate: Option<Arc<Certificate>>,
}

impl Server {
    /// Binds all addresses of the config.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let certificate = config.tls.clone().map(Certificate::load).transpose()?;
        if certificate.is_none()
            && !(config.rtmps_listen.is_empty() && config.https_listen.is_empty())
        {
            return Err(StartError::NoCertificate);
        }
        let bind = |addrs: &[SocketAddr]| {
            addrs
                .iter()
                .map(|addr| listen::bind(*addr))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            rtmp: bind(&config.rtmp_listen)?,
            rtmps: bind(&config.rtmps_listen)?,
            http: bind(&config.http_listen)?,
            https: bind(&config.https_listen)?,
            certificate,
        })
    }

    /// The addresses bound, port 0 resolved: `(rtmp, rtmps, http, https)`.
    pub fn addresses(&self) -> [Vec<SocketAddr>; 4] {
        [&self.rtmp, &self.rtmps, &self.http, &self.https].map(|listeners| {
            listeners
                .iter()
                .filter_map(|listener| listener.local_addr().ok())
                .collect()
        })
    }

    /// The certificate in use, to reload it.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Serves until shutdown. Returns at once; the work is in the core's tasks.
    pub fn run(self, services: &Services, api: ApiService) {
        let core = &services.core;
        let rtmp_tls = self
            .certificate
            .as_ref()
            .map(|certificate| certificate.acceptor(&[]));
        let http_tls = self
            .certificate
            .as_ref()
            .map(|certificate| certificate.acceptor(&[b"h2", b"http/1.1"]));
        for (listeners, tls) in [(self.rtmp, None), (self.rtmps, rtmp_tls)] {
            for listener in listeners {
                let ingest = services.ingest.clone();
                let handle = move |accepted| rtmp::serve(ingest.clone(), accepted);
                let accept =
                    listen::run(core.clone(), listener, tls.clone(), Protocol::Rtmp, handle);
                core.tasks.spawn("accept-rtmp", accept);
            }
        }
        let http = HttpServer {
            core: core.clone(),
            admission: services.admission.clone(),
            hls: services.hls.clone(),
            ingest: services.ingest.clone(),
            api,
        };
        for (listeners, tls) in [(self.http, None), (self.https, http_tls)] {
            for listener in listeners {
                let http = http.clone();
                let handle = move |accepted| connection::serve(http.clone(), accepted);
                let accept = listen::run(
                    core.clone(),
                    listener,
                    tls.clone(),
                    Protocol::HttpFlv,
                    handle,
                );
                core.tasks.spawn("accept-http", accept);
            }
        }
        core.tasks.spawn("sweep", sweep(core.clone()));
        if let Some(certificate) = self.certificate {
            core.tasks
                .spawn("certificate", watch_certificate(core.clone(), certificate));
        }
    }
}

async fn sweep(core: Core) {
    let mut every = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => core.hub.sweep(),
            () = core.shutdown.stopping() => return,
        }
    }
}

/// Certificates are renewed by others, who do not always tell us.
async fn watch_certificate(core: Core, certificate: Arc<Certificate>) {
    let mut every = tokio::time::interval(CERTIFICATE_EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {
                if let Err(error) = certificate.reload() {
                    tracing::error!(%error, "the certificate cannot be reloaded; the old one stays in force");
                }
            }
            () = core.shutdown.stopping() => return,
        }
    }
}
