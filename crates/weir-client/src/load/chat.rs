//! Many members of chat rooms and some who post: what came, what was left out, what was lost, and what it cost.
//!
//! One thread owns all members. Every post says who posted it, its number and when, so that loss, order and
//! repetition are counted for each member, and its age is known. Beside it, in the same run, a bare loop of `send`
//! of as many bytes: the floor.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};
use weir_base::Clock;
use weir_base::process::{own_cpu_s, usage};
use weir_link::url::HttpUrl;
use weir_proto::ws::{Event, Opcode, WsDecoder, WsLimits, put_masked_frame};

use super::report::spread;
use crate::ws::base64_key::random_key;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes of the largest message taken.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Microseconds after the last post in which the last ones still come.
const REST_US: i64 = 2_000_000;
/// Microseconds in which all are to be let in.
const GREETING_US: i64 = 30_000_000;
/// Connections of the floor, and sends over each.
const FLOOR_CONNECTIONS: usize = 200;
const FLOOR_ROUNDS: usize = 200;

/// What is done.
#[derive(Debug, Clone)]
pub struct ChatLoad {
    /// The gateway; its server runs with `chat.guests=write`, and takes so many connections from here.
    pub url: HttpUrl,
    /// Members that listen.
    pub members: usize,
    /// Rooms they are in, as many in each.
    pub rooms: usize,
    /// Members that post, once a second each, one room after the other.
    pub posters: usize,
    /// Bytes of a message's text.
    pub bytes: usize,
    /// Seconds of posting.
    pub seconds: f64,
    /// The server's process on this machine.
    pub pid: Option<u32>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct ChatResult {
    /// Posts that the server took.
    pub posted: u64,
    /// Posts that it refused.
    pub refused: u64,
    /// Posts that members got.
    pub delivered: u64,
    /// Posts that members were told they did not get.
    pub skipped: u64,
    /// Posts that members neither got nor were told of.
    pub lost: i64,
    /// Posts that came again, or behind a later one of the same poster.
    pub disordered: u64,
    /// From being posted to being heard.
    pub ages_us: Vec<i64>,
    /// Processor seconds of the server, where it could be looked at.
    pub server_cpu_s: Option<f64>,
    /// Processor seconds of this side.
    pub own_cpu_s: f64,
    /// Processor seconds of a million bare sends of a message of this size.
    pub floor_cpu_s: f64,
}

struct Member {
    socket: mio::net::TcpStream,
    frames: WsDecoder,
    room: usize,
    /// The latest number heard of each poster, one more.
    heard: Vec<u32>,
}

struct Crowd {
    members: Vec<Member>,
    clock: Clock,
    listeners: usize,
    buffer: Vec<u8>,
    result: ChatResult,
    /// Taken posts of each room.
    of_room: Vec<u64>,
    /// Members that were let in.
    greeted: usize,
    asked: HashMap<(usize, u64), usize>,
}

/// Does it.
///
/// # Errors
/// Where the gateway does not let in.
pub fn chat_load(plan: &ChatLoad) -> anyhow::Result<ChatResult> {
    let (rooms, clock) = (plan.rooms.max(1), Clock::real());
    let mut poll = Poll::new()?;
    let mut members = Vec::new();
    for number in 0..plan.members + plan.posters {
        let room = number % rooms;
        let groups: Vec<_> = match number < plan.members {
            true => vec![room],
            false => (0..rooms).collect(),
        };
        let mut socket = enter(&plan.url, &groups).context("a member cannot enter")?;
        let interest = Interest::READABLE;
        poll.registry()
            .register(&mut socket, Token(number), interest)?;
        let limits = WsLimits {
            max_message_bytes: MAX_MESSAGE_BYTES,
            max_text_bytes: MAX_MESSAGE_BYTES,
            ..WsLimits::default()
        };
        members.push(Member {
            socket,
            frames: WsDecoder::client(limits),
            room,
            heard: vec![0; plan.posters],
        });
    }
    let mut crowd = Crowd {
        members,
        clock,
        listeners: plan.members,
        buffer: vec![0; READ_BYTES],
        result: ChatResult::default(),
        of_room: vec![0; rooms],
        greeted: 0,
        asked: HashMap::new(),
    };
    let before = (plan.pid.and_then(usage), own_cpu_s());
    crowd.run(plan, &mut poll)?;
    let after = plan.pid.and_then(usage);
    let cpu = before
        .0
        .zip(after)
        .map(|(before, after)| after.cpu_s - before.cpu_s);
    let mut result = crowd.result;
    result.server_cpu_s = cpu;
    result.own_cpu_s = own_cpu_s() - before.1;
    let wanted: i64 = crowd
        .members
        .iter()
        .take(plan.members)
        .map(|member| {
            i64::try_from(crowd.of_room.get(member.room).copied().unwrap_or(0)).unwrap_or(i64::MAX)
        })
        .sum();
    let got = i64::try_from(result.delivered + result.skipped).unwrap_or(i64::MAX);
    result.lost = wanted - got;
    result.floor_cpu_s = floor(plan.bytes)?;
    Ok(result)
}

impl Crowd {
    fn run(&mut self, plan: &ChatLoad, poll: &mut Poll) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let patience_us = self.clock.now_us() + GREETING_US;
        while self.greeted < self.members.len() {
            if self.clock.now_us() > patience_us {
                bail!(
                    "{} of {} members were let in",
                    self.greeted,
                    self.members.len()
                );
            }
            poll.poll(&mut events, Some(std::time::Duration::from_millis(20)))?;
            for event in &events {
                self.read(event.token().0)?;
            }
        }
        let start_us = self.clock.now_us();
        let end_us = start_us + (plan.seconds * 1e6) as i64;
        let every_us = 1_000_000 / i64::try_from(plan.posters.max(1)).unwrap_or(1);
        let mut next = 0_i64;
        loop {
            let now_us = self.clock.now_us();
            if now_us > end_us + REST_US {
                return Ok(());
            }
            while now_us < end_us && start_us + next * every_us <= now_us && plan.posters > 0 {
                self.post(plan, usize::try_from(next).unwrap_or(0))?;
                next += 1;
            }
            poll.poll(&mut events, Some(std::time::Duration::from_millis(2)))?;
            for event in &events {
                self.read(event.token().0)?;
            }
        }
    }

    fn post(&mut self, plan: &ChatLoad, number: usize) -> anyhow::Result<()> {
        let poster = number % plan.posters;
        let (turn, room) = (number / plan.posters, number % self.of_room.len());
        let mut text = format!("{poster}.{turn}.{}.", self.clock.now_us());
        while text.len() < plan.bytes {
            text.push('x');
        }
        let i = turn as u64 + 2;
        let line = json!({ "i": i, "c": "pub", "g": room_name(room), "d": { "m": text } });
        self.asked.insert((poster, i), room);
        let member = self.members.get_mut(plan.members + poster);
        let member = member.context("no such poster")?;
        send(&mut member.socket, line.to_string().as_bytes())
    }

    fn read(&mut self, number: usize) -> anyhow::Result<()> {
        loop {
            let Some(member) = self.members.get_mut(number) else {
                return Ok(());
            };
            let read = match member.socket.read(&mut self.buffer) {
                Ok(0) => bail!("the server let a member go"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let bytes = self.buffer.get(..read).unwrap_or_default().to_vec();
            let mut input = bytes.as_slice();
            loop {
                let Some(member) = self.members.get_mut(number) else {
                    return Ok(());
                };
                match member.frames.next(&mut input)? {
                    None => break,
                    Some(Event::Message { data, .. }) if data.is_empty() => {
                        send(&mut member.socket, b"")?;
                    }
                    Some(Event::Message { data, .. }) => {
                        for line in data.split(|byte| *byte == b'\n') {
                            self.hear(number, &serde_json::from_slice(line)?);
                        }
                    }
                    Some(Event::Close { code, reason }) => bail!("closed: {code:?} {reason}"),
                    Some(_) => {}
                }
            }
        }
    }

    fn hear(&mut self, number: usize, line: &Value) {
        let now_us = self.clock.now_us();
        if let Some(i) = line["i"].as_u64() {
            self.greeted += usize::from(i == 1);
            let room = self.asked.remove(&(number.wrapping_sub(self.listeners), i));
            match (
                room.and_then(|room| self.of_room.get_mut(room)),
                line.get("ok"),
            ) {
                (Some(count), Some(_)) => {
                    *count += 1;
                    self.result.posted += 1;
                }
                (Some(_), None) => self.result.refused += 1,
                (None, _) => {}
            }
            return;
        }
        let Some(member) = self
            .members
            .get_mut(number)
            .filter(|_| number < self.listeners)
        else {
            return;
        };
        match line["p"].as_str() {
            Some("skip") => self.result.skipped += line["n"].as_u64().unwrap_or(0),
            Some("m") => {
                let mut parts = line["d"]["m"].as_str().unwrap_or_default().split('.');
                let mut part = || parts.next().and_then(|part| part.parse::<i64>().ok());
                let (Some(poster), Some(turn), Some(at_us)) = (part(), part(), part()) else {
                    return;
                };
                self.result.delivered += 1;
                self.result.ages_us.push(now_us - at_us);
                let poster = usize::try_from(poster).unwrap_or(usize::MAX);
                let turn = u32::try_from(turn).unwrap_or(u32::MAX);
                if let Some(heard) = member.heard.get_mut(poster) {
                    self.result.disordered += u64::from(turn < *heard);
                    *heard = turn.saturating_add(1).max(*heard);
                }
            }
            _ => {}
        }
    }
}

impl ChatResult {
    /// For people and machines.
    pub fn report(&self, plan: &ChatLoad) -> Value {
        let millions = self.delivered as f64 / 1e6;
        json!({
            "members": plan.members,
            "rooms": plan.rooms,
            "posted": self.posted,
            "refused": self.refused,
            "delivered": self.delivered,
            "skipped": self.skipped,
            "lost": self.lost,
            "disordered": self.disordered,
            "age_ms": spread(&self.ages_us),
            "own_cpu_s": self.own_cpu_s,
            "server_cpu_s": self.server_cpu_s,
            "server_cpu_s_per_million": self.server_cpu_s.filter(|_| millions > 0.0).map(|cpu_s| cpu_s / millions),
            "send_floor_cpu_s_per_million": self.floor_cpu_s,
        })
    }
}

fn room_name(room: usize) -> String {
    format!("r:bench-{room}")
}

/// Connects and greets; what is heard before the answer is nobody's post yet.
fn enter(url: &HttpUrl, rooms: &[usize]) -> anyhow::Result<mio::net::TcpStream> {
    let mut socket = TcpStream::connect((url.host.as_str(), url.port))?;
    socket.set_nodelay(true)?;
    let (path, host, key) = (&url.path, url.authority(), random_key()?);
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: weir.json.1\r\n\r\n"
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        answer.extend_from_slice(&byte);
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        bail!("{host} has no chat at {path}");
    }
    let groups = rooms.iter().map(|room| (room_name(*room), Value::Null));
    let groups: serde_json::Map<_, _> = groups.collect();
    send(
        &mut socket,
        json!({ "i": 1, "c": "hi", "g": groups })
            .to_string()
            .as_bytes(),
    )?;
    socket.set_nonblocking(true)?;
    Ok(mio::net::TcpStream::from_std(socket))
}

fn send(socket: &mut impl Write, payload: &[u8]) -> anyhow::Result<()> {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask).context("no randomness")?;
    let mut out = Vec::new();
    put_masked_frame(&mut out, Opcode::Text, true, mask, payload);
    Ok(socket.write_all(&out)?)
}

/// Processor seconds of a million sends of so many bytes, one after the other over many connections, with somebody
/// who reads them.
fn floor(bytes: usize) -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let mut pairs = Vec::new();
    for _ in 0..FLOOR_CONNECTIONS {
        let sends = TcpStream::connect(address)?;
        sends.set_nodelay(true)?;
        let (reads, _) = listener.accept()?;
        pairs.push((sends, reads));
    }
    let message = vec![b'x'; bytes];
    let mut scratch = vec![0; bytes];
    let mut spent_ns = 0;
    for _ in 0..FLOOR_ROUNDS {
        let before_ns = thread_cpu_ns()?;
        for (sends, _) in &mut pairs {
            sends.write_all(&message)?;
        }
        spent_ns += thread_cpu_ns()? - before_ns;
        for (_, reads) in &mut pairs {
            reads.read_exact(&mut scratch)?;
        }
    }
    Ok(spent_ns as f64 / 1e9 / (FLOOR_CONNECTIONS * FLOOR_ROUNDS) as f64 * 1e6)
}

/// Nanoseconds that this thread was on the processor.
fn thread_cpu_ns() -> io::Result<u64> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = line
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse().ok());
    first.ok_or_else(|| ErrorKind::InvalidData.into())
}
