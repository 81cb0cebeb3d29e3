//! What this node fetches from others, as metrics.

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::families::{Counters, Gauges};

/// What this node fetches from others now, and has since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeFacts {
    /// Streams pulled now.
    pub pulls: usize,
    /// HLS viewers of streams that other nodes package, now.
    pub hls_viewers: usize,
    /// Bytes of HLS held now.
    pub cache_bytes: u64,
    /// HLS answers that were there.
    pub cache_hits: u64,
    /// HLS answers that were fetched.
    pub cache_misses: u64,
    /// HLS answers that waited for a fetch somebody else had begun.
    pub cache_joined: u64,
    /// HLS objects that had to make room for others.
    pub cache_evictions: u64,
}

/// Their metrics.
pub(crate) struct EdgeSheet {
    pulls: Gauges,
    viewers: Gauges,
    bytes: Gauges,
    answers: Counters,
    evictions: Counters,
}

impl EdgeSheet {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let sheet = Self {
            pulls: Family::default(),
            viewers: Family::default(),
            bytes: Family::default(),
            answers: Family::default(),
            evictions: Family::default(),
        };
        let about = "Streams pulled from other nodes";
        registry.register("weir_relay_pulls", about, sheet.pulls.clone());
        let about = "HLS viewers of streams that other nodes package";
        registry.register("weir_edge_hls_viewers", about, sheet.viewers.clone());
        let about = "Bytes of other nodes' HLS held";
        registry.register("weir_edge_cache_bytes", about, sheet.bytes.clone());
        let about = "Answers out of other nodes' HLS, by where they came from";
        registry.register("weir_edge_cache_answers", about, sheet.answers.clone());
        let about = "Objects of other nodes' HLS that made room for others";
        registry.register("weir_edge_cache_evictions", about, sheet.evictions.clone());
        sheet
    }

    pub(crate) fn fill(&self, facts: EdgeFacts, node: &str) {
        let labels = vec![("node", node.to_owned())];
        let gauges = [
            (&self.pulls, facts.pulls as u64),
            (&self.viewers, facts.hls_viewers as u64),
            (&self.bytes, facts.cache_bytes),
        ];
        for (gauge, value) in gauges {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            gauge.get_or_create(&labels).set(value);
        }
        let answers = [
            ("hit", facts.cache_hits),
            ("fetched", facts.cache_misses),
            ("joined", facts.cache_joined),
        ];
        for (from, count) in answers {
            let mut labels = labels.clone();
            labels.push(("from", from.to_owned()));
            self.answers.get_or_create(&labels).inc_by(count);
        }
        let evictions = self.evictions.get_or_create(&labels);
        evictions.inc_by(facts.cache_evictions);
    }
}
