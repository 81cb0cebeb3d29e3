//! What nodes say to each other of a group: a line in front, then posts and facts, in few bytes or as lines of JSON.
//!
//! ```text
//! h EPOCH FIRST VERSION\n ITEM…     posts of the hi lane from FIRST on, and facts, after which there were VERSION changes of facts
//! l SENDER FIRST END\n ITEM…        posts of the lo lane: of those that SENDER has had, those from FIRST up to END
//! k SENDER 0 TOTAL\n               hearts: how many there are in all
//! ```
//!
//! An item is `P` (a post) or `F` (a fact), its length, and so many bytes; or an object of JSON up to a line end. A
//! line in front is text, so that the script that gives places can write it.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use weir_base::Id;

use super::entry::Entry;
use super::fact::{FACT_KEY_BYTES, FACT_VALUE_BYTES, Fact};
use crate::limits;
use crate::wire::PushKind;
use crate::wire::record::{put_number, take_number};

/// Bytes of one post between nodes: a payload, who says it, and what stands around them.
pub const ENTRY_BYTES: usize = 64 * 1024;
/// The largest place or count: what a number of JSON holds exactly.
pub const MOST: u64 = 1 << 53;
/// Items in one message: more are sent as several.
pub const ITEMS: usize = 4_096;

const WANTS_RECEIPT: u8 = 1;
const HAS_NAME: u8 = 2;

/// What stands in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Front<'a> {
    /// Posts of the hi lane, and facts.
    Hi {
        /// The numbering.
        epoch: &'a str,
        /// The place of the first.
        first: u64,
        /// How often facts have changed.
        version: u64,
    },
    /// Posts of the lo lane.
    Lo {
        /// Who has counted them.
        sender: &'a str,
        /// Posts before these.
        first: u64,
        /// Posts up to these and those that were left out.
        end: u64,
    },
    /// Hearts.
    Likes {
        /// Whose made them so many.
        sender: &'a str,
        /// In all.
        total: u64,
    },
}

/// A post or a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Somebody's words, whose place is in front.
    Post(Entry),
    /// What holds from now on, or no more.
    Fact(Fact),
}

impl Front<'_> {
    /// As the line in front.
    pub fn line(&self) -> String {
        match self {
            Self::Hi {
                epoch,
                first,
                version,
            } => format!("h {epoch} {first} {version}\n"),
            Self::Lo { sender, first, end } => format!("l {sender} {first} {end}\n"),
            Self::Likes { sender, total } => format!("k {sender} 0 {total}\n"),
        }
    }
}

/// Reads the line in front; gives what follows.
pub fn split(message: &[u8]) -> Option<(Front<'_>, &[u8])> {
    let end = message.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = message.split_at_checked(end)?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (kind, name) = (words.next()?, words.next()?);
    let (first, last): (u64, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let is_plain =
        name.len() <= limits::EPOCH_BYTES && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if words.next().is_some() || !is_plain || first.max(last) > MOST {
        return None;
    }
    let front = match kind {
        "h" => Front::Hi {
            epoch: name,
            first,
            version: last,
        },
        "l" if first <= last => Front::Lo {
            sender: name,
            first,
            end: last,
        },
        "k" => Front::Likes {
            sender: name,
            total: last,
        },
        _ => return None,
    };
    Some((front, rest.get(1..).unwrap_or_default()))
}

/// Takes an item off the front; `None` at the end, or where there is none that is whole.
pub fn take(bytes: &mut &[u8]) -> Option<Item> {
    let (&first, rest) = bytes.split_first()?;
    if first == b'{' {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = bytes.split_at_checked(end)?;
        *bytes = rest.get(1..).unwrap_or_default();
        return read_line(std::str::from_utf8(line).ok()?);
    }
    let mut rest = rest;
    let length = usize::try_from(take_number(&mut rest)?).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    match first {
        b'P' => read_post(body).map(Item::Post),
        b'F' => read_fact(body).map(Item::Fact),
        _ => None,
    }
}

/// All items, or nothing where one makes no sense or they are too many.
pub fn items(mut bytes: &[u8]) -> Option<Vec<Item>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        if all.len() >= ITEMS {
            return None;
        }
        all.push(take(&mut bytes)?);
    }
    Some(all)
}

/// A post, to be read by [`take`].
pub fn post(entry: &Entry, is_json: bool) -> Vec<u8> {
    if is_json {
        return (post_line(entry) + "\n").into_bytes();
    }
    let mut body = Vec::with_capacity(64 + entry.fields.len());
    body.extend_from_slice(&entry.id.to_bytes());
    let name = if entry.once.is_some() { HAS_NAME } else { 0 };
    let receipt = if entry.wants_receipt {
        WANTS_RECEIPT
    } else {
        0
    };
    body.extend_from_slice(&[entry.push as u8, name | receipt]);
    body.extend_from_slice(&entry.at_ms.to_be_bytes());
    put_text(&mut body, &entry.user);
    if let Some(once) = &entry.once {
        put_text(&mut body, once);
    }
    body.extend_from_slice(entry.fields.as_bytes());
    whole(b'P', &body)
}

/// A fact, likewise.
pub fn fact(fact: &Fact, is_json: bool) -> Vec<u8> {
    if is_json {
        let line = FactLine {
            fact: Cow::Borrowed(&fact.key),
            is: Cow::Borrowed(&fact.value),
            until: fact.until_ms,
        };
        return (serde_json::to_string(&line).unwrap_or_default() + "\n").into_bytes();
    }
    let mut body = Vec::with_capacity(16 + fact.key.len() + fact.value.len());
    body.extend_from_slice(&fact.until_ms.to_be_bytes());
    put_text(&mut body, &fact.key);
    body.extend_from_slice(fact.value.as_bytes());
    whole(b'F', &body)
}

/// A post as one line of JSON without its end: how a pinned one is kept, too.
pub fn post_line(entry: &Entry) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut line = format!(
        "{{\"i\":\"{}\",\"p\":\"{}\",\"u\":{},\"t\":{}",
        entry.id,
        entry.push.word(),
        quoted(&entry.user),
        entry.at_ms
    );
    if entry.wants_receipt {
        line.push_str(",\"rc\":1");
    }
    if let Some(once) = &entry.once {
        let _ = write!(line, ",\"x\":{}", quoted(once));
    }
    let _ = write!(line, ",\"b\":{{{}}}", entry.fields);
    line
}

/// Reads what [`post_line`] has written.
pub fn read_post_line(line: &str) -> Option<Entry> {
    let read: PostLine<'_> = serde_json::from_str(line).ok()?;
    let push = PushKind::ALL
        .into_iter()
        .find(|kind| kind.word() == read.p)?;
    let entry = Entry {
        id: read.i.parse().ok()?,
        push,
        fields: read.b.get().strip_prefix('{')?.into(),
        user: read.u.as_ref().into(),
        at_ms: read.t,
        wants_receipt: read.rc == 1,
        once: read.x.map(|once| once.as_ref().into()),
    };
    is_sound(&entry).then_some(entry)
}

#[derive(Deserialize)]
struct PostLine<'a> {
    #[serde(borrow)]
    i: Cow<'a, str>,
    #[serde(borrow)]
    p: Cow<'a, str>,
    #[serde(borrow)]
    u: Cow<'a, str>,
    t: i64,
    #[serde(default)]
    rc: u8,
    #[serde(borrow, default)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow)]
    b: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct FactLine<'a> {
    #[serde(borrow)]
    fact: Cow<'a, str>,
    #[serde(borrow)]
    is: Cow<'a, str>,
    #[serde(default)]
    until: i64,
}

fn read_line(line: &str) -> Option<Item> {
    if let Some(entry) = read_post_line(line) {
        return Some(Item::Post(entry));
    }
    let read: FactLine<'_> = serde_json::from_str(line).ok()?;
    let fact = Fact {
        key: read.fact.into(),
        value: read.is.into(),
        until_ms: read.until,
    };
    is_short(&fact).then_some(Item::Fact(fact))
}

fn read_post(body: &[u8]) -> Option<Entry> {
    let (id, rest) = body.split_first_chunk::<16>()?;
    let (&[push, flags], rest) = rest.split_first_chunk::<2>()?;
    let (at_ms, mut rest) = rest.split_first_chunk::<8>()?;
    let user = take_text(&mut rest)?;
    let once = match flags & HAS_NAME {
        0 => None,
        _ => Some(take_text(&mut rest)?.into()),
    };
    let entry = Entry {
        id: Id::from_bytes(*id),
        push: PushKind::from_number(push)?,
        fields: std::str::from_utf8(rest).ok()?.into(),
        user: user.into(),
        at_ms: i64::from_be_bytes(*at_ms),
        wants_receipt: flags & WANTS_RECEIPT != 0,
        once,
    };
    is_sound(&entry).then_some(entry)
}

fn read_fact(body: &[u8]) -> Option<Fact> {
    let (until_ms, mut rest) = body.split_first_chunk::<8>()?;
    let key = take_text(&mut rest)?;
    let fact = Fact {
        key: key.into(),
        value: std::str::from_utf8(rest).ok()?.into(),
        until_ms: i64::from_be_bytes(*until_ms),
    };
    is_short(&fact).then_some(fact)
}

/// What would end the line that members get, or is of no size of ours, is no post.
fn is_sound(entry: &Entry) -> bool {
    let is_named = entry.push != PushKind::Reply;
    let is_line = entry.fields.ends_with('}') && !entry.fields.contains(['\n', '\r']);
    let bytes = entry.fields.len() + entry.user.len();
    let once = entry.once.as_ref().map_or(0, |once| once.len());
    is_named && is_line && bytes <= ENTRY_BYTES && once <= limits::ONCE_KEY_BYTES
}

fn is_short(fact: &Fact) -> bool {
    fact.key.len() <= FACT_KEY_BYTES && fact.value.len() <= FACT_VALUE_BYTES
}

fn whole(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut item = Vec::with_capacity(body.len() + 4);
    item.push(kind);
    put_number(&mut item, body.len() as u64);
    item.extend_from_slice(body);
    item
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take_number(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: Id::first_of(1_790_000_000_123),
            push: PushKind::Message,
            fields: "\"id\":\"x\",\"k\":\"gift\",\"d\":{\"m\":\"你好 \\n\"},\"t\":5}".into(),
            user: "ann \"q\"".into(),
            at_ms: 1_790_000_000_123,
            wants_receipt: true,
            once: Some("order-7".into()),
        }
    }

    #[test]
    fn posts_and_facts_read_back_in_few_bytes_and_as_lines() {
        let fact_of = Fact {
            key: "mute:ann".into(),
            value: "1".into(),
            until_ms: 7,
        };
        for is_json in [false, true] {
            let front = Front::Hi {
                epoch: "9f86d081ab",
                first: 5,
                version: 2,
            };
            let mut message = front.line().into_bytes();
            message.extend(post(&entry(), is_json));
            message.extend(fact(&fact_of, is_json));
            let (read, rest) = split(&message).unwrap();
            assert_eq!(read, front);
            let all = items(rest).unwrap();
            assert_eq!(all, [Item::Post(entry()), Item::Fact(fact_of.clone())]);
        }
    }

    #[test]
    fn what_is_cut_or_would_end_a_line_is_nothing() {
        let whole = post(&entry(), false);
        for end in 1..whole.len() {
            assert_eq!(items(&whole[..end]), None, "{end}");
        }
        let evil = Entry {
            fields: "\"d\":1}\n{\"p\":\"bye\"}".into(),
            ..entry()
        };
        assert_eq!(items(&post(&evil, false)), None);
        for bad in [
            "",
            "h",
            "h e 1\n",
            "l s 5 4\n",
            "h e\"x 1 1\n",
            "x e 1 1\n",
            "h e 1 1 1\n",
            "h e -1 1\n",
            "h e 18446744073709551615 1\n",
        ] {
            assert_eq!(split(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
