//! Reports of streams on servers that are not weir: where somebody said one is, and until when.
//!
//! No lease stands behind a report and no node owns it: the last word counts, it is told to all nodes
//! and kept in the store, and it ends by itself unless it is said again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::{Backoff, BackoffPlan, Dice};

use crate::limits::{
    REPORT_HOST_BYTES, REPORT_PROTOCOL_BYTES, REPORT_TTL_MS, REPORTS, REPORTS_PER_BATCH,
};
use crate::name::LeaseKey;

/// Reports that came within so long go out together, microseconds.
const GATHER_US: i64 = 50_000;
/// After the store did not take reports they are sent again so much later: a heartbeat at first.
const AGAIN: BackoffPlan = BackoffPlan {
    first: Duration::from_secs(2),
    cap: Duration::from_secs(8),
    steady: Duration::ZERO,
};
/// How long the end of a report is worth telling, microseconds: what it ends may be heard of so late.
const END_US: i64 = 30_000_000;
/// Batches of reports that go out at once; more wait for the next time.
const BATCHES_AT_ONCE: usize = 8;

/// One report, as it is told and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// The stream.
    pub key: LeaseKey,
    /// The server: an address or a host's name, 1 to 255 bytes.
    pub ip: String,
    /// Its port; not 0.
    pub port: u16,
    /// What it speaks there, 1 to 16 letters, digits and hyphens: `rtmp`.
    pub protocol: String,
    /// How long it is good from now, milliseconds, at most ten minutes: no two clocks are compared.
    /// 0 ends what was said of this stream on this server.
    pub ttl_ms: i64,
}

/// A report that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The host or the port cannot be one.
    #[error("ip and port name no server")]
    Server,
    /// The protocol's name cannot be one.
    #[error("protocol is no name of one")]
    Protocol,
    /// It would be good for longer than any is, or for less than no time.
    #[error("ttl_ms is not from 0 to {REPORT_TTL_MS}")]
    Ttl,
}

impl StreamReport {
    /// Checks the bounds that its types do not.
    ///
    /// # Errors
    /// Which part cannot be.
    pub fn check(&self) -> Result<(), ReportError> {
        if !is_host(&self.ip) || self.port == 0 {
            return Err(ReportError::Server);
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let length = 1..=REPORT_PROTOCOL_BYTES;
        if !length.contains(&self.protocol.len()) || !self.protocol.bytes().all(fits) {
            return Err(ReportError::Protocol);
        }
        let is_ttl = (0..=REPORT_TTL_MS).contains(&self.ttl_ms);
        is_ttl.then_some(()).ok_or(ReportError::Ttl)
    }

    /// `port protocol ip`, as the store keeps it.
    pub fn place(&self) -> String {
        format!("{} {} {}", self.port, self.protocol, self.ip)
    }

    /// Reads what [`StreamReport::place`] wrote; `None` when it did not.
    pub fn from_place(key: LeaseKey, place: &str, ttl_ms: i64) -> Option<Self> {
        let mut words = place.splitn(3, ' ');
        let port = words.next()?.parse().ok()?;
        let (protocol, ip) = (words.next()?.to_owned(), words.next()?.to_owned());
        let report = Self {
            key,
            ip,
            port,
            protocol,
            ttl_ms,
        };
        report.check().ok().map(|()| report)
    }
}

fn is_host(host: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_name = (1..=REPORT_HOST_BYTES).contains(&host.len()) && host.bytes().all(fits);
    is_name || host.parse::<IpAddr>().is_ok()
}

/// Where a stream was last said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Address or name of the server.
    pub ip: String,
    /// Port of `protocol` at `ip`.
    pub port: u16,
    /// What it speaks there.
    pub protocol: String,
    /// Until when, by this process's monotonic clock, microseconds.
    pub until_us: i64,
}

/// What was reported and has not ended.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    all: HashMap<LeaseKey, Reported>,
    ends: BTreeSet<(i64, LeaseKey)>,
    /// How many streams each host has on each port.
    servers: HashMap<String, BTreeMap<u16, usize>>,
}

impl Reports {
    /// Believes a report, unless there is no room for it.
    pub(crate) fn apply(&mut self, report: &StreamReport, now_us: i64) {
        if report.ttl_ms <= 0 {
            let is_it = |r: &Reported| {
                (r.port, &r.ip, &r.protocol) == (report.port, &report.ip, &report.protocol)
            };
            if self.all.get(&report.key).is_some_and(is_it) {
                self.remove(&report.key);
            }
            return;
        }
        if !self.has_room_for(&report.key) {
            return;
        }
        self.remove(&report.key);
        let until_us = now_us.saturating_add(report.ttl_ms.min(REPORT_TTL_MS).saturating_mul(1000));
        let ports = self.servers.entry(report.ip.clone()).or_default();
        *ports.entry(report.port).or_default() += 1;
        self.ends.insert((until_us, report.key.clone()));
        let (ip, protocol) = (report.ip.clone(), report.protocol.clone());
        self.all.insert(
            report.key.clone(),
            Reported {
                ip,
                port: report.port,
                protocol,
                until_us,
            },
        );
    }

    /// Forgets what has ended.
    pub(crate) fn tick(&mut self, now_us: i64) {
        while let Some((_, key)) = self
            .ends
            .first()
            .filter(|(until_us, _)| *until_us <= now_us)
        {
            let key = key.clone();
            self.remove(&key);
        }
    }

    pub(crate) fn find(&self, key: &LeaseKey) -> Option<&Reported> {
        self.all.get(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn has_room_for(&self, key: &LeaseKey) -> bool {
        self.all.len() < REPORTS || self.all.contains_key(key)
    }

    pub(crate) fn has_several_servers(&self, ip: &str) -> bool {
        self.servers.get(ip).is_some_and(|ports| ports.len() > 1)
    }

    fn remove(&mut self, key: &LeaseKey) {
        let Some(old) = self.all.remove(key) else {
            return;
        };
        self.ends.remove(&(old.until_us, key.clone()));
        let Some(ports) = self.servers.get_mut(&old.ip) else {
            return;
        };
        if let Some(count) = ports.get_mut(&old.port) {
            *count -= 1;
            if *count == 0 {
                ports.remove(&old.port);
            }
        }
        if ports.is_empty() {
            self.servers.remove(&old.ip);
        }
    }
}

/// What this node was told and the others and the store were not yet.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: BTreeMap<LeaseKey, (StreamReport, i64)>,
    due_us: Option<i64>,
    backoff: Backoff,
}

impl Outbox {
    /// Nothing to tell yet; the dice are for the pauses between tries.
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            waiting: BTreeMap::new(),
            due_us: None,
            backoff: Backoff::new(AGAIN, dice),
        }
    }

    /// The store took what was sent to it.
    pub(crate) fn taken(&mut self) {
        self.backoff.worked(AGAIN.steady);
    }

    /// Puts one in; a later word on the same stream takes the place of an earlier one.
    pub(crate) fn put(&mut self, report: StreamReport, now_us: i64) {
        let good_us = if report.ttl_ms > 0 {
            report.ttl_ms.saturating_mul(1000)
        } else {
            END_US
        };
        self.keep(report, now_us.saturating_add(good_us));
        self.due_us.get_or_insert(now_us.saturating_add(GATHER_US));
    }

    /// The store did not take these: again later, where nothing newer was said meanwhile.
    pub(crate) fn put_back(&mut self, reports: Vec<StreamReport>, now_us: i64) {
        for report in reports {
            let good_us = if report.ttl_ms > 0 {
                report.ttl_ms.saturating_mul(1000)
            } else {
                END_US
            };
            if !self.waiting.contains_key(&report.key) {
                self.keep(report, now_us.saturating_add(good_us));
            }
        }
        let pause_us = i64::try_from(self.backoff.failed().as_micros()).unwrap_or(i64::MAX);
        self.due_us = Some(now_us.saturating_add(pause_us));
    }

    /// Whether a word on this stream is still to go out.
    pub(crate) fn has(&self, key: &LeaseKey) -> bool {
        self.waiting.contains_key(key)
    }

    /// When something is to go out next.
    pub(crate) fn due_us(&self) -> Option<i64> {
        self.due_us
    }

    /// What is to go out now, in batches.
    pub(crate) fn take(&mut self, now_us: i64) -> Vec<Vec<StreamReport>> {
        if self.due_us.is_none_or(|due_us| due_us > now_us) {
            return Vec::new();
        }
        let mut batches = Vec::new();
        while batches.len() < BATCHES_AT_ONCE && !self.waiting.is_empty() {
            let mut batch = Vec::new();
            while batch.len() < REPORTS_PER_BATCH
                && let Some((_, (mut report, until_us))) = self.waiting.pop_first()
            {
                let left_ms = until_us.saturating_sub(now_us) / 1000;
                if left_ms > 0 {
                    report.ttl_ms = report.ttl_ms.min(left_ms);
                    batch.push(report);
                }
            }
            if !batch.is_empty() {
                batches.push(batch);
            }
        }
        self.due_us = (!self.waiting.is_empty()).then(|| now_us.saturating_add(GATHER_US));
        batches
    }

    fn keep(&mut self, report: StreamReport, until_us: i64) {
        if self.waiting.len() < REPORTS || self.waiting.contains_key(&report.key) {
            self.waiting.insert(report.key.clone(), (report, until_us));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(key: &str, ip: &str, port: u16, ttl_ms: i64) -> StreamReport {
        StreamReport {
            key: LeaseKey::new(key).unwrap(),
            ip: ip.into(),
            port,
            protocol: "rtmp".into(),
            ttl_ms,
        }
    }

    fn key(text: &str) -> LeaseKey {
        LeaseKey::new(text).unwrap()
    }

    #[test]
    fn a_server_is_an_address_or_a_name() {
        for good in ["10.0.0.1", "::1", "origin-1.example"] {
            assert_eq!(report("s", good, 1, 0).check(), Ok(()), "{good}");
        }
        for bad in ["", "a b", "h/x", "h:1", "[::1]", &"x".repeat(256)] {
            assert_eq!(
                report("s", bad, 1, 0).check(),
                Err(ReportError::Server),
                "{bad}"
            );
        }
        assert_eq!(report("s", "h", 0, 1).check(), Err(ReportError::Server));
        assert_eq!(report("s", "h", 1, -1).check(), Err(ReportError::Ttl));
        assert_eq!(
            report("s", "h", 1, REPORT_TTL_MS + 1).check(),
            Err(ReportError::Ttl)
        );
    }

    #[test]
    fn the_last_word_counts_and_ends_by_itself() {
        let mut reports = Reports::default();
        reports.apply(&report("s", "a", 1, 1_000), 0);
        reports.apply(&report("s", "b", 2, 3_000), 500_000);
        assert_eq!(reports.find(&key("s")).unwrap().ip, "b");
        reports.tick(1_000_000);
        assert_eq!(
            reports.len(),
            1,
            "the end of the first report is not the second's"
        );
        reports.tick(3_500_000);
        assert_eq!(
            (reports.len(), reports.servers.len(), reports.ends.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn only_what_was_said_of_this_server_is_ended() {
        let mut reports = Reports::default();
        reports.apply(&report("s", "b", 2, 3_000), 0);
        reports.apply(&report("s", "a", 1, 0), 0);
        assert_eq!(
            reports.len(),
            1,
            "it moved from a to b, and a says its part late"
        );
        reports.apply(&report("s", "b", 2, 0), 0);
        assert_eq!(reports.len(), 0);
    }

    #[test]
    fn a_host_with_two_ports_has_several_servers() {
        let mut reports = Reports::default();
        reports.apply(&report("s", "a", 1, 1_000), 0);
        reports.apply(&report("t", "a", 1, 1_000), 0);
        assert!(!reports.has_several_servers("a"));
        reports.apply(&report("t", "a", 2, 1_000), 0);
        assert!(reports.has_several_servers("a"));
        reports.apply(&report("t", "b", 2, 1_000), 0);
        assert!(!reports.has_several_servers("a"));
    }

    #[test]
    fn reports_go_out_together_and_again_when_the_store_did_not_take_them() {
        let mut outbox = Outbox::new(Dice::seeded(0));
        outbox.put(report("s", "a", 1, 10_000), 0);
        outbox.put(report("t", "a", 1, 1_000), 10_000);
        assert!(outbox.take(0).is_empty());
        let batches = outbox.take(GATHER_US);
        assert_eq!(batches.len(), 1);
        assert_eq!(outbox.due_us(), None);
        // Meanwhile one was said anew.
        outbox.put(report("s", "b", 1, 10_000), 100_000);
        outbox.put_back(batches.into_iter().flatten().collect(), 200_000);
        let again: Vec<_> = outbox.take(2_200_000).into_iter().flatten().collect();
        assert_eq!(again.len(), 1, "the short one has ended by now");
        assert_eq!((again[0].ip.as_str(), again[0].ttl_ms), ("b", 7_900));
    }

    #[test]
    fn a_store_that_takes_nothing_is_asked_ever_less_often() {
        for seed in 0..20 {
            let mut outbox = Outbox::new(Dice::seeded(seed));
            outbox.put(report("s", "a", 1, REPORT_TTL_MS), 0);
            let (mut tries, mut now_us) = (0, 0);
            while now_us < 60_000_000 {
                now_us = outbox.due_us().unwrap();
                let batches = outbox.take(now_us);
                outbox.put_back(batches.into_iter().flatten().collect(), now_us);
                tries += 1;
            }
            assert!((8..=18).contains(&tries), "{tries} in a minute");
        }
    }

    #[test]
    fn many_reports_go_out_in_bounded_batches() {
        let mut outbox = Outbox::new(Dice::seeded(0));
        for n in 0..3_000 {
            outbox.put(report(&format!("s{n}"), "a", 1, 10_000), 0);
        }
        let batches = outbox.take(GATHER_US);
        assert_eq!(batches.len(), BATCHES_AT_ONCE);
        assert!(batches.iter().all(|batch| batch.len() == REPORTS_PER_BATCH));
        assert_eq!(outbox.take(2 * GATHER_US).concat().len(), 3_000 - 2_048);
        assert_eq!(outbox.due_us(), None);
    }

    proptest! {
        #[test]
        fn what_is_kept_reads_back(ip in "[a-z0-9.-]{1,20}", port in 1..=u16::MAX, ttl_ms in 0..REPORT_TTL_MS) {
            let report = report("s", &ip, port, ttl_ms);
            prop_assert_eq!(StreamReport::from_place(key("s"), &report.place(), ttl_ms), Some(report));
        }

        #[test]
        fn the_counts_stay_true(said in prop::collection::vec((0..4_u8, 0..3_u8, 1..4_u16, 0..4_i64), 0..60)) {
            let mut reports = Reports::default();
            for ((stream, ip, port, ttl), now) in said.into_iter().zip(0_i64..) {
                let report = report(&format!("s{stream}"), &format!("h{ip}"), port, ttl * 2);
                reports.apply(&report, now * 1000);
                reports.tick(now * 1000);
                let counted: usize = reports.servers.values().flat_map(BTreeMap::values).sum();
                prop_assert_eq!((counted, reports.ends.len()), (reports.len(), reports.len()));
            }
        }
    }
}
