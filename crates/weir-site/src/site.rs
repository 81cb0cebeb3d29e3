//! The site in memory: what changed goes in, pages come out. A page is made when it is first asked for after a
//! change of what it shows, once however many ask, and then given out as it is.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use weir_base::Tongue;

use crate::content::{
    CategoryFacts, ChannelFacts, Content, LiveStream, PageFacts, Past, Replay, Rev,
};
use crate::document::Document;
use crate::feeds::{self, Embedding};
use crate::pages::{self, Frame};
use crate::pictures::Pictures;
use crate::shell::Shell;
use crate::target::Target;

/// Bytes of pages that are kept, in one generation; there are two.
const MAX_KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Pages that are kept, in one generation.
const MAX_KEPT: usize = 50_000;

/// The language of a page, and how it was chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Chosen {
    /// For words.
    pub tongue: Tongue,
    /// By the address: links on the page keep it.
    pub is_said: bool,
}

/// The site. All of it is behind locks that are held for as long as a look-up takes; a list is made under one.
#[derive(Debug)]
pub struct Site {
    shell: Shell,
    /// Where the public reaches it; empty where nobody said.
    url: String,
    /// What stands before `/i/` of a picture's address; see [`Pictures`].
    pictures: Pictures,
    content: RwLock<Content>,
    kept: Mutex<Generations>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    target: Target,
    chosen: Chosen,
    origin: String,
}

/// A page of one state of the content; made by the first who asks for it.
#[derive(Debug)]
struct Slot {
    rev: Rev,
    document: OnceLock<Option<Arc<Document>>>,
}

/// What was made. The older generation goes when the younger is full, so that what nobody reads is forgotten.
#[derive(Debug, Default)]
struct Generations {
    younger: HashMap<Key, Arc<Slot>>,
    older: HashMap<Key, Arc<Slot>>,
    bytes: usize,
}

impl Site {
    /// With nothing in it. `url` is where the public reaches it, without a slash at the end; empty: each feed says
    /// what its reader asked for.
    pub fn new(shell: Shell, url: &str, pictures: Pictures) -> Self {
        Self {
            shell,
            url: url.trim_end_matches('/').to_owned(),
            pictures,
            content: RwLock::default(),
            kept: Mutex::default(),
        }
    }

    /// Where the public reaches it; `asked`, which is what somebody asked for, where nobody said.
    pub fn origin<'a>(&'a self, asked: &'a str) -> &'a str {
        match self.url.as_str() {
            "" => asked,
            url => url,
        }
    }

    /// A channel is this. Whether there was room for it.
    pub fn channel(&self, facts: ChannelFacts) -> bool {
        self.content.write().channel(facts)
    }

    /// There is no channel of this id any more, or it is private now.
    pub fn channel_gone(&self, id: &str) {
        self.content.write().channel_gone(id);
    }

    /// A broadcast of the channel with this id is over.
    pub fn past(&self, channel_id: &str, past: Past) {
        self.content.write().past(channel_id, past);
    }

    /// This broadcast of the channel with this id can be watched again, among others.
    pub fn replay(&self, channel_id: &str, replay: Replay) {
        self.content.write().replay(channel_id, replay);
    }

    /// These broadcasts of the channel with this id can be watched again, and no others.
    pub fn replays(&self, channel_id: &str, replays: Vec<Replay>) {
        self.content.write().replays(channel_id, replays);
    }

    /// What is live now.
    pub fn live(&self, live: Vec<LiveStream>) {
        self.content.write().live(live);
    }

    /// A page is this. Whether there was room for it.
    pub fn page(&self, facts: PageFacts) -> bool {
        self.content.write().page(facts)
    }

    /// There is no page of this id any more, or it is a draft again.
    pub fn page_gone(&self, id: &str) {
        self.content.write().page_gone(id);
    }

    /// A category is called this. Whether there was room for it.
    pub fn category(&self, facts: CategoryFacts) -> bool {
        self.content.write().category(facts)
    }

    /// There is no category of this name any more; channels may name it all the same.
    pub fn category_gone(&self, name: &str) {
        self.content.write().category_gone(name);
    }

    /// It is so late now, milliseconds since 1970.
    pub fn now(&self, now_ms: i64) {
        self.content.write().now(now_ms);
    }

    /// Another one with nothing in it, for whoever is told everything anew; then it is [taken over](Self::take).
    pub fn anew(&self) -> Self {
        let content = self.content.read().successor();
        Self {
            content: RwLock::new(content),
            ..Self::new(self.shell.clone(), &self.url, self.pictures.clone())
        }
    }

    /// What the other one was told is what is known from now on.
    pub fn take(&self, other: Self) {
        *self.content.write() = other.content.into_inner();
    }

    /// The page; none where there is no such one. `asked` is the scheme and host that somebody asked for.
    pub fn document(&self, target: Target, chosen: Chosen, asked: &str) -> Option<Arc<Document>> {
        let rev = pages::rev(&self.content.read(), &target)?;
        let is_for_people = target.is_for_people();
        let key = Key {
            chosen: if is_for_people {
                chosen
            } else {
                Chosen::default()
            },
            origin: match is_for_people {
                true => String::new(),
                false => self.origin(asked).to_owned(),
            },
            target,
        };
        let slot = self.kept.lock().slot(&key, rev);
        let document = slot.document.get_or_init(|| {
            let content = self.content.read();
            let frame = self.frame(&key.target, key.chosen, &key.origin);
            let document = pages::render(&content, &frame).map(Arc::new);
            drop(content);
            let size = document.as_ref().map_or(0, |document| document.size());
            self.kept.lock().weigh(size);
            document
        });
        document.clone()
    }

    /// The page of what a search found; none where it could not be looked for. It is not kept.
    pub fn search(&self, chosen: Chosen, words: &str, found: Option<&[pages::Found]>) -> Document {
        let content = self.content.read();
        let frame = self.frame(&Target::Home, chosen, "");
        pages::search(&content, &frame, words, found)
    }

    /// What a page of somebody else's shows of a channel, in at most so many pixels.
    pub fn embedding(&self, name: &str, origin: &str, most: (u32, u32)) -> Option<Embedding> {
        let content = self.content.read();
        let (held, _) = content.find(name)?;
        Some(feeds::embedding(origin, &held.facts, &self.pictures, most))
    }

    fn frame<'a>(&'a self, target: &'a Target, chosen: Chosen, origin: &'a str) -> Frame<'a> {
        Frame {
            shell: &self.shell,
            target,
            tongue: chosen.tongue,
            is_said: chosen.is_said,
            url: if origin.is_empty() { &self.url } else { origin },
            pictures: &self.pictures,
        }
    }
}

impl Generations {
    /// The slot of a page in this state of its content.
    fn slot(&mut self, key: &Key, rev: Rev) -> Arc<Slot> {
        let known = self.younger.get(key).filter(|slot| slot.rev == rev);
        if let Some(slot) = known {
            return slot.clone();
        }
        let older = self.older.remove(key).filter(|slot| slot.rev == rev);
        let slot = older.unwrap_or_else(|| {
            let document = OnceLock::new();
            Arc::new(Slot { rev, document })
        });
        if self.younger.len() >= MAX_KEPT || self.bytes >= MAX_KEPT_BYTES {
            self.older = std::mem::take(&mut self.younger);
            self.bytes = 0;
        }
        self.younger.insert(key.clone(), slot.clone());
        slot
    }

    fn weigh(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Chosen {
    /// By what the address says (`?lang=`), else by what the reader wishes for.
    pub fn of(said: Option<&str>, wished: Tongue) -> Self {
        let by_address = match said {
            Some("en") => Some(Tongue::English),
            Some("zh") => Some(Tongue::Chinese),
            _ => None,
        };
        Self {
            tongue: by_address.unwrap_or(wished),
            is_said: by_address.is_some(),
        }
    }

    /// For `Content-Language`.
    pub const fn tag(self) -> &'static str {
        self.tongue.tag()
    }
}

#[cfg(test)]
mod tests;
