//! What the server says: replies, posts, and what has changed in a group, appended to a message that may hold many.

use super::Encoding;
use super::record;

/// What a push is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushKind {
    /// A post.
    Message = 0,
    /// The answer to a command.
    Reply = 1,
    /// Posts of the lo lane were left out.
    Skip = 2,
    /// What a room takes has changed.
    State = 3,
    /// A post was taken away.
    Delete = 4,
    /// All posts of a user were taken away.
    Clear = 5,
    /// A post is to stay in sight.
    Pin = 6,
    /// How many are there.
    Online = 7,
    /// The connection ends soon.
    Bye = 8,
    /// The numbering of a group's hi lane goes on elsewhere: what was missed is not there any more.
    Renumber = 9,
    /// How many hearts a room was given.
    Like = 10,
    /// Somebody came in.
    Enter = 11,
}

impl PushKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Message,
        Self::Reply,
        Self::Skip,
        Self::State,
        Self::Delete,
        Self::Clear,
        Self::Pin,
        Self::Online,
        Self::Bye,
        Self::Renumber,
        Self::Like,
        Self::Enter,
    ];

    /// The word in `p`; a reply has none.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Message => "m",
            Self::Reply => "",
            Self::Skip => "skip",
            Self::State => "st",
            Self::Delete => "del",
            Self::Clear => "clr",
            Self::Pin => "pin",
            Self::Online => "on",
            Self::Bye => "bye",
            Self::Renumber => "ep",
            Self::Like => "like",
            Self::Enter => "in",
        }
    }

    /// Whether whoever misses one is told so, and it is remembered: who came in matters at its moment alone.
    pub const fn is_counted(self) -> bool {
        !matches!(self, Self::Enter)
    }

    /// The kind with this number in a record.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One thing to say. `fields` are the fields of its object that are its own, with the closing brace: at least one.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    /// What it is about.
    pub kind: PushKind,
    /// Of which group: its name, in which nothing has to be escaped, and its handle.
    pub group: Option<(&'a str, u32)>,
    /// Its place in the hi lane.
    pub offset: Option<u64>,
    /// The rest of it.
    pub fields: &'a str,
}

impl Push<'_> {
    /// Appends it to a message. `last_offset` is that of the post of this group that came before it in the message,
    /// and becomes its own.
    pub fn put(&self, encoding: Encoding, out: &mut Vec<u8>, last_offset: &mut u64) {
        match encoding {
            Encoding::Json => {
                if !out.is_empty() {
                    out.push(b'\n');
                }
                self.put_object(out);
            }
            Encoding::Events => self.put_event(out),
            Encoding::Binary => {
                let handle = self.group.map_or(0, |(_, handle)| handle);
                let step = self.offset.map(|offset| offset.wrapping_sub(*last_offset));
                record::put(out, self.kind, handle, step, self.fields);
            }
        }
        if let Some(offset) = self.offset {
            *last_offset = offset;
        }
    }

    /// An event ends with its line, and a payload may have line breaks between its tokens: JSON has none elsewhere.
    fn put_event(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        let began = out.len();
        self.put_object(out);
        for byte in out.iter_mut().skip(began) {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        out.extend_from_slice(b"\n\n");
    }

    fn put_object(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        out.push(b'{');
        // Writing to a vector cannot fail.
        if self.kind != PushKind::Reply {
            let _ = write!(out, "\"p\":\"{}\",", self.kind.word());
        }
        if let Some((name, _)) = self.group {
            let _ = write!(out, "\"g\":\"{name}\",");
        }
        if let Some(offset) = self.offset {
            let _ = write!(out, "\"l\":1,\"o\":{offset},");
        }
        out.extend_from_slice(self.fields.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_a_place_stands_in_the_hi_lane_alone() {
        let (mut out, mut last) = (Vec::new(), 0);
        let post = Push {
            kind: PushKind::Message,
            group: Some(("r:1", 4)),
            offset: Some(9),
            fields: "\"k\":\"gift\"}",
        };
        post.put(Encoding::Json, &mut out, &mut last);
        let reply = Push {
            kind: PushKind::Reply,
            group: None,
            offset: None,
            fields: "\"i\":1,\"ok\":{}}",
        };
        reply.put(Encoding::Json, &mut out, &mut last);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split('\n').collect();
        assert_eq!(
            lines,
            [
                r#"{"p":"m","g":"r:1","l":1,"o":9,"k":"gift"}"#,
                r#"{"i":1,"ok":{}}"#
            ]
        );
        assert_eq!(last, 9);
    }

    #[test]
    fn an_event_is_one_line_whatever_stands_between_the_tokens_of_a_payload() {
        let (mut out, mut last) = (Vec::new(), 0);
        for fields in ["\"d\":{\"m\":\r\n\"a\\r\"}}", "\"d\":1}"] {
            let post = Push {
                kind: PushKind::Message,
                group: Some(("r:1", 4)),
                offset: None,
                fields,
            };
            post.put(Encoding::Events, &mut out, &mut last);
        }
        let text = String::from_utf8(out).unwrap();
        let first = "data: {\"p\":\"m\",\"g\":\"r:1\",\"d\":{\"m\":  \"a\\r\"}}\n\n";
        let second = "data: {\"p\":\"m\",\"g\":\"r:1\",\"d\":1}\n\n";
        assert_eq!(text, format!("{first}{second}"));
    }
}
