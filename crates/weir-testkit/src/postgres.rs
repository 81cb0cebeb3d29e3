//! A PostgreSQL of the tests' own on a port of its own: shared by the tests that run at the same time, each in
//! a database of its own; or one that a test kills, stops and starts as it likes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::ports;
use crate::process::{Process, Signal};
use crate::tools::Tool;
use crate::wait::until;

/// Seconds it may take to start.
const PATIENCE_S: u64 = 60;
/// It refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";
/// What a test needs not: that a commit outlives the machine.
const SETTINGS: [&str; 4] = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
];

/// A running server, or one that was killed.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    port: u16,
    dir: TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// The one that tests share: it ends with the last of them.
    ///
    /// # Panics
    /// When it does not start.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// A new one with nothing in it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        // The user it runs as has to come in.
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let mut initdb = as_user(&program("initdb"));
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            USER,
        ]);
        initdb.arg("--pgdata").arg(dir.path().join("data"));
        let made = initdb
            .current_dir(dir.path())
            .output()
            .expect("initdb runs");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut server = Self {
            process: None,
            port: ports::reserve(),
            dir,
            databases: AtomicU32::new(0),
        };
        server.restart();
        server
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes an empty database, and says its URL.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(program("createdb"));
        command.args(["--host", "127.0.0.1", "--port", &self.port.to_string()]);
        let made = command.args(["--username", USER, &name]).output();
        let made = made.expect("createdb runs");
        assert!(
            made.status.success(),
            "createdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        self.url(&name)
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", self.address())
    }

    /// Ends it at once, as a machine that loses its power does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::QUIT);
            process.wait(PATIENCE_S);
        }
    }

    /// Starts it again at the same address, with what it had.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = as_user(&program("postgres"));
        command.arg("-D").arg(self.dir.path().join("data"));
        command.args(["-p", &self.port.to_string(), "-h", "127.0.0.1"]);
        command.arg("-k").arg(self.dir.path());
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.current_dir(self.dir.path());
        let log = self.dir.path().join("postgres.log");
        self.process = Some(Process::spawn("postgres", &mut command, &log));
        until("postgres answers", PATIENCE_S, || {
            let mut ready = Command::new(program("pg_isready"));
            ready.args([
                "--quiet",
                "--host",
                "127.0.0.1",
                "--port",
                &self.port.to_string(),
            ]);
            ready
                .status()
                .expect("pg_isready runs")
                .success()
                .then_some(())
        });
    }

    /// Lets it stand still: it keeps its connections and answers nothing.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pause(&self) {
        self.each_process(Signal::STOP);
    }

    /// The end of [`Self::pause`].
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self) {
        self.each_process(Signal::CONT);
    }

    /// The server's processes: one for each connection, and some of its own.
    fn each_process(&self, signal: Signal) {
        let main = self.process.as_ref().expect("it runs").id();
        let children = format!("/proc/{main}/task/{main}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        for id in children.chain([i32::try_from(main).unwrap()]) {
            if let Some(pid) = rustix::process::Pid::from_raw(id) {
                // One that has ended meanwhile needs no signal.
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The processes that it started end with it only if it is told, not killed.
        self.kill();
        // What the other user wrote goes with that user's rights.
        let mut remove = as_user(Path::new("rm"));
        let _ = remove.arg("-rf").arg(self.dir.path().join("data")).status();
    }
}

/// A program of the server's.
fn program(name: &str) -> PathBuf {
    let server = Tool::Postgres.path().expect("PostgreSQL is not there");
    // What is in PATH may be a link to where all of them are.
    let server = server.canonicalize().expect("the link leads somewhere");
    server.with_file_name(name)
}

/// A command that runs `program` as the server's user, where this process may choose.
fn as_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]);
    command.arg(program);
    command
}
