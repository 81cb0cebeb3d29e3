//! The client's side of a session, over as many connections as it takes: what was sent, what has
//! arrived, how long the way is.

use std::collections::VecDeque;

use super::message::{ClientMessage, Hello, Ready, Restart, ServerMessage, Stats};
use super::{MAX_TEXT_BYTES, SlspError, VERSION, json_error};

/// Messages remembered to measure the round trip; beyond this the oldest are forgotten.
const MAX_MARKS: usize = 1024;
/// Weight of the newest sample when the way has become longer; a shorter one counts at once,
/// because an acknowledgement may wait but never comes too early.
const RTT_SMOOTHING: f64 = 0.1;

/// See the module's words. Times are milliseconds of any clock that does not go back.
#[derive(Debug, Default)]
pub struct SlspClientSession {
    ready: Option<Ready>,
    greeted: bool,
    sent_bytes: u64,
    acked_bytes: u64,
    /// Bytes sent in all after a message, and when that was.
    marks: VecDeque<(u64, u64)>,
    rtt_ms: Option<f64>,
    max_kbps: Option<u32>,
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlspClientEvent {
    /// Media may be sent. If `resumed`, from byte `bytes` on or anew after [`SlspClientSession::restart`].
    Ready(Ready),
    /// Something has arrived; see [`SlspClientSession::unacked_bytes`].
    Acked,
    /// Send no more than this, in kilobits per second.
    Hint(u32),
    /// Go on at this URL.
    Redirect(String),
    /// The end.
    Refused {
        /// Why, by its number in the code table.
        code: u16,
        /// The code's name in the table, `snake_case`.
        name: String,
        /// Words for people.
        message: String,
    },
}

impl SlspClientSession {
    /// A session that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first message of a connection, with the token of the session if there is one.
    pub fn hello(&mut self, container: &str, agent: &str) -> String {
        self.greeted = false;
        self.marks.clear();
        let resume = self.ready.as_ref().map(|ready| ready.resume.clone());
        let hello = Hello {
            v: VERSION,
            container: container.into(),
            resume,
            test: false,
            agent: agent.into(),
        };
        ClientMessage::Hello(hello).to_json()
    }

    /// The message before a new container.
    pub fn restart(&self, container: &str) -> String {
        let container = container.into();
        ClientMessage::Restart(Restart { container }).to_json()
    }

    /// The message that says how it goes.
    pub fn stats(&self, stats: Stats) -> String {
        ClientMessage::Stats(stats).to_json()
    }

    /// The last message.
    pub fn bye(&self) -> String {
        ClientMessage::Bye.to_json()
    }

    /// Forgets the session: the next hello begins a new one.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Reads a text message of the server's; `None` for what this version does not know.
    ///
    /// # Errors
    /// When it is no message, or comes at the wrong time.
    pub fn text(&mut self, now_ms: u64, text: &[u8]) -> Result<Option<SlspClientEvent>, SlspError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(SlspError::Order("a control message is over 16 KiB"));
        }
        let message = serde_json::from_slice(text).map_err(|error| json_error(&error))?;
        Ok(match message {
            ServerMessage::Ready(_) if self.greeted => {
                return Err(SlspError::Order("a second ready"));
            }
            ServerMessage::Ready(ready) => Some(self.begin(ready)),
            ServerMessage::Ack(_) if !self.greeted => {
                return Err(SlspError::Order("an acknowledgement before ready"));
            }
            ServerMessage::Ack(ack) => {
                self.acked(now_ms, ack.bytes)?;
                Some(SlspClientEvent::Acked)
            }
            ServerMessage::Hint { max_kbps } => {
                self.max_kbps = Some(max_kbps);
                Some(SlspClientEvent::Hint(max_kbps))
            }
            ServerMessage::Redirect { url } => Some(SlspClientEvent::Redirect(url)),
            ServerMessage::Error {
                code,
                name,
                message,
            } => Some(SlspClientEvent::Refused {
                code,
                name,
                message,
            }),
            ServerMessage::Unknown => None,
        })
    }

    /// Counts media handed to the socket.
    pub fn media(&mut self, now_ms: u64, bytes: usize) {
        self.sent_bytes = self.sent_bytes.saturating_add(bytes as u64);
        if self.marks.len() == MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back((self.sent_bytes, now_ms));
    }

    /// Bytes sent in this session.
    pub const fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// Bytes sent that are not known to have arrived.
    pub const fn unacked_bytes(&self) -> u64 {
        self.sent_bytes.saturating_sub(self.acked_bytes)
    }

    /// The round trip in milliseconds, once known. The wait of acknowledgements is in it: up to
    /// [`super::ACK_MS`] too long, never too short.
    pub const fn rtt_ms(&self) -> Option<f64> {
        self.rtt_ms
    }

    /// The most the server takes, in kilobits per second.
    pub const fn max_kbps(&self) -> Option<u32> {
        self.max_kbps
    }

    /// Milliseconds a dropped socket may be replaced within; `None` before ready.
    pub fn resume_ms(&self) -> Option<u32> {
        self.ready.as_ref().map(|ready| ready.resume_ms)
    }

    fn begin(&mut self, ready: Ready) -> SlspClientEvent {
        self.greeted = true;
        (self.sent_bytes, self.acked_bytes) = (ready.bytes, ready.bytes);
        self.max_kbps = ready.max_kbps;
        self.ready = Some(ready.clone());
        SlspClientEvent::Ready(ready)
    }

    fn acked(&mut self, now_ms: u64, bytes: u64) -> Result<(), SlspError> {
        if bytes > self.sent_bytes {
            return Err(SlspError::Order(
                "an acknowledgement of what was never sent",
            ));
        }
        self.acked_bytes = self.acked_bytes.max(bytes);
        let mut newest = None;
        while let Some(&(sent_bytes, at_ms)) = self.marks.front() {
            if sent_bytes > bytes {
                break;
            }
            newest = Some(at_ms);
            self.marks.pop_front();
        }
        if let Some(at_ms) = newest {
            let sample_ms = now_ms.saturating_sub(at_ms) as f64;
            self.rtt_ms = Some(match self.rtt_ms {
                Some(rtt_ms) if sample_ms > rtt_ms => rtt_ms + (sample_ms - rtt_ms) * RTT_SMOOTHING,
                _ => sample_ms,
            });
        }
        Ok(())
    }
}
