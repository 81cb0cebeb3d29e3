//! Recordings on this node's disk and on their way to the store, as metrics and as a line for people.

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::families::{Counters, Gauges};
use crate::keeping::KeepingFacts;

/// Their metrics.
pub(crate) struct RecordingSheet {
    uploads: Counters,
    uploaded: Counters,
    here: Gauges,
    most: Gauges,
    waiting: Gauges,
    oldest: Gauges,
    is_full: Gauges,
}

impl RecordingSheet {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let sheet = Self {
            uploads: Family::default(),
            uploaded: Family::default(),
            here: Family::default(),
            most: Family::default(),
            waiting: Family::default(),
            oldest: Family::default(),
            is_full: Family::default(),
        };
        let about = "Blocks of recordings that were to go to the store, by what became of the try";
        registry.register("weir_recording_uploads", about, sheet.uploads.clone());
        let about = "Bytes of recordings that went to the store";
        registry.register(
            "weir_recording_uploaded_bytes",
            about,
            sheet.uploaded.clone(),
        );
        let about = "Bytes of recordings on the disk";
        registry.register("weir_recording_disk_bytes", about, sheet.here.clone());
        let about = "Bytes of recordings that may be on the disk; 0: as many as it takes";
        registry.register("weir_recording_disk_most_bytes", about, sheet.most.clone());
        let about = "Blocks of recordings that wait for the store";
        registry.register(
            "weir_recording_blocks_waiting",
            about,
            sheet.waiting.clone(),
        );
        let about = "How long the first of them has waited";
        registry.register("weir_recording_oldest_seconds", about, sheet.oldest.clone());
        let about = "1 while the disk may take no more recordings, and they have holes";
        registry.register("weir_recording_disk_full", about, sheet.is_full.clone());
        sheet
    }

    pub(crate) fn fill(&self, facts: &KeepingFacts, now_ms: i64, node: &str) {
        let labels = vec![("node", node.to_owned())];
        for (what, count) in [
            ("stored", facts.uploaded_blocks),
            ("failed", facts.failures),
        ] {
            let mut labels = labels.clone();
            labels.push(("became", what.to_owned()));
            self.uploads.get_or_create(&labels).inc_by(count);
        }
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.uploaded
            .get_or_create(&labels)
            .inc_by(facts.uploaded_bytes);
        self.here
            .get_or_create(&labels)
            .set(gauge(facts.here_bytes));
        self.most
            .get_or_create(&labels)
            .set(gauge(facts.most_bytes));
        self.waiting
            .get_or_create(&labels)
            .set(gauge(facts.waiting_blocks));
        let oldest_ms = facts
            .waiting_since_ms
            .map_or(0, |since_ms| now_ms - since_ms);
        self.oldest
            .get_or_create(&labels)
            .set(oldest_ms.max(0) / 1_000);
        self.is_full
            .get_or_create(&labels)
            .set(i64::from(facts.is_full));
    }
}

impl KeepingFacts {
    /// What is wrong, in lines for people; none when all is well.
    pub(crate) fn troubles(&self, now_ms: i64) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((since_ms, why)) = &self.fault {
            let (seconds, waiting) = ((now_ms - since_ms).max(0) / 1_000, self.waiting_blocks);
            lines.push(format!(
                "recordings: the store has taken none for {seconds} s ({waiting} blocks wait here, none is lost): {why}"
            ));
        }
        if self.is_full {
            let mib = self.here_bytes >> 20;
            lines.push(format!(
                "recordings: {mib} MiB are here, as much as may be, and the store has none of it; what is live goes on, \
                 and what is recorded has holes"
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_takes_nothing_is_said_with_since_when_and_what_waits() {
        assert!(KeepingFacts::default().troubles(9_000).is_empty());
        let ill = KeepingFacts {
            waiting_blocks: 3,
            here_bytes: 5 << 20,
            is_full: true,
            fault: Some((2_000, "refused".to_owned())),
            ..KeepingFacts::default()
        };
        let lines = ill.troubles(9_000);
        assert!(
            lines[0].contains("for 7 s (3 blocks") && lines[0].ends_with("refused"),
            "{lines:?}"
        );
        assert!(
            lines[1].contains("5 MiB") && lines[1].contains("holes"),
            "{lines:?}"
        );
    }
}
