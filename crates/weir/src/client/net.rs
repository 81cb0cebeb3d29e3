//! TCP and TLS connections of the client commands.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a connection and its TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where systems keep the certificates they trust; the first that is there counts.
const ROOT_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Both directions of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, with or without TLS.
pub(crate) type Connection = Box<dyn Duplex>;

/// Connects; `insecure` takes any certificate.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    tls: bool,
    insecure: bool,
) -> anyhow::Result<Connection> {
    let opening = async {
        let socket = TcpStream::connect((host, port)).await.with_context(|| {
            format!(
                "cannot connect to {host}:{port} (is the server running there, and the port right?)"
            )
        })?;
        socket.set_nodelay(true)?;
        if !tls {
            return Ok(Box::new(socket) as Connection);
        }
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("{host} is no name TLS knows"))?;
        let connector = TlsConnector::from(Arc::new(tls_config(insecure)?));
        let secured = connector.connect(name, socket).await.with_context(|| {
            format!("TLS with {host}:{port} failed (for a certificate of your own making add --insecure)")
        })?;
        Ok(Box::new(secured) as Connection)
    };
    match timeout(CONNECT_TIMEOUT, opening).await {
        Ok(outcome) => outcome,
        Err(_) => bail!(
            "{host}:{port} did not answer within {} s",
            CONNECT_TIMEOUT.as_secs()
        ),
    }
}

fn tls_config(insecure: bool) -> anyhow::Result<ClientConfig> {
    let builder = ClientConfig::builder();
    if insecure {
        let provider =
            CryptoProvider::get_default().context("no cryptography provider is installed")?;
        let verifier = Arc::new(AnyCertificate(provider.clone()));
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth());
    }
    Ok(builder
        .with_root_certificates(system_roots()?)
        .with_no_client_auth())
}

/// The certificates this system trusts: of `SSL_CERT_FILE`, or of the usual places.
fn system_roots() -> anyhow::Result<RootCertStore> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = || {
        ROOT_FILES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
    };
    let path = named.or_else(usual).context(
        "no root certificates found: install ca-certificates, name a file in SSL_CERT_FILE, or add --insecure",
    )?;
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(&path).with_context(|| path.display().to_string())?;
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(roots)
}

/// For `--insecure`: believes any certificate, but still wants the peer to hold its key.
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
