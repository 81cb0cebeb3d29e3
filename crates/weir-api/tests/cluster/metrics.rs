//! `docs/ref/metrics.md` is what a node answers at `/metrics`: each name with its help and its labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use weir_api::METRIC_NAMES;
use weir_base::{Code, StreamName};
use weir_cluster::Role;
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol};

use crate::world::{World, live, record};

const HEAD: &str = "# Metrics

What `GET /metrics` answers, as OpenMetrics text. Each line has the label `node` besides those named here, which
is `node.name`. No label has values that viewers choose: apps beyond the first hundred are `other`, and nothing
is labelled by stream or client. What to watch is in [running weir](../guide/operate.md) and, for a cluster, in
[its guide](../guide/cluster.md). This page is rendered by a test in `weir-api/tests/cluster/metrics.rs`; change
the words where the metrics are registered.

| metric | type | labels | what |
|---|---|---|---|
";

#[derive(Default)]
struct Row {
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// A node on which everything that is counted has happened.
async fn scraped() -> String {
    let roles = [Role::Origin, Role::Edge, Role::Dispatcher];
    let world = World::new(record("n1", &roles, None));
    let request = PublishRequest {
        name: StreamName::new("", "live", "a").unwrap(),
        protocol: Protocol::Rtmp,
        addr: "10.0.0.1:1000".parse().unwrap(),
        grant: Grant::default(),
    };
    let publisher = world.hub.publish(request).unwrap();
    publisher.stream().add_viewers(Protocol::HttpFlv, 1);
    world.hub.counters().code(Code::NotLive, Protocol::HttpFlv);
    world.hub.counters().connected(Protocol::Rtmp);
    world.hub.counters().received(Protocol::Rtmp, 1);
    world.dispatch("play", "10.3.0.1", live()).await;
    world.dispatch("play", "10.3.0.1", json!({})).await;
    world.get("/metrics").await.text
}

/// Name → row. A counter's samples end in `_total`, which its head leaves out.
fn rows(text: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut helps = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            helps.insert(name, help.trim_end_matches('.'));
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' '))
        {
            let ending = if kind == "counter" { "_total" } else { "" };
            let row = rows.entry(format!("{name}{ending}")).or_default();
            kind.clone_into(&mut row.kind);
            row.help = helps.get(name).copied().unwrap_or_default().to_owned();
        } else if let Some((name, rest)) = line.split_once('{') {
            let labels = rest.split_once('}').unwrap().0.split("\",");
            let labels = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            let row = rows.get_mut(name).unwrap();
            row.labels = labels.filter(|label| label != "node").collect();
        }
    }
    rows
}

#[tokio::test]
async fn the_reference_page_is_what_a_node_answers() {
    let rows = rows(&scraped().await);
    let names: Vec<_> = rows.keys().map(String::as_str).collect();
    assert_eq!(names, METRIC_NAMES, "something is not counted here");
    let mut rendered = HEAD.to_owned();
    for (name, Row { kind, help, labels }) in &rows {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        writeln!(rendered, "| `{name}` | {kind} | {labels} | {help} |").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ref/metrics.md");
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(path, &rendered).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        page, rendered,
        "run the test again with WEIR_BLESS=1 to write {path}"
    );
}
