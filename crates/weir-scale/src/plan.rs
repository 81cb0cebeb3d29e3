//! What the scaler does next: a state machine without IO, so that a day of it fits into a test.
//!
//! The view and the time go in ([`Planner::tick`]), and so does what became of an act
//! ([`Planner::report`]); acts come out. Only who leads acts; everybody decides, to answer those who ask.

mod job;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use weir_cluster::fill::Cost;
use weir_cluster::scale::{self, Decision, History, Policy};
use weir_cluster::view::Node;
use weir_cluster::{Name, View};

use crate::order::{Done, Failure, Of, Order};
use job::{Fate, Job, Step};

/// Between two orders for one pool when the last was given up, milliseconds, at least.
const REST_MS: i64 = 60_000;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Have the provider start nodes.
    Grow(Order),
    /// Ask a node who had it drain.
    Ask(Order, Target),
    /// Have a node drain.
    Drain(Order, Target),
    /// Have the provider remove a node.
    Shrink(Order),
    /// Write down what happened.
    Note(Note),
}

/// A node to speak with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its HTTP address.
    pub(crate) url: String,
    /// Its life: another is not meant.
    pub(crate) boot: u64,
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The provider did it.
    Done(Done),
    /// The node drains, and who had it drain first; `None` when it does not, or nobody says.
    Drains(Option<String>),
    /// It failed.
    Failed(Failure),
}

/// One line of the log of decisions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Note {
    /// The pool; empty for what concerns all.
    pub(crate) pool: String,
    /// What happened.
    pub(crate) what: &'static str,
    /// The order, where there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) order: String,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<Name>,
    /// Words for the audit line.
    pub(crate) why: String,
    /// What came of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) result: String,
}

/// As a drained node names who had it drain.
pub(crate) const SCALER: &str = "scaler";

/// What goes into one look.
pub(crate) struct Look<'a> {
    /// What this node believes.
    pub(crate) view: &'a View,
    /// Whether it leads.
    pub(crate) leads: bool,
    /// What was placed on a pool's nodes and does not show in their load yet.
    pub(crate) pending: &'a dyn Fn(&View, &Policy) -> Cost,
    /// Whether the provider can remove a node.
    pub(crate) may_go: &'a dyn Fn(&Node) -> bool,
}

/// All pools.
pub(crate) struct Planner {
    me: Name,
    boot: u64,
    orders: u64,
    drain_us: i64,
    leads: bool,
    pools: Vec<Pool>,
}

struct Pool {
    name: String,
    policy: Policy,
    history: History,
    decision: Option<Decision>,
    growing: Option<Job>,
    leaving: Option<Job>,
    /// Lives that drain by somebody else's will, or whose end is the provider's business by now.
    not_ours: HashSet<(Name, u64)>,
    grow_rests_until_us: i64,
    leave_rests_until_us: i64,
    /// What a dry run last said it would do.
    told: Option<u32>,
    overdue: u64,
}

impl Planner {
    /// Of the node `me` in the life `boot`; a node that shall go may drain for `drain_ms`.
    pub(crate) fn new(
        me: Name,
        boot: u64,
        pools: Vec<(String, Policy)>,
        drain_ms: i64,
        now_us: i64,
    ) -> Self {
        let pools = pools.into_iter();
        Self {
            me,
            boot,
            orders: 0,
            drain_us: drain_ms.saturating_mul(1000),
            leads: false,
            pools: pools
                .map(|(name, policy)| Pool::new(name, policy, now_us))
                .collect(),
        }
    }

    /// Looks at all pools; some times a minute, and after each report.
    pub(crate) fn tick(&mut self, look: &Look<'_>, now_us: i64) -> Vec<Act> {
        let mut acts = Vec::new();
        if look.leads != self.leads {
            self.leads = look.leads;
            acts.push(self.office(now_us));
        }
        let mut hands = Hands {
            me: self.me.clone(),
            boot: self.boot,
            orders: self.orders,
            busy: self.pools.iter().filter_map(Pool::leaving_life).collect(),
            acts,
        };
        for pool in &mut self.pools {
            pool.tick(look, &mut hands, now_us);
        }
        self.orders = hands.orders;
        hands.acts
    }

    /// What became of the act of an order; tick soon after.
    pub(crate) fn report(&mut self, id: &str, outcome: Outcome, now_us: i64) -> Vec<Act> {
        let mut acts = Vec::new();
        for pool in &mut self.pools {
            pool.report(id, &outcome, self.drain_us, now_us, &mut acts);
        }
        acts
    }

    /// Whether this node acts.
    pub(crate) fn leads(&self) -> bool {
        self.leads
    }

    /// Each pool's name, policy and latest decision.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = (&str, &Policy, &Decision)> {
        self.pools
            .iter()
            .filter_map(|pool| Some((pool.name.as_str(), &pool.policy, pool.decision.as_ref()?)))
    }

    fn office(&mut self, now_us: i64) -> Act {
        let (what, why) = if self.leads {
            for pool in &mut self.pools {
                pool.history.takes_office(now_us);
            }
            ("leads", "this node holds the lease #scaler")
        } else {
            ("leads_no_more", "the lease #scaler is lost or unsure")
        };
        Act::Note(Note {
            pool: String::new(),
            what,
            order: String::new(),
            node: Some(self.me.clone()),
            why: why.into(),
            result: String::new(),
        })
    }
}

/// What a pool needs to act.
struct Hands {
    me: Name,
    boot: u64,
    orders: u64,
    /// Lives that leave already, of any pool.
    busy: HashSet<(Name, u64)>,
    acts: Vec<Act>,
}

impl Hands {
    fn next_id(&mut self) -> String {
        self.orders += 1;
        format!("{}-{:016x}-{}", self.me, self.boot, self.orders)
    }
}

impl Pool {
    fn new(name: String, policy: Policy, now_us: i64) -> Self {
        Self {
            name,
            policy,
            history: History::new(now_us),
            decision: None,
            growing: None,
            leaving: None,
            not_ours: HashSet::new(),
            grow_rests_until_us: i64::MIN,
            leave_rests_until_us: i64::MIN,
            told: None,
            overdue: 0,
        }
    }

    fn tick(&mut self, look: &Look<'_>, hands: &mut Hands, now_us: i64) {
        let pending = (look.pending)(look.view, &self.policy);
        self.history
            .sample(look.view, &self.policy, pending, now_us);
        let decision = scale::desired(look.view, &self.policy, &self.history, pending, now_us);
        self.decision = Some(decision.clone());
        if !look.leads {
            self.step_back(&mut hands.acts);
            return;
        }
        self.tell_overdue(&mut hands.acts);
        self.tell_dry_run(&decision, &mut hands.acts);
        self.go_on(look, hands, &decision, now_us);
        if !self.policy.dry_run {
            self.grow(&decision, hands, now_us);
            self.shrink(look, &decision, hands, now_us);
        }
        let lives = |life: &(Name, u64)| look.view.find(&life.0).is_some_and(|n| n.boot == life.1);
        self.not_ours.retain(lives);
    }

    fn leaving_life(&self) -> Option<(Name, u64)> {
        let job = self.leaving.as_ref()?;
        Some((job.order.node.clone()?, job.boot))
    }

    /// Somebody else leads, or nobody. What is under way is heard out, what waits is theirs.
    fn step_back(&mut self, acts: &mut Vec<Act>) {
        self.told = None;
        self.not_ours.clear();
        for slot in [&mut self.growing, &mut self.leaving] {
            if let Some(job) = slot.take_if(|job| !job.is_under_way()) {
                acts.push(job.note("left_to_the_next_leader", String::new()));
            }
        }
    }

    /// Carries on what was begun.
    fn go_on(&mut self, look: &Look<'_>, hands: &mut Hands, decision: &Decision, now_us: i64) {
        if let Some(job) = &mut self.growing {
            let (least, most) = (self.policy.min, self.policy.max.max(self.policy.min));
            let needed = decision.needed.clamp(least, most);
            if !job.is_under_way() && needed <= decision.have() {
                hands
                    .acts
                    .push(job.note("given_up", "needed no longer".into()));
                self.growing = None;
            } else {
                hands.acts.extend(job.go_on(look.view, now_us));
            }
        }
        if let Some(job) = &mut self.leaving {
            hands.acts.extend(job.go_on(look.view, now_us));
            if job.is_over() {
                self.leaving = None;
            }
        }
    }

    fn grow(&mut self, decision: &Decision, hands: &mut Hands, now_us: i64) {
        let wanted = decision.desired > decision.have();
        if !wanted || self.growing.is_some() || now_us < self.grow_rests_until_us {
            return;
        }
        self.history.changed(decision, now_us);
        let id = hands.next_id();
        let order = Order::grow(id, self.of(&hands.me), decision);
        let (job, act) = Job::grow(order);
        hands.acts.push(job.note("grow", String::new()));
        hands.acts.push(act);
        self.growing = Some(job);
    }

    /// One node at a time, and none while others come.
    fn shrink(&mut self, look: &Look<'_>, decision: &Decision, hands: &mut Hands, now_us: i64) {
        if self.leaving.is_some() || now_us < self.leave_rests_until_us {
            return;
        }
        if let Some(node) = self.orphan(look, hands) {
            let order = Order::shrink(hands.next_id(), self.of(&hands.me), decision, node);
            self.begin(Job::leave(Step::Ask, order, node), hands, now_us);
            return;
        }
        let surplus = decision.desired < decision.have() && self.growing.is_none();
        if !surplus {
            return;
        }
        let me = &hands.me;
        let may_go = |node: &Node| node.id != *me && (look.may_go)(node) && !is_busy(node, hands);
        let Some(node) = scale::victim_among(look.view, &self.policy, may_go) else {
            return;
        };
        self.history.changed(decision, now_us);
        let id = hands.next_id();
        let order = Order::shrink(id, self.of(&hands.me), decision, node);
        self.begin(Job::leave(Step::Drain, order, node), hands, now_us);
    }

    /// A node that drains and that nobody here has told to: an earlier leader may have.
    fn orphan<'a>(&self, look: &Look<'a>, hands: &Hands) -> Option<&'a Node> {
        scale::members(look.view, &self.policy).find(|node| {
            scale::is_leaving(node)
                && node.id != hands.me
                && (look.may_go)(node)
                && !is_busy(node, hands)
                && !self.not_ours.contains(&(node.id.clone(), node.boot))
        })
    }

    fn begin(&mut self, (job, act): (Job, Option<Act>), hands: &mut Hands, now_us: i64) {
        let Some(act) = act else {
            let words = "the node has no HTTP address for other nodes";
            hands.acts.push(job.note("given_up", words.into()));
            self.rest(now_us);
            return;
        };
        let what = match act {
            Act::Ask(..) => "ask_who_drains",
            _ => "drain",
        };
        hands.acts.push(job.note(what, String::new()));
        hands.acts.push(act);
        if let Some(node) = &job.order.node {
            hands.busy.insert((node.clone(), job.boot));
        }
        self.leaving = Some(job);
    }

    fn report(
        &mut self,
        id: &str,
        outcome: &Outcome,
        drain_us: i64,
        now_us: i64,
        acts: &mut Vec<Act>,
    ) {
        let is_it = |job: &&mut Job| job.order.id == id && job.is_under_way();
        if let Some(job) = self.growing.as_mut().filter(is_it) {
            match job.heard(outcome, drain_us, now_us, acts) {
                Fate::Goes => return,
                Fate::Done(done) => {
                    let started = done.started.unwrap_or(job.order.count);
                    self.history.ordered(started, &self.policy, now_us);
                }
                Fate::NotOurs | Fate::GivenUp => {
                    let rest_ms = self.policy.cooldown_up_ms.max(REST_MS);
                    self.grow_rests_until_us = now_us.saturating_add(rest_ms.saturating_mul(1000));
                }
            }
            self.growing = None;
        } else if let Some(job) = self.leaving.as_mut().filter(is_it) {
            let life = job.order.node.clone().map(|node| (node, job.boot));
            match job.heard(outcome, drain_us, now_us, acts) {
                Fate::Goes => return,
                Fate::Done(_) | Fate::NotOurs => self.not_ours.extend(life),
                Fate::GivenUp => self.rest(now_us),
            }
            self.leaving = None;
        }
    }

    fn rest(&mut self, now_us: i64) {
        self.leave_rests_until_us = now_us.saturating_add(REST_MS * 1000);
    }

    fn tell_overdue(&mut self, acts: &mut Vec<Act>) {
        let overdue = self.history.overdue();
        if overdue > self.overdue {
            let late = overdue - self.overdue;
            let why = format!("{late} of the nodes that were ordered never came");
            acts.push(self.note("overdue", why));
        }
        self.overdue = overdue;
    }

    fn tell_dry_run(&mut self, decision: &Decision, acts: &mut Vec<Act>) {
        let wanted = Some(decision.wanted).filter(|wanted| *wanted != decision.have());
        if !self.policy.dry_run || wanted == self.told {
            return;
        }
        self.told = wanted;
        if wanted.is_some() {
            acts.push(self.note("dry_run", decision.reason.clone()));
        }
    }

    fn note(&self, what: &'static str, why: String) -> Act {
        Act::Note(Note {
            pool: self.name.clone(),
            what,
            order: String::new(),
            node: None,
            why,
            result: String::new(),
        })
    }

    fn of<'a>(&'a self, leader: &'a Name) -> Of<'a> {
        Of {
            name: &self.name,
            policy: &self.policy,
            leader,
        }
    }
}

fn is_busy(node: &Node, hands: &Hands) -> bool {
    hands.busy.contains(&(node.id.clone(), node.boot))
}
