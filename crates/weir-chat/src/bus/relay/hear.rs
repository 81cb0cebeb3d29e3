//! What is heard: posts in their places, what is missing, and what was before.

use super::host::{Hosted, News, Stage};
use super::{AGAIN_US, EARLY_POSTS, SENDERS, State};
use crate::bus::call::{Loaded, Reply};
use crate::bus::message::{self, Front, Item};
use crate::bus::{Entry, Fact};
use crate::house::House;
use crate::name::GroupName;
use crate::post::Lane;

impl State {
    pub(super) fn heard(&mut self, house: &House, group: &str, message: &[u8]) {
        let Ok(name) = GroupName::new(group) else {
            return;
        };
        let Some(hosted) = self.groups.get_mut(&name) else {
            return;
        };
        let Some((front, rest)) = message::split(message) else {
            return unreadable(&name);
        };
        match front {
            Front::Lo { sender, first, end } => {
                // What this node says comes back to it, too.
                if *sender == *hosted.outbox.sender || hosted.stage == Stage::Resting {
                    return;
                }
                let Some(items) = message::items(rest) else {
                    return unreadable(&name);
                };
                hosted.hear_lo(house, sender, (first, end), items);
            }
            Front::Likes { total, .. } => {
                if hosted.stage != Stage::Resting {
                    house.set_likes(&hosted.room, total);
                }
            }
            Front::Hi {
                epoch,
                first,
                version,
            } => {
                let Some(items) = message::items(rest) else {
                    return unreadable(&name);
                };
                let (mut posts, mut facts) = (Vec::new(), Vec::new());
                for item in items {
                    match item {
                        Item::Post(post) => posts.push(post),
                        Item::Fact(fact) => facts.push(fact),
                    }
                }
                let news = News {
                    epoch: epoch.into(),
                    first,
                    version,
                    posts,
                    facts,
                };
                self.hear_hi(house, &name, news);
            }
        }
    }

    /// Posts and facts that have their places, from whoever.
    pub(super) fn hear_hi(&mut self, house: &House, group: &GroupName, news: News) {
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        match hosted.stage {
            Stage::Resting => return,
            Stage::Deaf | Stage::Stale { .. } | Stage::Loading(_) => return hosted.keep(news),
            Stage::Live => {}
        }
        if news.epoch != hosted.epoch {
            hosted.keep(news);
            return self.load(house, group);
        }
        if hosted.take_news(house, news) {
            hosted.gap_us.get_or_insert(house.clock.now_us());
            self.busy.insert(group.clone());
        }
    }

    /// What was before was read.
    pub(super) fn loaded(&mut self, house: &House, group: &GroupName, (call, reply): (u64, Reply)) {
        let Some(hosted) = self.groups.get_mut(group) else {
            return;
        };
        if hosted.stage != Stage::Loading(call) {
            return;
        }
        let again = |hosted: &mut Hosted, again_us| {
            hosted.stage = Stage::Stale { again_us };
        };
        let now_us = house.clock.now_us();
        let Reply::Loaded(loaded) = reply else {
            again(hosted, now_us + AGAIN_US);
            self.busy.insert(group.clone());
            return;
        };
        if hosted.take_loaded(house, loaded) {
            again(hosted, now_us);
            return self.load(house, group);
        }
        hosted.stage = Stage::Live;
        if !std::mem::replace(&mut hosted.is_whole, true) {
            house.announce(&hosted.room);
        }
        hosted.room.set_ready(true);
        hosted.likes.ask_total();
        self.busy.insert(group.clone());
        // What is of a numbering that is over was read as far as it is there.
        let epoch = hosted.epoch.clone();
        let kept = std::mem::take(&mut hosted.kept).into_iter();
        for news in kept.filter(|news| news.epoch == epoch) {
            self.hear_hi(house, group, news);
        }
        house.tell_ready();
    }
}

impl Hosted {
    /// Posts of the lo lane from another node.
    fn hear_lo(&mut self, house: &House, sender: &str, (first, end): (u64, u64), items: Vec<Item>) {
        let now_us = house.clock.now_us();
        let known = self.senders.get(sender).copied();
        if known.is_none() && self.senders.len() >= SENDERS {
            return;
        }
        let posts = items.into_iter().filter_map(|item| match item {
            Item::Post(post) => Some(post),
            Item::Fact(_) => None,
        });
        let mut here = 0;
        for post in posts {
            here += u64::from(post.push.is_counted());
            house.place(&self.room, (post, Lane::Lo));
        }
        // Lost on the way, and left out by the sender.
        let lost = known.map_or(0, |(counted, _)| first.saturating_sub(counted));
        let missed = lost + (end - first).saturating_sub(here);
        if missed > 0 {
            house.miss(&self.room, missed);
        }
        self.senders.insert(sender.into(), (end, now_us));
    }

    /// Takes what comes next, and keeps what comes later. Whether something is missing.
    fn take_news(&mut self, house: &House, news: News) -> bool {
        let offsets = news.first..;
        for (offset, post) in offsets.zip(news.posts) {
            if offset == self.next {
                self.place(house, post);
                self.take_early(house);
            } else if offset > self.next && self.early.len() < EARLY_POSTS {
                self.early.insert(offset, post);
            }
        }
        let is_next = news.version == self.version + 1 && !news.facts.is_empty();
        if is_next {
            for fact in &news.facts {
                house.learn(&self.room, fact);
            }
            self.version = news.version;
        }
        !self.early.is_empty() || news.version > self.version
    }

    fn take_early(&mut self, house: &House) {
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= self.next
        {
            let (offset, post) = entry.remove_entry();
            if offset == self.next {
                self.place(house, post);
            }
        }
        if self.early.is_empty() {
            self.gap_us = None;
        }
    }

    fn place(&mut self, house: &House, post: Entry) {
        // Its name is known to who gave the place.
        let post = Entry { once: None, ..post };
        house.place(&self.room, (post, Lane::Hi));
        self.next += 1;
    }

    /// Takes what was read. Whether there is more to read.
    fn take_loaded(&mut self, house: &House, loaded: Loaded) -> bool {
        let is_first = !self.is_whole;
        let is_same = loaded.epoch == self.epoch;
        let begins = loaded.posts.first().map(|(offset, _)| *offset);
        let follows = match begins {
            Some(first) => first <= self.next,
            None => loaded.last < self.next,
        };
        if !(is_same && follows) {
            let behind = begins.map_or(loaded.last, |first| first.saturating_sub(1));
            house.renumber(&self.room, &loaded.epoch, behind, !is_first);
            self.epoch = loaded.epoch.clone();
            self.next = behind + 1;
        }
        self.early.clear();
        let read = !loaded.posts.is_empty();
        for (offset, bytes) in loaded.posts {
            if offset != self.next {
                continue;
            }
            let post = post_of(&bytes).unwrap_or_else(|| Entry::unreadable(house.clock.wall_ms()));
            match is_first {
                true => {
                    house.remember(&self.room, post);
                    self.next += 1;
                }
                false => self.place(house, post),
            }
        }
        if is_first || !is_same || loaded.version != self.version {
            let facts: &[Fact] = &loaded.facts;
            house.learn_all(&self.room, facts, is_first);
            self.version = loaded.version;
        }
        read && self.next <= loaded.last
    }
}

fn post_of(bytes: &[u8]) -> Option<Entry> {
    let mut rest = bytes;
    match message::take(&mut rest) {
        Some(Item::Post(post)) if rest.is_empty() => Some(post),
        _ => None,
    }
}

fn unreadable(group: &GroupName) {
    tracing::debug!(target: "chat", %group, "a message between nodes cannot be read");
}
