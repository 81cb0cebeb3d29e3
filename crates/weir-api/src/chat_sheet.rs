//! Chat, as metrics.

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use weir_chat::{Bye, Deny, Lane, Tally};

use crate::families::{Counters, Gauges};

/// Its metrics.
pub(crate) struct ChatSheet {
    connections: Gauges,
    groups: Gauges,
    posts: Counters,
    left_out: Counters,
    writes: Counters,
    hearts: Counters,
    bytes: Counters,
    recoveries: Counters,
    refusals: Counters,
    ends: Counters,
}

impl ChatSheet {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let sheet = Self {
            connections: Family::default(),
            groups: Family::default(),
            posts: Family::default(),
            left_out: Family::default(),
            writes: Family::default(),
            hearts: Family::default(),
            bytes: Family::default(),
            recoveries: Family::default(),
            refusals: Family::default(),
            ends: Family::default(),
        };
        let about = "Connections to the chat gateway";
        registry.register("weir_chat_connections", about, sheet.connections.clone());
        let about = "Groups that are remembered";
        registry.register("weir_chat_groups", about, sheet.groups.clone());
        let about = "Posts, by lane";
        registry.register("weir_chat_posts", about, sheet.posts.clone());
        let about = "Posts of the lo lane that were left out: shed for all, skipped for one member";
        registry.register("weir_chat_left_out", about, sheet.left_out.clone());
        let about = "Hearts that rooms were given by members here";
        registry.register("weir_chat_hearts", about, sheet.hearts.clone());
        let about = "Writes to sockets";
        registry.register("weir_chat_writes", about, sheet.writes.clone());
        let about = "Bytes written to sockets";
        registry.register("weir_chat_sent_bytes", about, sheet.bytes.clone());
        let about = "Members who came back, by whether they missed nothing";
        registry.register("weir_chat_recoveries", about, sheet.recoveries.clone());
        let about = "Commands that were refused, by number";
        registry.register("weir_chat_refusals", about, sheet.refusals.clone());
        let about = "Connections that ended, by close code";
        registry.register("weir_chat_ends", about, sheet.ends.clone());
        sheet
    }

    pub(crate) fn fill(&self, (tally, groups): (&Tally, usize), node: &str) {
        let plain = vec![("node", node.to_owned())];
        let with = |name, value: String| {
            let mut labels = plain.clone();
            labels.push((name, value));
            labels
        };
        let level = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let connections = self.connections.get_or_create(&plain);
        connections.set(level(tally.connections.get()));
        let gauge = self.groups.get_or_create(&plain);
        gauge.set(level(groups as u64));
        for lane in Lane::ALL {
            let labels = with("lane", lane.name().into());
            self.posts
                .get_or_create(&labels)
                .inc_by(tally.posts(lane).get());
        }
        for (how, count) in [("shed", &tally.shed), ("skipped", &tally.skipped)] {
            let labels = with("how", how.into());
            self.left_out.get_or_create(&labels).inc_by(count.get());
        }
        self.hearts.get_or_create(&plain).inc_by(tally.likes.get());
        self.writes.get_or_create(&plain).inc_by(tally.writes.get());
        self.bytes
            .get_or_create(&plain)
            .inc_by(tally.sent_bytes.get());
        for (how, count) in [("all", &tally.recovered), ("lost", &tally.unrecovered)] {
            let labels = with("how", how.into());
            self.recoveries.get_or_create(&labels).inc_by(count.get());
        }
        for deny in Deny::ALL {
            let labels = with("number", deny.number().to_string());
            let count = tally.denied(*deny).map_or(0, |count| count.get());
            self.refusals.get_or_create(&labels).inc_by(count);
        }
        for bye in Bye::ALL {
            let labels = with("code", bye.number().to_string());
            let count = tally.closed(*bye).map_or(0, |count| count.get());
            self.ends.get_or_create(&labels).inc_by(count);
        }
    }
}
