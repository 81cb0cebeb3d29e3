//! Totals of this node since it started, by bounded labels.

use std::sync::atomic::{AtomicU64, Ordering};

use weir_base::{Code, LogLimit};

use crate::clients::Protocol;

const PROTOCOLS: usize = Protocol::ALL.len();
const CODES: usize = Code::ALL.len();

/// Codes, bytes and connections of each protocol since the process began; all atomic.
#[derive(Debug)]
pub struct Counters {
    codes: [[AtomicU64; PROTOCOLS]; CODES],
    received_bytes: [AtomicU64; PROTOCOLS],
    sent_bytes: [AtomicU64; PROTOCOLS],
    connections: [AtomicU64; PROTOCOLS],
    logged: LogLimit<Code>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            codes: std::array::from_fn(|_| Default::default()),
            received_bytes: Default::default(),
            sent_bytes: Default::default(),
            connections: Default::default(),
            logged: LogLimit::default(),
        }
    }
}

impl Counters {
    /// Counts one refusal or break.
    pub fn code(&self, code: Code, protocol: Protocol) {
        if let Some(at) = Code::ALL.iter().position(|c| *c == code) {
            self.codes[at][protocol as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a refusal or break of this code may be logged at `now_us` (the node's clock), and how
    /// many were not since the last.
    pub fn may_log(&self, code: Code, now_us: i64) -> Option<u64> {
        self.logged.admit(code, now_us)
    }

    /// Counts bytes taken from publishers.
    pub fn received(&self, protocol: Protocol, bytes: u64) {
        self.received_bytes[protocol as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes given to viewers.
    pub fn sent(&self, protocol: Protocol, bytes: u64) {
        self.sent_bytes[protocol as usize].fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts one admitted publisher or viewer.
    pub fn connected(&self, protocol: Protocol) {
        self.connections[protocol as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Refusals and breaks that happened, by code and protocol.
    pub fn codes(&self) -> impl Iterator<Item = (Code, Protocol, u64)> + '_ {
        Code::ALL.iter().zip(&self.codes).flat_map(|(code, row)| {
            Protocol::ALL
                .iter()
                .zip(row)
                .map(|(protocol, count)| (*code, *protocol, count.load(Ordering::Relaxed)))
                .filter(|(_, _, count)| *count > 0)
        })
    }

    /// `(protocol, received bytes, sent bytes, connections)` of every protocol.
    pub fn protocols(&self) -> impl Iterator<Item = (Protocol, u64, u64, u64)> + '_ {
        Protocol::ALL.iter().map(|protocol| {
            let at = *protocol as usize;
            let read = |counts: &[AtomicU64; PROTOCOLS]| counts[at].load(Ordering::Relaxed);
            (
                *protocol,
                read(&self.received_bytes),
                read(&self.sent_bytes),
                read(&self.connections),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_listed() {
        let counters = Counters::default();
        counters.code(Code::NotLive, Protocol::HttpFlv);
        counters.code(Code::NotLive, Protocol::HttpFlv);
        assert_eq!(
            counters.codes().collect::<Vec<_>>(),
            [(Code::NotLive, Protocol::HttpFlv, 2)]
        );
    }
}
