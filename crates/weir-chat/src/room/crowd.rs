//! Who is in a group: how many of each loop, who by name while they are few, and whom to tell what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Person;
use crate::limits;
use crate::who::Who;
use crate::wire::Encoding;

/// See the file's words.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Connections of each loop.
    of_slice: Vec<u32>,
    count: u32,
    /// Connections on other nodes, as these say.
    elsewhere: u32,
    binary: u32,
    events: u32,
    /// Loops that have somebody here, a bit each.
    present: u64,
    /// Loops that were told of posts and have not read them yet.
    told: u64,
    people: BTreeMap<Arc<str>, (Arc<str>, u32)>,
    /// Connections of people that are not listed.
    unlisted: u32,
    last_told: (i64, u32),
}

impl Crowd {
    /// Takes a connection in; whether it is the only one of its user, as far as that is known.
    pub(super) fn enter(&mut self, slice: usize, encoding: Encoding, who: &Who) -> bool {
        if self.of_slice.len() <= slice {
            self.of_slice.resize(slice + 1, 0);
        }
        if let Some(count) = self.of_slice.get_mut(slice) {
            *count += 1;
        }
        self.count += 1;
        self.binary += u32::from(encoding == Encoding::Binary);
        self.events += u32::from(encoding == Encoding::Events);
        self.present |= bit(slice);
        if let Some((_, connections)) = self.people.get_mut(&who.user) {
            *connections += 1;
            return false;
        }
        if self.people.len() < limits::LISTED {
            self.people.insert(who.user.clone(), (who.name.clone(), 1));
        } else {
            self.unlisted += 1;
        }
        true
    }

    pub(super) fn leave(&mut self, slice: usize, encoding: Encoding, who: &Who) {
        if let Some(count) = self.of_slice.get_mut(slice) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.present &= !bit(slice);
                self.told &= !bit(slice);
            }
        }
        self.count = self.count.saturating_sub(1);
        self.binary = self
            .binary
            .saturating_sub(u32::from(encoding == Encoding::Binary));
        self.events = self
            .events
            .saturating_sub(u32::from(encoding == Encoding::Events));
        match self.people.get_mut(&who.user) {
            Some((_, connections)) if *connections > 1 => *connections -= 1,
            Some(_) => {
                self.people.remove(&who.user);
            }
            None => self.unlisted = self.unlisted.saturating_sub(1),
        }
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// Connections on all nodes.
    pub(super) const fn everybody(&self) -> u32 {
        self.count.saturating_add(self.elsewhere)
    }

    pub(super) const fn set_elsewhere(&mut self, count: u32) {
        self.elsewhere = count;
    }

    pub(super) const fn has_binary(&self) -> bool {
        self.binary > 0
    }

    pub(super) const fn has_events(&self) -> bool {
        self.events > 0
    }

    /// Loops that are to hear that there is something, and were not told yet.
    pub(super) const fn take_untold(&mut self) -> u64 {
        let news = self.present & !self.told;
        self.told |= news;
        news
    }

    /// A loop comes to read.
    pub(super) const fn was_told(&mut self, slice: usize) {
        self.told &= !bit(slice);
    }

    /// How many are there, where that has changed and was not told a moment ago.
    pub(super) fn news(&mut self, now_us: i64) -> Option<u32> {
        let (at_us, told) = self.last_told;
        let everybody = self.everybody();
        if told == everybody || (at_us > 0 && now_us - at_us < limits::COUNT_TOLD_US) {
            return None;
        }
        self.last_told = (now_us, everybody);
        (self.count > 0).then_some(everybody)
    }

    /// Who is there; `None` where they are too many, or some of them elsewhere.
    pub(super) fn people(&self, limit: usize) -> Option<Vec<Person>> {
        let pair = |(user, (name, _)): (&Arc<str>, &(Arc<str>, u32))| (user.clone(), name.clone());
        (self.unlisted == 0 && self.elsewhere == 0)
            .then(|| self.people.iter().take(limit).map(pair).collect())
    }
}

/// A loop's bit; loops are fewer than there are bits.
const fn bit(slice: usize) -> u64 {
    1 << (slice & 63)
}
