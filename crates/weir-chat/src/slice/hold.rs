//! Members that wait: a group that nobody here was in is learned of from the other nodes first, and some is decided by
//! the business behind the gateway. What they say meanwhile is kept, in its order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::consult::{Asking, Posting};
use super::{Carrier, Slice};
use crate::bye::Bye;
use crate::deny::{Denied, Deny};
use crate::limits;
use crate::name::{GroupKind, GroupName};
use crate::room::Room;
use crate::who::Who;
use crate::wire::Position;

/// What a member waits with.
pub(super) struct Hold {
    /// Until when at most, monotonic microseconds.
    until_us: i64,
    /// For these groups.
    rooms: Vec<Arc<Room>>,
    /// For the business.
    pub(super) asked: Option<Asking>,
    i: Option<u64>,
    wish: Wish,
    /// What it has said since.
    lines: Vec<String>,
    bytes: usize,
}

/// What it wants to do.
pub(super) enum Wish {
    /// To be greeted, with these groups, of which some stay closed.
    Greet(Vec<(String, Option<Position>)>, Vec<String>),
    /// To come into a group.
    Join(String, Option<Position>),
    /// To post.
    Post(Box<Posting>),
    /// To be answered by the business.
    Answer,
}

impl Hold {
    pub(super) fn new(
        until_us: i64,
        rooms: Vec<Arc<Room>>,
        (i, wish): (Option<u64>, Wish),
    ) -> Self {
        Self {
            until_us,
            rooms,
            asked: None,
            i,
            wish,
            lines: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether what it waits for is there.
    fn is_over(&self) -> bool {
        let is_answered = |asking: &Asking| asking.verdict.is_some();
        self.asked.as_ref().is_none_or(is_answered) && self.rooms.iter().all(|room| room.is_ready())
    }

    /// Keeps something that it says.
    ///
    /// # Errors
    /// 3013 for what is too much.
    pub(super) fn keep(&mut self, line: &str) -> Result<(), Bye> {
        self.bytes += line.len();
        if self.lines.len() >= limits::HELD_COMMANDS || self.bytes > limits::HELD_BYTES {
            return Err(Bye::Flood);
        }
        self.lines.push(line.to_owned());
        Ok(())
    }
}

impl<C: Carrier> Slice<C> {
    /// Does what a member wants, as soon as its groups are known here.
    pub(super) fn when_known(&mut self, key: usize, i: Option<u64>, wish: Wish) -> Result<(), Bye> {
        let who = self.members.get(key).and_then(|member| member.who.clone());
        let rooms = who.map_or_else(Vec::new, |who| self.unknown(&who, &wish));
        if rooms.is_empty() {
            return self.fulfil(key, i, wish);
        }
        let until_us = self.house.clock.now_us() + limits::LEARN_US;
        if let Some(member) = self.members.get_mut(key) {
            self.holding.push((key, member.serial));
            member.hold = Some(Box::new(Hold::new(until_us, rooms, (i, wish))));
        }
        Ok(())
    }

    /// Those who have waited long enough go on.
    pub(super) fn release(&mut self, now_us: i64) {
        for (key, serial) in std::mem::take(&mut self.holding) {
            let Some(member) = self.members.get_mut(key) else {
                continue;
            };
            let is_same = member.serial == serial && member.ending.is_none();
            let Some(hold) = member.hold.take_if(|_| is_same) else {
                continue;
            };
            if !hold.is_over() && now_us < hold.until_us {
                member.hold = Some(hold);
                self.holding.push((key, serial));
                continue;
            }
            let Hold {
                i,
                wish,
                lines,
                asked,
                ..
            } = *hold;
            let mut done = match asked {
                Some(asking) => self.go_on(key, (i, wish), asking),
                None => self.fulfil(key, i, wish),
            };
            for line in lines {
                done = done.and_then(|()| self.hear_command(key, &line));
            }
            match done {
                Ok(()) => self.flush_now(key),
                Err(bye) => self.close(key, bye),
            }
        }
    }

    /// Who waits to be let in is told why it is not.
    pub(super) fn refuse_held(&mut self, key: usize, bye: Bye) {
        let why = match bye {
            Bye::Banned => Deny::Banned,
            Bye::Expired => Deny::TokenExpired,
            _ => return,
        };
        let member = self.members.get_mut(key);
        if let Some(hold) = member.and_then(|member| member.hold.take()) {
            self.refuse(key, hold.i, &why.into());
        }
    }

    fn fulfil(&mut self, key: usize, i: Option<u64>, wish: Wish) -> Result<(), Bye> {
        match wish {
            Wish::Greet(groups, refused) => {
                let groups: BTreeMap<Cow<'_, str>, _> = groups
                    .into_iter()
                    .map(|(name, at)| (Cow::Owned(name), at))
                    .collect();
                let told = self.welcome(key, &groups, &refused);
                self.tell(key, i, told.map_err(|(denied, bye)| (denied, Some(bye))))
            }
            Wish::Join(group, at) => {
                let told = self.enter_group(key, &group, at.as_ref(), &mut 0);
                self.tell(key, i, told.map_err(|denied| (denied, None)))
            }
            // These wait for no group.
            Wish::Post(_) | Wish::Answer => Ok(()),
        }
    }

    fn tell(
        &mut self,
        key: usize,
        i: Option<u64>,
        told: Result<String, (Denied, Option<Bye>)>,
    ) -> Result<(), Bye> {
        match told {
            Ok(told) => self.reply(key, i, &told),
            Err((denied, bye)) => {
                self.refuse(key, i, &denied);
                return bye.map_or(Ok(()), Err);
            }
        }
        Ok(())
    }

    /// Groups of a wish that are not known here yet.
    fn unknown(&self, who: &Who, wish: &Wish) -> Vec<Arc<Room>> {
        let names: Vec<GroupName> = match wish {
            Wish::Greet(groups, refused) => {
                let wanted = groups
                    .iter()
                    .filter(|(name, _)| !refused.contains(name))
                    .filter_map(|(name, _)| GroupName::new(name).ok());
                let implied = [Some(GroupName::everybody()), who.own_group()];
                implied.into_iter().flatten().chain(wanted).collect()
            }
            Wish::Join(group, _) => GroupName::new(group).into_iter().collect(),
            Wish::Post(_) | Wish::Answer => Vec::new(),
        };
        let mut rooms = Vec::new();
        for name in names {
            // Whose group is another's is refused later.
            let is_others = name.kind() == GroupKind::User && name.whose() != &*who.user;
            if is_others {
                continue;
            }
            if let Ok(room) = self.house.room(&name) {
                self.house.host(&room);
                if !room.is_ready() {
                    rooms.push(room);
                }
            }
        }
        rooms
    }
}
