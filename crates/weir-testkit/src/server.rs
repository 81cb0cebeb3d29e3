//! A `weir serve` of a test's own: free ports, its own data directory, gone when the guard is.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Request, Response, get};
use crate::process::{Process, Signal};
use crate::wait::until;

/// Seconds the server may take to start and to do what it is told.
const PATIENCE_S: u64 = 20;

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    binary: PathBuf,
    data: TempDir,
    log: Option<PathBuf>,
    ports: Value,
    token: String,
}

/// What to start it with.
#[derive(Debug)]
pub struct Options {
    binary: PathBuf,
    data: TempDir,
    log: Option<PathBuf>,
    set: Vec<String>,
    file: Option<PathBuf>,
}

impl Options {
    /// On free ports of this machine, everything else as by default.
    pub fn new(binary: &Path) -> Self {
        let data = tempfile::tempdir().expect("a data directory");
        let set = vec![
            "rtmp.listen=127.0.0.1:0".to_owned(),
            "http.listen=127.0.0.1:0".to_owned(),
        ];
        Self {
            binary: binary.to_owned(),
            data,
            log: None,
            set,
            file: None,
        }
    }

    /// Its data in a directory of its own in `folder`, its log in a file that lies elsewhere.
    #[must_use]
    pub fn apart(mut self, folder: &Path, log: &Path) -> Self {
        self.data = tempfile::tempdir_in(folder).expect("a data directory");
        self.log = Some(log.to_owned());
        self
    }

    /// Where it will keep its data; files for it may be put here before.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// `--set` for each.
    #[must_use]
    pub fn set(mut self, settings: &[&str]) -> Self {
        self.set
            .extend(settings.iter().map(|setting| (*setting).to_owned()));
        self
    }

    /// A configuration file with this text, called `weir.toml` in the data directory.
    #[must_use]
    pub fn file(mut self, text: &str) -> Self {
        let path = self.data.path().join("weir.toml");
        std::fs::write(&path, text).unwrap();
        self.file = Some(path);
        self
    }

    /// Starts it and waits until it listens.
    pub fn start(self) -> Server {
        let log = self.log.clone();
        let log = log.unwrap_or_else(|| self.data.path().join("server.log"));
        let mut command = plain(&self.binary);
        command.arg("serve").arg("--data").arg(self.data.path());
        if let Some(file) = &self.file {
            command.arg("--config").arg(file);
        }
        for setting in &self.set {
            command.arg("--set").arg(setting);
        }
        let ports_file = self.data.path().join("ports.json");
        let _ = std::fs::remove_file(&ports_file);
        let mut process = Process::spawn("weir serve", &mut command, &log);
        let text = until("weir serve listens", PATIENCE_S, || {
            assert!(
                process.ended().is_none(),
                "weir serve ended at once:\n{}",
                process.log()
            );
            std::fs::read_to_string(&ports_file).ok()
        });
        let ports = serde_json::from_str(&text).expect("ports.json is JSON");
        let secrets =
            std::fs::read_to_string(self.data.path().join("secrets.toml")).expect("secrets.toml");
        let token = secrets
            .lines()
            .find_map(|line| line.strip_prefix("admin_token = \""))
            .expect("an admin token");
        let token = token.trim_end_matches('"').to_owned();
        Server {
            process,
            binary: self.binary,
            data: self.data,
            log: self.log,
            ports,
            token,
        }
    }
}

impl Server {
    /// `host:port` of the first listener of a kind: `rtmp`, `rtmps`, `http`, `https`.
    pub fn address(&self, kind: &str) -> String {
        self.ports[kind][0]
            .as_str()
            .unwrap_or_else(|| panic!("no {kind} listener: {}", self.ports))
            .to_owned()
    }

    /// `rtmp://…/{name}`.
    pub fn rtmp(&self, name: &str) -> String {
        format!("rtmp://{}/{name}", self.address("rtmp"))
    }

    /// `http://…/{path}`.
    pub fn http(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address("http"))
    }

    /// `ws://…/{path}`.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}/{path}", self.address("http"))
    }

    /// `https://…/{path}`.
    pub fn https(&self, path: &str) -> String {
        format!("https://{}/{path}", self.address("https"))
    }

    /// The directory it keeps its data in.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The admin token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The stream key of `app/stream`, by `weir key`.
    pub fn stream_key(&self, name: &str) -> String {
        let mut command = plain(&self.binary);
        let output = command
            .args(["key", "--bare", "--data"])
            .arg(self.data.path())
            .arg(name)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "weir key: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until its log holds `text`.
    pub fn wait_for_log(&self, text: &str) {
        self.process.wait_for_log(text, PATIENCE_S);
    }

    /// A request to the API with the admin token.
    pub fn api(&self, method: &str, path: &str) -> Response {
        let bearer = format!("Bearer {}", self.token);
        Request::get(&self.http(&format!("api/v1/{path}")))
            .method(method)
            .header("Authorization", &bearer)
            .send()
    }

    /// What the API says of a live stream; `None` when it is not live.
    pub fn stream(&self, name: &str) -> Option<Value> {
        let response = self.api("GET", &format!("streams/{name}"));
        (response.status == 200).then(|| response.json())
    }

    /// Waits until a stream is live and has sent a group of pictures (or a second of sound).
    pub fn wait_live(&self, name: &str) -> Value {
        until(&format!("{name} is live"), PATIENCE_S, || {
            self.stream(name).filter(|stream| {
                let frames = |kind: &str| stream[kind].as_u64().unwrap_or(0);
                frames("video_frames") > 25
                    || (stream["video"].is_null() && frames("audio_frames") > 40)
            })
        })
    }

    /// Waits until a stream is not live any more.
    pub fn wait_gone(&self, name: &str, within_s: u64) {
        until(&format!("{name} is over"), within_s, || {
            self.stream(name).is_none().then_some(())
        });
    }

    /// The clients of this role and protocol.
    pub fn clients(&self, role: &str, protocol: &str) -> Vec<Value> {
        let listed = self.api("GET", "clients").json();
        let all = listed["clients"]
            .as_array()
            .expect("a list of clients")
            .clone();
        all.into_iter()
            .filter(|client| client["role"] == role && client["protocol"] == protocol)
            .collect()
    }

    /// Waits for one client of this role and protocol.
    pub fn wait_client(&self, role: &str, protocol: &str) -> Value {
        until(&format!("a {role} over {protocol}"), PATIENCE_S, || {
            self.clients(role, protocol).pop()
        })
    }

    /// How often a code was counted in `/metrics`, over all protocols.
    pub fn code_count(&self, code: u16) -> f64 {
        let label = format!("code=\"{code}\"");
        let text = get(&self.http("metrics")).text();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("weir_codes_total") && line.contains(&label));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// How often its threads have gone to sleep by themselves.
    pub fn sleeps(&self) -> u64 {
        self.process.sleeps()
    }

    /// Waits for its end.
    pub fn wait_exit(&mut self, within_s: u64) -> ExitStatus {
        self.process.wait(within_s)
    }

    /// Ends it and starts it anew in the same data directory.
    #[must_use]
    pub fn restart(mut self, settings: &[&str]) -> Self {
        self.process.signal(Signal::INT);
        self.process.succeed(PATIENCE_S);
        self.begin_anew(settings)
    }

    /// Ends it, does something with its data directory, and starts it anew there.
    #[must_use]
    pub fn restart_after(mut self, settings: &[&str], between: impl FnOnce(&Path)) -> Self {
        self.process.signal(Signal::INT);
        self.process.succeed(PATIENCE_S);
        between(self.data());
        self.begin_anew(settings)
    }

    /// Kills it and starts it anew in the same data directory.
    #[must_use]
    pub fn restart_killed(mut self, settings: &[&str]) -> Self {
        self.process.signal(Signal::KILL);
        self.process.wait(PATIENCE_S);
        self.begin_anew(settings)
    }

    fn begin_anew(self, settings: &[&str]) -> Self {
        let Self {
            binary, data, log, ..
        } = self;
        let options = Options {
            data,
            log,
            ..Options::new(&binary)
        };
        options.set(settings).start()
    }
}

/// The binary, unmoved by what the caller's environment says of weir.
fn plain(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WEIR_") {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}
