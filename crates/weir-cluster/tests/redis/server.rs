//! Servers of a test's own, on free ports, that forget everything when they go.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use weir_base::Clock;
use weir_cluster::Name;
use weir_cluster::redis::Redis;
use weir_cluster::store::Store;

pub(crate) const TTL_MS: i64 = 6_000;
pub(crate) const PASSWORD: &str = "geheim";

/// One server.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) port: u16,
    dir: tempfile::TempDir,
    args: Vec<String>,
}

impl Server {
    /// With a password; `None` where there is none to run.
    pub(crate) fn start() -> Option<Self> {
        Self::with(&["--requirepass", PASSWORD])
    }

    /// With these arguments besides where it listens.
    pub(crate) fn with(args: &[&str]) -> Option<Self> {
        let port = free_port();
        let at = ["--port".to_owned(), port.to_string()];
        let args = args.iter().map(|arg| (*arg).to_owned());
        Self::run_with(port, at.into_iter().chain(args).collect())
    }

    /// With all of its arguments.
    pub(crate) fn run_with(port: u16, args: Vec<String>) -> Option<Self> {
        if program("redis-server").is_none() {
            let required = std::env::var("WEIR_REQUIRE_TOOLS").is_ok_and(|value| value == "1");
            assert!(!required, "missing: redis-server");
            eprintln!("passed over, missing: redis-server");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut server = Self {
            child: None,
            port,
            dir,
            args,
        };
        server.restart();
        Some(server)
    }

    /// Starts it again; it has forgotten everything.
    pub(crate) fn restart(&mut self) {
        let mut command = Command::new(program("redis-server").unwrap());
        command.args(&self.args);
        if !self.args.iter().any(|arg| arg == "--sentinel") {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command.args(["--repl-diskless-sync-delay", "0"]);
        }
        let child = command.current_dir(self.dir.path()).stdout(Stdio::null());
        self.child = Some(child.spawn().unwrap());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It hangs: connections are still taken, by the kernel, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    pub(crate) fn redis(&self, ttl_ms: i64) -> Redis {
        redis(&self.url(), ttl_ms)
    }

    pub(crate) async fn ready(&self) {
        ready(&self.url()).await;
    }

    /// What `redis-cli` says to a command.
    pub(crate) fn cli(&self, words: &[&str]) -> String {
        let mut command = Command::new(program("redis-cli").unwrap());
        command.args(["-p", &self.port.to_string()]);
        let command = command.env("REDISCLI_AUTH", PASSWORD).args(words);
        let output = command.stderr(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn redis(url: &str, ttl_ms: i64) -> Redis {
    let cluster = Name::new("test").unwrap();
    Redis::new(url, &cluster, ttl_ms, 10_000, Clock::real()).unwrap()
}

/// Waits until it answers.
pub(crate) async fn ready(url: &str) {
    let redis = redis(url, TTL_MS);
    for _ in 0..400 {
        if redis.everything().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come up: {redis:?}");
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// `WEIR_REDIS_SERVER` names another one, such as `valkey-server`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let named = (name == "redis-server").then(|| std::env::var_os("WEIR_REDIS_SERVER"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(name));
    let named = named.flatten().map(PathBuf::from);
    named.or_else(|| found.find(|file| file.is_file()))
}
