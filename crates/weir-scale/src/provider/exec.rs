//! Orders to a command: JSON on its standard input, an answer on its standard output.
//!
//! Exit status 0 means done; 65 (bad data) and 78 (bad configuration), as in `sysexits.h`, that trying
//! again is no use; any other that it may be.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{Acting, Provider, done, short};
use crate::order::{Done, Failure, Order};

/// Bytes of an answer, and of what is said on standard error, that are read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Statuses after which the same order is not tried again.
const LASTING: [i32; 2] = [65, 78];

/// A program that is started for each order; JSON on its standard input and output.
pub(crate) struct Exec {
    argv: Vec<String>,
    answer_timeout: Duration,
}

impl Exec {
    /// That runs `argv`, the program first, for at most `answer_timeout`.
    pub(crate) fn new(argv: Vec<String>, answer_timeout: Duration) -> Self {
        Self {
            argv,
            answer_timeout,
        }
    }

    async fn run(&self, order: &Order) -> Result<Done, Failure> {
        let order =
            serde_json::to_string(order).map_err(|error| Failure::lasting(error.to_string()))?;
        let (program, args) = self
            .argv
            .split_first()
            .ok_or_else(|| Failure::lasting("scale.exec is empty"))?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what it started ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::passing(format!("cannot run {program}: {error}")))?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let ended = tokio::time::timeout(self.answer_timeout, talk(&mut child, &order)).await;
        let Ok(ended) = ended else {
            // Not reaped yet, so the group is still this child's.
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait().await;
            let limit_ms = self.answer_timeout.as_millis();
            return Err(Failure::passing(format!(
                "{program} took longer than {limit_ms} ms and was killed"
            )));
        };
        let (status, answer, complaint) =
            ended.map_err(|error| Failure::passing(format!("{program}: {error}")))?;
        if status.success() {
            return Ok(done(&answer));
        }
        let said = short(&String::from_utf8_lossy(&complaint));
        let words = format!("{program}: {status}: {said}");
        Err(match status.code() {
            Some(code) if LASTING.contains(&code) => Failure::lasting(words),
            _ => Failure::passing(words),
        })
    }
}

impl Provider for Exec {
    fn grow<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(self.run(order))
    }

    fn shrink<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(self.run(order))
    }
}

/// Writes, reads and waits at once: whoever waits for one while the other waits for the second stands
/// still for ever.
async fn talk(
    child: &mut Child,
    order: &str,
) -> std::io::Result<(std::process::ExitStatus, Vec<u8>, Vec<u8>)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // Who does not read it has decided without.
            let _ = stdin.write_all(order.as_bytes()).await;
        }
    };
    let ((), answer, complaint) = tokio::join!(write, read(stdout), read(stderr));
    Ok((child.wait().await?, answer?, complaint?))
}

/// The first 64 KiB; the rest is read too, or the writer would stand still.
async fn read<R: AsyncRead + Unpin>(from: Option<R>) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(mut from) = from {
        (&mut from)
            .take(MAX_ANSWER_BYTES)
            .read_to_end(&mut all)
            .await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::order;

    async fn sh(script: &str, timeout_ms: u64) -> Result<Done, Failure> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let exec = Exec::new(argv, Duration::from_millis(timeout_ms));
        exec.grow(&order()).await
    }

    #[tokio::test]
    async fn the_command_reads_the_order_and_answers() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("order");
        let script = format!(
            "cat > {}; echo '{{\"started\": 1, \"note\": \"one\"}}'",
            file.display()
        );
        let outcome = sh(&script, 10_000).await;
        assert_eq!(
            outcome,
            Ok(Done {
                started: Some(1),
                note: "one".into()
            })
        );
        let read = std::fs::read_to_string(file).unwrap();
        assert_eq!(read, serde_json::to_string(&order()).unwrap());
    }

    #[tokio::test]
    async fn one_that_says_nothing_has_done_all_and_one_that_floods_is_heard_out() {
        assert_eq!(sh("cat >/dev/null", 10_000).await, Ok(Done::default()));
        assert_eq!(
            sh("head -c 1000000 /dev/zero", 10_000).await,
            Ok(Done::default())
        );
    }

    #[tokio::test]
    async fn its_status_says_whether_to_try_again() {
        let failed = sh("echo no room >&2; exit 3", 10_000).await.unwrap_err();
        assert!(
            failed.again && failed.words.contains("no room"),
            "{failed:?}"
        );
        assert!(!sh("exit 78", 10_000).await.unwrap_err().again);
        let exec = Exec::new(vec!["/no/such/program".into()], Duration::from_secs(1));
        assert!(exec.grow(&order()).await.unwrap_err().again);
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed_with_all_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let failed = sh(&script, 500).await.unwrap_err();
        assert!(
            failed.again && failed.words.contains("killed"),
            "{failed:?}"
        );
        let pid: i32 = std::fs::read_to_string(file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let grandchild = Pid::from_raw(pid).unwrap();
        for _ in 0..100 {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let is_there = rustix::process::test_kill_process(grandchild).is_ok();
            if !is_there || stat.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the grandchild {pid} still runs");
    }
}
