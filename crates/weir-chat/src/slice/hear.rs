//! Commands: each line of what a member says, and what is answered.

use std::fmt::Write as _;
use std::sync::Arc;

use super::consult::{Posting, question};
use super::greet::{listed, refused};
use super::hold::Wish;
use super::{Carrier, Said, Slice};
use crate::bus::Fact;
use crate::business::{Inquiry, Matter};
use crate::bye::Bye;
use crate::change::Change;
use crate::deny::{Denied, Deny};
use crate::desk::{self, Wanted, quoted};
use crate::house::{Answered, Outcome};
use crate::limits;
use crate::name::{GroupKind, GroupName};
use crate::room::Room;
use crate::who::Who;
use crate::wire::record::{COMMAND, take};
use crate::wire::{Ask, Command, Encoding, Misread, Push, PushKind};

/// What a command comes to: an answer now, or one that the bus gives.
enum Done {
    Now(String),
    Later,
}

/// Tells a member what became of what it wants.
type Answering = Box<dyn FnOnce(Result<Outcome, Denied>) + Send>;

impl<C: Carrier> Slice<C> {
    /// Hears a whole message.
    pub fn hear(&mut self, key: usize, said: Said<'_>) {
        let now_us = self.house.clock.now_us();
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if member.ending.is_some() {
            return;
        }
        member.heard_us = now_us;
        let heard = match (member.encoding, said) {
            // The answer to a sign of life.
            (_, Said::Text("") | Said::Binary([])) => Ok(()),
            (Encoding::Json | Encoding::Events, Said::Text(text)) => self.hear_lines(key, text),
            (Encoding::Binary, Said::Binary(bytes)) => self.hear_records(key, bytes),
            _ => Err(Bye::BadRequest),
        };
        match heard {
            Ok(()) => self.flush_now(key),
            Err(bye) => self.close(key, bye),
        }
    }

    /// A sign of life below the commands.
    pub fn alive(&mut self, key: usize) {
        let now_us = self.house.clock.now_us();
        if let Some(member) = self.members.get_mut(key) {
            member.heard_us = now_us;
        }
    }

    /// Has framed bytes sent that are no matter of chat: the answer to a ping of the carrier.
    pub fn say_framed(&mut self, key: usize, bytes: &[u8]) {
        if let Some(member) = self.members.get_mut(key) {
            member.say_framed(&self.house.framing, bytes);
        }
        self.mark(key);
        self.flush_now(key);
    }

    fn hear_lines(&mut self, key: usize, text: &str) -> Result<(), Bye> {
        let lines = text
            .split('\n')
            .map(str::trim)
            .filter(|line| !line.is_empty());
        for (place, line) in lines.enumerate() {
            if place >= limits::COMMANDS_PER_MESSAGE {
                return Err(Bye::BadRequest);
            }
            self.hear_command(key, line)?;
        }
        Ok(())
    }

    fn hear_records(&mut self, key: usize, bytes: &[u8]) -> Result<(), Bye> {
        let mut rest = bytes;
        let mut count = 0;
        while !rest.is_empty() {
            let record = take(&mut rest).filter(|record| record.kind == COMMAND);
            let line = record.and_then(|record| std::str::from_utf8(record.body).ok());
            count += 1;
            let line = line.filter(|_| count <= limits::COMMANDS_PER_MESSAGE);
            self.hear_command(key, line.ok_or(Bye::BadRequest)?)?;
        }
        Ok(())
    }

    pub(super) fn hear_command(&mut self, key: usize, line: &str) -> Result<(), Bye> {
        self.house.tally.commands.add(1);
        let now_us = self.house.clock.now_us();
        let Some(member) = self.members.get_mut(key) else {
            return Ok(());
        };
        if let Some(hold) = &mut member.hold {
            return hold.keep(line);
        }
        let measure = member.may_command(now_us);
        let is_greeted = member.who.is_some();
        let (i, ask) = match Command::read(line) {
            Ok(command) => (command.i, command.ask),
            Err(Misread::Garbage) => return Err(Bye::BadRequest),
            Err(Misread::Denied(i, denied)) => {
                self.refuse(key, i, &denied);
                return if is_greeted {
                    Ok(())
                } else {
                    Err(Bye::BadRequest)
                };
            }
        };
        if let Err((wait_ms, is_flood)) = measure {
            self.refuse(key, i, &Denied::new(Deny::Rate).after_ms(wait_ms));
            return if is_flood { Err(Bye::Flood) } else { Ok(()) };
        }
        if !is_greeted && !matches!(ask, Ask::Greet { .. }) {
            let words = "the first command is to be hi";
            self.refuse(key, i, &Denied::because(Deny::Unauthenticated, words));
            return Err(Bye::BadRequest);
        }
        let done = match ask {
            Ask::Greet { token, groups } => match self.greet(key, i, token.as_deref(), &groups) {
                Ok(()) => Ok(Done::Later),
                Err((denied, bye)) => {
                    self.refuse(key, i, &denied);
                    return bye.map_or(Ok(()), Err);
                }
            },
            Ask::Refresh { token } => match self.refresh(key, &token) {
                Ok(told) => Ok(Done::Now(told)),
                Err(denied) => {
                    self.refuse(key, i, &denied);
                    return Err(Bye::BadToken);
                }
            },
            ask => self.obey(key, i, ask),
        };
        match done {
            Ok(Done::Now(told)) => self.reply(key, i, &told),
            Ok(Done::Later) => {}
            Err(denied) => self.refuse(key, i, &denied),
        }
        Ok(())
    }

    /// Does what a member that has greeted asks.
    fn obey(&mut self, key: usize, i: Option<u64>, ask: Ask<'_>) -> Result<Done, Denied> {
        match ask {
            Ask::Publish {
                group,
                kind,
                body,
                once,
            } => {
                let wanted = Wanted {
                    kind: &kind,
                    body,
                    once: once.as_deref(),
                };
                self.publish(key, i, &group, wanted)?;
                Ok(Done::Later)
            }
            Ask::Like { group, count } => {
                let room = self.room_of(key, &group)?;
                let who = self.who_is(key)?;
                desk::like(&self.house, &who, &room, count)?;
                Ok(Done::Now("{}".into()))
            }
            Ask::Join { group, at } => {
                self.join(key, i, &group, at)?;
                Ok(Done::Later)
            }
            Ask::Leave { group } => {
                let name = GroupName::new(&group)?;
                let part = self.is_in(key, &name).ok_or(Deny::UnknownGroup)?;
                self.leave(key, part);
                Ok(Done::Now("{}".into()))
            }
            Ask::History {
                group,
                since,
                limit,
                is_reversed,
            } => {
                let room = self.room_of(key, &group)?;
                let limit = limit.unwrap_or(limits::HISTORY_PAGE);
                history(&room, since, limit, is_reversed).map(Done::Now)
            }
            Ask::Who { group, limit } => {
                let room = self.room_of(key, &group)?;
                Ok(Done::Now(people(&room, limit.unwrap_or(limits::LISTED))))
            }
            Ask::Rpc {
                group,
                method,
                body,
            } => self.rpc(key, i, group.as_deref(), (&method, body)),
            Ask::Acknowledge { group, offset } => {
                let room = self.room_of(key, &group)?;
                self.acknowledge(&room, offset);
                Ok(Done::Now("{}".into()))
            }
            Ask::Greet { .. } | Ask::Refresh { .. } => Err(Deny::UnknownCommand.into()),
        }
    }

    /// An order of a moderator's, or what the site's service knows.
    fn rpc(
        &mut self,
        key: usize,
        i: Option<u64>,
        group: Option<&str>,
        (method, body): (&str, &str),
    ) -> Result<Done, Denied> {
        if !desk::is_order(method) && self.is_asked(Matter::Rpc) {
            return self.call(key, i, group, (method, body));
        }
        let words = "rpc here is of a group: g is missing";
        let group = group.ok_or_else(|| Denied::because(Deny::BadRequest, words))?;
        let room = self.room_of(key, group)?;
        let who = self.who_is(key)?;
        let answer = self.answers(key, i, &room)?;
        let answer = |result: Result<_, _>| answer(result.map(Outcome::Done));
        desk::order(&self.house, &who, &room, (method, body), Box::new(answer))?;
        Ok(Done::Later)
    }

    fn publish(
        &mut self,
        key: usize,
        i: Option<u64>,
        group: &str,
        wanted: Wanted<'_>,
    ) -> Result<(), Denied> {
        let room = self.room_of(key, group)?;
        if !self.is_asked(Matter::Publish) {
            return self.put(key, i, &room, wanted);
        }
        let who = self.who_is(key)?;
        desk::may_post(&self.house, &who, &room, wanted)?;
        let posting = Posting {
            room,
            kind: wanted.kind.to_owned(),
            body: wanted.body.to_owned(),
            once: wanted.once.map(str::to_owned),
        };
        let asked = Inquiry {
            kind: posting.kind.clone(),
            body: posting.body.clone(),
            once: posting.once.clone(),
            ..question(&who, Matter::Publish, vec![group.to_owned()])
        };
        self.consult(key, i, asked, Wish::Post(Box::new(posting)));
        Ok(())
    }

    /// Has the business answer a call of the client's own.
    fn call(
        &mut self,
        key: usize,
        i: Option<u64>,
        group: Option<&str>,
        (method, body): (&str, &str),
    ) -> Result<Done, Denied> {
        if let Some(group) = group {
            self.room_of(key, group)?;
        }
        let who = self.who_is(key)?;
        let asked = Inquiry {
            kind: method.to_owned(),
            body: body.to_owned(),
            ..question(
                &who,
                Matter::Rpc,
                group.map(str::to_owned).into_iter().collect(),
            )
        };
        self.consult(key, i, asked, Wish::Answer);
        Ok(Done::Later)
    }

    fn who_is(&self, key: usize) -> Result<Arc<Who>, Denied> {
        let who = self.members.get(key).and_then(|member| member.who.clone());
        who.ok_or_else(|| Deny::Unauthenticated.into())
    }

    /// Posts, by the house's own rules.
    pub(super) fn put(
        &mut self,
        key: usize,
        i: Option<u64>,
        room: &Arc<Room>,
        wanted: Wanted<'_>,
    ) -> Result<(), Denied> {
        let who = self.who_is(key)?;
        let answer = self.answers(key, i, room)?;
        let answer = Box::new(|result: Result<Option<_>, Denied>| {
            let placed = result.and_then(|placed| placed.ok_or_else(|| Deny::Internal.into()));
            answer(placed.map(Outcome::Placed));
        });
        desk::publish(&self.house, &who, room, wanted, answer);
        Ok(())
    }

    /// How a member is told what became of what it wants, from whichever thread.
    fn answers(&self, key: usize, i: Option<u64>, room: &Arc<Room>) -> Result<Answering, Denied> {
        let member = self.members.get(key).ok_or(Deny::Internal)?;
        let (serial, bell, room) = (member.serial, self.bell.clone(), room.clone());
        Ok(Box::new(move |result| {
            bell.tell(|inbox| {
                inbox.answers.push(Answered {
                    member: key,
                    serial,
                    i,
                    room,
                    result,
                });
            });
        }))
    }

    /// Receipts are of users' own groups.
    fn acknowledge(&self, room: &Arc<Room>, offset: u64) {
        if room.name.kind() == GroupKind::User && room.acknowledge(offset) {
            let change = Change {
                facts: vec![Fact::received(offset)],
                draft: None,
            };
            self.house.put(room, change, Box::new(drop));
        }
    }

    /// Tells a member what became of its post.
    pub(super) fn answer(&mut self, answered: Answered) {
        let Answered {
            member: key,
            serial,
            i,
            room,
            result,
        } = answered;
        if self
            .members
            .get(key)
            .is_none_or(|member| member.serial != serial)
        {
            return;
        }
        let placed = match result {
            Ok(Outcome::Placed(placed)) => placed,
            Ok(Outcome::Done(told)) => return self.reply(key, i, &told),
            Err(denied) => return self.refuse(key, i, &denied),
        };
        let mut told = format!("{{\"id\":\"{}\"", placed.post.id);
        if let Some(offset) = placed.post.offset {
            let _ = write!(told, ",\"o\":{offset}");
        }
        if placed.is_again {
            told.push_str(",\"again\":true");
        }
        if placed.is_shed {
            told.push_str(",\"shed\":true");
        }
        told.push('}');
        self.reply(key, i, &told);
        if placed.is_shed && !placed.is_again {
            // Who writes sees what it wrote, whoever else does.
            self.say(key, &placed.post.to_push(room.group()));
        }
    }

    fn refresh(&mut self, key: usize, token: &str) -> Result<String, Denied> {
        let fresh = self.house.who(token)?;
        let member = self.members.get_mut(key).ok_or(Deny::Internal)?;
        let is_same = member
            .who
            .as_ref()
            .is_some_and(|who| who.user == fresh.user);
        if !is_same {
            let words = "the token is of somebody else: connect again";
            return Err(Denied::because(Deny::Forbidden, words));
        }
        let now_ms = self.house.clock.wall_ms();
        let ttl = fresh
            .until_ms
            .map_or(0, |until_ms| (until_ms - now_ms).max(0) / 1_000);
        member.who = Some(Arc::new(fresh));
        Ok(format!("{{\"ttl\":{ttl}}}"))
    }

    /// A group that the member is in.
    pub(super) fn room_of(&self, key: usize, group: &str) -> Result<Arc<Room>, Denied> {
        let name = GroupName::new(group)?;
        let words = "join the group first";
        let part = self.is_in(key, &name);
        let part = part.ok_or_else(|| Denied::because(Deny::Forbidden, words))?;
        let part = self.parts.get(part).ok_or(Deny::Internal)?;
        Ok(part.room.clone())
    }

    pub(super) fn reply(&mut self, key: usize, i: Option<u64>, told: &str) {
        self.say_reply(key, i, |i| format!("\"i\":{i},\"ok\":{told}}}"));
    }

    pub(super) fn refuse(&mut self, key: usize, i: Option<u64>, denied: &Denied) {
        if let Some(count) = self.house.tally.denied(denied.why) {
            count.add(1);
        }
        tracing::debug!(target: "chat", member = key, n = denied.why.number(), "refused: {}", denied.words);
        self.say_reply(key, i, |i| {
            format!("\"i\":{i},\"er\":{}}}", refused(denied))
        });
    }

    /// Whoever gave no number wants no reply.
    fn say_reply(&mut self, key: usize, i: Option<u64>, fields: impl FnOnce(u64) -> String) {
        if let Some(i) = i {
            let push = Push {
                kind: PushKind::Reply,
                group: None,
                offset: None,
                fields: &fields(i),
            };
            self.say(key, &push);
        }
    }
}

fn history(
    room: &Room,
    since: Option<u64>,
    limit: usize,
    is_reversed: bool,
) -> Result<String, Denied> {
    if since.is_some_and(|since| !room.has_all_behind(since)) {
        return Err(Deny::Unrecoverable.into());
    }
    let (mut posts, offset) = room.page(since, limit);
    if is_reversed {
        posts.reverse();
    }
    let epoch = room.epoch();
    Ok(format!(
        "{{\"o\":{offset},\"e\":\"{epoch}\",\"ms\":{}}}",
        listed(room, &posts)
    ))
}

fn people(room: &Room, limit: usize) -> String {
    let (count, people) = room.people(limit);
    let Some(people) = people else {
        return format!("{{\"n\":{count}}}");
    };
    let one = |(user, name): &(Arc<str>, Arc<str>)| {
        format!("{{\"u\":{},\"n\":{}}}", quoted(user), quoted(name))
    };
    let list: Vec<_> = people.iter().map(one).collect();
    format!("{{\"n\":{count},\"us\":[{}]}}", list.join(","))
}
