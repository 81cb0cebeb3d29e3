//! Greetings: who a connection is, and which groups it begins with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::consult::{kept_closed, question};
use super::hold::Wish;
use super::{Carrier, Slice};
use crate::business::Matter;
use crate::bye::Bye;
use crate::deny::{Denied, Deny};
use crate::desk::{self, quoted};
use crate::limits;
use crate::name::{GroupKind, GroupName};
use crate::post::Post;
use crate::room::{Joined, Room};
use crate::who::{Guests, Who};
use crate::wire::{Encoding, Position};

/// Groups that are asked for, and how far the client has come in them.
type WantedGroups<'a> = BTreeMap<Cow<'a, str>, Option<Position>>;

impl<C: Carrier> Slice<C> {
    /// Lets a member in, if it may; with the groups that it wants as soon as they are known.
    ///
    /// # Errors
    /// The refusal, and the goodbye that follows.
    pub(super) fn greet(
        &mut self,
        key: usize,
        i: Option<u64>,
        token: Option<&str>,
        wanted: &WantedGroups<'_>,
    ) -> Result<(), (Denied, Option<Bye>)> {
        let Some(member) = self.members.get_mut(key) else {
            return Err((Deny::Internal.into(), None));
        };
        let Some(presented) = member.presented.take() else {
            let words = "the connection has greeted already";
            return Err((Denied::because(Deny::BadRequest, words), None));
        };
        let who = self.who(token, *presented)?;
        self.may_enter(&who).map_err(|(d, bye)| (d, Some(bye)))?;
        let entered = self.house.enter(&who.user);
        entered.map_err(|denied| (denied, Some(Bye::TooMany)))?;
        let who = Arc::new(who);
        if let Some(member) = self.members.get_mut(key) {
            member.who = Some(who.clone());
        }
        let owned = wanted
            .iter()
            .map(|(name, at)| (name.to_string(), at.clone()));
        let wish = Wish::Greet(owned.collect(), Vec::new());
        let groups = beyond_own(&who, wanted);
        if let Some(call) = self.greeting_call(!groups.is_empty()) {
            self.consult(key, i, question(&who, call, groups), wish);
            return Ok(());
        }
        let done = self.when_known(key, i, wish);
        // What is said of that was said.
        done.or_else(|bye| {
            self.close(key, bye);
            Ok(())
        })
    }

    /// What a member is told that is let in.
    ///
    /// # Errors
    /// The refusal, and the goodbye that follows.
    pub(super) fn welcome(
        &mut self,
        key: usize,
        wanted: &WantedGroups<'_>,
        refused: &[String],
    ) -> Result<String, (Denied, Bye)> {
        let who = self.members.get(key).and_then(|member| member.who.clone());
        let who = who.ok_or((Deny::Internal.into(), Bye::BadRequest))?;
        // Who is banned may be known only now, and whose token is good no more.
        self.may_enter(&who)?;
        let may = self
            .house
            .with_silences(|of| of.may_show(&who.user, who.since_ms));
        may.map_err(|denied| (denied, Bye::Expired))?;
        let now_ms = self.house.clock.wall_ms();
        let groups = self.enter_wanted(key, &who, (wanted, refused));
        let ttl = who
            .until_ms
            .map_or(0, |until_ms| (until_ms - now_ms).max(0) / 1_000);
        let (user, name) = (quoted(&who.user), quoted(&who.name));
        Ok(format!(
            "{{\"cid\":\"{}-{key}\",\"ping\":{},\"pong\":true,\"fps\":{},\"ttl\":{ttl},\"t\":{now_ms},\
             \"u\":{{\"u\":{user},\"n\":{name}}},\"g\":{{{groups}}}}}",
            self.number,
            limits::PING_S,
            limits::TICKS_PER_S,
        ))
    }

    /// Lets a member into a group as soon as that is known.
    ///
    /// # Errors
    /// 105: what can be said before it is known.
    pub(super) fn join(
        &mut self,
        key: usize,
        i: Option<u64>,
        group: &str,
        at: Option<Position>,
    ) -> Result<(), Denied> {
        let name = GroupName::new(group)?;
        if self.is_in(key, &name).is_some() {
            return Err(Deny::AlreadyJoined.into());
        }
        let wish = Wish::Join(group.to_owned(), at);
        let who = self.members.get(key).and_then(|member| member.who.clone());
        if let Some(who) = who.filter(|who| !is_own(who, group) && self.is_asked(Matter::Join)) {
            let asked = question(&who, Matter::Join, vec![group.to_owned()]);
            self.consult(key, i, asked, wish);
            return Ok(());
        }
        self.when_known(key, i, wish)
            .map_err(|_| Deny::Internal.into())
    }

    fn may_enter(&self, who: &Who) -> Result<(), (Denied, Bye)> {
        let now_ms = self.house.clock.wall_ms();
        let may = self
            .house
            .with_silences(|of| of.may_enter(&who.user, now_ms));
        may.map_err(|denied| (denied, Bye::Banned))
    }

    fn who(
        &self,
        token: Option<&str>,
        presented: (Option<Who>, String),
    ) -> Result<Who, (Denied, Option<Bye>)> {
        let (known, number) = presented;
        if let Some(token) = token {
            return self.house.who(token).map_err(|denied| {
                let bye = match denied.why {
                    Deny::TokenExpired => Bye::Expired,
                    Deny::Unavailable => Bye::Shutdown,
                    _ => Bye::BadToken,
                };
                (denied, Some(bye))
            });
        }
        match known {
            Some(who) => Ok(who),
            None if self.house.config.guests == Guests::None => {
                Err((Deny::Unauthenticated.into(), Some(Bye::BadToken)))
            }
            None => Ok(Who::guest(&number)),
        }
    }

    /// Everybody's group, its own, and those that it wants: as fields of JSON.
    fn enter_wanted(
        &mut self,
        key: usize,
        who: &Who,
        (wanted, closed): (&WantedGroups<'_>, &[String]),
    ) -> String {
        let mut fields = String::new();
        let mut missed_bytes = 0;
        let everybody = GroupName::everybody();
        let own = who.own_group();
        for name in [Some(&everybody), own.as_ref()].into_iter().flatten() {
            let at = wanted.get(name.as_str()).cloned().flatten();
            let joined = self.enter_group(key, name.as_str(), at.as_ref(), &mut missed_bytes);
            put_group(&mut fields, name.as_str(), joined);
        }
        for (name, at) in wanted {
            let is_implied = |group: &GroupName| group.as_str() == name.as_ref();
            if is_implied(&everybody) || own.as_ref().is_some_and(is_implied) {
                continue;
            }
            let joined = match closed.iter().any(|closed| closed == name.as_ref()) {
                true => Err(kept_closed()),
                false => self.enter_group(key, name, at.as_ref(), &mut missed_bytes),
            };
            put_group(&mut fields, name, joined);
        }
        fields
    }

    /// Has a member enter a group, if it may: what it is told of the group.
    ///
    /// # Errors
    /// 102, 103, 105, 106, 202.
    pub(super) fn enter_group(
        &mut self,
        key: usize,
        name: &str,
        at: Option<&Position>,
        missed_bytes: &mut usize,
    ) -> Result<String, Denied> {
        let name = GroupName::new(name)?;
        let member = self.members.get(key).ok_or(Deny::Internal)?;
        let who = member.who.clone().ok_or(Deny::Unauthenticated)?;
        if name.kind() == GroupKind::User && name.whose() != &*who.user {
            return Err(Deny::Forbidden.into());
        }
        if self.is_in(key, &name).is_some() {
            return Err(Deny::AlreadyJoined.into());
        }
        if member.subs.len() >= limits::GROUPS_PER_MEMBER {
            return Err(Denied::because(
                Deny::Limit,
                "the connection is in too many groups",
            ));
        }
        let now_ms = self.house.clock.wall_ms();
        let room = self.house.room(&name)?;
        self.house.host(&room);
        room.with_silences(|of| of.may_enter(&who.user, now_ms))?;
        let mut joined = self.enter(key, &room, at).ok_or(Deny::Internal)?;
        *missed_bytes += joined.missed.iter().map(|post| post.bytes()).sum::<usize>();
        if *missed_bytes > limits::MISSED_BYTES {
            joined.missed.clear();
            joined.is_recovered = Some(false);
        }
        let tally = &self.house.tally;
        match joined.is_recovered {
            Some(true) => tally.recovered.add(1),
            Some(false) => tally.unrecovered.add(1),
            None => tally.resent.add(joined.missed.len() as u64),
        }
        if joined.is_first && at.is_none() {
            desk::entered(&self.house, &who, &room);
        }
        Ok(described(&room, &joined))
    }

    /// Which part a member is in by this name.
    pub(super) fn is_in(&self, key: usize, name: &GroupName) -> Option<usize> {
        let index = *self.part_of.get(name)?;
        let member = self.members.get(key)?;
        member
            .subs
            .iter()
            .any(|sub| sub.part == index)
            .then_some(index)
    }
}

/// Everybody's group and one's own are nobody's to refuse.
fn is_own(who: &Who, group: &str) -> bool {
    let is_this = |own: &GroupName| own.as_str() == group;
    is_this(&GroupName::everybody()) || who.own_group().as_ref().is_some_and(is_this)
}

/// Groups of a greeting that there could be and that somebody may be refused.
fn beyond_own(who: &Who, wanted: &WantedGroups<'_>) -> Vec<String> {
    let names = wanted.keys().filter(|name| !is_own(who, name));
    let names = names.filter(|name| GroupName::new(name).is_ok());
    names.map(|name| name.to_string()).collect()
}

fn put_group(fields: &mut String, name: &str, joined: Result<String, Denied>) {
    if !fields.is_empty() {
        fields.push(',');
    }
    let told = joined.unwrap_or_else(|denied| format!("{{\"er\":{}}}", refused(&denied)));
    let _ = write!(fields, "{}:{told}", quoted(name));
}

fn described(room: &Room, joined: &Joined) -> String {
    let mut told = format!(
        "{{\"h\":{},\"o\":{},\"e\":\"{}\",\"n\":{},\"st\":{}",
        room.handle,
        joined.offset,
        joined.epoch,
        joined.crowd,
        joined.mode.json()
    );
    if let Some(is_recovered) = joined.is_recovered {
        let _ = write!(told, ",\"rec\":{is_recovered}");
    }
    if joined.likes > 0 {
        let _ = write!(told, ",\"lk\":{}", joined.likes);
    }
    if let Some(post) = &joined.pinned {
        let _ = write!(told, ",\"pin\":{{{}", post.fields);
    }
    if !joined.missed.is_empty() {
        let _ = write!(told, ",\"ms\":{}", listed(room, &joined.missed));
    }
    told.push('}');
    told
}

/// Posts as a list of what would have been pushed.
pub(crate) fn listed(room: &Room, posts: &[Arc<Post>]) -> String {
    let mut lines = Vec::new();
    for post in posts {
        let push = post.to_push(room.group());
        push.put(Encoding::Json, &mut lines, &mut 0);
    }
    let lines = String::from_utf8(lines).unwrap_or_default();
    format!("[{}]", lines.replace('\n', ","))
}

/// A refusal as JSON.
pub(super) fn refused(denied: &Denied) -> String {
    let mut told = format!(
        "{{\"n\":{},\"m\":{},\"tmp\":{}",
        denied.why.number(),
        quoted(&denied.words),
        denied.why.is_temporary()
    );
    if let Some(retry_ms) = denied.retry_ms {
        let _ = write!(told, ",\"r\":{retry_ms}");
    }
    told.push('}');
    told
}
