//! What is measured side by side: how each server is entered, posted to, and heard.

use serde_json::{Value, json};

/// Names of what a member of Centrifugo says first: far from those of its posts.
const GREETING_IDS: usize = 1_000_000;

/// A server of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// This gateway, in lines of JSON.
    #[default]
    Weir,
    /// A server that sends each message on to all of its room (`bench/peers`), and says nothing else.
    Plain,
    /// Socket.IO 4 by WebSocket: the event `m` to a room.
    SocketIo,
    /// Centrifugo in JSON: a channel is a room.
    Centrifugo,
    /// nchan: a channel with as many publishers as subscribers.
    Nchan,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "weir" => Ok(Self::Weir),
            "plain" => Ok(Self::Plain),
            "socketio" => Ok(Self::SocketIo),
            "centrifugo" => Ok(Self::Centrifugo),
            "nchan" => Ok(Self::Nchan),
            _ => Err("one of weir, plain, socketio, centrifugo, nchan".into()),
        }
    }
}

/// What an answer to who posts, or enters, means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The member is in.
    Greeted,
    /// The post was taken.
    Taken,
    /// It was taken, and only who posted it gets it.
    Shed,
    /// It was not.
    Refused,
}

impl Dialect {
    /// The protocol that the handshake offers.
    pub(super) const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Weir => Some("weir.json.1"),
            Self::Plain | Self::SocketIo | Self::Centrifugo | Self::Nchan => None,
        }
    }

    /// Where rooms are.
    pub(super) fn target(self, path: &str, rooms: &[usize]) -> String {
        let names: Vec<_> = rooms.iter().map(|room| room_name(*room)).collect();
        match self {
            Self::Weir | Self::Centrifugo => path.to_owned(),
            Self::SocketIo => {
                let rooms = names.join(",");
                format!("{path}?EIO=4&transport=websocket&rooms={rooms}")
            }
            Self::Plain | Self::Nchan => format!("{path}/{}", names.join("")),
        }
    }

    /// Whether one connection is in many rooms.
    pub(super) const fn has_rooms(self) -> bool {
        matches!(self, Self::Weir | Self::SocketIo | Self::Centrifugo)
    }

    /// What a member says first.
    pub(super) fn greeting(self, rooms: &[usize]) -> Vec<String> {
        match self {
            Self::Weir => {
                let groups = rooms
                    .iter()
                    .map(|room| (format!("r:{}", room_name(*room)), Value::Null));
                let groups: serde_json::Map<_, _> = groups.collect();
                vec![json!({ "i": 1, "c": "hi", "g": groups }).to_string()]
            }
            Self::SocketIo => vec!["40".into()],
            Self::Centrifugo => {
                let joins = rooms.iter().enumerate().rev().map(|(number, room)| {
                    // The last of them is the one whose answer says that all are joined.
                    let id = if number == 0 {
                        1
                    } else {
                        number + GREETING_IDS
                    };
                    json!({ "id": id, "subscribe": { "channel": room_name(*room) } })
                });
                let connect = json!({ "id": GREETING_IDS, "connect": {} });
                let all = std::iter::once(connect).chain(joins);
                all.map(|line| line.to_string()).collect()
            }
            Self::Plain | Self::Nchan => Vec::new(),
        }
    }

    /// A post, which is answered under `i` where the dialect answers.
    pub(super) fn post(self, i: u64, room: usize, text: &str) -> String {
        let room = room_name(room);
        match self {
            Self::Weir => {
                json!({ "i": i, "c": "pub", "g": format!("r:{room}"), "d": { "m": text } })
                    .to_string()
            }
            Self::SocketIo => format!("42{i}{}", json!(["m", room, text])),
            Self::Centrifugo => {
                json!({ "id": i, "publish": { "channel": room, "data": { "m": text } } })
                    .to_string()
            }
            Self::Plain | Self::Nchan => text.to_owned(),
        }
    }

    /// Whether posts are answered; else all that were sent count as taken.
    pub(super) const fn answers(self) -> bool {
        matches!(self, Self::Weir | Self::SocketIo | Self::Centrifugo)
    }

    /// What one line of a message answers: to which command, and what.
    pub(super) fn answer(self, line: &[u8]) -> Option<(u64, Answer)> {
        match self {
            Self::Weir => {
                // Most lines answer nothing, and are not looked at further.
                line.strip_prefix(b"{\"i\":")?;
                let line: Value = serde_json::from_slice(line).ok()?;
                let i = line["i"].as_u64()?;
                let answer = match (i, line.get("ok")) {
                    (1, Some(_)) => Answer::Greeted,
                    (_, Some(ok)) if ok["shed"] == true => Answer::Shed,
                    (_, Some(_)) => Answer::Taken,
                    (_, None) => Answer::Refused,
                };
                Some((i, answer))
            }
            Self::SocketIo => {
                if line.starts_with(b"40{") {
                    return Some((1, Answer::Greeted));
                }
                let number = line.strip_prefix(b"43")?;
                let end = number.iter().position(|byte| !byte.is_ascii_digit())?;
                let i = std::str::from_utf8(number.get(..end)?).ok()?.parse().ok()?;
                Some((i, Answer::Taken))
            }
            Self::Centrifugo => {
                line.strip_prefix(b"{\"id\":")?;
                let line: Value = serde_json::from_slice(line).ok()?;
                let i = line["id"].as_u64()?;
                let answer = match i {
                    1 => Answer::Greeted,
                    _ if line.get("error").is_some() => Answer::Refused,
                    _ => Answer::Taken,
                };
                Some((i, answer))
            }
            Self::Plain | Self::Nchan => None,
        }
    }

    /// What is said back to a sign of life.
    pub(super) fn pong(self, message: &[u8]) -> Option<&'static [u8]> {
        match (self, message) {
            (Self::Weir, b"") => Some(b""),
            (Self::SocketIo, b"2") => Some(b"3"),
            (Self::Centrifugo, b"{}") => Some(b"{}"),
            _ => None,
        }
    }

    /// Posts that a message says were left out.
    pub(super) fn skipped(self, message: &[u8]) -> u64 {
        const SKIP: &[u8] = b"{\"p\":\"skip\"";
        if self != Self::Weir {
            return 0;
        }
        let places = memchr::memmem::find_iter(message, SKIP);
        let lines = places.filter_map(|at| message.get(at..)?.split(|byte| *byte == b'\n').next());
        let lines = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        lines.filter_map(|line| line["n"].as_u64()).sum()
    }
}

fn room_name(room: usize) -> String {
    format!("bench-{room}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_skips_are_known_in_each_dialect() {
        let weir = Dialect::Weir;
        assert_eq!(
            weir.answer(br#"{"i":1,"ok":{}}"#),
            Some((1, Answer::Greeted))
        );
        assert_eq!(weir.answer(br#"{"i":7,"ok":{}}"#), Some((7, Answer::Taken)));
        assert_eq!(
            weir.answer(br#"{"i":7,"er":{}}"#),
            Some((7, Answer::Refused))
        );
        let shed = br#"{"i":7,"ok":{"id":"x","shed":true}}"#;
        assert_eq!(weir.answer(shed), Some((7, Answer::Shed)));
        assert_eq!(weir.answer(br#"{"p":"m"}"#), None);
        let skips = b"{\"p\":\"m\",\"d\":{\"m\":\"x\"}}\n{\"p\":\"skip\",\"g\":\"r:x\",\"n\":3}\n{\"p\":\"skip\",\"n\":4}";
        assert_eq!(weir.skipped(skips), 7);
        let socketio = Dialect::SocketIo;
        assert_eq!(
            socketio.answer(b"40{\"sid\":\"x\"}"),
            Some((1, Answer::Greeted))
        );
        assert_eq!(socketio.answer(b"4312[1]"), Some((12, Answer::Taken)));
        assert_eq!(socketio.answer(b"42[\"m\",\"x\"]"), None);
        assert_eq!(socketio.pong(b"2"), Some(&b"3"[..]));
    }
}
