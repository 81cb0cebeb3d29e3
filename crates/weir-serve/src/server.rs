//! Binds every door first, so that a wrong address fails before anything runs, then serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use weir_hub::{Gatekeeper, Protocol};
use weir_record::Spool;

use crate::admission::Admission;
use crate::config::Config;
use crate::core::Core;
use crate::doors::http;
use crate::doors::rtmp::{self, RtmpServer};
use crate::front::tls::{Certificate, TlsError};
use crate::front::{Addresses, Door, DoorKind, DoorSocket, Transport, listen};
use crate::hls::{Archives, Hls, Stills};
use crate::http::service::ApiService;
use crate::http::upgrade::SocketService;
use crate::http::{Crowd, HttpServer};
use crate::ingest::Ingest;
use crate::node::Node;
use crate::recorder::{RecordRules, Recorder};

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
    /// Records, where this node does.
    pub recorder: Option<Recorder>,
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
            recorder: None,
        }
    }

    /// Records into `spool` from now on what channels and apps, by `is_recorded`, publishers and this node's settings want recorded, and
    /// plays what is in it.
    #[must_use]
    pub fn with_recordings(self, spool: Spool, is_recorded: RecordRules) -> Self {
        let (core, packagings) = (self.core.clone(), self.hls.packagings().clone());
        let others = (self.node.registry(), self.node.settings().me.clone());
        let recorder = Recorder::new(core, packagings, spool.clone(), others, is_recorded);
        self.core.tasks.spawn("recorder", recorder.clone().run());
        Self {
            hls: self.hls.with_recordings(spool),
            recorder: Some(recorder),
            ..self
        }
    }
}

impl Services {
    /// Plays recordings of other nodes and of the store, too.
    #[must_use]
    pub fn with_archives(self, archives: Arc<dyn Archives>) -> Self {
        Self {
            hls: self.hls.with_archives(archives),
            ..self
        }
    }
}

impl Services {
    /// With somebody who makes pictures of what is recorded.
    #[must_use]
    pub fn with_stills(self, maker: Arc<dyn Stills>) -> Self {
        Self {
            hls: self.hls.with_stills(maker),
            ..self
        }
    }
}

/// Bound doors, ready to serve.
pub struct Server {
    doors: Vec<Door>,
    certificate: Option<Arc<Certificate>>,
    sockets: Vec<Arc<dyn SocketService>>,
}

impl Server {
    /// Binds all addresses of the config.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub fn bind(config: &Config) -> Result<Self, StartError> {
        let certificate = config
            .tls
            .is_set()
            .then(|| Certificate::load(config.tls.clone()));
        let certificate = certificate.transpose()?;
        let mut doors = Vec::new();
        for kind in DoorKind::ALL {
            for address in listen_addresses(config, kind) {
                if kind.is_tls() && certificate.is_none() {
                    return Err(StartError::NoCertificate);
                }
                doors.push(Door::bind(kind, Transport::Tcp, *address)?);
            }
        }
        Ok(Self {
            doors,
            certificate,
            sockets: Vec::new(),
        })
    }

    /// Plugs in what is no media and speaks over WebSockets.
    #[must_use]
    pub fn with_sockets(mut self, service: Arc<dyn SocketService>) -> Self {
        self.sockets.push(service);
        self
    }

    /// The addresses bound, port 0 resolved.
    pub fn addresses(&self) -> Addresses {
        self.doors.iter().filter_map(Door::bound).collect()
    }

    /// The certificate in use, to reload it.
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Serves until shutdown. Returns at once; the work is in the core's tasks.
    pub fn run(self, services: &Services, api: Arc<dyn ApiService>) {
        let core = &services.core;
        let rtmp_server = RtmpServer {
            core: core.clone(),
            admission: services.admission.clone(),
            ingest: services.ingest.clone(),
        };
        let http_server = HttpServer {
            core: core.clone(),
            admission: services.admission.clone(),
            hls: services.hls.clone(),
            ingest: services.ingest.clone(),
            sockets: self.sockets.into(),
            api,
            heads: Crowd::default(),
            bodies: Crowd::default(),
            is_for_operators: false,
            is_for_pictures: false,
        };
        for Door { kind, socket } in self.doors {
            let DoorSocket::Tcp(listener) = socket else {
                tracing::error!(door = kind.name(), "nothing is spoken here over UDP");
                continue;
            };
            let names: &[&[u8]] = match kind {
                DoorKind::Http | DoorKind::Https | DoorKind::Admin | DoorKind::Pictures => {
                    &[b"h2", b"http/1.1"]
                }
                DoorKind::Rtmp | DoorKind::Rtmps => &[],
            };
            let certificate = self.certificate.as_ref().filter(|_| kind.is_tls());
            let tls = certificate.map(|certificate| certificate.acceptor(names));
            match kind {
                DoorKind::Rtmp | DoorKind::Rtmps => {
                    let server = rtmp_server.clone();
                    let handle = move |accepted| rtmp::serve(server.clone(), accepted);
                    let accept = listen::run(core.clone(), listener, tls, Protocol::Rtmp, handle);
                    core.tasks.spawn("accept-rtmp", accept);
                }
                DoorKind::Http | DoorKind::Https | DoorKind::Admin | DoorKind::Pictures => {
                    let http_server = HttpServer {
                        is_for_operators: kind == DoorKind::Admin,
                        is_for_pictures: kind == DoorKind::Pictures,
                        ..http_server.clone()
                    };
                    let handle = move |accepted| http::serve(http_server.clone(), accepted);
                    let protocol = Protocol::HttpFlv;
                    let accept = listen::run(core.clone(), listener, tls, protocol, handle);
                    core.tasks.spawn("accept-http", accept);
                }
            }
        }
        core.tasks.spawn("sweep", sweep(core.clone()));
        if let Some(certificate) = self.certificate {
            core.tasks
                .spawn("certificate", watch_certificate(core.clone(), certificate));
        }
    }
}

fn listen_addresses(config: &Config, kind: DoorKind) -> &[SocketAddr] {
    match kind {
        DoorKind::Rtmp => &config.rtmp.listen.0,
        DoorKind::Rtmps => &config.rtmp.tls_listen.0,
        DoorKind::Http => &config.http.listen.0,
        DoorKind::Https => &config.http.tls_listen.0,
        DoorKind::Admin => &config.http.admin_listen.0,
        DoorKind::Pictures => &config.http.picture_listen.0,
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
                match certificate.renewal() {
                    Ok(renewal) => renewal.show(),
                    Err(error) => tracing::error!(%error, "the certificate cannot be reloaded; the old one stays in force"),
                }
            }
            () = core.shutdown.stopping() => return,
        }
    }
}
