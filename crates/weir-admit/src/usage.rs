//! How much of an app's quotas is used, and how full the node is.
//!
//! Streams are counted over the whole cluster, by its view. Viewers and bits are counted here, and compared
//! with this node's share of the quota: the quota over the nodes that serve viewers. So a quota holds even
//! where nodes cannot hear each other, and is reached early where viewers are spread unevenly.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use parking_lot::Mutex;
use weir_base::{Code, Refusal, StreamName, limits};
use weir_cluster::geo::Country;
use weir_hub::Hub;

use crate::rules::{AppRules, Priority};

/// Microseconds that a count is good for; who is admitted meanwhile is added to it.
const COUNT_US: i64 = 1_000_000;
/// Microseconds for which a viewer that asks for each piece is remembered as one who is here.
const HERE_US: i64 = 15_000_000;

/// What a node knows that admission does not: brought by who composes it.
pub trait Surroundings: Send + Sync {
    /// How full the node is, in thousandths of its capacity.
    fn full_permille(&self) -> u64 {
        0
    }

    /// Live streams of an app in the whole cluster; `None` where this node knows no more than its own.
    fn streams_of(&self, app: &str) -> Option<u32> {
        let _ = app;
        None
    }

    /// Nodes that share what viewers may take, this one among them.
    fn sharing_nodes(&self) -> u32 {
        1
    }

    /// The country of an address, where it is known.
    fn country(&self, ip: IpAddr) -> Option<Country> {
        let _ = ip;
        None
    }
}

/// A node by itself, of which nothing more is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Surroundings for Alone {}

/// Counts of the hub by app, made when they are asked for and kept for a second.
#[derive(Debug)]
pub(crate) struct Usage {
    hub: Hub,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    at_us: Option<i64>,
    apps: HashMap<Box<str>, Used>,
    /// Bytes that each stream had sent at the last count.
    sent: HashMap<StreamName, u64>,
}

/// What one app uses on this node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    streams: u32,
    viewers: u32,
    in_kbps: u64,
    out_kbps: u64,
}

impl Usage {
    pub(crate) fn new(hub: Hub) -> Self {
        Self {
            hub,
            counted: Mutex::default(),
        }
    }

    /// Whether one more publisher is within the app's quotas.
    ///
    /// # Errors
    /// 2005 when there are as many streams as may be, 2006 when they send as much as they may.
    pub(crate) fn check_publish(
        &self,
        name: &StreamName,
        rules: &AppRules,
        around: &dyn Surroundings,
    ) -> Result<(), Refusal> {
        if rules.max_streams.is_none() && rules.max_in_kbps.is_none() {
            return Ok(());
        }
        // Who takes over or comes back is no more than was there.
        if self.hub.find_live(name).is_ok() {
            return Ok(());
        }
        self.with(name.app(), |used| {
            let everywhere = around.streams_of(name.app()).unwrap_or_default();
            if let Some(most) = rules.max_streams
                && used.streams.max(everywhere) >= most
            {
                let words = format!("the app {} has {most} streams live, its limit", name.app());
                return Err(Refusal::new(Code::QuotaStreams, words));
            }
            check_share(
                rules.max_in_kbps,
                used.in_kbps,
                around,
                "in from publishers",
            )?;
            used.streams += 1;
            Ok(())
        })
    }

    /// Whether one more viewer is within the app's quotas.
    ///
    /// # Errors
    /// 2006 when it is not.
    pub(crate) fn check_play(
        &self,
        name: &StreamName,
        rules: &AppRules,
        around: &dyn Surroundings,
    ) -> Result<(), Refusal> {
        if rules.max_viewers.is_none() && rules.max_out_kbps.is_none() {
            return Ok(());
        }
        self.with(name.app(), |used| {
            if let Some(most) = rules.max_viewers
                && u64::from(used.viewers) >= share(most, around)
            {
                let words = format!(
                    "the app {} has as many viewers as it may: {most}",
                    name.app()
                );
                return Err(Refusal::new(Code::QuotaViewers, words));
            }
            check_share(rules.max_out_kbps, used.out_kbps, around, "out to viewers")?;
            used.viewers += 1;
            Ok(())
        })
    }

    fn with<T>(&self, app: &str, act: impl FnOnce(&mut Used) -> T) -> T {
        let now_us = self.hub.clock().now_us();
        let counted = &mut *self.counted.lock();
        if counted.at_us.is_none_or(|at_us| now_us - at_us >= COUNT_US) {
            self.count(counted, now_us);
        }
        act(counted.apps.entry(app.into()).or_default())
    }

    fn count(&self, counted: &mut Counted, now_us: i64) {
        let past_ms = counted
            .at_us
            .map(|at_us| (now_us - at_us).unsigned_abs() / 1_000);
        counted.at_us = Some(now_us);
        counted.apps.clear();
        let before = std::mem::take(&mut counted.sent);
        for stream in self.hub.streams() {
            let used = counted.apps.entry(stream.name.app().into()).or_default();
            used.viewers = used.viewers.saturating_add(stream.people());
            // Bytes of a stream that was not there then are those of its first second here.
            let sent = stream.sent_bytes();
            let more = sent.saturating_sub(before.get(&stream.name).copied().unwrap_or(sent));
            used.out_kbps += past_ms.map_or(0, |ms| more.saturating_mul(8) / ms.max(1));
            counted.sent.insert(stream.name.clone(), sent);
            if stream
                .publisher()
                .is_some_and(|publisher| !publisher.is_replaceable)
            {
                used.streams += 1;
                let rates = stream.stats().rates(now_us);
                used.in_kbps += ((rates.video_bps + rates.audio_bps) / 1_000.0) as u64;
            }
        }
    }
}

fn share(most: u32, around: &dyn Surroundings) -> u64 {
    u64::from(most.div_ceil(around.sharing_nodes().max(1)))
}

fn check_share(
    most: Option<u32>,
    used: u64,
    around: &dyn Surroundings,
    what: &str,
) -> Result<(), Refusal> {
    match most {
        Some(most) if used >= share(most, around) => {
            let words = format!("the app has {most} kbit/s {what}, its limit");
            Err(Refusal::new(Code::QuotaViewers, words))
        }
        _ => Ok(()),
    }
}

/// Whether a node this full still takes a client of this priority.
///
/// # Errors
/// 5001, which says that a lower priority gives way first.
pub(crate) fn check_room(priority: Priority, around: &dyn Surroundings) -> Result<(), Refusal> {
    let (full, most) = (around.full_permille(), priority.full_permille());
    if full < most {
        return Ok(());
    }
    let percent = full / 10;
    let words = if priority == Priority::High {
        format!("this node is {percent} % full")
    } else {
        format!(
            "this node is {percent} % full, and apps of priority {} give way at {} %",
            priority.name(),
            most / 10
        )
    };
    Err(Refusal::new(Code::Overloaded, words))
}

/// Viewers who ask for each piece, as HLS players do: one who is here already is no new one.
#[derive(Debug, Default)]
pub(crate) struct Returning {
    hasher: RandomState,
    seen: Mutex<Seen>,
}

/// Two generations: the older one is forgotten when the newer one is old.
#[derive(Debug, Default)]
struct Seen {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    turned_us: i64,
}

impl Returning {
    /// Whether somebody at `ip` asked for this stream a moment ago.
    pub(crate) fn is_here(&self, name: &StreamName, ip: IpAddr, now_us: i64) -> bool {
        let who = self.hasher.hash_one((name, ip));
        let seen = &mut *self.seen.lock();
        seen.turn(now_us);
        seen.newer.contains(&who) || seen.older.contains(&who)
    }

    /// Somebody asked and was admitted. Beyond the limit nobody new is remembered.
    pub(crate) fn came(&self, name: &StreamName, ip: IpAddr, now_us: i64) {
        let who = self.hasher.hash_one((name, ip));
        let seen = &mut *self.seen.lock();
        seen.turn(now_us);
        if seen.newer.len() < limits::AUDIENCE {
            seen.newer.insert(who);
        }
    }
}

impl Seen {
    fn turn(&mut self, now_us: i64) {
        if now_us - self.turned_us >= HERE_US {
            self.older = std::mem::take(&mut self.newer);
            if now_us - self.turned_us >= 2 * HERE_US {
                self.older.clear();
            }
            self.turned_us = now_us;
        }
    }
}
