//! `[rtmp]`, `[http]`, `[tls]`, `[proxy]`, `[hls]`, `[slsp]` and `[cache]`: the settings of listeners and of
//! what is served. `[deliver]` stands with the delivery loops.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use weir_base::section::{MAX_MS, Senseless, in_range, sensible};
use weir_base::{limits, section};

/// Segments a playlist may hold.
const MAX_WINDOW_SEGMENTS: usize = 1000;
/// Players need so many segments.
const MIN_WINDOW_SEGMENTS: usize = 3;

/// What a server is told, section by section.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// Where it is listened for, and what players are taken for.
    pub rtmp: RtmpConfig,
    /// Where media, pages and the API are to be had.
    pub http: HttpConfig,
    /// The certificate.
    pub tls: TlsConfig,
    /// Proxies in front.
    pub proxy: ProxyConfig,
    /// Virtual hosts with streams of their own.
    pub vhosts: Vec<String>,
    /// How streams are cut into segments.
    pub hls: HlsConfig,
    /// What is recorded.
    pub record: RecordConfig,
    /// HLS of streams that other nodes package.
    pub cache: CacheConfig,
    /// What its publishers are told.
    pub slsp: SlspConfig,
    /// How long a connection may take to say what it wants.
    pub door: DoorTimeouts,
}

section! {
    /// Doors for publishers and players of RTMP.
    pub RtmpConfig {
        /// Where RTMP is taken and played.
        restart listen: Listen = Listen(vec![SocketAddr::from(([0, 0, 0, 0], 1935))]),
        /// The same over TLS.
        restart tls_listen: Listen = Listen(Vec::new()),
        /// Treat players that announce nothing as able to play Enhanced RTMP.
        reload assume_enhanced: bool = false,
        /// Servers that pull over RTMP, announce nothing and pass on every codec.
        reload relays: Vec<IpNet> = Vec::new(),
    }
}

impl RtmpConfig {
    /// Whether a player at this address takes every codec unannounced.
    pub fn takes_all(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.assume_enhanced || self.relays.iter().any(|net| net.contains(&peer))
    }
}

section! {
    /// Doors for everything that is HTTP.
    pub HttpConfig {
        /// Where media, pages and the API are served.
        restart listen: Listen = Listen(vec![SocketAddr::from(([0, 0, 0, 0], 8080))]),
        /// The same over TLS.
        restart tls_listen: Listen = Listen(Vec::new()),
        /// Where operators' pages, API and metrics are served, and there alone; empty: with everything else.
        restart admin_listen: Listen = Listen(Vec::new()),
        /// Where pictures are served, and nothing else, and there alone; empty: with everything else.
        restart picture_listen: Listen = Listen(Vec::new()),
        /// How the public reaches it; empty: by its port.
        restart picture_url: String = String::new(),
        /// Sites whose pages may use the API.
        restart cors_origins: Vec<String> = Vec::new(),
    }
}

impl HttpConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The origin that cannot be one.
    pub fn check(&self) -> Result<(), Senseless> {
        for origin in &self.cors_origins {
            let host = origin.split_once("://").map(|(_, host)| host);
            let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains('/'));
            let is_web = origin.starts_with("http://") || origin.starts_with("https://");
            sensible(origin == "*" || (is_web && is_origin), || {
                format!(
                    "http.cors_origins: {origin:?} is no origin such as https://app.example, and not *"
                )
            })?;
        }
        let url = self.picture_url.as_str();
        let host = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
        let is_origin = host.is_some_and(|host| !host.is_empty() && host.chars().all(is_host));
        sensible(url.is_empty() || is_origin, || {
            format!("http.picture_url: {url:?} is not scheme and host such as https://img.example")
        })?;
        sensible(url.is_empty() || !self.picture_listen.0.is_empty(), || {
            "http.picture_url is set but not http.picture_listen, which it leads to".to_owned()
        })
    }
}

section! {
    /// The certificate for RTMPS and HTTPS.
    pub TlsConfig {
        /// The certificate chain, PEM.
        restart cert: PathBuf = PathBuf::new(),
        /// Its private key, PEM.
        restart key: PathBuf = PathBuf::new(),
    }
}

impl TlsConfig {
    /// Whether there is a certificate.
    pub fn is_set(&self) -> bool {
        !self.cert.as_os_str().is_empty()
    }
}

section! {
    /// Proxies in front.
    pub ProxyConfig {
        /// Peers whose PROXY protocol header and X-Forwarded-For are believed.
        reload trusted: Vec<IpNet> = Vec::new(),
    }
}

impl ProxyConfig {
    /// Whether what this peer says about its client is believed.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }
}

section! {
    /// How HLS is cut.
    pub HlsConfig {
        /// Target length of a segment, milliseconds.
        reload segment_ms: i64 = 2_000,
        /// Target length of a part, milliseconds.
        reload part_ms: i64 = 333,
        /// Segments in the playlist.
        reload window_segments: usize = 7,
        /// Encrypt MPEG-TS segments with AES-128, a new key every so many segments; 0 for not.
        reload key_every_segments: u32 = 0,
        /// Milliseconds without a request after which a packager rests.
        reload idle_ms: i64 = 60_000,
    }
}

impl HlsConfig {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        in_range("hls.segment_ms", self.segment_ms, 1..=MAX_MS)?;
        in_range("hls.part_ms", self.part_ms, 1..=MAX_MS)?;
        in_range("hls.idle_ms", self.idle_ms, 1..=MAX_MS)?;
        sensible(self.window_segments <= MAX_WINDOW_SEGMENTS, || {
            format!("hls.window_segments is above {MAX_WINDOW_SEGMENTS}")
        })?;
        sensible(self.part_ms <= self.segment_ms, || {
            "hls.part_ms is longer than hls.segment_ms".to_owned()
        })?;
        sensible(self.window_segments >= MIN_WINDOW_SEGMENTS, || {
            "hls.window_segments is below 3: players need three segments".to_owned()
        })
    }

    /// Target length of a segment, microseconds.
    pub const fn segment_us(&self) -> i64 {
        self.segment_ms.saturating_mul(1000)
    }

    /// Target length of a part, microseconds.
    pub const fn part_us(&self) -> i64 {
        self.part_ms.saturating_mul(1000)
    }

    /// Microseconds without a request after which a packager rests.
    pub const fn idle_us(&self) -> i64 {
        self.idle_ms.saturating_mul(1000)
    }

    /// Milliseconds of stream that a playlist shows.
    pub fn window_ms(&self) -> i64 {
        let segments = i64::try_from(self.window_segments).unwrap_or(i64::MAX);
        self.segment_ms.saturating_mul(segments)
    }
}

section! {
    /// Recordings.
    pub RecordConfig {
        /// Whether streams are recorded whose publisher's address, channel and app say nothing of it: `on` or `off`; or
        /// `never`, whatever anybody says.
        reload default: RecordDefault = RecordDefault::Off,
        /// Folder of the recordings; `recordings` in the data folder when empty.
        restart folder: PathBuf = PathBuf::new(),
        /// Hours for which a recording is kept after its end, where its app says nothing; 0: for ever. What ended
        /// before a change of this goes by what it was then.
        restart keep_h: u32 = 0,
        /// Whether recordings are brought to the store while they grow: `auto`, where `store.recordings.url` names a
        /// place for them; `on`; or `off`.
        restart upload: RecordUpload = RecordUpload::Auto,
        /// Kilobits a second of uploads at most; 0: half of what viewers leave of `node.capacity.out_kbps`, or no bound
        /// where that is not said.
        restart upload_kbps: u32 = 0,
        /// Mebibytes of recordings in the folder at most; 0: as the disk has room. Beyond that the oldest blocks go that
        /// are in the store; where none is, recordings have holes.
        restart spool_mb: u64 = 0,
        /// Seconds for which a block stays in the folder that is in the store.
        restart keep_local_s: u32 = 3_600,
        /// Mebibytes of the disk for what is played from other nodes and from the store; 0: nothing is kept of it.
        restart cache_mb: u64 = 1_024,
    }
}

/// Whether recordings are brought to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordUpload {
    /// Where there is a place for them.
    #[default]
    Auto,
    /// They are.
    On,
    /// They are not.
    Off,
}

impl RecordConfig {
    /// How long a recording is kept where its app says nothing, milliseconds; 0: for ever.
    pub fn keep_ms(&self) -> i64 {
        i64::from(self.keep_h) * 3_600_000
    }
}

/// Whether a stream is recorded of which nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordDefault {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
    /// It is not, and nor is any other.
    Never,
}

section! {
    /// What an edge keeps of HLS.
    pub CacheConfig {
        /// Bytes at most.
        reload max_bytes: usize = 256 * 1024 * 1024,
    }
}

/// What SLSP publishers are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlspConfig {
    /// Wished milliseconds between keyframes.
    pub keyframe_ms: u32,
    /// `ws(s)://` base URL at which publishers of a draining node go on; empty: nowhere.
    pub successor: String,
}

/// How long a connection may take before it is clear what it wants. No key of a configuration file: these
/// are limits, and a test may have shorter ones so as not to sit them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorTimeouts {
    /// For a request's head, a TLS hello, a PROXY header, and the `hello` of SLSP.
    pub head: Duration,
    /// For the body of a request to the API, and longer for a long one.
    pub body: Duration,
    /// From accept to an accepted `publish` or `play` over RTMP.
    pub rtmp_setup: Duration,
}

impl Default for DoorTimeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_millis(limits::HTTP_HEAD_MS),
            body: Duration::from_millis(limits::HTTP_BODY_MS),
            rtmp_setup: Duration::from_millis(limits::RTMP_SETUP_MS),
        }
    }
}

/// Addresses to listen on: one, several with commas or as a list, or none when empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listen(pub Vec<SocketAddr>);

impl Serialize for Listen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        serializer.serialize_str(&all.join(", "))
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMany {
            One(String),
            Many(Vec<String>),
        }
        let texts = match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            OneOrMany::Many(texts) => texts,
        };
        let addresses: Result<Vec<SocketAddr>, _> = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| text.parse())
            .collect();
        addresses.map(Self).map_err(|_| {
            serde::de::Error::custom("not an address and port, such as 0.0.0.0:1935 or [::]:1935")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_rtmp_relays_takes_every_codec_and_its_neighbour_does_not() {
        let config = RtmpConfig {
            relays: vec!["10.0.0.7/32".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..RtmpConfig::default()
        };
        let takes = |ip: &str| config.takes_all(ip.parse().unwrap());
        assert!(takes("10.0.0.7") && takes("::ffff:10.0.0.7") && takes("fd00::1"));
        assert!(!takes("10.0.0.8") && !takes("::1"));
        assert!(!RtmpConfig::default().takes_all("10.0.0.7".parse().unwrap()));
    }
}
