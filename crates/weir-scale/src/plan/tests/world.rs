//! Machines, nodes on them, a provider, two scalers and time, all made up.

use std::collections::{BTreeMap, HashMap};

use weir_cluster::message::{Body, Message};
use weir_cluster::record::{self, Address, Scheme, Scope};
use weir_cluster::view::ViewConfig;
use weir_cluster::{NodeRecord, Role};
use weir_testkit::builders::node_record;

use super::super::*;
use super::S;

pub(super) const DRAIN_MS: i64 = 600_000;
/// Between two looks.
const TICK_US: i64 = 2 * S;

pub(super) struct World {
    now_us: i64,
    random: u64,
    policy: Policy,
    view: View,
    nodes: BTreeMap<String, Machine>,
    next_machine: u32,
    pub(super) load: Load,
    pub(super) planners: Vec<Planner>,
    pub(super) leader: Option<usize>,
    /// Reports on their way: when, to whom.
    reports: Vec<(i64, usize, String, Outcome)>,
    done: HashMap<String, Done>,
    /// Orders as the provider got them.
    pub(super) asked: Vec<Order>,
    notes: Vec<(i64, Note)>,
    pub(super) most_leaving: usize,
    /// All orders fail.
    pub(super) broken: bool,
    /// So many orders are carried out and the answer is lost.
    pub(super) lost_answers: u32,
    /// So many machines never come up.
    pub(super) stillborn: u32,
    pub(super) drain_takes_us: i64,
    pub(super) exits_when_drained: bool,
    /// Leaders change, orders fail, answers are lost, machines never come up.
    pub(super) chaos: bool,
}

struct Machine {
    serves_at_us: i64,
    /// Since when it drains, and by whom.
    drains: Option<(i64, String)>,
    exited: bool,
    connections: u64,
}

/// Connections that want to be served, by time.
pub(super) struct Load(Box<dyn Fn(i64) -> u64>);

impl Load {
    pub(super) fn steps(steps: &[(i64, u64)]) -> Self {
        let steps = steps.to_vec();
        Self(Box::new(move |now_us| {
            let passed = steps.iter().rev().find(|(at_us, _)| *at_us <= now_us);
            passed.map_or(0, |(_, load)| *load)
        }))
    }

    pub(super) fn flapping(low: u64, high: u64, period_us: i64) -> Self {
        Self(Box::new(move |now_us| {
            if now_us / (period_us / 2) % 2 == 0 {
                high
            } else {
                low
            }
        }))
    }

    pub(super) fn random(seed: u64) -> Self {
        Self(Box::new(move |now_us| {
            let minute = (now_us / (90 * S)).unsigned_abs();
            let mut state = seed.wrapping_mul(0x9E37_79B9).wrapping_add(minute * 77 + 1);
            next(&mut state) % 420
        }))
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl World {
    /// One machine serves already.
    pub(super) fn new(seed: u64, policy: Policy, load: Load) -> Self {
        let pools = || vec![("edges".to_owned(), policy.clone())];
        let planner = |me, boot| Planner::new(name(me), boot, pools(), DRAIN_MS, 0);
        let mut world = Self {
            now_us: 0,
            random: seed,
            planners: vec![planner("d1", 1), planner("d2", 2)],
            view: View::new(ViewConfig::default(), name("d1")),
            policy,
            nodes: BTreeMap::new(),
            next_machine: 0,
            load,
            leader: Some(0),
            reports: Vec::new(),
            done: HashMap::new(),
            asked: Vec::new(),
            notes: Vec::new(),
            most_leaving: 0,
            broken: false,
            lost_answers: 0,
            stillborn: 0,
            drain_takes_us: 6 * S,
            exits_when_drained: false,
            chaos: false,
        };
        world.boot(0);
        world
    }

    pub(super) fn run(&mut self, for_us: i64) {
        self.run_until(for_us, |_| false);
    }

    pub(super) fn run_until(&mut self, for_us: i64, is_so: impl Fn(&Self) -> bool) {
        let end_us = self.now_us + for_us;
        while self.now_us < end_us && !is_so(self) {
            self.now_us += TICK_US;
            self.stir();
            self.live();
            self.tell();
            self.think();
        }
    }

    pub(super) fn serving(&self) -> usize {
        let serves = |m: &&Machine| m.serves_at_us <= self.now_us && m.drains.is_none();
        self.nodes.values().filter(serves).count()
    }

    /// Machines that cost money.
    pub(super) fn machines(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn is_there(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    pub(super) fn first_serving(&self) -> String {
        let serves = |(_, m): &(&String, &Machine)| m.drains.is_none();
        self.nodes.iter().find(serves).unwrap().0.clone()
    }

    pub(super) fn drain(&mut self, id: &str, by: &str) -> Option<String> {
        let now_us = self.now_us;
        let machine = self.nodes.get_mut(id)?;
        let drains = machine.drains.get_or_insert((now_us, by.to_owned()));
        Some(drains.1.clone())
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.notes.iter().filter(|(_, n)| n.what == what).count()
    }

    pub(super) fn story(&self) -> String {
        let lines = self.notes.iter().map(|(at_us, note)| {
            let node = note.node.as_ref().map_or("", Name::as_str);
            let order = &note.order;
            format!(
                "{:>5} s {} {node} {order} {} {}",
                at_us / S,
                note.what,
                note.why,
                note.result
            )
        });
        format!("\n{}", lines.collect::<Vec<_>>().join("\n"))
    }

    fn chance(&mut self, one_in: u64) -> bool {
        next(&mut self.random).is_multiple_of(one_in)
    }

    fn stir(&mut self) {
        if !self.chaos {
            return;
        }
        if self.chance(100) {
            self.leader = match next(&mut self.random) % 3 {
                0 => None,
                n => Some(usize::try_from(n - 1).unwrap()),
            };
        }
        self.broken = self.chance(5);
        self.lost_answers = u32::from(self.chance(5));
        self.stillborn = u32::from(self.chance(10));
    }

    fn boot(&mut self, after_us: i64) {
        let never = std::mem::take(&mut self.stillborn) > 0;
        // One that never serves has no machine either.
        if never {
            return;
        }
        self.next_machine += 1;
        self.nodes.insert(
            format!("e{:03}", self.next_machine),
            Machine {
                serves_at_us: self.now_us + after_us,
                drains: None,
                exited: false,
                connections: 0,
            },
        );
    }

    /// Clients go where work is taken; draining nodes lose theirs.
    fn live(&mut self) {
        let now_us = self.now_us;
        let serving = u64::try_from(self.serving().max(1)).unwrap();
        let staying: u64 = self
            .nodes
            .values()
            .filter(|machine| machine.drains.is_some())
            .map(|machine| machine.connections)
            .sum();
        let share = (self.load.0)(now_us).saturating_sub(staying) / serving;
        for machine in self.nodes.values_mut() {
            match &machine.drains {
                Some((since_us, _)) if now_us - since_us >= self.drain_takes_us => {
                    machine.connections = 0;
                    machine.exited |= self.exits_when_drained;
                }
                Some(_) => {}
                None if machine.serves_at_us <= now_us => machine.connections = share,
                None => {}
            }
        }
    }

    /// All nodes beat into the view, and those that have gone say goodbye.
    fn tell(&mut self) {
        let known: Vec<Name> = self.view.nodes().map(|node| node.id.clone()).collect();
        for id in known {
            let lives = self.nodes.get(id.as_str()).is_some_and(|m| !m.exited);
            if !lives {
                self.say(id.as_str(), Body::Bye);
            }
        }
        let speaking = |m: &Machine| m.serves_at_us <= self.now_us && !m.exited;
        let nodes = self.nodes.iter().filter(|(_, m)| speaking(m));
        let beats: Vec<_> = nodes
            .map(|(id, m)| (id.clone(), m.connections, m.drains.is_some()))
            .collect();
        self.most_leaving = self
            .most_leaving
            .max(beats.iter().filter(|(_, _, drains)| *drains).count());
        for (id, connections, draining) in beats {
            let load = record::Load {
                connections,
                viewers: connections,
                ..record::Load::default()
            };
            if self.view.find(&name(&id)).is_none() {
                let record = Box::new(self.record(&id, load));
                self.say(&id, Body::Hello { record });
            }
            let digest = 0;
            self.say(
                &id,
                Body::Beat {
                    load,
                    draining,
                    digest,
                },
            );
        }
        self.view.tick(true, self.now_us);
    }

    fn say(&mut self, id: &str, body: Body) {
        let message = Message {
            from: name(id),
            boot: 1,
            seq: 1,
            body,
        };
        self.view.apply(&message, self.now_us);
    }

    fn record(&self, id: &str, load: record::Load) -> NodeRecord {
        NodeRecord {
            addresses: vec![Address {
                protocol: Scheme::Http,
                scope: Scope::Internal,
                isp: None,
                url: format!("http://{id}"),
            }],
            capacity: self.policy.node_capacity,
            load,
            ..node_record(id, &[Role::Edge])
        }
    }

    fn think(&mut self) {
        let now_us = self.now_us;
        let (due, later) = std::mem::take(&mut self.reports)
            .into_iter()
            .partition(|(at_us, ..)| *at_us <= now_us);
        self.reports = later;
        let due: Vec<(i64, usize, String, Outcome)> = due;
        for (_, who, id, outcome) in due {
            let acts = self.planners[who].report(&id, outcome, now_us);
            self.carry_out(who, acts);
        }
        for who in 0..self.planners.len() {
            let look = Look {
                view: &self.view,
                leads: self.leader == Some(who),
                pending: &|_, _| Cost::default(),
                may_go: &|_| true,
            };
            let acts = self.planners[who].tick(&look, now_us);
            self.carry_out(who, acts);
        }
    }

    fn carry_out(&mut self, who: usize, acts: Vec<Act>) {
        for act in acts {
            let (id, outcome) = match act {
                Act::Note(note) => {
                    self.notes.push((self.now_us, note));
                    continue;
                }
                Act::Grow(order) | Act::Shrink(order) => {
                    assert!(
                        self.leader == Some(who),
                        "{order:?} by one who does not lead"
                    );
                    (order.id.clone(), self.provide(order))
                }
                Act::Drain(order, _) => {
                    let by = self.drain(order.node.as_ref().unwrap().as_str(), SCALER);
                    (order.id, Outcome::Drains(by))
                }
                Act::Ask(order, _) => {
                    let machine = self.nodes.get(order.node.as_ref().unwrap().as_str());
                    let by = machine.and_then(|m| Some(m.drains.as_ref()?.1.clone()));
                    (order.id, Outcome::Drains(by))
                }
            };
            let wait_us = i64::try_from(next(&mut self.random) % 4).unwrap() * S;
            self.reports.push((self.now_us + wait_us, who, id, outcome));
        }
    }

    fn provide(&mut self, order: Order) -> Outcome {
        self.asked.push(order.clone());
        let same = self.asked.iter().filter(|other| other.id == order.id);
        for other in same {
            assert_eq!(*other, order, "one id, two orders");
        }
        if self.broken {
            return Outcome::Failed(Failure::passing("out of machines"));
        }
        if !self.done.contains_key(&order.id) {
            self.done.insert(order.id.clone(), Done::default());
            if let Some(node) = &order.node {
                self.remove(node.as_str());
            } else {
                for _ in 0..order.count {
                    self.boot(self.policy.boot_ms * 1000);
                }
                let most = usize::try_from(self.policy.max).unwrap();
                assert!(
                    self.serving() <= most,
                    "above the maximum: {}",
                    self.story()
                );
            }
        }
        if self.lost_answers > 0 {
            self.lost_answers -= 1;
            return Outcome::Failed(Failure::passing("no answer in time"));
        }
        Outcome::Done(Done::default())
    }

    fn remove(&mut self, id: &str) {
        let Some(machine) = self.nodes.remove(id) else {
            return;
        };
        let (since_us, by) = machine
            .drains
            .expect("nobody is removed who was not drained");
        assert_eq!(by, SCALER, "{id} was not ours to remove");
        assert!(
            machine.connections == 0 || self.now_us - since_us >= DRAIN_MS * 1000,
            "{id} still had {} clients",
            machine.connections
        );
    }
}
