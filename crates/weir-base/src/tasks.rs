//! Named tasks and threads that are joined, and a shutdown in two stages.
//!
//! Nobody spawns but through here: a task that nobody joins is a task whose failure nobody sees.

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Everything that runs in this process. Clones share one set.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Tasks {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future` in a span named `name`. A panic inside is logged by the runtime's hook and ends
    /// that task alone.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let span = tracing::info_span!("task", name);
        drop(tokio::spawn(
            self.tracker.track_future(future.instrument(span)),
        ));
    }

    /// Runs `body` on a thread of its own, named `name`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn thread<F>(&self, name: String, body: F) -> std::io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        let handle = std::thread::Builder::new().name(name).spawn(body)?;
        self.threads.lock().push(handle);
        Ok(())
    }

    /// Tasks running now.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits until every task and thread has ended. Tell them to stop first.
    pub async fn join(&self) {
        self.tracker.close();
        self.tracker.wait().await;
        let threads = std::mem::take(&mut *self.threads.lock());
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread ended in a panic");
                }
            }
        })
        .await;
    }
}

/// Two-stage shutdown: first drain (no new clients, those here are told), then stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Shutdown {
    /// A process that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stage one. Idempotent.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Stage two; implies stage one. Idempotent.
    pub fn stop(&self) {
        self.drain.cancel();
        self.stop.cancel();
    }

    /// Whether stage one has begun.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether stage two has begun.
    pub fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Resolves when stage one begins.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Resolves when stage two begins.
    pub async fn stopping(&self) {
        self.stop.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn join_waits_for_tasks_and_threads() {
        let tasks = Tasks::new();
        let shutdown = Shutdown::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (s, d) = (seen.clone(), shutdown.clone());
        tasks.spawn("one", async move {
            d.stopping().await;
            s.lock().push("task");
        });
        let s = seen.clone();
        tasks
            .thread("two".into(), move || s.lock().push("thread"))
            .unwrap();
        shutdown.stop();
        tasks.join().await;
        seen.lock().sort_unstable();
        assert_eq!(*seen.lock(), ["task", "thread"]);
        assert!(shutdown.is_draining());
    }
}
