//! A house with loops and members whose sockets are made up: they take as many bytes as the test lets them.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::Arc;

use serde_json::Value;
use weir_base::Clock;
use weir_chat::desk::{self, Ordered, Wanted};
use weir_chat::{
    Alone, Bus, Bye, Carrier, ChatConfig, Denied, Deny, Doorman, Encoding, Framing, GroupName,
    House, Lane, Newcomer, Parts, Said, Slice, Standing, Who, limits,
};

/// Bytes in front of each message of the made-up framing: what it is, and how long.
const HEADER_BYTES: usize = 5;
pub(crate) const WALL_US: i64 = 1_790_000_000_000_000;

/// A made-up socket.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) taken: Vec<u8>,
    /// Bytes that it takes yet; `None` for all.
    pub(crate) room: Option<usize>,
    pub(crate) writes: usize,
}

impl Carrier for Pipe {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for slice in slices {
            let room = self.room.unwrap_or(usize::MAX);
            let part = slice.get(..room.min(slice.len())).unwrap_or_default();
            self.taken.extend_from_slice(part);
            written += part.len();
            if let Some(room) = &mut self.room {
                *room -= part.len();
            }
            if part.len() < slice.len() {
                break;
            }
        }
        if written == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.writes += 1;
        Ok(written)
    }
}

/// What a member was told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// A line of text, or the body of a record with its kind, lane and step.
    Line(Value),
    Record(u8, bool, u32, u64, Value),
    /// A sign of life.
    Ping,
    Close(u16),
}

/// Tokens of the test: `mod-ann` is a moderator, `user-bob` a user, `old` has expired.
pub(crate) struct Names;

impl Doorman for Names {
    fn who(&self, token: &str, _: i64) -> Result<Who, Denied> {
        let (standing, name) = match token.split_once('-') {
            Some(("mod", name)) => (Standing::Moderator, name),
            Some(("user", name)) => (Standing::User, name),
            _ if token == "old" => return Err(Deny::TokenExpired.into()),
            _ => return Err(Deny::Unauthenticated.into()),
        };
        Ok(Who {
            user: name.into(),
            name: name.to_uppercase().as_str().into(),
            standing,
            since_ms: WALL_US / 1_000,
            until_ms: None,
        })
    }
}

/// A house whose messages have the made-up framing.
pub(crate) fn house(config: ChatConfig, clock: &Clock, bus: Arc<dyn Bus>) -> Arc<House> {
    House::new(Parts {
        config,
        clock: clock.clone(),
        doorman: Arc::new(Names),
        bus,
        framing: Framing {
            header: |out, encoding, bytes| {
                out.push(if encoding == Encoding::Binary { 2 } else { 1 });
                out.extend_from_slice(&u32::try_from(bytes).unwrap().to_be_bytes());
            },
            close: |out, _, code, reason| {
                out.push(8);
                let bytes = u32::try_from(2 + reason.len()).unwrap();
                out.extend_from_slice(&bytes.to_be_bytes());
                out.extend_from_slice(&code.to_be_bytes());
                out.extend_from_slice(reason.as_bytes());
            },
        },
    })
}

/// A member: its loop and its key there.
pub(crate) type Key = (usize, usize);

pub(crate) struct World {
    pub(crate) house: Arc<House>,
    pub(crate) clock: Clock,
    pub(crate) slices: Vec<Slice<Pipe>>,
    unread: BTreeMap<Key, VecDeque<Told>>,
    /// Members that ended, and why.
    pub(crate) ended: BTreeMap<Key, Bye>,
    encodings: BTreeMap<Key, Encoding>,
    number: u32,
}

impl World {
    /// One in which nobody is told who comes in.
    pub(crate) fn new(loops: usize, config: ChatConfig) -> Self {
        let entries_per_tick = 0;
        Self::telling(
            loops,
            ChatConfig {
                entries_per_tick,
                ..config
            },
        )
    }

    pub(crate) fn telling(loops: usize, config: ChatConfig) -> Self {
        let clock = Clock::manual(WALL_US);
        let house = house(config, &clock, Arc::new(Alone));
        let slices = (0..loops)
            .map(|_| Slice::new(house.clone(), || {}))
            .collect();
        Self {
            house,
            clock,
            slices,
            unread: BTreeMap::new(),
            ended: BTreeMap::new(),
            encodings: BTreeMap::new(),
            number: 0,
        }
    }

    /// A connection that has said nothing.
    pub(crate) fn arrive(&mut self, slice: usize, encoding: Encoding) -> Key {
        self.collect();
        self.number += 1;
        let key = self.slices[slice].arrive(Newcomer {
            carrier: Pipe::default(),
            encoding,
            presented: None,
            number: format!("{:04}", self.number),
            greeting: Vec::new(),
        });
        self.ended.remove(&(slice, key));
        self.unread.remove(&(slice, key));
        self.encodings.insert((slice, key), encoding);
        (slice, key)
    }

    /// A member with a token (none for a guest) that greeted with these groups; what its greeting said.
    pub(crate) fn member(&mut self, slice: usize, token: &str, groups: &Value) -> (Key, Value) {
        self.member_of(slice, Encoding::Json, token, groups)
    }

    pub(crate) fn member_of(
        &mut self,
        slice: usize,
        encoding: Encoding,
        token: &str,
        groups: &Value,
    ) -> (Key, Value) {
        let key = self.arrive(slice, encoding);
        let mut hello = serde_json::json!({ "i": 1, "c": "hi", "g": groups });
        if !token.is_empty() {
            hello["tk"] = token.into();
        }
        let told = self.ask(key, &hello);
        (key, told)
    }

    /// Says something.
    pub(crate) fn say(&mut self, (slice, key): Key, line: &str) {
        match self.encodings[&(slice, key)] {
            Encoding::Json | Encoding::Events => self.slices[slice].hear(key, Said::Text(line)),
            Encoding::Binary => {
                let mut record = Vec::new();
                weir_chat::wire::record::put_command(&mut record, line);
                self.slices[slice].hear(key, Said::Binary(&record));
            }
        }
    }

    /// Says something, and waits for the reply.
    pub(crate) fn ask(&mut self, key: Key, command: &Value) -> Value {
        self.say(key, &command.to_string());
        let i = command["i"].as_u64().unwrap();
        for _ in 0..4 {
            self.turn();
            let unread = self.unread.entry(key).or_default();
            let place = unread.iter().position(|told| match told {
                Told::Line(line) | Told::Record(.., line) => line["i"] == i,
                _ => false,
            });
            if let Some(Told::Line(line) | Told::Record(.., line)) =
                place.and_then(|place| unread.remove(place))
            {
                return line;
            }
            self.clock.advance_us(limits::TICK_US);
        }
        panic!(
            "no reply to {command}: {:?} {:?}",
            self.unread[&key],
            self.ended.get(&key)
        );
    }

    /// One turn of each loop, at this moment.
    pub(crate) fn turn(&mut self) {
        for slice in &mut self.slices {
            slice.turn();
        }
        self.collect();
    }

    /// So many ticks.
    pub(crate) fn ticks(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.clock.advance_us(limits::TICK_US);
            self.turn();
        }
    }

    /// So many seconds, in which nobody is slow.
    pub(crate) fn seconds(&mut self, seconds: usize) {
        self.ticks(seconds * 12 + 1);
        self.house.sweep();
    }

    /// What a member was told since the last time.
    pub(crate) fn told(&mut self, key: Key) -> Vec<Told> {
        self.collect();
        self.unread.remove(&key).unwrap_or_default().into()
    }

    /// The lines among it.
    pub(crate) fn lines(&mut self, key: Key) -> Vec<Value> {
        let told = self.told(key).into_iter();
        told.filter_map(|told| match told {
            Told::Line(line) => Some(line),
            _ => None,
        })
        .collect()
    }

    /// Posts something in the name of the site.
    pub(crate) fn post(&self, group: &str, lane: Lane, kind: &str, body: &str) {
        let ordered = Ordered {
            wanted: Wanted {
                kind,
                body,
                once: None,
            },
            lane: Some(lane),
            from: None,
            wants_receipt: false,
        };
        let group = GroupName::new(group).unwrap();
        desk::publish_ordered(&self.house, &group, &ordered, Box::new(drop)).unwrap();
    }

    pub(crate) fn pipe(&mut self, (slice, key): Key) -> &mut Pipe {
        self.slices[slice].carrier_mut(key).unwrap()
    }

    /// The member's socket takes everything again.
    pub(crate) fn unblock(&mut self, key: Key) {
        self.pipe(key).room = None;
        self.slices[key.0].writable(key.1);
    }

    fn collect(&mut self) {
        for (number, slice) in self.slices.iter_mut().enumerate() {
            // A key may be given anew: what its last owner was told is read first.
            for key in slice.keys() {
                let pipe = slice.carrier_mut(key).unwrap();
                let told = read(&mut pipe.taken);
                self.unread.entry((number, key)).or_default().extend(told);
            }
            for mut gone in slice.take_gone() {
                let key = (number, gone.key);
                let told = read(&mut gone.carrier.taken);
                self.unread.entry(key).or_default().extend(told);
                self.ended.insert(key, gone.why);
            }
        }
    }
}

/// Takes whole messages off the front.
pub(crate) fn read(taken: &mut Vec<u8>) -> Vec<Told> {
    let mut told = Vec::new();
    while let Some((&[kind, a, b, c, d], rest)) = taken.split_first_chunk::<HEADER_BYTES>() {
        let bytes = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(payload) = rest.get(..bytes) else {
            break;
        };
        match kind {
            8 => told.push(Told::Close(u16::from_be_bytes([payload[0], payload[1]]))),
            _ if payload.is_empty() => told.push(Told::Ping),
            1 => {
                let text = std::str::from_utf8(payload).unwrap();
                // Events are lines with a word in front and an empty line behind.
                let lines = text
                    .split('\n')
                    .filter(|line| !line.is_empty())
                    .map(|line| line.strip_prefix("data: ").unwrap_or(line))
                    .map(|line| serde_json::from_str(line).unwrap());
                told.extend(lines.map(Told::Line));
            }
            _ => {
                let mut rest = payload;
                while let Some(record) = weir_chat::wire::record::take(&mut rest) {
                    let body = serde_json::from_slice(record.body).unwrap();
                    let (kind, is_hi) = (record.kind, record.is_hi);
                    told.push(Told::Record(kind, is_hi, record.handle, record.step, body));
                }
                assert!(rest.is_empty(), "bytes behind the last record");
            }
        }
        taken.drain(..HEADER_BYTES + bytes);
    }
    told
}
