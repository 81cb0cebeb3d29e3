//! Many members of chat rooms and some who post: what came, what was left out, what was lost, and what it cost.
//!
//! One thread owns all members. Every post says who posted it, its number and when, so that loss, order and
//! repetition are counted for each member, and its age is known. Beside it, in the same run, a bare loop of `send`
//! of as many bytes: the floor.

mod dialect;
mod floor;
mod mark;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};
use weir_base::Clock;
use weir_base::process::{own_cpu_s, usage};
use weir_link::url::HttpUrl;
use weir_proto::ws::{Event, Opcode, WsDecoder, WsLimits, put_masked_frame};

pub use dialect::Dialect;

use super::report::spread;
use crate::ws::base64_key::random_key;
use dialect::Answer;
use mark::{Mark, marks};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// Bytes of the largest message taken.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// Microseconds of silence after the last post after which nothing more comes.
const REST_US: i64 = 2_000_000;
/// Microseconds in which all are to be let in.
const GREETING_US: i64 = 30_000_000;
/// Connections of the floor at most: it needs both ends of each.
const FLOOR_CONNECTIONS: usize = 5_000;
/// Rooms that one connection is in at most.
const ROOMS_EACH: usize = 64;
/// The age of each post is noted by every so manieth member, so that who counts is not what is measured.
const AGES_OF: usize = 16;

/// What is done.
#[derive(Debug, Clone)]
pub struct ChatLoad {
    /// The gateway; its server runs with `chat.guests=write`, and takes so many connections from here.
    pub url: HttpUrl,
    /// What it speaks.
    pub dialect: Dialect,
    /// Members that listen.
    pub members: usize,
    /// Rooms they are in, as many in each.
    pub rooms: usize,
    /// Members that post, once a second each, one room after the other; in more than 64 rooms each in its own.
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
    /// Posts of which only who posted them got a copy; it is told of them with the others, too.
    pub shed: u64,
    /// Posts that members got, those who post among them.
    pub delivered: u64,
    /// Posts that members were told they did not get.
    pub skipped: u64,
    /// Posts that members neither got nor were told of.
    pub lost: i64,
    /// Posts that came again, or behind a later one of the same poster.
    pub disordered: u64,
    /// Bytes that members were sent.
    pub received_bytes: u64,
    /// From being posted to being heard, of one member in sixteen.
    pub ages_us: Vec<i64>,
    /// From the first connection until all were let in, seconds.
    pub joining_s: f64,
    /// Resident memory of the server before anybody came and when all were there, bytes.
    pub server_rss: Option<(u64, u64)>,
    /// Processor seconds of the server, where it could be looked at.
    pub server_cpu_s: Option<f64>,
    /// Processor seconds of this side.
    pub own_cpu_s: f64,
    /// Processor seconds of a million bare sends, to as many connections, of as many bytes as a post was here.
    pub floor_cpu_s: f64,
}

struct Member {
    socket: mio::net::TcpStream,
    frames: WsDecoder,
    is_greeted: bool,
    /// Its one room; none where it is in all.
    room: Option<usize>,
    /// The latest number heard of each poster, one more.
    heard: Vec<u32>,
}

struct Crowd {
    members: Vec<Member>,
    dialect: Dialect,
    clock: Clock,
    listeners: usize,
    buffer: Vec<u8>,
    result: ChatResult,
    /// Taken posts of each room.
    of_room: Vec<u64>,
    /// Members that were let in.
    greeted: usize,
    asked: HashMap<(usize, u64), usize>,
    /// When something was last heard.
    last_us: i64,
}

/// Does it.
///
/// # Errors
/// Where the gateway does not let in.
pub fn chat_load(plan: &ChatLoad) -> anyhow::Result<ChatResult> {
    let mut poll = Poll::new()?;
    let (clock, empty) = (Clock::real(), plan.pid.and_then(usage));
    let began_us = clock.now_us();
    let mut crowd = Crowd::enter(plan, &poll)?;
    let mut events = Events::with_capacity(1024);
    crowd.wait_greeted(&mut poll, &mut events)?;
    let before = (plan.pid.and_then(usage), own_cpu_s());
    crowd.result.joining_s = (clock.now_us() - began_us) as f64 / 1e6;
    crowd.result.server_rss = empty
        .zip(before.0)
        .map(|(empty, full)| (empty.rss_bytes, full.rss_bytes));
    crowd.run(plan, &mut poll, &mut events)?;
    let after = plan.pid.and_then(usage);
    let cpu = before
        .0
        .zip(after)
        .map(|(before, after)| after.cpu_s - before.cpu_s);
    crowd.result.server_cpu_s = cpu;
    crowd.result.own_cpu_s = own_cpu_s() - before.1;
    let wanted: u64 = crowd.members.iter().map(|it| crowd.posts_for(it)).sum();
    let mut result = crowd.result;
    drop(crowd.members);
    let got = result.delivered + result.skipped;
    result.lost = (wanted + result.shed).cast_signed() - got.cast_signed();
    let each = result.received_bytes.checked_div(result.delivered);
    let each = each.and_then(|bytes| usize::try_from(bytes).ok());
    result.floor_cpu_s = floor::floor(
        plan.members.min(FLOOR_CONNECTIONS),
        each.unwrap_or(plan.bytes),
    )?;
    Ok(result)
}

impl Crowd {
    fn enter(plan: &ChatLoad, poll: &Poll) -> anyhow::Result<Self> {
        let rooms = plan.rooms.max(1);
        let mut members = Vec::new();
        for number in 0..plan.members + plan.posters {
            let room = number % rooms;
            let is_in_all = number >= plan.members && posts_in_all(plan);
            let groups = match is_in_all {
                true => (0..rooms).collect(),
                false => vec![room],
            };
            let mut socket = enter(plan, &groups).context("a member cannot enter")?;
            poll.registry()
                .register(&mut socket, Token(number), Interest::READABLE)?;
            let limits = WsLimits {
                max_message_bytes: MAX_MESSAGE_BYTES,
                max_text_bytes: MAX_MESSAGE_BYTES,
                ..WsLimits::default()
            };
            members.push(Member {
                socket,
                frames: WsDecoder::client(limits),
                is_greeted: !plan.dialect.answers(),
                room: (!is_in_all).then_some(room),
                heard: vec![0; plan.posters],
            });
        }
        let clock = Clock::real();
        Ok(Self {
            greeted: members.iter().filter(|member| member.is_greeted).count(),
            members,
            dialect: plan.dialect,
            last_us: clock.now_us(),
            clock,
            listeners: plan.members,
            buffer: vec![0; READ_BYTES],
            result: ChatResult::default(),
            of_room: vec![0; rooms],
            asked: HashMap::new(),
        })
    }

    fn wait_greeted(&mut self, poll: &mut Poll, events: &mut Events) -> anyhow::Result<()> {
        let patience_us = self.clock.now_us() + GREETING_US;
        while self.greeted < self.members.len() {
            if self.clock.now_us() > patience_us {
                let all = self.members.len();
                bail!("{} of {all} members were let in", self.greeted);
            }
            self.turn(poll, events)?;
        }
        Ok(())
    }

    fn run(&mut self, plan: &ChatLoad, poll: &mut Poll, events: &mut Events) -> anyhow::Result<()> {
        let start_us = self.clock.now_us();
        let end_us = start_us + (plan.seconds * 1e6) as i64;
        let every_us = 1_000_000 / i64::try_from(plan.posters.max(1)).unwrap_or(1);
        let mut next = 0_i64;
        loop {
            let now_us = self.clock.now_us();
            if now_us > end_us.max(self.last_us) + REST_US {
                return Ok(());
            }
            while now_us < end_us && start_us + next * every_us <= now_us && plan.posters > 0 {
                self.post(plan, usize::try_from(next).unwrap_or(0))?;
                next += 1;
            }
            self.turn(poll, events)?;
        }
    }

    fn turn(&mut self, poll: &mut Poll, events: &mut Events) -> anyhow::Result<()> {
        poll.poll(events, Some(Duration::from_millis(2)))?;
        for event in &*events {
            self.read(event.token().0)?;
        }
        Ok(())
    }

    fn post(&mut self, plan: &ChatLoad, number: usize) -> anyhow::Result<()> {
        let poster = number % plan.posters;
        let turn = number / plan.posters;
        let room = match posts_in_all(plan) {
            true => number % self.of_room.len(),
            false => (plan.members + poster) % self.of_room.len(),
        };
        let mark = Mark {
            poster: u32::try_from(poster)?,
            turn: u32::try_from(turn)?,
            at_us: self.clock.now_us(),
        };
        let i = turn as u64 + 2;
        let line = self.dialect.post(i, room, &mark.text(plan.bytes));
        if self.dialect.answers() {
            self.asked.insert((poster, i), room);
        } else {
            self.taken(room);
        }
        let member = self.members.get_mut(plan.members + poster);
        let member = member.context("no such poster")?;
        send(&mut member.socket, line.as_bytes())
    }

    /// Posts of all rooms that a member is in.
    fn posts_for(&self, member: &Member) -> u64 {
        match member.room {
            Some(room) => self.of_room.get(room).copied().unwrap_or(0),
            None => self.of_room.iter().sum(),
        }
    }

    fn taken(&mut self, room: usize) {
        self.result.posted += 1;
        if let Some(count) = self.of_room.get_mut(room) {
            *count += 1;
        }
    }

    fn read(&mut self, number: usize) -> anyhow::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let heard = self.read_into(number, &mut buffer);
        self.buffer = buffer;
        heard
    }

    fn read_into(&mut self, number: usize, buffer: &mut [u8]) -> anyhow::Result<()> {
        loop {
            let Some(member) = self.members.get_mut(number) else {
                return Ok(());
            };
            let read = match member.socket.read(buffer) {
                Ok(0) => bail!("the server let a member go"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let now_us = self.clock.now_us();
            self.result.received_bytes += read as u64;
            let mut input = buffer.get(..read).unwrap_or_default();
            while let Some(member) = self.members.get_mut(number) {
                match member.frames.next(&mut input)? {
                    None => break,
                    Some(Event::Message { data, .. }) => self.hear(number, &data, now_us)?,
                    Some(Event::Ping(data)) => {
                        put(&mut member.socket, Opcode::Pong, &data)?;
                    }
                    Some(Event::Close { code, reason }) => bail!("closed: {code:?} {reason}"),
                    Some(Event::Pong(_)) => {}
                }
            }
            // What comes behind a short read wakes anew (epoll(7)).
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    fn hear(&mut self, number: usize, message: &[u8], now_us: i64) -> anyhow::Result<()> {
        let Some(member) = self.members.get_mut(number) else {
            return Ok(());
        };
        if let Some(pong) = self.dialect.pong(message) {
            return send(&mut member.socket, pong);
        }
        if number >= self.listeners || !member.is_greeted {
            for line in message.split(|byte| *byte == b'\n') {
                self.answered(number, line);
            }
        }
        let Some(member) = self.members.get_mut(number) else {
            return Ok(());
        };
        self.result.skipped += self.dialect.skipped(message);
        for mark in marks(message) {
            self.last_us = now_us;
            self.result.delivered += 1;
            if number.is_multiple_of(AGES_OF) {
                self.result.ages_us.push(now_us - mark.at_us);
            }
            if let Some(heard) = member.heard.get_mut(mark.poster as usize) {
                self.result.disordered += u64::from(mark.turn < *heard);
                *heard = mark.turn.saturating_add(1).max(*heard);
            }
        }
        Ok(())
    }

    fn answered(&mut self, number: usize, line: &[u8]) {
        let Some((i, answer)) = self.dialect.answer(line) else {
            return;
        };
        if answer == Answer::Greeted {
            if let Some(member) = self.members.get_mut(number) {
                self.greeted += usize::from(!member.is_greeted);
                member.is_greeted = true;
            }
            return;
        }
        let poster = number.wrapping_sub(self.listeners);
        match (self.asked.remove(&(poster, i)), answer) {
            (Some(room), Answer::Taken) => self.taken(room),
            (Some(room), Answer::Shed) => {
                self.taken(room);
                self.result.shed += 1;
            }
            (Some(_), _) => self.result.refused += 1,
            (None, _) => {}
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
            "shed": self.shed,
            "delivered": self.delivered,
            "skipped": self.skipped,
            "lost": self.lost,
            "disordered": self.disordered,
            "bytes_per_delivery": self.received_bytes.checked_div(self.delivered),
            "joining_s": self.joining_s,
            "server_rss_per_member": self.server_rss.map(|(empty, full)| {
                (full as f64 - empty as f64) / (plan.members + plan.posters).max(1) as f64
            }),
            "age_ms": spread(&self.ages_us),
            "own_cpu_s": self.own_cpu_s,
            "server_cpu_s": self.server_cpu_s,
            "server_cpu_s_per_million": self.server_cpu_s.filter(|_| millions > 0.0).map(|cpu_s| cpu_s / millions),
            "send_floor_cpu_s_per_million": self.floor_cpu_s,
        })
    }
}

/// Whether each poster posts in one room after the other, and not in its own alone.
fn posts_in_all(plan: &ChatLoad) -> bool {
    plan.dialect.has_rooms() && plan.rooms <= ROOMS_EACH
}

/// Connects and greets; what is heard before the answer is nobody's post yet.
fn enter(plan: &ChatLoad, rooms: &[usize]) -> anyhow::Result<mio::net::TcpStream> {
    let ChatLoad { url, dialect, .. } = plan;
    let mut socket = TcpStream::connect((url.host.as_str(), url.port))?;
    socket.set_nodelay(true)?;
    let (target, host, key) = (
        dialect.target(&url.path, rooms),
        url.authority(),
        random_key()?,
    );
    let offer = dialect
        .subprotocol()
        .map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{}\r\n",
        offer.unwrap_or_default()
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        answer.extend_from_slice(&byte);
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        bail!("{host} has no chat at {target}");
    }
    for words in dialect.greeting(rooms) {
        send(&mut socket, words.as_bytes())?;
    }
    socket.set_nonblocking(true)?;
    Ok(mio::net::TcpStream::from_std(socket))
}

fn send(socket: &mut impl Write, payload: &[u8]) -> anyhow::Result<()> {
    put(socket, Opcode::Text, payload)
}

fn put(socket: &mut impl Write, opcode: Opcode, payload: &[u8]) -> anyhow::Result<()> {
    let mut mask = [0; 4];
    getrandom::fill(&mut mask).context("no randomness")?;
    let mut out = Vec::new();
    put_masked_frame(&mut out, opcode, true, mask, payload);
    Ok(socket.write_all(&out)?)
}
