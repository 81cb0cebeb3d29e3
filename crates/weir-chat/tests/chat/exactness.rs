//! Members that come, go, block and come back at random, in a house whose rooms never rest: every post of the hi lane
//! once and in order, every post of the lo lane got or counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_chat::{ChatConfig, Encoding, Lane, Said, limits};

use crate::kit::{Key, Told, World};

const LOOPS: usize = 3;
const ROOMS: [&str; 3] = ["r:1", "r:2", "r:live/three"];
const MEMBERS: usize = 24;
const STEPS: usize = 600;
/// Ticks a socket may be blocked: less than it is closed for.
const BLOCKED_TICKS: usize = 100;

/// What a client knows of one room.
#[derive(Debug, Default)]
struct Seen {
    offset: u64,
    epoch: String,
    /// Posts of the lo lane in the room when it came.
    lo_from: u64,
    lo: u64,
    skipped: u64,
    last_lo: Option<u64>,
}

struct Client {
    name: String,
    key: Option<Key>,
    encoding: Encoding,
    blocked_to_us: Option<i64>,
    rooms: BTreeMap<String, Seen>,
    handles: BTreeMap<u32, String>,
}

struct Run {
    world: World,
    random: u64,
    clients: Vec<Client>,
    hi: BTreeMap<&'static str, u64>,
    lo: BTreeMap<&'static str, u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let config = ChatConfig {
            history_posts: 10_000,
            lo_posts_per_tick: 6,
            ..ChatConfig::default()
        };
        let client = |number: usize| Client {
            name: format!("user-{number}"),
            key: None,
            encoding: Encoding::ALL[number % 3],
            blocked_to_us: None,
            rooms: BTreeMap::new(),
            handles: BTreeMap::new(),
        };
        Self {
            world: World::new(LOOPS, config),
            random: seed,
            clients: (0..MEMBERS).map(client).collect(),
            hi: BTreeMap::new(),
            lo: BTreeMap::new(),
        }
    }

    fn below(&mut self, most: usize) -> usize {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }

    fn step(&mut self) {
        for _ in 0..self.below(12) {
            let room = ROOMS[self.below(ROOMS.len())];
            let lane = Lane::ALL[self.below(4) / 3];
            let of_lane = if lane == Lane::Hi {
                &mut self.hi
            } else {
                &mut self.lo
            };
            let count = of_lane.entry(room).or_default();
            *count += 1;
            let body = format!("{{\"n\":{count}}}");
            self.world.post(room, lane, "x", &body);
            if self.below(3) == 0 {
                self.world.clock.advance_us(limits::TICK_US / 7);
                self.world.turn();
            }
        }
        for number in 0..self.clients.len() {
            let now_us = self.world.clock.now_us();
            match (self.clients[number].key, self.below(100)) {
                (None, 0..8) => self.comes(number),
                (Some(key), 0..2) => {
                    self.hears(number);
                    self.world.slices[key.0].lost(key.1);
                    self.clients[number].key = None;
                    self.clients[number].blocked_to_us = None;
                }
                (Some(key), 2..8) if self.clients[number].blocked_to_us.is_none() => {
                    let (room, ticks) = (self.below(400), self.below(BLOCKED_TICKS) as i64);
                    self.world.pipe(key).room = Some(room);
                    self.clients[number].blocked_to_us = Some(now_us + ticks * limits::TICK_US);
                }
                (Some(key), _)
                    if self.clients[number]
                        .blocked_to_us
                        .is_some_and(|to_us| to_us <= now_us) =>
                {
                    self.world.unblock(key);
                    self.clients[number].blocked_to_us = None;
                }
                _ => {}
            }
        }
        self.world.ticks(1);
        for number in 0..self.clients.len() {
            self.hears(number);
        }
    }

    /// A client comes, or comes back, when nothing waits for a tick: so it is known which posts it is to count.
    fn comes(&mut self, number: usize) {
        self.world.ticks(2);
        for number in 0..self.clients.len() {
            self.hears(number);
        }
        let slice = self.below(LOOPS);
        let client = &self.clients[number];
        let place = |room: &&str| {
            let seen = client.rooms.get(*room);
            let at = seen.map(|seen| json!({ "o": seen.offset, "e": seen.epoch }));
            ((*room).to_owned(), at.unwrap_or(Value::Null))
        };
        let groups: serde_json::Map<_, _> = ROOMS.iter().map(place).collect();
        let (encoding, name) = (client.encoding, client.name.clone());
        let (key, hello) = self.world.member_of(slice, encoding, &name, &groups.into());
        let client = &mut self.clients[number];
        client.key = Some(key);
        client.handles.clear();
        for room in ROOMS {
            let told = &hello["ok"]["g"][room];
            let handle = u32::try_from(told["h"].as_u64().unwrap()).unwrap();
            client.handles.insert(handle, room.to_owned());
            let is_new = !client.rooms.contains_key(room);
            let seen = client.rooms.entry(room.to_owned()).or_default();
            if is_new {
                seen.offset = told["o"].as_u64().unwrap();
                seen.epoch = told["e"].as_str().unwrap().to_owned();
            } else {
                assert_eq!(told["rec"], true, "{room}: {told}");
                for missed in told["ms"].as_array().into_iter().flatten() {
                    seen.takes(missed["o"].as_u64(), missed);
                }
                assert_eq!(seen.offset, told["o"].as_u64().unwrap());
            }
            seen.lo_from = self.lo.get(room).copied().unwrap_or(0);
            (seen.lo, seen.skipped, seen.last_lo) = (0, 0, None);
        }
    }

    fn hears(&mut self, number: usize) {
        let Some(key) = self.clients[number].key else {
            return;
        };
        assert_eq!(self.world.ended.get(&key), None, "{number} was let go");
        let told = self.world.told(key);
        if told.contains(&Told::Ping) {
            let sign = match self.clients[number].encoding {
                Encoding::Json | Encoding::Events => Said::Text(""),
                Encoding::Binary => Said::Binary(&[]),
            };
            self.world.slices[key.0].hear(key.1, sign);
        }
        let client = &mut self.clients[number];
        let mut offsets = BTreeMap::new();
        for told in told {
            let (room, offset, line) = match told {
                Told::Line(line) => (
                    line["g"].as_str().map(str::to_owned),
                    line["o"].as_u64(),
                    line,
                ),
                Told::Record(kind, is_hi, handle, step, mut line) => {
                    line["p"] = weir_chat::wire::PushKind::from_number(kind)
                        .unwrap()
                        .word()
                        .into();
                    let room = client.handles.get(&handle).cloned();
                    // A step counts from the record before it in the same message; here each has one post of a lane.
                    let last: &mut u64 = offsets.entry(handle).or_default();
                    let at = if step > *last { step } else { *last + step };
                    if is_hi {
                        *last = at;
                    }
                    (room, is_hi.then_some(at), line)
                }
                _ => continue,
            };
            let seen = room.and_then(|room| client.rooms.get_mut(&room));
            if let Some(seen) = seen {
                seen.takes(offset, &line);
            }
        }
    }
}

impl Seen {
    fn takes(&mut self, offset: Option<u64>, line: &Value) {
        match (line["p"].as_str().unwrap(), offset) {
            ("m", Some(offset)) => {
                assert_eq!(
                    offset,
                    self.offset + 1,
                    "in order, none left out, none twice"
                );
                assert_eq!(line["d"]["n"], offset);
                self.offset = offset;
            }
            ("m", None) => {
                let n = line["d"]["n"].as_u64();
                assert!(n > self.last_lo, "in order");
                self.last_lo = n;
                self.lo += 1;
            }
            ("skip", _) => self.skipped += line["n"].as_u64().unwrap(),
            _ => {}
        }
    }
}

/// Shows R82, R85, R86.
#[test]
fn every_gift_comes_once_and_in_order_and_every_message_comes_or_is_counted() {
    let (mut skipped, mut recovered) = (0, 0);
    for seed in 0..4 {
        let mut run = Run::new(seed);
        for _ in 0..STEPS {
            run.step();
        }
        for number in 0..run.clients.len() {
            if let Some(key) = run.clients[number].key {
                run.world.unblock(key);
            }
        }
        run.world.ticks(6);
        for number in 0..run.clients.len() {
            run.hears(number);
        }
        for client in run.clients.iter().filter(|client| client.key.is_some()) {
            for (room, seen) in &client.rooms {
                let (hi, lo) = (run.hi[room.as_str()], run.lo[room.as_str()]);
                assert_eq!(seen.offset, hi, "seed {seed}: {} in {room}", client.name);
                let counted = seen.lo_from + seen.lo + seen.skipped;
                assert_eq!(
                    counted, lo,
                    "seed {seed}: {} in {room}: {seen:?}",
                    client.name
                );
                skipped += seen.skipped;
            }
        }
        recovered += run.world.house.tally.recovered.get();
    }
    // It was worth the while.
    assert!(skipped > 300 && recovered > 300, "{skipped} {recovered}");
}
