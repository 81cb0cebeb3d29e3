//! What the pages tell, in memory, with a number that grows with each change of what a page shows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Channels that are held: some 1 KB each, what is said about them besides.
pub const MAX_CHANNELS: usize = 250_000;
/// Bytes of what is said about all channels together: beyond it a channel is held without its words.
const MAX_ABOUT_BYTES: usize = 256 * 1024 * 1024;
/// Pages of the site's own that are held, drafts not counted.
pub const MAX_PAGES: usize = 5_000;
/// Past broadcasts that a channel's page tells.
pub const PAST_SHOWN: usize = 10;
/// Milliseconds that an announced broadcast is told after its beginning.
const SHOWN_FOR_MS: i64 = 12 * 3_600_000;
/// Milliseconds after which a page that tells what is to come is made anew: some of it may be over.
const ANEW_MS: i64 = 60_000;

/// A channel, as its page tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelFacts {
    /// Its id: sorts by when it was made.
    pub id: String,
    /// In its address.
    pub name: String,
    /// The app of its stream.
    pub app: String,
    /// As it is shown.
    pub title: String,
    /// In Markdown.
    pub description: String,
    /// Empty for none.
    pub category: String,
    /// Empty for none.
    pub language: String,
    /// Id of its picture; empty for none.
    pub cover: String,
    /// It stands in lists; else only who knows its name finds it.
    pub is_listed: bool,
    /// It has no page, and what it sends stands in no list.
    pub is_private: bool,
    /// How many follow it.
    pub followers: i64,
    /// Milliseconds since 1970.
    pub changed_ms: i64,
    /// What is announced, the next first.
    pub coming: Vec<Coming>,
}

/// A broadcast that is to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coming {
    /// Its own id.
    pub id: String,
    /// As it is shown.
    pub title: String,
    /// In Markdown.
    pub description: String,
    /// Milliseconds since 1970.
    pub starts_ms: i64,
    /// Milliseconds since 1970; 0: nobody knows.
    pub ends_ms: i64,
}

/// A broadcast that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Its id: sorts by when it began.
    pub id: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: i64,
}

/// A broadcast that can be watched again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Of its recording: sorts by when it began.
    pub id: String,
    /// As it is shown; may be empty.
    pub title: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Milliseconds that it lasts, as far as it is known.
    pub duration_ms: i64,
    /// The broadcast is not over.
    pub goes_on: bool,
    /// Path or address of its picture, where it has one.
    pub poster: Option<String>,
}

/// What is live now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStream {
    /// All levels.
    pub app: String,
    /// The stream's name in it.
    pub stream: String,
    /// On this node; 0 where it lives on another.
    pub viewers: u32,
    /// Lists show it, as far as its channel lets them.
    pub is_listed: bool,
    /// When it was first seen live here, milliseconds since 1970.
    pub since_ms: i64,
    /// Where its newest picture is, which never changes: another picture has another address. None where there is
    /// none that everybody may see.
    pub poster: Option<String>,
}

/// What a page of the site's own is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageKind {
    /// News, the newest first.
    Notice,
    /// How something is done.
    Help,
    /// About a category of channels, whose name is the page's.
    Category,
}

impl PageKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Help, Self::Category];

    /// Its name in JSON and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Help => "help",
            Self::Category => "category",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The first level of its pages' addresses.
    pub const fn level(self) -> &'static str {
        match self {
            Self::Notice => "notices",
            Self::Help => "help",
            Self::Category => "category",
        }
    }
}

/// What a category of channels is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryFacts {
    /// In addresses, and as a channel says it.
    pub name: String,
    /// In English.
    pub title: String,
    /// In Chinese; empty: the English one is shown.
    pub title_zh: String,
}

/// A page of the site's own that is published, now or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFacts {
    /// As the store has it.
    pub id: String,
    /// What it is for.
    pub kind: PageKind,
    /// In its address.
    pub slug: String,
    /// In English.
    pub title: String,
    /// In Chinese; empty: the English one is shown.
    pub title_zh: String,
    /// Markdown, in English.
    pub body: String,
    /// Markdown, in Chinese; empty: the English one is shown.
    pub body_zh: String,
    /// In lists, lowest first.
    pub place: i64,
    /// From when on it is shown, milliseconds since 1970.
    pub publish_ms: i64,
    /// Milliseconds since 1970.
    pub changed_ms: i64,
}

/// A state of what a page shows: the number of the newest change, and the minute where time changes it.
pub(crate) type Rev = (u64, i64);

/// A channel and what is known of it besides.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) facts: ChannelFacts,
    /// The newest first.
    pub(crate) past: Vec<Past>,
    /// The newest first.
    pub(crate) replays: Vec<Replay>,
    pub(crate) viewers: Option<u32>,
    /// Milliseconds since 1970; says something while somebody publishes to it.
    pub(crate) live_since_ms: i64,
    rev: u64,
}

#[derive(Debug)]
struct HeldPage {
    facts: Arc<PageFacts>,
    rev: u64,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Content {
    now_ms: i64,
    rev: u64,
    /// When a list changed last, what is live among it.
    lists_rev: u64,
    /// When the set of addresses changed last.
    map_rev: u64,
    channels: HashMap<String, Held>,
    about_bytes: usize,
    names: HashMap<String, String>,
    /// Names of listed channels by id.
    listed: BTreeMap<String, String>,
    categories: BTreeMap<String, usize>,
    languages: BTreeMap<String, usize>,
    titles: HashMap<String, CategoryFacts>,
    /// When a category was called something else last.
    titles_rev: u64,
    live: Vec<LiveStream>,
    pages: BTreeMap<(PageKind, String), HeldPage>,
    page_ids: HashMap<String, (PageKind, String)>,
}

impl Content {
    /// A channel is this. Whether there was room for it.
    pub(crate) fn channel(&mut self, mut facts: ChannelFacts) -> bool {
        facts.is_listed &= !facts.is_private;
        let (mut past, mut replays) = (Vec::new(), Vec::new());
        let (mut viewers, mut live_since_ms) = (None, 0);
        if let Some(before) = self.take(&facts.id) {
            (past, replays) = (before.past, before.replays);
            (viewers, live_since_ms) = (before.viewers, before.live_since_ms);
        }
        if self.channels.len() >= MAX_CHANNELS {
            return false;
        }
        if facts.is_private || self.about_bytes + facts.description.len() > MAX_ABOUT_BYTES {
            facts.description = String::new();
        }
        self.about_bytes += facts.description.len();
        let rev = self.grow();
        (self.lists_rev, self.map_rev) = (rev, rev);
        if facts.is_listed {
            self.listed.insert(facts.id.clone(), facts.name.clone());
            count(&mut self.categories, &facts.category, true);
            count(&mut self.languages, &facts.language, true);
        }
        self.names.insert(facts.id.clone(), facts.name.clone());
        let held = Held {
            past,
            replays,
            viewers,
            live_since_ms,
            rev,
            facts,
        };
        self.channels.insert(held.facts.name.clone(), held);
        true
    }

    /// There is no channel of this id any more.
    pub(crate) fn channel_gone(&mut self, id: &str) {
        if self.take(id).is_some() {
            let rev = self.grow();
            (self.lists_rev, self.map_rev) = (rev, rev);
        }
    }

    fn take(&mut self, id: &str) -> Option<Held> {
        let name = self.names.remove(id)?;
        let held = self.channels.remove(&name)?;
        self.about_bytes -= held.facts.description.len();
        if self.listed.remove(id).is_some() {
            count(&mut self.categories, &held.facts.category, false);
            count(&mut self.languages, &held.facts.language, false);
        }
        Some(held)
    }

    /// A broadcast of the channel with this id is over.
    pub(crate) fn past(&mut self, channel_id: &str, past: Past) {
        let rev = self.rev + 1;
        let Some(held) = self
            .names
            .get(channel_id)
            .and_then(|name| self.channels.get_mut(name))
        else {
            return;
        };
        if held.past.iter().any(|known| known.id == past.id) {
            return;
        }
        held.past.push(past);
        held.past.sort_unstable_by(|a, b| b.id.cmp(&a.id));
        held.past.truncate(PAST_SHOWN);
        held.rev = rev;
        self.rev = rev;
    }

    /// This broadcast of the channel with this id can be watched again, among others.
    pub(crate) fn replay(&mut self, channel_id: &str, replay: Replay) {
        let name = self.names.get(channel_id);
        let Some(held) = name.and_then(|name| self.channels.get(name)) else {
            return;
        };
        let mut all = held.replays.clone();
        all.retain(|known| known.id != replay.id);
        all.push(replay);
        self.replays(channel_id, all);
    }

    /// These broadcasts of the channel with this id can be watched again, and no others.
    pub(crate) fn replays(&mut self, channel_id: &str, mut replays: Vec<Replay>) {
        let rev = self.rev + 1;
        let name = self.names.get(channel_id);
        let Some(held) = name.and_then(|name| self.channels.get_mut(name)) else {
            return;
        };
        replays.sort_unstable_by(|a, b| b.id.cmp(&a.id));
        replays.truncate(PAST_SHOWN);
        if held.replays == replays {
            return;
        }
        held.replays = replays;
        held.rev = rev;
        self.rev = rev;
    }

    /// What is live now; sorted here. What was live before is so since then.
    pub(crate) fn live(&mut self, mut live: Vec<LiveStream>) {
        let known = self.live.iter();
        let since: HashMap<(&str, &str), i64> = known
            .map(|one| ((&*one.app, &*one.stream), one.since_ms))
            .collect();
        for one in &mut live {
            let before = since.get(&(&*one.app, &*one.stream));
            one.since_ms = before.copied().unwrap_or(one.since_ms);
        }
        drop(since);
        live.sort_unstable_by(|a, b| {
            let by_name = || (&a.app, &a.stream).cmp(&(&b.app, &b.stream));
            b.viewers.cmp(&a.viewers).then_with(by_name)
        });
        if live == self.live {
            return;
        }
        let rev = self.grow();
        self.lists_rev = rev;
        let before = std::mem::take(&mut self.live);
        for stream in &before {
            self.say_viewers(stream, None, rev);
        }
        for stream in &live {
            self.say_viewers(stream, Some(stream.viewers), rev);
        }
        self.live = live;
    }

    fn say_viewers(&mut self, stream: &LiveStream, viewers: Option<u32>, rev: u64) {
        if let Some(held) = self.channels.get_mut(&stream.stream)
            && held.facts.app == stream.app
        {
            held.viewers = viewers;
            held.live_since_ms = stream.since_ms;
            held.rev = rev;
        }
    }

    /// A page is this. Whether there was room for it.
    pub(crate) fn page(&mut self, facts: PageFacts) -> bool {
        self.page_gone(&facts.id);
        if self.pages.len() >= MAX_PAGES {
            return false;
        }
        let rev = self.grow();
        (self.lists_rev, self.map_rev) = (rev, rev);
        let key = (facts.kind, facts.slug.clone());
        self.page_ids.insert(facts.id.clone(), key.clone());
        let facts = Arc::new(facts);
        self.pages.insert(key, HeldPage { facts, rev });
        true
    }

    /// There is no page of this id any more, or it is a draft again.
    pub(crate) fn page_gone(&mut self, id: &str) {
        if let Some(key) = self.page_ids.remove(id) {
            self.pages.remove(&key);
            let rev = self.grow();
            (self.lists_rev, self.map_rev) = (rev, rev);
        }
    }

    /// A category is called this. Whether there was room for it.
    pub(crate) fn category(&mut self, facts: CategoryFacts) -> bool {
        if self.titles.len() >= MAX_PAGES && !self.titles.contains_key(&facts.name) {
            return false;
        }
        let rev = self.grow();
        (self.lists_rev, self.titles_rev) = (rev, rev);
        self.titles.insert(facts.name.clone(), facts);
        true
    }

    /// There is no category of this name any more.
    pub(crate) fn category_gone(&mut self, name: &str) {
        if self.titles.remove(name).is_some() {
            let rev = self.grow();
            (self.lists_rev, self.titles_rev) = (rev, rev);
        }
    }

    /// It is so late now: what was to be shown from now on is.
    pub(crate) fn now(&mut self, now_ms: i64) {
        let before = std::mem::replace(&mut self.now_ms, now_ms);
        let is_due = |page: &HeldPage| {
            let at_ms = page.facts.publish_ms;
            (at_ms <= now_ms) != (at_ms <= before)
        };
        if self.pages.values().any(is_due) {
            let rev = self.grow();
            (self.lists_rev, self.map_rev) = (rev, rev);
        }
    }

    /// With nothing in it, and with numbers that this one never reaches: what was made of this is of no state of that.
    pub(crate) fn successor(&self) -> Self {
        let rev = self.rev + (1 << 32);
        Self {
            now_ms: self.now_ms,
            rev,
            lists_rev: rev,
            map_rev: rev,
            titles_rev: rev,
            ..Self::default()
        }
    }

    fn grow(&mut self) -> u64 {
        self.rev += 1;
        self.rev
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Grows when a list changed.
    pub(crate) fn lists_rev(&self) -> Rev {
        (self.lists_rev, 0)
    }

    /// Grows when an address came or went.
    pub(crate) fn map_rev(&self) -> Rev {
        (self.map_rev, 0)
    }

    /// The channel of this name, and what grows when its page has to be made anew.
    pub(crate) fn find(&self, name: &str) -> Option<(&Held, Rev)> {
        let held = self.channels.get(name)?;
        let minute = match held.facts.coming.is_empty() {
            true => 0,
            false => self.now_ms / ANEW_MS,
        };
        let rev = held.rev.max(self.titles_rev);
        (!held.facts.is_private).then_some((held, (rev, minute)))
    }

    /// Whether what is live shall stand in no list.
    pub(crate) fn hides(&self, stream: &LiveStream) -> bool {
        let held = self.channels.get(&stream.stream);
        !stream.is_listed
            || held.is_some_and(|held| held.facts.app == stream.app && !held.facts.is_listed)
    }

    /// The page of this kind and name, where it is shown now.
    pub(crate) fn find_page(&self, kind: PageKind, slug: &str) -> Option<(&Arc<PageFacts>, Rev)> {
        let page = self.pages.get(&(kind, slug.to_owned()))?;
        (page.facts.publish_ms <= self.now_ms).then_some((&page.facts, (page.rev, 0)))
    }

    /// Pages of a kind that are shown now, in the order of a list.
    pub(crate) fn pages_of(&self, kind: PageKind) -> Vec<&PageFacts> {
        let of_kind = self.pages.values().map(|page| &*page.facts);
        let mut pages: Vec<&PageFacts> = of_kind
            .filter(|page| page.kind == kind && page.publish_ms <= self.now_ms)
            .collect();
        match kind {
            PageKind::Notice => pages.sort_by_key(|page| std::cmp::Reverse(page.publish_ms)),
            PageKind::Help | PageKind::Category => pages.sort_by_key(|page| page.place),
        }
        pages
    }

    /// What is live, most viewers first.
    pub(crate) fn on_air(&self) -> &[LiveStream] {
        &self.live
    }

    /// Listed channels, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Held> {
        let names = self.listed.values().rev();
        names.filter_map(|name| self.channels.get(name))
    }

    /// Categories with how many listed channels are about them.
    pub(crate) fn categories(&self) -> &BTreeMap<String, usize> {
        &self.categories
    }

    /// What a category is called.
    pub(crate) fn titles_of(&self, category: &str) -> Option<&CategoryFacts> {
        self.titles.get(category)
    }

    /// Languages likewise.
    pub(crate) fn languages(&self) -> &BTreeMap<String, usize> {
        &self.languages
    }
}

impl Held {
    /// What is announced and not long over.
    pub(crate) fn coming(&self, now_ms: i64) -> impl Iterator<Item = &Coming> {
        let all = self.facts.coming.iter();
        all.filter(move |one| one.starts_ms > now_ms - SHOWN_FOR_MS)
    }
}

fn count(counts: &mut BTreeMap<String, usize>, word: &str, is_more: bool) {
    if word.is_empty() {
        return;
    }
    let count = counts.entry(word.to_owned()).or_default();
    *count = match is_more {
        true => *count + 1,
        false => count.saturating_sub(1),
    };
    if *count == 0 {
        counts.remove(word);
    }
}
