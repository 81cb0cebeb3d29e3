//! One loop's part of every group, and that loop's connections.
//!
//! A post wakes the loops that have members of its group. A loop reads the group's new batches, and writes once to
//! each connection that has something to get: at once to one that got nothing in this tick, at the next tick to the
//! others. Between two posts there is nothing to do and nothing that waits.

mod consult;
mod flush;
mod greet;
mod hear;
mod hold;
mod member;
mod part;
mod sweep;

use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::Arc;

use slab::Slab;

use self::member::{Member, Sub};
use self::part::Part;
use crate::bye::Bye;
use crate::house::{Bell, House, Inbox, LetGo};
use crate::limits;
use crate::name::GroupName;
use crate::room::{Beat, Joined, Room};
use crate::who::Who;
use crate::wire::{Encoding, Position, Push, PushKind};

/// What carries bytes to one connection.
pub trait Carrier {
    /// Takes what it can without waiting.
    ///
    /// # Errors
    /// `WouldBlock` where it takes nothing now; any other is the end.
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether somebody says when it takes something again; one that does not is tried at each tick.
    fn tells_room(&self) -> bool {
        true
    }
}

/// A connection on its way in.
#[derive(Debug)]
pub struct Newcomer<C> {
    /// What carries its bytes.
    pub carrier: C,
    /// How its messages look.
    pub encoding: Encoding,
    /// Who it is, where its handshake has said so.
    pub presented: Option<Who>,
    /// What it is called if nobody knows who it is; nobody else is called so.
    pub number: String,
    /// Bytes to send first, framing included.
    pub greeting: Vec<u8>,
}

/// What a connection said: a message without what a carrier puts around it.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// UTF-8, which was checked.
    Text(&'a str),
    /// Anything else.
    Binary(&'a [u8]),
}

/// A connection that has ended.
#[derive(Debug)]
pub struct Gone<C> {
    /// Its key, which may be another's by now.
    pub key: usize,
    /// What carried its bytes.
    pub carrier: C,
    /// Why it was closed, or that its peer left.
    pub why: Bye,
    /// Who it was; `None` where it never said.
    pub who: Option<Arc<Who>>,
    /// How long it was here, microseconds.
    pub lasted_us: i64,
    /// Commands it said.
    pub commands: u64,
    /// Bytes it got.
    pub sent_bytes: u64,
}

/// One loop's part of a house; it is never called from two threads at once.
pub struct Slice<C> {
    house: Arc<House>,
    number: usize,
    bell: Arc<Bell>,
    members: Slab<Member<C>>,
    next_serial: u64,
    next_ticket: u64,
    parts: Slab<Part>,
    part_of: HashMap<GroupName, usize>,
    /// Parts that may have something new.
    pending: Vec<usize>,
    /// Members that have something to get.
    dirty: Vec<usize>,
    /// Members that have not said who they are, in the order in which they came.
    strangers: VecDeque<(i64, usize, u64)>,
    gone: Vec<Gone<C>>,
    /// Members that wait for a group that is learned of.
    holding: Vec<(usize, u64)>,
    /// Ticks in a second in which the lo lane goes out.
    lo_pace: u32,
    next_sweep_us: i64,
    swept_s: i64,
}

impl<C: Carrier> Slice<C> {
    /// One more loop of a house; `wake` wakes it, from any thread.
    pub fn new(house: Arc<House>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (number, bell) = house.open_slice(Box::new(wake));
        Self {
            house,
            number,
            bell,
            members: Slab::new(),
            next_serial: 0,
            next_ticket: 0,
            parts: Slab::new(),
            part_of: HashMap::new(),
            pending: Vec::new(),
            dirty: Vec::new(),
            strangers: VecDeque::new(),
            gone: Vec::new(),
            holding: Vec::new(),
            lo_pace: limits::TICKS_PER_S,
            next_sweep_us: 0,
            swept_s: 0,
        }
    }

    /// Takes a connection; gives its key here.
    pub fn arrive(&mut self, newcomer: Newcomer<C>) -> usize {
        let now_us = self.house.clock.now_us();
        let serial = self.next_serial;
        self.next_serial += 1;
        let key = self.members.insert(Member::new(newcomer, serial, now_us));
        self.strangers
            .push_back((now_us + limits::GREETING_US, key, serial));
        self.house.tally.connections.add(1);
        self.house.tally.opened.add(1);
        self.mark(key);
        self.flush_now(key);
        key
    }

    /// Connections here.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What carries a connection's bytes.
    pub fn carrier_mut(&mut self, key: usize) -> Option<&mut C> {
        self.members.get_mut(key).map(|member| &mut member.carrier)
    }

    /// Keys of all connections.
    pub fn keys(&self) -> Vec<usize> {
        self.members.iter().map(|(key, _)| key).collect()
    }

    /// Takes those that have ended.
    pub fn take_gone(&mut self) -> Vec<Gone<C>> {
        std::mem::take(&mut self.gone)
    }

    /// A connection takes bytes again.
    pub fn writable(&mut self, key: usize) {
        if self.members.get(key).is_some_and(Member::is_blocked) {
            self.flush_now(key);
        }
    }

    /// Does what is due: what others told this loop, groups with something new, members with something to get, and
    /// once a second those whose time is up.
    pub fn turn(&mut self) {
        let began_us = self.house.clock.now_us();
        let Inbox {
            rooms,
            answers,
            heard,
            is_ready: _,
            byes,
        } = self.bell.take();
        for room in rooms {
            if let Some(&part) = self.part_of.get(&room.name) {
                self.expect(part);
            }
        }
        for answered in answers {
            self.answer(answered);
        }
        for heard in heard {
            self.note(heard);
        }
        self.release(began_us);
        for let_go in byes {
            self.let_go(&let_go);
        }
        self.read_parts(began_us);
        self.flush_dirty();
        if began_us >= self.next_sweep_us {
            self.next_sweep_us = began_us + 1_000_000;
            self.sweep(began_us);
        }
        self.set_pace(self.house.clock.now_us() - began_us);
    }

    /// When to take the next turn, monotonic microseconds; `None` where only being woken is a reason.
    pub fn next_turn_us(&self) -> Option<i64> {
        if self.members.is_empty() {
            return None;
        }
        let is_waiting =
            !(self.pending.is_empty() && self.dirty.is_empty() && self.holding.is_empty());
        let tick_us = (self.house.tick() + 1) * limits::TICK_US;
        match is_waiting {
            true => Some(tick_us.min(self.next_sweep_us)),
            false => Some(self.next_sweep_us),
        }
    }

    /// Lets everybody go, and says why.
    pub fn close_all(&mut self, bye: Bye) {
        for key in self.keys() {
            self.close(key, bye);
        }
    }

    /// Reads the new batches of groups that may have some, and marks their members.
    fn read_parts(&mut self, now_us: i64) {
        let tick = self.house.tick();
        let pace = i64::from(self.lo_pace);
        let full = i64::from(limits::TICKS_PER_S);
        let beat = Beat {
            slice: self.number,
            tick,
            is_lo_due: (tick * pace).div_euclid(full) != ((tick - 1) * pace).div_euclid(full),
            now_us,
            framing: &self.house.framing,
        };
        let mut waiting = Vec::new();
        for index in std::mem::take(&mut self.pending) {
            let Some(part) = self.parts.get_mut(index) else {
                continue;
            };
            part.is_pending = false;
            let (has_news, has_more) = part.read(&beat);
            if has_more {
                part.is_pending = true;
                waiting.push(index);
            }
            if has_news {
                for &key in &part.members {
                    if let Some(member) = self.members.get_mut(key)
                        && member.mark()
                    {
                        self.dirty.push(key);
                    }
                }
            }
        }
        self.pending = waiting;
    }

    /// A part that may have something new.
    fn expect(&mut self, index: usize) {
        if let Some(part) = self.parts.get_mut(index)
            && !part.is_pending
        {
            part.is_pending = true;
            self.pending.push(index);
        }
    }

    /// A member that has something to get.
    fn mark(&mut self, key: usize) {
        if let Some(member) = self.members.get_mut(key)
            && member.mark()
        {
            self.dirty.push(key);
        }
    }

    /// Appends a push of this member's own.
    fn say(&mut self, key: usize, push: &Push<'_>) {
        if let Some(member) = self.members.get_mut(key) {
            member.say(push);
        }
        self.mark(key);
    }

    /// The member enters a group, whose gates it has passed.
    fn enter(&mut self, key: usize, room: &Arc<Room>, at: Option<&Position>) -> Option<Joined> {
        let member = self.members.get_mut(key)?;
        let who = member.who.clone()?;
        let joined = room.join((self.number, member.encoding), &who, at);
        let index = *self
            .part_of
            .entry(room.name.clone())
            .or_insert_with(|| self.parts.insert(Part::new(room.clone(), joined.cursor)));
        let part = self.parts.get_mut(index)?;
        member.subs.push(Sub {
            part: index,
            at: part.members.len(),
            cursor: joined.cursor,
        });
        part.members.push(key);
        // Something may have been posted that no loop of ours was told of.
        self.expect(index);
        Some(joined)
    }

    /// The member leaves a group.
    fn leave(&mut self, key: usize, index: usize) {
        let now_us = self.house.clock.now_us();
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        let Some(place) = member.subs.iter().position(|sub| sub.part == index) else {
            return;
        };
        let at = member.subs.swap_remove(place).at;
        let (encoding, who) = (member.encoding, member.who.clone());
        let Some(part) = self.parts.get_mut(index) else {
            return;
        };
        if let Some(who) = who {
            part.room.leave((self.number, encoding), &who, now_us);
        }
        part.members.swap_remove(at);
        if let Some(&moved) = part.members.get(at)
            && let Some(moved) = self.members.get_mut(moved)
            && let Some(sub) = moved.subs.iter_mut().find(|sub| sub.part == index)
        {
            sub.at = at;
        }
        if part.members.is_empty() {
            self.part_of.remove(&part.room.name);
            self.parts.remove(index);
        }
    }

    /// Says goodbye; the connection ends when that is sent.
    pub fn close(&mut self, key: usize, bye: Bye) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if member.ending.is_some() {
            return;
        }
        member.end(bye, &self.house.framing);
        self.leave_all(key);
        self.mark(key);
        self.flush_now(key);
    }

    /// The connection is lost: nothing can be said any more.
    pub fn lost(&mut self, key: usize) {
        let ending = self.members.get(key).and_then(|member| member.ending);
        self.remove(key, ending.unwrap_or(Bye::Done));
    }

    fn leave_all(&mut self, key: usize) {
        while let Some(part) = self
            .members
            .get(key)
            .and_then(|member| member.subs.last())
            .map(|sub| sub.part)
        {
            self.leave(key, part);
        }
    }

    fn remove(&mut self, key: usize, why: Bye) {
        self.leave_all(key);
        let Some(member) = self.members.try_remove(key) else {
            return;
        };
        if let Some(who) = &member.who {
            self.house.leave(&who.user);
        }
        let tally = &self.house.tally;
        tally.connections.less(1);
        if let Some(count) = tally.closed(why) {
            count.add(1);
        }
        self.gone.push(Gone {
            key,
            why,
            who: member.who,
            lasted_us: self.house.clock.now_us() - member.came_us,
            commands: member.commands,
            sent_bytes: member.sent_bytes,
            carrier: member.carrier,
        });
    }

    /// Lets go of a user's connections, or has them leave a group.
    fn let_go(&mut self, let_go: &LetGo) {
        let LetGo {
            user,
            group,
            before_ms,
            bye,
        } = let_go;
        let bye = *bye;
        let is_meant = |member: &Member<C>| {
            let who = member.who.as_ref();
            who.is_some_and(|who| {
                who.user == *user && before_ms.is_none_or(|before_ms| who.since_ms <= before_ms)
            })
        };
        let meant: Vec<_> = self
            .members
            .iter()
            .filter(|(_, m)| is_meant(m))
            .map(|(key, _)| key)
            .collect();
        for key in meant {
            let Some(group) = group else {
                self.refuse_held(key, bye);
                self.close(key, bye);
                continue;
            };
            let Some(&index) = self.part_of.get(group) else {
                continue;
            };
            let Some(room) = self.parts.get(index).map(|part| part.room.clone()) else {
                continue;
            };
            self.leave(key, index);
            let push = Push {
                kind: PushKind::Bye,
                group: Some(room.group()),
                offset: None,
                fields: &format!("\"n\":{}}}", bye.number()),
            };
            self.say(key, &push);
        }
    }
}
