//! The messages, as they stand in JSON.

use serde::{Deserialize, Serialize};

/// What a client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ClientMessage {
    /// The first message.
    Hello(Hello),
    /// How it goes at the sender's end.
    Stats(Stats),
    /// The next binary message begins a new container.
    Restart(Restart),
    /// The broadcast is over.
    Bye,
}

/// The client's first message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Protocol version.
    pub v: u32,
    /// `flv`, `fmp4`, `webm` or `ts`.
    pub container: String,
    /// Token of a session whose socket dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Only measure: count what comes, and throw it away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// The client's software.
    #[serde(default, deserialize_with = "or_default")]
    pub agent: String,
}

/// The sender's own view, for curves. What it does not say, or says as null, as JavaScript writes
/// numbers that are none, is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Pictures encoded per second.
    #[serde(deserialize_with = "or_default")]
    pub fps: f64,
    /// Kilobits encoded per second.
    #[serde(deserialize_with = "or_default")]
    pub kbps: f64,
    /// Milliseconds of media waiting to be sent.
    #[serde(deserialize_with = "or_default")]
    pub queue_ms: f64,
    /// Pictures dropped before encoding, since the start.
    #[serde(deserialize_with = "or_default")]
    pub dropped: f64,
    /// The encoder in use.
    #[serde(deserialize_with = "or_default")]
    pub encoder: String,
}

/// A new container within the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// `flv`, `fmp4`, `webm` or `ts`.
    pub container: String,
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerMessage {
    /// Media may come.
    Ready(Ready),
    /// What has arrived.
    Ack(Ack),
    /// The most that is wanted from now on.
    Hint {
        /// Kilobits per second.
        max_kbps: u32,
    },
    /// Go on elsewhere.
    Redirect {
        /// `ws://` or `wss://` URL.
        url: String,
    },
    /// The end, with a code of the table.
    Error {
        /// The code's number.
        code: u16,
        /// The code's name.
        name: String,
        /// Words for people.
        message: String,
    },
    /// A message of a later version, to be ignored.
    #[serde(other)]
    Unknown,
}

/// The answer to hello.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Names this session in logs and the API.
    pub session: String,
    /// Token to resume with.
    pub resume: String,
    /// Whether this is the session of the token given.
    pub resumed: bool,
    /// Bytes of media that had arrived in this session; 0 in a new one.
    pub bytes: u64,
    /// Milliseconds between acknowledgements.
    pub ack_ms: u32,
    /// Milliseconds without media after which the session is over.
    pub resume_ms: u32,
    /// The most this app takes, kilobits per second, where there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_kbps: Option<u32>,
    /// Wished milliseconds between keyframes.
    pub keyframe_ms: u32,
    /// `FourCC`s of the codecs that are carried.
    #[serde(default)]
    pub codecs: Vec<String>,
}

/// What has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Bytes of media in this session, over all its sockets.
    pub bytes: u64,
    /// The sender's own time of the newest frame, milliseconds; −1 before the first.
    pub dts_ms: i64,
    /// The server's wall clock, Unix milliseconds.
    pub at_ms: i64,
}

/// A member that may be null.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// As the text of a message.
pub(super) fn to_json(message: &impl Serialize) -> String {
    // Numbers, strings and booleans always serialise.
    serde_json::to_string(message).unwrap_or_default()
}

impl ClientMessage {
    /// As a text message.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl ServerMessage {
    /// As a text message.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}
