//! What the scenarios share: this build's clusters, this build's sources, a publisher in one line.

use std::path::{Path, PathBuf};

use weir_testkit::cluster::{Cluster, Node};
use weir_testkit::media::{self, Library, Source};
use weir_testkit::process::Process;
use weir_testkit::server::Server;

/// The binary under test; `WEIR_BIN` names another one.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("WEIR_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_weir")), PathBuf::from)
}

/// The file of a source.
pub(crate) fn file_of(source: &Source) -> PathBuf {
    Library::new(Path::new(env!("CARGO_TARGET_TMPDIR"))).file(source)
}

/// A cluster with Redis.
pub(crate) fn cluster(nodes: Vec<Node>) -> Cluster {
    Cluster::start(&binary(), nodes)
}

/// An origin, two edges in two regions, and an edge below the second.
pub(crate) fn two_regions() -> Cluster {
    let b = Node::edge("b").region("ap");
    let c = Node::edge("c").region("ap").below(&b);
    cluster(vec![
        Node::origin("o").region("eu"),
        Node::edge("a").region("eu"),
        b,
        c,
    ])
}

/// A log file in the server's data directory.
pub(crate) fn log_of(server: &Server, name: &str) -> PathBuf {
    server
        .data()
        .join(format!("{}.log", name.replace('/', "-")))
}

/// Publishes a source over RTMP for ever, without waiting for it to be live.
pub(crate) fn begin(server: &Server, source: &Source, name: &str) -> Process {
    let log = log_of(server, name);
    let file = file_of(source);
    let again = ["-stream_loop", "-1"];
    media::publish_with(source.ffmpeg(), &file, &server.rtmp(name), &again, &log)
}

/// The same, and waits until it is live at this node.
pub(crate) fn publish(server: &Server, source: &Source, name: &str) -> Process {
    let process = begin(server, source, name);
    server.wait_live(name);
    process
}

/// Says what was measured: the numbers of `docs/` come from here (`--nocapture`).
pub(crate) fn measured(what: &str, value: f64, unit: &str) {
    eprintln!("measured: {what}: {value:.0} {unit}");
}

/// Ends the test early, with words, where a tool is missing.
macro_rules! need {
    ($($tool:ident),+) => {
        if !weir_testkit::tools::have(&[$(weir_testkit::tools::Tool::$tool),+]) {
            return;
        }
    };
}
pub(crate) use need;
