//! What a relay asks, in Redis.
//!
//! Keys of a cluster `c` and its shard `s` (all of one have one hash tag), for each group `G`:
//!
//! | key | what | lives |
//! |---|---|---|
//! | `weir:{c:chat:s}:m:G` | a hash: `e` the numbering, `o` the latest place, `v` changes of facts | a day longer than posts |
//! | `weir:{c:chat:s}:s:G` | a stream of posts: `i` id, `t` when, `b` bytes | `chat.history_s` |
//! | `weir:{c:chat:s}:f:G` | a hash of facts: until when, and what is so | until they are lifted |
//! | `weir:{c:chat:s}:x:G NAME` | place and id of a post that has a name | five minutes |
//! | `weir:{c:chat:s}:k:G` | hearts | a day after the last |
//! | `weir:{c:chat:s}:h:G NODE` | the latest count of hearts of a node | a minute |
//! | `weir:{c:chat:s}:n:G` | a hash of nodes: how many are there, and when that was said | ten seconds |
//!
//! The channel of a group is `weir:{c:chat:s}:g:G`. Nothing is ever scanned.

use std::str::FromStr;
use std::sync::Arc;

use weir_base::{Clock, ids};
use weir_chat::bus::table::{FACTS, LOADED_POSTS};
use weir_chat::bus::{Append, Appended, Checked, Fact, Hearts, Loaded, Op, Reply, Told};
use weir_chat::{ChatConfig, GroupName, limits};
use weir_cluster::redis::{LineScript, RedisLine};

use super::nodes::Addresses;

/// Milliseconds beyond the posts' for which a numbering is kept: whoever comes back is told what it has missed, or that.
const NUMBERING_MS: i64 = 86_400_000;
/// Milliseconds after which what a node said of who is there is old: three tellings.
const ONLINE_MS: i64 = 10_000;
/// Milliseconds for which hearts are kept: a day after the last.
const HEARTS_MS: i64 = 86_400_000;
/// Milliseconds in which a count of hearts that is asked again is known: longer than any is.
const COUNTED_MS: i64 = 60_000;
/// Bytes of randomness in a numbering's name.
const EPOCH_BYTES: usize = 5;

/// One shard.
pub(super) struct Wire {
    /// The Redis that gives places.
    pub(super) line: RedisLine,
    /// The one that knows who is there.
    online: RedisLine,
    prefix: String,
    node: String,
    kept: usize,
    age_ms: i64,
    append: LineScript,
    load: LineScript,
    check: LineScript,
    count: LineScript,
    like: LineScript,
}

impl Wire {
    /// Connects when first used.
    ///
    /// # Errors
    /// When an address cannot be used, in words that name its key.
    pub(super) fn new(
        addresses: &Addresses,
        (cluster, shard, node): (&str, usize, &str),
        config: &ChatConfig,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let tag = format!("{cluster}:chat:{shard}");
        let open = |(key, url): &(&'static str, String), called| {
            RedisLine::new(url, &tag, called, clock.clone()).map_err(|error| {
                anyhow::anyhow!(error.to_string().replacen("cluster.redis", key, 1))
            })
        };
        Ok(Self {
            line: open(&addresses.bus, "the chat bus")?,
            online: open(&addresses.online, "who is online")?,
            prefix: format!("weir:{{{tag}}}"),
            node: node.to_owned(),
            kept: config.history_posts.max(1),
            age_ms: config.history_s.saturating_mul(1_000),
            append: LineScript::new(include_str!("append.lua")),
            load: LineScript::new(include_str!("load.lua")),
            check: LineScript::new(include_str!("check.lua")),
            count: LineScript::new(include_str!("online.lua")),
            like: LineScript::new(include_str!("like.lua")),
        })
    }

    /// The channel of a group.
    pub(super) fn channel(&self, group: &GroupName) -> String {
        self.key('g', group)
    }

    /// The group of a channel.
    pub(super) fn group<'a>(&self, channel: &'a str) -> Option<&'a str> {
        channel.strip_prefix(&self.prefix)?.strip_prefix(":g:")
    }

    /// Asks.
    pub(super) async fn ask(&self, op: Op) -> Reply {
        let done = match op {
            Op::Append(append) => self.append(&append).await,
            Op::Load { group, behind } => self.load(&group, behind).await,
            Op::Check(groups) => self.check(&groups).await,
            Op::Online(counts) => self.count(&counts).await,
            Op::Like(hearts) => self.like(&hearts).await,
        };
        done.unwrap_or(Reply::Away)
    }

    fn key(&self, kind: char, group: &GroupName) -> String {
        format!("{}:{kind}:{group}", self.prefix)
    }

    fn keys(&self, group: &GroupName) -> Vec<String> {
        ['m', 's', 'f'].map(|kind| self.key(kind, group)).into()
    }

    async fn append(&self, append: &Append) -> Option<Reply> {
        let mut keys = self.keys(&append.group);
        let numbering_ms = self.age_ms.saturating_add(NUMBERING_MS);
        let mut args: Vec<Vec<u8>> = vec![
            epoch()?,
            text(self.kept),
            text(self.age_ms),
            text(numbering_ms),
            self.line.verb().into(),
            self.channel(&append.group).into(),
            if append.again.is_some() { "again" } else { "" }.into(),
            append.again.as_deref().unwrap_or_default().into(),
            text(append.posts.len()),
            text(append.facts.len()),
            text(FACTS),
            text(limits::ONCE_KEPT_US / 1_000),
        ];
        for (name, id, bytes) in &append.posts {
            let mut key = 0;
            if !name.is_empty() {
                keys.push(format!("{} {name}", self.key('x', &append.group)));
                key = keys.len() - 3;
            }
            args.extend([text(key), id.as_bytes().to_vec(), bytes.clone()]);
        }
        for (fact, bytes) in &append.facts {
            let (key, value) = (fact.key.as_bytes(), fact.value.as_bytes());
            args.extend([
                key.to_vec(),
                text(fact.until_ms),
                value.to_vec(),
                bytes.clone(),
            ]);
        }
        let said = self.line.run(&self.append, (&keys, &args)).await.ok()?;
        let mut said = Texts::new(said);
        match said.text()?.as_str() {
            "forgotten" => return Some(Reply::Forgotten),
            "full" => return Some(Reply::Full),
            _ => {}
        }
        let (epoch, version) = (said.text()?.into(), said.number()?);
        let mut told = Vec::new();
        for _ in &append.posts {
            told.push(Told {
                is_again: said.text()? == "again",
                offset: said.number()?,
                id: said.text()?.into(),
            });
        }
        Some(Reply::Appended(Appended {
            epoch,
            version,
            told,
        }))
    }

    async fn load(&self, group: &GroupName, (known, offset): (Arc<str>, u64)) -> Option<Reply> {
        let numbering_ms = self.age_ms.saturating_add(NUMBERING_MS);
        let args = [
            epoch()?,
            known.as_bytes().to_vec(),
            text(offset),
            text(LOADED_POSTS),
            text(numbering_ms),
        ];
        let keys = self.keys(group);
        let mut said = Texts::new(self.line.run(&self.load, (&keys, &args)).await.ok()?);
        let (epoch, last, version) = (said.text()?.into(), said.number()?, said.number()?);
        let mut facts = Vec::new();
        for _ in 0..said.number::<usize>()? {
            let key = said.text()?.into();
            let value = said.text()?;
            let (until_ms, value) = value.split_once(' ')?;
            facts.push(Fact {
                key,
                value: value.into(),
                until_ms: until_ms.parse().ok()?,
            });
        }
        let mut posts = Vec::new();
        while !said.is_over() {
            posts.push((said.number()?, said.bytes()?));
        }
        Some(Reply::Loaded(Loaded {
            epoch,
            last,
            version,
            facts,
            posts,
        }))
    }

    async fn check(&self, groups: &[GroupName]) -> Option<Reply> {
        let keys: Vec<_> = groups.iter().map(|group| self.key('m', group)).collect();
        let mut said = Texts::new(self.line.run(&self.check, (&keys, &[])).await.ok()?);
        let mut checked = Vec::new();
        for _ in groups {
            let (epoch, last, version) = (said.text()?, said.text()?, said.text()?);
            checked.push(match epoch.as_str() {
                "" => None,
                _ => Some(Checked {
                    epoch: epoch.into(),
                    last: last.parse().ok()?,
                    version: version.parse().ok()?,
                }),
            });
        }
        Some(Reply::Checked(checked))
    }

    async fn like(&self, hearts: &Hearts) -> Option<Reply> {
        let Hearts {
            group,
            sender,
            seq,
            count,
        } = hearts;
        let latest = format!("{} {sender}", self.key('h', group));
        let keys = [self.key('k', group), latest];
        let args: [Vec<u8>; 7] = [
            text(seq),
            text(count),
            text(HEARTS_MS),
            text(COUNTED_MS),
            self.line.verb().into(),
            self.channel(group).into(),
            sender.as_bytes().to_vec(),
        ];
        let said = self.line.run(&self.like, (&keys, &args)).await.ok()?;
        Texts::new(said).number().map(Reply::Liked)
    }

    async fn count(&self, counts: &[(GroupName, u32)]) -> Option<Reply> {
        let keys: Vec<_> = counts
            .iter()
            .map(|(group, _)| self.key('n', group))
            .collect();
        let mut args = vec![self.node.clone().into_bytes(), text(ONLINE_MS)];
        args.extend(counts.iter().map(|(_, count)| text(*count)));
        let said = self.online.run(&self.count, (&keys, &args)).await.ok()?;
        let mut said = Texts::new(said);
        let all: Option<Vec<u32>> = counts.iter().map(|_| said.number()).collect();
        all.map(Reply::Online)
    }
}

/// An answer, read from its front.
struct Texts(std::vec::IntoIter<Vec<u8>>);

impl Texts {
    fn new(said: Vec<Vec<u8>>) -> Self {
        Self(said.into_iter())
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.0.next()
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    fn is_over(&self) -> bool {
        self.0.as_slice().is_empty()
    }
}

/// A numbering's name that no other has.
fn epoch() -> Option<Vec<u8>> {
    let random = ids::random_bytes::<EPOCH_BYTES>().ok()?;
    Some(ids::hex(&random).into_bytes())
}

fn text(what: impl ToString) -> Vec<u8> {
    what.to_string().into_bytes()
}

#[cfg(test)]
mod tests;
