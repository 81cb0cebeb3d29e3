//! Nodes as children of this process: the whole loop on one machine.
//!
//! A child holds the reading end of a pipe whose writing end is here. When this process goes, however
//! it goes, the pipe closes and the child drains and ends ([`end_with_parent`]).

mod launch;

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, getpid, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{Notify, watch};
use weir_base::{Shutdown, Tasks};
use weir_cluster::Name;

use super::{Acting, Provider};
use crate::audit::Audit;
use crate::order::{Done, Failure, Order};
use crate::plan::Note;

pub(crate) use launch::Launch;
pub use launch::{ChildNode, child_settings};

/// What nodes of this kind are called, whoever started them.
const PREFIX: &str = "auto-";
/// Set for children: their standard input is the pipe to their parent.
pub(super) const TIED: &str = "WEIR_TIED";
/// Orders whose outcome is remembered, for when they come again.
const REMEMBERED: usize = 64;

/// Children of this process, each a whole node. Clones share them.
pub(crate) struct Process(Arc<Inner>);

struct Inner {
    launch: Launch,
    /// How long a child may take to end when it is told to.
    end_timeout: Duration,
    tasks: Tasks,
    shutdown: Shutdown,
    audit: Audit,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the pair of ports they have.
    children: BTreeMap<u16, Running>,
    done: VecDeque<(String, Done)>,
}

#[derive(Clone)]
struct Running {
    node: Name,
    stop: Arc<Notify>,
    /// Its sender goes when the child has ended.
    ended: watch::Receiver<()>,
}

impl Process {
    /// That starts children by `launch`, and kills one that takes longer than `end_timeout` to end.
    pub(crate) fn new(
        launch: Launch,
        end_timeout: Duration,
        audit: Audit,
        tasks: &Tasks,
        shutdown: &Shutdown,
    ) -> Self {
        Self(Arc::new(Inner {
            launch,
            end_timeout,
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
            audit,
            state: Mutex::default(),
        }))
    }

    fn start_all(&self, order: &Order) -> Result<Done, Failure> {
        let known = |state: &State| {
            let same = state.done.iter().find(|(id, _)| *id == order.id);
            same.map(|(_, done)| done.clone())
        };
        if let Some(done) = known(&self.0.state.lock()) {
            return Ok(done);
        }
        let mut names = Vec::new();
        let mut trouble = String::new();
        for _ in 0..order.count {
            match Inner::start(&self.0, order) {
                Ok(name) => names.push(name.to_string()),
                Err(error) => {
                    trouble = format!("{error:#}");
                    break;
                }
            }
        }
        if names.is_empty() {
            return Err(Failure::passing(trouble));
        }
        let done = Done {
            started: Some(u32::try_from(names.len()).unwrap_or(u32::MAX)),
            note: format!("{} {trouble}", names.join(" ")).trim().to_owned(),
        };
        let mut state = self.0.state.lock();
        if state.done.len() >= REMEMBERED {
            state.done.pop_front();
        }
        state.done.push_back((order.id.clone(), done.clone()));
        Ok(done)
    }

    async fn stop(&self, node: Option<&Name>) -> Done {
        let child = node.and_then(|node| self.0.child(node));
        let Some(mut child) = child else {
            // It has ended, or another node is its parent, who sees it empty as we do.
            return Done {
                started: None,
                note: "no child of this node".into(),
            };
        };
        child.stop.notify_one();
        let _ = child.ended.changed().await;
        Done::default()
    }
}

impl Provider for Process {
    fn grow<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(async { self.start_all(order) })
    }

    fn shrink<'a>(&'a self, order: &'a Order) -> Acting<'a> {
        Box::pin(async { Ok(self.stop(order.node.as_ref()).await) })
    }

    fn may_remove(&self, node: &Name) -> bool {
        node.as_str().starts_with(PREFIX)
    }

    fn tend(&self, empty: &[Name]) {
        for node in empty {
            if let Some(child) = self.0.child(node) {
                child.stop.notify_one();
            }
        }
    }
}

impl Inner {
    fn start(self: &Arc<Self>, order: &Order) -> anyhow::Result<Name> {
        let mut state = self.state.lock();
        let (slot, node) = self
            .launch
            .free_slot(|slot| state.children.contains_key(&slot))?;
        let mut child = self.launch.spawn(slot, &node, order)?;
        let stdin = child.stdin.take();
        let stop = Arc::new(Notify::new());
        let (alive, ended) = watch::channel(());
        let running = Running {
            node: node.clone(),
            stop: stop.clone(),
            ended,
        };
        state.children.insert(slot, running);
        let (inner, name) = (self.clone(), node.clone());
        self.tasks.spawn("scaler-child", async move {
            if let Some(end) = inner.watch(child, stdin, &stop).await {
                inner.state.lock().children.remove(&slot);
                inner.note(name, end);
            }
            drop(alive);
        });
        Ok(node)
    }

    /// How a child ended; `None` when this process ends first.
    async fn watch(
        &self,
        mut child: Child,
        pipe: Option<ChildStdin>,
        stop: &Notify,
    ) -> Option<(&'static str, String)> {
        let end = tokio::select! {
            status = child.wait() => ("died", words(status)),
            () = stop.notified() => ("stopped", self.end(&mut child).await),
            () = self.shutdown.stopping() => {
                // It drains by itself now.
                drop(pipe);
                return None;
            }
        };
        drop(pipe);
        Some(end)
    }

    /// Asks first.
    async fn end(&self, child: &mut Child) -> String {
        signal(child, Signal::TERM);
        match tokio::time::timeout(self.end_timeout, child.wait()).await {
            Ok(status) => words(status),
            Err(_) => {
                signal(child, Signal::KILL);
                let _ = child.wait().await;
                format!(
                    "killed: it took longer than {} ms",
                    self.end_timeout.as_millis()
                )
            }
        }
    }

    fn child(&self, node: &Name) -> Option<Running> {
        let state = self.state.lock();
        let mut children = state.children.values();
        children.find(|child| child.node == *node).cloned()
    }

    fn note(&self, node: Name, (what, result): (&'static str, String)) {
        self.audit.write(&Note {
            pool: String::new(),
            what,
            order: String::new(),
            node: Some(node),
            why: "a child of this process".into(),
            result,
        });
    }
}

fn words(status: std::io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Only to a child that was not reaped, so that its number is still its own.
fn signal(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// For a process that was started as a child by [`Process`]: when its parent goes it is told to drain
/// and end, as by SIGTERM. Does nothing in any other process.
pub fn end_with_parent(tasks: &Tasks, shutdown: &Shutdown) {
    if std::env::var_os(TIED).is_none() {
        return;
    }
    let pipe = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .and_then(tokio::net::unix::pipe::Receiver::from_owned_fd);
    let mut pipe = match pipe {
        Ok(pipe) => pipe,
        Err(error) => {
            tracing::warn!(%error, "{TIED} is set but standard input is no pipe: the parent's end will not be seen");
            return;
        }
    };
    let shutdown = shutdown.clone();
    tasks.spawn("parent", async move {
        let mut nothing = [0; 64];
        let gone = async { while matches!(pipe.read(&mut nothing).await, Ok(1..)) {} };
        tokio::select! {
            () = gone => {
                tracing::warn!("the process that started this one is gone: draining");
                let _ = kill_process(getpid(), Signal::TERM);
            }
            () = shutdown.draining() => {}
        }
    });
}

#[cfg(test)]
mod tests;
