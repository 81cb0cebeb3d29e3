//! What the control plane knows that admission needs: apps, channels, stream keys, bans. All of it in memory,
//! under a version that goes up with each change.
//!
//! The store makes it out of [`Change`]s; edges get it whole or as what changed since a version
//! ([`wire`]), and begin from a copy on disk ([`copy`]).

mod bans;
pub mod change;
pub mod copy;
pub mod journal;
pub mod wire;
mod withdrawals;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use weir_base::sign::{MAX_KEYS, SigningKey};

use bans::Bans;
pub use change::{Ban, BanTarget, Change, Channel, KeyDigest, StreamKey, Visibility, Withdrawn};
pub use withdrawals::LIFETIME_S;
use withdrawals::Withdrawals;

use crate::acts::Acts;
use crate::rules::AppRules;

/// Apps in one snapshot: each has rules of its own, some hundred bytes.
pub const APPS: usize = 10_000;
/// Channels in one snapshot: some 300 bytes each.
pub const CHANNELS: usize = 1_000_000;
/// Stream keys in one snapshot: some 200 bytes each.
pub const STREAM_KEYS: usize = 1_000_000;
/// Bans in one snapshot that count everywhere.
pub const BANS: usize = 200_000;
/// Withdrawn tickets in one snapshot, of the last hours; some 150 bytes each. Where there are more, all tickets of
/// a channel are withdrawn with the next one: who may watch gets another.
pub const WITHDRAWALS: usize = 200_000;
/// Bans in one snapshot that are on one channel. More of them are left out and not refused: broadcasters make them,
/// and none of them shall end admission for all.
pub const CHANNEL_BANS: usize = 200_000;

/// Where a snapshot stands: which store it comes from, and how many changes it has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The store's life: another one after it was restored from a backup.
    pub series: Box<str>,
    /// Goes up with each change.
    pub version: u64,
}

/// Apps, channels, stream keys and bans, each found by what a client says.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    position: Option<Position>,
    apps: HashMap<Box<str>, Arc<AppRules>>,
    channels: HashMap<Arc<str>, Arc<Channel>>,
    /// Channels by `app/stream`.
    names: HashMap<Box<str>, Arc<str>>,
    keys: HashMap<KeyDigest, KeyEntry>,
    bans: Bans,
    ticket_keys: Vec<SigningKey>,
    withdrawals: Withdrawals,
}

/// A stream key as it is kept: the digest stands beside it.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Its own id.
    pub id: Box<str>,
    /// The id of its channel.
    pub channel: Arc<str>,
    /// Unix milliseconds at which it ends, as the old one of a rotation does; [`ENDLESS`] and [`REVOKED`] stand
    /// for what is no time. There may be a million of them.
    ends_ms: i64,
}

/// Where a key's end would stand: it has none.
const ENDLESS: i64 = i64::MAX;
/// Where a key's end would stand: it was taken back.
const REVOKED: i64 = i64::MIN;

impl KeyEntry {
    /// Unix milliseconds at which it ends, as the old one of a rotation does.
    pub fn until_ms(&self) -> Option<i64> {
        (self.ends_ms != ENDLESS && !self.is_revoked()).then_some(self.ends_ms)
    }

    /// Whether it was taken back.
    pub const fn is_revoked(&self) -> bool {
        self.ends_ms == REVOKED
    }
}

/// A change that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untaken {
    /// It is of another store, or does not begin where this snapshot stands: ask for all of it.
    #[error("the changes do not begin where the snapshot stands")]
    Gap,
    /// There would be more of something than a snapshot may hold.
    #[error("the snapshot is full: no more {0}")]
    Full(&'static str),
    /// A text in it is longer than it may be, or is none.
    #[error("{0} cannot be that")]
    Senseless(&'static str),
}

/// What changed between two versions.
#[derive(Debug, Clone)]
pub struct Delta {
    /// Of which store.
    pub series: Box<str>,
    /// The version it begins at.
    pub from: u64,
    /// The version it leads to.
    pub to: u64,
    /// In order.
    pub changes: Vec<Change>,
}

impl Snapshot {
    /// An empty one of the store `series`, at `version`.
    pub fn new(series: &str, version: u64) -> Self {
        Self {
            position: Some(Position {
                series: series.into(),
                version,
            }),
            ..Self::default()
        }
    }

    /// Where it stands; `None` before anything was heard of a store.
    pub const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Takes what changed.
    ///
    /// # Errors
    /// When it does not begin here: then nothing has changed. When it is too much or senseless: then this
    /// snapshot stands nowhere, and is to be replaced by a whole one.
    pub fn take(&mut self, delta: &Delta) -> Result<(), Untaken> {
        let here = self.position.as_mut().ok_or(Untaken::Gap)?;
        if here.series != delta.series || here.version != delta.from || delta.to < delta.from {
            return Err(Untaken::Gap);
        }
        here.version = delta.to;
        let taken = delta
            .changes
            .iter()
            .try_for_each(|change| self.apply(change));
        if taken.is_err() {
            // It is no version any more, and nobody should take it for one.
            self.position = None;
        }
        taken
    }

    /// Takes one change, whatever the version.
    ///
    /// # Errors
    /// When it is too much, or senseless.
    pub fn apply(&mut self, change: &Change) -> Result<(), Untaken> {
        change.check()?;
        match change {
            Change::App { name, rules } => {
                let is_known = self.apps.contains_key(name.as_str());
                room(is_known || self.apps.len() < APPS, "apps")?;
                self.apps.insert(name.as_str().into(), rules.clone());
            }
            Change::AppGone { name } => {
                self.apps.remove(name.as_str());
            }
            Change::Channel(channel) => {
                let is_known = self.channels.contains_key(&channel.id);
                room(is_known || self.channels.len() < CHANNELS, "channels")?;
                self.forget_channel(&channel.id);
                let path = channel.path().into_boxed_str();
                self.names.insert(path, channel.id.clone());
                self.channels.insert(channel.id.clone(), channel.clone());
            }
            Change::ChannelGone { id } => self.forget_channel(id),
            Change::Key(key) => {
                let is_known = self.keys.contains_key(&key.digest);
                room(is_known || self.keys.len() < STREAM_KEYS, "stream keys")?;
                let known = self.channels.get_key_value(&*key.channel);
                let entry = KeyEntry {
                    id: key.id.clone(),
                    // One text for all keys of a channel.
                    channel: known
                        .map_or_else(|| key.channel.as_ref().into(), |(id, _)| id.clone()),
                    ends_ms: match key.until_ms {
                        _ if key.is_revoked => REVOKED,
                        // What ended at the beginning of time has ended all the same a moment later.
                        Some(until_ms) => until_ms.clamp(REVOKED + 1, ENDLESS - 1),
                        None => ENDLESS,
                    },
                };
                self.keys.insert(key.digest, entry);
            }
            Change::KeyGone { digest } => {
                self.keys.remove(digest);
            }
            Change::Ban(ban) => {
                let everywhere = self.bans.len() - self.bans.on_channels();
                room(self.bans.knows(&ban.id) || everywhere < BANS, "bans")?;
                self.bans.set(ban);
            }
            Change::ChannelBan(ban) => {
                if self.bans.knows(&ban.id) || self.bans.on_channels() < CHANNEL_BANS {
                    self.bans.set(ban);
                }
            }
            Change::BanGone { id } => self.bans.remove(id),
            Change::TicketKeys(keys) => {
                self.ticket_keys = keys.iter().take(MAX_KEYS).cloned().collect();
            }
            Change::Withdrawn(withdrawn) => {
                self.withdrawals.add(withdrawn, WITHDRAWALS);
            }
        }
        Ok(())
    }

    fn forget_channel(&mut self, id: &str) {
        if let Some(old) = self.channels.remove(id) {
            let path = old.path();
            // Another channel may have taken the name meanwhile.
            if self
                .names
                .get(path.as_str())
                .is_some_and(|named| **named == *id)
            {
                self.names.remove(path.as_str());
            }
        }
    }

    /// The rules of an app, as the store has them.
    pub fn app(&self, name: &str) -> Option<&Arc<AppRules>> {
        self.apps.get(name)
    }

    /// All apps that the store has rules for.
    pub fn apps(&self) -> impl Iterator<Item = (&str, &Arc<AppRules>)> {
        self.apps.iter().map(|(name, rules)| (&**name, rules))
    }

    /// The channel whose stream is `path`, `app/stream`.
    pub fn channel(&self, path: &str) -> Option<&Arc<Channel>> {
        self.names.get(path).and_then(|id| self.channels.get(id))
    }

    /// The channel of this id.
    pub fn channel_by_id(&self, id: &str) -> Option<&Arc<Channel>> {
        self.channels.get(id)
    }

    /// The stream key of this digest.
    pub fn key(&self, digest: &KeyDigest) -> Option<&KeyEntry> {
        self.keys.get(digest)
    }

    /// Keys that sign tickets, the newest first.
    pub fn ticket_keys(&self) -> &[SigningKey] {
        &self.ticket_keys
    }

    /// Whether a ticket of this account that ends at `until_s` was withdrawn.
    pub fn is_withdrawn(&self, channel: &str, account: &str, until_s: i64) -> bool {
        self.withdrawals.has(channel, account, until_s)
    }

    /// The ban that keeps somebody from doing something at `now_ms`, on the channel of this id or (empty) everywhere.
    pub fn ban(
        &self,
        channel: &str,
        target: &BanTarget,
        stops: Acts,
        now_ms: i64,
    ) -> Option<&Arc<Ban>> {
        self.bans.of(channel, target, stops, now_ms)
    }

    /// The same for an address, whichever banned network it is in.
    pub fn ban_of_ip(
        &self,
        channel: &str,
        ip: IpAddr,
        stops: Acts,
        now_ms: i64,
    ) -> Option<&Arc<Ban>> {
        self.bans.of_ip(channel, ip, stops, now_ms)
    }

    /// How many there are of each: apps, channels, stream keys, bans.
    pub fn counts(&self) -> Counts {
        Counts {
            apps: self.apps.len(),
            channels: self.channels.len(),
            keys: self.keys.len(),
            bans: self.bans.len(),
        }
    }

    /// All that makes it again, in an order in which it can be applied.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        let tickets = (!self.ticket_keys.is_empty())
            .then(|| Change::TicketKeys(self.ticket_keys.clone()))
            .into_iter();
        let apps = self.apps.iter().map(|(name, rules)| Change::App {
            name: name.to_string(),
            rules: rules.clone(),
        });
        let channels = self.channels.values().cloned().map(Change::Channel);
        let keys = self.keys.iter().map(|(digest, entry)| {
            Change::Key(StreamKey {
                digest: *digest,
                id: entry.id.clone(),
                channel: entry.channel.as_ref().into(),
                until_ms: entry.until_ms(),
                is_revoked: entry.is_revoked(),
            })
        });
        let bans = self.bans.all().cloned().map(Change::ban);
        let withdrawn = self.withdrawals.all().map(Change::Withdrawn);
        let things = tickets.chain(apps).chain(channels).chain(keys).chain(bans);
        things.chain(withdrawn)
    }
}

/// How much a snapshot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// With rules of their own.
    pub apps: usize,
    /// Of all accounts.
    pub channels: usize,
    /// Of all channels, those taken back included.
    pub keys: usize,
    /// Those that ended included.
    pub bans: usize,
}

fn room(is_there: bool, of: &'static str) -> Result<(), Untaken> {
    if is_there {
        Ok(())
    } else {
        Err(Untaken::Full(of))
    }
}

#[cfg(test)]
mod tests;
