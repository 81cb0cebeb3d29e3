//! The children together: started in order, watched, ordered about, ended in order.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use rustix::process::Signal;
use weir_base::Tasks;

use super::child::Child;
use super::console::{self, ConsoleCommand, Deed, HELP};
use super::plan;
use super::recipes::REDIS;

/// How often the children are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks until a child has to listen: 20 s, on a machine that is busy.
const START_LOOKS: u32 = 200;
/// Looks until a child that was asked to end is ended: 5 s.
const END_LOOKS: u32 = 50;

/// All children.
pub(super) struct Family {
    /// They, in the order in which they are started.
    pub(super) children: Vec<Child>,
    /// This program, which becomes them.
    pub(super) leash: PathBuf,
    /// Where their logs are read.
    pub(super) tasks: Tasks,
    /// Where their folders are.
    pub(super) data: PathBuf,
    /// The port of a Redis that is among them.
    pub(super) redis_port: Option<u16>,
}

impl Family {
    /// Redis first, then all nodes, each until it listens.
    pub(super) async fn start_all(&mut self) -> anyhow::Result<()> {
        let (redis, nodes): (Vec<usize>, Vec<usize>) =
            (0..self.children.len()).partition(|at| self.is_redis(*at));
        for group in [redis, nodes] {
            for at in &group {
                self.start(*at)?;
            }
            self.wait_until_all_listen(&group).await?;
        }
        Ok(())
    }

    fn is_redis(&self, at: usize) -> bool {
        self.children
            .get(at)
            .is_some_and(|child| child.name() == REDIS)
    }

    fn start(&mut self, at: usize) -> anyhow::Result<()> {
        let Some(child) = self.children.get_mut(at) else {
            return Ok(());
        };
        // Written by the node when it listens.
        let _ = std::fs::remove_file(ports_file(&self.data, child.name()));
        child.start(&self.leash, &self.tasks)
    }

    async fn wait_until_all_listen(&mut self, group: &[usize]) -> anyhow::Result<()> {
        for _ in 0..START_LOOKS {
            let mut waiting = 0;
            for at in group {
                let listens = self.listens(*at);
                let Some(child) = self.children.get_mut(*at) else {
                    continue;
                };
                if let Some(status) = child.ended() {
                    bail!(
                        "{} ended while starting ({status}): its lines above say why",
                        child.name()
                    );
                }
                waiting += usize::from(!listens);
            }
            if waiting == 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        bail!(
            "not everybody listens after {} s",
            LOOK_EVERY.as_secs_f64() * f64::from(START_LOOKS)
        )
    }

    fn listens(&self, at: usize) -> bool {
        match self.children.get(at) {
            Some(child) if child.name() == REDIS => self
                .redis_port
                .is_some_and(|port| TcpStream::connect((plan::HOST, port)).is_ok()),
            Some(child) => ports_file(&self.data, child.name()).exists(),
            None => true,
        }
    }

    /// Says who has ended, once.
    pub(super) fn look(&mut self) {
        for child in &mut self.children {
            if let Some(status) = child.ended() {
                child.say(&format!(
                    "ENDED ({status}). The others go on; `start {}` starts it again",
                    child.name()
                ));
            }
        }
    }

    /// Does what was typed; whether that was to end everything.
    pub(super) fn obey(&mut self, line: &str) -> bool {
        match console::read(line) {
            Ok(ConsoleCommand::Nothing) => {}
            Ok(ConsoleCommand::Help) => eprintln!("{HELP}"),
            Ok(ConsoleCommand::Quit) => return true,
            Ok(ConsoleCommand::List) => {
                for child in &self.children {
                    match child.pid() {
                        Some(pid) => child.say(&format!("runs, process {pid}")),
                        None => child.say("does not run"),
                    }
                }
            }
            Ok(ConsoleCommand::Do(deed, name)) => self.apply(deed, &name),
            Err(words) => eprintln!("{words}"),
        }
        false
    }

    fn apply(&mut self, deed: Deed, name: &str) {
        let Some(at) = self.children.iter().position(|child| child.name() == name) else {
            let names: Vec<&str> = self.children.iter().map(Child::name).collect();
            eprintln!("{name:?} is none of {}", names.join(", "));
            return;
        };
        let signal = match deed {
            Deed::Kill => Signal::KILL,
            Deed::Stop => Signal::TERM,
            Deed::Pause => Signal::STOP,
            Deed::Resume => Signal::CONT,
            Deed::Start => {
                self.start_again(at);
                return;
            }
        };
        if let Some(child) = self.children.get(at)
            && !child.signal(signal)
        {
            child.say("does not run");
        }
    }

    fn start_again(&mut self, at: usize) {
        self.look();
        let Some(child) = self.children.get(at) else {
            return;
        };
        if child.pid().is_some() {
            child.say("runs already");
        } else if let Err(error) = self.start(at) {
            eprintln!("{error:#}");
        }
    }

    /// Nodes first, with their goodbyes; then Redis. Who does not end in time is killed.
    pub(super) async fn end(&mut self) {
        for redis in [false, true] {
            let group: Vec<usize> = (0..self.children.len())
                .filter(|at| self.is_redis(*at) == redis)
                .collect();
            for child in group.iter().filter_map(|at| self.children.get(*at)) {
                // A paused one hears nothing.
                child.signal(Signal::CONT);
                child.signal(Signal::INT);
            }
            for _ in 0..END_LOOKS {
                let runs = |at: &usize| {
                    self.children.get_mut(*at).is_some_and(|child| {
                        child.ended();
                        child.pid().is_some()
                    })
                };
                if group.iter().map(runs).filter(|runs| *runs).count() == 0 {
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        self.kill();
    }

    pub(super) fn kill(&mut self) {
        for child in &mut self.children {
            child.ended();
            if child.signal(Signal::KILL) {
                child.say("did not end and was killed");
            }
        }
    }
}

fn ports_file(data: &Path, name: &str) -> PathBuf {
    data.join(name).join("ports.json")
}
