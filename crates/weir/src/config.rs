//! The configuration file: what can be set, in which unit, and what it is when nobody sets it.
//!
//! `deploy/weir.toml` is the manual; a test keeps it equal to the defaults here.

mod cluster;
mod dispatch;
mod load;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use weir_api::EncoderRule;
use weir_base::{section, sign};
use weir_hub::hub;
use weir_scale::config::{Capacity, Scale};
use weir_serve::{config as serve, deliver};

pub(crate) use cluster::{Advertise, Cache, Cluster, Mode, Outage};
pub(crate) use dispatch::Dispatch;
pub(crate) use load::{Sources, load};

/// The sample configuration, which is also the manual.
pub(crate) const SAMPLE: &str = include_str!("../../../deploy/weir.toml");

/// The longest duration that can be set: a day. Longer ones are a unit mistaken.
const MAX_MS: i64 = 24 * 60 * 60 * 1000;
/// Segments a playlist may hold.
const MAX_WINDOW_SEGMENTS: usize = 1000;
/// Rules about encoders: every publisher's page reads them all.
const MAX_ENCODER_RULES: usize = 500;
/// A secret somebody cannot guess.
const MIN_SECRET_BYTES: usize = 16;

section! {
    /// The whole file.
    pub(crate) Config {
        /// What this node does.
        restart roles: Vec<String> = cluster::default_roles(),
        /// This node.
        section node: Node = Node::default(),
        /// The cluster it belongs to.
        section cluster: Cluster = Cluster::default(),
        /// The dispatcher.
        section dispatch: Dispatch = Dispatch::default(),
        /// Scaling.
        section scale: Scale = Scale::default(),
        /// HLS objects that an edge keeps.
        section cache: Cache = Cache::default(),
        /// What is logged.
        section log: Log = Log::default(),
        /// RTMP.
        section rtmp: Rtmp = Rtmp::default(),
        /// HTTP.
        section http: Http = Http::default(),
        /// The certificate.
        section tls: Tls = Tls::default(),
        /// Proxies in front.
        section proxy: Proxy = Proxy::default(),
        /// Who may publish and play.
        section auth: Auth = Auth::default(),
        /// The admin API.
        section admin: Admin = Admin::default(),
        /// Live streams.
        section stream: Stream = Stream::default(),
        /// Delivery to viewers.
        section deliver: Deliver = Deliver::default(),
        /// HLS.
        section hls: Hls = Hls::default(),
        /// SLSP publishers.
        section slsp: Slsp = Slsp::default(),
        /// Settings of one app, by name.
        reload apps: BTreeMap<String, App> = BTreeMap::new(),
    }
}

section! {
    /// This node.
    pub(crate) Node {
        /// Its name in metrics; the host's name when empty.
        restart name: String = String::new(),
        /// Its id in the cluster, the same after a restart; the name when empty.
        restart id: String = String::new(),
        /// Where it stands.
        restart region: String = String::new(),
        /// In whose network it stands.
        restart isp: String = String::new(),
        /// How others reach it.
        restart advertise: Vec<Advertise> = Vec::new(),
        /// What it can bear.
        section capacity: Capacity = Capacity::default(),
        /// Virtual hosts with streams of their own.
        reload vhosts: Vec<String> = Vec::new(),
        /// Milliseconds a draining node waits for its clients.
        reload drain_ms: u64 = weir_base::limits::DRAIN_MS,
    }
}

section! {
    /// What is logged.
    pub(crate) Log {
        /// Levels, such as `info` or `info,weir_serve=debug`.
        restart filter: String = "info".into(),
        /// `text` or `json`.
        restart format: LogFormat = LogFormat::Text,
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

section! {
    /// RTMP.
    pub(crate) Rtmp {
        /// Where RTMP is taken and played.
        restart listen: Listen = Listen(vec![SocketAddr::from(([0, 0, 0, 0], 1935))]),
        /// The same over TLS.
        restart tls_listen: Listen = Listen(Vec::new()),
        /// Take it for granted that players can play Enhanced RTMP.
        reload assume_enhanced: bool = false,
    }
}

section! {
    /// HTTP.
    pub(crate) Http {
        /// Where media, pages and the API are served.
        restart listen: Listen = Listen(vec![SocketAddr::from(([0, 0, 0, 0], 8080))]),
        /// The same over TLS.
        restart tls_listen: Listen = Listen(Vec::new()),
    }
}

section! {
    /// The certificate for RTMPS and HTTPS.
    pub(crate) Tls {
        /// The certificate chain, PEM.
        restart cert: PathBuf = PathBuf::new(),
        /// Its private key, PEM.
        restart key: PathBuf = PathBuf::new(),
    }
}

section! {
    /// Proxies in front.
    pub(crate) Proxy {
        /// Networks of proxies whose word about their clients is believed.
        reload trusted: Vec<IpNet> = Vec::new(),
    }
}

section! {
    /// Who may publish and play.
    pub(crate) Auth {
        /// Who may publish.
        reload publish: PublishAuth = PublishAuth::Key,
        /// Who may play.
        reload play: PlayAuth = PlayAuth::Open,
        /// Keys that sign URLs.
        reload keys: Vec<sign::Key> = Vec::new(),
    }
}

/// Who may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PublishAuth {
    /// Whoever has the stream key or a signed URL.
    Key,
    /// Anybody.
    Open,
}

/// Who may play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlayAuth {
    /// Anybody.
    Open,
    /// Whoever has a signed URL.
    Signed,
}

section! {
    /// The admin API.
    pub(crate) Admin {
        /// The token of the admin API; made at the first start when empty.
        restart token: String = String::new(),
    }
}

section! {
    /// Live streams.
    pub(crate) Stream {
        /// Milliseconds without a frame after which a stream is ended (4002).
        reload idle_timeout_ms: i64 = 5_000,
        /// Milliseconds of each stream kept in memory.
        reload ring_ms: i64 = 12_000,
        /// Bytes of each stream kept in memory at most.
        reload ring_bytes: usize = 32 * 1024 * 1024,
        /// Milliseconds a stream is remembered after its publisher went.
        reload linger_ms: i64 = 60_000,
        /// Whether a second publisher of a live name takes it over.
        reload takeover: bool = false,
    }
}

section! {
    /// Delivery to viewers.
    pub(crate) Deliver {
        /// Milliseconds between two writes to a viewer.
        reload flush_ms: i64 = 33,
        /// Milliseconds a viewer may lag behind the last group of pictures.
        restart lag_ms: i64 = 5_000,
        /// Milliseconds a viewer may take nothing at all.
        restart stall_ms: i64 = 30_000,
        /// Delivery loops, each a thread; 0 for one per core.
        restart loops: usize = 0,
    }
}

section! {
    /// HLS.
    pub(crate) Hls {
        /// Wished milliseconds of a segment.
        reload segment_ms: i64 = 2_000,
        /// Wished milliseconds of a part.
        reload part_ms: i64 = 333,
        /// Segments in the playlist.
        reload window_segments: usize = 7,
        /// Segments of MPEG-TS that share an AES-128 key; 0 for no encryption.
        reload key_every_segments: u32 = 0,
        /// Milliseconds without a request after which a packager rests.
        reload idle_ms: i64 = 60_000,
    }
}

section! {
    /// SLSP publishers.
    pub(crate) Slsp {
        /// Wished milliseconds between keyframes.
        reload keyframe_ms: u32 = 2_000,
        /// `ws(s)://` base URL at which publishers of a draining node go on; empty: nowhere.
        reload successor: String = String::new(),
        /// Hardware or software encoder, by device.
        reload encoders: Vec<EncoderRule> = Vec::new(),
    }
}

section! {
    /// One app's own settings.
    pub(crate) App {
        /// As `stream.takeover`.
        reload takeover: Option<bool> = None,
        /// As `auth.publish`.
        reload publish: Option<PublishAuth> = None,
        /// As `auth.play`.
        reload play: Option<PlayAuth> = None,
        /// Kilobits per second that a publisher may send at most.
        reload max_kbps: Option<u32> = None,
        /// Who checks keys and signatures.
        reload tokens: Option<Tokens> = None,
    }
}

/// Who checks the tokens of an app's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tokens {
    /// The node they come to.
    Edge,
    /// An origin: an edge passes them on.
    Origin,
}

impl Config {
    /// What only sense, not types, can refuse.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.check_durations()?;
        self.check_slsp()?;
        self.check_cluster()?;
        self.dispatch.check()?;
        self.scale.check(!self.cluster.redis.is_empty())?;
        anyhow::ensure!(
            self.hls.window_segments <= MAX_WINDOW_SEGMENTS,
            "hls.window_segments is above {MAX_WINDOW_SEGMENTS}"
        );
        for (at, key) in self.auth.keys.iter().enumerate() {
            anyhow::ensure!(
                key.secret.len() >= MIN_SECRET_BYTES,
                "auth.keys: the secret of {:?} is shorter than {MIN_SECRET_BYTES} bytes",
                key.id
            );
            let twice = self
                .auth
                .keys
                .iter()
                .skip(at + 1)
                .any(|other| other.id == key.id);
            anyhow::ensure!(!twice, "auth.keys: two keys have the id {:?}", key.id);
        }
        anyhow::ensure!(
            self.hls.part_ms <= self.hls.segment_ms,
            "hls.part_ms is longer than hls.segment_ms"
        );
        anyhow::ensure!(
            self.hls.window_segments >= 3,
            "hls.window_segments is below 3: players need three segments"
        );
        anyhow::ensure!(
            self.stream.ring_bytes >= 1 << 20,
            "stream.ring_bytes is below 1 MiB: a keyframe may not fit"
        );
        anyhow::ensure!(
            self.auth.keys.len() <= sign::MAX_KEYS,
            "auth.keys holds more than {} keys",
            sign::MAX_KEYS
        );
        let needs_tls = !(self.rtmp.tls_listen.0.is_empty() && self.http.tls_listen.0.is_empty());
        let has_tls =
            !(self.tls.cert.as_os_str().is_empty() || self.tls.key.as_os_str().is_empty());
        anyhow::ensure!(
            has_tls || !needs_tls,
            "a tls_listen is set but not tls.cert and tls.key"
        );
        let signs = self.auth.play == PlayAuth::Signed
            || self
                .apps
                .values()
                .any(|app| app.play == Some(PlayAuth::Signed));
        anyhow::ensure!(
            !signs || !self.auth.keys.is_empty(),
            "play is signed but auth.keys is empty: nobody could play"
        );
        Ok(())
    }

    fn check_durations(&self) -> anyhow::Result<()> {
        let durations = [
            ("stream.idle_timeout_ms", self.stream.idle_timeout_ms, 1),
            ("stream.ring_ms", self.stream.ring_ms, 1),
            ("stream.linger_ms", self.stream.linger_ms, 0),
            ("deliver.flush_ms", self.deliver.flush_ms, 1),
            ("deliver.lag_ms", self.deliver.lag_ms, 0),
            ("deliver.stall_ms", self.deliver.stall_ms, 1),
            ("hls.segment_ms", self.hls.segment_ms, 1),
            ("hls.part_ms", self.hls.part_ms, 1),
            ("hls.idle_ms", self.hls.idle_ms, 1),
        ];
        for (key, value, least) in durations {
            anyhow::ensure!(
                (least..=MAX_MS).contains(&value),
                "{key} is {value}: it has to be from {least} to {MAX_MS}"
            );
        }
        Ok(())
    }

    /// As the listeners, delivery and HLS understand it.
    pub(crate) fn serve(&self) -> serve::Config {
        let has_tls = !self.tls.cert.as_os_str().is_empty();
        serve::Config {
            rtmp_listen: self.rtmp.listen.0.clone(),
            rtmps_listen: self.rtmp.tls_listen.0.clone(),
            http_listen: self.http.listen.0.clone(),
            https_listen: self.http.tls_listen.0.clone(),
            tls: has_tls.then(|| serve::TlsFiles {
                cert: self.tls.cert.clone(),
                key: self.tls.key.clone(),
            }),
            trusted_proxies: self.proxy.trusted.clone(),
            vhosts: self.node.vhosts.clone(),
            assume_enhanced: self.rtmp.assume_enhanced,
            hls: serve::HlsConfig {
                segment_us: self.hls.segment_ms * 1000,
                part_us: self.hls.part_ms * 1000,
                window_segments: self.hls.window_segments,
                key_every_segments: self.hls.key_every_segments,
                idle_us: self.hls.idle_ms * 1000,
            },
            cache: serve::CacheConfig {
                max_bytes: self.cache.max_bytes,
            },
            slsp: serve::SlspConfig {
                keyframe_ms: self.slsp.keyframe_ms,
                successor: self.slsp.successor.clone(),
            },
        }
    }

    fn check_slsp(&self) -> anyhow::Result<()> {
        let successor = &self.slsp.successor;
        anyhow::ensure!(
            successor.is_empty()
                || successor.starts_with("ws://")
                || successor.starts_with("wss://"),
            "slsp.successor is {successor:?}: it has to begin with ws:// or wss://"
        );
        anyhow::ensure!(
            (100..=60_000).contains(&self.slsp.keyframe_ms),
            "slsp.keyframe_ms is not between 100 and 60000"
        );
        anyhow::ensure!(
            self.slsp.encoders.len() <= MAX_ENCODER_RULES,
            "slsp.encoders has more than {MAX_ENCODER_RULES} rules"
        );
        for (name, app) in &self.apps {
            anyhow::ensure!(
                app.max_kbps != Some(0),
                "apps.{name}.max_kbps is 0: leave it out for no limit"
            );
        }
        Ok(())
    }

    /// As the hub understands it. A stream is remembered at least as long as its playlist's window.
    pub(crate) fn hub(&self) -> hub::Config {
        let window_ms = self.hls.segment_ms
            * i64::try_from(self.hls.window_segments).unwrap_or(i64::MAX / 1_000_000);
        hub::Config {
            idle_timeout_us: self.stream.idle_timeout_ms * 1000,
            ring_us: self.stream.ring_ms * 1000,
            ring_bytes: self.stream.ring_bytes,
            linger_us: self.stream.linger_ms.max(window_ms) * 1000,
        }
    }

    /// As the delivery loops understand it; 0 loops are one per core.
    pub(crate) fn deliver(&self) -> deliver::DeliveryConfig {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        deliver::DeliveryConfig {
            flush_us: self.deliver.flush_ms * 1000,
            lag_us: self.deliver.lag_ms * 1000,
            stall_us: self.deliver.stall_ms * 1000,
            wire_bytes: self.stream.ring_bytes,
            loops: if self.deliver.loops == 0 {
                cores
            } else {
                self.deliver.loops
            },
        }
    }
}

/// Addresses to listen on: one, several with commas or as a list, or none when empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listen(pub(crate) Vec<SocketAddr>);

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
    use weir_base::section::{Key, Section as _, Takes};

    use super::*;

    #[test]
    fn the_sample_is_the_defaults() {
        let sample: Config = toml::from_str(SAMPLE).unwrap();
        assert_eq!(sample, Config::default());
        sample.check().unwrap();
    }

    #[test]
    fn the_sample_shows_every_key() {
        let sample: toml::Table = toml::from_str(SAMPLE).unwrap();
        for Key { name: key, .. } in load::known_keys() {
            let found = key
                .split('.')
                .try_fold(toml::Value::Table(sample.clone()), |value, part| {
                    value.get(part).cloned()
                });
            assert!(
                found.is_some() || key == "apps",
                "deploy/weir.toml does not show {key}"
            );
        }
    }

    /// Where the sample says `(reload`, and where the code takes a change.
    #[test]
    fn the_sample_marks_what_a_reload_takes() {
        let mut marked = std::collections::BTreeSet::new();
        let (mut section, mut is_marked, mut is_used) = (String::new(), false, true);
        for line in SAMPLE.lines() {
            if let Some(words) = line.strip_prefix('#') {
                is_marked = words.contains("(reload") || is_marked && !is_used;
                is_used = false;
            } else if let Some(head) = line.strip_prefix('[') {
                section = format!("{}.", head.trim_end_matches(']'));
                if is_marked && !is_used {
                    marked.insert(section.trim_end_matches('.').to_owned());
                }
                is_marked = false;
            } else if let Some((key, _)) = line.split_once(" = ") {
                if is_marked {
                    marked.insert(format!("{section}{key}"));
                }
                is_used = true;
            } else if !is_used {
                is_marked = false;
            }
        }
        let keys = load::known_keys().into_iter();
        let reloaded = keys.filter(|key| key.takes == Takes::Reload);
        assert_eq!(marked, reloaded.map(|key| key.name).collect());
    }

    #[test]
    fn every_key_says_what_it_means() {
        for key in load::known_keys() {
            assert!(
                key.meaning.ends_with('.') || key.meaning.ends_with('`'),
                "{}: {:?}",
                key.name,
                key.meaning
            );
        }
    }

    #[test]
    fn what_cannot_be_reloaded_is_named() {
        let old = Config::default();
        let names = |new: &Config| {
            let mut names = Vec::new();
            old.restarts(new, "", &mut names);
            names
        };
        let mut new = old.clone();
        new.deliver.flush_ms = 100;
        new.cache.max_bytes = 1;
        assert!(names(&new).is_empty());
        new.deliver.loops = 7;
        new.node.name = "other".into();
        assert_eq!(names(&new), ["node.name", "deliver.loops"]);
    }

    #[test]
    fn several_addresses_may_be_given() {
        let config: Config =
            toml::from_str("[rtmp]\nlisten = \"127.0.0.1:1, [::1]:2\"\ntls_listen = []").unwrap();
        assert_eq!(config.rtmp.listen.0.len(), 2);
        assert!(toml::from_str::<Config>("[rtmp]\nlisten = \"1935\"").is_err());
    }

    #[test]
    fn senseless_settings_are_refused_with_their_key() {
        let config: Config = toml::from_str("[hls]\npart_ms = 5000").unwrap();
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("hls.part_ms")
        );
    }
}
