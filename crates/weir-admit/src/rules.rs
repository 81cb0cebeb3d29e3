//! What the operator says of who may publish and play: for all apps in `[auth]`, for one in `[apps.NAME]` or
//! in the store.
//!
//! What the store says of an app counts before what the file says of it, and that before `[auth]`.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use weir_base::section;
use weir_base::section::{Senseless, sensible};
use weir_base::sign::{MAX_KEYS, SigningKey};
use weir_cluster::geo::Country;

use crate::acts::Acts;
use crate::dialect::{AppKey, Keyring};
use crate::wishes::MAX_SHOT_S;

/// A secret somebody cannot guess, bytes.
const MIN_SECRET_BYTES: usize = 16;
/// Networks in one list of an app: each is compared with each client.
const MAX_NETWORKS: usize = 256;
/// Milliseconds that an app's server may have for an answer: less than a client is let wait.
const ASK_TIMEOUTS_MS: std::ops::RangeInclusive<u32> = 50..=1_400;
/// How addresses on this machine begin.
const LOCAL: [&str; 6] = [
    "http://localhost:",
    "http://localhost/",
    "http://127.0.0.1:",
    "http://127.0.0.1/",
    "http://[::1]:",
    "http://[::1]/",
];
/// Bytes of its URL.
const MAX_ASK_URL_BYTES: usize = 2_048;
/// How often an app may be asked to be heard of: more seldom than nodes look, at least each hour.
const HEARTBEATS_MS: std::ops::RangeInclusive<u32> = 2_000..=3_600_000;
/// Sites or countries in one list of an app; there are some 250 countries.
const MAX_LISTED: usize = 256;
/// Bytes of a host name (RFC 1035 §2.3.4).
const MAX_HOST_BYTES: usize = 255;

section! {
    /// Who may publish and play.
    pub Auth {
        /// Who may publish.
        reload publish: PublishAuth = PublishAuth::Key,
        /// Who may play.
        reload play: PlayAuth = PlayAuth::Open,
        /// Keys that sign URLs.
        reload keys: Vec<SigningKey> = Vec::new(),
    }
}

/// Who may publish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishAuth {
    /// Whoever has the stream key or a signed URL.
    #[default]
    Key,
    /// Anybody.
    Open,
}

/// Who may play.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlayAuth {
    /// Anybody.
    #[default]
    Open,
    /// Whoever has a signed URL.
    Signed,
}

section! {
    /// One app's own settings.
    pub AppRules {
        /// As `stream.takeover`.
        reload takeover: Option<bool> = None,
        /// As `auth.publish`.
        reload publish: Option<PublishAuth> = None,
        /// As `auth.play`.
        reload play: Option<PlayAuth> = None,
        /// Kilobits per second that a publisher may send at most.
        reload max_kbps: Option<u32> = None,
        /// How often the app has to send the heartbeat of each of its sessions, milliseconds.
        reload heartbeat_ms: Option<u32> = None,
        /// Seconds between two pictures of a stream; 0: none are taken.
        reload shot_every_s: Option<u32> = None,
        /// Whether its streams are recorded whose publishers say nothing of it; left out: as `record.default`.
        reload record: Option<bool> = None,
        /// Who checks keys and signatures.
        reload tokens: Option<Tokens> = None,
        /// The app takes nobody (2002).
        reload disabled: Option<bool> = None,
        /// Keys that sign URLs of this app, in place of `auth.keys`.
        reload keys: Vec<AppKey> = Vec::new(),
        /// A JWKS document whose ES256 keys sign tokens of this app.
        reload jwks: String = String::new(),
        /// Where such a document is, for apps of the store: api nodes read it each ten minutes, and tell all nodes.
        reload jwks_url: String = String::new(),
        /// Whether a client goes when what admitted it ends: an expiry, a ban, a revoked key.
        reload end_on_expiry: Option<bool> = None,
        /// Networks from which alone one may publish; empty: from everywhere.
        reload publish_networks: Vec<IpNet> = Vec::new(),
        /// Networks from which alone one may play; empty: from everywhere.
        reload play_networks: Vec<IpNet> = Vec::new(),
        /// Networks from which nobody may.
        reload denied_networks: Vec<IpNet> = Vec::new(),
        /// Sites on whose pages it may be played, `*.` for all below; empty: on all, and without a page.
        reload referers: Vec<String> = Vec::new(),
        /// Countries from which alone one may play; empty: from all.
        reload countries: Vec<Country> = Vec::new(),
        /// Countries from which nobody may play.
        reload denied_countries: Vec<Country> = Vec::new(),
        /// Streams at once, in the whole cluster.
        reload max_streams: Option<u32> = None,
        /// Viewers at once, in the whole cluster; each node takes its share.
        reload max_viewers: Option<u32> = None,
        /// Kilobits per second from all publishers, in the whole cluster; each node takes its share.
        reload max_in_kbps: Option<u32> = None,
        /// Kilobits per second to all viewers, in the whole cluster; each node takes its share.
        reload max_out_kbps: Option<u32> = None,
        /// Who gives way first when a node is full.
        reload priority: Option<Priority> = None,
        /// Whether an api node is asked too about those who publish, play, or both.
        reload ask: Option<Acts> = None,
        /// What counts when nobody can be asked about a client in time.
        reload when_away: Option<WhenAway> = None,
        /// Where that question goes: a server of the app's own.
        reload ask_url: String = String::new(),
        /// In whose words: weir's own, or SRS's.
        reload ask_dialect: Option<AskDialect> = None,
        /// Signs the question, as `whsec_` and base64; empty: it is not signed.
        reload ask_secret: String = String::new(),
        /// Milliseconds that the app's server has for its answer.
        reload ask_timeout_ms: Option<u32> = None,
    }
}

/// Who checks the tokens of an app's clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// The node they come to.
    Edge,
    /// An origin: an edge passes them on.
    Origin,
}

/// Who gives way first when a node is full.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// The first to be refused.
    Low,
    /// Those of whom nothing is said.
    #[default]
    Normal,
    /// The last to be refused.
    High,
}

impl Priority {
    /// As a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// How full a node may be that still takes a client of this priority, in thousandths of its capacity.
    pub const fn full_permille(self) -> u64 {
        match self {
            Self::Low => 850,
            Self::Normal => 950,
            Self::High => 1_000,
        }
    }
}

/// What counts when nobody can be asked about a client in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenAway {
    /// It is refused with 5002.
    #[default]
    Refuse,
    /// It is admitted.
    Admit,
}

/// In whose words an app's server is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskDialect {
    /// weir's own, signed by Standard Webhooks.
    #[default]
    Standard,
    /// SRS's `on_publish` and `on_play`.
    Srs,
}

impl Auth {
    /// What only sense, not types, can refuse.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self) -> Result<(), Senseless> {
        for (at, key) in self.keys.iter().enumerate() {
            sensible(key.secret.len() >= MIN_SECRET_BYTES, || {
                format!(
                    "auth.keys: the secret of {:?} is shorter than {MIN_SECRET_BYTES} bytes",
                    key.id
                )
            })?;
            let rest = self.keys.get(at + 1..).unwrap_or_default();
            let twice = rest.iter().any(|other| other.id == key.id);
            sensible(!twice, || {
                format!("auth.keys: two keys have the id {:?}", key.id)
            })?;
        }
        sensible(self.keys.len() <= MAX_KEYS, || {
            format!("auth.keys holds more than {MAX_KEYS} keys")
        })
    }
}

impl AppRules {
    /// What only sense, not types, can refuse; `name` is the app's. `auth` is what counts where it says nothing.
    ///
    /// # Errors
    /// The key that makes no sense, and why.
    pub fn check(&self, name: &str, auth: &Auth) -> Result<(), Senseless> {
        let about = |key: &str, words: String| Senseless(format!("apps.{name}.{key}{words}"));
        for (key, limit) in [
            ("max_kbps", self.max_kbps),
            ("max_streams", self.max_streams),
            ("max_viewers", self.max_viewers),
            ("max_in_kbps", self.max_in_kbps),
            ("max_out_kbps", self.max_out_kbps),
        ] {
            if limit == Some(0) {
                return Err(about(key, " is 0: leave it out for no limit".into()));
            }
        }
        if self
            .heartbeat_ms
            .is_some_and(|ms| !HEARTBEATS_MS.contains(&ms))
        {
            let words = " is not between 2000 and 3600000".into();
            return Err(about("heartbeat_ms", words));
        }
        if self.shot_every_s.is_some_and(|s| s > MAX_SHOT_S) {
            let words = format!(" is more than {MAX_SHOT_S}");
            return Err(about("shot_every_s", words));
        }
        Keyring::new(&self.keys, &self.jwks)
            .map_err(|error| about("keys", format!(": {error}")))?;
        self.check_key_set(&about)?;
        let has_keys = self.has_keys() || !auth.keys.is_empty();
        if self.play.unwrap_or(auth.play) == PlayAuth::Signed
            && !has_keys
            && self.tokens != Some(Tokens::Origin)
        {
            let words = " is signed but there are no keys: nobody could play";
            return Err(about("play", words.into()));
        }
        self.check_ask(&about)?;
        self.check_lists(&about)
    }

    /// Whether it has keys of its own, be it that they are still to be read.
    pub(crate) fn has_keys(&self) -> bool {
        !self.keys.is_empty() || !self.jwks.is_empty() || !self.jwks_url.is_empty()
    }

    fn check_key_set(&self, about: &dyn Fn(&str, String) -> Senseless) -> Result<(), Senseless> {
        let url = self.jwks_url.as_str();
        if url.is_empty() {
            return Ok(());
        }
        if !self.jwks.is_empty() {
            let words = " comes without jwks: what is read there is the set";
            return Err(about("jwks_url", words.into()));
        }
        // Whoever changes it on the way admits whom they like.
        let is_safe = url.starts_with("https://") || LOCAL.iter().any(|here| url.starts_with(here));
        if !is_safe || url.len() > MAX_ASK_URL_BYTES || !url.bytes().all(|b| b.is_ascii_graphic()) {
            let words = " is no https:// URL; http:// is for this machine alone";
            return Err(about("jwks_url", words.into()));
        }
        Ok(())
    }

    fn check_ask(&self, about: &dyn Fn(&str, String) -> Senseless) -> Result<(), Senseless> {
        let is_web = ["http://", "https://"]
            .into_iter()
            .any(|scheme| self.ask_url.starts_with(scheme));
        if self.ask.is_some() == self.ask_url.is_empty() {
            let words = " comes with ask: which is asked about, and where";
            return Err(about("ask_url", words.into()));
        }
        if !self.ask_url.is_empty() && (!is_web || self.ask_url.len() > MAX_ASK_URL_BYTES) {
            return Err(about("ask_url", " is no http:// or https:// URL".into()));
        }
        if self
            .ask_timeout_ms
            .is_some_and(|ms| !ASK_TIMEOUTS_MS.contains(&ms))
        {
            let words = format!(
                " is not between {} and {}",
                ASK_TIMEOUTS_MS.start(),
                ASK_TIMEOUTS_MS.end()
            );
            return Err(about("ask_timeout_ms", words));
        }
        Ok(())
    }

    fn check_lists(&self, about: &dyn Fn(&str, String) -> Senseless) -> Result<(), Senseless> {
        for (key, length, most) in [
            (
                "publish_networks",
                self.publish_networks.len(),
                MAX_NETWORKS,
            ),
            ("play_networks", self.play_networks.len(), MAX_NETWORKS),
            ("denied_networks", self.denied_networks.len(), MAX_NETWORKS),
            ("referers", self.referers.len(), MAX_LISTED),
            ("countries", self.countries.len(), MAX_LISTED),
            ("denied_countries", self.denied_countries.len(), MAX_LISTED),
        ] {
            if length > most {
                return Err(about(key, format!(" has more than {most} entries")));
            }
        }
        for site in &self.referers {
            let host = site.strip_prefix("*.").unwrap_or(site);
            let is_host =
                |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
            if host.is_empty() || host.len() > MAX_HOST_BYTES || !host.chars().all(is_host) {
                let words = format!(": {site:?} is no host: write example.com or *.example.com");
                return Err(about("referers", words));
            }
        }
        Ok(())
    }

    /// These rules, and where they say nothing `under`.
    #[must_use]
    pub fn over(&self, under: &Self) -> Self {
        fn list<T: Clone>(over: &[T], under: &[T]) -> Vec<T> {
            let chosen = if over.is_empty() { under } else { over };
            chosen.to_vec()
        }
        // Keys come as one set: half of another set's would let in whom this one has let go.
        let keys = if self.has_keys() { self } else { under };
        // And so does whom to ask: a secret is not for another one's server.
        let asks = if self.ask.is_some() { self } else { under };
        Self {
            takeover: self.takeover.or(under.takeover),
            publish: self.publish.or(under.publish),
            play: self.play.or(under.play),
            max_kbps: self.max_kbps.or(under.max_kbps),
            heartbeat_ms: self.heartbeat_ms.or(under.heartbeat_ms),
            shot_every_s: self.shot_every_s.or(under.shot_every_s),
            record: self.record.or(under.record),
            tokens: self.tokens.or(under.tokens),
            disabled: self.disabled.or(under.disabled),
            keys: keys.keys.clone(),
            jwks: keys.jwks.clone(),
            jwks_url: keys.jwks_url.clone(),
            end_on_expiry: self.end_on_expiry.or(under.end_on_expiry),
            publish_networks: list(&self.publish_networks, &under.publish_networks),
            play_networks: list(&self.play_networks, &under.play_networks),
            denied_networks: list(&self.denied_networks, &under.denied_networks),
            referers: list(&self.referers, &under.referers),
            countries: list(&self.countries, &under.countries),
            denied_countries: list(&self.denied_countries, &under.denied_countries),
            max_streams: self.max_streams.or(under.max_streams),
            max_viewers: self.max_viewers.or(under.max_viewers),
            max_in_kbps: self.max_in_kbps.or(under.max_in_kbps),
            max_out_kbps: self.max_out_kbps.or(under.max_out_kbps),
            priority: self.priority.or(under.priority),
            ask: asks.ask,
            when_away: self.when_away.or(under.when_away),
            ask_url: asks.ask_url.clone(),
            ask_dialect: asks.ask_dialect,
            ask_secret: asks.ask_secret.clone(),
            ask_timeout_ms: asks.ask_timeout_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> AppRules {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_said_above_counts_and_keys_come_as_one_set() {
        let key = |id: &str| format!(r#"{{"id":"{id}","secret":"sixteen bytes at least"}}"#);
        let store = rules(&format!(r#"{{"max_kbps":5,"keys":[{}]}}"#, key("new")));
        let file = rules(&format!(
            r#"{{"max_kbps":7,"priority":"low","jwks":"old","countries":["de"],"keys":[{}]}}"#,
            key("old")
        ));
        let merged = store.over(&file);
        assert_eq!(merged.max_kbps, Some(5));
        assert_eq!(merged.priority, Some(Priority::Low));
        assert_eq!(merged.countries, [Country::new("DE").unwrap()]);
        assert_eq!((merged.keys.len(), merged.jwks.as_str()), (1, ""));
        assert_eq!(merged.keys[0].id, "new");
    }

    #[test]
    fn senseless_rules_are_refused_with_their_key() {
        for (text, words) in [
            (r#"{"max_viewers":0}"#, "apps.live.max_viewers is 0"),
            (r#"{"play":"signed"}"#, "nobody could play"),
            (
                r#"{"referers":["http://a.example/"]}"#,
                "apps.live.referers",
            ),
            (r#"{"referers":["*."]}"#, "apps.live.referers"),
            (r#"{"keys":[{"secret":"short"}]}"#, "apps.live.keys"),
            (r#"{"jwks":"{}"}"#, "apps.live.keys"),
            (
                r#"{"jwks_url":"http://id.example/keys"}"#,
                "apps.live.jwks_url",
            ),
            (
                r#"{"jwks_url":"http://localhost.example/"}"#,
                "apps.live.jwks_url",
            ),
            (r#"{"jwks_url":"file:///etc/passwd"}"#, "apps.live.jwks_url"),
        ] {
            let error = rules(text).check("live", &Auth::default()).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
        let good = r#"{"referers":["*.example.com","[::1]:8080"],"play_networks":["10.0.0.0/8"]}"#;
        rules(good).check("live", &Auth::default()).unwrap();
        let to_be_read = r#"{"jwks_url":"https://id.example/keys","play":"signed"}"#;
        rules(to_be_read).check("live", &Auth::default()).unwrap();
        assert!(serde_json::from_str::<AppRules>(r#"{"countries":["Germany"]}"#).is_err());
    }
}
