//! Writing: once to each member that has something to get, in the order own, hi lane, lo lane.

use std::io::{self, IoSlice};

use slab::Slab;

use super::member::Member;
use super::part::Part;
use super::{Carrier, Slice};
use crate::bye::Bye;
use crate::house::House;
use crate::limits;
use crate::post::Lane;
use crate::wire::{Push, PushKind};

impl<C: Carrier> Slice<C> {
    /// Writes to those who got nothing in this tick; the others wait for the next.
    pub(super) fn flush_dirty(&mut self) {
        let tick = self.house.tick();
        for key in std::mem::take(&mut self.dirty) {
            let Some(member) = self.members.get_mut(key) else {
                continue;
            };
            if member.sent_tick >= tick && member.ending.is_none() {
                self.dirty.push(key);
                continue;
            }
            member.unmark();
            // A full socket says when it has room; one that does not say is tried.
            if member.is_blocked() && member.carrier.tells_room() {
                continue;
            }
            self.flush(key, tick);
        }
    }

    /// Writes to one at once, if it got nothing in this tick.
    pub(super) fn flush_now(&mut self, key: usize) {
        let tick = self.house.tick();
        let may = self.members.get(key).is_some_and(|member| {
            member.sent_tick < tick || member.ending.is_some() || member.is_blocked()
        });
        if may {
            self.flush(key, tick);
        }
    }

    fn flush(&mut self, key: usize, tick: i64) {
        let now_us = self.house.clock.now_us();
        loop {
            let Some(member) = self.members.get_mut(key) else {
                return;
            };
            if let Err(bye) = settle(member, &self.parts, &self.house) {
                self.close(key, bye);
                return;
            }
            member.frame(&self.house.framing);
            if member.own_bytes() > limits::OWN_BYTES && member.ending.is_none() {
                // Nobody who takes nothing would hear a goodbye.
                self.remove(key, Bye::Slow);
                return;
            }
            let Some(written) = write(member, &self.parts) else {
                if let Some(bye) = member.ending {
                    self.remove(key, bye);
                }
                return;
            };
            match written {
                Ok(bytes) => {
                    member.blocked_us = None;
                    member.sent_tick = tick;
                    member.sent_bytes += bytes as u64;
                    self.house.tally.writes.add(1);
                    self.house.tally.sent_bytes.add(bytes as u64);
                    took(member, &self.parts, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    member.blocked_us = member.blocked_us.or(Some(now_us));
                    member.is_late = true;
                    if !member.carrier.tells_room() {
                        self.mark(key);
                    }
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.lost(key);
                    return;
                }
            }
        }
    }
}

/// Finds each group's place again for one whose batches went without it: in the lo lane it goes on behind the gap and
/// is told how many it missed; in the hi lane there must be no gap.
fn settle<C: Carrier>(
    member: &mut Member<C>,
    parts: &Slab<Part>,
    house: &House,
) -> Result<(), Bye> {
    let is_late = std::mem::take(&mut member.is_late);
    for place in 0..member.subs.len() {
        let Some(sub) = member.subs.get_mut(place) else {
            continue;
        };
        let Some(part) = parts.get(sub.part) else {
            continue;
        };
        let next = part.next;
        let hi_first = part.hi.front().map_or(next.hi, |batch| batch.seq);
        if sub.cursor.hi < hi_first {
            return Err(Bye::Resync);
        }
        let mut first = part.lo.front().map_or(next.lo, |batch| batch.seq);
        if is_late {
            let late = limits::LO_LATE_BATCHES as u64;
            first = first.max(next.lo.saturating_sub(late));
        }
        if sub.cursor.lo >= first {
            continue;
        }
        let posts = part.lo_from(first).next();
        let posts = posts.map_or(next.lo_posts, |batch| batch.first);
        let missed = posts - sub.cursor.lo_posts;
        sub.cursor.lo = first;
        sub.cursor.lo_posts = posts;
        if missed > 0 {
            house.tally.skipped.add(missed);
            member.say(&Push {
                kind: PushKind::Skip,
                group: Some(part.room.group()),
                offset: None,
                fields: &format!("\"n\":{missed}}}"),
            });
        }
    }
    Ok(())
}

/// Writes what there is; nothing where there is nothing.
fn write<C: Carrier>(member: &mut Member<C>, parts: &Slab<Part>) -> Option<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); limits::BATCHES_PER_WRITE];
    let own = member.own.get(member.own_at..).unwrap_or_default();
    let (encoding, subs) = (member.encoding, &member.subs);
    let of = |place: usize| {
        let sub = subs.get(place)?;
        Some((sub.cursor, parts.get(sub.part)?))
    };
    let places = 0..subs.len();
    let hi = places.clone().filter_map(of);
    let hi = hi.flat_map(|(cursor, part)| part.hi_from(cursor.hi));
    let lo = places.filter_map(of);
    let lo = lo.flat_map(|(cursor, part)| part.lo_from(cursor.lo));
    let batches = hi.chain(lo).map(|batch| &batch.message(encoding)[..]);
    let all = [&member.held[..], own].into_iter().chain(batches);
    let mut count = 0;
    for (place, bytes) in slices.iter_mut().zip(all.filter(|bytes| !bytes.is_empty())) {
        *place = IoSlice::new(bytes);
        count += 1;
    }
    let slices = slices.get(..count).filter(|slices| !slices.is_empty())?;
    Some(member.carrier.write(slices))
}

/// Moves the member's place on by what was written, in the order of [`write`].
fn took<C: Carrier>(member: &mut Member<C>, parts: &Slab<Part>, mut bytes: usize) {
    let part = bytes.min(member.held.len());
    let _ = member.held.split_to(part);
    bytes -= part;
    let part = bytes.min(member.own.len() - member.own_at);
    member.own_at += part;
    bytes -= part;
    if member.own_at == member.own.len() {
        // Given back: a thousand idle members would hold a thousand replies.
        member.own = Vec::new();
        member.own_at = 0;
    }
    let encoding = member.encoding;
    for lane in [Lane::Hi, Lane::Lo] {
        for sub in &mut member.subs {
            let Some(part) = parts.get(sub.part) else {
                continue;
            };
            while bytes > 0 {
                let batch = match lane {
                    Lane::Hi => part.hi_from(sub.cursor.hi).next(),
                    Lane::Lo => part.lo_from(sub.cursor.lo).next(),
                };
                let Some(batch) = batch else {
                    break;
                };
                let message = batch.message(encoding);
                let taken = bytes.min(message.len());
                // The rest of it is kept, so that the place can move.
                member.held = message.slice(taken..);
                bytes -= taken;
                match lane {
                    Lane::Hi => sub.cursor.hi = batch.seq + 1,
                    Lane::Lo => {
                        sub.cursor.lo = batch.seq + 1;
                        sub.cursor.lo_posts = batch.end;
                    }
                }
            }
        }
    }
}
