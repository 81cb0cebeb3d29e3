//! Pictures of live streams, as metrics.

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use weir_snap::TallyNow;

use crate::families::{Counters, Gauges};

/// Their metrics.
pub(crate) struct SnapshotSheet {
    all: Counters,
    waiting: Gauges,
    oldest: Gauges,
    starts: Counters,
}

impl SnapshotSheet {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let sheet = Self {
            all: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            starts: Family::default(),
        };
        let about = "Keyframes that were to become pictures, by what became of them";
        registry.register("weir_snapshots", about, sheet.all.clone());
        let about = "Streams that wait for their turn to have a picture taken";
        registry.register("weir_snapshots_waiting", about, sheet.waiting.clone());
        let about = "How long the first of them has waited";
        registry.register("weir_snapshot_oldest_seconds", about, sheet.oldest.clone());
        let about = "Processes that were started to decode keyframes";
        registry.register("weir_snapshot_decoder_starts", about, sheet.starts.clone());
        sheet
    }

    pub(crate) fn fill(&self, tally: TallyNow, node: &str) {
        let labels = vec![("node", node.to_owned())];
        let became = [
            ("taken", tally.taken),
            ("undecodable", tally.undecodable),
            ("away", tally.away),
            ("lost", tally.lost),
            ("lent", tally.lent),
            ("busy", tally.busy),
        ];
        for (what, count) in became {
            let mut labels = labels.clone();
            labels.push(("became", what.to_owned()));
            self.all.get_or_create(&labels).inc_by(count);
        }
        let waiting = i64::try_from(tally.waiting).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&labels).set(waiting);
        let oldest = self.oldest.get_or_create(&labels);
        oldest.set(tally.oldest_ms / 1_000);
        let starts = self.starts.get_or_create(&labels);
        starts.inc_by(tally.decoder_starts);
    }
}
