//! What clients say: one JSON object a line. The payload of a post is looked at no further than where it ends.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::deny::{Denied, Deny};
use crate::limits;

/// A command, and under which number its reply goes; without one it gets none.
#[derive(Debug)]
pub struct Command<'a> {
    /// The client's number.
    pub i: Option<u64>,
    /// What is asked.
    pub ask: Ask<'a>,
}

/// How far a client has come in a group's hi lane.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Position {
    /// The offset of the latest post that it has.
    pub o: u64,
    /// The epoch that this offset is of.
    pub e: String,
}

/// What is asked.
#[derive(Debug)]
pub enum Ask<'a> {
    /// The greeting: who it is, and which groups it wants.
    Greet {
        /// A token; none from a guest, or where a cookie has said it.
        token: Option<Cow<'a, str>>,
        /// The groups, and how far it has come in them.
        groups: BTreeMap<Cow<'a, str>, Option<Position>>,
    },
    /// Post something.
    Publish {
        /// Where.
        group: Cow<'a, str>,
        /// What it is.
        kind: Cow<'a, str>,
        /// The payload as it came.
        body: &'a str,
        /// Names the post: the same name again is the same post.
        once: Option<Cow<'a, str>>,
    },
    /// Give a room hearts.
    Like {
        /// Which.
        group: Cow<'a, str>,
        /// How many.
        count: u32,
    },
    /// Come into a group.
    Join {
        /// Which.
        group: Cow<'a, str>,
        /// How far it has come.
        at: Option<Position>,
    },
    /// Go out of a group.
    Leave {
        /// Which.
        group: Cow<'a, str>,
    },
    /// Read what was posted.
    History {
        /// Where.
        group: Cow<'a, str>,
        /// Behind this offset of the hi lane; without it the latest of both lanes.
        since: Option<u64>,
        /// How many at most.
        limit: Option<usize>,
        /// The newest first.
        is_reversed: bool,
    },
    /// Who is there.
    Who {
        /// Where.
        group: Cow<'a, str>,
        /// How many at most.
        limit: Option<usize>,
    },
    /// Ask the business behind the gateway.
    Rpc {
        /// In which group, where that matters.
        group: Option<Cow<'a, str>>,
        /// For what.
        method: Cow<'a, str>,
        /// The rest.
        body: &'a str,
    },
    /// Go on with a new token.
    Refresh {
        /// It.
        token: Cow<'a, str>,
    },
    /// All posts of a group that wanted a receipt were received up to here.
    Acknowledge {
        /// Where.
        group: Cow<'a, str>,
        /// Up to this offset.
        offset: u64,
    },
}

/// Why a line is no command.
#[derive(Debug)]
pub enum Misread {
    /// It is not even an object with a number: whoever sends such a thing speaks another language.
    Garbage,
    /// It is a command, and makes no sense.
    Denied(Option<u64>, Denied),
}

#[derive(Deserialize)]
struct Line<'a> {
    i: Option<u64>,
    #[serde(borrow)]
    c: Cow<'a, str>,
    #[serde(borrow, default)]
    tk: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    g: Option<&'a RawValue>,
    #[serde(borrow, default)]
    k: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    m: Option<Cow<'a, str>>,
    #[serde(default)]
    o: Option<u64>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    since: Option<u64>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    rev: Option<bool>,
    #[serde(default)]
    n: Option<u32>,
}

/// What can be said of a line that is not understood.
#[derive(Deserialize)]
struct Numbered {
    i: Option<u64>,
}

impl<'a> Command<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// Why it is no command.
    pub fn read(line: &'a str) -> Result<Self, Misread> {
        // A list would be read as the fields in their order.
        if !line.trim_ascii_start().starts_with('{') {
            return Err(Misread::Garbage);
        }
        let read: Line<'a> = match serde_json::from_str(line) {
            Ok(read) => read,
            Err(error) => {
                let numbered: Result<Numbered, _> = serde_json::from_str(line);
                let i = numbered.map_err(|_| Misread::Garbage)?.i;
                let words = format!("the command cannot be read: {error}");
                return Err(Misread::Denied(i, Denied::because(Deny::BadRequest, words)));
            }
        };
        let i = read.i;
        let ask = read.ask().map_err(|denied| Misread::Denied(i, denied))?;
        Ok(Self { i, ask })
    }
}

impl<'a> Line<'a> {
    fn ask(self) -> Result<Ask<'a>, Denied> {
        let c = self.c.clone();
        Ok(match c.as_ref() {
            "hi" => {
                bounded("tk", self.tk.as_deref(), limits::TOKEN_BYTES)?;
                Ask::Greet {
                    groups: self.groups()?,
                    token: self.tk,
                }
            }
            "pub" => {
                let kind = self.k.clone().unwrap_or(Cow::Borrowed("chat"));
                check_kind(&kind)?;
                bounded("x", self.x.as_deref(), limits::ONCE_KEY_BYTES)?;
                Ask::Publish {
                    group: self.group()?,
                    kind,
                    body: self.d.ok_or_else(|| missing("d"))?.get(),
                    once: self.x,
                }
            }
            "like" => Ask::Like {
                group: self.group()?,
                count: self.n.unwrap_or(1),
            },
            "join" => Ask::Join {
                group: self.group()?,
                at: self.o.zip(self.e.clone()).map(|(o, e)| Position { o, e }),
            },
            "leave" => Ask::Leave {
                group: self.group()?,
            },
            "hist" => Ask::History {
                group: self.group()?,
                since: self.since,
                limit: self.limit,
                is_reversed: self.rev.unwrap_or(false),
            },
            "who" => Ask::Who {
                group: self.group()?,
                limit: self.limit,
            },
            "rpc" => Ask::Rpc {
                group: self.g.map(|_| self.group()).transpose()?,
                method: self.m.ok_or_else(|| missing("m"))?,
                body: self.d.map_or("null", RawValue::get),
            },
            "refresh" => {
                bounded("tk", self.tk.as_deref(), limits::TOKEN_BYTES)?;
                Ask::Refresh {
                    token: self.tk.ok_or_else(|| missing("tk"))?,
                }
            }
            "ack" => Ask::Acknowledge {
                group: self.group()?,
                offset: self.o.ok_or_else(|| missing("o"))?,
            },
            _ => return Err(Deny::UnknownCommand.into()),
        })
    }

    fn group(&self) -> Result<Cow<'a, str>, Denied> {
        /// One text, borrowed where it can be.
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
        let raw = self.g.ok_or_else(|| missing("g"))?;
        let name: Name<'a> = serde_json::from_str(raw.get())
            .map_err(|_| Denied::because(Deny::BadRequest, "g is to be a group's name"))?;
        Ok(name.0)
    }

    fn groups(&self) -> Result<BTreeMap<Cow<'a, str>, Option<Position>>, Denied> {
        let Some(raw) = self.g else {
            return Ok(BTreeMap::new());
        };
        let groups: BTreeMap<Cow<'a, str>, Option<Position>> = serde_json::from_str(raw.get())
            .map_err(|_| {
                let words = "g is to be an object of groups, each with {\"o\":…,\"e\":…} or null";
                Denied::because(Deny::BadRequest, words)
            })?;
        if groups.len() > limits::GROUPS_PER_MEMBER {
            return Err(Deny::Limit.into());
        }
        Ok(groups)
    }
}

/// Whether this may say what a post is.
///
/// # Errors
/// 107.
pub fn check_kind(kind: &str) -> Result<(), Denied> {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
    if kind.is_empty() || kind.len() > limits::KIND_BYTES || !kind.bytes().all(is_plain) {
        let words = "k is to be a word of small letters, digits, dots and dashes";
        return Err(Denied::because(Deny::BadRequest, words));
    }
    Ok(())
}

fn missing(field: &str) -> Denied {
    Denied::because(Deny::BadRequest, format!("{field} is missing"))
}

fn bounded(field: &str, value: Option<&str>, most: usize) -> Result<(), Denied> {
    match value {
        Some(value) if value.len() > most => Err(Denied::because(
            Deny::BadRequest,
            format!("{field} is longer than {most} bytes"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(line: &str) -> (Option<u64>, Deny) {
        match Command::read(line).unwrap_err() {
            Misread::Denied(i, denied) => (i, denied.why),
            Misread::Garbage => panic!("{line} is garbage"),
        }
    }

    #[test]
    fn a_greeting_names_groups_with_and_without_a_place() {
        let line = r#"{"i":1,"c":"hi","tk":"abc","v":"web/3.2","g":{"r:1":{"o":1532,"e":"kq3f"},"r:2":null}}"#;
        let command = Command::read(line).unwrap();
        let Ask::Greet { token, groups } = command.ask else {
            panic!()
        };
        assert_eq!((command.i, token.as_deref()), (Some(1), Some("abc")));
        let place = Position {
            o: 1532,
            e: "kq3f".into(),
        };
        assert_eq!(groups["r:1"], Some(place));
        assert_eq!(groups["r:2"], None);
    }

    #[test]
    fn a_payload_is_kept_as_it_came() {
        let line = r#"{"c":"pub","g":"r:1","d":{"m":"h\u00e9 \"x\"", "z":[1, {}]},"x":"k"}"#;
        let command = Command::read(line).unwrap();
        let Ask::Publish {
            body, kind, once, ..
        } = command.ask
        else {
            panic!()
        };
        assert_eq!(body, r#"{"m":"h\u00e9 \"x\"", "z":[1, {}]}"#);
        assert_eq!((kind.as_ref(), once.as_deref()), ("chat", Some("k")));
        assert_eq!(command.i, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_under_its_own_number() {
        assert_eq!(
            why(r#"{"i":7,"c":"dance"}"#),
            (Some(7), Deny::UnknownCommand)
        );
        assert_eq!(
            why(r#"{"i":8,"c":"pub","g":"r:1"}"#),
            (Some(8), Deny::BadRequest)
        );
        assert_eq!(
            why(r#"{"i":9,"c":"pub","d":1}"#),
            (Some(9), Deny::BadRequest)
        );
        assert_eq!(
            why(r#"{"i":9,"c":"join","g":{}}"#),
            (Some(9), Deny::BadRequest)
        );
        assert_eq!(why(r#"{"i":9,"c":1}"#), (Some(9), Deny::BadRequest));
        assert_eq!(why(r#"{"i":9}"#), (Some(9), Deny::BadRequest));
        let kind = r#"{"i":3,"c":"pub","g":"r:1","k":"A b","d":1}"#;
        assert_eq!(why(kind), (Some(3), Deny::BadRequest));
    }

    #[test]
    fn another_language_is_garbage() {
        for line in [
            "GET /",
            "[1]",
            "\"hi\"",
            "{\"i\":-1}",
            "{",
            "{\"i\":1}{\"i\":2}",
        ] {
            assert!(
                matches!(Command::read(line), Err(Misread::Garbage)),
                "{line}"
            );
        }
    }
}
