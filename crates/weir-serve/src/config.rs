//! The settings of listeners, delivery and HLS, as the parts here understand them.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

/// See the module's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Addresses for RTMP.
    pub rtmp_listen: Vec<SocketAddr>,
    /// Addresses for RTMPS.
    pub rtmps_listen: Vec<SocketAddr>,
    /// Addresses for HTTP.
    pub http_listen: Vec<SocketAddr>,
    /// Addresses for HTTPS.
    pub https_listen: Vec<SocketAddr>,
    /// Certificate chain and key, PEM files, for RTMPS and HTTPS.
    pub tls: Option<TlsFiles>,
    /// Peers whose PROXY protocol header and X-Forwarded-For are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Virtual hosts with streams of their own.
    pub vhosts: Vec<String>,
    /// Treat RTMP players that announce nothing as able to play Enhanced RTMP.
    pub assume_enhanced: bool,
    /// HLS.
    pub hls: HlsConfig,
    /// HLS of streams that other nodes package.
    pub cache: CacheConfig,
    /// SLSP.
    pub slsp: SlspConfig,
}

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// How HLS is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HlsConfig {
    /// Target length of a segment, microseconds.
    pub segment_us: i64,
    /// Target length of a part, microseconds.
    pub part_us: i64,
    /// Segments in the playlist.
    pub window_segments: usize,
    /// Encrypt MPEG-TS segments with AES-128, a new key every so many segments; 0 for not.
    pub key_every_segments: u32,
    /// Microseconds without a request after which a packager rests.
    pub idle_us: i64,
}

/// What an edge keeps of HLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    /// Bytes at most.
    pub max_bytes: usize,
}

/// What SLSP publishers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlspConfig {
    /// Wished milliseconds between keyframes.
    pub keyframe_ms: u32,
    /// `ws(s)://` base URL at which publishers of a draining node go on; empty: nowhere.
    pub successor: String,
}

impl Config {
    /// Whether what this peer says about its client is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}
