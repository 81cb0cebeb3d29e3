//! What the Redis that gives places does, in this process: what the scripts are compared with, and what simulations
//! have in its place.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::call::{Append, Appended, Checked, Hearts, Loaded, Op, Reply, Told};
use super::fact::Fact;
use super::message::Front;
use crate::name::GroupName;

/// Posts in one answer.
pub const LOADED_POSTS: usize = 512;
/// Posts among which one that is asked again is looked for.
pub const LOOKED_BACK: usize = 256;
/// Facts of a group.
pub const FACTS: usize = 40_000;

/// See the file's words.
#[derive(Debug, Default)]
pub struct Table {
    groups: HashMap<GroupName, Group>,
    /// Who said how many are there, and when.
    online: HashMap<GroupName, BTreeMap<Box<str>, (u32, i64)>>,
    epochs: u64,
    /// Posts that a group keeps.
    kept: usize,
    /// Milliseconds after which what a node said of who is there is old.
    online_ms: i64,
}

#[derive(Debug, Default)]
struct Group {
    epoch: Arc<str>,
    last: u64,
    version: u64,
    /// Place, id, bytes.
    posts: VecDeque<(u64, Box<str>, Vec<u8>)>,
    named: HashMap<Box<str>, (u64, Box<str>)>,
    facts: BTreeMap<Box<str>, Fact>,
    likes: u64,
    /// The latest count of each who counts hearts.
    liked: HashMap<Box<str>, u64>,
}

impl Group {
    /// What became of a post, and whether it has its place only now.
    fn place(
        &mut self,
        (name, id, post): &(Box<str>, Box<str>, Vec<u8>),
        is_asked_again: bool,
    ) -> (Told, bool) {
        if let Some((offset, of)) = self.named.get(name) {
            let told = Told {
                offset: *offset,
                id: of.clone(),
                // Asked again, it is the post itself that was found by its name.
                is_again: !is_asked_again || of != id,
            };
            return (told, false);
        }
        let told = |offset| Told {
            offset,
            id: id.clone(),
            is_again: false,
        };
        let mut recent = self.posts.iter().rev().take(LOOKED_BACK);
        if is_asked_again && let Some((offset, ..)) = recent.find(|(_, of, _)| of == id) {
            return (told(*offset), false);
        }
        self.last += 1;
        self.posts.push_back((self.last, id.clone(), post.clone()));
        if !name.is_empty() {
            self.named.insert(name.clone(), (self.last, id.clone()));
        }
        (told(self.last), true)
    }
}

impl Table {
    /// An empty one.
    pub fn new(kept: usize, online_ms: i64) -> Self {
        Self {
            kept,
            online_ms,
            ..Self::default()
        }
    }

    /// Forgets everything, as a Redis does that keeps nothing on a disk.
    pub fn restart(&mut self) {
        self.groups.clear();
        self.online.clear();
    }

    /// Places given in a group's present numbering.
    pub fn last(&self, group: &GroupName) -> (Arc<str>, u64) {
        let group = self.groups.get(group);
        group.map_or_else(Default::default, |group| (group.epoch.clone(), group.last))
    }

    /// Answers; with what goes to all who listen to a group.
    pub fn answer(
        &mut self,
        node: &str,
        op: &Op,
        now_ms: i64,
    ) -> (Reply, Option<(GroupName, Vec<u8>)>) {
        match op {
            Op::Append(append) => self.append(append),
            Op::Load { group, behind } => (self.load(group, behind), None),
            Op::Check(groups) => {
                let checked = groups.iter().map(|group| {
                    let group = self.groups.get(group)?;
                    Some(Checked {
                        epoch: group.epoch.clone(),
                        last: group.last,
                        version: group.version,
                    })
                });
                (Reply::Checked(checked.collect()), None)
            }
            Op::Like(hearts) => self.like(hearts),
            Op::Online(counts) => {
                let counts = counts.iter().map(|(group, count)| {
                    let said = self.online.entry(group.clone()).or_default();
                    said.insert(node.into(), (*count, now_ms));
                    said.retain(|_, (count, at_ms)| *count > 0 && now_ms - *at_ms < self.online_ms);
                    said.values().map(|(count, _)| count).sum()
                });
                (Reply::Online(counts.collect()), None)
            }
        }
    }

    fn group(&mut self, name: &GroupName) -> &mut Group {
        let epochs = &mut self.epochs;
        self.groups.entry(name.clone()).or_insert_with(|| {
            *epochs += 1;
            Group {
                epoch: format!("e{epochs}").into(),
                ..Group::default()
            }
        })
    }

    fn like(&mut self, hearts: &Hearts) -> (Reply, Option<(GroupName, Vec<u8>)>) {
        let Hearts {
            group: name,
            sender,
            seq,
            count,
        } = hearts;
        let group = self.group(name);
        let is_news = *count > 0 && group.liked.get(sender) != Some(seq);
        if is_news {
            group.likes += count;
            group.liked.insert(sender.clone(), *seq);
        }
        let total = group.likes;
        let front = Front::Likes { sender, total };
        let message = is_news.then(|| (name.clone(), front.line().into_bytes()));
        (Reply::Liked(total), message)
    }

    fn append(&mut self, append: &Append) -> (Reply, Option<(GroupName, Vec<u8>)>) {
        let kept = self.kept;
        let group = self.group(&append.group);
        if let Some(epoch) = &append.again
            && !epoch.is_empty()
            && *epoch != group.epoch
        {
            return (Reply::Forgotten, None);
        }
        let fresh = append
            .facts
            .iter()
            .filter(|(fact, _)| !fact.value.is_empty());
        if group.facts.len() + fresh.count() > FACTS {
            return (Reply::Full, None);
        }
        let mut body = Vec::new();
        let mut first = group.last + 1;
        let mut told = Vec::new();
        let mut is_news = !append.facts.is_empty();
        for post in &append.posts {
            let (placed, is_new) = group.place(post, append.again.is_some());
            if is_new {
                if body.is_empty() {
                    first = placed.offset;
                }
                is_news = true;
                body.extend_from_slice(&post.2);
            }
            told.push(placed);
        }
        while group.posts.len() > kept {
            group.posts.pop_front();
        }
        for (fact, bytes) in &append.facts {
            match fact.value.is_empty() {
                true => drop(group.facts.remove(&fact.key)),
                false => drop(group.facts.insert(fact.key.clone(), fact.clone())),
            }
            body.extend_from_slice(bytes);
        }
        group.version += u64::from(!append.facts.is_empty());
        let front = Front::Hi {
            epoch: &group.epoch,
            first,
            version: group.version,
        };
        let mut message = front.line().into_bytes();
        message.extend(body);
        let appended = Appended {
            epoch: group.epoch.clone(),
            version: group.version,
            told,
        };
        let message = is_news.then(|| (append.group.clone(), message));
        (Reply::Appended(appended), message)
    }

    fn load(&mut self, name: &GroupName, (epoch, offset): &(Arc<str>, u64)) -> Reply {
        let group = self.group(name);
        let behind = if *epoch == group.epoch { *offset } else { 0 };
        let posts = group.posts.iter().filter(|(at, ..)| *at > behind);
        let posts = posts
            .take(LOADED_POSTS)
            .map(|(at, _, post)| (*at, post.clone()));
        Reply::Loaded(Loaded {
            epoch: group.epoch.clone(),
            last: group.last,
            version: group.version,
            facts: group.facts.values().cloned().collect(),
            posts: posts.collect(),
        })
    }
}
