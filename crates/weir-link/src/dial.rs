//! TCP and TLS connections to other servers: nodes, RTMP servers of other makes, and whatever a client
//! connects to. What is spoken over them is not known here.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a connection to another node and its TLS handshake may take: there is always another node
/// to try, and viewers wait.
const NODE_CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a connection over people's own networks and its TLS handshake may take.
const WEAK_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence on a node's connection after which the kernel asks whether the other end is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
/// Between two such questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// Questions without an answer after which the connection is dead: with the two above, 5 s.
const KEEPALIVE_PROBES: u32 = 3;
/// How long bytes may stay unacknowledged, or another node's window shut, before its connection is
/// dead: as long as with nothing to send.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// Where systems keep the certificates they trust; the first that is there counts.
const ROOT_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, with or without TLS.
pub type Connection = Box<dyn Duplex>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// TCP did not come about.
    #[error("cannot connect to {host}:{port} (is the server running there, and the port right?)")]
    Connect {
        /// Name or address.
        host: String,
        /// The TCP port that was dialled.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The name stands for addresses that this process may not connect to.
    #[error("{host} is at {address}, where nothing may be sent to from here")]
    Forbidden {
        /// Name or address.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// Nothing for a certificate to be about.
    #[error("{host} is no name TLS knows")]
    Name {
        /// Name or address.
        host: String,
    },
    /// The TLS handshake failed.
    #[error("TLS with {host}:{port} failed")]
    Tls {
        /// Name or address.
        host: String,
        /// The TCP port that was dialled.
        port: u16,
        /// What TLS said.
        source: io::Error,
    },
    /// This machine trusts nobody.
    #[error("no root certificates found: install ca-certificates, or name a file in SSL_CERT_FILE")]
    NoRoots,
    /// The file of root certificates cannot be read.
    #[error("{}", path.display())]
    RootFile {
        /// The file.
        path: PathBuf,
        /// What reading it said.
        source: rustls_pki_types::pem::Error,
    },
    /// The file of root certificates holds none.
    #[error("{} holds no certificate", path.display())]
    EmptyRootFile {
        /// The file.
        path: PathBuf,
    },
    /// TLS cannot be set up on this side.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
    /// No answer in time.
    #[error("{host}:{port} did not answer within {} s", after.as_secs())]
    Silent {
        /// Name or address.
        host: String,
        /// The TCP port that was dialled.
        port: u16,
        /// How long it had.
        after: Duration,
    },
}

/// How connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialer {
    timeout: Duration,
    is_watched: bool,
    takes_any_certificate: bool,
}

/// Which addresses may be connected to, asked with what a name was resolved to: the name may stand for another
/// address a moment later.
#[derive(Clone)]
pub struct AddressGuard(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl AddressGuard {
    /// Lets through what `allows`.
    pub fn new(allows: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    /// Those of a host's addresses that may be connected to.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let found = lookup_host((host, port)).await;
        let found = found.map_err(|source| DialError::Connect {
            host: host.to_owned(),
            port,
            source,
        })?;
        let mut forbidden = None;
        let mut allowed = Vec::new();
        for address in found {
            if (self.0)(address.ip()) {
                allowed.push(address);
            } else {
                forbidden = Some(address.ip());
            }
        }
        match forbidden {
            Some(address) if allowed.is_empty() => Err(DialError::Forbidden {
                host: host.to_owned(),
                address,
            }),
            _ => Ok(allowed),
        }
    }
}

impl fmt::Debug for AddressGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressGuard")
    }
}

impl Dialer {
    /// For the nodes of a cluster: 4 s to connect, and a node that is gone without a word is noticed
    /// after 5 s, whether there is anything to send to it or not.
    pub const fn to_nodes() -> Self {
        Self {
            timeout: NODE_CONNECT_TIMEOUT,
            is_watched: true,
            takes_any_certificate: false,
        }
    }

    /// For networks that may be weak: 10 s to connect, and a connection that stands still is kept until
    /// the caller gives up.
    pub const fn over_weak_networks() -> Self {
        Self {
            timeout: WEAK_CONNECT_TIMEOUT,
            is_watched: false,
            takes_any_certificate: false,
        }
    }

    /// The same, believing any certificate if `takes_any`.
    pub const fn any_certificate(self, takes_any: bool) -> Self {
        Self {
            takes_any_certificate: takes_any,
            ..self
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not prove its name, within the time.
    pub async fn connect(&self, host: &str, port: u16, tls: bool) -> Result<Connection, DialError> {
        self.connect_where(host, port, tls, None).await
    }

    /// Opens a connection to an address that `guard` lets through.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`DialError::Forbidden`].
    pub async fn connect_where(
        &self,
        host: &str,
        port: u16,
        tls: bool,
        guard: Option<&AddressGuard>,
    ) -> Result<Connection, DialError> {
        match timeout(self.timeout, self.open(host, port, tls, guard)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DialError::Silent {
                host: host.to_owned(),
                port,
                after: self.timeout,
            }),
        }
    }

    async fn open(
        &self,
        host: &str,
        port: u16,
        tls: bool,
        guard: Option<&AddressGuard>,
    ) -> Result<Connection, DialError> {
        let refused = |source| DialError::Connect {
            host: host.to_owned(),
            port,
            source,
        };
        let connected = match guard {
            Some(guard) => TcpStream::connect(&*guard.resolve(host, port).await?).await,
            None => TcpStream::connect((host, port)).await,
        };
        let socket = connected.map_err(refused)?;
        socket.set_nodelay(true).map_err(refused)?;
        if self.is_watched {
            watch(&socket).map_err(refused)?;
        }
        if !tls {
            return Ok(Box::new(socket));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| DialError::Name {
            host: host.to_owned(),
        })?;
        let connector = TlsConnector::from(Arc::new(tls_config(self.takes_any_certificate)?));
        let secured = connector.connect(name, socket).await;
        let secured = secured.map_err(|source| DialError::Tls {
            host: host.to_owned(),
            port,
            source,
        })?;
        Ok(Box::new(secured))
    }
}

/// Lets the kernel notice that the other end is gone: a machine that lost its power says no good-bye.
fn watch(socket: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // Keepalive says nothing while sent bytes wait for their acknowledgement.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

fn tls_config(takes_any_certificate: bool) -> Result<ClientConfig, DialError> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    if takes_any_certificate {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth());
    }
    Ok(builder
        .with_root_certificates(system_roots()?)
        .with_no_client_auth())
}

/// The certificates this system trusts: of `SSL_CERT_FILE`, or of the usual places.
fn system_roots() -> Result<RootCertStore, DialError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = || {
        ROOT_FILES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    };
    let path = named.or_else(usual).ok_or(DialError::NoRoots)?;
    let mut roots = RootCertStore::empty();
    match CertificateDer::pem_file_iter(&path) {
        Ok(certificates) => {
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        }
        Err(source) => return Err(DialError::RootFile { path, source }),
    }
    if roots.is_empty() {
        return Err(DialError::EmptyRootFile { path });
    }
    Ok(roots)
}

/// Believes any certificate, but still wants the peer to hold its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_carries_bytes_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut ours = Dialer::to_nodes()
            .connect("127.0.0.1", port, false)
            .await
            .unwrap();
        let (mut theirs, _) = listener.accept().await.unwrap();
        ours.write_all(b"up").await.unwrap();
        theirs.write_all(b"down").await.unwrap();
        let (mut up, mut down) = ([0; 2], [0; 4]);
        theirs.read_exact(&mut up).await.unwrap();
        ours.read_exact(&mut down).await.unwrap();
        assert_eq!((&up, &down), (b"up", b"down"));
    }

    #[tokio::test]
    async fn a_nodes_connection_is_watched_by_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        watch(&socket).unwrap();
        let socket = SockRef::from(&socket);
        assert!(socket.keepalive().unwrap());
        let noticed_after =
            socket.tcp_keepalive_time().unwrap() + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES;
        assert_eq!(noticed_after, Duration::from_secs(5));
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }

    #[tokio::test]
    async fn an_address_that_is_not_let_through_is_not_connected_to_under_any_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let guard = AddressGuard::new(|address| !address.to_canonical().is_loopback());
        for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
            let dialer = Dialer::over_weak_networks();
            let outcome = dialer.connect_where(host, port, false, Some(&guard)).await;
            let Err(error) = outcome else {
                panic!("connected to {host}");
            };
            assert!(matches!(error, DialError::Forbidden { .. }), "{error}");
        }
        let open = AddressGuard::new(|_| true);
        let dialer = Dialer::over_weak_networks();
        let opened = dialer.connect_where("127.0.0.1", port, false, Some(&open));
        assert!(opened.await.is_ok());
    }

    #[tokio::test]
    async fn who_does_not_listen_is_named_with_the_reason() {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let Err(error) = Dialer::to_nodes().connect("127.0.0.1", port, false).await else {
            panic!("connected to nobody");
        };
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        assert!(error.source().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_finish_the_handshake_has_four_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let Err(error) = Dialer::to_nodes()
            .any_certificate(true)
            .connect("127.0.0.1", port, true)
            .await
        else {
            panic!("TLS with a mute");
        };
        assert!(matches!(error, DialError::Silent { .. }), "{error}");
    }
}
