//! The changes that a snapshot is made of, as the store tells them and as they go over the wire.

use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use weir_base::ids::hex;
use weir_base::section::Section as _;
use weir_base::sign::{MAX_KEYS, SigningKey};

use super::Untaken;
use crate::acts::Acts;
use crate::dialect::AppKey;
use crate::rules::AppRules;

/// Bytes of an id, of an account's or a channel's name at most.
const MAX_TEXT_BYTES: usize = 255;
/// The app of a channel that says no other.
const USUAL_APP: &str = "live";
/// Bytes of the words of a ban, which the banned are told.
pub const MAX_REASON_BYTES: usize = 500;

/// One change. Each says all of its thing, so that it may come twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An app's rules are these.
    App {
        /// The app, all levels.
        name: String,
        /// What the store says of it.
        #[serde(deserialize_with = "known_rules")]
        rules: Arc<AppRules>,
    },
    /// The store says nothing of this app any more.
    AppGone {
        /// The app, all levels.
        name: String,
    },
    /// A channel is this.
    Channel(Arc<Channel>),
    /// There is no such channel any more. Its keys open nothing without it.
    ChannelGone {
        /// As [`Channel::id`].
        id: String,
    },
    /// A stream key is this.
    Key(StreamKey),
    /// A stream key is forgotten; one that is taken back is told as [`StreamKey::is_revoked`] for a while.
    KeyGone {
        /// As [`StreamKey::digest`].
        digest: KeyDigest,
    },
    /// A ban is this.
    Ban(Arc<Ban>),
    /// A ban on one channel is this. A kind of its own, because a node of an earlier release would take it for one
    /// that counts everywhere; it passes over kinds that it does not know.
    ChannelBan(Arc<Ban>),
    /// A ban is lifted, wherever it counted.
    BanGone {
        /// As [`Ban::id`].
        id: String,
    },
    /// Keys that sign tickets, the newest first, at most two.
    TicketKeys(Vec<SigningKey>),
    /// Somebody may watch a channel no more by the tickets that they have.
    Withdrawn(Withdrawn),
}

/// Names of changes, as they stand on the wire: what has another name is of a newer release.
pub(super) const KINDS: [&str; 11] = [
    "app",
    "app_gone",
    "channel",
    "channel_gone",
    "key",
    "key_gone",
    "ban",
    "channel_ban",
    "ban_gone",
    "ticket_keys",
    "withdrawn",
];

/// A channel, as far as admission needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// As the store has it.
    pub id: Arc<str>,
    /// The account that owns it.
    pub owner: Box<str>,
    /// The app of its stream.
    #[serde(default = "usual_app", skip_serializing_if = "is_usual_app")]
    pub app: Arc<str>,
    /// The name of its stream.
    pub name: Box<str>,
    /// Who may watch.
    #[serde(default, skip_serializing_if = "is_default")]
    pub visibility: Visibility,
    /// Goes up whenever leaves to watch that were given before shall end: another password, another
    /// visibility, a follower sent away.
    #[serde(default, skip_serializing_if = "is_default")]
    pub round: u32,
    /// Kilobits per second that its publisher may send at most; where the app says less, that counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_kbps: Option<u32>,
    /// Whether its stream is recorded of which its publisher's address says nothing; `None`: as its app says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub record: Option<bool>,
    /// Seconds between two pictures of its stream, 0 for none; none said: as its app says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shot_every_s: Option<u32>,
}

/// Tickets of one account to one channel that count no more: it follows it no more, or helps with it no more. Those
/// that it is given afterwards count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// As [`Channel::id`].
    pub channel: Box<str>,
    /// Whose tickets; empty for everybody's, where there is no room for each.
    pub account: Box<str>,
    /// Those that end by then, Unix seconds. Later there is nothing left to withdraw.
    pub until_s: i64,
}

/// Who may watch a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anybody, as far as its app lets him.
    #[default]
    Public,
    /// Anybody who knows its name.
    Unlisted,
    /// Who knows its password, and has a ticket for that.
    Password,
    /// Its followers, with a ticket.
    Followers,
    /// Whom its owner names, with a ticket.
    Private,
}

/// A stream key of a channel. The key itself is nowhere but with its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamKey {
    /// Of the key's text.
    #[serde(rename = "hash")]
    pub digest: KeyDigest,
    /// As the store has it.
    pub id: Box<str>,
    /// The id of its channel.
    pub channel: Box<str>,
    /// Unix milliseconds at which it ends, as the old one of a rotation does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub until_ms: Option<i64>,
    /// It was taken back.
    #[serde(default, rename = "revoked", skip_serializing_if = "is_default")]
    pub is_revoked: bool,
}

/// SHA-256 of a stream key. Keys are long and random, so nobody finds one by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// Of a key's text.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a digest is 64 digits of hexadecimal");
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(wrong());
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            let (high, low) = (
                digit(high).ok_or_else(wrong)?,
                digit(low).ok_or_else(wrong)?,
            );
            *byte = u8::try_from(high << 4 | low).map_err(D::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}

/// Somebody or something is not admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// As the store has it.
    pub id: Box<str>,
    /// The id of the channel on which alone it counts; empty: everywhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub channel: Box<str>,
    /// Who or what.
    pub target: BanTarget,
    /// From doing what.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stops: Acts,
    /// What the banned are told.
    #[serde(default)]
    pub reason: Box<str>,
    /// Unix milliseconds at which it ends; `None`: when somebody lifts it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub until_ms: Option<i64>,
}

/// Who or what is banned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BanTarget {
    /// A stream, as `app/stream`.
    Stream(Box<str>),
    /// An account: its channels, and what it watches with a ticket.
    Account(Box<str>),
    /// A network, or one address.
    Network(IpNet),
}

impl Channel {
    /// Its stream, as `app/stream`.
    pub fn path(&self) -> String {
        [&*self.app, "/", &*self.name].concat()
    }
}

impl Visibility {
    /// Whether watching needs a ticket.
    pub const fn needs_ticket(self) -> bool {
        matches!(self, Self::Password | Self::Followers | Self::Private)
    }
}

impl Change {
    /// What is said of a ban, wherever it counts.
    pub fn ban(ban: Arc<Ban>) -> Self {
        if ban.channel.is_empty() {
            Self::Ban(ban)
        } else {
            Self::ChannelBan(ban)
        }
    }

    /// Whether its texts are texts of sensible length. The store asks this before it keeps something.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), Untaken> {
        let text = |what: &'static str, text: &str| {
            let is_text = !text.is_empty()
                && text.len() <= MAX_TEXT_BYTES
                && !text.chars().any(char::is_control);
            if is_text {
                Ok(())
            } else {
                Err(Untaken::Senseless(what))
            }
        };
        match self {
            Self::App { name, .. } | Self::AppGone { name } => text("an app's name", name),
            Self::Channel(channel) => {
                text("a channel's id", &channel.id)?;
                text("a channel's owner", &channel.owner)?;
                text("a channel's app", &channel.app)?;
                text("a channel's name", &channel.name)
            }
            Self::ChannelGone { id } => text("a channel's id", id),
            Self::Key(key) => {
                text("a key's id", &key.id)?;
                text("a key's channel", &key.channel)
            }
            Self::KeyGone { .. } => Ok(()),
            Self::Ban(ban) | Self::ChannelBan(ban) => {
                text("a ban's id", &ban.id)?;
                let is_on_channel = matches!(self, Self::ChannelBan(_));
                if is_on_channel == ban.channel.is_empty() {
                    return Err(Untaken::Senseless("the place of a ban"));
                }
                if is_on_channel {
                    text("the channel of a ban", &ban.channel)?;
                }
                if ban.reason.len() > MAX_REASON_BYTES || ban.reason.chars().any(char::is_control) {
                    return Err(Untaken::Senseless("a ban's reason"));
                }
                match &ban.target {
                    // Vhost, app and stream are 255 bytes each at most.
                    BanTarget::Stream(path) if path.len() <= 3 * MAX_TEXT_BYTES => Ok(()),
                    BanTarget::Stream(_) => Err(Untaken::Senseless("a banned stream")),
                    BanTarget::Account(account) => text("a banned account", account),
                    BanTarget::Network(_) => Ok(()),
                }
            }
            Self::BanGone { id } => text("a ban's id", id),
            Self::TicketKeys(keys) if keys.len() <= MAX_KEYS => Ok(()),
            Self::TicketKeys(_) => Err(Untaken::Senseless("more than two ticket keys")),
            Self::Withdrawn(withdrawn) => {
                text("a withdrawn ticket's channel", &withdrawn.channel)?;
                if withdrawn.account.is_empty() {
                    return Ok(());
                }
                text("a withdrawn ticket's account", &withdrawn.account)
            }
        }
    }
}

/// Rules of an app without what a newer release has: an older node goes by those it knows.
fn known_rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<AppRules>, D::Error> {
    let mut rules = serde_json::Map::deserialize(deserializer)?;
    let mut known = Vec::new();
    AppRules::keys("", &mut known);
    rules.retain(|name, _| known.iter().any(|key| key.name == *name));
    if let Some(serde_json::Value::Array(keys)) = rules.get_mut("keys") {
        for key in keys.iter_mut().filter_map(serde_json::Value::as_object_mut) {
            key.retain(|name, _| AppKey::FIELDS.contains(&name.as_str()));
        }
        // One in a form that is not known here opens nothing here.
        keys.retain(|key| AppKey::deserialize(key).is_ok());
    }
    let rules = serde_json::from_value(rules.into()).map_err(D::Error::custom)?;
    Ok(Arc::new(rules))
}

/// One text for all: most channels are of this app.
fn usual_app() -> Arc<str> {
    static USUAL: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(USUAL_APP));
    USUAL.clone()
}

fn is_usual_app(app: &str) -> bool {
    app == USUAL_APP
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
