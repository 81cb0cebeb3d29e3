//! Nodes, a store and a bus in virtual time, with everything that can befall them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::rc::Rc;

use weir_cluster::lease::{Batch, Gate, Unreachable};
use weir_cluster::member::{Member, MemberConfig, Output};
use weir_cluster::message::Message;
use weir_cluster::record::{Capacity, NodeRecord, Role, StreamRecord};
use weir_cluster::table::{LeaseReply, LeaseTable, Op};
use weir_cluster::{LeaseKey, Name};

use crate::common::node_record;

pub(crate) const MS: i64 = 1_000;
pub(crate) const S: i64 = 1_000_000;
const TICK_US: i64 = 250 * MS;

/// Dice of the simulation, apart from those of the code under test.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub(crate) fn range(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(usize::try_from(to - from).unwrap()) as i64
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

pub(crate) struct Sim {
    pub(crate) now_us: i64,
    pub(crate) dice: Dice,
    pub(crate) nodes: Vec<SimNode>,
    pub(crate) store: SimStore,
    pub(crate) streams: Vec<LeaseKey>,
    /// Messages lost, one in so many; 0 for none.
    pub(crate) loss: usize,
    /// The longest a message or call takes; in `trouble` one in fifty twenty times as long.
    pub(crate) delay_us: i64,
    pub(crate) trouble: bool,
    events: BinaryHeap<Reverse<(i64, u64, usize)>>,
    bodies: HashMap<u64, Ev>,
    next_event: u64,
    pub(crate) config: MemberConfig,
}

pub(crate) struct SimNode {
    pub(crate) member: Option<Member>,
    pub(crate) boot: u64,
    /// Its monotonic clock: another start, and a little faster or slower.
    offset_us: i64,
    rate_permille: i64,
    pub(crate) gates: BTreeMap<LeaseKey, (Gate, i64)>,
    /// Neither bus nor store reach it.
    pub(crate) cut_until_us: i64,
    /// The bus does not reach it, though it is heard itself.
    pub(crate) deaf_until_us: i64,
    pub(crate) paused_until_us: i64,
    /// Back from the dead then.
    pub(crate) dead_until_us: i64,
}

#[derive(Default)]
pub(crate) struct SimStore {
    table: LeaseTable,
    records: BTreeMap<Name, NodeRecord>,
    pub(crate) clock_offset_ms: i64,
    pub(crate) down_until_us: i64,
    /// The latest grant of each stream: a shadow of what the table should hold.
    granted: HashMap<LeaseKey, (u64, u64, u64)>,
    pub(crate) calls: u64,
}

enum Ev {
    Tick(u64),
    Deliver(Rc<Message>),
    Call(u64, Batch),
    LeaseReply(u64, u64, Result<Vec<LeaseReply>, Unreachable>),
}

impl Sim {
    pub(crate) fn new(seed: u64, nodes: usize, streams: usize) -> Self {
        let mut sim = Self {
            now_us: 0,
            dice: Dice::new(seed),
            nodes: Vec::new(),
            store: SimStore {
                clock_offset_ms: 1_700_000_000_000,
                ..SimStore::default()
            },
            streams: (0..streams)
                .map(|n| LeaseKey::new(&format!(":live/s{n}")).unwrap())
                .collect(),
            loss: 0,
            delay_us: 40 * MS,
            trouble: false,
            events: BinaryHeap::new(),
            bodies: HashMap::new(),
            next_event: 0,
            config: MemberConfig::default(),
        };
        for _ in 0..nodes {
            let offset_us = sim.dice.range(-3600 * S, 3600 * S);
            let rate_permille = sim.dice.range(990, 1011);
            sim.nodes.push(SimNode {
                member: None,
                boot: 0,
                offset_us,
                rate_permille,
                gates: BTreeMap::new(),
                cut_until_us: 0,
                deaf_until_us: 0,
                paused_until_us: 0,
                dead_until_us: 0,
            });
        }
        for n in 0..nodes {
            sim.start(n);
        }
        sim
    }

    pub(crate) fn name(n: usize) -> Name {
        Name::new(&format!("n{n:02}")).unwrap()
    }

    pub(crate) fn local_us(&self, n: usize) -> i64 {
        let node = &self.nodes[n];
        self.now_us / 1000 * node.rate_permille + node.offset_us
    }

    fn start(&mut self, n: usize) {
        let boot = self.dice.next();
        let record = NodeRecord {
            region: Some(Name::new(["eu", "us", "cn"][n % 3]).unwrap()),
            capacity: Capacity {
                connections: 100,
                ..Capacity::default()
            },
            ..node_record(Self::name(n).as_str(), boot, &[Role::Origin, Role::Edge])
        };
        let mut member = Member::new(self.config.clone(), record, self.local_us(n)).unwrap();
        if self.store_reachable(n) {
            let now_ms = self.store_ms();
            let streams = self.store.table.all(now_ms).cloned().collect();
            member.seed(
                self.store.records.values().cloned().collect(),
                streams,
                self.local_us(n),
            );
        }
        let node = &mut self.nodes[n];
        (node.member, node.boot) = (Some(member), boot);
        node.gates.clear();
        let phase_us = self.dice.range(0, TICK_US);
        self.at(phase_us, n, Ev::Tick(boot));
    }

    /// Lives on until then.
    pub(crate) fn run_until(&mut self, until_us: i64) {
        while let Some(Reverse((at_us, id, n))) = self.events.peek().copied() {
            if at_us > until_us {
                break;
            }
            self.events.pop();
            self.now_us = at_us;
            let event = self.bodies.remove(&id).unwrap();
            self.event(n, event);
        }
        self.now_us = until_us;
    }

    pub(crate) fn is_alive(&self, n: usize) -> bool {
        self.nodes[n].member.is_some()
    }

    pub(crate) fn is_paused(&self, n: usize) -> bool {
        self.nodes[n].paused_until_us > self.now_us
    }

    pub(crate) fn is_cut(&self, n: usize) -> bool {
        self.nodes[n].cut_until_us > self.now_us
    }

    pub(crate) fn store_up(&self) -> bool {
        self.store.down_until_us <= self.now_us
    }

    pub(crate) fn store_reachable(&self, n: usize) -> bool {
        self.store_up() && !self.is_cut(n)
    }

    /// Whether frames of this stream go out of this node now, and whether the store's word covers it.
    pub(crate) fn serves(&self, n: usize, key: &LeaseKey) -> Option<bool> {
        let node = &self.nodes[n];
        let (gate, _) = node.gates.get(key)?;
        let member = node.member.as_ref()?;
        let open = !self.is_paused(n) && gate.is_open(self.local_us(n));
        open.then(|| member.leases().is_confirmed(key, self.local_us(n)))
    }

    pub(crate) fn publish(&mut self, n: usize, key: &LeaseKey, over: u64) {
        // The wall clock is anybody's guess.
        let wall_ms = self.dice.range(0, 2_000_000_000_000);
        let now_us = self.local_us(n);
        let Some(member) = self.nodes[n].member.as_mut() else {
            return;
        };
        if let Ok(gate) = member.publish(key.clone(), over, wall_ms, now_us) {
            self.nodes[n].gates.insert(key.clone(), (gate, self.now_us));
        }
        self.flush(n);
    }

    pub(crate) fn with(&mut self, n: usize, act: impl FnOnce(&mut Member, i64)) {
        let now_us = self.local_us(n);
        if let Some(member) = self.nodes[n].member.as_mut() {
            act(member, now_us);
            self.flush(n);
        }
    }

    pub(crate) fn kill(&mut self, n: usize, for_us: i64) {
        let node = &mut self.nodes[n];
        node.member = None;
        node.gates.clear();
        node.dead_until_us = self.now_us + for_us;
        node.paused_until_us = 0;
    }

    /// Starts those whose time has come.
    pub(crate) fn revive(&mut self) {
        for n in 0..self.nodes.len() {
            if !self.is_alive(n) && self.nodes[n].dead_until_us <= self.now_us {
                self.start(n);
            }
        }
    }

    pub(crate) fn stop_store(&mut self, for_us: i64, forget: bool) {
        self.store.down_until_us = self.now_us + for_us;
        if forget {
            self.store.table = LeaseTable::default();
            self.store.records.clear();
            self.store.granted.clear();
        }
    }

    pub(crate) fn store_owner(&self, key: &LeaseKey) -> Option<&StreamRecord> {
        self.store.table.find(key, self.store_ms())
    }

    fn store_ms(&self) -> i64 {
        self.now_us / 1000 + self.store.clock_offset_ms
    }

    fn at(&mut self, in_us: i64, n: usize, event: Ev) {
        self.next_event += 1;
        self.bodies.insert(self.next_event, event);
        self.events
            .push(Reverse((self.now_us + in_us, self.next_event, n)));
    }

    fn delay(&mut self) -> i64 {
        let slow = self.trouble && self.dice.one_in(50);
        let longest = if slow {
            self.delay_us * 20
        } else {
            self.delay_us
        };
        self.dice.range(100, longest)
    }

    fn event(&mut self, n: usize, event: Ev) {
        let paused = self.nodes[n].paused_until_us;
        if paused > self.now_us && !matches!(event, Ev::Call(..)) {
            // It is read when the process goes on, which may be sooner than it was meant to.
            self.at((paused - self.now_us).min(100 * MS), n, event);
            return;
        }
        match event {
            Ev::Tick(boot) => {
                if self.is_alive(n) && self.nodes[n].boot == boot {
                    self.with(n, Member::tick);
                    self.at(TICK_US, n, Ev::Tick(boot));
                }
            }
            Ev::Deliver(message) => {
                let deaf = self.nodes[n].deaf_until_us > self.now_us || self.is_cut(n);
                if !deaf && self.store_up() {
                    self.with(n, |member, now_us| member.message(&message, now_us));
                }
            }
            Ev::Call(boot, batch) => {
                if self.store_reachable(n) {
                    let answers = self.call(&batch);
                    let delay = self.delay();
                    self.at(delay, n, Ev::LeaseReply(boot, batch.id, Ok(answers)));
                } else if self.dice.one_in(2) {
                    // Refused at once; else it hangs.
                    self.at(MS, n, Ev::LeaseReply(boot, batch.id, Err(Unreachable)));
                }
            }
            Ev::LeaseReply(boot, id, answer) => {
                if self.nodes[n].boot == boot && (answer.is_err() || self.store_reachable(n)) {
                    self.with(n, |member, now_us| member.answer(id, answer, now_us));
                }
            }
        }
    }

    /// What the store does; and that it never renews what is not the latest grant.
    fn call(&mut self, batch: &Batch) -> Vec<LeaseReply> {
        self.store.calls += 1;
        let now_ms = self.store_ms();
        let ttl_ms = self.config.lease.ttl_ms;
        let store = &mut self.store;
        let apply = |op: &Op| {
            let answer = store.table.apply(op, now_ms, ttl_ms);
            match (op, &answer) {
                (Op::Claim { record, .. }, LeaseReply::Yours(epoch)) => {
                    store
                        .granted
                        .insert(record.key.clone(), (record.boot, record.claim, *epoch));
                }
                (Op::Renew(held), LeaseReply::Yours(epoch)) => {
                    let grant = store.granted.get(&held.key);
                    assert_eq!(
                        grant,
                        Some(&(held.boot, held.claim, *epoch)),
                        "a stale lease was renewed"
                    );
                    assert_eq!(*epoch, held.epoch);
                }
                _ => (),
            }
            answer
        };
        batch.ops.iter().map(apply).collect()
    }

    /// Does what a member wants done.
    fn flush(&mut self, n: usize) {
        while let Some(output) = self.nodes[n].member.as_mut().and_then(Member::poll) {
            match output {
                Output::Send(to, message) => self.send(n, to.as_ref(), message),
                Output::Call(batch) => {
                    let (boot, delay) = (self.nodes[n].boot, self.delay());
                    if self.trouble && self.dice.one_in(20) {
                        // A copy that was long on its way, and whose answer nobody waits for.
                        let long_us = self.dice.range(S, 15 * S);
                        self.at(long_us, n, Ev::Call(0, batch.clone()));
                    }
                    self.at(delay, n, Ev::Call(boot, batch));
                }
                Output::Register(record) => {
                    if self.store_reachable(n) {
                        self.store.records.insert(record.id.clone(), *record);
                    }
                }
                Output::Report(_) | Output::Lease(_) => (),
            }
        }
        // Who lost a stream serves it no more.
        let node = &mut self.nodes[n];
        if let Some(member) = &node.member {
            node.gates
                .retain(|key, _| member.leases().phase(key).is_some());
        }
    }

    fn send(&mut self, n: usize, to: Option<&Name>, message: Message) {
        if !self.store_reachable(n) {
            return;
        }
        let message = Rc::new(message);
        for peer in 0..self.nodes.len() {
            let meant = to.is_none_or(|to| *to == Self::name(peer));
            if !meant || (self.loss > 0 && self.dice.one_in(self.loss)) {
                continue;
            }
            let delay = self.delay();
            self.at(delay, peer, Ev::Deliver(message.clone()));
            if self.loss > 0 && self.dice.one_in(200) {
                let delay = self.delay();
                self.at(delay, peer, Ev::Deliver(message.clone()));
            }
        }
    }
}
