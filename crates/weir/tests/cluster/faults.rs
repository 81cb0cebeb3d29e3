//! What becomes of streams, viewers and leases when something breaks. Each test says what is promised,
//! prints what was measured, and looks for what is left behind.
//! Shows R56 and R97.

mod clocks;
mod crowd;
mod edge;
mod flapping;
mod lines;
mod origin;
mod pause;
mod registry;

use weir_testkit::cluster::{Cluster, resident_bytes};
use weir_testkit::watcher::{Seen, Watcher};

use crate::kit::measured;

/// Bytes that a node may have grown by under load and afterwards: what the allocator keeps for next
/// time, in a build without optimisation.
const GROWN_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// What the nodes hold in memory now.
pub(crate) fn memory(cluster: &Cluster) -> Vec<(String, f64)> {
    let all = cluster.running();
    all.map(|(id, server)| (id.to_owned(), resident_bytes(server)))
        .collect()
}

/// All is gone, and the nodes that are still there are about as large as they were.
pub(crate) fn assert_all_given_back(cluster: &Cluster, before: &[(String, f64)]) {
    cluster.assert_nothing_left();
    for (id, now) in memory(cluster) {
        let Some((_, then)) = before.iter().find(|(name, _)| *name == id) else {
            continue;
        };
        let grown = now - then;
        measured(
            &format!("memory that {id} has grown by"),
            grown / 1024.0,
            "KiB",
        );
        assert!(
            grown < GROWN_BYTES,
            "{id} has grown from {then} to {now} bytes"
        );
    }
}

/// Prints the worst of what viewers have seen; gives the longest time without a byte, milliseconds.
pub(crate) fn worst(what: &str, viewers: &[Watcher]) -> f64 {
    let all: Vec<Seen> = viewers.iter().map(Watcher::seen).collect();
    let longest_wait_ms = all.iter().map(|seen| seen.longest_wait_ms);
    let longest_wait_ms = longest_wait_ms.fold(0.0, f64::max);
    let gaps = all.iter().map(|seen| seen.gaps.len()).max().unwrap_or(0);
    let longest_gap_ms = all.iter().flat_map(|seen| &seen.gaps);
    let longest_gap_ms = longest_gap_ms.map(|(from, to)| to - from).max();
    let longest_gap_ms = f64::from(longest_gap_ms.unwrap_or(0));
    measured(
        &format!("{what}: longest pause of a viewer"),
        longest_wait_ms,
        "ms",
    );
    measured(&format!("{what}: most gaps of a viewer"), gaps as f64, "");
    measured(
        &format!("{what}: longest gap of a viewer"),
        longest_gap_ms,
        "ms",
    );
    longest_wait_ms
}
