//! Bans, found by where they count and whom they hit: one look for a stream or an account, one for each length of
//! prefix for an address.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Ban, BanTarget};
use crate::acts::Acts;

#[derive(Debug, Clone, Default)]
pub(super) struct Bans {
    by_id: HashMap<Box<str>, Arc<Ban>>,
    everywhere: Standing,
    /// By the channel's id.
    channels: HashMap<Box<str>, Standing>,
    /// How many of all are on one channel.
    on_channels: usize,
}

/// Bans that count in one place.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// By whom they hit; networks as their first address.
    by_target: HashMap<BanTarget, Vec<Arc<Ban>>>,
    /// How many banned networks have a prefix of this length; IPv4 counted as IPv6 behind its 96 bits.
    prefixes: BTreeMap<u8, usize>,
}

impl Bans {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many are on one channel.
    pub(super) const fn on_channels(&self) -> usize {
        self.on_channels
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Ban>> {
        self.by_id.values()
    }

    pub(super) fn set(&mut self, ban: &Arc<Ban>) {
        self.remove(&ban.id);
        let place = if ban.channel.is_empty() {
            &mut self.everywhere
        } else {
            self.on_channels += 1;
            self.channels.entry(ban.channel.clone()).or_default()
        };
        place.set(ban);
        self.by_id.insert(ban.id.clone(), ban.clone());
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(ban) = self.by_id.remove(id) else {
            return;
        };
        if ban.channel.is_empty() {
            self.everywhere.remove(&ban);
            return;
        }
        self.on_channels -= 1;
        if let Some(place) = self.channels.get_mut(&ban.channel) {
            place.remove(&ban);
            if place.by_target.is_empty() {
                self.channels.remove(&ban.channel);
            }
        }
    }

    /// `channel` is its id; empty: everywhere.
    pub(super) fn of(
        &self,
        channel: &str,
        target: &BanTarget,
        stops: Acts,
        now_ms: i64,
    ) -> Option<&Arc<Ban>> {
        self.at(channel)?.of(target, stops, now_ms)
    }

    /// The same for an address.
    pub(super) fn of_ip(
        &self,
        channel: &str,
        ip: IpAddr,
        stops: Acts,
        now_ms: i64,
    ) -> Option<&Arc<Ban>> {
        let place = self.at(channel)?;
        place.prefixes.keys().rev().find_map(|length| {
            let net = IpNet::new(wide(ip), *length).ok()?.trunc();
            place.of(&BanTarget::Network(net), stops, now_ms)
        })
    }

    fn at(&self, channel: &str) -> Option<&Standing> {
        match channel {
            "" => Some(&self.everywhere),
            id => self.channels.get(id),
        }
    }
}

impl Standing {
    fn set(&mut self, ban: &Arc<Ban>) {
        let target = canonical(&ban.target);
        if let BanTarget::Network(net) = &target {
            *self.prefixes.entry(net.prefix_len()).or_default() += 1;
        }
        self.by_target.entry(target).or_default().push(ban.clone());
    }

    fn remove(&mut self, ban: &Ban) {
        let target = canonical(&ban.target);
        if let Some(all) = self.by_target.get_mut(&target) {
            all.retain(|other| other.id != ban.id);
            if all.is_empty() {
                self.by_target.remove(&target);
            }
        }
        if let BanTarget::Network(net) = target
            && let Some(count) = self.prefixes.get_mut(&net.prefix_len())
        {
            *count -= 1;
            if *count == 0 {
                self.prefixes.remove(&net.prefix_len());
            }
        }
    }

    fn of(&self, target: &BanTarget, stops: Acts, now_ms: i64) -> Option<&Arc<Ban>> {
        if self.by_target.is_empty() {
            return None;
        }
        let hits = |ban: &&Arc<Ban>| {
            ban.stops.hits(stops) && ban.until_ms.is_none_or(|until_ms| now_ms < until_ms)
        };
        self.by_target.get(target)?.iter().find(hits)
    }
}

/// Networks as IPv6, by their first address, so that one network has one name.
fn canonical(target: &BanTarget) -> BanTarget {
    let BanTarget::Network(net) = target else {
        return target.clone();
    };
    let length = match net {
        IpNet::V4(net) => net.prefix_len() + 96,
        IpNet::V6(net) => net.prefix_len(),
    };
    let wide = IpNet::new(wide(net.addr()), length).unwrap_or(*net);
    BanTarget::Network(wide.trunc())
}

fn wide(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().into(),
        ip @ IpAddr::V6(_) => ip,
    }
}
