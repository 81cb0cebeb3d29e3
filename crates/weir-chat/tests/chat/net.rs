//! Nodes of a cluster on virtual time: houses with a relay each, one table in place of Redis, and a network that delays,
//! loses and is cut.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};
use weir_base::Clock;
use weir_chat::bus::relay::Output;
use weir_chat::bus::table::Table;
use weir_chat::bus::{Call, Reply};
use weir_chat::desk::{self, Ordered, Wanted};
use weir_chat::{
    ChatConfig, Denied, Encoding, GroupName, House, Lane, Newcomer, Relay, RelayConfig, Said, Slice,
};

use crate::kit::{self, Pipe, Told};

/// Microseconds of a step.
pub(crate) const STEP_US: i64 = 10_000;
/// What a node says of who is there is old after so long.
const ONLINE_MS: i64 = 10_000;

pub(crate) struct Node {
    pub(crate) house: Arc<House>,
    pub(crate) relay: Arc<Relay>,
    pub(crate) slice: Slice<Pipe>,
    /// Groups whose messages come here, by this connection.
    listens: HashSet<GroupName>,
    connection: u64,
    is_connected: bool,
    /// Nothing comes through.
    pub(crate) is_cut: bool,
    /// When the last thing comes that is on its way here: a connection keeps the order.
    last_us: i64,
    next_tick_us: i64,
    unread: BTreeMap<usize, Vec<Told>>,
}

/// Something on its way.
enum Way {
    /// To the table.
    Ask(usize, Call),
    /// From the table.
    Answer(usize, u64, Reply),
    /// By a node, to who listens.
    Publish(GroupName, Vec<u8>),
    /// To a node, by this connection.
    Message(usize, u64, GroupName, Vec<u8>),
    /// A node listens.
    Listening(usize, u64, GroupName),
}

pub(crate) struct Net {
    pub(crate) clock: Clock,
    pub(crate) nodes: Vec<Node>,
    pub(crate) table: Table,
    ways: BTreeMap<(i64, u64), Way>,
    next: u64,
    random: u64,
    /// Of a thousand messages, so many are lost without a word.
    pub(crate) lost_of_1000: usize,
    /// The table answers nothing.
    pub(crate) is_down: bool,
    pub(crate) listened: usize,
}

impl Net {
    pub(crate) fn new(nodes: usize, config: &ChatConfig, seed: u64) -> Self {
        let clock = Clock::manual(kit::WALL_US);
        let node = |number: usize| {
            let relay = Arc::new(Relay::new(RelayConfig {
                shards: 1,
                is_json: number % 2 == 1,
                node: format!("n{number}").into(),
            }));
            let config = ChatConfig {
                entries_per_tick: 0,
                ..config.clone()
            };
            let house = kit::house(config, &clock, relay.clone());
            Node {
                slice: Slice::new(house.clone(), || {}),
                house,
                relay,
                listens: HashSet::new(),
                connection: 0,
                is_connected: false,
                is_cut: false,
                last_us: 0,
                next_tick_us: 0,
                unread: BTreeMap::new(),
            }
        };
        Self {
            nodes: (0..nodes).map(node).collect(),
            clock,
            table: Table::new(config.history_posts, ONLINE_MS),
            ways: BTreeMap::new(),
            next: 0,
            random: seed,
            lost_of_1000: 0,
            is_down: false,
            listened: 0,
        }
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }

    /// A member of a node that greets; its key there.
    pub(crate) fn member(&mut self, node: usize, token: &str, groups: &Value) -> usize {
        let slice = &mut self.nodes[node].slice;
        let key = slice.arrive(Newcomer {
            carrier: Pipe::default(),
            encoding: Encoding::Json,
            presented: None,
            number: format!("{node}"),
            greeting: Vec::new(),
        });
        let mut hello = json!({ "i": 1, "c": "hi", "g": groups });
        if !token.is_empty() {
            hello["tk"] = token.into();
        }
        self.say(node, key, &hello);
        key
    }

    pub(crate) fn say(&mut self, node: usize, key: usize, command: &Value) {
        let slice = &mut self.nodes[node].slice;
        slice.hear(key, Said::Text(&command.to_string()));
    }

    /// What a member was told since the last time.
    pub(crate) fn told(&mut self, node: usize, key: usize) -> Vec<Told> {
        let Node { slice, unread, .. } = &mut self.nodes[node];
        for gone in slice.take_gone() {
            let mut taken = gone.carrier.taken;
            unread
                .entry(gone.key)
                .or_default()
                .extend(kit::read(&mut taken));
        }
        let mut told = unread.remove(&key).unwrap_or_default();
        if let Some(pipe) = slice.carrier_mut(key) {
            told.extend(kit::read(&mut pipe.taken));
        }
        let is_pinged = told.contains(&Told::Ping);
        if is_pinged {
            slice.hear(key, Said::Text(""));
        }
        told
    }

    pub(crate) fn lines(&mut self, node: usize, key: usize) -> Vec<Value> {
        let told = self.told(node, key).into_iter();
        told.filter_map(|told| match told {
            Told::Line(line) => Some(line),
            _ => None,
        })
        .collect()
    }

    /// What a member is answered within two seconds.
    pub(crate) fn ask(&mut self, node: usize, key: usize, command: &Value) -> Value {
        self.say(node, key, command);
        let mut seen = Vec::new();
        for _ in 0..200 {
            self.step();
            let lines = self.lines(node, key);
            if let Some(line) = lines.iter().find(|line| line["i"] == command["i"]) {
                return line.clone();
            }
            seen.extend(lines);
        }
        panic!("no answer to {command}: {seen:?}");
    }

    /// Posts in the name of the site, by a node.
    pub(crate) fn post(
        &mut self,
        node: usize,
        group: &str,
        (lane, body, once): (Lane, &str, Option<&str>),
        answer: impl FnOnce(Result<(u64, String, String), Denied>) + Send + 'static,
    ) {
        let ordered = Ordered {
            wanted: Wanted {
                kind: "x",
                body,
                once,
            },
            lane: Some(lane),
            from: None,
            wants_receipt: false,
        };
        let group = GroupName::new(group).unwrap();
        let answer = Box::new(move |result: Result<Option<weir_chat::Placed>, Denied>| {
            let place = |placed: weir_chat::Placed| {
                let offset = placed.post.offset.unwrap_or(0);
                (offset, placed.epoch.to_string(), placed.post.id.to_string())
            };
            answer(result.map(|placed| place(placed.unwrap())));
        });
        desk::publish_ordered(&self.nodes[node].house, &group, &ordered, answer).unwrap();
    }

    /// A node loses its connection, and all that was on its way.
    pub(crate) fn cut(&mut self, node: usize) {
        let of = &mut self.nodes[node];
        if of.is_connected {
            of.is_connected = false;
            of.listens.clear();
            of.connection += 1;
            of.relay.lost(0);
        }
    }

    pub(crate) fn steps(&mut self, steps: usize) {
        for _ in 0..steps {
            self.step();
        }
    }

    /// Time goes by, and what is due comes.
    pub(crate) fn step(&mut self) {
        self.clock.advance_us(STEP_US);
        let now_us = self.clock.now_us();
        for number in 0..self.nodes.len() {
            let away = self.is_down || self.nodes[number].is_cut;
            if away {
                self.cut(number);
            } else if !self.nodes[number].is_connected && self.below(20) == 0 {
                let node = &mut self.nodes[number];
                node.is_connected = true;
                node.relay.connected(&node.house, 0);
            }
            let node = &mut self.nodes[number];
            if now_us >= node.next_tick_us {
                let wait_us = if node.relay.is_busy() {
                    83_333
                } else {
                    1_000_000
                };
                node.next_tick_us = now_us + wait_us;
                node.relay.tick(&node.house);
            } else if node.relay.is_busy() {
                node.next_tick_us = node.next_tick_us.min(now_us + 83_333);
            }
            self.carry_out(number);
        }
        while let Some(entry) = self.ways.first_entry()
            && entry.key().0 <= now_us
        {
            let way = entry.remove();
            self.comes(way);
        }
        for number in 0..self.nodes.len() {
            self.carry_out(number);
            self.nodes[number].slice.turn();
        }
    }

    fn carry_out(&mut self, number: usize) {
        for output in self.nodes[number].relay.poll() {
            let wait_us = 1_000 + self.below(15_000) as i64;
            match output {
                Output::Call(call) => self.goes(wait_us, Way::Ask(number, call)),
                Output::Publish { group, message, .. } => {
                    if !self.is_away(number) {
                        self.goes(wait_us, Way::Publish(group, message));
                    }
                }
                Output::Listen { group, .. } => {
                    let connection = self.nodes[number].connection;
                    self.goes(wait_us, Way::Listening(number, connection, group));
                }
                Output::Leave { group, .. } => {
                    self.nodes[number].listens.remove(&group);
                }
            }
        }
    }

    fn is_away(&self, node: usize) -> bool {
        self.is_down || self.nodes[node].is_cut
    }

    fn goes(&mut self, wait_us: i64, way: Way) {
        self.next += 1;
        self.ways
            .insert((self.clock.now_us() + wait_us, self.next), way);
    }

    fn comes(&mut self, way: Way) {
        match way {
            Way::Ask(node, call) => {
                let wait_us = 1_000 + self.below(15_000) as i64;
                if self.is_away(node) {
                    return self.goes(300_000, Way::Answer(node, call.id, Reply::Away));
                }
                let now_ms = self.clock.wall_ms();
                let (reply, message) = self.table.answer(&format!("n{node}"), &call.op, now_ms);
                if let Some((group, message)) = message {
                    self.tell(&group, &message);
                }
                // It was done, and nobody is told.
                let is_lost = self.below(1_000) < self.lost_of_1000;
                let (wait_us, reply) = if is_lost {
                    (300_000, Reply::Away)
                } else {
                    (wait_us, reply)
                };
                self.goes(wait_us, Way::Answer(node, call.id, reply));
            }
            Way::Answer(node, call, reply) => {
                let reply = if self.is_away(node) {
                    Reply::Away
                } else {
                    reply
                };
                let Node { relay, house, .. } = &self.nodes[node];
                relay.answer(house, call, reply);
            }
            Way::Publish(group, message) => {
                if !self.is_down {
                    self.tell(&group, &message);
                }
            }
            Way::Message(node, connection, group, message) => {
                let of = &self.nodes[node];
                if of.connection == connection && of.is_connected {
                    of.relay.heard(&of.house, group.as_str(), &message);
                }
            }
            Way::Listening(node, connection, group) => {
                self.listened += 1;
                let of = &mut self.nodes[node];
                if of.connection == connection && of.is_connected {
                    of.listens.insert(group.clone());
                    of.relay.listening(&of.house, group.as_str());
                }
            }
        }
    }

    fn tell(&mut self, group: &GroupName, message: &[u8]) {
        let now_us = self.clock.now_us();
        for number in 0..self.nodes.len() {
            let wait_us = 1_000 + self.below(30_000) as i64;
            let is_lost = self.below(1_000) < self.lost_of_1000;
            let node = &mut self.nodes[number];
            if is_lost || !node.listens.contains(group) {
                continue;
            }
            node.last_us = node.last_us.max(now_us + wait_us);
            let (at_us, connection) = (node.last_us, node.connection);
            let way = Way::Message(number, connection, group.clone(), message.to_vec());
            self.goes(at_us - now_us, way);
        }
    }
}
