//! A child process that dies with its guard, and only it: never anything by name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, kill_process};

pub use rustix::process::Signal;

use crate::wait::until;

/// Lines of its log shown when the test panics.
const SHOWN_LINES: usize = 60;

/// A running child whose output goes into a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`, standard output and error into the file `log`.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::create(log).expect("the log can be written");
        let command = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            ended: None,
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until its log holds `text`.
    pub fn wait_for_log(&self, text: &str, within_s: u64) {
        until(&format!("{} says {text:?}", self.name), within_s, || {
            self.log().contains(text).then_some(())
        });
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How often its threads have gone to sleep by themselves since they began.
    pub fn sleeps(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.child.id());
        let tasks =
            std::fs::read_dir(tasks).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let of_one = |task: std::io::Result<std::fs::DirEntry>| {
            // A thread may end meanwhile.
            let status = std::fs::read_to_string(task.ok()?.path().join("status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line?.trim().parse::<u64>().ok()
        };
        tasks.filter_map(of_one).sum()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal)
            .unwrap_or_else(|error| panic!("{} cannot be signalled: {error}", self.name));
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.ended = self.ended.or_else(|| self.child.try_wait().unwrap());
        self.ended
    }

    /// Waits for its end.
    pub fn wait(&mut self, within_s: u64) -> ExitStatus {
        let what = format!("{} ends", self.name);
        until(&what, within_s, || self.ended())
    }

    /// Waits for its end, which has to be a good one.
    pub fn succeed(&mut self, within_s: u64) {
        let status = self.wait(within_s);
        assert!(
            status.success(),
            "{} failed ({status}):\n{}",
            self.name,
            self.log()
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
            eprintln!("--- {} said:\n{shown}\n---", self.name);
        }
    }
}
