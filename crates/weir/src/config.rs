//! The configuration file: what can be set, in which unit, and what it is when nobody sets it.
//!
//! `deploy/weir.toml` is the manual; a test keeps it equal to the defaults here.

mod cluster;
mod dispatch;
mod load;
mod shown;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weir_account::{AccountsConfig, MailConfig};
use weir_admit::{AppRules, Auth, PlayAuth};
use weir_api::{ApiConfig, DispatchConfig, EncoderRule};
use weir_base::section;
use weir_chat::ChatConfig;
use weir_cluster::config::ClusterConfig;
use weir_scale::config::{CapacityConfig, Scale};
use weir_serve::config::{
    CacheConfig, DoorTimeouts, HlsConfig, HttpConfig, ProxyConfig, RecordConfig, RecordUpload,
    RtmpConfig, SlspConfig, TlsConfig,
};
use weir_serve::deliver::DeliveryConfig;

pub(crate) use cluster::Advertise;
pub(crate) use load::{Sources, load};

/// The sample configuration, which is also the manual.
pub(crate) const SAMPLE: &str = include_str!("../../../deploy/weir.toml");

/// Rules about encoders: every publisher's page reads them all.
const MAX_ENCODER_RULES: usize = 500;

section! {
    /// The whole file.
    pub(crate) Config {
        /// What this node does.
        restart roles: Vec<String> = cluster::default_roles(),
        /// This node.
        section node: Node = Node::default(),
        /// The cluster it belongs to.
        section cluster: ClusterConfig = ClusterConfig::default(),
        /// The dispatcher.
        section dispatch: DispatchConfig = DispatchConfig::default(),
        /// Scaling.
        section scale: Scale = Scale::default(),
        /// HLS objects that an edge keeps.
        section cache: CacheConfig = CacheConfig::default(),
        /// What is logged.
        section log: Log = Log::default(),
        /// RTMP.
        section rtmp: RtmpConfig = RtmpConfig::default(),
        /// HTTP.
        section http: HttpConfig = HttpConfig::default(),
        /// The API.
        section api: ApiConfig = ApiConfig::default(),
        /// The certificate.
        section tls: TlsConfig = TlsConfig::default(),
        /// Proxies in front.
        section proxy: ProxyConfig = ProxyConfig::default(),
        /// Who may publish and play.
        section auth: Auth = Auth::default(),
        /// The admin API.
        section admin: Admin = Admin::default(),
        /// Where rows and objects live.
        section store: weir_store::Config = weir_store::Config::default(),
        /// Accounts.
        section accounts: AccountsConfig = AccountsConfig::default(),
        /// Mail.
        section mail: MailConfig = MailConfig::default(),
        /// Live streams.
        section stream: weir_hub::Config = weir_hub::Config::default(),
        /// Delivery to viewers.
        section deliver: DeliveryConfig = DeliveryConfig::default(),
        /// HLS.
        section hls: HlsConfig = HlsConfig::default(),
        /// Recordings.
        section record: RecordConfig = RecordConfig::default(),
        /// Chat.
        section chat: ChatConfig = ChatConfig::default(),
        /// Gifts.
        section gifts: weir_gift::GiftsConfig = weir_gift::GiftsConfig::default(),
        /// SLSP publishers.
        section slsp: Slsp = Slsp::default(),
        /// Pictures of live streams.
        section snapshot: weir_snap::SnapshotConfig = weir_snap::SnapshotConfig::default(),
        /// What people look at of live streams.
        section review: weir_review::ReviewConfig = weir_review::ReviewConfig::default(),
        /// Webhooks.
        section hooks: weir_hook::Config = weir_hook::Config::default(),
        /// Settings of one app, by name.
        reload apps: BTreeMap<String, AppRules> = BTreeMap::new(),
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
        section capacity: CapacityConfig = CapacityConfig::default(),
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
    /// The admin API.
    pub(crate) Admin {
        /// The token of the admin API; made at the first start when empty.
        restart token: String = String::new(),
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

impl Config {
    /// What only sense, not types, can refuse.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        self.stream.check()?;
        self.deliver.check()?;
        self.hls.check()?;
        self.chat.check()?;
        self.gifts.check()?;
        self.http.check()?;
        self.check_auth()?;
        self.check_slsp()?;
        self.check_cluster()?;
        self.dispatch.check()?;
        self.store.check()?;
        self.accounts.check()?;
        let allowed = self.accounts.oidc.iter().flat_map(|one| &one.allow);
        for network in allowed {
            anyhow::ensure!(
                weir_hook::guard::network(network).is_some(),
                "accounts.oidc: allow: {network:?} is no network such as \"10.1.0.0/16\""
            );
        }
        self.mail.check(&self.accounts)?;
        self.scale.check(!self.cluster.redis.is_empty())?;
        self.hooks.check()?;
        self.snapshot.check()?;
        self.review.check()?;
        anyhow::ensure!(
            self.record.upload != RecordUpload::On || !self.store.recordings.url.is_empty(),
            "record.upload is on but store.recordings.url names no place"
        );
        let needs_tls = !(self.rtmp.tls_listen.0.is_empty() && self.http.tls_listen.0.is_empty());
        let has_tls = self.tls.is_set() && !self.tls.key.as_os_str().is_empty();
        anyhow::ensure!(
            has_tls || !needs_tls,
            "a tls_listen is set but not tls.cert and tls.key"
        );
        Ok(())
    }

    /// What the listeners and HLS are told.
    pub(crate) fn serve(&self) -> weir_serve::Config {
        weir_serve::Config {
            rtmp: self.rtmp.clone(),
            http: self.http.clone(),
            tls: self.tls.clone(),
            proxy: self.proxy.clone(),
            vhosts: self.node.vhosts.clone(),
            hls: self.hls.clone(),
            record: self.record.clone(),
            cache: self.cache.clone(),
            slsp: SlspConfig {
                keyframe_ms: self.slsp.keyframe_ms,
                successor: self.slsp.successor.clone(),
            },
            door: DoorTimeouts::default(),
        }
    }

    fn check_auth(&self) -> anyhow::Result<()> {
        self.auth.check()?;
        let is_for_all = self.auth.play == PlayAuth::Signed;
        anyhow::ensure!(
            !is_for_all || !self.auth.keys.is_empty(),
            "play is signed but auth.keys is empty: nobody could play"
        );
        for (name, app) in &self.apps {
            app.check(name, &self.auth)?;
            anyhow::ensure!(
                app.jwks_url.is_empty(),
                "apps.{name}.jwks_url: api nodes read it for apps of the store; set it by PUT /api/v1/apps/{name}"
            );
        }
        Ok(())
    }

    /// What admission goes by where no store says more.
    pub(crate) fn admission(&self) -> weir_admit::FileRules {
        weir_admit::FileRules {
            auth: self.auth.clone(),
            apps: self.apps.clone(),
            takeover: self.stream.takeover,
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
        Ok(())
    }

    /// What the hub is told. A stream is remembered at least as long as its playlist's window.
    pub(crate) fn hub(&self) -> weir_hub::Config {
        weir_hub::Config {
            linger_ms: self.stream.linger_ms.max(self.hls.window_ms()),
            ..self.stream.clone()
        }
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
        for (section, key, value) in [
            ("hls", "part_ms", "5000"),
            ("hls", "window_segments", "2"),
            ("hls", "idle_ms", "0"),
            ("stream", "ring_bytes", "1000"),
            ("stream", "linger_ms", "-1"),
            ("deliver", "flush_ms", "0"),
            ("deliver", "stall_ms", "86400001"),
            ("cluster", "name", "\"a b\""),
            ("cluster", "linger_ms", "3600001"),
            ("cluster", "secret", "\"short\"\nparent = \"http://edge\""),
            ("dispatch", "good_for_ms", "5"),
            ("slsp", "keyframe_ms", "5"),
            ("snapshot", "every_s", "3601"),
            ("snapshot", "keep_count", "0"),
            ("snapshot", "program", "\"\""),
            ("review", "keep_days", "0"),
            ("gifts", "share_percent", "101"),
            ("gifts", "combo_s", "0"),
        ] {
            let text = format!("[{section}]\n{key} = {value}");
            let config: Config = toml::from_str(&text).unwrap();
            let error = config.check().unwrap_err().to_string();
            assert!(
                error.contains(&format!("{section}.{key}")),
                "{text}: {error}"
            );
        }
    }
}
