//! TLS for HTTPS and RTMPS, with a certificate that can be replaced while connections live.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// What can be wrong with the certificate files. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds no PEM of the right kind.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The certificate and the key do not fit, or are of a kind rustls does not take.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The binary did not install a crypto provider.
    #[error("no crypto provider is installed")]
    NoProvider,
}

/// A certificate that can be reloaded.
#[derive(Debug)]
pub struct Certificate {
    files: TlsConfig,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads it.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn load(files: TlsConfig) -> Result<Arc<Self>, TlsError> {
        let current = ArcSwap::from(read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// Reads it again; the old one stays in force until this is shown.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn renewal(self: &Arc<Self>) -> Result<Renewal, TlsError> {
        Ok(Renewal {
            key: read(&self.files)?,
            certificate: self.clone(),
        })
    }

    /// An acceptor for these ALPN protocols, best first.
    pub fn acceptor(self: &Arc<Self>, alpn: &[&[u8]]) -> TlsAcceptor {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(self.clone())));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A certificate that was read again.
#[derive(Debug)]
pub struct Renewal {
    certificate: Arc<Certificate>,
    key: Arc<CertifiedKey>,
}

impl Renewal {
    /// Shows it to whoever connects from now on.
    pub fn show(self) {
        self.certificate.current.store(self.key);
    }
}

#[derive(Debug)]
struct Resolver(Arc<Certificate>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.load_full())
    }
}

fn read(files: &TlsConfig) -> Result<Arc<CertifiedKey>, TlsError> {
    let file_error = |path: &std::path::Path, why: String| TlsError::File {
        path: path.display().to_string(),
        why,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| file_error(&files.cert, error.to_string()))?;
    if chain.is_empty() {
        return Err(file_error(&files.cert, "holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| file_error(&files.key, error.to_string()))?;
    let provider = CryptoProvider::get_default().ok_or(TlsError::NoProvider)?;
    Ok(Arc::new(CertifiedKey::from_der(chain, key, provider)?))
}
