//! The scaler: the clock, the lease `#scaler`, the provider and the log around the plan.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use weir_base::{Clock, Shutdown, Tasks};
use weir_cluster::drain::safe_to_terminate;
use weir_cluster::fill::Cost;
use weir_cluster::lease::Phase;
use weir_cluster::run::Cluster;
use weir_cluster::scale::{Decision, Policy};
use weir_cluster::view::Node;
use weir_cluster::{LeaseKey, Member, Name, Role, View};

use crate::audit::Audit;
use crate::config::{ProviderKind, Scale};
use crate::drain::{self, Authorize};
use crate::plan::{Act, Look, Outcome, Planner};
use crate::provider::Provider;
use crate::provider::exec::Exec;
use crate::provider::process::{Launch, Process};
use crate::provider::webhook::Webhook;

/// The lease of the one who acts.
const OFFICE: &str = "#scaler";
/// Between two tries to get it, microseconds: under its term, so that an office is not long vacant.
const CLAIM_US: i64 = 5_000_000;
/// The longest between two looks at the lease, milliseconds.
const LOOK_MS: i64 = 1_000;
/// Reports of acts that were not read yet; each pool has two acts under way at most.
const REPORTS: usize = 256;
/// What a child may take to end beyond its own drain, milliseconds.
const CHILD_GRACE_MS: u64 = 10_000;

/// What was placed on a pool's nodes and does not show in their load yet. Called while the member is
/// locked: it must not ask the cluster.
pub type Pending = Box<dyn Fn(&View, &Policy) -> Cost + Send + Sync>;

/// What a pool should have, by what this node believes.
#[derive(Debug, Clone)]
pub struct PoolState {
    /// The pool's name in the configuration.
    pub name: String,
    /// The role of its nodes.
    pub role: Role,
    /// Their region; `None` for all regions together.
    pub region: Option<Name>,
    /// How many nodes it should have, has, and why.
    pub decision: Decision,
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// Who starts and stops them: `none`, `webhook`, `exec` or `process`.
    pub provider: &'static str,
    /// Whether this node is the one that acts.
    pub leads: bool,
}

/// What the scaler works with.
pub struct Parts<'a> {
    /// `[scale]`.
    pub settings: &'a Scale,
    /// Arguments of this program with which children are started, before those that are a child's own.
    pub child_args: Vec<OsString>,
    /// Milliseconds a child may drain when it is told to end.
    pub child_drain_ms: u64,
    /// Where the log of decisions is written, and children live.
    pub data: PathBuf,
    /// This node's part in the cluster.
    pub cluster: Cluster,
    /// How this node proves itself to others.
    pub authorize: Authorize,
    /// What the dispatcher has placed.
    pub pending: Pending,
    /// The time.
    pub clock: Clock,
    /// Who runs it.
    pub tasks: &'a Tasks,
    /// Draining, it gives the lease up.
    pub shutdown: &'a Shutdown,
}

/// A handle on the running scaler. Cheap to clone.
#[derive(Clone)]
pub struct Scaler(Arc<Shared>);

struct Shared {
    planner: Mutex<Planner>,
    provider: Option<Box<dyn Provider>>,
    kind: ProviderKind,
    cluster: Cluster,
    authorize: Authorize,
    pending: Pending,
    audit: Audit,
    clock: Clock,
    tasks: Tasks,
    shutdown: Shutdown,
    interval_us: i64,
}

impl Scaler {
    /// Starts it. Without pools it only answers that there are none.
    ///
    /// # Errors
    /// When `[scale]` asks for what cannot be.
    pub fn start(parts: Parts<'_>) -> anyhow::Result<Self> {
        let settings = parts.settings;
        let (me, boot) = parts.cluster.with(|member, _| {
            let record = member.record();
            (record.id.clone(), record.boot)
        });
        let audit = Audit::new(&parts.data, me.clone(), parts.clock.clone());
        let pools: anyhow::Result<Vec<_>> = settings
            .pools
            .iter()
            .map(|pool| Ok((pool.name.clone(), pool.policy(settings.dry_run)?)))
            .collect();
        let provider = provider(&parts, &me, &audit)?;
        let now_us = parts.clock.now_us();
        let planner = Planner::new(me, boot, pools?, settings.drain_ms, now_us);
        let scaler = Self(Arc::new(Shared {
            planner: Mutex::new(planner),
            provider,
            kind: settings.provider,
            cluster: parts.cluster,
            authorize: parts.authorize,
            pending: parts.pending,
            audit,
            clock: parts.clock,
            tasks: parts.tasks.clone(),
            shutdown: parts.shutdown.clone(),
            interval_us: settings.interval_ms.saturating_mul(1000),
        }));
        if !settings.pools.is_empty() {
            let office = LeaseKey::new(OFFICE).context("the office has no name")?;
            parts.tasks.spawn("scaler", scaler.clone().run(office));
        }
        Ok(scaler)
    }

    /// What each pool should have, by what this node believes.
    pub fn pools(&self) -> Vec<PoolState> {
        let planner = self.0.planner.lock();
        planner
            .decisions()
            .map(|(name, policy, decision)| PoolState {
                name: name.to_owned(),
                role: policy.role,
                region: policy.region.clone(),
                decision: decision.clone(),
                min: policy.min,
                max: policy.max,
                provider: self.0.kind.name(),
                leads: planner.leads(),
            })
            .collect()
    }

    async fn run(self, office: LeaseKey) {
        let (reports, mut heard) = mpsc::channel(REPORTS);
        let mut seat = Seat::new(office);
        let mut tick_at_us = self.0.clock.now_us();
        loop {
            let now_us = self.0.clock.now_us();
            let leads = self.leads(&mut seat);
            let changed = leads != self.0.planner.lock().leads();
            if now_us >= tick_at_us || changed {
                tick_at_us = now_us.saturating_add(self.0.interval_us);
                self.tick(leads, &reports);
            }
            let wait_us = tick_at_us
                .saturating_sub(now_us)
                .clamp(1_000, LOOK_MS * 1000);
            let wait = Duration::from_micros(wait_us.unsigned_abs());
            tokio::select! {
                Some((id, outcome)) = heard.recv() => {
                    let acts = self.0.planner.lock().report(&id, outcome, self.0.clock.now_us());
                    self.carry_out(acts, &reports);
                    // What follows from it is not put off.
                    tick_at_us = now_us;
                }
                () = tokio::time::sleep(wait) => {}
                () = self.0.shutdown.stopping() => break,
            }
        }
        self.0
            .cluster
            .with(|member, now_us| seat.leave(member, now_us));
    }

    /// Whether this node may act: the store has confirmed its lease, and it stays.
    fn leads(&self, seat: &mut Seat) -> bool {
        let stays = !self.0.shutdown.is_draining() && self.0.provider.is_some();
        self.0.cluster.with(|member, now_us| {
            if !stays {
                seat.leave(member, now_us);
                return false;
            }
            seat.take(member, self.0.clock.wall_ms(), now_us)
        })
    }

    fn tick(&self, leads: bool, reports: &mpsc::Sender<(String, Outcome)>) {
        let provider = self.0.provider.as_deref();
        let may_go = |node: &Node| provider.is_some_and(|provider| provider.may_remove(&node.id));
        let (acts, empty) = self.0.cluster.with(|member, now_us| {
            let view = member.view();
            let look = Look {
                view,
                leads,
                pending: &*self.0.pending,
                may_go: &may_go,
            };
            let acts = self.0.planner.lock().tick(&look, now_us);
            let empty = view.nodes().filter(|node| safe_to_terminate(node));
            (acts, empty.map(|node| node.id.clone()).collect::<Vec<_>>())
        });
        if let Some(provider) = provider {
            provider.tend(&empty);
        }
        self.carry_out(acts, reports);
    }

    /// Nothing here waits for an act.
    fn carry_out(&self, acts: Vec<Act>, reports: &mpsc::Sender<(String, Outcome)>) {
        for act in acts {
            if let Act::Note(note) = act {
                self.0.audit.write(&note);
                continue;
            }
            let (scaler, reports) = (self.clone(), reports.clone());
            self.0.tasks.spawn("scaler-act", async move {
                let stopping = scaler.0.shutdown.clone();
                tokio::select! {
                    // When the reader has gone nobody wants to know.
                    report = scaler.act(act) => drop(reports.send(report).await),
                    () = stopping.stopping() => {}
                }
            });
        }
    }

    async fn act(&self, act: Act) -> (String, Outcome) {
        let Some(provider) = self.0.provider.as_deref() else {
            return (String::new(), Outcome::Drains(None));
        };
        let authorize = &self.0.authorize;
        let (id, outcome) = match act {
            Act::Grow(order) => {
                let done = provider.grow(&order).await.map(Outcome::Done);
                (order.id, done)
            }
            Act::Shrink(order) => {
                let done = provider.shrink(&order).await.map(Outcome::Done);
                (order.id, done)
            }
            Act::Drain(order, target) => {
                let drains = drain::drain_node(&target, &order.id, authorize).await;
                (order.id, drains.map(Outcome::Drains))
            }
            Act::Ask(order, target) => {
                let drains = drain::who_drains(&target, authorize).await;
                (order.id, drains.map(Outcome::Drains))
            }
            Act::Note(note) => (note.order, Ok(Outcome::Drains(None))),
        };
        (id, outcome.unwrap_or_else(Outcome::Failed))
    }
}

/// The office of the one who acts.
struct Seat {
    office: LeaseKey,
    held: bool,
    claim_at_us: i64,
}

impl Seat {
    fn new(office: LeaseKey) -> Self {
        Self {
            office,
            held: false,
            claim_at_us: i64::MIN,
        }
    }

    /// Takes it if it is free; whether it is ours, by the store's word. A lease that the store has not
    /// confirmed is nobody's: there may be another who thinks the same.
    fn take(&mut self, member: &mut Member, wall_ms: i64, now_us: i64) -> bool {
        match member.leases().phase(&self.office) {
            Some(Phase::Owned) => member.leases().is_confirmed(&self.office, now_us),
            Some(_) => false,
            None => {
                self.held = false;
                if now_us >= self.claim_at_us {
                    self.claim_at_us = now_us.saturating_add(CLAIM_US);
                    let claimed = member.publish(self.office.clone(), 0, wall_ms, now_us);
                    self.held = claimed.is_ok();
                }
                false
            }
        }
    }

    fn leave(&mut self, member: &mut Member, now_us: i64) {
        if std::mem::take(&mut self.held) {
            member.unpublish(&self.office, now_us);
        }
    }
}

fn provider(
    parts: &Parts<'_>,
    me: &Name,
    audit: &Audit,
) -> anyhow::Result<Option<Box<dyn Provider>>> {
    let settings = parts.settings;
    let timeout = Duration::from_millis(settings.timeout_ms.unsigned_abs());
    Ok(match settings.provider {
        ProviderKind::None => None,
        ProviderKind::Webhook => Some(Box::new(Webhook::new(
            &settings.webhook_url,
            &settings.webhook_secret,
            timeout,
        )?)),
        ProviderKind::Exec => Some(Box::new(Exec::new(settings.exec.clone(), timeout))),
        ProviderKind::Process => {
            let program = std::env::current_exe().context("cannot find this program")?;
            let args = parts.child_args.clone();
            let launch = Launch::new(program, args, settings, &parts.data, me)?;
            let grace_ms = parts.child_drain_ms.saturating_add(CHILD_GRACE_MS);
            Some(Box::new(Process::new(
                launch,
                Duration::from_millis(grace_ms),
                audit.clone(),
                parts.tasks,
                parts.shutdown,
            )))
        }
    })
}
