//! One child process: started on a leash, its log lines shown with its name before them.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use weir_base::Tasks;

/// How to start it, as often as is wanted.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// What the console and the prefix of its output call it.
    pub(super) name: &'static str,
    /// A path, or a name to be looked up in `PATH`.
    pub(super) program: OsString,
    /// Its arguments.
    pub(super) args: Vec<OsString>,
    /// Variables it is given besides ours.
    pub(super) environment: Vec<(&'static str, String)>,
    /// Whether its standard output is worth showing.
    pub(super) shows_output: bool,
}

/// A child that runs, or ran.
#[derive(Debug)]
pub(super) struct Child {
    recipe: Recipe,
    /// Before each of its lines.
    prefix: String,
    process: Option<tokio::process::Child>,
}

impl Child {
    /// One that does not run yet; `colour` is an ANSI colour number, where colours are wanted.
    pub(super) fn new(recipe: Recipe, width: usize, colour: Option<u8>) -> Self {
        let name = recipe.name;
        let prefix = match colour {
            Some(colour) => format!("\x1b[{colour}m{name:<width$} │\x1b[0m "),
            None => format!("{name:<width$} │ "),
        };
        Self {
            recipe,
            prefix,
            process: None,
        }
    }

    /// What the console calls it.
    pub(super) fn name(&self) -> &'static str {
        self.recipe.name
    }

    /// Its process id while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(tokio::process::Child::id)
    }

    /// Starts it. Only to be called on the main thread: the leash holds while that thread lives.
    pub(super) fn start(&mut self, leash: &Path, tasks: &Tasks) -> anyhow::Result<()> {
        let recipe = &self.recipe;
        let mut command = Command::new(leash);
        command
            .args(["dev", "leash"])
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(&recipe.program)
            .args(&recipe.args)
            .envs(recipe.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(if recipe.shows_output {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for this process alone, which then stops them in order.
            .process_group(0);
        for (key, _) in std::env::vars_os() {
            if is_setting(&key.to_string_lossy()) {
                command.env_remove(key);
            }
        }
        let mut process = command
            .spawn()
            .with_context(|| format!("cannot start {}", recipe.name))?;
        if let Some(output) = process.stdout.take() {
            tasks.spawn("log of a child", show(output, self.prefix.clone()));
        }
        if let Some(errors) = process.stderr.take() {
            tasks.spawn("log of a child", show(errors, self.prefix.clone()));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Sends a signal, if it runs.
    pub(super) fn signal(&self, signal: Signal) -> bool {
        let pid = self
            .pid()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// How it ended, said once.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.process.as_mut()?.try_wait().ok().flatten()?;
        self.process = None;
        Some(status)
    }

    /// Says something in its name.
    pub(super) fn say(&self, text: &str) {
        eprintln!("{}{text}", self.prefix);
    }
}

/// A variable that would set the same key on every node, or the file they all read.
fn is_setting(name: &str) -> bool {
    name.strip_prefix("WEIR_")
        .is_some_and(|key| key.contains("__") || matches!(key, "CONFIG" | "DATA"))
}

async fn show(from: impl AsyncRead + Unpin, prefix: String) {
    let mut lines = BufReader::new(from).lines();
    // A line that is no text ends the showing, not the child: what it writes is read on.
    loop {
        match lines.next_line().await {
            Ok(Some(line)) => eprintln!("{prefix}{line}"),
            Ok(None) => return,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_set_keys_are_not_handed_on() {
        assert!(is_setting("WEIR_RTMP__LISTEN") && is_setting("WEIR_CONFIG"));
        assert!(!is_setting("WEIR_LOG") && !is_setting("PATH"));
    }
}
