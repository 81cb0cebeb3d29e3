//! What is said: posts that wait for their places, and the lo lane's messages to other nodes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::host::News;
use super::{
    AGAIN_US, Asked, Output, PATIENCE_US, POSTS_PER_STEP, SENDER_KEPT_US, State, TICK_US,
    WAITING_POSTS, away,
};
use crate::bus::call::{Append, Appended, Op, Reply, Told};
use crate::bus::message::{self, Front};
use crate::bus::{Entry, Fact};
use crate::change::{Answer, Change};
use crate::deny::{Denied, Deny};
use crate::house::House;
use crate::name::GroupName;
use crate::post::{Lane, Placed, Post};
use crate::room::Room;

/// What a node has yet to say in a group.
pub(super) struct Outbox {
    /// Names this count of posts of the lo lane.
    pub(super) sender: Box<str>,
    hi: VecDeque<Outgoing>,
    /// What was asked and not answered.
    asked: Vec<Outgoing>,
    again_us: i64,
    /// Posts of the lo lane that other nodes have not been told.
    lo: Vec<u8>,
    /// Posts up to those, and all that there were.
    lo_told: u64,
    lo_count: u64,
    /// When the next may be told.
    lo_next_us: i64,
}

struct Outgoing {
    entry: Option<Entry>,
    facts: Vec<Fact>,
    answer: Answer,
    until_us: i64,
    /// It was asked for before, and nobody knows whether it was done.
    is_sent: bool,
}

impl Outbox {
    pub(super) const fn new(sender: Box<str>) -> Self {
        Self {
            sender,
            hi: VecDeque::new(),
            asked: Vec::new(),
            again_us: i64::MIN,
            lo: Vec::new(),
            lo_told: 0,
            lo_count: 0,
            lo_next_us: i64::MIN,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.hi.is_empty() || !self.asked.is_empty() || self.has_lo()
    }

    /// Whether other nodes are to be told of the lo lane.
    fn has_lo(&self) -> bool {
        self.lo_told < self.lo_count || !self.lo.is_empty()
    }

    /// Whether others may still count by what was told last.
    pub(super) const fn is_warm(&self, now_us: i64) -> bool {
        self.lo_count > 0 && now_us < self.lo_next_us.saturating_add(SENDER_KEPT_US)
    }

    /// What goes in one step: alike, in order, and of facts one change at a time.
    fn take_step(&mut self) -> Vec<Outgoing> {
        let mut step: Vec<Outgoing> = Vec::new();
        while let Some(next) = self.hi.front() {
            let is_alike = step.last().is_none_or(|last| {
                last.is_sent == next.is_sent && last.facts.is_empty() && next.facts.is_empty()
            });
            if !is_alike || step.len() >= POSTS_PER_STEP {
                break;
            }
            step.extend(self.hi.pop_front());
        }
        step
    }
}

impl State {
    pub(super) fn put(&mut self, house: &House, room: &Arc<Room>, change: Change, answer: Answer) {
        let entry = match change.draft.map(|draft| house.entry(draft)).transpose() {
            Ok(entry) => entry,
            Err(denied) => return self.done.push(Box::new(|| answer(Err(denied)))),
        };
        match entry {
            Some((entry, Lane::Lo)) if change.facts.is_empty() => {
                self.put_lo(house, room, entry, answer);
            }
            entry => {
                let outgoing = Outgoing {
                    entry: entry.map(|(entry, _)| entry),
                    facts: change.facts,
                    answer,
                    until_us: house.clock.now_us() + PATIENCE_US,
                    is_sent: false,
                };
                let waiting = &mut self.hosted(room).outbox.hi;
                if waiting.len() >= WAITING_POSTS {
                    let denied = Denied::new(Deny::Rate).after_ms(1_000);
                    return self.refuse(vec![outgoing], &denied);
                }
                waiting.push_back(outgoing);
            }
        }
        self.send(house, &room.name);
    }

    /// A post of the lo lane has its place here at once.
    fn put_lo(&mut self, house: &House, room: &Arc<Room>, entry: Entry, answer: Answer) {
        let is_json = self.config.is_json;
        let placed = house.place(room, (entry.clone(), Lane::Lo));
        if !placed.is_again {
            let outbox = &mut self.hosted(room).outbox;
            outbox.lo_count += u64::from(entry.push.is_counted());
            if !placed.is_shed {
                outbox.lo.extend(message::post(&entry, is_json));
            }
        }
        self.done.push(Box::new(|| answer(Ok(Some(placed)))));
    }

    /// Says what may be said now; the rest at the next tick.
    pub(super) fn send(&mut self, house: &House, group: &GroupName) {
        let now_us = house.clock.now_us();
        let is_json = self.config.is_json;
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        let (shard, epoch) = (hosted.shard, hosted.epoch.clone());
        let outbox = &mut hosted.outbox;
        if outbox.has_lo() && now_us >= outbox.lo_next_us {
            let front = Front::Lo {
                sender: &outbox.sender,
                first: outbox.lo_told,
                end: outbox.lo_count,
            };
            let mut message = front.line().into_bytes();
            message.append(&mut outbox.lo);
            outbox.lo_told = outbox.lo_count;
            outbox.lo_next_us = now_us + TICK_US;
            self.out.push(Output::Publish {
                shard,
                group: group.clone(),
                message,
            });
        }
        if outbox.asked.is_empty() && !outbox.hi.is_empty() && now_us >= outbox.again_us {
            let step = outbox.take_step();
            let append = appended(group, (&step, epoch), is_json);
            outbox.asked = step;
            self.ask(shard, Op::Append(append), Asked::Append(group.clone()));
        }
        if self.groups.get(group).is_some_and(|of| of.is_busy()) {
            self.busy.insert(group.clone());
        }
    }

    /// Posts got their places, or did not.
    pub(super) fn appended(&mut self, house: &House, group: &GroupName, reply: Reply) {
        let now_us = house.clock.now_us();
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        let outbox = &mut hosted.outbox;
        let asked = std::mem::take(&mut outbox.asked);
        match reply {
            Reply::Appended(appended) => self.took(house, group, (asked, appended)),
            Reply::Full => {
                let denied = Denied::because(Deny::Limit, "too many are silenced here");
                self.refuse(asked, &denied);
            }
            Reply::Forgotten => self.refuse(asked, &away(true)),
            _ => {
                outbox.again_us = now_us + AGAIN_US;
                let (old, waiting): (Vec<_>, Vec<_>) =
                    asked.into_iter().partition(|one| one.until_us <= now_us);
                for mut one in waiting.into_iter().rev() {
                    one.is_sent = true;
                    outbox.hi.push_front(one);
                }
                self.refuse(old, &away(true));
            }
        }
        self.send(house, group);
    }

    fn refuse(&mut self, asked: Vec<Outgoing>, denied: &Denied) {
        for Outgoing { answer, .. } in asked {
            let denied = denied.clone();
            self.done.push(Box::new(|| answer(Err(denied))));
        }
    }

    /// What has its place is heard here as it is elsewhere, and whoever posted it is told.
    fn took(
        &mut self,
        house: &House,
        group: &GroupName,
        (asked, appended): (Vec<Outgoing>, Appended),
    ) {
        let Appended {
            epoch,
            version,
            told,
        } = appended;
        let mut told = told.into_iter();
        let (mut posts, mut facts) = (Vec::new(), Vec::new());
        for one in asked {
            facts.extend(one.facts);
            let Some((entry, told)) = one.entry.zip(told.next()) else {
                self.done.push(Box::new(|| (one.answer)(Ok(None))));
                continue;
            };
            let placed = placed(&entry, &told, &epoch);
            if !told.is_again {
                posts.push((told.offset, entry));
            }
            self.done.push(Box::new(|| (one.answer)(Ok(Some(placed)))));
        }
        // One that was asked again may have got its place before others came between.
        let mut rest = posts.into_iter().peekable();
        while let Some((first, post)) = rest.next() {
            let mut posts = vec![post];
            let mut next = first + 1;
            while let Some((_, post)) = rest.next_if(|(offset, _)| *offset == next) {
                posts.push(post);
                next += 1;
            }
            let is_last = rest.peek().is_none();
            let news = News {
                epoch: epoch.clone(),
                first,
                version,
                posts,
                facts: if is_last {
                    std::mem::take(&mut facts)
                } else {
                    Vec::new()
                },
            };
            self.hear_hi(house, group, news);
        }
        if !facts.is_empty() {
            let news = News {
                epoch,
                first: 0,
                version,
                posts: Vec::new(),
                facts,
            };
            self.hear_hi(house, group, news);
        }
    }
}

/// What the poster is told of its post.
fn placed(entry: &Entry, told: &Told, epoch: &Arc<str>) -> Placed {
    Placed {
        post: Arc::new(Post {
            id: told.id.parse().unwrap_or(entry.id),
            push: entry.push,
            offset: Some(told.offset),
            fields: "".into(),
            user: entry.user.clone(),
            at_us: 0,
            wants_receipt: false,
        }),
        is_shed: false,
        is_again: told.is_again,
        epoch: epoch.clone(),
    }
}

fn appended(group: &GroupName, (step, epoch): (&[Outgoing], Arc<str>), is_json: bool) -> Append {
    let posts = step.iter().filter_map(|one| one.entry.as_ref());
    let post = |entry: &Entry| {
        let name = entry.key().unwrap_or_default();
        let bytes = message::post(entry, is_json);
        (name, entry.id.to_string().into(), bytes)
    };
    let facts = step.iter().flat_map(|one| &one.facts);
    let fact = |fact: &Fact| (fact.clone(), message::fact(fact, is_json));
    Append {
        group: group.clone(),
        posts: posts.map(post).collect(),
        facts: facts.map(fact).collect(),
        again: step.iter().any(|one| one.is_sent).then_some(epoch),
    }
}
