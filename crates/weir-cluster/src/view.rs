//! What this node believes of all nodes and streams, indexed for the questions that are asked of it.
//!
//! Fed by messages ([`View::apply`]) and time ([`View::tick`]); nothing here asks the store. Time is
//! this process's monotonic clock: when a message came, never what another clock says.

mod changes;
mod index;
mod node;
mod whereabouts;

use std::collections::{HashMap, VecDeque};

pub use changes::Changes;
pub use index::NodeRef;
pub use node::{Fill, Health, Node};
pub use whereabouts::Whereabouts;

use crate::limits::{ASKED_AT_ONCE, NODES, STREAMS};
use crate::message::{Body, Message};
use crate::name::{LeaseKey, Name};
use crate::record::{NodeRecord, Role, StreamRecord};
use crate::report::{Reported, Reports, StreamReport};
use index::Groups;
use node::Applied;

/// Goodbyes remembered: late words come within seconds.
const DEPARTED: usize = 256;

/// When a node is believed dead, and what is full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewConfig {
    /// Between two beats of a node, milliseconds.
    pub heartbeat_ms: i64,
    /// Without a word for so long a node gets nothing new, milliseconds.
    pub late_ms: i64,
    /// Without a word for so long it is gone, milliseconds.
    pub dead_ms: i64,
    /// A node this full, in thousandths, is chosen only when no other is left.
    pub full_permille: u64,
    /// A full node that has come down to this is chosen again.
    pub free_permille: u64,
}

impl Default for ViewConfig {
    fn default() -> Self {
        Self {
            heartbeat_ms: 2_000,
            late_ms: 5_000,
            dead_ms: 8_000,
            full_permille: 850,
            free_permille: 700,
        }
    }
}

/// The local view.
#[derive(Debug)]
pub struct View {
    config: ViewConfig,
    me: Name,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashMap<Name, u32>,
    groups: Groups,
    streams: HashMap<LeaseKey, Entry>,
    /// Lives that said goodbye; a late word of theirs raises nobody.
    departed: VecDeque<(Name, u64)>,
    doubt_since_us: Option<i64>,
    frozen: bool,
    highest_epoch: u64,
    reports: Reports,
    changes: Changes,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    node: Option<Node>,
}

/// Who owns and who carries one stream.
#[derive(Debug, Default)]
struct Entry {
    /// Slot and epoch; more than one only until the store has decided.
    owners: Vec<(u32, u64)>,
    carriers: Vec<u32>,
}

impl View {
    /// Of the node `me`, who knows nobody yet.
    pub fn new(config: ViewConfig, me: Name) -> Self {
        Self {
            config,
            me,
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::new(),
            groups: Groups::default(),
            streams: HashMap::new(),
            departed: VecDeque::new(),
            doubt_since_us: None,
            frozen: false,
            highest_epoch: 0,
            reports: Reports::default(),
            changes: Changes::default(),
        }
    }

    /// What a message says, from the bus or this node's own.
    pub fn apply(&mut self, message: &Message, now_us: i64) {
        if message.body == Body::Unknown || self.is_departed(&message.from, message.boot) {
            return;
        }
        if message.body == Body::Bye {
            if self
                .find(&message.from)
                .is_some_and(|node| node.boot == message.boot)
            {
                self.remove(&message.from);
                if self.departed.len() >= DEPARTED {
                    self.departed.pop_front();
                }
                self.departed
                    .push_back((message.from.clone(), message.boot));
            }
            return;
        }
        let Some(slot) = self.slot_for(&message.from, message.boot, now_us) else {
            return;
        };
        let Some(mut node) = self.take(slot) else {
            return;
        };
        let effects = node.apply(message, &self.config, now_us);
        self.put(slot, node);
        self.follow(slot, effects);
        if let Body::Reports { reports } = &message.body {
            self.believe(reports, now_us);
        }
    }

    /// A life of another node is known to be over, sooner than its silence would tell. If it beats all the
    /// same, it is a node like any other whose state has to be asked for.
    pub fn believe_gone(&mut self, id: &Name, boot: u64) {
        let is_it = self.find(id).is_some_and(|node| node.boot == boot);
        if is_it && *id != self.me {
            self.remove(id);
        }
    }

    /// Reports from the store, or made to this node.
    pub fn believe(&mut self, reports: &[StreamReport], now_us: i64) {
        for report in reports {
            self.reports.apply(report, now_us);
            self.changes.add(&report.key);
        }
    }

    /// A node and its streams from the store, where this node has not heard of it on the bus.
    pub fn seed(&mut self, record: NodeRecord, streams: Vec<StreamRecord>, now_us: i64) {
        if self.by_id.contains_key(&record.id) || self.is_departed(&record.id, record.boot) {
            return;
        }
        let Some(slot) = self.slot_for(&record.id.clone(), record.boot, now_us) else {
            return;
        };
        let Some(mut node) = self.take(slot) else {
            return;
        };
        let effects = node.seed(record, streams, &self.config);
        self.put(slot, node);
        self.follow(slot, effects);
    }

    /// Time passes. `bus_ok` is whether this node's own messages come back: while they do not, it is
    /// this node that is cut off, and everybody else stays as last seen.
    pub fn tick(&mut self, bus_ok: bool, now_us: i64) {
        self.reports.tick(now_us);
        if !bus_ok {
            self.frozen = true;
            return;
        }
        if std::mem::take(&mut self.frozen) {
            for node in self.slots.iter_mut().filter_map(|slot| slot.node.as_mut()) {
                node.seen_us = now_us;
            }
            self.doubt_since_us = None;
        }
        let overdue = self.overdue(now_us);
        if self.is_doubted(overdue, now_us) {
            return;
        }
        let (late_us, dead_us) = (self.config.late_ms * 1000, self.config.dead_ms * 1000);
        let mut dead = Vec::new();
        for node in self.slots.iter_mut().filter_map(|slot| slot.node.as_mut()) {
            let age_us = if node.id == self.me {
                0
            } else {
                now_us.saturating_sub(node.seen_us)
            };
            node.health = if age_us > late_us {
                Health::Late
            } else {
                Health::Alive
            };
            if age_us > dead_us {
                dead.push(node.id.clone());
            }
        }
        for id in dead {
            self.remove(&id);
        }
    }

    /// Nodes whose state is known to be incomplete, to be asked now; each at most every half
    /// heartbeat, and not before a late message had time to come.
    pub fn to_ask(&mut self, now_us: i64) -> Vec<Name> {
        let heartbeat_us = self.config.heartbeat_ms * 1000;
        let me = &self.me;
        let nodes = self.slots.iter_mut().filter_map(|slot| slot.node.as_mut());
        let wanting =
            nodes.filter(|node| node.id != *me && node.wants_asking(heartbeat_us, now_us));
        wanting
            .take(ASKED_AT_ONCE)
            .map(|node| {
                node.asked_us = now_us;
                node.id.clone()
            })
            .collect()
    }

    /// Streams whose whereabouts have changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// A node by its id.
    pub fn find(&self, id: &Name) -> Option<&Node> {
        self.node_at(*self.by_id.get(id)?)
    }

    /// A node by what [`View::reference`] gave; `None` when it has gone since.
    pub fn node(&self, at: NodeRef) -> Option<&Node> {
        let slot = self.slots.get(at.slot as usize)?;
        slot.node
            .as_ref()
            .filter(|_| slot.generation == at.generation)
    }

    /// A short name for a node, good until it goes.
    pub fn reference(&self, id: &Name) -> Option<NodeRef> {
        self.by_id.get(id).and_then(|slot| self.ref_at(*slot))
    }

    /// All nodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.slots.iter().filter_map(|slot| slot.node.as_ref())
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether nobody is known.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Nodes with this role; of this region and this ISP where those are given.
    pub fn with_role<'a>(
        &'a self,
        role: Role,
        region: Option<&Name>,
        isp: Option<&Name>,
    ) -> impl Iterator<Item = &'a Node> {
        self.group(role, region, isp)
            .iter()
            .filter_map(|slot| self.node_at(*slot))
    }

    /// Who owns a stream: of several claims the one with the highest epoch, and among those that the
    /// store has not confirmed the first by name, until it has.
    pub fn owner(&self, key: &LeaseKey) -> Option<&StreamRecord> {
        let owners = self.streams.get(key)?.owners.iter();
        let nodes = owners.filter_map(|(slot, epoch)| Some((*epoch, self.node_at(*slot)?)));
        let best = nodes.max_by(|(e1, n1), (e2, n2)| e1.cmp(e2).then_with(|| n2.id.cmp(&n1.id)))?;
        best.1.owns.get(key)
    }

    /// Who pulls a stream and can serve it.
    pub fn carriers(&self, key: &LeaseKey) -> impl Iterator<Item = &Node> {
        self.carrier_slots(key)
            .iter()
            .filter_map(|slot| self.node_at(*slot))
    }

    /// Where somebody last said that a stream is, on a server that is not weir. As of the last tick.
    pub fn reported(&self, key: &LeaseKey) -> Option<&Reported> {
        self.reports.find(key)
    }

    /// Whether streams are reported on this host at more than one port.
    pub fn has_several_servers(&self, ip: &str) -> bool {
        self.reports.has_several_servers(ip)
    }

    /// Whether a report of this stream would be believed: there is a bound on how many are.
    pub fn has_room_for_report(&self, key: &LeaseKey) -> bool {
        self.reports.has_room_for(key)
    }

    /// Streams that are reported.
    pub fn reported_count(&self) -> usize {
        self.reports.len()
    }

    /// Streams that are owned or carried somewhere.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// The highest epoch heard of.
    pub fn highest_epoch(&self) -> u64 {
        self.highest_epoch
    }

    /// Whether this node is cut off and shows what it last saw.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether half of the nodes have just fallen silent, which is not believed yet.
    pub fn is_doubting(&self) -> bool {
        self.doubt_since_us.is_some()
    }

    /// How it decides.
    pub fn config(&self) -> &ViewConfig {
        &self.config
    }

    pub(crate) fn carrier_slots(&self, key: &LeaseKey) -> &[u32] {
        self.streams.get(key).map_or(&[], |entry| &entry.carriers)
    }

    pub(crate) fn group(&self, role: Role, region: Option<&Name>, isp: Option<&Name>) -> &[u32] {
        self.groups.of(role, region, isp)
    }

    pub(crate) fn node_at(&self, slot: u32) -> Option<&Node> {
        self.slots.get(slot as usize)?.node.as_ref()
    }

    pub(crate) fn ref_at(&self, slot: u32) -> Option<NodeRef> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(NodeRef { slot, generation })
    }

    fn overdue(&self, now_us: i64) -> usize {
        let late_us = self.config.late_ms * 1000;
        let is = |node: &&Node| node.id != self.me && now_us.saturating_sub(node.seen_us) > late_us;
        self.nodes().filter(is).count()
    }

    /// Half of the others at once: more likely a fault of what stands between than of them all.
    fn is_doubted(&mut self, overdue: usize, now_us: i64) -> bool {
        let others = self.nodes().filter(|node| node.id != self.me).count();
        if overdue == 0 || overdue * 2 < others {
            self.doubt_since_us = None;
            return false;
        }
        let since_us = *self.doubt_since_us.get_or_insert(now_us);
        now_us.saturating_sub(since_us) < self.config.heartbeat_ms * 1000
    }

    /// The slot of a node in this life; a new life begins empty, an old one has none.
    fn slot_for(&mut self, id: &Name, boot: u64, now_us: i64) -> Option<u32> {
        if let Some(slot) = self.by_id.get(id).copied() {
            let mut node = self.take(slot)?;
            let known = node.boot == boot || !node.retired.contains(&boot);
            let old = (node.boot != boot && known).then(|| node.begin_life(boot, now_us));
            self.put(slot, node);
            if let Some(effects) = old {
                self.follow(slot, effects);
            }
            return known.then_some(slot);
        }
        if self.by_id.len() >= NODES {
            return None;
        }
        let node = Some(Node::new(id.clone(), boot, now_us));
        let slot = match self.free.pop() {
            Some(slot) => {
                let place = self.slots.get_mut(slot as usize)?;
                place.node = node;
                slot
            }
            None => {
                self.slots.push(Slot {
                    generation: 0,
                    node,
                });
                u32::try_from(self.slots.len() - 1).ok()?
            }
        };
        self.by_id.insert(id.clone(), slot);
        Some(slot)
    }

    fn remove(&mut self, id: &Name) {
        let Some(slot) = self.by_id.remove(id) else {
            return;
        };
        let Some(mut node) = self.take(slot) else {
            return;
        };
        let effects = node.begin_life(0, 0);
        self.follow(slot, effects);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.generation = place.generation.wrapping_add(1);
            self.free.push(slot);
        }
    }

    /// Whether it said goodbye. Who was only believed dead and beats again is alive.
    fn is_departed(&self, id: &Name, boot: u64) -> bool {
        self.departed.iter().any(|(i, b)| *b == boot && i == id)
    }

    fn take(&mut self, slot: u32) -> Option<Node> {
        self.slots.get_mut(slot as usize)?.node.take()
    }

    fn put(&mut self, slot: u32, node: Node) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.node = Some(node);
        }
    }

    /// Keeps the indices true to what a node's change was.
    fn follow(&mut self, slot: u32, applied: Vec<Applied>) {
        for one in applied {
            if let Some(key) = one.key() {
                self.changes.add(key);
            }
            match one {
                Applied::Groups(old, new) => self.groups.change(slot, old, new),
                Applied::Owns(key, epoch) => {
                    self.highest_epoch = self.highest_epoch.max(epoch);
                    if let Some(entry) = self.entry(key) {
                        entry.owners.retain(|(s, _)| *s != slot);
                        entry.owners.push((slot, epoch));
                    }
                }
                Applied::Carries(key) => {
                    if let Some(entry) = self.entry(key) {
                        entry.carriers.push(slot);
                    }
                }
                Applied::Ends(key) => {
                    self.leave(&key, |entry| entry.owners.retain(|(s, _)| *s != slot));
                }
                Applied::Drops(key) => {
                    self.leave(&key, |entry| entry.carriers.retain(|s| *s != slot));
                }
            }
        }
    }

    fn entry(&mut self, key: LeaseKey) -> Option<&mut Entry> {
        if self.streams.len() >= STREAMS && !self.streams.contains_key(&key) {
            return None;
        }
        Some(self.streams.entry(key).or_default())
    }

    fn leave(&mut self, key: &LeaseKey, act: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.streams.get_mut(key) else {
            return;
        };
        act(entry);
        if entry.owners.is_empty() && entry.carriers.is_empty() {
            self.streams.remove(key);
        }
    }
}
