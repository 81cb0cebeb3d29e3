//! What the scenarios share: this build's server, this build's sources, a publisher in one line.

use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_testkit::media::{self, Library, Source};
use weir_testkit::process::Process;
use weir_testkit::server::{Options, Server};

/// The binary under test; `WEIR_BIN` names another one.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("WEIR_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_weir")), PathBuf::from)
}

/// Options for a server that lets anybody publish.
pub(crate) fn open_options() -> Options {
    Options::new(&binary()).set(&["auth.publish=open"])
}

/// A server that lets anybody publish.
pub(crate) fn open_server() -> Server {
    open_options().start()
}

/// The folder of this build's test files.
pub(crate) fn build_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The file of a source.
pub(crate) fn file_of(source: &Source) -> PathBuf {
    Library::new(build_dir()).file(source)
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap_or_default()
}

/// A log file in the server's data directory.
pub(crate) fn log_of(server: &Server, name: &str) -> PathBuf {
    server
        .data()
        .join(format!("{}.log", name.replace('/', "-")))
}

/// Publishes a source without waiting for it to be live.
pub(crate) fn begin(server: &Server, source: &Source, name: &str) -> Process {
    begin_at(server, source, &server.rtmp(name), name)
}

/// Publishes a source to another address of the server.
pub(crate) fn begin_at(server: &Server, source: &Source, url: &str, log: &str) -> Process {
    media::publish(source.ffmpeg(), &file_of(source), url, &log_of(server, log))
}

/// Publishes a source and waits until it is live.
pub(crate) fn publish(server: &Server, source: &Source, name: &str) -> Process {
    let process = begin(server, source, name);
    server.wait_live(name);
    process
}

/// The first event of this type about a stream. The log is written behind what it tells of, so it is waited for.
pub(crate) fn told_of(server: &Server, kind: &str, stream: &str) -> Value {
    let path = format!("events?types={kind}&stream={stream}&wait=15");
    server.api("GET", &path).json()["events"][0].clone()
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
