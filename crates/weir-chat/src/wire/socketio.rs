//! Socket.IO 4 over Engine.IO 4, from clients: what each packet means, and events as the commands that lines have.
//!
//! Packets are text; binary attachments are not taken. Several packets in one body of a poll are parted by
//! [`SEPARATOR`], which no JSON can hold unescaped.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::bye::Bye;
use crate::deny::{Denied, Deny};
use crate::limits;

/// Between packets in one body.
pub const SEPARATOR: char = '\u{1e}';
/// The largest number of an event that wants an acknowledgement: the clients count from 0.
const MAX_NUMBER: u64 = u32::MAX as u64;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The answer to a sign of life.
    Pong,
    /// Whether a WebSocket beside the polls gets through.
    Probe,
    /// From here on the WebSocket is the connection.
    Upgrade,
    /// Nothing: it keeps an answer from being empty.
    Nothing,
    /// The connection ends.
    Close,
    /// It wants to come into a namespace.
    Connect {
        /// `/` or a name behind a slash.
        namespace: &'a str,
        /// `auth` of the client: an object of JSON, `{}` where it gave none.
        auth: &'a str,
    },
    /// It leaves a namespace.
    Disconnect {
        /// Which.
        namespace: &'a str,
    },
    /// What is to be done, as one of the commands that lines have.
    Event {
        /// Where.
        namespace: &'a str,
        /// Under which number it wants to be acknowledged.
        i: Option<u64>,
        /// The command that it is, as a line.
        line: Result<String, Denied>,
    },
}

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// 3501 for what is none, or is binary.
    pub fn read(text: &'a str) -> Result<Self, Bye> {
        match text {
            "1" => Ok(Self::Close),
            "2probe" => Ok(Self::Probe),
            "3" => Ok(Self::Pong),
            "5" => Ok(Self::Upgrade),
            "6" => Ok(Self::Nothing),
            _ => Self::read_message(text.strip_prefix('4').ok_or(Bye::BadRequest)?),
        }
    }

    fn read_message(text: &'a str) -> Result<Self, Bye> {
        let kind = text.chars().next().ok_or(Bye::BadRequest)?;
        let rest = text.get(kind.len_utf8()..).unwrap_or_default();
        let (namespace, rest) = match rest.starts_with('/') {
            // Only a namespace without anything behind it has no comma.
            true => rest.split_once(',').unwrap_or((rest, "")),
            false => ("/", rest),
        };
        match kind {
            '0' => {
                let auth = if rest.is_empty() { "{}" } else { rest };
                let is_json = serde_json::from_str::<&RawValue>(auth).is_ok();
                let is_object = is_json && auth.starts_with('{');
                let connect = Self::Connect { namespace, auth };
                is_object.then_some(connect).ok_or(Bye::BadRequest)
            }
            '1' if rest.is_empty() => Ok(Self::Disconnect { namespace }),
            '2' => {
                let (i, list) = number(rest)?;
                let list: Vec<&RawValue> =
                    serde_json::from_str(list).map_err(|_| Bye::BadRequest)?;
                let line = line_of(&list, i);
                Ok(Self::Event { namespace, i, line })
            }
            _ => Err(Bye::BadRequest),
        }
    }
}

/// The packets in the body of a poll.
///
/// # Errors
/// 3501 where they are more than one message may have.
pub fn packets(body: &str) -> Result<Vec<&str>, Bye> {
    let packets: Vec<_> = body
        .split(SEPARATOR)
        .take(limits::COMMANDS_PER_MESSAGE + 1)
        .collect();
    match packets.len() {
        0..=limits::COMMANDS_PER_MESSAGE => Ok(packets),
        _ => Err(Bye::BadRequest),
    }
}

/// The number in front of a list, where there is one.
fn number(text: &str) -> Result<(Option<u64>, &str), Bye> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, list) = text.split_at_checked(digits).ok_or(Bye::BadRequest)?;
    if number.is_empty() {
        return Ok((None, list));
    }
    let number = number.parse().ok().filter(|number| *number <= MAX_NUMBER);
    number
        .map(|number| (Some(number), list))
        .ok_or(Bye::BadRequest)
}

/// An event as a command: `["join", {"g": …}]`, `["join", group]`, `["publish", group, payload]`.
fn line_of(list: &[&RawValue], i: Option<u64>) -> Result<String, Denied> {
    let (name, given) = list.split_first().ok_or(Deny::BadRequest)?;
    let name: String = serde_json::from_str(name.get()).map_err(|_| Deny::UnknownCommand)?;
    let command = match name.as_str() {
        "publish" | "message" => "pub",
        "history" => "hist",
        "join" | "leave" | "who" | "ack" | "rpc" | "refresh" => &name,
        _ => return Err(Deny::UnknownCommand.into()),
    };
    let mut line = format!("{{\"c\":\"{command}\"");
    if let Some(i) = i {
        let _ = write!(line, ",\"i\":{i}");
    }
    let given: Vec<&str> = given.iter().map(|value| value.get()).collect();
    let fields = match given.as_slice() {
        [] => None,
        [fields] if fields.starts_with('{') => Some(*fields),
        [group, more @ ..] if group.starts_with('"') && more.len() < 2 => {
            let _ = write!(line, ",\"g\":{group}");
            match more.first() {
                Some(payload) if command == "pub" => {
                    let _ = write!(line, ",\"d\":{payload}");
                    None
                }
                Some(fields) if !fields.starts_with('{') => return Err(no_fields()),
                more => more.copied(),
            }
        }
        _ => return Err(no_fields()),
    };
    // A field that stands twice is refused by whoever reads the line.
    let fields = fields.and_then(|fields| fields.strip_prefix('{')?.strip_suffix('}'));
    if let Some(fields) = fields.map(str::trim).filter(|fields| !fields.is_empty()) {
        let _ = write!(line, ",{fields}");
    }
    line.push('}');
    Ok(line)
}

fn no_fields() -> Denied {
    let words = "an event has an object of fields, or a group and what goes with it";
    Denied::because(Deny::BadRequest, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ask, Command, Misread};
    use proptest::prelude::*;

    fn line(text: &str) -> String {
        match Packet::read(text) {
            Ok(Packet::Event { line: Ok(line), .. }) => line,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn why(text: &str) -> Deny {
        match Packet::read(text) {
            Ok(Packet::Event { line: Err(why), .. }) => why.why,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn packets_of_the_transport_and_of_namespaces_are_told_apart() {
        assert_eq!(Packet::read("2probe"), Ok(Packet::Probe));
        assert_eq!(Packet::read("3"), Ok(Packet::Pong));
        assert_eq!(Packet::read("5"), Ok(Packet::Upgrade));
        let connect = |namespace, auth| Ok(Packet::Connect { namespace, auth });
        assert_eq!(Packet::read("40"), connect("/", "{}"));
        assert_eq!(Packet::read("40/chat,"), connect("/chat", "{}"));
        let auth = r#"{"token":"a,b"}"#;
        let text = format!("40/chat,{auth}");
        assert_eq!(Packet::read(&text), connect("/chat", auth));
        let namespace = "/chat";
        let left = Ok(Packet::Disconnect { namespace });
        assert_eq!(Packet::read("41/chat,"), left);
    }

    #[test]
    fn an_event_is_the_command_that_a_line_would_be() {
        let said = r#"42/chat,7["publish","r:live/demo",{"m":"a, b"}]"#;
        let command = r#"{"c":"pub","i":7,"g":"r:live/demo","d":{"m":"a, b"}}"#;
        assert_eq!(line(said), command);
        let read = Command::read(command).unwrap();
        assert!(matches!(read.ask, Ask::Publish { .. }) && read.i == Some(7));
        let said = r#"42["join", {"g":"r:1","o":3,"e":"x"} ]"#;
        assert_eq!(line(said), r#"{"c":"join","g":"r:1","o":3,"e":"x"}"#);
        assert_eq!(
            line(r#"420["history","r:1",{"since":4}]"#),
            r#"{"c":"hist","i":0,"g":"r:1","since":4}"#
        );
    }

    #[test]
    fn nobody_smuggles_another_command_or_number_in_by_a_field() {
        let said = line(r#"421["who",{"g":"r:1","c":"pub","d":1}]"#);
        let refused = Command::read(&said).unwrap_err();
        assert!(matches!(refused, Misread::Garbage | Misread::Denied(..)));
        let said = line(r#"421["who",{"g":"r:1","i":2}]"#);
        assert!(Command::read(&said).is_err(), "{said}");
    }

    #[test]
    fn what_is_no_event_is_refused_and_what_is_no_packet_ends_the_connection() {
        assert_eq!(why(r#"42["dance"]"#), Deny::UnknownCommand);
        assert_eq!(why(r#"42[1]"#), Deny::UnknownCommand);
        assert_eq!(why("42[]"), Deny::BadRequest);
        assert_eq!(why(r#"42["join",1]"#), Deny::BadRequest);
        assert_eq!(why(r#"42["join","r:1",2]"#), Deny::BadRequest);
        assert_eq!(why(r#"42["publish","r:1",1,2]"#), Deny::BadRequest);
        for text in [
            "",
            "4",
            "0",
            "7",
            "2",
            "42",
            "42{}",
            "40[]",
            "40{",
            "451-[\"a\",{}]",
            "4299999999999[\"who\"]",
            "bAAEC",
        ] {
            assert_eq!(Packet::read(text), Err(Bye::BadRequest), "{text}");
        }
        let many = "3\u{1e}".repeat(limits::COMMANDS_PER_MESSAGE);
        assert_eq!(packets(&many), Err(Bye::BadRequest));
        assert_eq!(packets("3\u{1e}41"), Ok(vec!["3", "41"]));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[0-9/,\\[\\]{}\"a-z\u{1e}é]{0,40}") {
            let _ = Packet::read(&text);
            let _ = packets(&text);
        }
    }
}
