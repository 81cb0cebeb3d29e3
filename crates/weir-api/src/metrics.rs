//! Prometheus text, made from live state at each scrape. Labels are bounded: node, app, protocol and
//! code, never a viewer or a stream.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use weir_base::process;
use weir_hub::Protocol;

use crate::autoscale::PoolGauges;
use crate::chat_sheet::ChatSheet;
use crate::cluster::ClusterSheet;
use crate::edge::EdgeSheet;
use crate::families::{Counters, Gauges, Labels};
use crate::recordings::RecordingSheet;
use crate::snapshots::SnapshotSheet;
use crate::state::State;

/// Apps with a label of their own; more are `other`.
const MAX_APPS: usize = 100;

/// The names of all metrics: a contract with dashboards.
pub const METRIC_NAMES: &[&str] = &[
    "weir_build_info",
    "weir_chat_connections",
    "weir_chat_ends_total",
    "weir_chat_groups",
    "weir_chat_hearts_total",
    "weir_chat_left_out_total",
    "weir_chat_posts_total",
    "weir_chat_recoveries_total",
    "weir_chat_refusals_total",
    "weir_chat_sent_bytes_total",
    "weir_chat_writes_total",
    "weir_clients",
    "weir_cluster_bus_up",
    "weir_cluster_nodes",
    "weir_cluster_store_up",
    "weir_cluster_streams_owned",
    "weir_cluster_streams_unconfirmed",
    "weir_codes_total",
    "weir_connections_total",
    "weir_cpu_seconds_total",
    "weir_dispatch_total",
    "weir_draining",
    "weir_edge_cache_answers_total",
    "weir_edge_cache_bytes",
    "weir_edge_cache_evictions_total",
    "weir_edge_hls_viewers",
    "weir_open_files",
    "weir_pool_current_nodes",
    "weir_pool_desired_nodes",
    "weir_received_bytes_total",
    "weir_recording_blocks_waiting",
    "weir_recording_disk_bytes",
    "weir_recording_disk_full",
    "weir_recording_disk_most_bytes",
    "weir_recording_oldest_seconds",
    "weir_recording_uploaded_bytes_total",
    "weir_recording_uploads_total",
    "weir_relay_pulls",
    "weir_resident_bytes",
    "weir_ring_bytes",
    "weir_sent_bytes_total",
    "weir_skipped_frames",
    "weir_snapshot_decoder_starts_total",
    "weir_snapshot_oldest_seconds",
    "weir_snapshots_total",
    "weir_snapshots_waiting",
    "weir_streams",
    "weir_timestamp_corrections",
    "weir_uptime_seconds",
    "weir_viewers",
];

type FloatGauges = Family<Labels, Gauge<f64, AtomicU64>>;
type FloatCounters = Family<Labels, Counter<f64, AtomicU64>>;

/// `GET /metrics`.
pub(crate) async fn scrape(Extract(state): Extract<State>) -> Response {
    let mut registry = Registry::default();
    let sheet = Sheet::new(&mut registry, &state.node);
    sheet.fill(&state);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

struct Sheet {
    node: String,
    build: Gauges,
    clients: Gauges,
    cluster: ClusterSheet,
    codes: Counters,
    connections: Counters,
    cpu: FloatCounters,
    draining: Gauges,
    edge: EdgeSheet,
    files: Gauges,
    pools: PoolGauges,
    received: Counters,
    resident: Gauges,
    ring: Gauges,
    sent: Counters,
    skipped: Gauges,
    recordings: RecordingSheet,
    snapshots: SnapshotSheet,
    chat: ChatSheet,
    streams: Gauges,
    corrections: Gauges,
    uptime: FloatGauges,
    viewers: Gauges,
}

impl Sheet {
    fn new(registry: &mut Registry, node: &str) -> Self {
        let cluster = ClusterSheet::new(registry);
        let pools = PoolGauges::new(registry);
        let edge = EdgeSheet::new(registry);
        let recordings = RecordingSheet::new(registry);
        let snapshots = SnapshotSheet::new(registry);
        let chat = ChatSheet::new(registry);
        let mut gauge = |name: &str, help: &str| {
            let family = Gauges::default();
            registry.register(name, help, family.clone());
            family
        };
        let build = gauge("weir_build_info", "Always 1; the version is a label");
        let clients = gauge("weir_clients", "Publishers and viewers with a connection");
        let draining = gauge("weir_draining", "1 while the node takes nobody new");
        let files = gauge("weir_open_files", "Open file descriptors");
        let resident = gauge("weir_resident_bytes", "Resident memory of the process");
        let about = "Bytes held in the rings of an app's streams";
        let ring = gauge("weir_ring_bytes", about);
        let skipped = gauge(
            "weir_skipped_frames",
            "Frames that slow viewers of live streams lost",
        );
        let streams = gauge("weir_streams", "Live streams");
        let corrections = gauge(
            "weir_timestamp_corrections",
            "Timestamps corrected in live streams",
        );
        let viewers = gauge("weir_viewers", "Viewers of live streams");
        let mut counter = |name: &str, help: &str| {
            let family = Counters::default();
            registry.register(name, help, family.clone());
            family
        };
        let codes = counter("weir_codes", "Refusals and breaks by code");
        let connections = counter("weir_connections", "Publishers and viewers admitted");
        let received = counter("weir_received_bytes", "Bytes from publishers");
        let sent = counter("weir_sent_bytes", "Bytes to viewers");
        let (cpu, uptime) = (FloatCounters::default(), FloatGauges::default());
        let about = "CPU time of the process, user and system";
        registry.register("weir_cpu_seconds", about, cpu.clone());
        let about = "Since the process started";
        registry.register("weir_uptime_seconds", about, uptime.clone());
        Self {
            node: node.to_owned(),
            build,
            clients,
            cluster,
            codes,
            connections,
            cpu,
            draining,
            edge,
            files,
            pools,
            received,
            resident,
            ring,
            sent,
            skipped,
            recordings,
            snapshots,
            chat,
            streams,
            corrections,
            uptime,
            viewers,
        }
    }

    fn fill(&self, state: &State) {
        let node = self.labels([]);
        self.build
            .get_or_create(&self.labels([("version", state.version.to_owned())]))
            .set(1);
        self.clients
            .get_or_create(&node)
            .set(state.hub.clients().len() as i64);
        self.draining
            .get_or_create(&node)
            .set(i64::from(state.shutdown.is_draining()));
        self.uptime
            .get_or_create(&node)
            .set(state.hub.clock().now_us() as f64 / 1e6);
        self.cluster.fill(state);
        self.pools.fill(&state.node, &state.facts.pools());
        self.edge.fill(state.facts.edge(), &state.node);
        let kept = state.recordings.as_ref();
        let keeping = kept.map(|kept| kept.keeping()).unwrap_or_default();
        let now_ms = state.hub.clock().wall_ms();
        self.recordings.fill(&keeping, now_ms, &state.node);
        let quiet = weir_chat::Tally::default();
        let chat = state.chat.as_ref();
        let chat = chat.map_or((&quiet, 0), |house| (&house.tally, house.groups()));
        self.chat.fill(chat, &state.node);
        self.snapshots.fill(state.snapshots.counted(), &state.node);
        self.fill_counters(state);
        self.fill_streams(state);
        let resident_bytes = i64::try_from(process::own_rss_bytes()).unwrap_or(i64::MAX);
        self.resident.get_or_create(&node).set(resident_bytes);
        let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, |dir| dir.count() as i64);
        self.files.get_or_create(&node).set(open_files);
        self.cpu.get_or_create(&node).inc_by(process::own_cpu_s());
    }

    fn fill_counters(&self, state: &State) {
        let counters = state.hub.counters();
        for (code, protocol, count) in counters.codes() {
            let labels = self.labels([
                ("code", code.number().to_string()),
                ("protocol", protocol.name().to_owned()),
            ]);
            self.codes.get_or_create(&labels).inc_by(count);
        }
        for (protocol, received, sent, connections) in counters.protocols() {
            let labels = self.labels([("protocol", protocol.name().to_owned())]);
            self.received.get_or_create(&labels).inc_by(received);
            self.sent.get_or_create(&labels).inc_by(sent);
            self.connections.get_or_create(&labels).inc_by(connections);
        }
    }

    fn fill_streams(&self, state: &State) {
        let mut apps: BTreeMap<String, ()> = BTreeMap::new();
        for stream in state.hub.streams().iter().filter(|stream| stream.is_live()) {
            let app = stream.name.app();
            let known = apps.contains_key(app);
            let app = if known || apps.len() < MAX_APPS {
                app
            } else {
                "other"
            };
            apps.entry(app.to_owned()).or_default();
            let labels = self.labels([("app", app.to_owned())]);
            self.streams.get_or_create(&labels).inc();
            self.ring
                .get_or_create(&labels)
                .inc_by(stream.ring.bytes() as i64);
            self.skipped
                .get_or_create(&labels)
                .inc_by(stream.skipped_frames() as i64);
            self.corrections
                .get_or_create(&labels)
                .inc_by(stream.stats().corrections as i64);
            for protocol in Protocol::ALL {
                let viewers = stream.viewers(protocol);
                if viewers > 0 {
                    let labels = self.labels([
                        ("app", app.to_owned()),
                        ("protocol", protocol.name().to_owned()),
                    ]);
                    self.viewers
                        .get_or_create(&labels)
                        .inc_by(i64::from(viewers));
                }
            }
        }
    }

    fn labels<const N: usize>(&self, more: [(&'static str, String); N]) -> Labels {
        std::iter::once(("node", self.node.clone()))
            .chain(more)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_in_the_contract() {
        let mut registry = Registry::default();
        let sheet = Sheet::new(&mut registry, "n1");
        let node = sheet.labels([]);
        let Sheet {
            build,
            clients,
            draining,
            files,
            resident,
            ring,
            skipped,
            streams,
            corrections,
            viewers,
            ..
        } = &sheet;
        for gauge in [
            build,
            clients,
            draining,
            files,
            resident,
            ring,
            skipped,
            streams,
            corrections,
            viewers,
        ] {
            gauge.get_or_create(&node).set(1);
        }
        for counter in [
            &sheet.codes,
            &sheet.connections,
            &sheet.received,
            &sheet.sent,
        ] {
            counter.get_or_create(&node).inc();
        }
        sheet.cluster.fill_any();
        let facts = crate::autoscale::tests::facts();
        sheet.pools.fill("n1", &[facts]);
        sheet.edge.fill(crate::edge::EdgeFacts::default(), "n1");
        let tally = weir_snap::TallyNow::default();
        sheet.snapshots.fill(tally, "n1");
        let facts = crate::keeping::KeepingFacts::default();
        sheet.recordings.fill(&facts, 0, "n1");
        sheet.chat.fill((&weir_chat::Tally::default(), 0), "n1");
        sheet.cpu.get_or_create(&node).inc_by(1.0);
        sheet.uptime.get_or_create(&node).set(1.0);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let mut names: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split_once(' '))
            .map(|(name, kind)| {
                if kind == "counter" {
                    format!("{name}_total")
                } else {
                    name.to_owned()
                }
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, METRIC_NAMES);
    }
}
